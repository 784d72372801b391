"""Loss: TODO-DOC."""

from dataclasses import dataclass

from torch import Tensor

__all__ = ["Loss"]


@dataclass(frozen=True)
class Loss:
    """A weighted term, 0-dimensional float64, and its gradient with respect to what was looked at."""

    value: Tensor
    gradient: Tensor
