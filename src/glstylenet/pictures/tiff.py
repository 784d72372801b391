"""TIFF files: with the layouts and the depth that Pillow does not read or write."""

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, BinaryIO

import numpy as np
import numpy.typing as npt
import tifffile
from PIL import TiffImagePlugin

from glstylenet.errors import ImageError
from glstylenet.pictures.colour_profiles import srgb_profile
from glstylenet.pictures.decode import decode_with_pillow, pillow_metadata
from glstylenet.pictures.png16 import Samples as WrittenSamples
from glstylenet.pictures.raster import (
    FloatArray,
    Raster,
    RasterStrips,
    Samples,
    SizeLimits,
    divide_by_alpha,
    integers_as_samples,
    to_float_samples,
)
from glstylenet.pictures.tiff_directory import camera_raw, count_pages

__all__ = ["decode_tiff", "encode_tiff", "tiff_recipe", "tiff_strips"]


_DESCRIPTION = 270  # the tag ImageDescription, which holds the recipe


_ORIENTATION = 274


_ICC_PROFILE = 34675


_BITS_PER_SAMPLE, _SAMPLE_FORMAT = 258, 339


_UNSIGNED = 1


_ALPHAS = {tifffile.EXTRASAMPLE.ASSOCALPHA, tifffile.EXTRASAMPLE.UNASSALPHA}


_LARGEST_ROW = 192 * 2**20
"""Bytes that a row of tiles, or a strip, may take for the picture to be decoded row by row."""


_PIXELS_AT_ONCE = 2**20
"""Pixels whose colours are computed at a time."""


_SMALL_SEGMENT = 32 * 2**20
"""Bytes that a tile may have, however small the picture is."""


_Layout = tuple[str, int]
"""A colour space and its channels."""


_LAYOUTS: dict[tifffile.PHOTOMETRIC, _Layout] = {
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
    _refuse_raw(file, limits)
    file.seek(0)
    with tifffile.TiffFile(file) as tiff:
        page = tiff.pages.first
        segment_bytes = _check_segments(page)
        limits.check(page.imagewidth, page.imagelength, more_bytes=segment_bytes)
        raster = _decode_with_pillow(file, page, limits) or _decode_with_tifffile(page, limits, segment_bytes)
    raster.note_frames(count_pages(file), "pages")
    return raster


def tiff_strips(file: BinaryIO, limits: SizeLimits) -> RasterStrips | None:
    """Return the first page of a file, to be decoded a row of tiles, or a strip, at a time.

    None for layouts that only the whole is read of: palettes, fewer than 8 bits, signed integers, CIELAB,
    YCbCr that is not JPEG, and segments of more than :data:`_LARGEST_ROW`, unless they are stored as they
    are. Raises any exception for a damaged file, ImageError for a camera raw.
    """
    _refuse_raw(file, limits)
    file.seek(0)
    tiff = tifffile.TiffFile(file)  # closed with the file
    page = tiff.pages.first
    _check_segments(page)
    layout = _layout_of_strips(page)
    rows = None if layout is None else _rows_of_segments(page)
    if layout is None or rows is None:
        return None
    limits.check(page.imagewidth, page.imagelength, bytes_per_pixel=0)
    metadata = _metadata_of_bytes(file, page)
    metadata.note_frames(count_pages(file), "pages")

    def rasters() -> Iterator[Raster]:
        at_once = max(1, _PIXELS_AT_ONCE // page.imagewidth)
        for strip in rows:
            for top in range(0, len(strip), at_once):
                raster = _raster_of_samples(strip[top : top + at_once], page, layout)
                raster.encoding = metadata.encoding
                raster.notes += metadata.notes
                yield raster

    return RasterStrips((page.imagelength, page.imagewidth), rasters())


def _refuse_raw(file: BinaryIO, limits: SizeLimits) -> None:
    if (kind := camera_raw(file)) is not None:
        raise ImageError(
            f"{limits.where}: is {kind}, which holds what the sensor measured and not yet a picture. Develop "
            "it in a raw converter, and save it as a 16-bit TIFF or PNG file."
        )


def _layout_of_strips(page: tifffile.TiffPage) -> _Layout | None:
    """Return the layout if strips are decoded to what the whole is, which Pillow decodes up to 8 bits."""
    bits = set(np.atleast_1d(page.tags.valueof(_BITS_PER_SAMPLE, default=1)).tolist())
    layout = _LAYOUTS.get(tifffile.PHOTOMETRIC(page.photometric))
    if page.photometric == tifffile.PHOTOMETRIC.YCBCR and page.compression == tifffile.COMPRESSION.JPEG:
        layout = ("RGB", 3)  # converted by the codec
    if layout is None or len(bits) > 1 or page.imagedepth > 1 or page.dtype is None or max(bits) < 8:
        return None
    space, count = layout
    if space == "LAB" or page.dtype.kind not in "uf" or page.samplesperpixel not in (count, count + 1):
        return None
    if page.samplesperpixel == count + 1 and not set(page.extrasamples) <= _ALPHAS:
        return None
    return layout


def _metadata_of_bytes(file: BinaryIO, page: tifffile.TiffPage) -> Raster:
    """Return the encoding that the whole is read with, and notes: of deep samples, no tags of colours are."""
    if page.bitspersample <= 8:
        with contextlib.suppress(SyntaxError):  # what Pillow does not know
            return pillow_metadata(TiffImagePlugin.TiffImageFile, file)
    return Raster(np.empty(0, np.uint8))


def _rows_of_segments(page: tifffile.TiffPage) -> Iterator[npt.NDArray[Any]] | None:
    """Return the samples (rows, W, samples) of each row of tiles or strips; None if these are too large."""
    segment_rows = min(page.tilelength if page.is_tiled else page.rowsperstrip, page.imagelength)
    row_bytes = page.imagewidth * page.samplesperpixel * (-(-page.bitspersample // 8))
    if segment_rows * row_bytes <= _LARGEST_ROW:
        return _decoded_rows(page, segment_rows)
    in_planes = page.planarconfig == tifffile.PLANARCONFIG.SEPARATE and page.samplesperpixel > 1
    return _stored_rows(page) if page.is_memmappable and not in_planes else None


def _decoded_rows(page: tifffile.TiffPage, segment_rows: int) -> Iterator[npt.NDArray[Any]]:
    """Decode the segments of each row of them, into the same array: what is yielded holds until the next.

    Tiles at the borders reach beyond the picture.
    """
    in_planes = page.planarconfig == tifffile.PLANARCONFIG.SEPARATE and page.samplesperpixel > 1
    planes = page.samplesperpixel if in_planes else 1
    across = -(-page.imagewidth // page.tilewidth) if page.is_tiled else 1
    down = -(-page.imagelength // segment_rows)
    handle = page.parent.filehandle
    decoded = np.empty((segment_rows, page.imagewidth, page.samplesperpixel), page.dtype)
    for row in range(down):
        top = row * segment_rows
        strip = decoded[: page.imagelength - top]
        for plane in range(planes):
            for column in range(across):
                index = (plane * down + row) * across + column
                handle.seek(page.dataoffsets[index])
                data = handle.read(page.databytecounts[index])
                segment, _, _ = page.decode(
                    data, index, jpegtables=page.jpegtables, jpegheader=page.jpegheader
                )
                if segment is None:
                    raise ValueError("a part of the samples is missing")
                left = column * page.tilewidth if page.is_tiled else 0
                piece = segment[0, : len(strip), : page.imagewidth - left]
                samples = slice(plane, plane + 1) if in_planes else slice(None)
                strip[: piece.shape[0], left : left + piece.shape[1], samples] = piece
        yield strip


def _stored_rows(page: tifffile.TiffPage) -> Iterator[npt.NDArray[Any]]:
    """Read samples that lie in the file as they are, one after another."""
    handle = page.parent.filehandle
    stored = np.dtype(page.dtype).newbyteorder(page.parent.byteorder)
    row_samples = page.imagewidth * page.samplesperpixel
    at_once = max(1, _PIXELS_AT_ONCE // page.imagewidth)
    for top in range(0, page.imagelength, at_once):
        rows = min(at_once, page.imagelength - top)
        handle.seek(page.dataoffsets[0] + top * row_samples * stored.itemsize)
        data = handle.read(rows * row_samples * stored.itemsize)
        values = np.frombuffer(data, stored).reshape(rows, page.imagewidth, page.samplesperpixel)
        yield values.astype(page.dtype)


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
    if page.samplesperpixel < layout[1]:
        raise ValueError(f"{found}; expected {layout[1]} or more")
    limits.check(
        page.imagewidth,
        page.imagelength,
        bytes_per_pixel=16 + 2 * page.samplesperpixel * max(2, page.dtype.itemsize),
        more_bytes=segment_bytes,
    )
    planes = page.asarray(squeeze=False)  # (planes, 1, H, W, samples)
    samples = planes[0, 0] if planes.shape[0] == 1 else np.moveaxis(planes[:, 0, ..., 0], 0, -1)
    return _raster_of_samples(samples, page, layout)


def _raster_of_samples(samples: npt.NDArray[Any], page: tifffile.TiffPage, layout: _Layout) -> Raster:
    """Return what the ``samples`` (H, W, samples of a pixel) of some rows mean."""
    space, count = layout
    tags = {
        code: page.tags.valueof(code, default=default)
        for code, default in ((_ORIENTATION, 1), (_ICC_PROFILE, None))
    }
    raster = Raster(samples, None, space, tags[_ICC_PROFILE], int(tags[_ORIENTATION]))
    if space == "LAB":
        colour: Samples = _cielab(samples[..., :count], page)
    else:
        colour, raster.notes = _scaled(samples[..., :count], int(page.bitspersample))
    if page.photometric == tifffile.PHOTOMETRIC.MINISWHITE:
        colour = (65535 if colour.dtype == np.uint16 else 255) - colour
    extra = page.extrasamples[:1]
    if extra and extra[0] in _ALPHAS:
        alpha, _ = _scaled(samples[..., count], page.bitspersample)
        raster.alpha = to_float_samples(alpha) if alpha.dtype != np.float32 else alpha.astype(np.float32)
        raster.alpha /= 255
        if extra[0] == tifffile.EXTRASAMPLE.ASSOCALPHA:
            colour = divide_by_alpha(Raster(colour).strip(0, len(colour)), raster.alpha)
    raster.colour = colour
    return raster


def _scaled(samples: npt.NDArray[Any], bits: int) -> tuple[Samples, list[str]]:
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


def _cielab(samples: npt.NDArray[Any], page: tifffile.TiffPage) -> FloatArray:
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
