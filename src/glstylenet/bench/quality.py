"""Time to quality: how much sooner the default run's picture is as good as the literal method's.

    time to quality = seconds of the literal method / seconds of the default run until its picture is as good

As good: :mod:`glstylenet.metrics` finds its textures, patches, coverage and colours at least as near to the
style's as those of the literal method's best picture. The optimiser minimises none of these numbers. The runs
are those of :mod:`~glstylenet.bench.speedup`.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

from torch import Tensor

from glstylenet.bench.literal_run import LiteralRun
from glstylenet.bench.pair import Pair, picture_array
from glstylenet.bench.recorded_run import RecordedRun
from glstylenet.errors import GLStyleNetError
from glstylenet.metrics import Metrics, evaluate_picture
from glstylenet.settings import Settings

__all__ = [
    "Distances",
    "TimeToQuality",
    "compared_distances",
    "first_as_good",
    "is_as_good",
    "measure_time_to_quality",
    "time_to_quality",
]

Distances = Mapping[str, float]
"""Distances to the style by the names of their metrics; lower is better."""


@dataclass(frozen=True)
class TimeToQuality:
    """`TimeToQuality` compares the quality of the literal method's picture with that of the default run's.

    ``literal_seconds``: the time of the literal method. ``goal``: the distances of its best picture to the
    style; ``last``: those of the default run's last picture, ``reached``: those of its first that is as good,
    after ``seconds`` and ``evaluations``. ``reached``, ``seconds`` and ``evaluations`` are ``None`` if the
    last picture is not as good. Without distances, ``failure`` says why they could not be measured.

    >>> found = TimeToQuality(90.0, {"colour_distance": 5.0}, {"colour_distance": 6.0})
    >>> found.ratio, found.note
    (None, "the default run's picture is not as good in colour_distance: 6 where the literal method has 5")
    """

    literal_seconds: float
    goal: Distances
    last: Distances
    reached: Distances | None = None
    seconds: float | None = None
    evaluations: int | None = None
    failure: str = ""

    @property
    def ratio(self) -> float | None:
        """The seconds of the literal method over those of the default run; ``None`` if it is not as good."""
        return None if self.seconds is None else self.literal_seconds / self.seconds

    @property
    def note(self) -> str:
        """Return what a reader must know besides the number; it may be empty."""
        if self.failure or self.seconds is not None:
            return self.failure
        lacking = ", ".join(
            f"{name}: {self.last[name]:.4g} where the literal method has {goal:.4g}"
            for name, goal in self.goal.items()
            if not self.last[name] <= goal
        )
        return f"the default run's picture is not as good in {lacking}"


def measure_time_to_quality(
    pair: Pair,
    settings: Settings,
    *,
    literal: LiteralRun,
    literal_pixels: Tensor,
    run: RecordedRun,
    emit: Callable[[str], None],
) -> TimeToQuality:
    """Find when ``run`` was as good as ``literal_pixels`` (1, 3, H, W), the best picture of ``literal``.

    ``settings`` are those of both runs. What prevents the measurement, such as a missing scikit-image, is
    told in the result: hours of other measurements must not be lost for it.
    """

    def distances(pixels: Tensor) -> Distances:
        metrics = evaluate_picture(
            picture_array(pixels),
            pair.content,
            pair.style,
            content_map=pair.content_map,
            style_map=pair.style_map,
            settings=settings,
        )
        return compared_distances(metrics)

    emit("time to quality: looking for the evaluation with a picture as good as the literal method's")
    try:
        return time_to_quality(literal.seconds, distances(literal_pixels), run, distances)
    except GLStyleNetError as error:
        return TimeToQuality(literal.seconds, {}, {}, failure=f"not measured: {error}")


def time_to_quality(
    literal_seconds: float,
    goal: Distances,
    run: RecordedRun,
    distances: Callable[[Tensor], Distances],
) -> TimeToQuality:
    """Find the first picture of ``run`` whose ``distances`` are at most those of ``goal``, all of them."""
    snapshots = run.snapshots
    measured = cache(lambda number: distances(snapshots[number].pixels))
    found = first_as_good(lambda number: is_as_good(measured(number), goal), len(snapshots))
    last = measured(len(snapshots) - 1)
    if found is None:
        return TimeToQuality(literal_seconds, goal, last)
    return TimeToQuality(
        literal_seconds,
        goal,
        last,
        reached=measured(found),
        seconds=snapshots[found].seconds,
        evaluations=snapshots[found].evaluations,
    )


def compared_distances(metrics: Metrics) -> dict[str, float]:
    """Return the distances to the style that count: texture and colour by class where there are maps."""
    by_class = {
        name: getattr(metrics, f"{name}_by_class") for name in ("texture_distance", "colour_distance")
    }
    texture, colour = (
        {name: getattr(metrics, name)} if value is None else {f"{name}_by_class": value}
        for name, value in by_class.items()
    )
    return {
        **texture,
        "plausibility_distance": metrics.plausibility_distance,
        "coverage_distance": metrics.coverage_distance,
        **colour,
    }


def is_as_good(distances: Distances, goal: Distances) -> bool:
    """Say whether each of ``distances`` is at most that of ``goal``.

    >>> is_as_good({"texture": 1.0, "colour": 3.0}, {"texture": 2.0, "colour": 3.0})
    True
    >>> is_as_good({"texture": 1.0, "colour": 3.1}, {"texture": 2.0, "colour": 3.0})
    False
    """
    return all(distances[name] <= value for name, value in goal.items())


def first_as_good(is_good: Callable[[int], bool], count: int) -> int | None:
    """Return the number of the first of ``count`` pictures that ``is_good``; ``None`` if the last is not.

    No bisection: a run may be as good, lose it with the next evaluations, and regain it. To measure a picture
    takes as long as several evaluations, so steps of about the square root of ``count`` lead to one that is
    good, and then the pictures since the step before are looked at one by one.

    >>> first_as_good([False, False, True, True].__getitem__, 4)
    2
    """
    if count == 0 or not is_good(count - 1):
        return None
    steps = [*range(0, count - 1, math.isqrt(count - 1) + 1), count - 1]
    before = -1
    for step in steps:
        if is_good(step):
            break
        before = step
    between = (number for number in range(before + 1, step) if is_good(number))
    return next(between, step)
