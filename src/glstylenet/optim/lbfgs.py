"""Lbfgs: TODO-DOC."""

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from glstylenet.numerics import chunk_slices, keep
from glstylenet.optim.base import (
    Evaluate,
    Optimizer,
    OptimizerState,
    Step,
    evaluate_contiguous,
    largest_absolute,
)
from glstylenet.optim.lbfgs_memory import LbfgsMemory, Precondition, measure

__all__ = ["Lbfgs", "UpdatePreconditioner"]


UpdatePreconditioner = Callable[[OptimizerState, Tensor], None]
"""Hears the pairs of a history of vectors like the second; what it learns of the function lies in P."""


_SUFFICIENT_DECREASE = 1e-4


_SHORTEST_STEP = 1e-10


_STEPS_BETWEEN_LESSONS = 10
"""As many as the pairs that are kept by default: then all are new."""


class Lbfgs(Optimizer):
    """Projected L-BFGS. The history outlives a run, so that the next round starts warm.

    ``history``: how many pairs are kept, each twice the size of x. ``half_history``: keep them in float16,
    in half the memory. ``first_step``: how far the largest entry moves in the first step, before anything
    is known of the curvature. ``precondition``: multiplies a vector in place by P, the form of the first
    initial_scale of the inverse Hessian; the identity if ``None``. ``initial_scale``: a factor of that initial_scale. ``update_preconditioner`` may
    change P by what the pairs tell: it hears them at the start of every run, as far as there are any, after
    every tenth step of a run, and when a run drops them, so that the next run depends on nothing but the
    pairs.

    Beside the history (:func:`~glstylenet.optim.lbfgs_memory.history_bytes`) and what ``precondition`` keeps a run holds
    four vectors: x and its gradient, and where it tries to go with the gradient there. The direction is not
    kept while that is evaluated: nearly every first try is taken, and after one that is not, the direction is
    made again, which costs little beside an evaluation.
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
        self._history = LbfgsMemory(
            history, half=half_history, precondition=precondition, initial_scale=initial_scale
        )

    def reset(self) -> None:
        """Drop the history."""
        self._history.clear()

    def state_dict(self) -> OptimizerState:  # noqa: D102
        return self._history.state_dict()

    def load_state_dict(self, snapshot: OptimizerState, like: Tensor) -> None:  # noqa: D102
        self._history.load_state_dict(snapshot, like)

    def run(self, evaluate: Evaluate, start: Tensor, evaluations: int) -> Iterator[Step]:  # noqa: D102
        self._history.fit(start)
        self._update_preconditioner(start)
        x, loss, gradient = self._start(evaluate, start)
        del start  # here and below: vectors that are done with are let go, since each may be large
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
                        return  # the whole step is: x is the minimum, as far as its digits go
                    break
                new_loss, new_gradient = evaluate_contiguous(evaluate, candidate)
                used += 1
                # The projected path may bend uphill (expected > 0): never accepted, only shortened.
                if expected < 0 and -math.inf < new_loss <= loss + _SUFFICIENT_DECREASE * expected:
                    change = measure(x, gradient, candidate, new_gradient)
                    moved = change.finite
                if moved:
                    self._history.add(change, x, gradient, candidate, new_gradient)
                    x, loss, gradient = candidate, new_loss, new_gradient
                    steps += 1
                del candidate, new_gradient
                yield Step(used, loss, x, moved)
                if not moved:
                    length *= _shortening(loss, new_loss, expected)
                    if length < _SHORTEST_STEP:
                        break
            if not moved and used < evaluations:
                if not len(self._history):
                    return  # not even the gradient's direction goes down any more
                self._start_over(x)
            if moved and steps % _STEPS_BETWEEN_LESSONS == 0:
                self._update_preconditioner(x)

    def _start_over(self, like: Tensor) -> None:
        """Without the pairs, and without what was optimizer_state of them."""
        self.reset()
        self._update_preconditioner(like)

    def _update_preconditioner(self, like: Tensor) -> None:
        if self._update is not None:
            self._update(self._history.state_dict(), like)

    def _candidate(
        self, x: Tensor, gradient: Tensor, direction: Tensor, length: float
    ) -> tuple[Tensor, float]:
        """The point at ``length`` on the projected path, and how much the slope at x says it changes."""
        candidate = torch.add(x, direction, alpha=length).clamp_(self.lower, self.upper)
        before, after, slope = x.flatten(), candidate.flatten(), gradient.flatten()
        expected = torch.zeros((), dtype=torch.float64, device=x.device)
        for part in chunk_slices(x, 4):
            expected += (after[part] - before[part]) @ slope[part]
        return candidate, float(expected)

    def _direction(self, x: Tensor, gradient: Tensor) -> Tensor | None:
        """The whole step from x; ``None`` at a stationary point."""
        free, stationary = self._free(x, gradient)
        if stationary:
            return None
        direction = self._history.direction(gradient, free)
        if direction is None:
            if len(self._history):
                self._start_over(x)
            direction = -gradient
            keep(direction, free)
            if self._precondition is not None:
                self._precondition(direction)
                keep(direction, free)
            # -P g has no scale of its own.
            direction.mul_(self.first_step / largest_absolute(direction))
        return direction

    def _free(self, x: Tensor, gradient: Tensor) -> tuple[Tensor | None, bool]:
        """Marks of the variables that may move (flat; ``None``: all), and whether none has a slope.

        The others rest at a bound, and their gradient points outward.
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
    """Factor for a step that failed: the minimum of the parabola through what is known, within limits.

    ``expected`` is the decrease that the slope promised (negative).
    """
    if not math.isfinite(new_loss):
        return 0.1
    curvature = new_loss - loss - expected
    if curvature <= 0:
        return 0.5
    return min(0.5, max(0.1, -expected / (2.0 * curvature)))
