"""Base: what an optimiser is, independent of the method.

An :class:`Optimizer` minimises any ``evaluate(x) -> (loss, gradient)`` with every entry of x kept in a box
[lower, upper]. Its :meth:`~Optimizer.run` is a generator that yields a :class:`Step` after each call of
``evaluate``, so the caller can report progress, save the state, or stop. Nothing here knows a loss or a
picture. An *evaluation* is one call of ``evaluate``, the unit of all budgets.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from glstylenet.errors import OptimizationError
from glstylenet.optim.state import OptimizerState, largest_absolute

__all__ = [
    "Evaluate",
    "Optimizer",
    "Step",
    "evaluate_contiguous",
    "is_finite",
]


Evaluate = Callable[[Tensor], tuple[float, Tensor]]
"""Returns the loss (may be NaN) and the gradient (same shape as x) at x."""


@dataclass(frozen=True)
class Step:
    """`Step` describes the state of a run after one call of ``evaluate``.

    - ``evaluations``: the number of calls so far in this run.
    - ``loss``: the lowest loss so far, which is the loss at ``x``.
    - ``x``: the best point so far. Do not write into it.
    - ``accepted``: whether this call moved ``x``.
    - ``finite``: whether the loss and the gradient of this call were finite.
    """

    evaluations: int
    loss: float
    x: Tensor
    accepted: bool
    finite: bool = True


class Optimizer:
    """`Optimizer` is the base class of :class:`~glstylenet.optim.Lbfgs` and :class:`~glstylenet.optim.Adam`.

    Every entry of x stays within ``lower`` and ``upper``, by default the range of a pixel, 0 to 255.
    """

    def __init__(self, *, lower: float = 0.0, upper: float = 255.0) -> None:
        self.lower = lower
        self.upper = upper

    def run(self, evaluate: Evaluate, start: Tensor, evaluations: int) -> Iterator[Step]:
        """Minimise ``evaluate`` from ``start`` with at most ``evaluations`` calls; yield after each call.

        The first call is at ``start``, clamped into the box. A step to a loss or gradient that is not finite
        is undone, and the next one is safer. The run ends early where no step lowers the loss any more.
        Raises :class:`~glstylenet.errors.OptimizationError` if the loss or the gradient at
        the start is not finite.
        """
        raise NotImplementedError

    def reset(self) -> None:
        """Discard what earlier runs have recorded, because the function has changed too much."""
        raise NotImplementedError

    def state_dict(self) -> OptimizerState:
        """Return the state that the next run starts from."""
        raise NotImplementedError

    def load_state_dict(self, state: OptimizerState, like: Tensor) -> None:
        """Restore a ``state`` of :meth:`state_dict` for variables in the shape, type and place of ``like``.

        The next run then computes the same numbers as if this optimiser had never been replaced.
        """
        raise NotImplementedError

    def check_state(self, state: OptimizerState, shape: torch.Size) -> None:
        """Check that ``state`` could be a :meth:`state_dict` of this optimiser, for variables of ``shape``.

        Raises ``ValueError`` saying what is wrong: a state that was read from a file may hold anything.
        """
        raise NotImplementedError

    def _start(self, evaluate: Evaluate, start: Tensor) -> tuple[Tensor, float, Tensor]:
        x = start.detach().clamp(self.lower, self.upper).contiguous()
        loss, gradient = evaluate_contiguous(evaluate, x)
        if not is_finite(loss, gradient):
            raise OptimizationError(
                f"the loss where the optimiser starts is {loss}, expected a finite number with a finite "
                f"gradient; try --precision float32, smaller weights or another --init"
            )
        return x, loss, gradient


def evaluate_contiguous(evaluate: Evaluate, x: Tensor) -> tuple[float, Tensor]:
    """Return loss and gradient at ``x``, the gradient contiguous."""
    loss, gradient = evaluate(x)
    # A gradient may come in the network's memory format; flattening such a one would copy it each time.
    return loss, gradient.contiguous()


def is_finite(loss: float, gradient: Tensor) -> bool:
    """Return whether the loss and every entry of the gradient are finite.

    >>> is_finite(1.0, torch.tensor([2.0, float("nan")]))
    False
    """
    return math.isfinite(loss) and math.isfinite(largest_absolute(gradient))
