"""Optimize: bounded minimisation of any ``evaluate(x) -> (loss, gradient)``, one step at a time.

L-BFGS (Liu and Nocedal 1989) with the variables kept in a box by projection (Bertsekas 1982): variables
at a bound whose gradient points outward rest, the others take the quasi-Newton direction, and the line
search follows the projected path x(t) = clamp(x + t d). The objective never rises: a step is taken only
if it satisfies the sufficient-decrease condition, and a step to NaN or infinity is shortened like any
other bad one. SciPy's L-BFGS-B needs float64 on the CPU, and torch's LBFGS has no bounds and can end in
NaN; this one keeps every vector on the device. What it remembers of the function, and the direction that
follows, is :mod:`~glstylenet.optim.lbfgs_memory`'s.

A vector of a large picture takes hundreds of MiB. So sums and masks are formed chunk by chunk, without
temporary vectors, and in few places the host waits for the device: once for the mask, twice for the
direction, and once before and once after an evaluation.

This module knows no loss. "Evaluations" are calls of ``evaluate``, the unit of all budgets.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from glstylenet.errors import OptimizationError

__all__ = [
    "Evaluate",
    "Optimizer",
    "OptimizerState",
    "Step",
    "evaluate_contiguous",
    "is_finite",
    "largest_absolute",
]


Evaluate = Callable[[Tensor], tuple[float, Tensor]]
"""Loss (may be NaN) and gradient (same shape as x) at x."""


@dataclass(frozen=True)
class Step:
    """After one call of ``evaluate``.

    ``evaluations``: calls so far in this run. ``loss``: the best so far, that of ``x``. ``accepted``:
    whether this call moved ``x``. Do not write into ``x``.
    """

    evaluations: int
    loss: float
    x: Tensor
    accepted: bool


@dataclass(frozen=True)
class OptimizerState:
    """What an optimiser has optimizer_state: ``tensors`` by name, float16 or float32, and ``numbers`` for JSON.

    The tensors may be the optimiser's own: use them before it goes on, and do not write into them.
    """

    tensors: Mapping[str, Tensor]
    numbers: Mapping[str, Any]


class Optimizer:
    """What :class:`Lbfgs` and :class:`Adam` share: the box and the way they are run."""

    def __init__(self, *, lower: float = 0.0, upper: float = 255.0) -> None:
        self.lower = lower
        self.upper = upper

    def run(self, evaluate: Evaluate, start: Tensor, evaluations: int) -> Iterator[Step]:
        """Spend at most ``evaluations`` calls from ``start``; yields after each call.

        The first call is at ``start`` (clamped into the box). Ends early where no step helps any more.
        Raises :class:`~glstylenet.errors.OptimizationError` if the loss or gradient at the start is not
        finite.
        """
        raise NotImplementedError

    def reset(self) -> None:
        """Drop what was optimizer_state of the function: it has changed beyond recognition."""
        raise NotImplementedError

    def state_dict(self) -> OptimizerState:
        """What was optimizer_state of the function, as the next run will use it."""
        raise NotImplementedError

    def load_state_dict(self, snapshot: OptimizerState, like: Tensor) -> None:
        """Know again what :meth:`state_dict` told of, for variables like this one: the next run is the same."""
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
    """Return whether the loss and every entry of the gradient are finite."""
    return math.isfinite(loss) and math.isfinite(largest_absolute(gradient))


def largest_absolute(vector: Tensor) -> float:
    """The largest absolute value, NaN if there is one; without a temporary vector, unlike ``abs()``."""
    low, high = torch.stack(vector.aminmax()).tolist()
    return float(max(abs(low), abs(high)))
