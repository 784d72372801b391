"""Tiling: how a picture is cut into tiles whose features are exactly those of the whole.

A position of conv4_1 at row p sees the pixels of rows 8p - 30 to 8p + 37. A *crop* that goes ``HALO``
pixels beyond a tile on every side therefore gives, at the tile's own positions and one position around
them, the same features as the whole picture; what zero padding spoils at the crop's edge lies outside.
At the picture's own border the crop ends with the picture, and the padding is the whole picture's.

Tiles meet at multiples of 32 pixels, so that each layer's positions are divided among them without
remainder; what is left over at the right and at the bottom of an odd size belongs to the last tile.

Pure numbers: nothing here touches a tensor.
"""

from dataclasses import dataclass

from glstylenet.network import layer_size
from glstylenet.numerics import Rect

__all__ = [
    "CELL",
    "DEEPEST",
    "HALO",
    "LONGEST_REST",
    "Tile",
    "crop_lengths",
    "cut_into_tiles",
    "tile_lengths",
]


DEEPEST = 4
"""The deepest layer that any term looks at."""


CELL = 8
"""Pixels of one position of it, each way: tiles meet at multiples of them."""


HALO = 40
"""Pixels a crop goes beyond its tile: 30 that conv4_1 sees, rounded up to positions, and one more position
for the patches that straddle two tiles."""


LONGEST_REST = 31
"""So many pixels may be left over and go to the last tile of a row or column."""


@dataclass(frozen=True)
class Tile:
    """One tile of a picture of ``size`` (height, width). ``cells``: its part of the grid of 8x8 pixels."""

    size: tuple[int, int]
    cells: Rect

    @property
    def crop(self) -> Rect:
        """The pixels that are shown to the network."""
        height, width = self.size
        top, left = max(0, CELL * self.cells.top - HALO), max(0, CELL * self.cells.left - HALO)
        own = self.positions(1)
        bottom = height if own.bottom == height else min(height, own.bottom + HALO)
        right = width if own.right == width else min(width, own.right + HALO)
        return Rect(top, left, bottom, right)

    @property
    def is_first(self) -> bool:
        """Whether it is the picture's first tile, which accounts for what belongs to the whole."""
        return self.cells.top == 0 and self.cells.left == 0

    @property
    def origin(self) -> tuple[int, int]:
        """Row and column of the crop's first pixel."""
        return self.crop.top, self.crop.left

    def positions(self, layer: int) -> Rect:
        """The tile's own positions of F^layer. Those of all tiles are the layer's, each once."""
        finer = DEEPEST - layer
        rows, columns = _grid(self.size)
        height, width = layer_size(self.size, layer)
        return Rect(
            self.cells.top << finer,
            self.cells.left << finer,
            height if self.cells.bottom == rows else self.cells.bottom << finer,
            width if self.cells.right == columns else self.cells.right << finer,
        )

    def patches(self, layer: int) -> Rect:
        """The 3x3 patches of a feature of F^layer's size whose centres are the tile's own, by corner.

        Border positions are no patch's centre; all tiles' patches are the feature's, each once.
        """
        own = self.positions(layer)
        height, width = layer_size(self.size, layer)
        return Rect(
            max(0, own.top - 1),
            max(0, own.left - 1),
            min(height - 2, own.bottom - 1),
            min(width - 2, own.right - 1),
        )


def cut_into_tiles(size: tuple[int, int], side: int | None) -> list[Tile]:
    """Tiles of about equal size, none longer than ``side`` pixels (at least 32), row by row.

    ``None``: the picture in one piece. The last tile of a row or column may be longer by ``LONGEST_REST``.
    """
    rows, columns = _grid(size)
    if side is None:
        return [Tile(size, Rect(0, 0, rows, columns))]
    longest = max(4, side // CELL)
    return [
        Tile(size, Rect(top, left, bottom, right))
        for top, bottom in _split(rows, longest)
        for left, right in _split(columns, longest)
    ]


def crop_lengths(size: tuple[int, int], tile_side: int | None) -> tuple[list[int], list[int]]:
    """Heights of the crops in a column of tiles, and widths of those in a row: every tile has one of each.

    So a picture of hundreds of thousands of tiles is planned as fast as any.
    """
    column, row = _edges(size, tile_side)
    return [tile.crop.size[0] for tile in column], [tile.crop.size[1] for tile in row]


def tile_lengths(size: tuple[int, int], tile_side: int | None) -> tuple[list[int], list[int]]:
    """The same of the tiles themselves."""
    column, row = _edges(size, tile_side)
    return [tile.positions(1).size[0] for tile in column], [tile.positions(1).size[1] for tile in row]


def _grid(size: tuple[int, int]) -> tuple[int, int]:
    return layer_size(size, DEEPEST)


def _split(length: int, longest: int) -> list[tuple[int, int]]:
    """0..length in as few parts as possible, as equal as can be, all but the last a multiple of four, since
    the cells of :mod:`glstylenet.matching.coarse_to_fine` end where tiles end. None is longer than ``longest``, but for the
    last, which takes what is left over."""
    units = max(1, length // 4)
    parts = -(-units // (longest // 4))
    edges = [4 * (units * part // parts) for part in range(parts)]
    return list(zip(edges, [*edges[1:], length], strict=True))


def _edges(size: tuple[int, int], tile_side: int | None) -> tuple[list[Tile], list[Tile]]:
    """A column and a row of tiles."""
    height, width = size
    return cut_into_tiles((height, CELL), tile_side), cut_into_tiles((CELL, width), tile_side)
