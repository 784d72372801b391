"""Smoothness: neighbouring pixels are kept alike (Eq. 7).

    L_smoothness = sigma (mean of squared vertical + mean of squared horizontal differences)  (Eq. 7)

Deviation from the paper, which prints a sum: the published sigma = 1 belongs to the mean.
"""

import torch
from torch import Tensor

from glstylenet.numerics import Rect, sum_of_squares
from glstylenet.objective.loss_term import Loss, LossTerm

__all__ = ["SmoothnessTerm", "smoothness_loss", "smoothness_share"]

_ROWS_AT_ONCE = 128
"""Rows of pixels whose differences are computed at a time: temporaries stay small at any size."""


def smoothness_loss(pixels: Tensor, *, weight: float = 1.0, size: tuple[int, int] | None = None) -> Loss:
    """Return the smoothness term of ``pixels`` (1, 3, H, W) (Eq. 7) and its gradient.

    A direction in which the picture is one pixel wide adds nothing. Where ``pixels`` are a part of a picture,
    ``size`` is the (height, width) of the whole, over whose steps the means are taken.

    >>> import torch
    >>> step = torch.tensor([0.0, 2.0]).expand(1, 3, 1, 2)
    >>> float(smoothness_loss(step).value)
    4.0
    """
    gradient = torch.zeros_like(pixels)
    value = torch.zeros((), dtype=torch.float64, device=pixels.device)
    height, width = pixels.shape[-2:]
    down, across = _steps(size or (height, width))
    for top in range(0, height, _ROWS_AT_ONCE):
        bottom = top + _ROWS_AT_ONCE
        rows = slice(top, min(bottom + 1, height))  # one row more, to reach the next strip
        value += _squared_steps(pixels[..., rows, :], gradient[..., rows, :], 2, weight, down)
        rows = slice(top, min(bottom, height))
        value += _squared_steps(pixels[..., rows, :], gradient[..., rows, :], 3, weight, across)
    return Loss(value, gradient)


def smoothness_share(pixels: Tensor, own: Rect, size: tuple[int, int], *, weight: float = 1.0) -> Tensor:
    """Return the part of a rectangle in the smoothness term of a picture: 0-dimensional float64.

    ``pixels`` (1, 3, h, w) are a part of the picture of ``size`` (height, width), ``own`` the rectangle in
    it. Steps are counted where they begin, so that the shares of all rectangles of a picture sum up to the
    term; to step out of the rectangle, ``pixels`` go on to the right and below, but at the picture's end.

    >>> ramp = torch.arange(0.0, 8.0).view(1, 1, 2, 4).expand(1, 3, 2, 4)
    >>> halves = [Rect(0, 0, 2, 2), Rect(0, 2, 2, 4)]
    >>> shares = [float(smoothness_share(ramp, half, (2, 4))) for half in halves]
    >>> [round(share, 6) for share in shares], float(smoothness_loss(ramp).value)
    ([8.666667, 8.333333], 17.0)
    """
    rows, columns = own.slices
    down, across = _steps(size)
    below = pixels[..., own.top : own.bottom + 1, columns].contiguous()
    right = pixels[..., rows, own.left : own.right + 1].contiguous()
    value = _squared_steps(below, torch.empty_like(below), 2, weight, down)
    return value + _squared_steps(right, torch.empty_like(right), 3, weight, across)


class SmoothnessTerm(LossTerm):
    """The smoothness term of one objective: a term of pixels."""

    name = "smoothness"
    symbol = "sigma"
    setting = "smoothness"
    label = "smoothness"
    colour = "#c46e9f"
    dark_colour = "#e59cc5"

    def of_pixels(self, pixels: Tensor, *, size: tuple[int, int] | None = None) -> Loss:
        """Compare neighbouring ``pixels``."""
        return smoothness_loss(pixels, weight=self.weight, size=size)

    def share_of(self, pixels: Tensor, own: Rect, size: tuple[int, int]) -> Tensor:
        """Compare the neighbouring pixels of a rectangle."""
        return smoothness_share(pixels, own, size, weight=self.weight)


def _steps(size: tuple[int, int]) -> tuple[int, int]:
    """Return how many steps a picture of ``size`` has down and across, in its three colours."""
    height, width = size
    return 3 * (height - 1) * width, 3 * height * (width - 1)


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
