"""TIFF files: with the layouts and the depth that Pillow does not read or write."""

import logging
from pathlib import Path
from typing import IO, BinaryIO

import numpy as np
import numpy.typing as npt
import tifffile
from PIL import TiffImagePlugin

from glstylenet.errors import ImageError
from glstylenet.pictures.colour_profiles import srgb_profile
from glstylenet.pictures.decode import decode_with_pillow
from glstylenet.pictures.png16 import Samples as WrittenSamples
from glstylenet.pictures.raster import (
    FloatArray,
    Raster,
    Samples,
    SizeLimits,
    divide_by_alpha,
    integers_as_samples,
    to_float_samples,
)
from glstylenet.pictures.tiff_directory import camera_raw, count_pages

__all__ = ["decode_tiff", "encode_tiff", "tiff_recipe"]


_DESCRIPTION = 270  # the tag ImageDescription, which holds the recipe


_ORIENTATION = 274


_ICC_PROFILE = 34675


_BITS_PER_SAMPLE, _SAMPLE_FORMAT = 258, 339


_UNSIGNED = 1


_SMALL_SEGMENT = 32 * 2**20
"""Bytes that a tile may have, however small the picture is."""


_LAYOUTS = {
    tifffile.PHOTOMETRIC.MINISWHITE: ("L", 1),
    tifffile.PHOTOMETRIC.MINISBLACK: ("L", 1),
    tifffile.PHOTOMETRIC.RGB: ("RGB", 3),
    tifffile.PHOTOMETRIC.SEPARATED: ("CMYK", 4),
    tifffile.PHOTOMETRIC.CIELAB: ("LAB", 3),
    tifffile.PHOTOMETRIC.ICCLAB: ("LAB", 3),
}
"""What tifffile decodes: the colour space and its channels."""


logging.getLogger("tifffile").addHandler(logging.NullHandler())  # what it says of damage is raised as well


def decode_tiff(file: BinaryIO, limits: SizeLimits) -> Raster:
    """Decode the first page; raises any exception for a damaged file, ImageError for a camera raw.

    Pillow decodes samples of up to 8 bits in the layouts that it knows, tifffile all others.
    """
    if (kind := camera_raw(file)) is not None:
        raise ImageError(
            f"{limits.where}: is {kind}, which holds what the sensor measured and not yet a picture. Develop "
            "it in a raw converter, and save it as a 16-bit TIFF or PNG file."
        )
    file.seek(0)
    with tifffile.TiffFile(file) as tiff:
        page = tiff.pages.first
        segment_bytes = _check_segments(page)
        limits.check(page.imagewidth, page.imagelength, more_bytes=segment_bytes)
        raster = _decode_with_pillow(file, page, limits) or _decode_with_tifffile(page, limits, segment_bytes)
    raster.note_frames(count_pages(file), "pages")
    return raster


def encode_tiff(file: IO[bytes], samples: WrittenSamples, recipe: str | None) -> tuple[str, ...]:
    """Write a deflated TIFF file of 8 or 16 bits (Pillow writes no 16-bit colour), recipe included."""
    tifffile.imwrite(
        file,
        samples,
        photometric="rgb",
        extrasamples=["unassalpha"] if samples.shape[2] == 4 else None,
        compression="zlib",
        predictor=True,
        iccprofile=srgb_profile(),
        description=None if recipe is None else recipe.encode(),
        metadata=None,
        software=False,
    )
    return ()


def tiff_recipe(path: Path) -> str | None:
    """Return the text of ImageDescription, where a recipe lies; None if there is none."""
    with tifffile.TiffFile(path) as file:
        text = file.pages.first.tags.valueof(_DESCRIPTION)
    return text if isinstance(text, str) else None


def _check_segments(page: tifffile.TiffPage) -> int:
    """Return the bytes of a decoded tile or strip.

    Raises ValueError if it is much larger than the picture, or lies outside of the file.
    """
    rows, columns = page.imagelength, page.imagewidth
    samples = 1 if page.planarconfig == tifffile.PLANARCONFIG.SEPARATE else page.samplesperpixel
    if page.is_tiled:
        rows, columns = page.tilelength, page.tilewidth
    sample_bytes = (int(page.bitspersample) + 7) // 8 * samples
    needed = rows * columns * sample_bytes
    if needed > max(_SMALL_SEGMENT, 4 * page.imagelength * page.imagewidth * sample_bytes):
        raise ValueError(
            f"tiles of {columns} x {rows} pixels for a picture of {page.imagewidth} x {page.imagelength}"
        )
    size = page.parent.filehandle.size
    segments = list(zip(page.dataoffsets, page.databytecounts, strict=True))
    if not segments or any(length == 0 or start + length > size for start, length in segments):
        raise ValueError("a part of the samples is missing")
    return needed


def _decode_with_pillow(file: BinaryIO, page: tifffile.TiffPage, limits: SizeLimits) -> Raster | None:
    """Return what Pillow reads; None if it does not know the layout, or would read it wrongly."""
    bits = np.atleast_1d(page.tags.valueof(_BITS_PER_SAMPLE, default=1))
    formats = np.atleast_1d(page.tags.valueof(_SAMPLE_FORMAT, default=1))
    if max(bits) > 8 or any(formats != _UNSIGNED):
        return None
    try:
        return decode_with_pillow(TiffImagePlugin.TiffImageFile, file, limits, counts_frames=False)
    except SyntaxError:
        return None


def _decode_with_tifffile(page: tifffile.TiffPage, limits: SizeLimits, segment_bytes: int) -> Raster:
    """Decode samples of any depth: grey, RGB, CMYK and CIELAB, also in planes, with or without alpha."""
    layout = _LAYOUTS.get(tifffile.PHOTOMETRIC(page.photometric))
    bits = set(np.atleast_1d(page.tags.valueof(_BITS_PER_SAMPLE, default=1)).tolist())
    found = (
        f"{page.samplesperpixel} samples of {'/'.join(map(str, bits))} bits that mean {page.photometric!s}"
    )
    if layout is None or len(bits) > 1 or page.imagedepth > 1 or page.dtype is None:
        raise ValueError(f"{found}, a layout that is not read")
    space, count = layout
    if page.samplesperpixel < count:
        raise ValueError(f"{found}; expected {count} or more")
    limits.check(
        page.imagewidth,
        page.imagelength,
        bytes_per_pixel=16 + 2 * page.samplesperpixel * max(2, page.dtype.itemsize),
        more_bytes=segment_bytes,
    )
    planes = page.asarray(squeeze=False)  # (planes, 1, H, W, samples)
    samples = planes[0, 0] if planes.shape[0] == 1 else np.moveaxis(planes[:, 0, ..., 0], 0, -1)
    tags = {
        code: page.tags.valueof(code, default=default)
        for code, default in ((_ORIENTATION, 1), (_ICC_PROFILE, None))
    }
    raster = Raster(samples, None, space, tags[_ICC_PROFILE], int(tags[_ORIENTATION]))
    if space == "LAB":
        colour: Samples = _cielab(samples[..., :count], page)
    else:
        colour, raster.notes = _scaled(samples[..., :count], bits.pop())
    if page.photometric == tifffile.PHOTOMETRIC.MINISWHITE:
        colour = (65535 if colour.dtype == np.uint16 else 255) - colour
    extra = page.extrasamples[:1]
    if extra and extra[0] in (tifffile.EXTRASAMPLE.ASSOCALPHA, tifffile.EXTRASAMPLE.UNASSALPHA):
        alpha, _ = _scaled(samples[..., count], page.bitspersample)
        raster.alpha = to_float_samples(alpha) if alpha.dtype != np.float32 else alpha.astype(np.float32)
        raster.alpha /= 255
        if extra[0] == tifffile.EXTRASAMPLE.ASSOCALPHA:
            colour = divide_by_alpha(Raster(colour).strip(0, len(colour)), raster.alpha)
    raster.colour = colour
    return raster


def _scaled(samples: npt.NDArray[np.generic], bits: int) -> tuple[Samples, list[str]]:
    """Return samples as a raster holds them, and notes; ValueError for types and values without a meaning."""
    if samples.dtype.kind == "i":
        return integers_as_samples(samples)
    if samples.dtype.kind == "u" and bits not in (8, 16):
        scaled = samples.astype(np.float32)
        scaled *= 255 / (2**bits - 1)
        return scaled, []
    if samples.dtype.kind == "u":
        return samples.astype(np.uint8 if bits == 8 else np.uint16, copy=False), []
    return to_float_samples(samples), []


def _cielab(samples: npt.NDArray[np.generic], page: tifffile.TiffPage) -> FloatArray:
    """Return CIELAB as a raster holds it: L* 255 / 100, a* + 128, b* + 128.

    TIFF has two encodings (TIFF 6.0, section 23; Adobe Photoshop TIFF Technical Notes, 2002): CIELAB with
    signed a* and b*, and ICCLAB, where they are unsigned and, in 16 bits, L* ends at 0xFF00.
    """
    depth = samples.dtype.itemsize * 8
    if samples.dtype.kind != "u" or depth not in (8, 16):
        raise ValueError(f"CIELAB of type {samples.dtype}; expected 8 or 16 bits")
    values = samples.astype(np.float32)
    unit, white = 2 ** (depth - 8), 2**depth - 1
    if page.photometric == tifffile.PHOTOMETRIC.ICCLAB:
        white = 255 * unit
    else:
        values[..., 1:] = (values[..., 1:] + 128 * unit) % (256 * unit)  # from two's complement
    values[..., 0] *= 255 / white
    values[..., 1:] /= unit
    return values
