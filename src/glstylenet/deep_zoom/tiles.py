"""Tiles: the levels of a picture as JPEG files, each level computed from the one above it.

A pixel of a level is the mean of the four of the level above, so the last pixel of a side with an odd number
of them is the mean of two: viewers place pixels by doubling. Levels between are kept in files, of which two
at a time exist, and are read and written by tile: memory does not depend on the picture's size.
"""

from collections.abc import Callable
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from glstylenet.deep_zoom.levels import cells_of, level_sizes, tile_window
from glstylenet.numerics import Rect

__all__ = ["SUFFIX", "PixelBytes", "as_bytes", "encode_tile", "halved", "read_reduced", "write_tiles"]

SUFFIX = "jpg"

PixelBytes = npt.NDArray[np.uint8]
"""Pixels (h, w, 3)."""

_PIXELS_AT_ONCE = 2**20
"""Pixels that are halved at a time."""

_QUALITY = 90
"""Of JPEG: three paintings differed from it by 2.3 to 2.8 of 255 on average, one pixel in a thousand by 14.
At 95 that was 1.6 to 1.7 and 9, for 1.4 times the bytes; at 85 2.9 to 3.6 and 18, for 0.8 times."""


class _LevelFile:
    """`_LevelFile` keeps the pixels of one level in a file.

    The file is mapped for every access anew: what stays mapped counts as the process's memory.
    """

    def __init__(self, path: Path, size: tuple[int, int]) -> None:
        self.path = path
        self._shape = (*size, 3)
        with path.open("wb") as file:
            file.truncate(3 * size[0] * size[1])

    def read(self, window: Rect) -> PixelBytes:
        """Return the pixels in ``window``."""
        return np.array(self._mapped("r")[window.slices])

    def write(self, window: Rect, pixels: PixelBytes) -> None:
        """Write ``pixels`` into ``window``."""
        self._mapped("r+")[window.slices] = pixels

    def _mapped(self, mode: str) -> PixelBytes:
        return np.memmap(self.path, np.uint8, mode, shape=self._shape)  # type: ignore[call-overload, no-any-return]


def write_tiles(folder: Path, size: tuple[int, int], read: Callable[[Rect], Tensor]) -> None:
    """Write ``folder``/LEVEL/COLUMN_ROW.jpg for all levels of a picture of that ``size`` (height, width).

    ``read`` returns its pixels (1, 3, h, w), 0..255, in a rectangle. ``folder`` exists and is empty. Raises
    OSError if writing fails.

    >>> import tempfile, torch
    >>> picture = torch.full((1, 3, 2, 600), 80.0)
    >>> with tempfile.TemporaryDirectory() as place:
    ...     write_tiles(Path(place), (2, 600), lambda r: picture[..., *r.slices])
    ...     sorted(path.name for path in Path(place, "10").iterdir())
    ['0_0.jpg', '1_0.jpg']
    """

    def read_bytes(window: Rect) -> PixelBytes:
        return as_bytes(read(window))

    read_level: Callable[[Rect], PixelBytes] = read_bytes
    above: _LevelFile | None = None
    levels = level_sizes(size)
    for number in reversed(range(len(levels))):
        below = _LevelFile(folder / f"{number - 1}.pixels", levels[number - 1]) if number else None
        tiles = folder / str(number)
        tiles.mkdir()
        for column, row, cell in cells_of(levels[number]):
            window = tile_window(levels[number], column, row)
            assert window is not None  # it is the tile of a cell
            pixels = read_level(window)
            with (tiles / f"{column}_{row}.{SUFFIX}").open("wb") as file:
                encode_tile(file, pixels)
            if below is not None:
                half = halved(pixels[cell.relative_to(window).slices])
                top, left = cell.top // 2, cell.left // 2
                below.write(Rect(top, left, top + half.shape[0], left + half.shape[1]), half)
        if above is not None:
            above.path.unlink()
        if below is not None:
            above, read_level = below, below.read


def as_bytes(pixels: Tensor) -> PixelBytes:
    """Return ``pixels`` (1, 3, h, w), 0..255, rounded.

    >>> as_bytes(torch.tensor([1.4, 1.5, 254.6]).reshape(1, 3, 1, 1)).tolist()
    [[[1, 2, 255]]]
    """
    rounded = pixels[0].add(0.5).to(torch.uint8)
    return rounded.permute(1, 2, 0).contiguous().numpy()


def read_reduced(
    read: Callable[[Rect], PixelBytes], size: tuple[int, int], halvings: int, window: Rect
) -> PixelBytes:
    """Return ``window`` of a level of a picture of ``size``, whose sides were halved so many times.

    ``read`` returns a rectangle of the picture. About a million of its pixels are in memory at a time. The
    result is that of :func:`write_tiles`, which halves every level as a whole.

    >>> rows = np.arange(6, dtype=np.uint8).reshape(6, 1, 1)
    >>> read_reduced(lambda r: rows[r.slices], (6, 1), 1, Rect(1, 0, 3, 1)).ravel().tolist()
    [2, 4]
    """
    factor = 2**halvings
    at_once = max(1, _PIXELS_AT_ONCE // (window.size[1] * factor**2))
    found = []
    for top in range(window.top, window.bottom, at_once):
        part = Rect(top, window.left, min(top + at_once, window.bottom), window.right).scale(factor)
        pixels = read(Rect(part.top, part.left, min(part.bottom, size[0]), min(part.right, size[1])))
        for _ in range(halvings):
            pixels = halved(pixels)
        found.append(pixels)
    return np.concatenate(found)


def encode_tile(file: IO[bytes], pixels: PixelBytes) -> None:
    """Write a tile's ``pixels`` (h, w, 3) as JPEG.

    Without a profile, which would be most of a small file: viewers take such pictures as sRGB.
    """
    Image.fromarray(pixels).save(file, "JPEG", quality=_QUALITY, subsampling=0)


def halved(pixels: PixelBytes) -> PixelBytes:
    """Return the mean of every two by two pixels, rounded; the last ones of odd sides are repeated.

    >>> halved(np.array([[[1], [2], [9]], [[3], [4], [10]]], np.uint8))[..., 0].tolist()
    [[2, 10]]
    """
    height, width = pixels.shape[:2]
    if height % 2 or width % 2:
        pixels = np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    rows = pixels[0::2].astype(np.uint16) + pixels[1::2]
    total = rows[:, 0::2] + rows[:, 1::2]
    # Halves to even numbers: rounded up, every level would be an eighth brighter than the one above it.
    half: PixelBytes = ((total + 1 + (total >> 2 & 1)) >> 2).astype(np.uint8)
    return half
