"""Resize: TODO-DOC."""

from torch import Tensor
from torch.nn import functional as F

__all__ = ["fitted_size", "resize"]


def resize(pixels: Tensor, size: tuple[int, int]) -> Tensor:
    """Resample ``pixels`` (1, C, H, W), 0..255, to ``size`` (height, width), clamped to 0..255.

    Bicubic with antialiasing. The same size gives the same tensor back.
    """
    if tuple(pixels.shape[2:]) == tuple(size):
        return pixels
    resampled = F.interpolate(pixels, size=size, mode="bicubic", align_corners=False, antialias=True)
    return resampled.clamp(0.0, 255.0)  # a bicubic kernel overshoots at edges


def fitted_size(size: tuple[int, int], longest: int | None) -> tuple[int, int]:
    """``size`` (height, width) enlarged or reduced until its longest side is ``longest``; None keeps it."""
    if longest is None:
        return size
    scale = longest / max(size)
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
