"""Areas: rectangles of a picture that are painted in turns, in four colours of which none touches itself.

An area's pixels reach the features of its *region*, the area and ``HALO`` pixels around it, which are
computed from another ``HALO`` pixels around these. Between two areas of one colour lies a whole other one. So
whatever areas of a colour do at once, no region of one overlaps another's, and none reads pixels that another
changes.
"""

from dataclasses import dataclass

from glstylenet.network import DEEPEST_LAYER, layer_size
from glstylenet.numerics import Rect
from glstylenet.pyramid import CELL, HALO, Tile, cut_into_tiles

__all__ = ["COLOURS", "SMALLEST_AREA", "Area", "cut_into_areas"]

COLOURS = 4
"""Colours of the areas: those of one are painted at once."""

SMALLEST_AREA = 128
"""Longest side, in pixels, that areas may at least have: all but the first and last of a row then have
2 ``HALO`` or more."""


@dataclass(frozen=True)
class Area:
    """`Area` is one area of a picture: its ``number`` from 0, row by row, its ``colour`` and its ``tile``."""

    number: int
    colour: int
    tile: Tile

    @property
    def free(self) -> Rect:
        """The pixels that are painted."""
        return self.tile.positions(1)

    @property
    def region(self) -> Tile:
        """The tile of all positions whose features depend on the free pixels."""
        cells, reach = self.tile.cells, HALO // CELL
        rows, columns = layer_size(self.tile.size, DEEPEST_LAYER)
        return Tile(
            self.tile.size,
            Rect(
                max(0, cells.top - reach),
                max(0, cells.left - reach),
                min(rows, cells.bottom + reach),
                min(columns, cells.right + reach),
            ),
        )


def cut_into_areas(size: tuple[int, int], side: int | None) -> list[Area]:
    """Cut a picture of ``size`` (height, width) into areas of at most about ``side`` pixels a side.

    They are the tiles of :func:`~glstylenet.pyramid.cut_into_tiles`; ``None`` makes the picture one area.

    >>> [area.colour for area in cut_into_areas((256, 384), 128)]
    [0, 1, 0, 2, 3, 2]
    """
    tiles = cut_into_tiles(size, side)
    rows = {top: number for number, top in enumerate(sorted({tile.cells.top for tile in tiles}))}
    columns = {left: number for number, left in enumerate(sorted({tile.cells.left for tile in tiles}))}
    return [
        Area(number, 2 * (rows[tile.cells.top] % 2) + columns[tile.cells.left] % 2, tile)
        for number, tile in enumerate(tiles)
    ]
