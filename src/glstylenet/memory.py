"""Memory: what a run will need, told before anything is computed, and how it is made to fit.

A picture that fits is evaluated whole. Else it is cut into tiles, as large as fit, and the optimiser's
history is kept in half precision, then with fewer pairs. Pictures at hand, targets and the optimiser's
vectors grow with the picture whatever is done; where they alone are too much, the run is refused.
"""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from glstylenet.errors import MemoryLimitError
from glstylenet.fusion import LAYER_CHANNELS, Scheme
from glstylenet.history import history_bytes
from glstylenet.patches import BLOCK_BYTES
from glstylenet.tiling import CELL, cut_into_tiles

__all__ = ["DEFAULT_SHARE", "HISTORY", "Demand", "Plan", "format_bytes", "plan_memory", "smaller_tiles"]

DEFAULT_SHARE = 0.6
"""Share of the free memory that a run takes when no limit is given: other programs have work to do too."""

HISTORY = 10
"""Pairs of L-BFGS where memory allows."""

_BASE_BYTES = 330 * 2**20
"""Python, PyTorch and the network's weights."""

_WINOGRAD_BYTES = 106 * 2**20
"""The weights once more, for :mod:`~glstylenet.winograd`, there and back: float32 on a CPU."""

# Bytes the network takes for a pixel of what it is shown, activations and gradients. With the rest of a plan
# they lie above the peaks that benchmarks/memory.py measured at 256, 512 and 768 pixels a side: float32 673,
# 1140 and 1886 MiB, where 2035 are planned for the largest, bfloat16 520, 947 and 1658 MiB of 1697.
_NETWORK_BYTES = {"float32": 2150, "bfloat16": 1800}
_ENTRY_BYTES = {"float32": 4, "bfloat16": 2}
_PIXEL_BYTES = 12
"""Three channels, float32."""

_VECTORS = 5
"""Pictures the optimiser has in hand beside its history: the point, the candidate, two gradients and the
direction."""

_FACTOR_BYTES = 2
"""For a pixel, of the preconditioner: float32 for half of the waves of one channel."""

_TILE_SIDES = (2048, 1536, 1024, 768, 512)
_SMALL_TILE_SIDES = (384, 256)
"""Tiles below half a thousand pixels spend most of their work on the halo: the history gives way first."""

_SMALLEST_ADVICE = 64
"""No smaller size is worth advising, in pixels of the longest side."""

_ADVICE_STEP = 0.985
"""Sizes that are tried for an advice, each relative to the one before."""

_HISTORIES = ((HISTORY, True), (6, True), (3, True))


@dataclass(frozen=True)
class Demand:
    """What a stage of a run asks of memory.

    ``size`` and ``style_size``: (height, width) at this stage. ``full_size``, ``full_style_size``: those of
    the pictures kept at hand meanwhile. ``optimizes``: whether pixels are optimised or only looked at.
    """

    size: tuple[int, int]
    style_size: tuple[int, int]
    full_size: tuple[int, int]
    full_style_size: tuple[int, int]
    precision: str
    scheme: Scheme
    classes: int = 0
    optimizes: bool = True
    on_gpu: bool = False

    @property
    def fixed_bytes(self) -> int:
        """What is needed however small the tiles and the history are."""
        entry = _ENTRY_BYTES[self.precision]
        content = entry * LAYER_CHANNELS[4] * _area(self.size) // 64
        style = sum(entry * height * width * channels for height, width, channels in self._style_shapes)
        pixel = _VECTORS * _PIXEL_BYTES + _FACTOR_BYTES if self.optimizes else _PIXEL_BYTES
        vectors = pixel * _area(self.size)
        maps = 4 * self.classes * (_area(self.full_size) + _area(self.full_style_size))
        pictures = 0 if self.on_gpu else _PIXEL_BYTES * (_area(self.full_size) + _area(self.full_style_size))
        base = 0 if self.on_gpu else _BASE_BYTES
        if self.precision == "float32" and not self.on_gpu:
            base += _WINOGRAD_BYTES
        return base + BLOCK_BYTES + content + style + vectors + maps + pictures

    @property
    def _style_shapes(self) -> list[tuple[int, int, int]]:
        return self.scheme.shapes(self.style_size)

    def network_bytes(self, tile_side: int | None) -> int:
        """For the largest tile with what surrounds it; the whole picture for ``None``."""
        bytes_per_pixel = _NETWORK_BYTES[self.precision]
        # The style passes through the network alone, without gradients, and needs about half as much.
        style = _largest_crop(self.style_size, tile_side) // 2
        return bytes_per_pixel * max(_largest_crop(self.size, tile_side), style)

    def history_bytes(self, pairs: int, half: bool) -> int:
        """For the optimiser's history."""
        return history_bytes(pairs, 3 * _area(self.size), half) if self.optimizes else 0


@dataclass(frozen=True)
class Plan:
    """How a stage is carried out: in tiles of at most ``tile_side`` pixels (``None``: whole), ``tiles`` of
    them, with ``history`` pairs, in half precision if ``half_history``; ``needed_bytes`` at its peak,
    ``tile_bytes`` of them only while a tile is looked at."""

    tile_side: int | None
    tiles: int
    history: int
    half_history: bool
    needed_bytes: int
    tile_bytes: int = field(default=0, compare=False)


def plan_memory(demand: Demand, allowed: int) -> Plan:
    """The fastest way to carry out ``demand`` in ``allowed`` bytes.

    Raises :class:`~glstylenet.errors.MemoryLimitError` with advice if there is none.
    """
    for plan in _plans(demand):
        if plan.needed_bytes <= allowed:
            return plan
    height, width = demand.full_size  # without the margin of what is painted on
    needed, may_use = (format_bytes(count) for count in (_smallest_plan(demand).needed_bytes, allowed))
    raise MemoryLimitError(
        f"a result of {width} x {height} pixels needs at least {needed}, and the run may use {may_use}; "
        f"use {_advice(demand, allowed)}, or raise --memory if more is free"
    )


def smaller_tiles(plan: Plan, demand: Demand) -> Plan:
    """``plan`` with tiles of half the side, for a machine that ran out of memory all the same."""
    side = max(256, (plan.tile_side or max(demand.size)) // 2)
    return _plan(demand, side, plan.history, plan.half_history)


def format_bytes(count: int) -> str:
    """Bytes in words: "3.2 GiB", "640 MiB"."""
    if count >= 2**30:
        return f"{count / 2**30:.1f} GiB"
    return f"{count / 2**20:.0f} MiB"


def _plans(demand: Demand) -> Iterator[Plan]:
    """Every way to carry out ``demand``, the fastest first, the smallest last."""
    yield _plan(demand, None, HISTORY, False)
    yield _plan(demand, None, HISTORY, True)
    for history, half in _HISTORIES:
        for side in _TILE_SIDES:
            if side < max(demand.size):
                yield _plan(demand, side, history, half)
    for side in _SMALL_TILE_SIDES:
        yield _plan(demand, side, *_HISTORIES[-1])


def _smallest_plan(demand: Demand) -> Plan:
    """The last of :func:`_plans`."""
    return _plan(demand, _SMALL_TILE_SIDES[-1], *_HISTORIES[-1])


def _plan(demand: Demand, tile_side: int | None, history: int, half: bool) -> Plan:
    tile_bytes = demand.network_bytes(tile_side)
    needed = demand.fixed_bytes + tile_bytes + demand.history_bytes(history, half)
    tiles = math.prod(map(len, _crops(demand.size, tile_side)))
    return Plan(tile_side, tiles, history, half, needed, tile_bytes)


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
    # A little more, for what rounding may add. One cell more may also mean smaller tiles: both are looked at.
    return [
        replace(demand, size=size, full_size=full_size, style_size=style_size, full_style_size=style_size)
        for size in itertools.product((height, height + CELL), (width, width + CELL))
    ]


def _fitted(size: tuple[int, int], longest: int) -> tuple[int, int]:
    factor = longest / max(size)
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def _area(size: tuple[int, int]) -> int:
    return size[0] * size[1]


def _largest_crop(size: tuple[int, int], tile_side: int | None) -> int:
    return math.prod(map(max, _crops(size, tile_side)))


def _crops(size: tuple[int, int], tile_side: int | None) -> tuple[list[int], list[int]]:
    """Heights of the crops in a column of tiles, and widths of those in a row: every tile has one of each.

    So a picture of hundreds of thousands of tiles is planned as fast as any.
    """
    height, width = size
    column, row = cut_into_tiles((height, CELL), tile_side), cut_into_tiles((CELL, width), tile_side)
    return [tile.crop.size[0] for tile in column], [tile.crop.size[1] for tile in row]
