"""BenchPlan: how much each mode of the benchmark measures."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from glstylenet.settings import Settings

__all__ = ["PLANS", "BenchPlan", "PointSize"]


@dataclass(frozen=True)
class PointSize:
    """One size of the scaling: a picture of ``megapixels``, and for how many evaluations it is painted."""

    megapixels: float
    evaluations: int


@dataclass(frozen=True)
class BenchPlan:
    """The size of every measurement.

    ``size``: longest side of the default run whose overhead is taken, ``None`` for the samples' own;
    ``iterations`` of that run. ``repeats``: how often the bare network is timed before the run, and again
    after it. ``scheme_size`` (height, width) of the schemes, in how many ``rounds`` each is timed once, and
    the ``seconds_limit``: seconds in all after which one is not timed again; (g) and (c) have
    ``scheme_pairs`` rounds by themselves. ``pair_size``: longest side of the pair of the speedup, ``None``
    for its own; ``literal_evaluations`` the literal method gets on it.
    ``points`` of the scaling, each within ``point_memory`` bytes.
    """

    name: str
    size: int | None
    iterations: int
    repeats: int
    rounds: int
    seconds_limit: float
    scheme_pairs: int
    pair_size: int | None
    literal_evaluations: int
    points: tuple[PointSize, ...]
    scheme_size: tuple[int, int] = (512, 352)
    point_memory: int = 6 * 2**30


_DEFAULT = Settings().iterations

# Fewer evaluations for larger pictures: a point of 24 megapixels costs as much as 240 of 0.1.
_SMALL = (PointSize(0.1, 21), PointSize(0.4, 21), PointSize(1.5, 6), PointSize(6.0, 3))

PLANS: Mapping[str, BenchPlan] = MappingProxyType(
    {
        plan.name: plan
        for plan in (
            BenchPlan(
                name="quick",
                size=256,
                iterations=30,
                repeats=5,
                rounds=1,
                seconds_limit=3.0,
                scheme_pairs=11,
                pair_size=112,
                literal_evaluations=40,
                # One between them would not change the slope.
                points=(PointSize(0.1, 4), PointSize(0.4, 3)),
            ),
            BenchPlan(
                name="default",
                size=None,
                iterations=_DEFAULT,
                repeats=7,
                rounds=5,
                seconds_limit=30.0,
                scheme_pairs=21,
                pair_size=None,
                literal_evaluations=100,
                points=_SMALL,
            ),
            BenchPlan(
                name="full",
                size=None,
                iterations=_DEFAULT,
                repeats=11,
                rounds=11,
                seconds_limit=120.0,
                scheme_pairs=31,
                pair_size=None,
                literal_evaluations=500,
                points=(*_SMALL, PointSize(24.0, 3)),
            ),
        )
    }
)
"""The three modes by name."""
