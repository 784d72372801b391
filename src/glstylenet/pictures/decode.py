"""Decoding with Pillow: a file, or an image in memory, becomes a raster.

Pillow cuts 16-bit colour to 8 bits, and :func:`decode_with_pillow` restores them. TIFF layouts that it
misreads are decoded in :mod:`glstylenet.pictures.tiff`.
"""

import contextlib
import re
import sys
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageFile, PngImagePlugin, TiffImagePlugin

from glstylenet.pictures.colour_encoding import exif_encoding, png_encoding
from glstylenet.pictures.picture_end import png_chunks
from glstylenet.pictures.raster import (
    Raster,
    Samples,
    SizeLimits,
    divide_by_alpha,
    integers_as_samples,
    to_float_samples,
)

__all__ = ["PillowPlugin", "decode_with_pillow", "pillow_metadata", "raster_of_image"]


_DEEP_COLOUR = re.compile(r"(RGB|RGBA|RGBa|RGBX|LA);16[BLN]")
"""Pillow's names of layouts whose low bytes it drops."""


_BYTES, _ALPHA_BYTES, _DEEP_BYTES = 20, 50, 40
"""Bytes per pixel that reading takes at most, the result included, as measured at 4 million pixels."""


_LONGEST_CHUNK = 2**10
"""Bytes of a PNG chunk that is read here; the header and cICP have 13 and 4."""


_FRACTIONS = (8, 4, 2)
"""Divisors of the sides of a picture that is decoded in part, as JPEG can be."""


_KEPT = 3
"""Times the side that will be used of which a picture decoded in part still is."""


_COEFFICIENT_BYTES = 6
"""Bytes per pixel of the whole picture that a progressive JPEG file takes besides."""


PillowPlugin = type[ImageFile.ImageFile]
"""Pillow's class for one format: ``Image.open`` would apply a size limit of the whole process."""


def decode_with_pillow(
    plugin: PillowPlugin,
    file: BinaryIO,
    limits: SizeLimits,
    *,
    counts_frames: bool = True,
) -> Raster:
    """Decode the first frame of ``file``, with a note on further ones if ``counts_frames``.

    Raises any exception for a damaged file, as Pillow does.
    """
    file.seek(0)
    image = plugin(file)
    raw = _raw_mode(image)
    is_deep = _DEEP_COLOUR.fullmatch(raw) is not None
    has_alpha = image.has_transparency_data
    full_width, full_height = image.size
    limits.check(full_width, full_height, bytes_per_pixel=0)
    _reduce(image, limits.longest_used)
    limits.check(
        *image.size,
        bytes_per_pixel=_DEEP_BYTES if is_deep else _ALPHA_BYTES if has_alpha else _BYTES,
        more_bytes=_COEFFICIENT_BYTES * full_width * full_height if image.info.get("progressive") else 0,
    )
    _preload_exif(image)
    _load(image)
    raster = raster_of_image(image, raw, file)
    if image.size != (full_width, full_height):
        raster.full_size = (full_height, full_width)
    key = image.info.get("transparency")
    del image
    if is_deep:
        _restore_low_bytes(raster, file, plugin, raw, key)
    if counts_frames:
        file.seek(0)
        raster.note_frames(getattr(plugin(file), "n_frames", 1))
    return raster


def pillow_metadata(plugin: PillowPlugin, file: BinaryIO) -> Raster:
    """Return what Pillow reads of profile, encoding and orientation, without samples.

    Not for formats of which it decodes the samples first. Raises any exception for a damaged file.
    """
    file.seek(0)
    image = plugin(file)
    _preload_exif(image)
    raster = Raster(np.empty(0, np.uint8), profile=image.info.get("icc_profile"))
    _read_metadata(raster, image, file)
    return raster


def _raw_mode(image: Image.Image) -> str:
    """Return Pillow's name of how the file stores its samples: "RGB;16B" is big-endian 16-bit RGB."""
    tile = getattr(image, "tile", None)  # none left of an image that is loaded
    arguments = tile[0].args if tile else None
    return str(arguments[0] if isinstance(arguments, tuple) and arguments else arguments)


def _reduce(image: ImageFile.ImageFile, longest_used: int | None) -> None:
    """Prepare to decode a fraction of the samples, where the format can and the picture is much longer.

    That is JPEG, in halves, quarters and eighths. At least three times the side that will be used is left:
    after resampling, photographs then differ from those decoded whole by less than 0.3 of 255 on average (at
    twice the side by up to 0.9, and single pixels by 24). A fraction that does not divide both sides would
    shift the picture.
    """
    if longest_used is None:
        return
    width, height = image.size
    for divisor in _FRACTIONS:
        is_longer = max(width, height) >= divisor * _KEPT * longest_used
        if is_longer and width % divisor == 0 and height % divisor == 0:
            image.draft(None, (width // divisor, height // divisor))
            break


def _load(image: ImageFile.ImageFile) -> None:
    """Decode all pixels; raises OSError for a file that is cut short."""
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        # Pillow checks its own size limit only where it allocates the pixels, so they are allocated here.
        image.im = Image.new(image.mode, image._tile_size).im
    image.load()


def _restore_low_bytes(raster: Raster, file: BinaryIO, plugin: PillowPlugin, raw: str, key: object) -> None:
    """Put 16-bit samples in place of the 8-bit ones of ``raster``: Pillow keeps the high bytes only.

    Read with the other byte order, the same file yields its low bytes. ``key`` is the transparent colour.
    """

    def decode(raw_mode: str) -> npt.NDArray[np.uint16]:
        file.seek(0)
        image = plugin(file)
        image.tile = [
            tile._replace(args=(raw_mode, *tile.args[1:]) if isinstance(tile.args, tuple) else raw_mode)
            for tile in image.tile
        ]
        _load(image)
        return np.asarray(image).astype(np.uint16)

    layout, order = raw[:-1].replace("RGBa", "RGBA"), raw[-1]
    if order == "N":  # the machine's own
        order = "L" if sys.byteorder == "little" else "B"
    swapped = "B" if order == "L" else "L"
    if raw.startswith("LA"):  # two samples of two bytes look just like four samples of one byte
        octets = decode("RGBA")
        samples = octets[..., 0::2] * np.uint16(256) + octets[..., 1::2]
    else:
        samples = decode(layout + order) * np.uint16(256) + decode(layout + swapped)
    raster.space, count = ("L", 1) if raw.startswith("LA") else ("RGB", 3)
    raster.colour = samples[..., :count]
    if raw.startswith(("LA", "RGBA", "RGBa")):
        raster.alpha = to_float_samples(samples[..., count]) / np.float32(255)
    elif isinstance(key, tuple):
        raster.alpha = np.any(samples != np.array(key), axis=2).astype(np.float32)
    if raw.startswith("RGBa"):
        raster.colour = divide_by_alpha(to_float_samples(raster.colour), raster.alpha)


def raster_of_image(image: Image.Image, raw: str = "", file: BinaryIO | None = None) -> Raster:
    """Return colour, alpha, profile, encoding and orientation of a Pillow image, whatever its mode.

    ``raw`` is Pillow's name of how the file stores the samples, if ``image`` was loaded from one, and
    ``file`` that file: Pillow skips a chunk of PNG.

    >>> raster = raster_of_image(Image.new("LA", (2, 1), (7, 255)))
    >>> raster.space, raster.colour.tolist(), raster.alpha.tolist()
    ('L', [[[7], [7]]], [[1.0, 1.0]])
    """
    raw = raw or _raw_mode(image)
    _preload_exif(image)
    image.load()
    raster = Raster(np.empty(0, np.uint8), profile=image.info.get("icc_profile"))
    _read_metadata(raster, image, file)
    mode, key = image.mode, image.info.get("transparency")
    if mode.startswith("I") or mode == "F":
        raster.space = "L"
        raster.colour, notes = _deep_grey(image)
        raster.notes += notes
        if isinstance(key, int):
            raster.alpha = (np.asarray(image) != key).astype(np.float32)
    elif mode in ("CMYK", "LAB"):
        raster.space, raster.colour = mode, np.asarray(image)
        if mode == "LAB":  # Pillow gives a* and b* as signed bytes
            raster.colour = raster.colour ^ np.array([0, 128, 128], np.uint8)
    elif mode in ("1", "L") and isinstance(key, int):
        raster.space, raster.colour = "L", np.asarray(image.convert("L"))[..., None]
        # The key is a sample as the file stores it: with fewer bits than those that were scaled to eight.
        key = 255 * min(key, 1) if mode == "1" else key * {"L;2": 85, "L;4": 17}.get(raw, 1)
        raster.alpha = (raster.colour[..., 0] != key).astype(np.float32)
    else:
        raster.space = "L" if mode in ("1", "L", "La", "LA") else "RGB"
        count = 1 if raster.space == "L" else 3
        has_alpha = image.has_transparency_data
        wanted = ("LA" if count == 1 else "RGBA") if has_alpha else raster.space
        samples = np.asarray(image if mode == wanted else image.convert(wanted))
        samples = samples.reshape(*samples.shape[:2], -1)
        raster.colour = samples[..., :count]
        if has_alpha:
            raster.alpha = samples[..., count].astype(np.float32)
            raster.alpha /= 255
    return raster


def _preload_exif(image: Image.Image) -> None:
    """Read what Pillow reads of a TIFF file on demand, but not once the pixels are there: it closes the file.

    What is damaged is told by whoever asks for it.
    """
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        with contextlib.suppress(Exception):
            image.getexif().get_ifd(ExifTags.IFD.Interop)


def _read_metadata(raster: Raster, image: Image.Image, file: BinaryIO | None) -> None:
    """Read orientation and colour encoding; what a PNG's own chunks say precedes its EXIF data."""
    header = cicp = None
    if file is not None and isinstance(image, PngImagePlugin.PngImageFile):
        header, cicp = _png_chunk(file, b"IHDR"), _png_chunk(file, b"cICP")
    encoding, notes = png_encoding(image.info, cicp, depth=8 if header is None else header[8])
    try:
        exif = image.getexif()
        raster.orientation = int(exif.get(ExifTags.Base.Orientation, 1))
        if encoding is None and image.info.get("srgb") is None:
            encoding, more_notes = exif_encoding(exif)
            notes += more_notes if raster.profile is None else []
    except Exception:  # whatever a reader of damaged data raises
        notes.append("its EXIF data is damaged; the picture is used as it is stored")
    raster.encoding = encoding
    raster.notes += notes


def _png_chunk(file: BinaryIO, name: bytes) -> bytes | None:
    """Return the content of the chunk ``name`` of a PNG file if it comes before the samples, else None."""
    for found, place, length in png_chunks(file):
        if found == name:
            file.seek(place)
            return file.read(min(length, _LONGEST_CHUNK))
        if found == b"IDAT":
            break
    return None


def _deep_grey(image: Image.Image) -> tuple[Samples, list[str]]:
    """Return grey of more than 8 bits, (H, W, 1), and notes on how it was understood.

    Raises ValueError if the values have no known meaning.
    """
    samples = np.asarray(image)[..., None]
    if image.mode == "F":
        return to_float_samples(samples), []
    if image.mode.startswith("I;16") or isinstance(image, PngImagePlugin.PngImageFile):
        return samples.astype(np.uint16), []
    return integers_as_samples(samples)
