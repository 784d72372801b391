"""Glitches: how much of the picture is speckle that the style does not have.

    T = share of pixels of x with  |x(p) - med(p)| > t  /  ODD_SHARE

x(p) is the CIELAB colour of a pixel, med(p) the median of its 3x3 neighbourhood in each channel, and t the
distance that a share of ODD_SHARE of the style's pixels exceeds. A median keeps edges and strokes and drops
single odd pixels, so what it changes by more than it changes the style is speckle: rainbow dither, dots of a
search that jumps, checkerboards.
"""

import numpy as np
from scipy import ndimage
from torch import Tensor

from glstylenet.metrics.luminance import FloatArray

__all__ = ["ODD_SHARE", "glitch_ratio", "glitch_threshold", "glitches_above"]

ODD_SHARE = 0.01
"""The share of the style's pixels that count as odd: its own grain and finest strokes."""

_JUST_SEEN = 2.3
"""A smaller difference in CIELAB is not seen: the threshold of a flat style."""


def glitch_ratio(image: Tensor, style: Tensor) -> float:
    """Return T of two pictures of CIELAB colours (1, 3, H, W): 0..1/ODD_SHARE, 1 for the style itself.

    >>> import torch
    >>> flat = torch.full((1, 3, 9, 9), 50.0)
    >>> spotted = flat.clone()
    >>> spotted[0, 0, 4, 4] = 90.0
    >>> glitch_ratio(flat, flat), round(glitch_ratio(spotted, flat), 2)
    (0.0, 1.23)
    """
    return glitches_above(image, glitch_threshold(style))


def glitch_threshold(style: Tensor) -> float:
    """Return t of the colours (1, 3, H, W) of a style, in CIELAB units."""
    return max(_JUST_SEEN, float(np.quantile(_oddness(style), 1.0 - ODD_SHARE)))


def glitches_above(image: Tensor, threshold: float) -> float:
    """Return T of the colours (1, 3, H, W) of a picture for a given t."""
    return float((_oddness(image) > threshold).mean()) / ODD_SHARE


def _oddness(colours: Tensor) -> FloatArray:
    """Return the distance of each pixel's colour to the median of its neighbourhood: (H, W)."""
    values = colours[0].detach().cpu().double().numpy()
    median = ndimage.median_filter(values, size=(1, 3, 3), mode="nearest")
    odd: FloatArray = np.sqrt(((values - median) ** 2).sum(axis=0))
    return odd
