"""Plans: what each mode of the benchmark measures, and how often."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from glstylenet.settings import Settings

__all__ = ["PLANS", "BenchPlan", "PointSize"]


@dataclass(frozen=True)
class PointSize:
    """`PointSize` is one size of the scaling: a picture of ``megapixels`` and the number of evaluations."""

    megapixels: float
    evaluations: int


@dataclass(frozen=True)
class BenchPlan:
    """`BenchPlan` holds the size of every measurement of one mode.

    Overhead: ``size`` is the longest side of the default run, ``None`` for the samples' own; ``iterations``
    are its evaluations, ``None`` for the default's; ``repeats``: how often the bare network is timed before
    the run, and again after it.

    Schemes: ``scheme_size`` (height, width); ``rounds``: how often each is timed, unless it has taken
    ``seconds_limit`` seconds in all; ``scheme_pairs``: how often (g) and (c) are timed in alternation.

    Speedup and time to quality: ``pair_size`` is the longest side of the pair, ``None`` for its own;
    ``literal_evaluations`` is the number of evaluations of the literal method.

    First picture: ``preview_size`` is the longest side of the samples, ``previews`` the number of runs.

    Vote: ``votes`` is the number of votes, at ``scheme_size``.

    Busy machine: ``busy_pairs`` evaluations with all threads and as many with one, of pictures of
    ``busy_size`` (height, width); 0 where it is not measured.

    Scaling: ``points``, each within ``point_memory`` bytes.
    """

    name: str
    size: int | None
    iterations: int | None
    repeats: int
    rounds: int
    seconds_limit: float
    scheme_pairs: int
    pair_size: int | None
    literal_evaluations: int
    points: tuple[PointSize, ...]
    previews: int
    votes: int
    preview_size: int = 512
    scheme_size: tuple[int, int] = (512, 352)
    point_memory: int = 6 * 2**30
    busy_pairs: int = 0
    busy_size: tuple[int, int] = (256, 256)


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
                previews=1,
                votes=3,
                preview_size=256,
                pair_size=112,
                literal_evaluations=40,
                # A point between them would not change the slope.
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
                previews=3,
                votes=7,
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
                previews=5,
                votes=11,
                pair_size=None,
                literal_evaluations=500,
                points=(*_SMALL, PointSize(24.0, 3)),
                busy_pairs=21,
            ),
        )
    }
)
"""The plans of the three modes by name."""
