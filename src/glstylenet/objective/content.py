"""Content: TODO-DOC."""

from torch import Tensor

from glstylenet.numerics import at_least_float32, sum_of_squares
from glstylenet.objective.loss import Loss

__all__ = ["content_loss"]


def content_loss(feature: Tensor, target: Tensor, *, weight: float = 1.0, entries: int | None = None) -> Loss:
    """Mean squared difference of F^4 of two pictures (Eq. 2).

    The paper prints a sum over positions and channels; the authors' code takes the mean, and the
    published weights belong to it.
    """
    share = weight / (entries or feature.numel())
    difference = at_least_float32(feature) - at_least_float32(target)
    value = share * sum_of_squares(difference)
    return Loss(value, difference.mul_(2.0 * share).to(feature.dtype))
