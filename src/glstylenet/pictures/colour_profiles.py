"""Colour profiles (ICC): the colours of a file are converted to sRGB.

Nearly every RGB or grey profile is a curve per channel and a 3x3 matrix to XYZ (ICC.1:2022, annex F.3). Those
are computed here in floating point, which keeps 16 bits; LittleCMS, which Pillow offers for 8 bits only, does
the rest. Shapes: H height, W width, C colour channels.
"""

import struct
from functools import lru_cache
from io import BytesIO

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms

from glstylenet.pictures.raster import DECODING_ERRORS, FloatArray

__all__ = ["srgb_profile", "to_srgb"]


_Light = npt.NDArray[np.float64]


# Columns: the sRGB primaries in XYZ, adapted to the ICC white point D50 (IEC 61966-2-1, Bradford adaptation).
_SRGB_TO_XYZ = np.array(
    [
        [0.4360747, 0.3850649, 0.1430804],
        [0.2225045, 0.7168786, 0.0606169],
        [0.0139322, 0.0971045, 0.7141733],
    ]
)


_LEVELS = np.linspace(0, 1, 65536)


def to_srgb(colour: FloatArray, space: str, profile: bytes | None) -> tuple[FloatArray, list[str]]:
    """Convert ``colour`` (H, W, C), 0..255, of Pillow's colour space ``space``, to sRGB.

    Returns (H, W, 3), or grey (H, W, 1), in 0..255, and notes on what of the profile could not be applied.
    """
    notes = []
    if profile is not None:
        try:
            return _through_profile(colour, space, profile)
        except (*DECODING_ERRORS, ImageCms.PyCMSError):
            notes.append("its colour profile is damaged or does not fit; the colours are taken as sRGB")
    if space == "LAB":
        colour = _lab_to_srgb(colour)
    elif space == "CMYK":
        notes.append("holds CMYK colours without a usable profile; they are converted roughly")
        colour = np.asarray(_as_image(colour, space).convert("RGB"), np.float32)
    return colour, notes


@lru_cache(maxsize=1)
def srgb_profile() -> bytes:
    """Return an ICC profile of sRGB without its creation date: with it no two runs wrote the same bytes."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return profile[:24] + bytes(12) + profile[36:]


def _as_image(colour: FloatArray, space: str) -> Image.Image:
    return Image.frombytes(space, colour.shape[1::-1], np.rint(colour).astype(np.uint8).tobytes())


def _through_littlecms(colour: FloatArray, space: str, profile: ImageCms.ImageCmsProfile) -> FloatArray:
    """Convert to sRGB at 8 bits; PyCMSError if the profile is broken or of another colour space."""
    image, target = _as_image(colour, space), ImageCms.createProfile("sRGB")
    return np.asarray(ImageCms.profileToProfile(image, profile, target, outputMode="RGB"), np.float32)


def _through_profile(colour: FloatArray, space: str, profile: bytes) -> tuple[FloatArray, list[str]]:
    """Convert to sRGB; PyCMSError or one of DECODING_ERRORS if the profile is broken or does not fit."""
    model = _matrix_model(profile, space)
    if model is None:
        whole = np.array_equal(colour, np.rint(colour))
        notes = [] if whole else ["its colour profile could only be applied at 8 bits"]
        return _through_littlecms(colour, space, ImageCms.ImageCmsProfile(BytesIO(profile))), notes
    curves, matrix = model
    if np.allclose(matrix, np.eye(len(matrix)), atol=6e-3) and np.allclose(
        _encoded(curves), _LEVELS, atol=1 / 255
    ):
        return colour, []  # exactly as stored, instead of a conversion within rounding
    result = np.empty_like(colour)
    for top in range(0, len(result), 256):  # in strips, so that the intermediate values stay small
        levels = np.rint(colour[top : top + 256] * 257).astype(np.uint16)
        light = np.stack([curve[levels[..., i]] for i, curve in enumerate(curves)], axis=2)
        result[top : top + 256] = _encoded(np.clip(light @ matrix.T, 0, 1)) * 255
    return result, []


def _lab_to_srgb(colour: FloatArray) -> FloatArray:
    """Convert CIELAB (H, W, 3), in the numbers of :class:`Raster`, white D50, by way of XYZ (CIE 15:2018)."""
    from_xyz, white = np.linalg.inv(_SRGB_TO_XYZ), _SRGB_TO_XYZ.sum(axis=1)
    result = np.empty_like(colour)
    for top in range(0, len(result), 256):
        lightness, a, b = np.moveaxis(colour[top : top + 256].astype(np.float64), 2, 0)
        y = (lightness * (100 / 255) + 16) / 116
        roots = np.stack([y + (a - 128) / 500, y, y - (b - 128) / 200], axis=2)
        xyz = np.where(roots > 6 / 29, roots**3, 3 * (6 / 29) ** 2 * (roots - 4 / 29)) * white
        result[top : top + 256] = _encoded(np.clip(xyz @ from_xyz.T, 0, 1)) * 255
    return result


def _encoded(light: _Light) -> _Light:
    """Return the sRGB code values, 0..1, of linear light, 0..1."""
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * np.power(light, 1 / 2.4) - 0.055)


def _matrix_model(profile: bytes, space: str) -> tuple[_Light, _Light] | None:
    """Return curves (C, 65536) to linear light and the matrix (C, C) to linear sRGB; None for others."""
    if (profile[16:20], space) not in ((b"RGB ", "RGB"), (b"GRAY", "L")) or profile[20:24] != b"XYZ ":
        return None
    count = int.from_bytes(profile[128:132])
    entries = (struct.unpack_from(">4sII", profile, 132 + 12 * index) for index in range(count))
    view = memoryview(profile)  # entries may name the same bytes many times: do not copy them
    tags = {name: view[offset : offset + length] for name, offset, length in entries}
    if b"A2B0" in tags:  # a table takes precedence over curves and matrix
        return None
    if space == "L":  # grey stays grey, whatever the primaries
        return _curve(tags[b"kTRC"])[None], np.eye(1)
    columns = [struct.unpack_from(">3i", tags[name], 8) for name in (b"rXYZ", b"gXYZ", b"bXYZ")]
    curves = np.stack([_curve(tags[name]) for name in (b"rTRC", b"gTRC", b"bTRC")])
    return curves, np.linalg.inv(_SRGB_TO_XYZ) @ np.array(columns).T / 65536.0


def _curve(tag: memoryview) -> _Light:
    """Return linear light for 65536 levels, from a "curv" or "para" tag (ICC.1:2022, 10.6 and 10.18)."""
    name = bytes(tag[:4])
    if name == b"curv":
        points = np.frombuffer(tag, ">u2", int.from_bytes(tag[8:12]), 12)
        if len(points) == 0:
            return _LEVELS
        if len(points) == 1:
            return np.power(_LEVELS, float(points[0]) / 256)
        return np.interp(_LEVELS, np.linspace(0, 1, len(points)), points / 65535)
    if name != b"para":
        raise ValueError(f"a curve of type {name!r}; expected curv or para")
    kind = int.from_bytes(tag[8:10])
    given = [value / 65536 for value in struct.unpack_from(f">{(1, 3, 4, 5, 7)[kind]}i", tag, 12)]
    # Every kind is a case of: (a x + b)^gamma + e from d on, c x + f below.
    gamma, a, b, c, d, e, f = given + [0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0][len(given) :]
    if kind == 2:
        e = c
    with np.errstate(all="ignore"):  # a nonsensical gamma
        power = np.maximum(a * _LEVELS + b, 0) ** gamma + e
    light: _Light = np.clip(np.where(d <= _LEVELS, power, c * _LEVELS + f), 0, 1)
    return light
