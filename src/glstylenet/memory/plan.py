"""Memory: what a run will need, told before anything is computed, and how it is made to fit.

A picture that fits is evaluated whole. Else it is cut into tiles, and every tile is visited twice; what was
seen of as many as fit is kept from the first visit to the second, and the others are shown to the network
once more. The optimiser's history in half precision or with fewer pairs, and features in half precision, make
room for that, and are chosen by the work that is left. Pictures at hand, targets and the optimiser's vectors
grow with the picture whatever is done; where they alone are too much, the run is refused.
"""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from glstylenet.errors import MemoryLimitError
from glstylenet.memory.estimate import MemoryEstimate
from glstylenet.pyramid import CELL, crop_lengths

__all__ = [
    "DEFAULT_SHARE",
    "HISTORY",
    "MemoryPlan",
    "format_bytes",
    "plan_memory",
    "refitted",
    "smaller_tiles",
]


DEFAULT_SHARE = 0.6
"""Share of the free memory that a run takes when no limit is given: other programs have work to do too."""


HISTORY = 10
"""Pairs of L-BFGS where memory allows."""


_FORWARD_TIME = 0.49
"""Share of a way through the network and back that the way there takes (848 x 848 pixels, float32)."""


_TILE_SIDES = (1536, 1280, 1024, 896, 768, 640, 512)
"""Large ones have less to show around them, small ones leave memory for more of them."""


_SMALL_TILE_SIDES = (384, 256)
"""Tiles below half a thousand pixels spend most of their work on the halo: the history gives way first."""


_SMALLEST_ADVICE = 64
"""No smaller size is worth advising, in pixels of the longest side."""


_ADVICE_STEP = 0.985
"""Sizes that are tried for an advice, each relative to the one before."""


_HISTORY_COST = {HISTORY: 1.0, 6: 1.1, 3: 1.2}
"""By the pairs of a history in half precision: what an evaluation with it counts. 6 pairs take 5 % more
evaluations to the same loss than 10, and 3 pairs 10 % (docs/performance.md). It counts twice, as a run's
evaluations are given, and its loss pays."""


_SHORTEST = (min(_HISTORY_COST), True, True)
"""LbfgsMemory and its precision, and that of the features kept, of the plans that need least."""


@dataclass(frozen=True)
class MemoryPlan:
    """How a stage is carried out: in tiles of at most ``tile_side`` pixels (``None``: whole), ``tiles`` of
    them, with ``history`` pairs, in half precision if ``half_history``; ``needed_bytes`` at its peak,
    ``tile_bytes`` of them only while a tile is looked at. ``cached_tiles``: of how many what was seen is kept
    until they are visited again; the only tile is. ``half_features``: what is kept of the network's features,
    of content, style and tiles, has 16 bits an entry."""

    tile_side: int | None
    tiles: int
    history: int
    half_history: bool
    needed_bytes: int
    tile_bytes: int = field(default=0, compare=False)
    cached_tiles: int = 0
    half_features: bool = False

    @property
    def passes(self) -> float:
        """What an evaluation costs, in ways of every tile through the network and back."""
        again = 0 if self.tiles == 1 else self.tiles - self.cached_tiles
        return 1.0 + _FORWARD_TIME * again / self.tiles


def plan_memory(demand: MemoryEstimate, allowed: int) -> MemoryPlan:
    """How to carry out ``demand`` in ``allowed`` bytes: whole, or else with the least work.

    Raises :class:`~glstylenet.errors.MemoryLimitError` with advice if there is none.
    """
    for plan in _plans(demand, allowed):
        if plan.needed_bytes <= allowed:
            return plan
    height, width = demand.full_size  # without the margin of what is painted on
    needed, may_use = (format_bytes(count) for count in (_smallest_plan(demand).needed_bytes, allowed))
    raise MemoryLimitError(
        f"a result of {width} x {height} pixels needs at least {needed}, and the run may use {may_use}; "
        f"use {_advice(demand, allowed)}, or raise --memory if more is free"
    )


def refitted(plan: MemoryPlan, demand: MemoryEstimate, allowed: int) -> MemoryPlan | None:
    """``plan`` in ``allowed`` bytes, with fewer tiles kept if need be, which changes no number of a run;
    ``None`` where that does not suffice."""
    if plan.needed_bytes <= allowed:
        return plan
    least = _plan(demand, plan.tile_side, plan.history, plan.half_history, plan.half_features)
    if plan.tile_side is None or least.needed_bytes > allowed:
        return None
    return _keeping(least, demand, allowed)


def smaller_tiles(plan: MemoryPlan, demand: MemoryEstimate) -> MemoryPlan:
    """``plan`` with tiles of half the side, for a machine that ran out of memory all the same."""
    side = max(256, (plan.tile_side or max(demand.size)) // 2)
    return _plan(demand, side, plan.history, plan.half_history, plan.half_features)


def format_bytes(count: int) -> str:
    """Bytes in words: "3.2 GiB", "640 MiB"."""
    if count >= 2**30:
        return f"{count / 2**30:.1f} GiB"
    return f"{count / 2**20:.0f} MiB"


def _plans(demand: MemoryEstimate, allowed: int) -> Iterator[MemoryPlan]:
    """Ways to carry out ``demand``, the best first, the smallest last; not all of them need less than
    ``allowed`` bytes."""
    yield _plan(demand, None, HISTORY, False)
    yield _plan(demand, None, HISTORY, True)
    sides = [side for side in _TILE_SIDES if side < max(demand.size)]
    if demand.on_gpu:  # as a single tile a picture is not replayed, which takes memory of its own
        sides.insert(0, max(demand.size))
    plans = [
        _plan(demand, side, history, True, half_features)
        for history, half_features, side in itertools.product(_HISTORY_COST, (False, True), sides)
    ]
    fitting = [_keeping(plan, demand, allowed) for plan in plans if plan.needed_bytes <= allowed]
    if not demand.optimizes:  # what is measured is reported: digits come before time
        fitting.sort(key=lambda plan: plan.half_features)
        fitting = [plan for plan in fitting if plan.half_features == fitting[0].half_features]
    if fitting:
        yield min(fitting, key=lambda plan: _work(plan, demand))
    for side in _SMALL_TILE_SIDES:
        yield _keeping(_plan(demand, side, *_SHORTEST), demand, allowed)


def _smallest_plan(demand: MemoryEstimate) -> MemoryPlan:
    """The one that needs least."""
    return _plan(demand, _SMALL_TILE_SIDES[-1], *_SHORTEST)


def _plan(
    demand: MemoryEstimate,
    tile_side: int | None,
    history: int,
    half_history: bool,
    half_features: bool = False,
) -> MemoryPlan:
    half_features = half_features and demand.precision == "float32"  # else they have 16 bits as it is
    tile_bytes = demand.network_bytes(tile_side)
    needed = demand.fixed_bytes + demand.target_bytes(half_features) + tile_bytes
    needed += demand.history_bytes(history, half_history)
    tiles = math.prod(map(len, crop_lengths(demand.size, tile_side)))
    return MemoryPlan(
        tile_side, tiles, history, half_history, needed, tile_bytes, half_features=half_features
    )


def _keeping(plan: MemoryPlan, demand: MemoryEstimate, allowed: int) -> MemoryPlan:
    """``plan`` with as much kept of its tiles as fits into ``allowed`` bytes beside the rest."""
    assert plan.tile_side is not None  # of a whole picture nothing waits for another tile
    each = demand.kept_bytes(plan.tile_side, plan.half_features)
    kept = max(0, min(plan.tiles, (allowed - plan.needed_bytes) // each))
    return replace(plan, needed_bytes=plan.needed_bytes + kept * each, cached_tiles=kept)


def _work(plan: MemoryPlan, demand: MemoryEstimate) -> float:
    """Pixels that the network is shown in an evaluation, times the price of the history."""
    heights, widths = crop_lengths(demand.size, plan.tile_side)
    return sum(heights) * sum(widths) * plan.passes * _HISTORY_COST[plan.history]


def _advice(demand: MemoryEstimate, allowed: int) -> str:
    """What to ask for instead: about the largest size that fits.

    Tried one after the other, from above: a size that needs fewer or smaller tiles may fit where one a
    little below it does not, and halving an interval would miss it.
    """
    longest = _smaller_advice(max(demand.full_size))
    while longest >= _SMALLEST_ADVICE:
        if all(_smallest_plan(each).needed_bytes <= allowed for each in _resized(demand, longest)):
            return f"--size {longest}"
        longest = _smaller_advice(longest)
    return "a machine with more memory"


def _smaller_advice(longest: int) -> int:
    return min(longest - 1, int(longest * _ADVICE_STEP))


def _resized(demand: MemoryEstimate, longest: int) -> list[MemoryEstimate]:
    """``demand`` for a result whose longest side is ``longest``; what it will be is among these, or less."""
    full_size = _fitted(demand.full_size, longest)
    # What is painted has a margin that does not shrink.
    height, width = (
        length + painted - full
        for length, painted, full in zip(full_size, demand.size, demand.full_size, strict=True)
    )
    # The style is no longer than the result or than its own picture; which of them it follows is not known.
    share = max(1.0, max(demand.full_style_size) / max(demand.full_size))
    style_longest = min(max(demand.full_style_size), round(share * longest))
    # A little more, for what rounding may add; odd, which takes most. One cell more may also mean smaller
    # tiles: both are looked at.
    style_height, style_width = _fitted(demand.full_style_size, style_longest)
    style_size = style_height + 1, style_width + 1
    return [
        replace(
            demand,
            size=size,
            full_size=full_size,
            style_size=style_size,
            full_style_size=style_size,
            held_pictures=demand.held_pictures.resized(full_size, style_size),
        )
        for size in itertools.product((height | 1, (height + CELL) | 1), (width | 1, (width + CELL) | 1))
    ]


def _fitted(size: tuple[int, int], longest: int) -> tuple[int, int]:
    factor = longest / max(size)
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))
