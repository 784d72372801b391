"""Memory: what a run will need, told before anything is computed, and how it is made to fit.

A picture that fits is evaluated whole. Else it is cut into tiles, and every tile is visited twice; what was
seen of as many as fit is kept from the first visit to the second, and the others are shown to the network
once more. The optimiser's history in half precision or with fewer pairs, and targets in half precision, make
room for that, and are chosen by the work that is left. Pictures at hand, targets and the optimiser's vectors
grow with the picture whatever is done; where they alone are too much, the run is refused.
"""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from glstylenet.errors import MemoryLimitError
from glstylenet.fusion import LAYER_CHANNELS, Scheme, layer_size
from glstylenet.history import history_bytes
from glstylenet.patches import BLOCK_BYTES
from glstylenet.tiling import CELL, DEEPEST, HALO, LONGEST_REST, Tile, cut_into_tiles

__all__ = [
    "DEFAULT_SHARE",
    "HISTORY",
    "PIXEL_BYTES",
    "AtHand",
    "Demand",
    "Plan",
    "format_bytes",
    "plan_memory",
    "refitted",
    "smaller_tiles",
]

DEFAULT_SHARE = 0.6
"""Share of the free memory that a run takes when no limit is given: other programs have work to do too."""

HISTORY = 10
"""Pairs of L-BFGS where memory allows."""

_BASE_BYTES = 400 * 2**20
"""Python, PyTorch and the network's weights."""

_WINOGRAD_BYTES = 106 * 2**20
"""The weights once more, for :mod:`~glstylenet.winograd`, there and back: float32 on a CPU."""

# Bytes the network takes for a pixel of what it is shown, features and gradients, and beside them the fused
# features, their gradient and what the local loss asks of them. With the rest of a plan they lie above the
# peaks that benchmarks/memory.py measured in float32 at 256, 512, 768 and 1024 pixels a side: 617, 822, 1243
# and 1610 MiB, where 681, 901, 1263 and 1767 are planned. bfloat16 was measured before
# :mod:`~glstylenet.block` and :mod:`~glstylenet.signs`.
_NETWORK_BYTES = {"float32": 500, "bfloat16": 1680}
_FORWARD_SHARE = 0.8
"""Of them, without a way back."""

_FUSED_COPIES = 4
"""As many as a scheme of large ones, (a), was seen to hold."""

_PIECES_BYTES = 150
"""More of them for a tile: freed memory that does not fit the next one. What comes above it is given back
(:class:`~glstylenet.allocator.MemoryValve`)."""

_UNEVEN_ENTRIES = 150
"""More numbers for a pixel where layers are resampled by other means than that of 2x2: their gradients are
written out."""

_SIGN_BYTES = 33
"""For a pixel of what the network is shown: the 264 signs of its features that the way back needs."""

_ENTRY_BYTES = {"float32": 4, "bfloat16": 2}
_HALF_BYTES = 2
PIXEL_BYTES = 12
"""Three channels, float32."""

_VECTORS = 4
"""Pictures the optimiser has in hand beside its history: the point, the candidate and their gradients; or
before the candidate is known, the direction and the waves of a channel."""

_FACTOR_BYTES = 2
"""For a pixel, of the preconditioner: float32 for half of the waves of one channel."""

_FORWARD_TIME = 0.49
"""Share of a way through the network and back that the way there takes (848 x 848 pixels, float32)."""

_TILE_SIDES = (896, 768, 640, 512)
"""Of larger ones the blocks of memory come from and go to the system (:mod:`~glstylenet.allocator`), which
costs more than the halo does."""

_SMALL_TILE_SIDES = (384, 256)
"""Tiles below half a thousand pixels spend most of their work on the halo: the history gives way first."""

_SMALLEST_ADVICE = 64
"""No smaller size is worth advising, in pixels of the longest side."""

_ADVICE_STEP = 0.985
"""Sizes that are tried for an advice, each relative to the one before."""

_PRICES = {HISTORY: 1.0, 6: 1.1, 3: 1.2}
"""By the pairs of a history in half precision: what an evaluation with it counts. 6 pairs take 5 % more
evaluations to the same loss than 10, and 3 pairs 10 % (docs/performance.md). It counts twice, as a run's
evaluations are given, and its loss pays."""

_SHORTEST = (min(_PRICES), True, True)
"""History and its precision, and that of the targets, of the plans that need least."""


@dataclass(frozen=True)
class AtHand:
    """What the pictures of a run take: ``nbytes`` as they are, and for each pixel of the result
    ``pixel_bytes`` (and 12 for each of the style) once they are brought to another size."""

    nbytes: int
    pixel_bytes: int

    def resized(self, size: tuple[int, int], style_size: tuple[int, int]) -> "AtHand":
        """At other sizes: resampled, they are no longer bytes."""
        return replace(self, nbytes=self.pixel_bytes * _area(size) + PIXEL_BYTES * _area(style_size))


@dataclass(frozen=True)
class Demand:
    """What a stage of a run asks of memory.

    ``size`` and ``style_size``: (height, width) at this stage. ``full_size``, ``full_style_size``: those of
    the pictures kept at hand meanwhile, which ``at_hand`` is about. ``optimizes``: whether pixels are
    optimised or only looked at.
    """

    size: tuple[int, int]
    style_size: tuple[int, int]
    full_size: tuple[int, int]
    full_style_size: tuple[int, int]
    precision: str
    scheme: Scheme
    at_hand: AtHand
    classes: int = 0
    optimizes: bool = True
    on_gpu: bool = False

    @property
    def fixed_bytes(self) -> int:
        """What is needed however small the tiles and the history are, beside the targets."""
        # Who only looks has the pixels, and content and style for as long as targets are made of them.
        vectors = (_VECTORS * PIXEL_BYTES + _FACTOR_BYTES) * _area(self.size)
        maps = 4 * self.classes * (_area(self.full_size) + _area(self.full_style_size))
        pictures = 0 if self.on_gpu else self.at_hand.nbytes
        base = 0 if self.on_gpu else _BASE_BYTES
        if self.precision == "float32" and not self.on_gpu:
            base += _WINOGRAD_BYTES
        return base + BLOCK_BYTES + vectors + maps + pictures

    def target_bytes(self, half: bool) -> int:
        """For the features of content and style, in at most 16 bits an entry if ``half``."""
        entry = _ENTRY_BYTES[self.precision]
        kept = min(entry, _HALF_BYTES) if half else entry
        content = kept * LAYER_CHANNELS[DEEPEST] * _area(self.size) // 64
        entries = sum(map(math.prod, self.scheme.shapes(self.style_size)))
        # And the means of a large style's cells (:mod:`~glstylenet.guidance`).
        return content + kept * entries + entry * entries // 16

    def network_bytes(self, tile_side: int | None) -> int:
        """For the largest tile with what surrounds it; the whole picture for ``None``."""
        entry = _ENTRY_BYTES[self.precision]
        fused = sum(math.prod(shape) for shape in self.scheme.shapes(self.size)) / _area(self.size)
        bytes_per_pixel = _NETWORK_BYTES[self.precision] + _FUSED_COPIES * entry * fused
        if tile_side is not None:
            bytes_per_pixel += _PIECES_BYTES
        if self._is_uneven:
            bytes_per_pixel += _UNEVEN_ENTRIES * entry
        # The style passes through the network alone, without gradients. A smaller one may be cut into longer
        # crops: counted as the longest there can be, a style that shrinks never takes more.
        style = _FORWARD_SHARE * math.prod(_longest_crop(length, tile_side) for length in self.style_size)
        return math.ceil(bytes_per_pixel * max(_largest_crop(self.size, tile_side), style))

    @property
    def _is_uneven(self) -> bool:
        """Whether a layer that is fused has not exactly half the size of the one before."""
        steps = [step for group in self.scheme.groups for step in itertools.pairwise(group)]
        skips = any(deeper != layer + 1 for layer, deeper in steps)
        return skips or (bool(steps) and any(length % CELL for length in self.size))

    def kept_bytes(self, tile_side: int) -> int:
        """For what was seen of a tile, from one visit to the next: its signs and fused features."""
        height, width = map(max, _lengths(self.size, tile_side))
        # Fused features go one position further than the tile.
        own = (height + 2 * CELL, width + 2 * CELL)
        entries = sum(math.prod(shape) for shape in self.scheme.shapes(own))
        if all(group[-1] != DEEPEST for group in self.scheme.groups):  # the content looks deeper
            entries += LAYER_CHANNELS[DEEPEST] * math.prod(layer_size(own, DEEPEST))
        signs = _SIGN_BYTES * _largest_crop(self.size, tile_side)
        return signs + _ENTRY_BYTES[self.precision] * entries

    def history_bytes(self, pairs: int, half: bool) -> int:
        """For the optimiser's history."""
        return history_bytes(pairs, 3 * _area(self.size), half) if self.optimizes else 0


@dataclass(frozen=True)
class Plan:
    """How a stage is carried out: in tiles of at most ``tile_side`` pixels (``None``: whole), ``tiles`` of
    them, with ``history`` pairs, in half precision if ``half_history``; ``needed_bytes`` at its peak,
    ``tile_bytes`` of them only while a tile is looked at. ``kept_tiles``: of how many what was seen is kept
    until they are visited again; the only tile is. ``half_targets``: in at most 16 bits an entry."""

    tile_side: int | None
    tiles: int
    history: int
    half_history: bool
    needed_bytes: int
    tile_bytes: int = field(default=0, compare=False)
    kept_tiles: int = 0
    half_targets: bool = False

    @property
    def visits(self) -> float:
        """What an evaluation costs, in ways of every tile through the network and back."""
        again = 0 if self.tiles == 1 else self.tiles - self.kept_tiles
        return 1.0 + _FORWARD_TIME * again / self.tiles


def plan_memory(demand: Demand, allowed: int) -> Plan:
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


def refitted(plan: Plan, demand: Demand, allowed: int) -> Plan | None:
    """``plan`` in ``allowed`` bytes, with fewer tiles kept if need be, which changes no number of a run;
    ``None`` where that does not suffice."""
    if plan.needed_bytes <= allowed:
        return plan
    least = _plan(demand, plan.tile_side, plan.history, plan.half_history, plan.half_targets)
    if plan.tile_side is None or least.needed_bytes > allowed:
        return None
    return _keeping(least, demand, allowed)


def smaller_tiles(plan: Plan, demand: Demand) -> Plan:
    """``plan`` with tiles of half the side, for a machine that ran out of memory all the same."""
    side = max(256, (plan.tile_side or max(demand.size)) // 2)
    return _plan(demand, side, plan.history, plan.half_history, plan.half_targets)


def format_bytes(count: int) -> str:
    """Bytes in words: "3.2 GiB", "640 MiB"."""
    if count >= 2**30:
        return f"{count / 2**30:.1f} GiB"
    return f"{count / 2**20:.0f} MiB"


def _plans(demand: Demand, allowed: int) -> Iterator[Plan]:
    """Ways to carry out ``demand``, the best first, the smallest last; not all of them need less than
    ``allowed`` bytes."""
    yield _plan(demand, None, HISTORY, False)
    yield _plan(demand, None, HISTORY, True)
    sides = [side for side in _TILE_SIDES if side < max(demand.size)]
    plans = [
        _plan(demand, side, history, True, half_targets)
        for history, half_targets, side in itertools.product(_PRICES, (False, True), sides)
    ]
    fitting = [_keeping(plan, demand, allowed) for plan in plans if plan.needed_bytes <= allowed]
    if not demand.optimizes:  # what is measured is reported: digits come before time
        fitting.sort(key=lambda plan: plan.half_targets)
        fitting = [plan for plan in fitting if plan.half_targets == fitting[0].half_targets]
    if fitting:
        yield min(fitting, key=lambda plan: _work(plan, demand))
    for side in _SMALL_TILE_SIDES:
        yield _keeping(_plan(demand, side, *_SHORTEST), demand, allowed)


def _smallest_plan(demand: Demand) -> Plan:
    """The one that needs least."""
    return _plan(demand, _SMALL_TILE_SIDES[-1], *_SHORTEST)


def _plan(
    demand: Demand, tile_side: int | None, history: int, half_history: bool, half_targets: bool = False
) -> Plan:
    half_targets = half_targets and demand.precision == "float32"  # else they have 16 bits as it is
    tile_bytes = demand.network_bytes(tile_side)
    needed = demand.fixed_bytes + demand.target_bytes(half_targets) + tile_bytes
    needed += demand.history_bytes(history, half_history)
    tiles = math.prod(map(len, _crops(demand.size, tile_side)))
    return Plan(tile_side, tiles, history, half_history, needed, tile_bytes, half_targets=half_targets)


def _keeping(plan: Plan, demand: Demand, allowed: int) -> Plan:
    """``plan`` with as much kept of its tiles as fits into ``allowed`` bytes beside the rest."""
    assert plan.tile_side is not None  # of a whole picture nothing waits for another tile
    each = demand.kept_bytes(plan.tile_side)
    kept = max(0, min(plan.tiles, (allowed - plan.needed_bytes) // each))
    return replace(plan, needed_bytes=plan.needed_bytes + kept * each, kept_tiles=kept)


def _work(plan: Plan, demand: Demand) -> float:
    """Pixels that the network is shown in an evaluation, times the price of the history."""
    heights, widths = _crops(demand.size, plan.tile_side)
    return sum(heights) * sum(widths) * plan.visits * _PRICES[plan.history]


def _advice(demand: Demand, allowed: int) -> str:
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


def _resized(demand: Demand, longest: int) -> list[Demand]:
    """``demand`` for a result whose longest side is ``longest``; what it will be is among these, or less."""
    full_size = _fitted(demand.full_size, longest)
    # What is painted has a margin that does not shrink.
    height, width = (
        length + painted - full
        for length, painted, full in zip(full_size, demand.size, demand.full_size, strict=True)
    )
    # The style is no longer than the result or than its own picture; which of them it follows is not known.
    share = max(1.0, max(demand.full_style_size) / max(demand.full_size))
    style_size = _fitted(demand.full_style_size, min(max(demand.full_style_size), round(share * longest)))
    # A little more, for what rounding may add; odd, which takes most. One cell more may also mean smaller
    # tiles: both are looked at.
    return [
        replace(
            demand,
            size=size,
            full_size=full_size,
            style_size=style_size,
            full_style_size=style_size,
            at_hand=demand.at_hand.resized(full_size, style_size),
        )
        for size in itertools.product((height | 1, (height + CELL) | 1), (width | 1, (width + CELL) | 1))
    ]


def _fitted(size: tuple[int, int], longest: int) -> tuple[int, int]:
    factor = longest / max(size)
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def _area(size: tuple[int, int]) -> int:
    return size[0] * size[1]


def _largest_crop(size: tuple[int, int], tile_side: int | None) -> int:
    return math.prod(map(max, _crops(size, tile_side)))


def _longest_crop(length: int, tile_side: int | None) -> int:
    """No crop along a side of up to ``length`` pixels is longer."""
    return length if tile_side is None else min(length, tile_side + LONGEST_REST + 2 * HALO)


def _crops(size: tuple[int, int], tile_side: int | None) -> tuple[list[int], list[int]]:
    """Heights of the crops in a column of tiles, and widths of those in a row: every tile has one of each.

    So a picture of hundreds of thousands of tiles is planned as fast as any.
    """
    column, row = _edges(size, tile_side)
    return [tile.crop.size[0] for tile in column], [tile.crop.size[1] for tile in row]


def _lengths(size: tuple[int, int], tile_side: int | None) -> tuple[list[int], list[int]]:
    """The same of the tiles themselves."""
    column, row = _edges(size, tile_side)
    return [tile.positions(1).size[0] for tile in column], [tile.positions(1).size[1] for tile in row]


def _edges(size: tuple[int, int], tile_side: int | None) -> tuple[list[Tile], list[Tile]]:
    """A column and a row of tiles."""
    height, width = size
    return cut_into_tiles((height, CELL), tile_side), cut_into_tiles((CELL, width), tile_side)
