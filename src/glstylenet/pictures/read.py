"""Reading pictures: a file, an array or a Pillow image becomes a float32 sRGB tensor (1, 3, H, W) in 0..255.

The EXIF orientation is applied, the colour profile is converted to sRGB, 16-bit values are scaled (65535
becomes 255.0, nothing is rounded to 8 bits), and transparency is kept apart from the colours
(:mod:`~glstylenet.pictures.transparency`). Shapes: H height, W width, C colour channels.
"""

import hashlib
import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from glstylenet.errors import ImageError
from glstylenet.machine import available_memory
from glstylenet.pictures.colour_profiles import to_srgb
from glstylenet.pictures.decode import raster_of_image
from glstylenet.pictures.decoding import (
    SWAPPED,
    damaged,
    errors_as_image_error,
    file_digest,
    notes_on_end,
    refuse_hdr,
    with_warnings_as_notes,
)
from glstylenet.pictures.file_type import expected, format_of_file, open_picture, refuse_polyglot
from glstylenet.pictures.formats import PictureFormat
from glstylenet.pictures.raster import FloatArray, Raster, Samples, SizeLimits, to_float_samples
from glstylenet.pictures.source import PictureSource, stream_bytes, unknown_source
from glstylenet.pictures.transparency import fill_hidden, over_white

__all__ = ["Picture", "read_picture"]


_STRIPS, _SMALLEST_STRIP = 16, 2**18
"""Parts in which the colours of a picture are converted, and the pixels that each has at least."""


@dataclass(frozen=True)
class Picture:
    """A picture that was read, in sRGB.

    ``pixels`` are float32 (1, 3, H, W), 0..255, straight: not multiplied by ``alpha``. That is float32
    (1, 1, H, W), 1 where opaque, or None if the whole picture is. ``name`` is the file's stem, "stream",
    "array" or "image"; ``sha256`` is of the file's bytes, or, of an array or image, of the decoded pixels and
    transparency: stored samples alone do not say what is painted; ``notes`` say what deserves a warning,
    worded to follow the picture's name; ``full_size`` is the (height, width) of a picture of which a fraction
    was decoded.
    """

    pixels: Tensor
    alpha: Tensor | None
    name: str
    path: Path | None
    sha256: str
    notes: tuple[str, ...] = ()
    full_size: tuple[int, int] | None = None

    @property
    def over_white(self) -> Tensor:
        """The pixels as they show on white paper."""
        return over_white(self.pixels, self.alpha)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the picture; those of ``pixels`` unless it was decoded at a fraction."""
        return self.full_size or (self.pixels.shape[2], self.pixels.shape[3])


def read_picture(
    source: PictureSource,
    *,
    max_pixels: int = 200_000_000,
    smallest_side: int = 1,
    max_bytes: int | None = None,
    longest_used: int | None = None,
) -> Picture:
    """Read a picture from a file, an open file, a Pillow image or an array.

    Arrays are (H, W), (H, W, 3) or (H, W, 4), as uint8, as uint16 or as floats in 0..1; floating-point TIFF
    files hold 0..1 as well. Of a file with several frames or pages the first is read, with a note.
    ``max_pixels`` and ``smallest_side`` limit the size, ``max_bytes`` the memory that reading takes, which
    is never more than is free; all is checked before any pixel is decoded. Raises MemoryLimitError, and
    ImageError, saying what was found, what was expected and what to do.

    ``longest_used`` is the longest side that the picture will be brought to. A JPEG file at least six times
    as long is then decoded at a fraction of its size: ``pixels`` are fewer than ``size`` says.

    >>> picture = read_picture(np.full((2, 4), 51, np.uint8))
    >>> picture.pixels.shape, picture.pixels.max().item(), picture.alpha is None
    (torch.Size([1, 3, 2, 4]), 51.0, True)
    """
    free = available_memory(torch.device("cpu"))
    max_bytes = free if max_bytes is None else min(max_bytes, free)

    def limits(where: str) -> SizeLimits:
        return SizeLimits(where, max_pixels, smallest_side, max_bytes, longest_used)

    if isinstance(source, np.ndarray):
        return _finish(_from_array(source, limits("the array")), "array")
    if isinstance(source, Image.Image):
        limits("the image").check(*source.size, bytes_per_pixel=50)
        with errors_as_image_error(lambda error: f"The image cannot be decoded: {error}. {expected()}."):
            raster = with_warnings_as_notes(lambda: raster_of_image(source))
            return _finish(raster, "image")
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        file, form = open_picture(path)
        return _read_file(file, form, limits(str(path)), path.stem, path)
    if hasattr(source, "read"):
        file = io.BytesIO(stream_bytes(source))
        return _read_file(
            file, format_of_file(file, "the open file"), limits("the open file"), "stream", None
        )
    raise unknown_source(source)


def _read_file(
    file: BinaryIO, form: PictureFormat, limits: SizeLimits, name: str, path: Path | None
) -> Picture:
    with file, errors_as_image_error(damaged(limits.where, form)):
        end = refuse_polyglot(file, limits.where, form)
        file.seek(0)
        raster = with_warnings_as_notes(lambda: form.decode(file, limits))
        raster.notes += notes_on_end(file, end, form)
        return _finish(raster, name, path, file_digest(file))


def _from_array(array: npt.NDArray[np.generic], limits: SizeLimits) -> Raster:
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)):
        raise ImageError(
            f"The array has the shape {array.shape}; expected (H, W), (H, W, 3) or (H, W, 4). "
            "Move the colour channels to the last axis."
        )
    limits.check(array.shape[1], array.shape[0])
    stored = array.reshape(*array.shape[:2], -1)
    try:
        is_kept = stored.dtype in (np.uint8, np.uint16)
        samples = cast(Samples, stored) if is_kept else to_float_samples(stored)
    except ValueError as error:
        raise ImageError(f"The array holds {error}. Scale it, or convert it to uint8.") from error
    if samples.shape[2] == 4:
        alpha = Raster(samples[..., 3:]).strip(0, len(samples))[..., 0] / np.float32(255)
        return Raster(samples[..., :3], alpha=alpha)
    return Raster(samples, space="L" if samples.shape[2] == 1 else "RGB")


def _digest(*planes: Tensor | None) -> str:
    """Return the SHA-256 of shapes and values: black pictures of two shapes are two pictures."""
    digest = hashlib.sha256()
    for plane in planes:
        digest.update(f"{None if plane is None else tuple(plane.shape)} ".encode())
        if plane is not None:
            digest.update(plane.numpy().data)
    return digest.hexdigest()


def _finish(raster: Raster, name: str, path: Path | None = None, sha256: str | None = None) -> Picture:
    """Convert ``raster`` to sRGB, fill what is hidden, turn it upright; its own digest is the default."""
    refuse_hdr(raster, str(path or f"The {name}"))
    rows, columns = raster.colour.shape[:2]
    pixels, stored = _upright(rows, columns, 3, raster.orientation)
    notes: list[str] = []
    # In strips, so that the picture is not held several times in floating point.
    step = max(1, -(-rows // _STRIPS), _SMALLEST_STRIP // columns)
    for top in range(0, rows, step):
        strip = raster.strip(top, top + step)
        stored[top : top + step], found = to_srgb(strip, raster.space, raster.profile, raster.encoding)
        notes += found
    alpha = None
    if raster.alpha is not None and (raster.alpha < 1).any():
        stored[...] = fill_hidden(stored, raster.alpha)
        alpha, stored_alpha = _upright(rows, columns, 1, raster.orientation)
        stored_alpha[..., 0] = raster.alpha
    full_size = raster.full_size
    if full_size is not None and raster.orientation in SWAPPED:
        full_size = full_size[::-1]
    digest = sha256 or _digest(pixels, alpha)
    return Picture(pixels, alpha, name, path, digest, (*raster.notes, *dict.fromkeys(notes)), full_size)


def _upright(rows: int, columns: int, channels: int, orientation: int) -> tuple[Tensor, FloatArray]:
    """Return an upright picture (1, C, H, W) to be filled, and its view (rows, columns, C) as stored.

    ``orientation`` is EXIF's.
    """
    swapped = orientation in SWAPPED
    pixels = np.empty((channels, columns, rows) if swapped else (channels, rows, columns), np.float32)
    stored = np.moveaxis(pixels, 0, 2)
    if orientation in (2, 3, 6, 7):
        stored = stored[:, ::-1]
    if orientation in (3, 4, 7, 8):
        stored = stored[::-1]
    if swapped:
        stored = stored.swapaxes(0, 1)
    return torch.from_numpy(pixels)[None], stored
