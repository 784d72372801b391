"""Optimize: bounded minimisation of any ``evaluate(x) -> (loss, gradient)``, one step at a time.

L-BFGS (Liu and Nocedal 1989) with the variables kept in a box by projection (Bertsekas 1982): variables
at a bound whose gradient points outward rest, the others take the quasi-Newton direction, and the line
search follows the projected path x(t) = clamp(x + t d). The objective never rises: a step is taken only
if it satisfies the sufficient-decrease condition, and a step to NaN or infinity is shortened like any
other bad one. SciPy's L-BFGS-B needs float64 on the CPU, and torch's LBFGS has no bounds and can end in
NaN; this one keeps every vector on the device.

This module knows no loss. "Evaluations" are calls of ``evaluate``, the unit of all budgets.
"""

import math
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from glstylenet.errors import OptimizationError

__all__ = ["Adam", "Evaluate", "Lbfgs", "Optimizer", "Step"]

Evaluate = Callable[[Tensor], tuple[float, Tensor]]
"""Loss (may be NaN) and gradient (same shape as x) at x."""

_SUFFICIENT_DECREASE = 1e-4
_SHORTEST_STEP = 1e-10
_CURVATURE = 1e-10
"""A pair (s, y) enters the history if s.y > this times |s| |y|: else the model would not be convex."""


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

    def _start(self, evaluate: Evaluate, start: Tensor) -> tuple[Tensor, float, Tensor]:
        x = start.detach().clamp(self.lower, self.upper)
        loss, gradient = evaluate(x)
        if not _finite(loss, gradient):
            raise OptimizationError(
                f"the loss where the optimiser starts is {loss}, expected a finite number with a finite "
                f"gradient; try --precision float32, smaller weights or another --init"
            )
        return x, loss, gradient


@dataclass
class _History:
    """The last ``size`` pairs s = x' - x and y = g' - g, as flat vectors."""

    size: int
    pairs: deque[tuple[Tensor, Tensor]] = field(default_factory=deque)

    def add(self, s: Tensor, y: Tensor) -> None:
        if _is_curved(float(s @ y), s, y):
            self.pairs.append((s, y))
            while len(self.pairs) > self.size:
                self.pairs.popleft()

    def times(self, vector: Tensor, free: Tensor | None) -> Tensor | None:
        """The inverse Hessian's approximation times ``vector``: the two-loop recursion.

        Restricted to the variables marked in ``free`` (all, if ``None``): the model of a face of the box
        knows only the pairs' parts on that face. ``None`` if no pair shows curvature there.
        """
        usable: list[tuple[Tensor, Tensor, float]] = []
        for s, full_y in self.pairs:
            y = full_y if free is None else full_y * free
            # s needs no mask of its own: every product below is with a masked vector.
            product = float(s @ y)
            if _is_curved(product, s, y):
                usable.append((s, y, product))
        if not usable:
            return None
        result = vector.clone()
        shares: list[float] = []
        for s, y, product in reversed(usable):
            share = float(s @ result) / product
            shares.append(share)
            result.add_(y, alpha=-share)
        _, y, product = usable[-1]
        result.mul_(product / float(y @ y))
        for (s, y, product), share in zip(usable, reversed(shares), strict=True):
            result.add_(s, alpha=share - float(y @ result) / product)
        return result if free is None else result.mul_(free)


def _is_curved(product: float, s: Tensor, y: Tensor) -> bool:
    return product > _CURVATURE * float(s.norm()) * float(y.norm())


class Lbfgs(Optimizer):
    """Projected L-BFGS. The history outlives a run, so that the next round starts warm.

    ``history``: how many pairs are kept, each twice the size of x. ``first_step``: how far the largest
    entry moves in the first step, before anything is known of the curvature.
    """

    def __init__(
        self, *, lower: float = 0.0, upper: float = 255.0, history: int = 10, first_step: float = 8.0
    ) -> None:
        super().__init__(lower=lower, upper=upper)
        self.first_step = first_step
        self._history = _History(history)

    def forget(self) -> None:
        """Drop the history."""
        self._history.pairs.clear()

    def run(self, evaluate: Evaluate, start: Tensor, evaluations: int) -> Iterator[Step]:  # noqa: D102
        x, loss, gradient = self._start(evaluate, start)
        used = 1
        yield Step(used, loss, x, True)
        while used < evaluations:
            direction = self._direction(x, gradient)
            if direction is None:
                return
            first = 1.0 if self._history.pairs else self.first_step / float(direction.abs().max())
            length, moved = first, False
            while used < evaluations:
                candidate = (x + length * direction).clamp_(self.lower, self.upper)
                expected = float(((candidate - x) * gradient).sum())
                if expected == 0.0:  # the step is shorter than the last digit of x
                    if length == first:
                        return  # the whole step is: x is the minimum, as far as its digits go
                    break
                new_loss, new_gradient = evaluate(candidate)
                used += 1
                # The projected path may bend uphill (expected > 0): never accepted, only shortened.
                moved = (
                    _finite(new_loss, new_gradient)
                    and expected < 0
                    and new_loss <= loss + _SUFFICIENT_DECREASE * expected
                )
                if moved:
                    self._history.add((candidate - x).flatten(), (new_gradient - gradient).flatten())
                    x, loss, gradient = candidate, new_loss, new_gradient
                    yield Step(used, loss, x, True)
                    break
                yield Step(used, loss, x, False)
                length *= _shortening(loss, new_loss, expected)
                if length < _SHORTEST_STEP:
                    break
            if not moved and used < evaluations:
                if not self._history.pairs:
                    return  # not even the gradient's direction goes down any more
                self.forget()

    def _direction(self, x: Tensor, gradient: Tensor) -> Tensor | None:
        """Where to go from x; ``None`` at a stationary point."""
        resting = ((x <= self.lower) & (gradient > 0)) | ((x >= self.upper) & (gradient < 0))
        free = gradient.masked_fill(resting, 0.0)
        if not bool(free.any()):
            return None
        mask = (~resting).to(gradient.dtype).flatten() if bool(resting.any()) else None
        step = self._history.times(free.flatten(), mask)
        if step is not None:
            direction = -step.view_as(x)
            if float((direction * gradient).sum()) < 0:
                return direction
        # The plain gradient has no scale of its own: without a history the first step's length is used.
        self.forget()
        return -free


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


def _finite(loss: float, gradient: Tensor) -> bool:
    # The sum of absolute values is finite only if every entry is.
    return math.isfinite(loss) and math.isfinite(float(gradient.abs().sum()))


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
