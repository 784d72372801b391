"""Smoothness: neighbouring pixels are kept alike (Eq. 7).

    L_smoothness = sigma (mean of squared vertical + mean of squared horizontal differences)  (Eq. 7)

Deviation from the paper, which prints a sum: the published sigma = 1 belongs to the mean.
"""

import torch
from torch import Tensor

from glstylenet.numerics import sum_of_squares
from glstylenet.objective.loss_term import Loss, LossTerm

__all__ = ["SmoothnessTerm", "smoothness_loss"]

_ROWS_AT_ONCE = 128
"""Rows of pixels whose differences are computed at a time: temporaries stay small at any size."""


def smoothness_loss(pixels: Tensor, *, weight: float = 1.0) -> Loss:
    """Return the smoothness term of ``pixels`` (1, 3, H, W) (Eq. 7) and its gradient.

    A direction in which the picture is one pixel wide adds nothing.

    >>> import torch
    >>> step = torch.tensor([0.0, 2.0]).expand(1, 3, 1, 2)
    >>> float(smoothness_loss(step).value)
    4.0
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


class SmoothnessTerm(LossTerm):
    """The smoothness term of one objective: a term of pixels."""

    name = "smoothness"
    symbol = "sigma"
    setting = "smoothness"
    label = "smoothness"
    colour = "#c46e9f"
    dark_colour = "#e59cc5"

    def of_pixels(self, pixels: Tensor) -> Loss:
        """Compare neighbouring ``pixels``."""
        return smoothness_loss(pixels, weight=self.weight)


def _squared_steps(pixels: Tensor, gradient: Tensor, dimension: int, weight: float, count: int) -> Tensor:
    """Return the sum of squared steps along ``dimension`` over ``count``; add its gradient to
    ``gradient``."""
    steps = pixels.shape[dimension] - 1
    if steps < 1:
        return torch.zeros((), dtype=torch.float64, device=pixels.device)
    difference = pixels.narrow(dimension, 1, steps) - pixels.narrow(dimension, 0, steps)
    value = weight / count * sum_of_squares(difference)
    difference.mul_(2.0 * weight / count)
    gradient.narrow(dimension, 0, steps).sub_(difference)
    gradient.narrow(dimension, 1, steps).add_(difference)
    return value
