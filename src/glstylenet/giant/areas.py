"""Areas: rectangles of a picture that are painted in turns, in four colours of which none touches itself.

The *cores* of the areas are the picture, each pixel once. What is painted of an area is its core and a band
around it, which the areas beside it paint, too. Towards the band's outer edge a pixel may change less and
less (``Area.window``), so what one area changes has no edge where another begins.

The painted pixels reach the features of the area's *region*, which goes ``HALO`` pixels further, and is
computed from another ``HALO`` pixels around these. Between two areas of one colour lies a whole other one. So
whatever areas of a colour do at once, no region of one overlaps another's, and none reads pixels that another
changes.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from glstylenet.network import DEEPEST_LAYER, layer_size
from glstylenet.numerics import Rect
from glstylenet.pyramid import CELL, HALO, Tile, cut_into_tiles

__all__ = ["COLOURS", "SMALLEST_AREA", "Area", "cut_into_areas"]

COLOURS = 4
"""Colours of the areas: those of one are painted at once."""

SMALLEST_AREA = 128
"""Longest side, in pixels, that areas may at least have: all but the first and last of a row then have 96 or
more, which leaves a band of 8."""

_WIDEST_BAND = 32
"""Pixels that are painted beyond a core. With them an area of 1024 pixels is computed from a tenth more
pixels than without; with twice as many it would be a quarter."""


@dataclass(frozen=True)
class Area:
    """`Area` is one area of a picture: its ``number`` from 0, row by row, its ``colour`` and its ``tile``.

    ``band``: the pixels that are painted beyond the tile's own, towards other areas.
    """

    number: int
    colour: int
    tile: Tile
    band: int

    @property
    def core(self) -> Rect:
        """The pixels that are the area's own."""
        return self.tile.positions(1)

    @property
    def painted(self) -> Rect:
        """The pixels that are painted: the core and its band, as far as the picture goes."""
        core, (height, width) = self.core, self.tile.size
        return Rect(
            max(0, core.top - self.band),
            max(0, core.left - self.band),
            min(height, core.bottom + self.band),
            min(width, core.right + self.band),
        )

    @property
    def window(self) -> Tensor:
        """How much each painted pixel may change: (1, 1, h, w), from 0 to 1.

        It is 1 in the core but for a band along other areas, and falls in w = t^2 (3 - 2 t) to 0 at the outer
        edge of what is painted. Where two areas meet, their windows add up to 1.

        >>> left, _right = cut_into_areas((128, 256), 128)
        >>> left.window[0, 0, 0, left.core.right - 1 : left.core.right + 1]
        tensor([0.5117, 0.4883])
        """
        core, painted, (height, width) = self.core, self.painted, self.tile.size
        rows = self._ramps(core.top > 0, core.bottom < height, painted.size[0])
        columns = self._ramps(core.left > 0, core.right < width, painted.size[1])
        return (rows[:, None] * columns)[None, None]

    @property
    def region(self) -> Tile:
        """The tile of all positions whose features depend on the painted pixels."""
        painted = self.painted
        rows, columns = layer_size(self.tile.size, DEEPEST_LAYER)
        return Tile(
            self.tile.size,
            Rect(
                max(0, (painted.top - HALO) // CELL),
                max(0, (painted.left - HALO) // CELL),
                min(rows, -(-(painted.bottom + HALO) // CELL)),
                min(columns, -(-(painted.right + HALO) // CELL)),
            ),
        )

    def _ramps(self, rises: bool, falls: bool, length: int) -> Tensor:
        """Return the window along one side of ``length`` pixels, which may rise at its start."""
        window = torch.ones(length)
        if self.band:
            part = (torch.arange(2 * self.band) + 0.5) / (2 * self.band)
            ramp = (part**2 * (3 - 2 * part))[:length]
            if rises:
                window[: len(ramp)] *= ramp
            if falls:
                window[length - len(ramp) :] *= ramp.flip(0)
        return window


def cut_into_areas(size: tuple[int, int], side: int | None) -> list[Area]:
    """Cut a picture of ``size`` (height, width) into areas of at most about ``side`` pixels a side.

    Their tiles are those of :func:`~glstylenet.pyramid.cut_into_tiles`; ``None`` makes the picture one area.

    >>> [area.colour for area in cut_into_areas((256, 384), 128)]
    [0, 1, 0, 2, 3, 2]
    """
    tiles = cut_into_tiles(size, side)
    tops = sorted({(tile.cells.top, tile.cells.bottom) for tile in tiles})
    lefts = sorted({(tile.cells.left, tile.cells.right) for tile in tiles})
    rows = {top: number for number, (top, _) in enumerate(tops)}
    columns = {left: number for number, (left, _) in enumerate(lefts)}
    band = min(_band(tops), _band(lefts))
    return [
        Area(number, 2 * (rows[tile.cells.top] % 2) + columns[tile.cells.left] % 2, tile, band)
        for number, tile in enumerate(tiles)
    ]


def _band(edges: list[tuple[int, int]]) -> int:
    """Return the widest band along areas of these (first, last) cells that two of one colour leave free.

    Between them lies one other area, of which they need a ``HALO`` each beside their bands.
    """
    between = min((CELL * (last - first) for first, last in edges[1:-1]), default=2 * (_WIDEST_BAND + HALO))
    return min(_WIDEST_BAND, (between - 2 * HALO) // 2)
