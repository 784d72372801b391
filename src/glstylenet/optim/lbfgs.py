"""Lbfgs: projected L-BFGS, the optimiser of a run.

One iteration of L-BFGS (Liu and Nocedal 1989), with the variables kept in a box by projection (Bertsekas
1982):

1. A variable at a bound whose gradient points outward rests; the others are *free*.
2. On the free variables, d = -H g, where H is the approximation of the inverse Hessian that
   :mod:`~glstylenet.optim.lbfgs_memory` computes. Without any pairs, d = -P g, where P is the preconditioner.
3. A line search along the projected path x(t) = clamp(x + t d), from t = 1. A step is accepted only if it
   satisfies the sufficient-decrease condition, so the loss never rises. A step to NaN or infinity is
   shortened like any other bad one.
4. The accepted step and the change of the gradient are stored as a new pair.

SciPy's L-BFGS-B needs float64 on the CPU, and torch's LBFGS has no bounds and can end in NaN; this one keeps
every vector on the device. A vector of a large picture takes hundreds of MiB. So sums and masks are formed
chunk by chunk, without temporary vectors, and the host waits for the device in few places: once for the
mask, twice for the direction, and once before and once after an evaluation.
"""

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from glstylenet.numerics import apply_mask, chunk_slices
from glstylenet.optim.base import (
    Evaluate,
    Optimizer,
    Step,
    evaluate_contiguous,
    is_finite,
)
from glstylenet.optim.lbfgs_memory import LbfgsMemory, Precondition, StoredPairs, secant_pair
from glstylenet.optim.state import OptimizerState, largest_absolute

__all__ = ["Lbfgs", "UpdatePreconditioner"]


UpdatePreconditioner = Callable[[StoredPairs, Tensor], None]
"""Fits P to the pairs of vectors in the shape of the second argument, and to nothing else."""


_SUFFICIENT_DECREASE = 1e-4


_SHORTEST_STEP = 1e-10


_STEPS_BETWEEN_UPDATES = 10
"""This equals the default number of pairs, so that all of them are new at each update of P."""


class Lbfgs(Optimizer):
    """`Lbfgs` minimises a function in a box. The pairs are kept from one run to the next: a warm start.

    - ``history``: the number of pairs, each twice the size of x.
    - ``half_history``: store them in float16, in half the memory.
    - ``first_step``: how far the largest entry moves in the first step, when no pair is known.
    - ``precondition``: multiplies a vector in place by P; the identity if ``None``.
    - ``initial_scale``: a factor of the initial inverse Hessian, t P.
    - ``update_preconditioner``: may change P, given the stored pairs. It is called at the start of every
      run, after every tenth step of a run, and when a run drops its pairs, so that the next run depends on
      nothing but the pairs.

    Besides the history (:func:`~glstylenet.optim.lbfgs_memory.history_bytes`) and what ``precondition``
    keeps, a run holds four vectors: x and its gradient, the candidate and its gradient. The direction is
    freed before the candidate is evaluated: nearly every first candidate is accepted, and after one that is
    not, the direction is computed again, which costs little compared with an evaluation.

    >>> bowl = lambda x: (float((x - 7).square().sum()), 2 * (x - 7))
    >>> *_, last = Lbfgs().run(bowl, torch.tensor([3.0, 300.0]), 20)
    >>> last.x
    tensor([7., 7.])
    """

    def __init__(
        self,
        *,
        lower: float = 0.0,
        upper: float = 255.0,
        history: int = 10,
        first_step: float = 8.0,
        half_history: bool = False,
        precondition: Precondition | None = None,
        initial_scale: float = 1.0,
        update_preconditioner: UpdatePreconditioner | None = None,
    ) -> None:
        super().__init__(lower=lower, upper=upper)
        self.first_step = first_step
        self._update = update_preconditioner
        self._precondition = precondition
        self._memory = LbfgsMemory(
            history, half=half_history, precondition=precondition, initial_scale=initial_scale
        )

    def reset(self) -> None:
        """Discard the pairs."""
        self._memory.reset()

    def state_dict(self) -> OptimizerState:  # noqa: D102
        return self._memory.state_dict()

    def load_state_dict(self, state: OptimizerState, like: Tensor) -> None:  # noqa: D102
        self._memory.load_state_dict(state, like)

    def check_state(self, state: OptimizerState, shape: torch.Size) -> None:  # noqa: D102
        self._memory.check_state(state, shape)

    def run(self, evaluate: Evaluate, start: Tensor, evaluations: int) -> Iterator[Step]:  # noqa: D102
        self._memory.match_layout(start)
        self._update_preconditioner(start)
        x, loss, gradient = self._start(evaluate, start)
        del start  # here and below: a vector may be large, so it is freed as soon as it is not needed
        used, steps = 1, 0
        yield Step(used, loss, x, True)
        while used < evaluations:
            length, moved = 1.0, False
            while used < evaluations and not moved:
                direction = self._direction(x, gradient)
                if direction is None:
                    return
                candidate, expected = self._candidate(x, gradient, direction, length)
                del direction
                if expected == 0.0:  # the step is shorter than the last digit of x
                    if length == 1.0:
                        return  # even the full step is: x is the minimum, as far as its digits go
                    break
                new_loss, new_gradient = evaluate_contiguous(evaluate, candidate)
                used += 1
                # The projected path may bend uphill (expected > 0): never accepted, only shortened.
                if expected < 0 and -math.inf < new_loss <= loss + _SUFFICIENT_DECREASE * expected:
                    pair = secant_pair(x, gradient, candidate, new_gradient)
                    moved = pair.finite
                finite = moved or is_finite(new_loss, new_gradient)
                if moved:
                    self._memory.add(pair, x, gradient, candidate, new_gradient)
                    x, loss, gradient = candidate, new_loss, new_gradient
                    steps += 1
                del candidate, new_gradient
                yield Step(used, loss, x, moved, finite)
                if not moved:
                    length *= _shortening(loss, new_loss, expected)
                    if length < _SHORTEST_STEP:
                        break
            if not moved and used < evaluations:
                if not len(self._memory):
                    return  # not even the direction -P g lowers the loss any more
                self._start_over(x)
            if moved and steps % _STEPS_BETWEEN_UPDATES == 0:
                self._update_preconditioner(x)

    def _start_over(self, like: Tensor) -> None:
        """Discard the pairs, and what P was fitted to."""
        self.reset()
        self._update_preconditioner(like)

    def _update_preconditioner(self, like: Tensor) -> None:
        if self._update is not None:
            self._update(self._memory.secant_pairs(), like)

    def _candidate(
        self, x: Tensor, gradient: Tensor, direction: Tensor, length: float
    ) -> tuple[Tensor, float]:
        """Return clamp(x + length * direction), and the change of the loss that the gradient predicts."""
        candidate = torch.add(x, direction, alpha=length).clamp_(self.lower, self.upper)
        before, after, slope = x.flatten(), candidate.flatten(), gradient.flatten()
        expected = torch.zeros((), dtype=torch.float64, device=x.device)
        for part in chunk_slices(x, 4):
            expected += (after[part] - before[part]) @ slope[part]
        return candidate, float(expected)

    def _direction(self, x: Tensor, gradient: Tensor) -> Tensor | None:
        """Return the full step from x, or ``None`` at a stationary point."""
        free, stationary = self._free(x, gradient)
        if stationary:
            return None
        direction = self._memory.direction(gradient, free)
        if direction is None:
            if len(self._memory):
                self._start_over(x)
            direction = -gradient
            apply_mask(direction, free)
            if self._precondition is not None:
                self._precondition(direction)
                apply_mask(direction, free)
            # -P g has no scale of its own.
            direction.mul_(self.first_step / largest_absolute(direction))
        return direction

    def _free(self, x: Tensor, gradient: Tensor) -> tuple[Tensor | None, bool]:
        """Return marks of the free variables (flat; ``None``: all), and whether all their slopes are 0.

        The other variables rest at a bound, where their gradient points outward.
        """
        pixels, slope = x.flatten(), gradient.flatten()
        free = torch.empty_like(pixels, dtype=torch.bool)
        found = torch.zeros(2, dtype=torch.uint8, device=x.device)
        for part in chunk_slices(x, 4):
            value, slopes = pixels[part], slope[part] != 0
            outermost = torch.where(slope[part] > 0, value <= self.lower, value >= self.upper)
            resting = outermost.logical_and_(slopes)
            sloping = torch.logical_not(resting, out=free[part]) & slopes
            # As bytes: the maximum of bytes takes a thirtieth of the time of any().
            found = torch.maximum(found, torch.stack((resting, sloping)).view(torch.uint8).amax(1))
        any_rests, any_slope = found.tolist()
        return (free if any_rests else None), not any_slope


def _shortening(loss: float, new_loss: float, expected: float) -> float:
    """Return the factor by which to shorten a failed step.

    The parabola through the loss at x, the slope there and the loss at the candidate has its minimum at this
    fraction of the step; the factor is limited to 0.1 ... 0.5. ``expected`` is the (negative) change that the
    slope predicts for the whole step.
    """
    if not math.isfinite(new_loss):
        return 0.1
    curvature = new_loss - loss - expected
    if curvature <= 0:
        return 0.5
    return min(0.5, max(0.1, -expected / (2.0 * curvature)))
