"""Descent: one size, in rounds of matching and lowering.

Matching inside the line search makes the loss jump under the optimiser's feet, and it stops. So the
nearest neighbours are held for a round of evaluations, in which the loss is smooth, then found anew.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

from glstylenet.objective import LossTerms, Objective
from glstylenet.optimize import Optimizer

__all__ = ["Descent", "Matching", "descend"]


@dataclass(frozen=True)
class Matching:
    """The nearest neighbours of round ``round`` (from 1) were found in ``seconds``."""

    round: int
    seconds: float


@dataclass(frozen=True)
class Descent:
    """After one evaluation of round ``round``: the best pixels so far and their weighted losses."""

    round: int
    terms: LossTerms
    pixels: Tensor


def descend(
    objective: Objective, optimizer: Optimizer, start: Tensor, evaluations: int, round_length: int
) -> Iterator[Matching | Descent]:
    """Lower ``objective`` from ``start`` (1, 3, H, W), matching anew every ``round_length`` evaluations.

    Yields a :class:`Matching` before each round and a :class:`Descent` after each evaluation,
    ``evaluations`` of them; fewer if a round finds no way down. Raises
    :class:`~glstylenet.errors.OptimizationError` if a round starts at a loss that is not finite.
    """
    pixels, spent, number = start, 0, 0
    while spent < evaluations:
        number += 1
        began = time.perf_counter()
        objective.match(pixels)
        yield Matching(number, time.perf_counter() - began)
        latest: list[LossTerms] = []

        def evaluate(x: Tensor, latest: list[LossTerms] = latest) -> tuple[float, Tensor]:
            evaluation = objective.evaluate(x)
            latest.append(evaluation.terms)
            return evaluation.terms.total, evaluation.gradient

        budget = min(round_length, evaluations - spent)
        moved = 0
        terms: LossTerms | None = None
        for step in optimizer.run(evaluate, pixels, budget):
            spent += 1
            moved += step.accepted
            if step.accepted or terms is None:
                terms, pixels = latest[-1], step.x
            yield Descent(number, terms, pixels)
        # The first call only measures the start; a longer round without another accepted one is stuck.
        if budget > 1 and moved < 2:
            return
