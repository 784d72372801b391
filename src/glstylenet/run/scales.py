"""The scales of a run: the sizes it works at, from coarse to fine, and the evaluations of each.

The coarse sizes place large forms while an evaluation costs a sixteenth or a quarter; the full size is left
with the strokes. Too coarse a start loses small things: the deepest layer has an eighth of a size's positions
along each side, and an eye must still cover one of them.
"""

import math
from dataclasses import dataclass

from glstylenet.network import DEEPEST_LAYER, layer_size
from glstylenet.settings import QUALITIES, Quality, Settings

__all__ = [
    "ENOUGH",
    "FEWEST",
    "SMALLEST_CLASS",
    "SMALLEST_SIDE",
    "Scale",
    "most_evaluations",
    "plan_scales",
]


SMALLEST_SIDE = 32
"""Shortest side, in pixels, that a run accepts: which are 4 positions of the deepest layer, or 2 patches."""


SMALLEST_CLASS = 1.0
"""Positions of the deepest layer that the smallest map class must cover at the coarsest scale."""


FEWEST = 8
"""Evaluations that each size of a run gets at least; of a smaller budget, fewer sizes get more each. With
fewer, the strokes of full size do not come back after enlarging."""


_FEWEST_WHERE_CHOSEN = 2
"""The same where the user chose the number of sizes: the first evaluation only measures the start."""


ENOUGH = 10
"""Evaluations that repaint a picture: the loss has fallen to a seventh by then (docs/notebook.md). A run of
fewer is warned about."""


_MOST_SIZES = 13
"""Sizes of the longest picture, of 100,000 pixels, whose coarsest size has at least ``SMALLEST_SIDE``."""


@dataclass(frozen=True)
class Scale:
    """`Scale` is one size of a run: ``size`` (height, width), ``factor`` times the result's."""

    factor: float
    size: tuple[int, int]
    evaluations: int


def plan_scales(
    size: tuple[int, int],
    evaluations: int | None,
    *,
    quality: Quality,
    coarsest: int,
    scales: int | None = None,
    smallest_class: float | None = None,
) -> list[Scale]:
    """Return the sizes from coarse to fine, each half the next, with the evaluations of each.

    ``size`` is the (height, width) of the result, ``scales`` the number of sizes. ``None`` chooses it: sizes
    are halved while the longest side stays at least ``coarsest`` pixels; then the coarsest is left out if the
    smallest map class (a share ``smallest_class`` of all positions) would cover less than one position of the
    deepest layer there. A size whose shortest side would fall below ``SMALLEST_SIDE`` is left out.

    ``quality`` decides how many evaluations each size gets, or, where ``evaluations`` are given for all sizes
    together, in what proportion. Then coarse sizes are left out while each could not get ``FEWEST``, or 2
    where ``scales`` is given: a result must not be the enlarged picture of a coarser size.

    >>> for scale in plan_scales((600, 800), None, quality=QUALITIES["standard"], coarsest=200):
    ...     print(scale.factor, scale.size, scale.evaluations)
    0.25 (150, 200) 80
    0.5 (300, 400) 80
    1.0 (600, 800) 24
    """
    count = scales if scales is not None else _choose_count(size, coarsest, smallest_class)
    factors = [0.5**step for step in reversed(range(count))]
    factors = [factor for factor in factors if factor == 1.0 or min(_scaled(size, factor)) >= SMALLEST_SIDE]
    if evaluations is None:
        budgets = quality.evaluations(len(factors))
    else:
        fewest = FEWEST if scales is None else _FEWEST_WHERE_CHOSEN
        factors = factors[-max(1, min(len(factors), evaluations // fewest)) :]
        budgets = _split(evaluations, quality, len(factors), fewest)
    return [
        Scale(factor, _scaled(size, factor), budget) for factor, budget in zip(factors, budgets, strict=True)
    ]


def most_evaluations(settings: Settings) -> int:
    """Return the most evaluations that a run with ``settings`` takes, whatever its pictures are."""
    if settings.iterations is not None:
        return settings.iterations
    quality = QUALITIES[settings.quality]
    return max(sum(quality.evaluations(sizes)) for sizes in (1, settings.scales or _MOST_SIZES))


def _choose_count(size: tuple[int, int], coarsest: int, smallest_class: float | None) -> int:
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


def _split(evaluations: int, quality: Quality, sizes: int, fewest: int) -> list[int]:
    """Divide ``evaluations`` among ``sizes`` in the proportion of ``quality``, at least ``fewest`` to each.

    >>> _split(100, QUALITIES["standard"], 2, 8), _split(20, QUALITIES["standard"], 2, 8)
    ([76, 24], [12, 8])
    """
    if sizes == 1:
        return [evaluations]
    shares = quality.evaluations(sizes)
    if not sum(shares):
        shares = QUALITIES["standard"].evaluations(sizes)
    coarser = min(evaluations * shares[0] // sum(shares), (evaluations - fewest) // (sizes - 1))
    return [coarser] * (sizes - 1) + [evaluations - coarser * (sizes - 1)]
