"""Schemes: the time of an evaluation with new matches in each scheme, as in the paper's Figure 11."""

import math
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from glstylenet.bench.synthetic_pictures import CLASSES, DrawnPictures
from glstylenet.bench.timing import ratio_of_neighbours, seconds_of, timed_in_turns
from glstylenet.machine import choose_device
from glstylenet.network import VGG19, load_weights
from glstylenet.objective import LossWeights, Objective, StyleGuide
from glstylenet.pyramid import PAPER_SCHEMES
from glstylenet.settings import Settings

__all__ = [
    "PAPER_SECONDS",
    "SchemeCost",
    "Schemes",
    "measure_schemes",
]

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

    ``g_vs_c``: seconds of (g) over those of (c), from
    :func:`~glstylenet.bench.timing.ratio_of_neighbours`. They differ by a tenth, and so do the times of one
    scheme in two rounds.
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
    (:func:`~glstylenet.bench.timing.timed_in_turns`).
    """
    device = choose_device(settings.device, settings.precision)
    network = VGG19(load_weights(settings.weights).tensors, device=device.torch_device, dtype=device.dtype)
    drawn = DrawnPictures.of(size, device.torch_device)
    emit(f"schemes: setting up all {len(PAPER_SCHEMES)} at {size[1]} x {size[0]}")
    objectives = {
        name: Objective(
            network,
            scheme,
            LossWeights.of(settings),
            drawn.content,
            [StyleGuide(drawn.style, drawn.style_map)],
            content_map=drawn.content_map,
        )
        for name, scheme in PAPER_SCHEMES.items()
    }

    def evaluate(name: str) -> float:
        return seconds_of(lambda: objectives[name].evaluate(drawn.pixels, rematch=True), device.torch_device)

    others = [name for name in PAPER_SCHEMES if name not in _PAIR]
    seconds = timed_in_turns(
        others, evaluate, rounds=rounds, seconds_limit=seconds_limit, emit=emit, title="schemes"
    )
    seconds |= timed_in_turns(
        _PAIR, evaluate, rounds=pairs, seconds_limit=math.inf, emit=emit, title="schemes"
    )
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
