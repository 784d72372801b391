"""CIELAB: pictures in lightness and chroma, and the chroma of one picture under another's lightness.

Lightness L* is a function of luminance alone, and a difference of about 2.3 is just noticeable everywhere
(CIE 15:2018; white D65, 2 degrees). sRGB is that of IEC 61966-2-1.
"""

import torch
from torch import Tensor

__all__ = ["lab_from_rgb", "rgb_from_lab", "with_chroma_of"]


_ROWS_AT_ONCE = 256
"""Rows that are converted at a time, so that a large picture needs no large temporary."""


_XYZ_OF_LIGHT = (
    (0.4124564, 0.3575761, 0.1804375),
    (0.2126729, 0.7151522, 0.0721750),
    (0.0193339, 0.1191920, 0.9503041),
)
"""From linear sRGB to XYZ; the rows add up to the white."""


_CORNER = 6 / 29
"""Below the cube of this, the cube root of a share of the white is replaced by its tangent."""


_TANGENT = 1 / (3 * _CORNER**2)


def lab_from_rgb(colours: Tensor) -> Tensor:
    """Return sRGB ``colours`` (3, N), 0..255, in CIELAB: float64 (3, N), L* 0..100, a* and b* signed.

    >>> lab_from_rgb(torch.tensor([[255.0], [255.0], [255.0]])).round().flatten().abs().tolist()
    [100.0, 0.0, 0.0]
    """
    samples = colours.double() / 255.0
    light = torch.where(samples <= 0.04045, samples / 12.92, ((samples + 0.055) / 1.055) ** 2.4)
    matrix = _xyz_of_light(light)
    shares = matrix @ light / matrix.sum(dim=1, keepdim=True)
    x, y, z = torch.where(shares > _CORNER**3, shares ** (1 / 3), _TANGENT * shares + 4 / 29)
    return torch.stack((116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)))


def rgb_from_lab(colours: Tensor) -> Tensor:
    """Return CIELAB ``colours`` (3, N) in sRGB: float64 (3, N), 0..255.

    Of a colour outside sRGB each primary's light is clamped: lightness and chroma are then nearly right, and
    the hue moves a little.

    >>> rgb_from_lab(lab_from_rgb(torch.tensor([[51.0], [0.0], [255.0]]))).round().flatten().tolist()
    [51.0, 0.0, 255.0]
    """
    lightness, a, b = colours.double()
    y = (lightness + 16.0) / 116.0
    roots = torch.stack((y + a / 500.0, y, y - b / 200.0))
    matrix = _xyz_of_light(roots)
    shares = torch.where(roots > _CORNER, roots**3, (roots - 4 / 29) / _TANGENT)
    xyz = shares * matrix.sum(dim=1, keepdim=True)
    light = (torch.linalg.inv(matrix) @ xyz).clamp(0.0, 1.0)
    samples = torch.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return 255.0 * samples.clamp(0.0, 1.0)


def with_chroma_of(source: Tensor, picture: Tensor) -> Tensor:
    """Return ``picture`` with the chroma of ``source``, pixel by pixel: its L* with the a* and b* of those.

    Both are sRGB 0..255, (1, 3, H, W), and so is the result, in the precision of ``picture``. Where sRGB has
    no such colour, as of a deep red that is to be almost white, see :func:`rgb_from_lab`.

    >>> red, grey = torch.tensor([200.0, 40.0, 40.0]).view(1, 3, 1, 1), torch.full((1, 3, 1, 1), 90.0)
    >>> with_chroma_of(red, grey).round().flatten().tolist()
    [181.0, 13.0, 27.0]
    """
    strips = zip(*(torch.split(each, _ROWS_AT_ONCE, dim=2) for each in (source, picture)), strict=True)
    return torch.cat([_combined(theirs, ours) for theirs, ours in strips], dim=2)


def _combined(source: Tensor, picture: Tensor) -> Tensor:
    lightness = lab_from_rgb(picture[0].flatten(1))[:1]
    chroma = lab_from_rgb(source[0].flatten(1))[1:]
    return rgb_from_lab(torch.cat((lightness, chroma))).to(picture.dtype).view_as(picture)


def _xyz_of_light(like: Tensor) -> Tensor:
    return torch.tensor(_XYZ_OF_LIGHT, dtype=torch.float64, device=like.device)
