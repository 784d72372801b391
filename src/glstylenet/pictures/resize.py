"""Resizing: a picture is resampled to another size, and the size for a longest side is computed."""

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["fitted_size", "resize"]


_CLEAR = 1 / 16
"""With less alpha than this, resampled colours are told less by alpha and more by the pixels alone: the
kernel's negative parts make a quotient of small numbers wild."""


def resize(pixels: Tensor, size: tuple[int, int], *, alpha: Tensor | None = None) -> Tensor:
    """Resample ``pixels`` (1, C, H, W), 0..255, to ``size`` (height, width), clamped to 0..255.

    The kernel is bicubic, with antialiasing. If the size is already right, the same tensor is returned.
    With ``alpha`` (1, 1, H, W), 0..1, straight colours count by how opaque they are.

    >>> resize(torch.zeros(1, 3, 40, 30), (20, 15)).shape
    torch.Size([1, 3, 20, 15])
    """
    if tuple(pixels.shape[2:]) == tuple(size):
        return pixels
    resampled = _resampled(pixels, size).clamp(0.0, 255.0)  # a bicubic kernel overshoots at edges
    if alpha is None:
        return resampled
    share = _resampled(alpha, size)
    straight = (_resampled(pixels * alpha, size) / share.clamp_min(_CLEAR / 2)).clamp(0.0, 255.0)
    return torch.lerp(resampled, straight, (2.0 * share / _CLEAR - 1.0).clamp(0.0, 1.0))


def _resampled(planes: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(planes, size=size, mode="bicubic", align_corners=False, antialias=True)


def fitted_size(size: tuple[int, int], longest: int | None) -> tuple[int, int]:
    """Return ``size`` (height, width) scaled so that its longest side is ``longest``; None keeps it.

    >>> fitted_size((300, 400), 200)
    (150, 200)
    """
    if longest is None:
        return size
    scale = longest / max(size)
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
