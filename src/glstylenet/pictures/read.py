"""Reading pictures: a file, an array or a Pillow image becomes a float32 sRGB tensor (1, 3, H, W) in 0..255.

The EXIF orientation is applied, the colour profile is converted to sRGB, 16-bit values are scaled (65535
becomes 255.0, nothing is rounded to 8 bits), and transparency is kept apart from the colours
(:mod:`~glstylenet.pictures.transparency`). Shapes: H height, W width, C colour channels.
"""

import hashlib
import os
import threading
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from glstylenet.errors import ImageError
from glstylenet.pictures.colour_profiles import to_srgb
from glstylenet.pictures.decode import raster_of_image
from glstylenet.pictures.file_type import expected, format_of_bytes, read_bytes
from glstylenet.pictures.raster import DECODING_ERRORS, FloatArray, Raster, SizeLimits, to_float_samples
from glstylenet.pictures.source import PictureSource, stream_bytes, unknown_source
from glstylenet.pictures.transparency import fill_hidden, over_white

__all__ = ["Picture", "read_picture"]


_WARNING_FILTERS = threading.Lock()


@dataclass(frozen=True)
class Picture:
    """A picture that was read, in sRGB.

    ``pixels`` are float32 (1, 3, H, W), 0..255, straight: not multiplied by ``alpha``. That is float32
    (1, 1, H, W), 1 where opaque, or None if the whole picture is. ``name`` is the file's stem, "stream",
    "array" or "image"; ``sha256`` is of the file's bytes, or, of an array or image, of the decoded pixels and
    transparency: stored samples alone do not say what is painted; ``notes`` say what deserves a warning,
    worded to follow the picture's name.
    """

    pixels: Tensor
    alpha: Tensor | None
    name: str
    path: Path | None
    sha256: str
    notes: tuple[str, ...] = ()

    @property
    def over_white(self) -> Tensor:
        """The pixels as they show on white paper."""
        return over_white(self.pixels, self.alpha)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.pixels.shape[2], self.pixels.shape[3]


def read_picture(source: PictureSource, *, max_pixels: int = 200_000_000, smallest_side: int = 1) -> Picture:
    """Read a picture from a file, an open file, a Pillow image or an array.

    Arrays are (H, W), (H, W, 3) or (H, W, 4), as uint8, as uint16 or as floats in 0..1; floating-point TIFF
    files hold 0..1 as well. Of a file with several frames or pages the first is read, with a note.
    ``max_pixels`` and ``smallest_side`` limit the size; it is checked before any pixel is decoded.
    Raises ImageError, saying what was found, what was expected and what to do.

    >>> picture = read_picture(np.full((2, 4), 51, np.uint8))
    >>> picture.pixels.shape, picture.pixels.max().item(), picture.alpha is None
    (torch.Size([1, 3, 2, 4]), 51.0, True)
    """
    if isinstance(source, np.ndarray):
        limits = SizeLimits("the array", max_pixels, smallest_side)
        return _finish(_from_array(source, limits), "array")
    if isinstance(source, Image.Image):
        limits = SizeLimits("the image", max_pixels, smallest_side)
        limits.check(*source.size)
        try:
            raster = _with_warnings_as_notes(lambda: raster_of_image(source))
        except DECODING_ERRORS as error:
            raise ImageError(
                f"The image cannot be decoded: {error}. {expected()} that is complete."
            ) from error
        return _finish(raster, "image")
    if isinstance(source, str | os.PathLike):
        path: Path | None = Path(source)
        where, name = str(path), Path(source).stem
        data, form = read_bytes(Path(source))
    elif hasattr(source, "read"):
        path, where, name = None, "the open file", "stream"
        data = stream_bytes(source)
        form = format_of_bytes(data, where)
    else:
        raise unknown_source(source)
    limits = SizeLimits(where, max_pixels, smallest_side)
    try:
        raster = _with_warnings_as_notes(lambda: form.decode(data, limits))
    except DECODING_ERRORS as error:
        raise ImageError(
            f"{where}: begins like a {form.name} picture but cannot be decoded ({error}). The file is cut "
            f"short, damaged or of a rare kind. {expected()}; fetch it again, or save it as PNG elsewhere."
        ) from error
    return _finish(raster, name, path, hashlib.sha256(data).hexdigest())


def _with_warnings_as_notes(decode: Callable[[], Raster]) -> Raster:
    """Return what ``decode`` returns; Pillow's warnings of damaged metadata become notes."""
    # Warning filters belong to the whole process. So threads take turns here, and a warning that some other
    # thread gives meanwhile ends up among these.
    record = warnings.catch_warnings(record=True, action="always", category=UserWarning)
    with _WARNING_FILTERS, record as caught:
        raster = decode()
    words = (" ".join(str(each.message).split()).rstrip(".") for each in caught)
    raster.notes.extend(f"has damaged metadata ({each})" for each in dict.fromkeys(words))
    return raster


def _from_array(array: npt.NDArray[np.generic], limits: SizeLimits) -> Raster:
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)):
        raise ImageError(
            f"The array has the shape {array.shape}; expected (H, W), (H, W, 3) or (H, W, 4). "
            "Move the colour channels to the last axis."
        )
    limits.check(array.shape[1], array.shape[0])
    try:
        samples = to_float_samples(array.reshape(*array.shape[:2], -1))
    except ValueError as error:
        raise ImageError(f"The array holds {error}. Scale it, or convert it to uint8.") from error
    if samples.shape[2] == 4:
        return Raster(samples[..., :3], alpha=samples[..., 3] / np.float32(255))
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
    if raster.encoding is not None and raster.encoding.hdr:
        raise ImageError(
            f"{path or f'The {name}'}: holds colours of high dynamic range ({raster.encoding.hdr}), for "
            "which sRGB has no equal. Expected a picture of standard range; convert it where HDR is shown."
        )
    colour, notes = to_srgb(raster.colour, raster.space, raster.profile, raster.encoding)
    alpha = None
    if raster.alpha is not None and (raster.alpha < 1).any():
        colour = fill_hidden(colour, raster.alpha)
        alpha = _upright(raster.alpha[..., None], raster.orientation)
    pixels = _upright(np.broadcast_to(colour, (*colour.shape[:2], 3)), raster.orientation)
    return Picture(pixels, alpha, name, path, sha256 or _digest(pixels, alpha), (*raster.notes, *notes))


def _upright(array: FloatArray, orientation: int) -> Tensor:
    """Return a copy of ``array`` (H, W, C), turned upright, (1, C, H, W); ``orientation`` is EXIF's."""
    if orientation in (5, 6, 7, 8):  # stored with rows and columns exchanged
        array = array.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    return torch.from_numpy(np.moveaxis(array, 2, 0).astype(np.float32, order="C"))[None]
