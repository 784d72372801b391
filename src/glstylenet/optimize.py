"""Optimize: bounded minimisation of any ``evaluate(x) -> (loss, gradient)``, one step at a time.

L-BFGS (Liu and Nocedal 1989) with the variables kept in a box by projection (Bertsekas 1982): variables
at a bound whose gradient points outward rest, the others take the quasi-Newton direction, and the line
search follows the projected path x(t) = clamp(x + t d). The objective never rises: a step is taken only
if it satisfies the sufficient-decrease condition, and a step to NaN or infinity is shortened like any
other bad one. SciPy's L-BFGS-B needs float64 on the CPU, and torch's LBFGS has no bounds and can end in
NaN; this one keeps every vector on the device. What it remembers of the function, and the direction that
follows, is :mod:`~glstylenet.history`'s.

A vector of a large picture takes hundreds of MiB. So sums and masks are formed chunk by chunk, without
temporary vectors, and in few places the host waits for the device: once for the mask, twice for the
direction, and once before and once after an evaluation.

This module knows no loss. "Evaluations" are calls of ``evaluate``, the unit of all budgets.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from glstylenet.chunks import chunks, keep
from glstylenet.errors import OptimizationError
from glstylenet.history import History, Precondition, Snapshot, measure

__all__ = ["Adam", "Evaluate", "Lbfgs", "Learn", "Optimizer", "Step"]

Evaluate = Callable[[Tensor], tuple[float, Tensor]]
"""Loss (may be NaN) and gradient (same shape as x) at x."""

Learn = Callable[[Snapshot, Tensor], None]
"""Hears the pairs of a history of vectors like the second; what it learns of the function lies in P."""

_SUFFICIENT_DECREASE = 1e-4
_SHORTEST_STEP = 1e-10

_STEPS_BETWEEN_LESSONS = 10
"""As many as the pairs that are kept by default: then all are new."""


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

    def forget(self) -> None:
        """Drop what was learnt of the function: it has changed beyond recognition."""
        raise NotImplementedError

    def snapshot(self) -> Snapshot:
        """What was learnt of the function, as the next run will use it."""
        raise NotImplementedError

    def restore(self, snapshot: Snapshot, like: Tensor) -> None:
        """Know again what :meth:`snapshot` told of, for variables like this one: the next run is the same."""
        raise NotImplementedError

    def _start(self, evaluate: Evaluate, start: Tensor) -> tuple[Tensor, float, Tensor]:
        x = start.detach().clamp(self.lower, self.upper).contiguous()
        loss, gradient = _evaluated(evaluate, x)
        if not _finite(loss, gradient):
            raise OptimizationError(
                f"the loss where the optimiser starts is {loss}, expected a finite number with a finite "
                f"gradient; try --precision float32, smaller weights or another --init"
            )
        return x, loss, gradient


class Lbfgs(Optimizer):
    """Projected L-BFGS. The history outlives a run, so that the next round starts warm.

    ``history``: how many pairs are kept, each twice the size of x. ``half_history``: keep them in float16,
    in half the memory. ``first_step``: how far the largest entry moves in the first step, before anything
    is known of the curvature. ``precondition``: multiplies a vector in place by P, the form of the first
    guess of the inverse Hessian; the identity if ``None``. ``guess``: a factor of that guess. ``learn`` may
    change P by what the pairs tell: it hears them at the start of every run, as far as there are any, after
    every tenth step of a run, and when a run drops them, so that the next run depends on nothing but the
    pairs.

    Beside the history (:func:`~glstylenet.history.history_bytes`) and what ``precondition`` keeps a run holds
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
        guess: float = 1.0,
        learn: Learn | None = None,
    ) -> None:
        super().__init__(lower=lower, upper=upper)
        self.first_step = first_step
        self._learn = learn
        self._precondition = precondition
        self._history = History(history, half=half_history, precondition=precondition, guess=guess)

    def forget(self) -> None:
        """Drop the history."""
        self._history.clear()

    def snapshot(self) -> Snapshot:  # noqa: D102
        return self._history.snapshot()

    def restore(self, snapshot: Snapshot, like: Tensor) -> None:  # noqa: D102
        self._history.restore(snapshot, like)

    def run(self, evaluate: Evaluate, start: Tensor, evaluations: int) -> Iterator[Step]:  # noqa: D102
        self._history.fit(start)
        self._teach(start)
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
                new_loss, new_gradient = _evaluated(evaluate, candidate)
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
                self._teach(x)

    def _start_over(self, like: Tensor) -> None:
        """Without the pairs, and without what was learnt of them."""
        self.forget()
        self._teach(like)

    def _teach(self, like: Tensor) -> None:
        if self._learn is not None:
            self._learn(self._history.snapshot(), like)

    def _candidate(
        self, x: Tensor, gradient: Tensor, direction: Tensor, length: float
    ) -> tuple[Tensor, float]:
        """The point at ``length`` on the projected path, and how much the slope at x says it changes."""
        candidate = torch.add(x, direction, alpha=length).clamp_(self.lower, self.upper)
        before, after, slope = x.flatten(), candidate.flatten(), gradient.flatten()
        expected = torch.zeros((), dtype=torch.float64, device=x.device)
        for part in chunks(x, 4):
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
            direction.mul_(self.first_step / _largest(direction))
        return direction

    def _free(self, x: Tensor, gradient: Tensor) -> tuple[Tensor | None, bool]:
        """Marks of the variables that may move (flat; ``None``: all), and whether none has a slope.

        The others rest at a bound, and their gradient points outward.
        """
        pixels, slope = x.flatten(), gradient.flatten()
        free = torch.empty_like(pixels, dtype=torch.bool)
        found = torch.zeros(2, dtype=torch.uint8, device=x.device)
        for part in chunks(x, 4):
            value, slopes = pixels[part], slope[part] != 0
            outermost = torch.where(slope[part] > 0, value <= self.lower, value >= self.upper)
            resting = outermost.logical_and_(slopes)
            sloping = torch.logical_not(resting, out=free[part]) & slopes
            # As bytes: the maximum of bytes takes a thirtieth of the time of any().
            found = torch.maximum(found, torch.stack((resting, sloping)).view(torch.uint8).amax(1))
        any_rests, any_slope = found.tolist()
        return (free if any_rests else None), not any_slope


class Adam(Optimizer):
    """Adam (Kingma and Ba 2015) with the variables clamped after each step; the alternative to L-BFGS.

    ``rate``: how far an entry moves in a step, at most. Its moments outlive a run, like the history of
    L-BFGS. It may climb on its way; what it yields is the best point so far.
    """

    def __init__(
        self,
        *,
        lower: float = 0.0,
        upper: float = 255.0,
        rate: float = 3.0,
        decay: tuple[float, float] = (0.9, 0.99),
    ) -> None:
        super().__init__(lower=lower, upper=upper)
        self.rate = rate
        self.decay = decay
        self._variable: Tensor | None = None
        self._adam: torch.optim.Adam | None = None

    def forget(self) -> None:
        """Drop the moments."""
        self._variable = None

    def snapshot(self) -> Snapshot:  # noqa: D102
        numbers = {"rate": self.rate}
        if self._variable is None or self._adam is None or not self._adam.state:
            return Snapshot({}, numbers)
        state = self._adam.state[self._variable]
        moments = {name: state[name] for name in ("exp_avg", "exp_avg_sq")}
        return Snapshot(moments, {**numbers, "step": float(state["step"])})

    def restore(self, snapshot: Snapshot, like: Tensor) -> None:  # noqa: D102
        self.rate = float(snapshot.numbers["rate"])
        self.forget()
        if snapshot.tensors:
            _, adam = self._prepare(like)
            state = {**snapshot.tensors, "step": torch.tensor(snapshot.numbers["step"])}
            adam.load_state_dict({**adam.state_dict(), "state": {0: state}})

    def run(self, evaluate: Evaluate, start: Tensor, evaluations: int) -> Iterator[Step]:  # noqa: D102
        best, best_loss, best_gradient = self._start(evaluate, start)
        variable, adam = self._prepare(best)
        gradient = best_gradient
        yield Step(1, best_loss, best, True)
        for used in range(2, evaluations + 1):
            variable.grad = gradient
            adam.step()
            variable.clamp_(self.lower, self.upper)
            loss, gradient = evaluate(variable)
            finite = _finite(loss, gradient)
            accepted = finite and loss < best_loss
            if accepted:
                best, best_loss, best_gradient = variable.clone(), loss, gradient
            if not finite:  # back to the best point, with smaller steps and no memory of the way that failed
                self.rate *= 0.5
                self.forget()
                variable, adam = self._prepare(best)
                gradient = best_gradient
            yield Step(used, best_loss, best, accepted)

    def _prepare(self, x: Tensor) -> tuple[Tensor, torch.optim.Adam]:
        if self._variable is None or self._adam is None or self._variable.shape != x.shape:
            self._variable = x.clone()
            self._adam = torch.optim.Adam([self._variable], lr=self.rate, betas=self.decay)
        else:
            self._variable.copy_(x)
        return self._variable, self._adam


def _evaluated(evaluate: Evaluate, x: Tensor) -> tuple[float, Tensor]:
    loss, gradient = evaluate(x)
    # A gradient may come in the network's memory format; flattening such a one would copy it each time.
    return loss, gradient.contiguous()


def _finite(loss: float, gradient: Tensor) -> bool:
    return math.isfinite(loss) and math.isfinite(_largest(gradient))


def _largest(vector: Tensor) -> float:
    """The largest absolute value, NaN if there is one; without a temporary vector, unlike ``abs()``."""
    low, high = torch.stack(vector.aminmax()).tolist()
    return float(max(abs(low), abs(high)))


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
