"""Pictures as the rest of the program sees them: float32 sRGB tensors of shape (1, 3, H, W), values 0..255.

On the way in, the EXIF orientation is applied, the colour profile is converted to sRGB, 16-bit values are
scaled (65535 becomes 255.0, nothing is rounded to 8 bits), and transparency is kept apart while the picture
itself is laid over white.

Pillow cuts 16-bit colour to 8 bits and misreads a few TIFF layouts; each place below that mends this says so.
Shapes: H height, W width, C colour channels (1 grey, 3 RGB, 4 CMYK).
"""

import hashlib
import os
import re
import sys
import threading
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tifffile
import torch
from PIL import ExifTags, Image, ImageFile, TiffImagePlugin
from torch import Tensor

from glstylenet.errors import ImageError
from glstylenet.pictures.colour_profiles import FloatArray, to_srgb
from glstylenet.pictures.formats import DAMAGED, EXPECTED, READERS, read_bytes

__all__ = ["Picture", "PictureSource", "find_pictures", "read_picture"]


PictureSource = str | os.PathLike[str] | Image.Image | npt.NDArray[np.generic]
"""What :func:`read_picture` takes: a path, a Pillow image or an array."""


_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".gif", ".bmp"})


_WARNING_FILTERS = threading.Lock()


@dataclass(frozen=True)
class Picture:
    """A picture that was read, in sRGB.

    ``pixels`` float32 (1, 3, H, W), 0..255, over white; ``alpha`` float32 (1, 1, H, W), 0..1 opaque, or None;
    ``name`` the file's stem, "array" or "image"; ``sha256`` of the file's bytes, or of an array's or image's
    type, shape and pixel bytes; ``notes`` what deserves a warning, worded to follow the picture's name.
    """

    pixels: Tensor
    alpha: Tensor | None
    name: str
    path: Path | None
    sha256: str
    notes: tuple[str, ...] = ()

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.pixels.shape[2], self.pixels.shape[3]


@dataclass
class _Raster:
    """Decoded samples on their way to sRGB: ``colour`` (H, W, C) in 0..255, ``alpha`` (H, W) in 0..1."""

    colour: FloatArray
    alpha: FloatArray | None = None
    space: str = "RGB"  # Pillow's name of the colour space: L, RGB, CMYK or LAB
    profile: bytes | None = None
    orientation: int = 1
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Limits:
    """Which sizes are accepted; ``where`` names the picture in messages."""

    where: str
    max_pixels: int
    smallest_side: int

    def check(self, width: int, height: int) -> None:
        """Raise ImageError for a size outside the limits; called before any pixel is decoded."""
        found = f"{self.where}: the picture is {width} x {height} pixels (width x height)"
        if min(width, height) < max(1, self.smallest_side):
            side = max(1, self.smallest_side)
            raise ImageError(f"{found}; the smallest accepted size is {side} x {side}. Use a larger picture.")
        if width * height > self.max_pixels:
            raise ImageError(
                f"{found}, {width * height:,} in all; at most {self.max_pixels:,} are accepted. Make it "
                "smaller, or raise the limit with --max-pixels if you trust the file and have the memory."
            )


def read_picture(source: PictureSource, *, max_pixels: int = 200_000_000, smallest_side: int = 1) -> Picture:
    """Read a picture from a file, a Pillow image or an array.

    Arrays are (H, W), (H, W, 3) or (H, W, 4), as uint8, as uint16 or as floats in 0..1; floating-point TIFF
    files hold 0..1 as well. Of a file with several frames or pages the first is read, with a note.
    Raises ImageError, saying what was found, what was expected and what to do.
    """
    if isinstance(source, np.ndarray):
        limits = _Limits("the array", max_pixels, smallest_side)
        return _finish(_from_array(source, limits), _digest(source), "array", None)
    if isinstance(source, Image.Image):
        limits = _Limits("the image", max_pixels, smallest_side)
        limits.check(*source.size)
        try:
            raster = _listening(lambda: _from_pillow(source))
        except DAMAGED as error:
            raise ImageError(f"The image cannot be decoded: {error}. {EXPECTED} that is complete.") from error
        return _finish(raster, _digest(np.asarray(source)), "image", None)
    path = Path(source)
    limits = _Limits(str(path), max_pixels, smallest_side)
    data, kind = read_bytes(path)
    try:
        raster = _listening(lambda: _decode(data, kind, limits))
    except DAMAGED as error:
        raise ImageError(
            f"{path}: begins like a {kind} picture but cannot be decoded ({error}). The file is cut "
            f"short, damaged or of a rare kind. {EXPECTED}; fetch it again, or save it as PNG elsewhere."
        ) from error
    return _finish(raster, hashlib.sha256(data).hexdigest(), path.stem, path)


def find_pictures(folder: Path) -> list[Path]:
    """The files of ``folder`` with a picture's suffix, sorted; no hidden files, no subfolders."""
    try:
        files = sorted(path for path in folder.iterdir() if path.is_file())
    except OSError as error:
        raise ImageError(f"{folder}: cannot be listed ({error}). Expected a folder of pictures.") from error
    return [path for path in files if path.suffix.lower() in _SUFFIXES and not path.name.startswith(".")]


def _listening(decode: Callable[[], _Raster]) -> _Raster:
    """What ``decode`` returns; Pillow's warnings of damaged metadata become notes."""
    # Warning filters belong to the whole process. So threads take turns here, and a warning that some other
    # thread gives meanwhile ends up among these.
    listen = warnings.catch_warnings(record=True, action="always", category=UserWarning)
    with _WARNING_FILTERS, listen as caught:
        raster = decode()
    words = (" ".join(str(each.message).split()).rstrip(".") for each in caught)
    raster.notes.extend(f"has damaged metadata ({each})" for each in dict.fromkeys(words))
    return raster


def _decode(data: bytes, kind: str, limits: _Limits) -> _Raster:
    """Decode the first frame; damaged files raise any of ``DAMAGED``."""
    try:
        image = READERS[kind](BytesIO(data))
    except SyntaxError:
        if kind != "TIFF":
            raise
        return _from_tifffile(data, limits)  # floating-point RGB, 16-bit grey with alpha: unknown to Pillow
    limits.check(*image.size)
    if _has_deep_planes(image):
        raster = _from_tifffile(data, limits)
    else:
        raw = _raw_mode(image)
        _load(image)
        raster = _from_pillow(image)
        if re.fullmatch(r"(RGB|RGBA|RGBa|RGBX|LA);16[BLN]", raw):
            _restore_low_bytes(raster, data, kind, raw, image.info.get("transparency"))
    if (frames := getattr(READERS[kind](BytesIO(data)), "n_frames", 1)) > 1:
        raster.notes.append(
            f"holds {frames} {'pages' if kind == 'TIFF' else 'frames'}; only the first is used"
        )
    return raster


def _raw_mode(image: ImageFile.ImageFile) -> str:
    """How the file stores its samples, in Pillow's words, such as "RGB;16B" for big-endian 16-bit RGB."""
    arguments = image.tile[0].args if image.tile else None
    return str(arguments[0] if isinstance(arguments, tuple) and arguments else arguments)


def _load(image: ImageFile.ImageFile) -> None:
    """Decode all pixels; raises OSError for a file that is cut short."""
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        # Pillow checks its own size limit only where it allocates the pixels, so they are allocated here.
        image.im = Image.new(image.mode, image._tile_size).im
    image.load()


def _has_deep_planes(image: Image.Image) -> bool:
    """Whether this is a TIFF with more than 8 bits and one plane per colour, which Pillow mixes up."""
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return False
    bits: tuple[int, ...] = image.tag_v2.get(TiffImagePlugin.BITSPERSAMPLE, (1,))
    return max(bits) > 8 and image.tag_v2.get(TiffImagePlugin.PLANAR_CONFIGURATION) == 2


def _restore_low_bytes(raster: _Raster, data: bytes, kind: str, raw: str, key: object) -> None:
    """Put 16-bit samples in place of the 8-bit ones of ``raster``: Pillow keeps the high bytes only.

    Read with the other byte order, the same file yields its low bytes. ``key`` is the transparent colour.
    """

    def decode(raw_mode: str) -> npt.NDArray[np.uint16]:
        image = READERS[kind](BytesIO(data))
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
    raster.colour = _scaled(samples[..., :count])
    if raw.startswith(("LA", "RGBA", "RGBa")):
        raster.alpha = _scaled(samples[..., count]) / np.float32(255)
    elif isinstance(key, tuple):
        raster.alpha = np.any(samples != np.array(key), axis=2).astype(np.float32)
    if raw.startswith("RGBa"):
        raster.colour = _unmultiplied(raster.colour, raster.alpha)


def _unmultiplied(colour: FloatArray, alpha: FloatArray | None) -> FloatArray:
    """The colours (H, W, C) of samples that were stored multiplied by ``alpha``; black where alpha is 0."""
    if alpha is None:
        return colour
    share = alpha[..., None]
    return np.clip(np.divide(colour, share, out=np.zeros_like(colour), where=share > 0), 0, 255)


def _from_pillow(image: Image.Image) -> _Raster:
    """Colour, alpha, profile and orientation of a Pillow image, whatever its mode."""
    image.load()
    raster = _Raster(np.empty(0, np.float32), profile=image.info.get("icc_profile"))
    try:
        raster.orientation = int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except DAMAGED:
        raster.notes.append("its EXIF data is damaged; the picture is used as it is stored")
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
            raster.alpha = _scaled(np.asarray(image.getchannel("A"))) / np.float32(255)
        image = image.convert(raster.space)
    samples = np.asarray(image)
    raster.colour = samples.reshape(*samples.shape[:2], -1).astype(np.float32)
    return raster


def _deep_grey(image: Image.Image) -> FloatArray:
    """Grey of more than 8 bits, (H, W), scaled to 0..255; ValueError if the values have no known meaning."""
    samples = np.asarray(image)
    if image.mode == "F":
        return _scaled(samples)
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


def _scaled(samples: npt.NDArray[np.generic]) -> FloatArray:
    """Samples of any accepted type, as float32 0..255; ValueError for other types and values."""
    if samples.dtype == np.uint8:
        return samples.astype(np.float32)
    if samples.dtype.newbyteorder("=") == np.uint16:
        return samples.astype(np.float32) / np.float32(257)
    if not np.issubdtype(samples.dtype, np.floating):
        raise ValueError(f"samples of type {samples.dtype}; expected uint8, uint16 or floats in 0..1")
    values = samples.astype(np.float32)
    if not np.isfinite(values).all():
        raise ValueError("values that are not finite (NaN or infinite); expected floats in 0..1")
    if values.min() < 0 or values.max() > 1:
        raise ValueError(f"floats from {values.min():g} to {values.max():g}; expected 0..1")
    return values * np.float32(255)


def _from_array(array: npt.NDArray[np.generic], limits: _Limits) -> _Raster:
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)):
        raise ImageError(
            f"The array has the shape {array.shape}; expected (H, W), (H, W, 3) or (H, W, 4). "
            "Move the colour channels to the last axis."
        )
    limits.check(array.shape[1], array.shape[0])
    try:
        samples = _scaled(array.reshape(*array.shape[:2], -1))
    except ValueError as error:
        raise ImageError(f"The array holds {error}. Scale it, or convert it to uint8.") from error
    if samples.shape[2] == 4:
        return _Raster(samples[..., :3], alpha=samples[..., 3] / np.float32(255))
    return _Raster(samples, space="L" if samples.shape[2] == 1 else "RGB")


def _from_tifffile(data: bytes, limits: _Limits) -> _Raster:
    """The TIFF layouts beyond Pillow: floating-point RGB, deep samples in planes, deep grey with alpha."""
    with tifffile.TiffFile(BytesIO(data)) as file:
        page = file.pages.first
        limits.check(page.imagewidth, page.imagelength)
        grey = page.photometric == tifffile.PHOTOMETRIC.MINISBLACK
        if page.samplesperpixel > 4 or page.imagedepth > 1:
            raise ValueError(f"{page.samplesperpixel} samples per pixel, {page.imagedepth} deep")
        if not grey and page.photometric != tifffile.PHOTOMETRIC.RGB:
            raise ValueError(f"{page.photometric!s} samples of type {page.dtype}")
        samples = page.asarray()
        tags = {code: page.tags.valueof(code, default=default) for code, default in ((274, 1), (34675, None))}
        if page.planarconfig == tifffile.PLANARCONFIG.SEPARATE and samples.ndim == 3:
            samples = np.moveaxis(samples, 0, -1)
        samples = _scaled(samples.reshape(page.imagelength, page.imagewidth, -1))
        count = 1 if grey else 3
        raster = _Raster(samples[..., :count], None, "L" if grey else "RGB", tags[34675], int(tags[274]))
        extra = page.extrasamples[:1]
        if extra and extra[0] in (tifffile.EXTRASAMPLE.ASSOCALPHA, tifffile.EXTRASAMPLE.UNASSALPHA):
            raster.alpha = samples[..., count] / np.float32(255)
        if extra and extra[0] == tifffile.EXTRASAMPLE.ASSOCALPHA:
            raster.colour = _unmultiplied(raster.colour, raster.alpha)
    return raster


def _digest(array: npt.NDArray[np.generic]) -> str:
    """SHA-256 of type, shape and bytes: two black arrays of different shapes are different pictures."""
    digest = hashlib.sha256(f"{array.dtype.str} {array.shape} ".encode())
    digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _finish(raster: _Raster, sha256: str, name: str, path: Path | None) -> Picture:
    """Convert to sRGB, turn upright, lay over white."""
    colour, notes = to_srgb(raster.colour, raster.space, raster.profile)
    pixels = _upright(np.broadcast_to(colour, (*colour.shape[:2], 3)), raster.orientation)
    alpha = None
    if raster.alpha is not None:
        alpha = _upright(raster.alpha[..., None], raster.orientation)
        pixels = pixels * alpha + 255.0 * (1.0 - alpha)
    return Picture(pixels, alpha, name, path, sha256, (*raster.notes, *notes))


def _upright(array: FloatArray, orientation: int) -> Tensor:
    """A copy of ``array`` (H, W, C), as it is meant to be seen, (1, C, H, W); ``orientation`` is EXIF's."""
    if orientation in (5, 6, 7, 8):  # stored with rows and columns exchanged
        array = array.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    return torch.from_numpy(np.moveaxis(array, 2, 0).astype(np.float32, order="C"))[None]
