"""Rounds: within one size, matching and optimisation take turns.

Matching anew inside the line search would make the loss jump between two evaluations, and the optimiser would
stop. So the nearest neighbours (Eq. 3) are held for a round of evaluations, in which the loss is smooth, and
found anew before the next. This is a deviation from the paper, which matches at every evaluation:
``round_length=1`` is that.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from torch import Tensor

from glstylenet.errors import OptimizationError
from glstylenet.objective import LossTerms, Objective
from glstylenet.optim import Optimizer

__all__ = ["NO_FINITE_STEP", "Evaluated", "Rematched", "Settled", "optimise_in_rounds"]


NO_FINITE_STEP = (
    "the losses or gradients around the best pixels are not finite, however short the step; expected a "
    "finite loss nearby; try --precision float32, smaller weights or another --init"
)
"""The words for a descent that failed, unlike one that has arrived at a minimum."""


@dataclass(frozen=True)
class Rematched:
    """The nearest neighbours of round ``round`` (from 1) were found in ``seconds``."""

    round: int
    seconds: float


@dataclass(frozen=True)
class Evaluated:
    """An evaluation of round ``round`` is done; ``pixels`` are the best so far, ``terms`` their losses.

    ``lowered``: this evaluation found better pixels than the round began with. ``finite``: its loss and
    gradient were finite.
    """

    round: int
    terms: LossTerms
    pixels: Tensor
    lowered: bool
    finite: bool


@dataclass(frozen=True)
class Settled:
    """Round ``round`` lowered the loss by so little that no other follows."""

    round: int


def optimise_in_rounds(
    objective: Objective,
    optimizer: Optimizer,
    start: Tensor,
    *,
    evaluations: int,
    round_length: int,
    rounds_before: int = 0,
    project: Callable[[Tensor], Tensor] | None = None,
    before_round: Callable[[int], None] | None = None,
    least_gain: float = 0.0,
) -> Iterator[Rematched | Evaluated | Settled]:
    """Lower ``objective`` from ``start`` (1, 3, H, W), matching anew every ``round_length`` evaluations.

    Yields a :class:`Rematched` before the steps of each round and an :class:`Evaluated` after each of the
    ``evaluations``; there are fewer if a round cannot lower the loss. With a ``round_length`` of 1 the
    optimiser runs once over a loss with fresh matches at every evaluation.

    ``project`` returns the part of a gradient (1, 3, H, W) that is followed; it may change its argument.

    Rounds are numbered on from ``rounds_before``, those of a run that is resumed. ``before_round`` is called
    before each round with the number of rounds done: together with the best pixels and the state of the
    optimiser, everything that follows depends on that alone.

    ``least_gain``: a round of at least two evaluations that lowers the loss by a smaller share of it, 0..1,
    is the last, and a :class:`Settled` follows it.

    Raises :class:`~glstylenet.errors.OptimizationError` if a round starts at a loss that is not finite, or
    cannot lower the loss because the losses or gradients around it are not finite.
    """
    pixels, spent, number = start, 0, rounds_before
    seconds = objective.stopwatch.seconds
    while spent < evaluations:
        if before_round is not None:
            before_round(number)
        evaluated: list[LossTerms] = []
        matched: list[float] = []

        def evaluate(
            x: Tensor, evaluated: list[LossTerms] = evaluated, matched: list[float] = matched
        ) -> tuple[float, Tensor]:
            rematch = round_length == 1 or not evaluated
            before = seconds["matching"]
            evaluation = objective.evaluate(x, rematch=rematch)
            if rematch:
                matched.append(seconds["matching"] - before)
            evaluated.append(evaluation.terms)
            gradient = evaluation.gradient
            return evaluation.terms.total, gradient if project is None else project(gradient)

        left = evaluations - spent
        budget = left if round_length == 1 else min(round_length, left)
        accepted, finite = 0, True
        terms: LossTerms | None = None
        first: float | None = None
        for step in optimizer.run(evaluate, pixels, budget):
            if matched:
                number += 1
                yield Rematched(number, matched.pop())
            spent += 1
            accepted += step.accepted
            finite = step.finite
            if step.accepted or terms is None:
                terms, pixels = evaluated[-1], step.x
            first = terms.total if first is None else first
            yield Evaluated(number, terms, pixels, step.accepted and accepted > 1, finite)
        # The first call only measures the start; a longer round without another accepted one is stuck.
        if budget > 1 and accepted < 2:
            if not finite and spent < evaluations:
                raise OptimizationError(NO_FINITE_STEP)
            return
        if (
            budget > 1
            and first is not None
            and terms is not None
            and first - terms.total < least_gain * first
        ):
            yield Settled(number)
            return
