"""Rasters: decoded samples of a picture on their way to sRGB, and the sizes that are accepted.

Shapes: H height, W width, C colour channels (1 grey, 3 RGB or CIELAB, 4 CMYK).
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import cast

import numpy as np
import numpy.typing as npt
import tifffile
from PIL import Image

from glstylenet.errors import ImageError, MemoryLimitError
from glstylenet.pictures.colour_encoding import ColourEncoding

__all__ = [
    "DECODING_ERRORS",
    "FloatArray",
    "Raster",
    "RasterStrips",
    "Samples",
    "SizeLimits",
    "divide_by_alpha",
    "integers_as_samples",
    "to_float_samples",
]


_ROUNDING = 1e-4
"""How far floats may lie outside of 0..1: resampling and colour conversions end there by rounding."""


FloatArray = npt.NDArray[np.float32]
"""Samples of a picture in 0..255."""


Samples = npt.NDArray[np.uint8 | np.uint16 | np.float32]
"""Samples as they were stored, which takes a quarter or half of the memory: bytes, 16 bits, or 0..255."""


DECODING_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    EOFError,
    RuntimeError,
    struct.error,
    zlib.error,
    tifffile.TiffFileError,
    Image.DecompressionBombError,
)
"""Exceptions that decoders raise for damaged files. Pillow documents OSError only."""


@dataclass
class Raster:
    """Decoded samples: ``colour`` (H, W, C), ``alpha`` (H, W) in 0..1, and how to show them.

    ``colour`` is in 0..255 if it is float32, else of 8 or 16 bits. ``space`` is Pillow's name of the colour
    space: L, RGB, CMYK or LAB, whose channels are L* 255 / 100, a* + 128 and b* + 128 (white D50);
    ``profile`` the ICC profile, ``encoding`` what else the file says of its colours; ``orientation`` EXIF's,
    1..8; ``notes`` say what deserves a warning, worded to follow the picture's name; ``full_size`` is the
    (rows, columns) of a picture that was decoded at a fraction of its size.
    """

    colour: Samples
    alpha: FloatArray | None = None
    space: str = "RGB"
    profile: bytes | None = None
    orientation: int = 1
    notes: list[str] = field(default_factory=list)
    encoding: ColourEncoding | None = None
    full_size: tuple[int, int] | None = None

    def strip(self, top: int, bottom: int) -> FloatArray:
        """Return the rows from ``top`` to ``bottom`` of the colours, in 0..255.

        >>> Raster(np.full((4, 1, 1), 514, np.uint16)).strip(1, 2).tolist()
        [[[2.0]]]
        """
        rows = self.colour[top:bottom]
        return cast(FloatArray, rows) if rows.dtype == np.float32 else to_float_samples(rows)

    def note_frames(self, count: int, frames: str = "frames") -> None:
        """Note that only the first of ``count`` is used, if there are several; ``frames`` is their name."""
        if count > 1:
            self.notes.append(f"holds {count} {frames}; only the first is used")


@dataclass(frozen=True)
class RasterStrips:
    """A picture that is decoded from top to bottom, some rows at a time: it never is in memory as a whole.

    ``size`` is its (rows, columns) as stored; ``rasters`` yields its rows, once, and raises any exception for
    a damaged file. What the first one says of the picture, its notes included, holds for all.
    """

    size: tuple[int, int]
    rasters: Iterator[Raster]


@dataclass(frozen=True)
class SizeLimits:
    """The sizes that are accepted, in pixels and, unless ``max_bytes`` is None, in bytes of memory.

    ``where`` names the picture in messages. ``longest_used`` is the longest side that the picture will be
    brought to, None if that is not known: a decoder may then decode a fraction of a much longer one.

    >>> SizeLimits("a.png", max_pixels=100, smallest_side=4).check(20, 5)
    >>> SizeLimits("a.png", max_pixels=100, smallest_side=4).check(20, 3)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    glstylenet.errors.ImageError: a.png: the picture is 20 x 3 pixels (width x height)...
    """

    where: str
    max_pixels: int
    smallest_side: int
    max_bytes: int | None = None
    longest_used: int | None = None

    def check(self, width: int, height: int, *, bytes_per_pixel: int = 20, more_bytes: int = 0) -> None:
        """Refuse a size outside the limits; called before any pixel is decoded.

        Reading takes ``bytes_per_pixel``, the result included, and ``more_bytes``, such as those of a file
        that has to be read whole. Raises ImageError and MemoryLimitError.
        """
        found = f"{self.where}: the picture is {width} x {height} pixels (width x height)"
        if min(width, height) < max(1, self.smallest_side):
            side = max(1, self.smallest_side)
            raise ImageError(f"{found}; the smallest accepted size is {side} x {side}. Use a larger picture.")
        if width * height > self.max_pixels:
            raise ImageError(
                f"{found}, {width * height:,} in all; at most {self.max_pixels:,} are accepted. Make it "
                "smaller, or raise the limit with --max-pixels if you trust the file and have the memory."
            )
        needed = width * height * bytes_per_pixel + more_bytes
        if self.max_bytes is not None and needed > self.max_bytes:
            raise MemoryLimitError(
                f"{found}, and reading it takes {needed / 2**20:,.0f} MiB of memory; "
                f"{max(0, self.max_bytes) / 2**20:,.0f} MiB may be used. Make the picture smaller, give "
                "--memory more, or close other programs."
            )


def to_float_samples(samples: npt.NDArray[np.generic]) -> FloatArray:
    """Return ``samples`` as float32 in 0..255; they are uint8, uint16 or floats in 0..1, up to rounding.

    Raises ValueError for other types and values.

    >>> to_float_samples(np.array([0, 257, 65535], np.uint16)).tolist()
    [0.0, 1.0, 255.0]
    """
    if samples.dtype == np.uint8:
        return samples.astype(np.float32)
    if samples.dtype.newbyteorder("=") == np.uint16:
        return samples.astype(np.float32) / np.float32(257)
    if not np.issubdtype(samples.dtype, np.floating):
        raise ValueError(f"samples of type {samples.dtype}; expected uint8, uint16 or floats in 0..1")
    values = samples.astype(np.float32)
    if not np.isfinite([values.min(), values.max()]).all():  # either is NaN if any value is
        raise ValueError("values that are not finite (NaN or infinite); expected floats in 0..1")
    if values.min() < -_ROUNDING or values.max() > 1 + _ROUNDING:
        raise ValueError(f"floats from {values.min():.7g} to {values.max():.7g}; expected 0..1")
    values = np.clip(values, 0, 1, out=values)
    values *= 255
    return values


def integers_as_samples(samples: npt.NDArray[np.generic]) -> tuple[Samples, list[str]]:
    """Return integers that may have 8 or 16 bits, told by their range, and a note that says which.

    Pillow's mode I and signed TIFF files hold either. Raises ValueError for values that fit neither.

    >>> integers_as_samples(np.array([0, 255]))[0].dtype, integers_as_samples(np.array([0, 256]))[0].dtype
    (dtype('uint8'), dtype('uint16'))
    """
    least, largest = int(samples.min()), int(samples.max())
    if least < 0 or largest > 65535:
        raise ValueError(f"integers from {least} to {largest}; expected 0 to 65535")
    if largest > 255:
        return samples.astype(np.uint16), []
    return samples.astype(np.uint8), ["holds integers of at most 255, which are taken as 8-bit samples"]


def divide_by_alpha(colour: FloatArray, alpha: FloatArray | None) -> FloatArray:
    """Return the colours (H, W, C) of samples stored multiplied by ``alpha`` (H, W); black where it is 0."""
    if alpha is None:
        return colour
    share = alpha[..., None]
    return np.clip(np.divide(colour, share, out=np.zeros_like(colour), where=share > 0), 0, 255)
