"""Smoothness: TODO-DOC."""

import torch
from torch import Tensor

from glstylenet.numerics import sum_of_squares
from glstylenet.objective.loss import Loss

__all__ = ["smoothness_loss"]


_ROWS_AT_ONCE = 128
"""Rows of pixels that the smoothness term takes at a time: its temporaries stay small at any size."""


def smoothness_loss(pixels: Tensor, *, weight: float = 1.0) -> Loss:
    """Mean of squared vertical plus mean of squared horizontal differences of (1, 3, H, W)  (Eq. 7).

    The paper prints a sum; the weight sigma = 1 belongs to the mean. A direction in which the picture is
    one pixel wide adds nothing.
    """
    gradient = torch.zeros_like(pixels)
    value = torch.zeros((), dtype=torch.float64, device=pixels.device)
    height, width = pixels.shape[-2:]
    down, across = 3 * (height - 1) * width, 3 * height * (width - 1)
    for top in range(0, height, _ROWS_AT_ONCE):
        bottom = top + _ROWS_AT_ONCE
        rows = slice(top, min(bottom + 1, height))  # one row more, to reach the next strip
        value += _squared_steps(pixels[..., rows, :], gradient[..., rows, :], 2, weight, down)
        rows = slice(top, min(bottom, height))
        value += _squared_steps(pixels[..., rows, :], gradient[..., rows, :], 3, weight, across)
    return Loss(value, gradient)


def _squared_steps(pixels: Tensor, gradient: Tensor, dimension: int, weight: float, count: int) -> Tensor:
    """Sum of squared steps along ``dimension``, over ``count``; its gradient is added to ``gradient``."""
    steps = pixels.shape[dimension] - 1
    if steps < 1:
        return torch.zeros((), dtype=torch.float64, device=pixels.device)
    difference = pixels.narrow(dimension, 1, steps) - pixels.narrow(dimension, 0, steps)
    value = weight / count * sum_of_squares(difference)
    difference.mul_(2.0 * weight / count)
    gradient.narrow(dimension, 0, steps).sub_(difference)
    gradient.narrow(dimension, 1, steps).add_(difference)
    return value
