"""Schemes: the paper's Figure 11, the time of an evaluation with fresh matches for each scheme."""

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from glstylenet.bench.synthetic_pictures import drawn_classes, drawn_picture, picture_tensor
from glstylenet.bench.timing import seconds_of
from glstylenet.machine import choose_device
from glstylenet.network import VGG19, load_weights
from glstylenet.objective import LossWeights, Objective, StyleGuide
from glstylenet.pyramid import PAPER_SCHEMES
from glstylenet.settings import Settings

__all__ = [
    "CLASSES",
    "PAPER_SECONDS",
    "SchemeCost",
    "Schemes",
    "measure_schemes",
    "ratio_of_neighbours",
    "timed_in_turns",
]

CLASSES = 5
"""Classes of the maps in Figure 11."""

_PAIR = ("g", "c")
"""Compared with each other; a round of all eight would lie between them."""

PAPER_SECONDS: Mapping[str, float] = MappingProxyType(
    {"a": 1.404, "b": 0.298, "c": 0.220, "d": 0.233, "e": 0.391, "f": 0.230, "g": 0.243, "h": 0.327}
)
"""The paper's column: seconds per iteration on two P100."""


@dataclass(frozen=True)
class SchemeCost:
    """Median ``seconds`` of matching and evaluating one scheme; ``shapes`` (height, width, channels) of its
    fused features, the map's channels counted in every layer as the paper does; ``count``: of how many."""

    name: str
    shapes: tuple[tuple[int, int, int], ...]
    seconds: float
    count: int

    @property
    def pixels(self) -> int:
        """The paper's measure of size: how many numbers the fused features hold."""
        return sum(height * width * channels for height, width, channels in self.shapes)


@dataclass(frozen=True)
class Schemes:
    """Every scheme's cost by its letter, for a content and a style of ``size`` (height, width).

    ``g_vs_c``: seconds of (g) over those of (c) (:func:`ratio_of_neighbours`): a tenth lies between them, and
    as much between two rounds of all schemes.
    """

    size: tuple[int, int]
    costs: Mapping[str, SchemeCost]
    precision: str
    g_vs_c: float

    def ratio(self, name: str, other: str) -> float:
        """Seconds of scheme ``name`` over those of ``other``."""
        return self.costs[name].seconds / self.costs[other].seconds


def measure_schemes(
    size: tuple[int, int],
    settings: Settings,
    *,
    rounds: int,
    seconds_limit: float,
    pairs: int,
    emit: Callable[[str], None],
) -> Schemes:
    """Time all eight schemes on drawn pictures of ``size`` (height, width), ``rounds`` times each, but (g)
    and (c) ``pairs`` times by themselves; they take turns (:func:`timed_in_turns`)."""
    place = choose_device(settings.device, settings.precision)
    network = VGG19(load_weights(settings.weights).tensors, device=place.torch_device, dtype=place.dtype)
    content, style, pixels = (
        picture_tensor(drawn_picture(size, seed), place.torch_device) for seed in range(3)
    )
    content_map, style_map = (drawn_classes(size, CLASSES, seed).to(place.torch_device) for seed in range(2))
    emit(f"schemes: setting up all {len(PAPER_SCHEMES)} at {size[1]} x {size[0]}")
    objectives = {
        name: Objective(
            network,
            scheme,
            LossWeights.of(settings),
            content,
            [StyleGuide(style, style_map)],
            content_map=content_map,
        )
        for name, scheme in PAPER_SCHEMES.items()
    }

    def evaluate(name: str) -> float:
        return seconds_of(lambda: objectives[name].evaluate(pixels, rematch=True), place.torch_device)

    others = [name for name in PAPER_SCHEMES if name not in _PAIR]
    seconds = timed_in_turns(others, evaluate, rounds=rounds, seconds_limit=seconds_limit, emit=emit)
    seconds |= timed_in_turns(_PAIR, evaluate, rounds=pairs, seconds_limit=math.inf, emit=emit)
    return Schemes(
        size=size,
        costs={
            name: SchemeCost(
                name,
                tuple(scheme.shapes(size, CLASSES)),
                statistics.median(seconds[name]),
                len(seconds[name]),
            )
            for name, scheme in PAPER_SCHEMES.items()
        },
        precision=place.precision,
        g_vs_c=ratio_of_neighbours(*(seconds[name] for name in _PAIR)),
    )


def timed_in_turns(
    names: Sequence[str],
    time: Callable[[str], float],
    *,
    rounds: int,
    seconds_limit: float,
    emit: Callable[[str], None],
) -> dict[str, list[float]]:
    """Seconds of each of ``names``, told by ``time``: ``rounds`` of them, after one that does not count.

    They take turns, each round beginning with another one, so that the machine's noise hits all alike. Who
    has taken ``seconds_limit`` seconds in all is left out of further rounds; then even a first time counts.
    """
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds + 1):
        emit(
            f"schemes {' '.join(names)}: " + (f"round {number}/{rounds}" if number else "a round to warm up")
        )
        start = number % len(names)
        for name in [*names[start:], *names[:start]]:
            if sum(seconds[name]) <= seconds_limit:
                seconds[name].append(time(name))
    return {name: times[1:] or times for name, times in seconds.items()}


def ratio_of_neighbours(seconds: Sequence[float], others: Sequence[float]) -> float:
    """Mean of the ratios of ``seconds`` to ``others``, taken in turns, without the largest and the smallest.

    What slows a machine for longer than a round slows both alike. In repeated measurements the mean of 13
    such ratios varied by 1.1 %, their median by 1.5 and the ratio of the medians by 1.8.
    """
    ratios = sorted(one / other for one, other in zip(seconds, others, strict=True))
    return statistics.mean(ratios[1:-1] or ratios)
