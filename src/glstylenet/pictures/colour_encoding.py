"""Colour encodings: what a file says of its colours otherwise than by a profile.

PNG has chunks for it: cICP, sRGB, gAMA and cHRM (*PNG Specification*, third edition, 2025, 4.3 and 11.3.2).
EXIF and TIFF have tags (Exif 3.0; TIFF 6.0, section 20); cameras name Adobe RGB by the interoperability index
"R03" (*Design rule for Camera File system* 2.0). Each says the same two things: by which curve a sample
becomes linear light, and which colours the primaries and white are, as CIE 1931 x and y.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image

__all__ = ["LEVELS", "ColourEncoding", "Light", "exif_encoding", "png_encoding"]


Light = npt.NDArray[np.float64]
"""Linear light, 0..1, or what computes it."""


_Primaries = tuple[tuple[float, float], tuple[float, float], tuple[float, float], tuple[float, float]]
"""x and y of red, green, blue and white."""


LEVELS = np.linspace(0, 1, 65536)
"""The samples for which curves are tabulated: all of 16 bits, 0..1."""


_D65 = (0.3127, 0.3290)
_ILLUMINANT_C = (0.310, 0.316)
_SRGB: _Primaries = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06), _D65)
_ADOBE_RGB: _Primaries = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06), _D65)
_ADOBE_GAMMA = 563 / 256
_SMPTE: _Primaries = ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), _D65)


# ITU-T H.273 (2024), tables 2 and 3.
_CICP_PRIMARIES: dict[int, _Primaries] = {
    1: _SRGB,
    4: ((0.67, 0.33), (0.21, 0.71), (0.14, 0.08), _ILLUMINANT_C),
    5: ((0.64, 0.33), (0.29, 0.60), (0.15, 0.06), _D65),
    6: _SMPTE,
    7: _SMPTE,
    8: ((0.681, 0.319), (0.243, 0.692), (0.145, 0.049), _ILLUMINANT_C),
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), _D65),
    10: ((1.0, 0.0), (0.0, 1.0), (0.0, 0.0), (1 / 3, 1 / 3)),
    11: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.314, 0.351)),
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), _D65),
    22: ((0.630, 0.340), (0.295, 0.605), (0.155, 0.077), _D65),
}


_HDR_TRANSFERS = {16: "PQ", 18: "HLG"}


def _srgb_light(samples: Light) -> Light:
    return np.where(samples <= 0.04045, samples / 12.92, ((samples + 0.055) / 1.055) ** 2.4)


def _bt709_light(samples: Light) -> Light:
    return np.where(samples < 4.5 * 0.018, samples / 4.5, ((samples + 0.099) / 1.099) ** (1 / 0.45))


def _smpte240_light(samples: Light) -> Light:
    return np.where(samples < 4 * 0.0228, samples / 4, ((samples + 0.1115) / 1.1115) ** (1 / 0.45))


def _power(gamma: float) -> Callable[[Light], Light]:
    return lambda samples: np.power(samples, gamma)


_CICP_CURVES: dict[int, Callable[[Light], Light]] = {
    1: _bt709_light,
    4: _power(2.2),
    5: _power(2.8),
    6: _bt709_light,
    7: _smpte240_light,
    8: _power(1.0),
    9: lambda samples: np.where(samples > 0, 10 ** (2 * (samples - 1)), 0),  # logarithmic
    10: lambda samples: np.where(samples > 0, 10 ** (2.5 * (samples - 1)), 0),
    11: _bt709_light,
    12: _bt709_light,
    13: _srgb_light,
    14: _bt709_light,
    15: _bt709_light,
    17: lambda samples: np.minimum(52.37 / 48 * samples**2.6, 1),
}


_EXIF_SRGB, _EXIF_ADOBE_RGB = 1, 2
"""Values of EXIF's ColorSpace; 65535 is "uncalibrated"."""


_LARGEST_ENTRY = 100
"""Primaries whose matrix has a larger entry span next to nothing."""


_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
"""From XYZ to the cone responses in which whites are adapted to each other."""


@dataclass(frozen=True, eq=False)
class ColourEncoding:
    """The samples of a file as light: ``curves`` to linear light, ``matrix`` from its primaries to sRGB's.

    ``curves`` (1 or 3, 65536), one for all channels or one each; ``matrix`` (3, 3) for columns of red, green
    and blue. ``precedes_profile``: it holds even where the file has an ICC profile. ``hdr`` names the
    transfer function of a picture with high dynamic range, of which sRGB has no equal; "" for others.
    """

    curves: Light
    matrix: Light
    precedes_profile: bool = False
    hdr: str = ""


def png_encoding(
    info: Mapping[str | tuple[int, int], object], cicp: bytes | None, depth: int
) -> tuple[ColourEncoding | None, list[str]]:
    """Return what a PNG file says of its colours, and notes; None if that is sRGB, or nothing.

    ``info`` is Pillow's (gamma, chromaticity, srgb), ``cicp`` the content of the chunk of that name,
    ``depth`` the file's bits per sample. Of several statements the specification's order
    decides: cICP, then sRGB, then gAMA and cHRM; an ICC profile stands between the first two.

    >>> encoding, notes = png_encoding({"gamma": 1.0}, None, 8)
    >>> encoding.curves[0, [0, 32768, 65535]].round(3).tolist(), notes
    ([0.0, 0.5, 1.0], [])
    """
    notes: list[str] = []
    if cicp is not None:
        if (encoding := _cicp_encoding(cicp, depth)) is not None:
            return encoding, notes
        codes = "/".join(map(str, cicp))
        notes.append(f"its colour description (cICP {codes}) is unknown or damaged and is not used")
    gamma, points = info.get("gamma"), info.get("chromaticity")
    if info.get("srgb") is not None or (gamma is None and points is None):
        return None, notes
    pairs = _pairs(points, 4)
    primaries = None if points is None else (*pairs[1:], *pairs[:1])  # white comes first
    exponent = 1 / gamma if isinstance(gamma, float) and gamma > 0 else 0.0
    return _encoding(primaries, None if gamma is None else _power_curve(exponent), notes), notes


def exif_encoding(exif: Image.Exif) -> tuple[ColourEncoding | None, list[str]]:
    """Return what EXIF or TIFF tags say of the colours, and notes; None if that is sRGB, or nothing.

    Raises whatever Pillow raises for damaged tags.

    >>> exif = Image.Exif()
    >>> exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.ColorSpace] = 2  # Adobe RGB
    >>> exif_encoding(exif)[0].matrix[0, :2].round(2).tolist()
    [1.4, -0.4]
    """
    tags = exif.get_ifd(ExifTags.IFD.Exif)
    space = tags.get(ExifTags.Base.ColorSpace)
    if space == _EXIF_SRGB:
        return None, []
    index = _interoperability_index(exif)
    notes: list[str] = []
    if space == _EXIF_ADOBE_RGB or index.rstrip("\0 ") == "R03":
        return _encoding(_ADOBE_RGB, _power_curve(_ADOBE_GAMMA), notes), notes
    points, white = exif.get(ExifTags.Base.PrimaryChromaticities), exif.get(ExifTags.Base.WhitePoint)
    gamma, table = tags.get(ExifTags.Base.Gamma), exif.get(ExifTags.Base.TransferFunction)
    if (points, white, gamma, table) == (None, None, None, None):
        if space is not None:
            notes.append("its EXIF data names no colour space that is known; the colours are taken as sRGB")
        return None, notes
    primaries = None
    if points is not None or white is not None:
        colours = _SRGB[:3] if points is None else _pairs(points, 3)
        primaries = (*colours, *(_SRGB[3:] if white is None else _pairs(white, 1)))
    curves = None
    if table is not None:
        curves = _tabulated(table)
    elif gamma is not None:
        curves = _power_curve(float(gamma))
    return _encoding(primaries, curves, notes), notes


def _interoperability_index(exif: Image.Exif) -> str:
    try:
        index = exif.get_ifd(ExifTags.IFD.Interop).get(ExifTags.Interop.InteropIndex, "")
    except ValueError:  # an image of Pillow whose TIFF file is closed
        return ""
    return index.decode("latin-1") if isinstance(index, bytes) else str(index)


def _encoding(
    primaries: tuple[tuple[float, float], ...] | None, curves: Light | None, notes: list[str]
) -> ColourEncoding:
    """Return the encoding by ``primaries`` and ``curves``; None stands for those of sRGB.

    Of what is impossible, primaries without area or curves without entries, sRGB's are used, with a note.
    """
    matrix = np.eye(3) if primaries is None else _matrix_to_srgb(primaries)
    if matrix is None:
        notes.append("its primaries are damaged; those of sRGB are used")
        matrix = np.eye(3)
    if curves is not None and not curves.size:
        notes.append("its gamma or transfer function is damaged; the curve of sRGB is used")
        curves = None
    return ColourEncoding(_srgb_light(LEVELS)[None] if curves is None else curves, matrix)


def _cicp_encoding(content: bytes, depth: int) -> ColourEncoding | None:
    """Return what the four bytes of cICP say; None if a code is unknown or not for RGB."""
    if len(content) != 4:
        return None
    points, transfer, coefficients, full = content
    if transfer in _HDR_TRANSFERS and points in _CICP_PRIMARIES:
        return ColourEncoding(LEVELS[None], np.eye(3), True, _HDR_TRANSFERS[transfer])
    if points not in _CICP_PRIMARIES or transfer not in _CICP_CURVES or coefficients != 0 or full > 1:
        return None
    samples = LEVELS
    if not full:  # black is 16 and white 235 of 255, in all depths (H.273, 8.3)
        largest = 2**depth - 1
        black, white = (level * 2 ** (depth - 8) / largest for level in (16, 235))
        samples = np.clip((samples - black) / (white - black), 0, 1)
    curves = np.clip(_CICP_CURVES[transfer](samples), 0, 1)[None]
    matrix = _matrix_to_srgb(_CICP_PRIMARIES[points])
    return None if matrix is None else ColourEncoding(curves, matrix, precedes_profile=True)


def _power_curve(gamma: float) -> Light:
    """Return the curve (1, 65536) of a power; no curve, (0, 65536), for one that no file can mean."""
    return LEVELS[None] ** gamma if 0.05 < gamma < 20 else np.empty((0, len(LEVELS)))


def _tabulated(table: object) -> Light:
    """Return the curves (1 or 3, 65536) of a TIFF TransferFunction; no curve, (0, 65536), if it is damaged.

    It has an entry, 0..65535, for each value of a sample, for all channels or one after the other.
    """
    entries = np.array(table if isinstance(table, tuple) else (), np.float64)
    channels = 3 if len(entries) % 3 == 0 else 1
    length = len(entries) // channels
    if length < 2 or length & (length - 1):
        return np.empty((0, len(LEVELS)))
    places = np.linspace(0, 1, length)
    return np.stack([np.interp(LEVELS, places, each / 65535) for each in np.split(entries, channels)])


def _pairs(numbers: object, count: int) -> tuple[tuple[float, float], ...]:
    """Return ``count`` pairs of x and y; none if there are not as many numbers."""
    if not isinstance(numbers, tuple) or len(numbers) != 2 * count:
        return ()
    return tuple((float(numbers[i]), float(numbers[i + 1])) for i in range(0, 2 * count, 2))


def _matrix_to_srgb(points: tuple[tuple[float, float], ...]) -> Light | None:
    """Return the matrix (3, 3) from light of ``points`` to linear sRGB; None if they are impossible.

    The points are those of red, green, blue and white. White becomes white: it is adapted to D65 after
    Bradford.
    """
    if len(points) != 4:
        return None
    with np.errstate(all="ignore"):
        try:
            ours, white = _to_xyz(_SRGB)
            theirs, own_white = _to_xyz(points)
            cones = (_BRADFORD @ white) / (_BRADFORD @ own_white)
            adaptation = np.linalg.inv(_BRADFORD) @ (cones[:, None] * _BRADFORD)
            matrix: Light = np.linalg.inv(ours) @ adaptation @ theirs
        except np.linalg.LinAlgError:
            return None
    return matrix if np.isfinite(matrix).all() and np.abs(matrix).max() < _LARGEST_ENTRY else None


def _to_xyz(points: tuple[tuple[float, float], ...]) -> tuple[Light, Light]:
    """Return the matrix (3, 3) from light of ``points`` to XYZ, and XYZ of white, whose Y is 1."""
    x, y = np.array(points).T
    xyz = np.stack([x, y, 1 - x - y])
    white = xyz[:, 3] / xyz[1, 3]
    return xyz[:, :3] * np.linalg.solve(xyz[:, :3], white), white
