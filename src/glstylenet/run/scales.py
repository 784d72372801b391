"""Schedule: through which sizes a run goes, and how many evaluations each gets.

Working from coarse to fine places large forms while an evaluation costs a sixteenth or a quarter, and
leaves the strokes to the full size. Too coarse a start loses what is small: at an eighth of the
coarsest size, where the deepest layer lives, an eye must still be a position.
"""

import math
from dataclasses import dataclass

from glstylenet.network import DEEPEST_LAYER, layer_size

__all__ = ["SMALLEST_CLASS", "SMALLEST_SIDE", "Scale", "plan_scales"]


SMALLEST_SIDE = 32
"""Shortest side, in pixels, that a run accepts: 4 positions of the deepest layer, 2 patches."""


SMALLEST_CLASS = 1.0
"""The smallest map class should cover this many positions of the deepest layer at the coarsest scale."""


@dataclass(frozen=True)
class Scale:
    """One stage of a run. ``factor``: its size relative to the result; ``size``: (height, width)."""

    factor: float
    size: tuple[int, int]
    evaluations: int


def plan_scales(
    size: tuple[int, int],
    evaluations: int,
    *,
    coarsest: int,
    scales: int | None = None,
    smallest_class: float | None = None,
) -> list[Scale]:
    """Sizes from coarse to fine with their parts of ``evaluations``.

    ``size``: (height, width) of the result. ``scales``: how many, or ``None`` to choose: halve while the
    longest side stays at least ``coarsest`` pixels; then leave the coarsest out if the smallest map class
    (share ``smallest_class`` of all positions) would cover less than a position of the deepest layer there.
    A scale whose shortest side would fall below the smallest accepted one is left out.
    Every scale gets as many: at the coarser ones they are cheaper, at the finer ones strokes need them.
    """
    count = scales if scales is not None else _chosen_count(size, coarsest, smallest_class)
    factors = [0.5**step for step in reversed(range(count))]
    factors = [factor for factor in factors if factor == 1.0 or min(_scaled(size, factor)) >= SMALLEST_SIDE]
    budgets = _split(evaluations, len(factors))
    return [
        Scale(factor, _scaled(size, factor), budget)
        for factor, budget in zip(factors, budgets, strict=True)
        if budget > 0
    ]


def _chosen_count(size: tuple[int, int], coarsest: int, smallest_class: float | None) -> int:
    count = 1
    while True:
        height, width = _scaled(size, 0.5**count)
        if max(height, width) < coarsest or min(height, width) < SMALLEST_SIDE:
            break
        count += 1
    if count > 1 and smallest_class is not None:
        positions = math.prod(layer_size(_scaled(size, 0.5 ** (count - 1)), DEEPEST_LAYER))
        # One scale at most is given up: a class of a few pixels must not make a large picture slow.
        if smallest_class * positions < SMALLEST_CLASS:
            count -= 1
    return count


def _scaled(size: tuple[int, int], factor: float) -> tuple[int, int]:
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def _split(evaluations: int, scales: int) -> list[int]:
    """As equal whole numbers as may be that sum to ``evaluations``; the last, the full size, is served first,
    so that even a budget of one is spent on the result."""
    return [(evaluations + place) // scales for place in range(scales)]
