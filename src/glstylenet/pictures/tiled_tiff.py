"""Tiled TIFF: a picture of any size, written tile by tile, with reductions of itself to look at quickly."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tifffile
from torch import Tensor

from glstylenet.files import replacing
from glstylenet.numerics import Rect
from glstylenet.pictures.colour_profiles import srgb_profile
from glstylenet.pictures.resized_window import resized_window

__all__ = ["tiled_tiff_bytes", "write_tiled_tiff"]

_TILE = 256
"""Pixels a side of a tile; programs read a whole one for every pixel of it."""

_ROW_OF_TILES = 1024
"""Rows and columns that are read at a time, so that neighbouring tiles share what was read."""

_PIXELS_OF_ROW = 2**24
"""Pixels that are held at a time: of wide pictures, fewer rows of tiles."""

_SOURCE_SIDE = 8192
"""Pixels a side of the picture that are resized at a time: its reductions depend on many of them."""

_BYTES_OF_HEADER = 2**16
"""What a file holds besides its tiles: directories, the profile and the recipe."""


def write_tiled_tiff(
    path: Path,
    size: tuple[int, int],
    read: Callable[[Rect], Tensor],
    *,
    recipe: str | None = None,
    overwrite: bool = False,
) -> None:
    """Write a BigTIFF of 8 bits in sRGB, with reductions to a half, a quarter and so on as its SubIFDs.

    ``read`` returns the pixels (1, 3, h, w), 0..255, of a rectangle of the picture of ``size`` (height,
    width). ``recipe`` is a JSON object as text. A row of tiles is in memory at a time. Raises
    :class:`~glstylenet.errors.OutputError` if writing fails; an old file stays.

    >>> import tempfile, torch
    >>> picture = torch.zeros(1, 3, 300, 600)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "wide.tif")
    ...     write_tiled_tiff(path, (300, 600), lambda r: picture[..., *r.slices])
    ...     with tifffile.TiffFile(path) as tiff:
    ...         [level.shape for level in tiff.series[0].levels]
    [(300, 600, 3), (150, 300, 3), (75, 150, 3)]
    """
    sizes = _reductions(size)
    with replacing(path, overwrite=overwrite) as file, tifffile.TiffWriter(file, bigtiff=True) as tiff:
        for number, reduced in enumerate(sizes):
            is_full = number == 0
            tiff.write(
                _tiles(read, size, reduced),
                shape=(*reduced, 3),
                dtype=np.uint8,
                tile=(_TILE, _TILE),
                photometric="rgb",
                compression="zlib",
                predictor=True,
                subifds=len(sizes) - 1 if is_full else None,
                subfiletype=0 if is_full else 1,  # 1: a reduction of another picture of the file
                iccprofile=srgb_profile(),
                description=recipe.encode() if is_full and recipe is not None else None,
                metadata=None,
                software=False,
            )


def tiled_tiff_bytes(size: tuple[int, int]) -> int:
    """Return the bytes that the file of a picture of that ``size`` (height, width) takes at most.

    >>> tiled_tiff_bytes((300, 600)) // 1000
    1844
    """
    tiles = (-(-height // _TILE) * -(-width // _TILE) for height, width in _reductions(size))
    # Noise does not get smaller, and a little larger: deflate adds five bytes to each block of it.
    return sum(tiles) * (3 * _TILE * _TILE + 1024) + _BYTES_OF_HEADER


def _reductions(size: tuple[int, int]) -> list[tuple[int, int]]:
    """Return the sizes of the picture and its reductions, the largest first."""
    sizes = [size]
    while max(sizes[-1]) > _TILE:
        height, width = sizes[-1]
        sizes.append((-(-height // 2), -(-width // 2)))
    return sizes


def _tiles(
    read: Callable[[Rect], Tensor], size: tuple[int, int], reduced: tuple[int, int]
) -> Iterator[npt.NDArray[np.uint8]]:
    """Yield the tiles of one reduction, row by row; those at the border are filled up by tifffile."""
    height, width = reduced
    at_once = max(_TILE, min(_ROW_OF_TILES, _PIXELS_OF_ROW // width // _TILE * _TILE))
    side = min(_ROW_OF_TILES, max(1, _SOURCE_SIDE * max(reduced) // max(size)))
    for top in range(0, height, at_once):
        bottom = min(top + at_once, height)
        rows = np.empty((bottom - top, width, 3), np.uint8)
        for row, column in itertools.product(range(top, bottom, side), range(0, width, side)):
            window = Rect(row, column, min(row + side, bottom), min(column + side, width))
            pixels = resized_window(read, size, reduced, window)[0].add(0.5).floor()
            rows[window.top - top : window.bottom - top, window.left : window.right] = pixels.permute(1, 2, 0)
        for row in range(0, bottom - top, _TILE):
            for column in range(0, width, _TILE):
                yield np.ascontiguousarray(rows[row : row + _TILE, column : column + _TILE])
