"""Levels of a Deep Zoom picture: from one pixel to the whole, each double the one before.

The format is that of Microsoft's Deep Zoom (schema "deepzoom/2008"): the last level is the picture, and every
side of a level is half of the next level's, rounded up.
"""

import math
from collections.abc import Iterator

from glstylenet.numerics import Rect

__all__ = ["OVERLAP", "TILE", "cells_of", "deep_zoom_bytes", "level_sizes", "tile_window"]

TILE = 510
"""Pixels a side of a tile, without its overlap; even, so that it halves to whole pixels."""

OVERLAP = 1
"""Pixels of its neighbours that a tile has at each side, so that no border shows where it is enlarged."""

_BYTES_PER_PIXEL = 2
"""Bytes that a pixel of a tile takes: noise takes about as many, paintings a quarter to a third of them."""

_BYTES_OF_TILE = 4096
"""What a tile takes besides: its header, and what file systems round up to."""

_BYTES_OF_PAGE = 2**19


def level_sizes(size: tuple[int, int]) -> list[tuple[int, int]]:
    """Return the (height, width) of every level of a picture of that ``size``, the smallest first.

    >>> level_sizes((3, 5))
    [(1, 1), (1, 2), (2, 3), (3, 5)]
    """
    sizes = [size]
    while max(sizes[0]) > 1:
        height, width = sizes[0]
        sizes.insert(0, (-(-height // 2), -(-width // 2)))
    return sizes


def cells_of(size: tuple[int, int]) -> Iterator[tuple[int, int, Rect]]:
    """Yield column, row and pixels of every tile of a level, without its overlap, row by row.

    >>> [(column, row, cell.size) for column, row, cell in cells_of((100, 600))]
    [(0, 0, (100, 510)), (1, 0, (100, 90))]
    """
    height, width = size
    for row in range(-(-height // TILE)):
        for column in range(-(-width // TILE)):
            top, left = row * TILE, column * TILE
            yield column, row, Rect(top, left, min(top + TILE, height), min(left + TILE, width))


def tile_window(size: tuple[int, int], column: int, row: int) -> Rect | None:
    """Return the pixels of a tile of a level, with its overlap; ``None`` if the level has no such tile.

    >>> tile_window((100, 600), 1, 0)
    Rect(top=0, left=509, bottom=100, right=600)
    >>> tile_window((100, 600), 2, 0) is None
    True
    """
    height, width = size
    top, left = row * TILE, column * TILE
    if not (0 <= top < height and 0 <= left < width):
        return None
    return Rect(
        max(0, top - OVERLAP),
        max(0, left - OVERLAP),
        min(height, top + TILE + OVERLAP),
        min(width, left + TILE + OVERLAP),
    )


def deep_zoom_bytes(size: tuple[int, int]) -> int:
    """Return the bytes that a picture of that ``size`` (height, width) takes at most while it is written.

    >>> deep_zoom_bytes((1000, 1000)) // 1000
    4186
    """
    levels = level_sizes(size)
    pixels = sum(map(math.prod, levels))
    tiles = sum(-(-height // TILE) * -(-width // TILE) for height, width in levels)
    halved = [math.prod(level) for level in levels[:-1]][-2:]  # two levels at a time lie beside the tiles
    return _BYTES_PER_PIXEL * pixels + _BYTES_OF_TILE * tiles + 3 * sum(halved) + _BYTES_OF_PAGE
