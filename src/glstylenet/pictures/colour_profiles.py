"""Colour profiles (ICC) and encodings: the colours of a file are converted to sRGB.

Nearly every RGB or grey profile is a curve per channel and a 3x3 matrix to XYZ (ICC.1:2022, annex F.3), and
so is what a file says without a profile (:mod:`~glstylenet.pictures.colour_encoding`). Those are computed
here in floating point, which keeps 16 bits, and so is CIELAB; LittleCMS, which Pillow offers for 8 bits only,
does the rest. Shapes: H height, W width, C colour channels.
"""

import struct
from functools import lru_cache
from io import BytesIO

import numpy as np
from PIL import Image, ImageCms

from glstylenet.pictures.colour_encoding import LEVELS, ColourEncoding, Light
from glstylenet.pictures.raster import DECODING_ERRORS, FloatArray

__all__ = ["srgb_profile", "to_srgb"]


# Columns: the sRGB primaries in XYZ, adapted to the ICC white point D50 (IEC 61966-2-1, Bradford adaptation).
_SRGB_TO_XYZ = np.array(
    [
        [0.4360747, 0.3850649, 0.1430804],
        [0.2225045, 0.7168786, 0.0606169],
        [0.0139322, 0.0971045, 0.7141733],
    ]
)


_MATRIX_SPACES = ((b"RGB ", "RGB"), (b"RGB ", "L"), (b"GRAY", "L"))
"""The colour spaces of a profile and of a picture that go together here."""


def to_srgb(
    colour: FloatArray, space: str, profile: bytes | None, encoding: ColourEncoding | None = None
) -> tuple[FloatArray, list[str]]:
    """Convert ``colour`` (H, W, C), 0..255, of the colour space ``space`` of :class:`Raster`, to sRGB.

    An ``encoding`` holds where there is no ``profile`` that can be applied, or where it precedes it. Returns
    (H, W, 3), or grey (H, W, 1), in 0..255, and notes on what of the profile could not be applied.
    """
    notes: list[str] = []
    if space == "LAB":  # says by itself what its numbers mean
        return _lab_to_srgb(colour), notes
    if profile is not None and not (encoding is not None and encoding.precedes_profile):
        try:
            return _through_profile(colour, space, profile)
        except (*DECODING_ERRORS, ImageCms.PyCMSError):
            else_ = "sRGB" if encoding is None else "what else the file says of them"
            notes.append(f"its colour profile is damaged or does not fit; the colours are taken as {else_}")
    if space == "CMYK":
        notes.append("holds CMYK colours without a usable profile; they are converted roughly")
        colour = np.asarray(_as_image(colour, space).convert("RGB"), np.float32)
    elif encoding is not None:
        colour = _through_light(colour, encoding.curves, encoding.matrix)
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
        if space == "L" and profile[16:20] == b"RGB ":
            colour, space = np.repeat(colour, 3, axis=2), "RGB"
        whole = np.array_equal(colour, np.rint(colour))
        notes = [] if whole else ["its colour profile could only be applied at 8 bits"]
        return _through_littlecms(colour, space, ImageCms.ImageCmsProfile(BytesIO(profile))), notes
    return _through_light(colour, *model), []


def _through_light(colour: FloatArray, curves: Light, matrix: Light) -> FloatArray:
    """Convert ``colour`` by ``curves`` (1 or 3, 65536) to light and by ``matrix`` (3, 3) to sRGB's primaries.

    Grey (H, W, 1) stays grey under a single curve, whatever the primaries; else the result has three
    channels. What sRGB has no colour for is clipped.
    """
    if colour.shape[2] == 1 and len(curves) == 1:
        matrix = np.eye(1)
    elif colour.shape[2] == 1:
        colour = np.repeat(colour, 3, axis=2)
    if np.allclose(matrix, np.eye(len(matrix)), atol=6e-3) and np.allclose(
        _encoded(curves), LEVELS, atol=1 / 255
    ):
        return colour  # exactly as stored, instead of a conversion within rounding
    curves = np.broadcast_to(curves, (colour.shape[2], len(LEVELS)))
    result = np.empty_like(colour)
    for top in range(0, len(result), 256):  # in strips, so that the intermediate values stay small
        levels = np.rint(colour[top : top + 256] * 257).astype(np.uint16)
        light = np.stack([curve[levels[..., i]] for i, curve in enumerate(curves)], axis=2)
        result[top : top + 256] = _encoded(np.clip(light @ matrix.T, 0, 1)) * 255
    return result


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


def _encoded(light: Light) -> Light:
    """Return the sRGB code values, 0..1, of linear light, 0..1."""
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * np.power(light, 1 / 2.4) - 0.055)


def _matrix_model(profile: bytes, space: str) -> tuple[Light, Light] | None:
    """Return curves (1 or 3, 65536) to linear light and the matrix (3, 3) to linear sRGB; None for others.

    A grey picture may have a profile of RGB: then red, green and blue are its grey.
    """
    own_space = profile[16:20]
    if (own_space, space) not in _MATRIX_SPACES or profile[20:24] != b"XYZ ":
        return None
    count = int.from_bytes(profile[128:132])
    entries = (struct.unpack_from(">4sII", profile, 132 + 12 * index) for index in range(count))
    view = memoryview(profile)  # entries may name the same bytes many times: do not copy them
    tags = {name: view[offset : offset + length] for name, offset, length in entries}
    if b"A2B0" in tags:  # a table takes precedence over curves and matrix
        return None
    if own_space == b"GRAY":
        return _curve(tags[b"kTRC"])[None], np.eye(3)
    columns = [struct.unpack_from(">3i", tags[name], 8) for name in (b"rXYZ", b"gXYZ", b"bXYZ")]
    curves = np.stack([_curve(tags[name]) for name in (b"rTRC", b"gTRC", b"bTRC")])
    if space == "L" and (curves == curves[0]).all():
        curves = curves[:1]
    return curves, np.linalg.inv(_SRGB_TO_XYZ) @ np.array(columns).T / 65536.0


def _curve(tag: memoryview) -> Light:
    """Return linear light for 65536 levels, from a "curv" or "para" tag (ICC.1:2022, 10.6 and 10.18)."""
    name = bytes(tag[:4])
    if name == b"curv":
        points = np.frombuffer(tag, ">u2", int.from_bytes(tag[8:12]), 12)
        if len(points) == 0:
            return LEVELS
        if len(points) == 1:
            return np.power(LEVELS, float(points[0]) / 256)
        return np.interp(LEVELS, np.linspace(0, 1, len(points)), points / 65535)
    if name != b"para":
        raise ValueError(f"a curve of type {name!r}; expected curv or para")
    kind = int.from_bytes(tag[8:10])
    given = [value / 65536 for value in struct.unpack_from(f">{(1, 3, 4, 5, 7)[kind]}i", tag, 12)]
    # Every kind is a case of: (a x + b)^gamma + e from d on, c x + f below.
    gamma, a, b, c, d, e, f = given + [0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0][len(given) :]
    if kind == 2:
        e = c
    with np.errstate(all="ignore"):  # a nonsensical gamma
        power = np.maximum(a * LEVELS + b, 0) ** gamma + e
    light: Light = np.clip(np.where(d <= LEVELS, power, c * LEVELS + f), 0, 1)
    return light
