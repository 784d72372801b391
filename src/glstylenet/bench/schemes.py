"""Schemes: the time of an evaluation with new matches in each scheme, as in the paper's Figure 11."""

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
"""Number of classes in the maps of Figure 11."""

_PAIR = ("g", "c")
"""The two schemes that are timed in direct alternation, because their times are close."""

PAPER_SECONDS: Mapping[str, float] = MappingProxyType(
    {"a": 1.404, "b": 0.298, "c": 0.220, "d": 0.233, "e": 0.391, "f": 0.230, "g": 0.243, "h": 0.327}
)
"""The seconds per iteration that the paper reports, on two P100."""


@dataclass(frozen=True)
class SchemeCost:
    """`SchemeCost` holds the median ``seconds`` of matching and evaluating one scheme.

    ``shapes``: (height, width, channels) of its fused features, with the map's channels in every layer as the
    paper counts them. ``count``: the number of times that the median is of.
    """

    name: str
    shapes: tuple[tuple[int, int, int], ...]
    seconds: float
    count: int

    @property
    def pixels(self) -> int:
        """Count the numbers in the fused features: the paper's measure of size."""
        return sum(height * width * channels for height, width, channels in self.shapes)


@dataclass(frozen=True)
class Schemes:
    """`Schemes` holds the cost of every scheme by its letter, for pictures of ``size`` (height, width).

    ``g_vs_c``: seconds of (g) over those of (c), from :func:`ratio_of_neighbours`. They differ by a tenth,
    and so do the times of one scheme in two rounds.
    """

    size: tuple[int, int]
    costs: Mapping[str, SchemeCost]
    precision: str
    g_vs_c: float

    def ratio(self, name: str, other: str) -> float:
        """Return the seconds of scheme ``name`` over those of ``other``."""
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
    """Time the paper's eight schemes on synthetic pictures of ``size`` (height, width).

    Each is timed ``rounds`` times, but (g) and (c) ``pairs`` times in direct alternation
    (:func:`timed_in_turns`).
    """
    device = choose_device(settings.device, settings.precision)
    network = VGG19(load_weights(settings.weights).tensors, device=device.torch_device, dtype=device.dtype)
    content, style, pixels = (
        picture_tensor(drawn_picture(size, seed), device.torch_device) for seed in range(3)
    )
    content_map, style_map = (drawn_classes(size, CLASSES, seed).to(device.torch_device) for seed in range(2))
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
        return seconds_of(lambda: objectives[name].evaluate(pixels, rematch=True), device.torch_device)

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
        precision=device.precision,
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
    """Return the seconds of each of ``names``, measured by ``time`` in ``rounds`` after a warm-up round.

    Every round times all of them and begins with another one, so that the machine's noise affects all alike.
    After ``seconds_limit`` seconds in all a name is left out of further rounds. If it was timed only once,
    the warm-up counts.
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
    """Return the mean ratio of ``seconds`` to ``others``, without the largest and the smallest ratio.

    The two were measured in alternation, so what slows a machine for longer than a round affects both. In
    repeated measurements the mean of 13 such ratios varied by 1.1 %, their median by 1.5 % and the ratio of
    the medians by 1.8 %.

    >>> ratio_of_neighbours([3.0, 4.0], [1.0, 1.0])
    3.5
    """
    ratios = sorted(one / other for one, other in zip(seconds, others, strict=True))
    return statistics.mean(ratios[1:-1] or ratios)
