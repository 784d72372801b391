"""Plan: how a run is made to fit into the memory it may use.

In this order, the first that fits:

1. the whole picture at once, with a history of 10 pairs in float32;
2. the whole picture, with that history in half precision;
3. tiles, with the history and all stored features in half precision: of six tile sides and two lengths of
   the history, those with the least predicted work.

An evaluation passes over all tiles twice: the Gram matrix needs all of them before any gradient. The features
of as many tiles as fit are *cached* from the first pass to the second; the others are computed again. The
input pictures, the targets and the optimiser's vectors grow with the picture in every plan. Where they alone
are too much, the run is refused with advice.
"""

import itertools
import math
from dataclasses import dataclass, field, replace

from glstylenet.errors import MemoryLimitError
from glstylenet.memory.estimate import MemoryEstimate
from glstylenet.pyramid import CELL, crop_lengths

__all__ = [
    "DEFAULT_SHARE",
    "HISTORY",
    "MemoryPlan",
    "check_plan",
    "format_bytes",
    "plan_memory",
    "refitted",
    "smaller_tiles",
]


DEFAULT_SHARE = 0.6
"""Share of the free memory that a run uses when no limit is given, so that other programs have some, too."""


HISTORY = 10
"""Pairs of L-BFGS where memory allows."""


_SHORT_HISTORY = 3
"""Pairs of L-BFGS where memory is short."""


_SHORT_HISTORY_COST = 1.2
"""Work of an evaluation with the short history, relative to one with the long one.

3 pairs take 10 % more evaluations to the same loss than 10 (docs/notebook.md). A run's number of
evaluations is given, so its loss pays instead; therefore it counts twice.
"""


_FORWARD_TIME = 0.49
"""Share of the forward pass in the time of forward and backward (848 x 848 pixels, float32)."""


_TILE_SIDES = (1536, 1024, 768, 512, 384, 256)
"""With large tiles less is computed in their halos; small ones leave room for caching more of them."""


_MOST_BYTES = 2**63
"""More than any machine can address."""


_SMALLEST_ADVICE = 64
"""The smallest size worth advising, in pixels of the longest side."""


_ADVICE_STEP = 0.985
"""Each size that is tried for an advice, relative to the one before."""


@dataclass(frozen=True)
class MemoryPlan:
    """`MemoryPlan` says how a scale is computed.

    - ``tile_side``: the longest side of a tile in pixels; ``None`` for the whole picture at once.
    - ``tiles``: how many tiles there are.
    - ``history``, ``half_history``: the pairs of L-BFGS, and whether they are stored in half precision.
    - ``needed_bytes``: the memory at the peak.
    - ``tile_bytes``: the part of ``needed_bytes`` that is needed only while a tile is computed.
    - ``cached_tiles``: how many tiles keep their features from the first pass to the second.
    - ``half_features``: whether stored features, of content, style and cached tiles, have 16 bits an entry.
    """

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
        """The time of an evaluation, in forward and backward passes over all tiles.

        >>> MemoryPlan(512, 8, HISTORY, True, 2**30, cached_tiles=4).passes  # half the tiles forward twice
        1.245
        """
        computed_again = 0 if self.tiles == 1 else self.tiles - self.cached_tiles
        return 1.0 + _FORWARD_TIME * computed_again / self.tiles


def plan_memory(estimate: MemoryEstimate, allowed: int) -> MemoryPlan:
    """Choose the plan for what ``estimate`` describes in ``allowed`` bytes.

    Raises :class:`~glstylenet.errors.MemoryLimitError`, with advice, if there is none.
    """
    for half_history in (False, True):
        whole = _make_plan(estimate, None, HISTORY, half_history=half_history)
        if whole.needed_bytes <= allowed:
            return whole
    if fitting := _fitting_tiled_plans(estimate, allowed):
        # What is measured is reported: there, full precision is worth more than time.
        return min(
            fitting,
            key=lambda plan: (plan.half_features and not estimate.optimizes, _work(plan, estimate)),
        )
    height, width = estimate.full_size  # without the margin of the canvas
    needed, may_use = (format_bytes(count) for count in (_smallest_plan(estimate).needed_bytes, allowed))
    raise MemoryLimitError(
        f"a result of {width} x {height} pixels needs at least {needed}, and the run may use {may_use}; "
        f"use {_advice(estimate, allowed)}, or raise --memory if more is free"
    )


def check_plan(plan: MemoryPlan, estimate: MemoryEstimate) -> None:
    """Check that ``plan``, read from a file, could be one for what ``estimate`` describes.

    How much memory it needs depends on the machine it was made on, and is only checked to be an amount of
    memory. Raises ``ValueError`` saying what is impossible.
    """
    sides = range(min(_TILE_SIDES), max(*_TILE_SIDES, *estimate.size) + 1)
    if plan.tile_side is not None and plan.tile_side not in sides:
        raise ValueError(f"a plan has tiles of {plan.tile_side} pixels")
    if plan.history not in (HISTORY, _SHORT_HISTORY):
        raise ValueError(f"a plan has a history of {plan.history} pairs")
    tiles = math.prod(map(len, crop_lengths(estimate.size, plan.tile_side)))
    if plan.tiles != tiles or not 0 <= plan.cached_tiles <= tiles:
        raise ValueError(f"a plan has {plan.tiles} tiles, {plan.cached_tiles} cached; expected {tiles}")
    if not 0 <= plan.tile_bytes <= plan.needed_bytes < _MOST_BYTES:
        raise ValueError(f"a plan needs {plan.needed_bytes} bytes, {plan.tile_bytes} of them for tiles")


def refitted(plan: MemoryPlan, estimate: MemoryEstimate, allowed: int) -> MemoryPlan | None:
    """Return ``plan`` for ``allowed`` bytes, with fewer tiles cached if necessary; ``None`` if not enough.

    The number of cached tiles changes no number of a run, so a resumed run continues exactly.
    """
    if plan.needed_bytes <= allowed:
        return plan
    if plan.tile_side is None:
        return None
    without_cache = _tiled_like(plan, plan.tile_side, estimate)
    return _cache_tiles(without_cache, estimate, allowed) if without_cache.needed_bytes <= allowed else None


def smaller_tiles(plan: MemoryPlan, estimate: MemoryEstimate) -> MemoryPlan:
    """Return ``plan`` with tiles of half the side, for a machine that ran out of memory all the same."""
    return _tiled_like(plan, max(256, (plan.tile_side or max(estimate.size)) // 2), estimate)


def format_bytes(count: int) -> str:
    """Return a number of bytes in words.

    >>> format_bytes(640 * 2**20), format_bytes(3435973837)
    ('640 MiB', '3.2 GiB')
    """
    if count >= 2**30:
        return f"{count / 2**30:.1f} GiB"
    return f"{count / 2**20:.0f} MiB"


def _fitting_tiled_plans(estimate: MemoryEstimate, allowed: int) -> list[MemoryPlan]:
    """Return the plans in tiles that fit, each with as many tiles cached as fit."""
    # On a GPU, a small picture as a single tile needs less than as a whole, which a CUDA graph holds twice.
    sides = [side for side in _TILE_SIDES if estimate.on_gpu or side < max(estimate.size)]
    sides = sides or [min(_TILE_SIDES)]  # as one tile, a tiny picture may still have a short history
    plans = [
        _make_plan(estimate, side, history, half_history=True, half_features=half_features)
        for history in (HISTORY, _SHORT_HISTORY)
        for side in sides
        for half_features in ((True,) if estimate.optimizes else (False, True))
    ]
    return [_cache_tiles(plan, estimate, allowed) for plan in plans if plan.needed_bytes <= allowed]


def _smallest_plan(estimate: MemoryEstimate) -> MemoryPlan:
    """Return the plan that needs least memory."""
    side = min(_TILE_SIDES)
    return _make_plan(estimate, side, _SHORT_HISTORY, half_history=True, half_features=True)


def _tiled_like(plan: MemoryPlan, side: int, estimate: MemoryEstimate) -> MemoryPlan:
    """Return ``plan`` in tiles of ``side`` pixels, none of them cached."""
    return _make_plan(
        estimate,
        side,
        plan.history,
        half_history=plan.half_history,
        half_features=plan.half_features,
    )


def _make_plan(
    estimate: MemoryEstimate,
    tile_side: int | None,
    history: int,
    *,
    half_history: bool,
    half_features: bool = False,
) -> MemoryPlan:
    """Return the plan of these choices, with no tile cached."""
    half_features = half_features and estimate.precision == "float32"  # bfloat16 has 16 bits anyway
    tile_bytes = estimate.network_bytes(tile_side)
    needed = estimate.fixed_bytes + estimate.target_bytes(half_features) + tile_bytes
    # Strokes are copied before there is a history.
    needed += max(estimate.history_bytes(history, half_history), estimate.vote_bytes(half_features))
    tiles = math.prod(map(len, crop_lengths(estimate.size, tile_side)))
    return MemoryPlan(
        tile_side, tiles, history, half_history, needed, tile_bytes, half_features=half_features
    )


def _cache_tiles(plan: MemoryPlan, estimate: MemoryEstimate, allowed: int) -> MemoryPlan:
    """Return a tiled ``plan`` without cached tiles with as many cached as fit into ``allowed`` bytes."""
    assert plan.tile_side is not None  # a whole picture has no second pass
    each = estimate.cached_tile_bytes(plan.tile_side, plan.half_features)
    cached = max(0, min(plan.tiles, (allowed - plan.needed_bytes) // each))
    return replace(plan, needed_bytes=plan.needed_bytes + cached * each, cached_tiles=cached)


def _work(plan: MemoryPlan, estimate: MemoryEstimate) -> float:
    """Return the pixels of an evaluation that pass through the network, times the cost of the history."""
    heights, widths = crop_lengths(estimate.size, plan.tile_side)
    shortened = estimate.optimizes and plan.history < HISTORY
    return sum(heights) * sum(widths) * plan.passes * (_SHORT_HISTORY_COST if shortened else 1.0)


def _advice(estimate: MemoryEstimate, allowed: int) -> str:
    """Return what to use instead: about the largest ``--size`` that fits.

    Sizes are tried one after the other, from above. A size that is cut into fewer or smaller tiles may fit
    where a slightly smaller one does not, so a bisection would miss it.
    """
    longest = _smaller_advice(max(estimate.full_size))
    while longest >= _SMALLEST_ADVICE:
        if all(_smallest_plan(each).needed_bytes <= allowed for each in _resized(estimate, longest)):
            return f"--size {longest}"
        longest = _smaller_advice(longest)
    return "a machine with more memory"


def _smaller_advice(longest: int) -> int:
    return min(longest - 1, int(longest * _ADVICE_STEP))


def _resized(estimate: MemoryEstimate, longest: int) -> list[MemoryEstimate]:
    """Return upper bounds of the ``estimate`` for a result whose longest side is ``longest``."""
    full_size = _fitted(estimate.full_size, longest)
    # The canvas has a margin that does not shrink.
    height, width = (
        length + canvas - full
        for length, canvas, full in zip(full_size, estimate.size, estimate.full_size, strict=True)
    )
    style_size, *further = [
        _resized_style(size, estimate, longest)
        for size in (estimate.full_style_size, *estimate.further_full_style_sizes)
    ]
    return [
        replace(
            estimate,
            size=size,
            full_size=full_size,
            style_size=style_size,
            full_style_size=style_size,
            further_style_sizes=tuple(further),
            further_full_style_sizes=tuple(further),
            held_pictures=estimate.held_pictures.resized(full_size, style_size, *further),
        )
        # Sizes are odd, because these need most memory. One cell more may mean smaller tiles, so both sizes
        # are checked.
        for size in itertools.product((height | 1, (height + CELL) | 1), (width | 1, (width + CELL) | 1))
    ]


def _resized_style(
    full_style_size: tuple[int, int], estimate: MemoryEstimate, longest: int
) -> tuple[int, int]:
    """Return an upper bound of a style's size for a result whose longest side is ``longest``.

    The style is no longer than the result or than its own picture; which one it follows is not known.
    Rounding may add a pixel.
    """
    share = max(1.0, max(full_style_size) / max(estimate.full_size))
    height, width = _fitted(full_style_size, min(max(full_style_size), round(share * longest)))
    return height + 1, width + 1


def _fitted(size: tuple[int, int], longest: int) -> tuple[int, int]:
    factor = longest / max(size)
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))
