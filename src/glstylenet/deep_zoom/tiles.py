"""Tiles: the levels of a picture as JPEG files, each level computed from the one above it.

A pixel of a level is the mean of the four of the level above, so the last pixel of a side with an odd number
of them is the mean of two: viewers place pixels by doubling. Levels between are kept in files, of which two
at a time exist, and are read and written by tile: memory does not depend on the picture's size.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from torch import Tensor

from glstylenet.deep_zoom.levels import OVERLAP, cells_of, level_sizes
from glstylenet.numerics import Rect

__all__ = ["SUFFIX", "write_tiles"]

SUFFIX = "jpg"

_Pixels = npt.NDArray[np.uint8]
"""Pixels (h, w, 3)."""

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

    def read(self, window: Rect) -> _Pixels:
        """Return the pixels in ``window``."""
        return np.array(self._mapped("r")[window.slices])

    def write(self, window: Rect, pixels: _Pixels) -> None:
        """Write ``pixels`` into ``window``."""
        self._mapped("r+")[window.slices] = pixels

    def _mapped(self, mode: str) -> _Pixels:
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

    def read_bytes(window: Rect) -> _Pixels:
        rounded = read(window)[0].add(0.5).floor()
        return np.ascontiguousarray(rounded.permute(1, 2, 0).numpy().astype(np.uint8))

    read_level: Callable[[Rect], _Pixels] = read_bytes
    above: _LevelFile | None = None
    levels = level_sizes(size)
    for number in reversed(range(len(levels))):
        below = _LevelFile(folder / f"{number - 1}.pixels", levels[number - 1]) if number else None
        tiles = folder / str(number)
        tiles.mkdir()
        for column, row, cell in cells_of(levels[number]):
            window = _with_overlap(cell, levels[number])
            pixels = read_level(window)
            # Without a profile, which would be most of a small file: viewers take such pictures as sRGB.
            Image.fromarray(pixels).save(
                tiles / f"{column}_{row}.{SUFFIX}", "JPEG", quality=_QUALITY, subsampling=0
            )
            if below is not None:
                half = _halved(pixels[cell.relative_to(window).slices])
                top, left = cell.top // 2, cell.left // 2
                below.write(Rect(top, left, top + half.shape[0], left + half.shape[1]), half)
        if above is not None:
            above.path.unlink()
        if below is not None:
            above, read_level = below, below.read


def _with_overlap(cell: Rect, size: tuple[int, int]) -> Rect:
    return Rect(
        max(0, cell.top - OVERLAP),
        max(0, cell.left - OVERLAP),
        min(size[0], cell.bottom + OVERLAP),
        min(size[1], cell.right + OVERLAP),
    )


def _halved(pixels: _Pixels) -> _Pixels:
    """Return the mean of every two by two pixels, rounded; the last ones of odd sides are repeated.

    >>> _halved(np.array([[[1], [2], [9]], [[3], [4], [10]]], np.uint8))[..., 0].tolist()
    [[2, 10]]
    """
    height, width = pixels.shape[:2]
    even = np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge").astype(np.uint16)
    total = even[0::2, 0::2] + even[1::2, 0::2] + even[0::2, 1::2] + even[1::2, 1::2]
    # Halves to even numbers: rounded up, every level would be an eighth brighter than the one above it.
    return np.rint(total / np.float32(4)).astype(np.uint8)
