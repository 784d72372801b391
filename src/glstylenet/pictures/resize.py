"""Resizing: a picture is resampled to another size, and the size for a longest side is computed."""

from torch import Tensor
from torch.nn import functional as F

__all__ = ["fitted_size", "resize"]


def resize(pixels: Tensor, size: tuple[int, int]) -> Tensor:
    """Resample ``pixels`` (1, C, H, W), 0..255, to ``size`` (height, width), clamped to 0..255.

    The kernel is bicubic, with antialiasing. If the size is already right, the same tensor is returned.

    >>> import torch
    >>> resize(torch.zeros(1, 3, 40, 30), (20, 15)).shape
    torch.Size([1, 3, 20, 15])
    """
    if tuple(pixels.shape[2:]) == tuple(size):
        return pixels
    resampled = F.interpolate(pixels, size=size, mode="bicubic", align_corners=False, antialias=True)
    return resampled.clamp(0.0, 255.0)  # a bicubic kernel overshoots at edges


def fitted_size(size: tuple[int, int], longest: int | None) -> tuple[int, int]:
    """Return ``size`` (height, width) scaled so that its longest side is ``longest``; None keeps it.

    >>> fitted_size((300, 400), 200)
    (150, 200)
    """
    if longest is None:
        return size
    scale = longest / max(size)
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
