"""Tiled TIFF: a picture of any size, written and read tile by tile, with reductions to look at quickly."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import tifffile
from torch import Tensor

from glstylenet.errors import InputError
from glstylenet.files import open_regular, replacing
from glstylenet.numerics import Rect
from glstylenet.pictures.colour_profiles import srgb_profile
from glstylenet.pictures.decoding import errors_as_image_error
from glstylenet.pictures.resized_window import resized_window

__all__ = ["TiledTiff", "open_tiled_tiff", "tiled_tiff_bytes", "write_tiled_tiff"]

_TILE = 256
"""Pixels a side of a tile; programs read a whole one for every pixel of it."""

_ROW_OF_TILES = 1024
"""Rows and columns that are read at a time, so that neighbouring tiles share what was read."""

_PIXELS_OF_ROW = 2**24
"""Pixels that are held at a time: of wide pictures, fewer rows of tiles."""

_SOURCE_SIDE = 8192
"""Pixels a side of the picture that are resized at a time: its reductions depend on many of them."""

_EXPECTED = "is not a picture that a giant run wrote; expected a tiled BigTIFF with its reductions"

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


@dataclass(frozen=True)
class TiledTiff:
    """`TiledTiff` reads a file that :func:`write_tiled_tiff` wrote, by rectangles of its reductions.

    ``sizes``: the (height, width) of the picture and of its reductions, each half of the one before it.
    Close it, or use it in a ``with`` statement.
    """

    path: Path
    sizes: list[tuple[int, int]]
    _file: BinaryIO = field(repr=False)
    _pages: list[tifffile.TiffPage] = field(repr=False)

    def __enter__(self) -> "TiledTiff":
        return self

    def __exit__(self, *_error: object) -> None:
        self._file.close()

    def read(self, reduction: int, window: Rect) -> npt.NDArray[np.uint8]:
        """Return the pixels (h, w, 3) in ``window`` of a reduction, 0 for the picture itself.

        Only the tiles of the window are decoded. Raises :class:`~glstylenet.errors.ImageError` for a file
        that is damaged there.
        """
        page, width = self._pages[reduction], self.sizes[reduction][1]
        pixels = np.empty((*window.size, 3), np.uint8)
        across = -(-width // _TILE)
        rows = range(window.top // _TILE, -(-window.bottom // _TILE))
        columns = range(window.left // _TILE, -(-window.right // _TILE))
        for row, column in itertools.product(rows, columns):
            with errors_as_image_error(lambda error: f"{self.path}: is damaged ({error})"):
                tile = self._decoded(page, row * across + column)
            covered = Rect(row * _TILE, column * _TILE, (row + 1) * _TILE, (column + 1) * _TILE)
            shared = covered.intersection(window)
            assert shared is not None  # it is one of the window's tiles
            pixels[shared.relative_to(window).slices] = tile[shared.relative_to(covered).slices]
        return pixels

    def _decoded(self, page: tifffile.TiffPage, index: int) -> npt.NDArray[np.uint8]:
        self._file.seek(page.dataoffsets[index])
        data = self._file.read(page.databytecounts[index])
        tile, _, _ = page.decode(data, index)
        if tile is None:
            raise ValueError("a tile is missing")
        # tifffile cuts tiles at the picture's border off
        return np.pad(tile[0], [(0, _TILE - tile.shape[1]), (0, _TILE - tile.shape[2]), (0, 0)])


def open_tiled_tiff(path: Path) -> TiledTiff:
    """Open a file that :func:`write_tiled_tiff` wrote; nothing is decoded.

    Raises :class:`~glstylenet.errors.InputError` for a file that cannot be opened, and
    :class:`~glstylenet.errors.ImageError` for any other.

    >>> import tempfile, torch
    >>> picture = torch.arange(600.0).expand(1, 3, 300, 600) % 256
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "wide.tif")
    ...     write_tiled_tiff(path, (300, 600), lambda r: picture[..., *r.slices])
    ...     with open_tiled_tiff(path) as tiff:
    ...         tiff.sizes, tiff.read(0, Rect(299, 255, 300, 257))[..., 0].tolist()
    ([(300, 600), (150, 300), (75, 150)], [[255, 0]])
    """
    try:
        file = open_regular(path)
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read ({error.strerror}); check the name, or whether the run has written it"
        ) from error
    try:
        with errors_as_image_error(lambda error: f"{path}: {_EXPECTED} ({error})"):
            page = tifffile.TiffFile(file).pages.first
            pages = [page, *(page.pages or ())]
            sizes = [(each.imagelength, each.imagewidth) for each in pages]
            if sizes != _reductions(sizes[0]) or not all(map(_is_own, pages)):
                raise ValueError("its reductions are missing, or it is stored in another way")
    except BaseException:
        file.close()
        raise
    return TiledTiff(path, sizes, file, pages)


def _is_own(page: tifffile.TiffPage) -> bool:
    """Return whether a page is stored as :func:`write_tiled_tiff` stores it."""
    return (
        page.is_tiled
        and (page.tilelength, page.tilewidth) == (_TILE, _TILE)
        and page.samplesperpixel == 3
        and page.dtype == np.dtype(np.uint8)
        and page.photometric == tifffile.PHOTOMETRIC.RGB
        and page.planarconfig == tifffile.PLANARCONFIG.CONTIG
        and page.compression == tifffile.COMPRESSION.ADOBE_DEFLATE
    )
