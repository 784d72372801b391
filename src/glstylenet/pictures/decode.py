"""Decoding with Pillow: a file's bytes, or an image in memory, become a raster.

Pillow cuts 16-bit colour to 8 bits, and :func:`decode_with_pillow` restores them. TIFF layouts that it
misreads are decoded in :mod:`glstylenet.pictures.tiff`.
"""

import contextlib
import re
import struct
import sys
from io import BytesIO

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageFile, TiffImagePlugin

from glstylenet.pictures.colour_encoding import exif_encoding, png_encoding
from glstylenet.pictures.raster import (
    DECODING_ERRORS,
    FloatArray,
    Raster,
    SizeLimits,
    divide_by_alpha,
    to_float_samples,
)

__all__ = ["PillowPlugin", "decode_with_pillow", "raster_of_image"]


_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


PillowPlugin = type[ImageFile.ImageFile]
"""Pillow's class for one format: ``Image.open`` would apply a size limit of the whole process."""


def decode_with_pillow(
    plugin: PillowPlugin, data: bytes, limits: SizeLimits, *, frames: str = "frames"
) -> Raster:
    """Decode the first frame of a file; ``frames`` is the word for several in the note on further ones.

    Raises one of DECODING_ERRORS for a damaged file.
    """
    image = plugin(BytesIO(data))
    limits.check(*image.size)
    raw = _raw_mode(image)
    _preload_exif(image)
    _load(image)
    raster = raster_of_image(image, data)
    if re.fullmatch(r"(RGB|RGBA|RGBa|RGBX|LA);16[BLN]", raw):
        _restore_low_bytes(raster, data, plugin, raw, image.info.get("transparency"))
    raster.note_frames(getattr(plugin(BytesIO(data)), "n_frames", 1), frames)
    return raster


def _raw_mode(image: ImageFile.ImageFile) -> str:
    """Return Pillow's name of how the file stores its samples: "RGB;16B" is big-endian 16-bit RGB."""
    arguments = image.tile[0].args if image.tile else None
    return str(arguments[0] if isinstance(arguments, tuple) and arguments else arguments)


def _load(image: ImageFile.ImageFile) -> None:
    """Decode all pixels; raises OSError for a file that is cut short."""
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        # Pillow checks its own size limit only where it allocates the pixels, so they are allocated here.
        image.im = Image.new(image.mode, image._tile_size).im
    image.load()


def _restore_low_bytes(raster: Raster, data: bytes, plugin: PillowPlugin, raw: str, key: object) -> None:
    """Put 16-bit samples in place of the 8-bit ones of ``raster``: Pillow keeps the high bytes only.

    Read with the other byte order, the same file yields its low bytes. ``key`` is the transparent colour.
    """

    def decode(raw_mode: str) -> npt.NDArray[np.uint16]:
        image = plugin(BytesIO(data))
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
    raster.colour = to_float_samples(samples[..., :count])
    if raw.startswith(("LA", "RGBA", "RGBa")):
        raster.alpha = to_float_samples(samples[..., count]) / np.float32(255)
    elif isinstance(key, tuple):
        raster.alpha = np.any(samples != np.array(key), axis=2).astype(np.float32)
    if raw.startswith("RGBa"):
        raster.colour = divide_by_alpha(raster.colour, raster.alpha)


def raster_of_image(image: Image.Image, data: bytes = b"") -> Raster:
    """Return colour, alpha, profile, encoding and orientation of a Pillow image, whatever its mode.

    ``data`` is the file that it was decoded from, if there is one: Pillow skips a chunk of PNG.

    >>> raster = raster_of_image(Image.new("LA", (2, 1), (7, 255)))
    >>> raster.space, raster.colour.tolist(), raster.alpha.tolist()
    ('L', [[[7.0], [7.0]]], [[1.0, 1.0]])
    """
    _preload_exif(image)
    image.load()
    raster = Raster(np.empty(0, np.float32), profile=image.info.get("icc_profile"))
    _read_metadata(raster, image, data)
    mode = image.mode
    if mode.startswith("I") or mode == "F":
        raster.space = "L"
        raster.colour = _deep_grey(image)[..., None]
        if isinstance(key := image.info.get("transparency"), int):
            raster.alpha = (np.asarray(image) != key).astype(np.float32)
        return raster
    if mode in ("CMYK", "LAB"):
        raster.space = mode
    else:
        raster.space = "L" if mode in ("1", "L", "La", "LA") else "RGB"
        if image.has_transparency_data:
            image = image.convert("RGBA" if raster.space == "RGB" else "LA")
            raster.alpha = to_float_samples(np.asarray(image.getchannel("A"))) / np.float32(255)
        image = image.convert(raster.space)
    samples = np.asarray(image)
    if mode == "LAB":  # Pillow gives a* and b* as signed bytes
        samples = samples ^ np.array([0, 128, 128], np.uint8)
    raster.colour = samples.reshape(*samples.shape[:2], -1).astype(np.float32)
    return raster


def _preload_exif(image: Image.Image) -> None:
    """Read what Pillow reads of a TIFF file on demand, but not once the pixels are there: it closes the file.

    What is damaged is told by whoever asks for it.
    """
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        with contextlib.suppress(*DECODING_ERRORS):
            image.getexif().get_ifd(ExifTags.IFD.Interop)


def _read_metadata(raster: Raster, image: Image.Image, data: bytes) -> None:
    """Read orientation and colour encoding; what a PNG's own chunks say precedes its EXIF data."""
    header, cicp = _png_chunk(data, b"IHDR"), _png_chunk(data, b"cICP")
    encoding, notes = png_encoding(image.info, cicp, depth=8 if header is None else header[8])
    try:
        exif = image.getexif()
        raster.orientation = int(exif.get(ExifTags.Base.Orientation, 1))
        if encoding is None and image.info.get("srgb") is None:
            encoding, more_notes = exif_encoding(exif)
            notes += more_notes if raster.profile is None else []
    except DECODING_ERRORS:
        notes.append("its EXIF data is damaged; the picture is used as it is stored")
    raster.encoding = encoding
    raster.notes += notes


def _png_chunk(data: bytes, name: bytes) -> bytes | None:
    """Return the content of the chunk ``name`` of a PNG file if it comes before the samples, else None."""
    place = len(_PNG_SIGNATURE)
    while data.startswith(_PNG_SIGNATURE) and place + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        if kind == name:
            return data[place + 8 : place + 8 + length]
        if kind == b"IDAT":
            break
        place += 12 + length
    return None


def _deep_grey(image: Image.Image) -> FloatArray:
    """Return grey of more than 8 bits, (H, W), scaled to 0..255.

    Raises ValueError if the values have no known meaning.
    """
    samples = np.asarray(image)
    if image.mode == "F":
        return to_float_samples(samples)
    bits, inverted = 16, False
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        bits = 12 if image.tag_v2.get(TiffImagePlugin.BITSPERSAMPLE) == (12,) else 16
        inverted = image.tag_v2.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION) == 0  # white is zero
    largest = 2**bits - 1
    if samples.min() < 0 or samples.max() > largest:
        raise ValueError(f"integers from {samples.min()} to {samples.max()}; expected 0 to {largest}")
    if inverted:
        samples = largest - samples
    scaled: FloatArray = (samples / (largest / 255)).astype(np.float32)
    return scaled
