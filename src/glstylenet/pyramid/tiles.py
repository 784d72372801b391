"""Tiles: rectangles of a picture whose features are computed separately and equal those of the whole.

A position of conv4_1 at row p depends on the pixels of rows 8p - 30 to 8p + 37. The features of a *crop* that
goes ``HALO`` pixels beyond a tile on every side therefore equal those of the whole picture at the tile's own
positions and one position around them; zero padding at the crop's edge changes only positions further out.
At the picture's own border the crop ends with the picture, and the padding is the whole picture's.

Tiles meet at multiples of 32 pixels, so that each layer's positions are divided among them without
remainder; what is left over at the right and at the bottom of an odd size belongs to the last tile.

Nothing here uses tensors.
"""

from dataclasses import dataclass

from glstylenet.network import DEEPEST_LAYER, LAYER_NAMES, LAYERS, layer_size
from glstylenet.numerics import Rect

__all__ = [
    "CELL",
    "HALO",
    "LONGEST_REST",
    "Tile",
    "crop_lengths",
    "cut_into_tiles",
    "tile_lengths",
]


CELL = LAYERS[LAYER_NAMES[DEEPEST_LAYER]].stride
"""Pixels of one position of the deepest layer along each axis, 8: tiles consist of such cells."""


HALO = LAYERS[LAYER_NAMES[DEEPEST_LAYER]].receptive_field.halo
"""Pixels a crop goes beyond its tile, 40: the 30 beyond a cell that conv4_1 depends on, rounded up to cells,
and one more cell for the patches that straddle two tiles."""


_ALIGNMENT = 4
"""Tiles meet at multiples of so many cells, since the cells of :mod:`glstylenet.matching.coarse_to_fine` end
where tiles end."""


LONGEST_REST = _ALIGNMENT * CELL - 1
"""So many pixels, 31, may be left over and go to the last tile of a row or column."""


@dataclass(frozen=True)
class Tile:
    """One tile of a picture of ``size`` (height, width): the ``cells``, of ``CELL`` x ``CELL`` pixels."""

    size: tuple[int, int]
    cells: Rect

    @property
    def crop(self) -> Rect:
        """The pixels that the network computes the tile's features from."""
        height, width = self.size
        top, left = max(0, CELL * self.cells.top - HALO), max(0, CELL * self.cells.left - HALO)
        own = self.positions(1)
        bottom = height if own.bottom == height else min(height, own.bottom + HALO)
        right = width if own.right == width else min(width, own.right + HALO)
        return Rect(top, left, bottom, right)

    @property
    def is_first(self) -> bool:
        """Whether it is the picture's first tile, where what belongs to the whole picture is counted."""
        return self.cells.top == 0 and self.cells.left == 0

    @property
    def origin(self) -> tuple[int, int]:
        """Row and column of the crop's first pixel."""
        return self.crop.top, self.crop.left

    def positions(self, layer: int) -> Rect:
        """Return the tile's own positions of F^layer. All tiles' together are the layer's, each once."""
        finer = DEEPEST_LAYER - layer
        rows, columns = _grid(self.size)
        height, width = layer_size(self.size, layer)
        return Rect(
            self.cells.top << finer,
            self.cells.left << finer,
            height if self.cells.bottom == rows else self.cells.bottom << finer,
            width if self.cells.right == columns else self.cells.right << finer,
        )

    def patches(self, layer: int) -> Rect:
        """Return the 3x3 patches, by corner, of F^layer whose centres are the tile's own positions.

        Border positions are no patch's centre. All tiles' patches together are the layer's, each once.
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
    """Cut a picture of ``size`` into tiles of about equal size, none longer than ``side`` pixels, row by row.

    ``side`` counts as 32 at least; ``None`` makes the whole picture one tile. The last tile of a row or
    column may be longer by ``LONGEST_REST``.

    >>> [tile.positions(1).size for tile in cut_into_tiles((64, 101), 64)]
    [(64, 32), (64, 69)]
    """
    rows, columns = _grid(size)
    if side is None:
        return [Tile(size, Rect(0, 0, rows, columns))]
    longest = max(_ALIGNMENT, side // CELL)
    return [
        Tile(size, Rect(top, left, bottom, right))
        for top, bottom in _split(rows, longest)
        for left, right in _split(columns, longest)
    ]


def crop_lengths(size: tuple[int, int], tile_side: int | None) -> tuple[list[int], list[int]]:
    """Return the heights of the crops in a column of tiles, and the widths of those in a row.

    Every tile has one of each, so a picture of hundreds of thousands of tiles is planned as fast as any.
    """
    column, row = _edges(size, tile_side)
    return [tile.crop.size[0] for tile in column], [tile.crop.size[1] for tile in row]


def tile_lengths(size: tuple[int, int], tile_side: int | None) -> tuple[list[int], list[int]]:
    """Return the heights of the tiles in a column, and the widths of those in a row."""
    column, row = _edges(size, tile_side)
    return [tile.positions(1).size[0] for tile in column], [tile.positions(1).size[1] for tile in row]


def _grid(size: tuple[int, int]) -> tuple[int, int]:
    """Return how many cells a picture of ``size`` has along each axis."""
    return layer_size(size, DEEPEST_LAYER)


def _split(length: int, longest: int) -> list[tuple[int, int]]:
    """Split ``length`` cells into as few parts as possible, as equal as can be, as (first, last).

    All but the last are multiples of ``_ALIGNMENT``. None is longer than ``longest`` but the last, which
    takes what is left over.
    """
    units = max(1, length // _ALIGNMENT)
    parts = -(-units // (longest // _ALIGNMENT))
    edges = [_ALIGNMENT * (units * part // parts) for part in range(parts)]
    return list(zip(edges, [*edges[1:], length], strict=True))


def _edges(size: tuple[int, int], tile_side: int | None) -> tuple[list[Tile], list[Tile]]:
    """Return a column and a row of tiles."""
    height, width = size
    return cut_into_tiles((height, CELL), tile_side), cut_into_tiles((CELL, width), tile_side)
