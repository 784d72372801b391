"""Strips: a picture that is read from top to bottom and never is in memory as a whole.

TIFF files are decoded a row of tiles at a time, PNG files some rows at a time (``decode_strips`` of a format
says which of them). All others are decoded whole, as they are stored; their colours, too, are converted some
rows at a time. A picture that is there already, as an array or image, is read as it is.
"""

import contextlib
import io
import itertools
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from glstylenet.machine import available_memory
from glstylenet.numerics import Rect
from glstylenet.pictures.colour_profiles import to_srgb
from glstylenet.pictures.decoding import (
    SWAPPED,
    damaged,
    errors_as_image_error,
    file_digest,
    notes_on_end,
    refuse_hdr,
    with_warnings_as_notes,
)
from glstylenet.pictures.file_type import format_of_file, open_picture, refuse_polyglot
from glstylenet.pictures.formats import PictureFormat
from glstylenet.pictures.raster import Raster, SizeLimits
from glstylenet.pictures.read import read_picture
from glstylenet.pictures.resized_window import resized_rows
from glstylenet.pictures.source import PictureSource, stream_bytes
from glstylenet.pictures.transparency import over_white

__all__ = ["PictureStrips", "open_strips"]

_PIXELS_AT_ONCE = 2**20
"""Pixels whose colours are converted at a time."""


@dataclass
class PictureStrips:
    """`PictureStrips` is a picture to be read once, in rectangles, as it looks on white.

    ``name`` is the path, or what :class:`~glstylenet.pictures.Picture` calls it; ``sha256`` as there.
    ``notes`` and ``is_transparent`` are known when all of it is read.
    """

    name: str
    sha256: str
    notes: list[str]
    is_transparent: bool = False
    _stored_size: tuple[int, int] = (0, 0)
    _orientation: int = 1
    _rows: Iterable[Tensor] = field(default=(), repr=False)

    @property
    def size(self) -> tuple[int, int]:
        """The (height, width), upright."""
        return self._turned(self._stored_size)

    def resized(self, size: tuple[int, int]) -> Iterator[tuple[Rect, Tensor]]:
        """Yield rectangles of the picture, upright and resized to ``size``, and their pixels (1, 3, h, w).

        They are float32, 0..255, and cover it. Raises :class:`~glstylenet.errors.ImageError` for a damaged
        file.
        """
        target = self._turned(size)
        top = 0
        for rows in resized_rows(self._rows, self._stored_size, target):
            bottom = top + rows.shape[2]
            yield self._upright(rows, top, bottom, size)
            top = bottom

    def sampled(self, size: tuple[int, int]) -> Tensor:
        """Return the picture, upright, with the nearest pixels' colours: (1, 3, height, width) of ``size``.

        Flat colours stay what they are, as a semantic map needs it. The result is float32, 0..255.

        >>> with open_strips(np.array([[0, 0, 9, 9], [0, 0, 9, 9]], np.uint8)) as picture:
        ...     picture.sampled((1, 2))[0, 0].tolist()
        [[0.0, 9.0]]
        """
        target = self._turned(size)
        lines, columns = (
            ((torch.arange(count) + 0.5) * (length / count)).long()
            for count, length in zip(target, self._stored_size, strict=True)
        )
        sampled, top = [], 0
        for rows in self._rows:
            bottom = top + rows.shape[2]
            here = lines[(lines >= top) & (lines < bottom)] - top
            sampled.append(rows[:, :, here][..., columns])
            top = bottom
        return self._upright(torch.cat(sampled, dim=2), 0, target[0], size)[1]

    def _turned(self, size: tuple[int, int]) -> tuple[int, int]:
        return size[::-1] if self._orientation in SWAPPED else size

    def _upright(self, rows: Tensor, top: int, bottom: int, size: tuple[int, int]) -> tuple[Rect, Tensor]:
        """Return where the stored rows from ``top`` to ``bottom`` lie in the upright picture, and them so."""
        orientation, (height, width) = self._orientation, size
        is_swapped = orientation in SWAPPED
        flips = [axis for axis, flipped in ((2, (3, 4, 7, 8)), (3, (2, 3, 6, 7))) if orientation in flipped]
        pixels = rows.transpose(2, 3) if is_swapped else rows
        length = width if is_swapped else height
        if (3 if is_swapped else 2) in flips:
            top, bottom = length - bottom, length - top
        window = Rect(0, top, height, bottom) if is_swapped else Rect(top, 0, bottom, width)
        return window, pixels.flip(flips)


@contextlib.contextmanager
def open_strips(source: PictureSource, *, max_pixels: int = 200_000_000) -> Iterator[PictureStrips]:
    """Open a picture to be read in strips, from what :func:`~glstylenet.pictures.read_picture` takes.

    Raises the errors of that function; those of damaged samples come when these are read.

    >>> with open_strips(np.full((2, 4), 51, np.uint8)) as picture:
    ...     [(window.size, pixels.mean().item()) for window, pixels in picture.resized((2, 4))]
    [((2, 4), 51.0)]
    """
    with contextlib.ExitStack() as stack:
        if isinstance(source, str | os.PathLike):
            path = Path(source)
            file, form = open_picture(path)
            yield _of_file(stack.enter_context(file), form, str(path), str(path), max_pixels)
        elif not isinstance(source, np.ndarray | Image.Image) and hasattr(source, "read"):
            file = io.BytesIO(stream_bytes(source))
            form = format_of_file(file, "the open file")
            yield _of_file(file, form, "the open file", "stream", max_pixels)
        else:
            picture = read_picture(source, max_pixels=max_pixels)
            pixels = picture.over_white
            yield PictureStrips(
                picture.name,
                picture.sha256,
                list(picture.notes),
                picture.alpha is not None,
                picture.size,
                _rows=torch.split(pixels, max(1, _PIXELS_AT_ONCE // pixels.shape[3]), dim=2),
            )


def _of_file(file: BinaryIO, form: PictureFormat, where: str, name: str, max_pixels: int) -> PictureStrips:
    limits = SizeLimits(where, max_pixels, 1, available_memory(torch.device("cpu")))
    message = damaged(where, form)
    with errors_as_image_error(message):
        end = refuse_polyglot(file, where, form)
        strips = form.decode_strips(file, limits)
        if strips is None:
            file.seek(0)
            whole = with_warnings_as_notes(lambda: form.decode(file, limits))
            size, rasters = whole.colour.shape[:2], iter([whole])
        else:
            size, rasters = strips.size, _noting(strips.rasters)
        first = next(rasters)
        refuse_hdr(first, where)
        picture = PictureStrips(name, file_digest(file), list(first.notes), False, size, first.orientation)
        picture.notes += notes_on_end(file, end, form)
    picture._rows = _rows_over_white(itertools.chain([first], rasters), picture, message)
    return picture


def _noting(rasters: Iterator[Raster]) -> Iterator[Raster]:
    """Yield ``rasters`` with what decoders warn of as notes."""
    nothing = Raster(np.empty((0, 0, 0), np.uint8))
    while (raster := with_warnings_as_notes(lambda: next(rasters, nothing))) is not nothing:
        yield raster


def _rows_over_white(
    rasters: Iterator[Raster], picture: PictureStrips, message: Callable[[Exception], str]
) -> Iterator[Tensor]:
    """Yield rows (1, 3, h, W), as stored, in sRGB on white; what deserves a warning goes to ``picture``."""
    with errors_as_image_error(message):
        for raster in rasters:
            rows, columns = raster.colour.shape[:2]
            at_once = max(1, _PIXELS_AT_ONCE // columns)
            for top in range(0, rows, at_once):
                strip = raster.strip(top, top + at_once)
                colour, notes = to_srgb(strip, raster.space, raster.profile, raster.encoding)
                picture.notes += [note for note in notes if note not in picture.notes]
                in_planes = np.ascontiguousarray(np.moveaxis(colour, 2, 0), np.float32)
                pixels = torch.from_numpy(in_planes)[None].expand(1, 3, -1, -1)
                if raster.alpha is not None:
                    alpha = torch.from_numpy(raster.alpha[top : top + at_once])[None, None]
                    picture.is_transparent |= bool((alpha < 1).any())
                    pixels = over_white(pixels, alpha)
                yield pixels
