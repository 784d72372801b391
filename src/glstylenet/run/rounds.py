"""Evaluated: one size, in rounds of matching and lowering.

Rematched inside the line search makes the loss jump under the optimiser's feet, and it stops. So the
nearest neighbours are held for a round of evaluations, in which the loss is smooth, then found anew.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from torch import Tensor

from glstylenet.objective import LossTerms, Objective
from glstylenet.optim import Optimizer

__all__ = ["Evaluated", "Rematched", "optimise_in_rounds"]


@dataclass(frozen=True)
class Rematched:
    """The nearest neighbours of round ``round`` (from 1) were found in ``seconds``."""

    round: int
    seconds: float


@dataclass(frozen=True)
class Evaluated:
    """After one evaluation of round ``round``: the best pixels so far and their weighted losses."""

    round: int
    terms: LossTerms
    pixels: Tensor


def optimise_in_rounds(  # noqa: PLR0917
    objective: Objective,
    optimizer: Optimizer,
    start: Tensor,
    evaluations: int,
    round_length: int,
    rounds_before: int = 0,
    before_round: Callable[[int, Tensor], None] | None = None,
) -> Iterator[Rematched | Evaluated]:
    """Lower ``objective`` from ``start`` (1, 3, H, W), matching anew every ``round_length`` evaluations.

    Yields a :class:`Rematched` before the steps of each round and a :class:`Evaluated` after each
    evaluation, ``evaluations`` of them; fewer if a round finds no way down. A ``round_length`` of 1 is
    the paper's way, matches of its own for every evaluation: one run of the optimiser over a loss that
    jumps. ``rounds_before`` went before, and numbers go on from there. ``before_round`` is called with the
    number of rounds done and the pixels they led to: with the optimiser's knowledge, all that the rest
    depends on. Raises :class:`~glstylenet.errors.OptimizationError` if a round starts at a loss that is not
    finite.
    """
    pixels, spent, number = start, 0, rounds_before
    searching = objective.stopwatch.seconds
    while spent < evaluations:
        if before_round is not None:
            before_round(number, pixels)
        latest: list[LossTerms] = []
        matched: list[float] = []

        def evaluate(
            x: Tensor, latest: list[LossTerms] = latest, matched: list[float] = matched
        ) -> tuple[float, Tensor]:
            rematch = round_length == 1 or not latest
            before = searching["matching"]
            evaluation = objective.evaluate(x, rematch=rematch)
            if rematch:
                matched.append(searching["matching"] - before)
            latest.append(evaluation.terms)
            return evaluation.terms.total, evaluation.gradient

        left = evaluations - spent
        budget = left if round_length == 1 else min(round_length, left)
        moved = 0
        terms: LossTerms | None = None
        for step in optimizer.run(evaluate, pixels, budget):
            if matched:
                number += 1
                yield Rematched(number, matched.pop())
            spent += 1
            moved += step.accepted
            if step.accepted or terms is None:
                terms, pixels = latest[-1], step.x
            yield Evaluated(number, terms, pixels)
        # The first call only measures the start; a longer round without another accepted one is stuck.
        if budget > 1 and moved < 2:
            return
