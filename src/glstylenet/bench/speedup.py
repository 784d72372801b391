"""Speedup: how much sooner a default run reaches the final objective of the literal method.

    speedup = seconds of the literal method / seconds of the default run until its objective is as low

Both start from the content. Both objectives are measured in the same way: full size, float32, new matches.
The time of the default run is all of it: reading, setting up and the coarse sizes too.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from torch import Tensor

from glstylenet.bench.literal_run import LiteralRun
from glstylenet.bench.pair import Pair
from glstylenet.bench.recorded_run import RecordedRun, recorded_run
from glstylenet.settings import Settings

__all__ = ["Attempt", "Speedup", "attempt", "first_reaching", "measure_speedup", "reach"]

_LONGEST = 4
"""A run that does not reach the goal is repeated with twice the evaluations, up to this many times the
default's."""


@dataclass(frozen=True)
class Attempt:
    """`Attempt` holds a default run of ``iterations`` and its final ``objective``.

    ``seconds`` and ``evaluations``: when it reached the goal; ``None`` if it did not.
    """

    iterations: int
    objective: float
    seconds: float | None
    evaluations: int | None


@dataclass(frozen=True)
class Speedup:
    """`Speedup` compares the literal method with the default run on a picture of ``size`` (height, width).

    The last of ``attempts`` is the one that counts.
    """

    size: tuple[int, int]
    literal: LiteralRun
    attempts: tuple[Attempt, ...]

    @property
    def ratio(self) -> float | None:
        """The speedup; ``None`` if no attempt reached the literal method's objective."""
        seconds = self.attempts[-1].seconds
        return None if seconds is None else self.literal.seconds / seconds

    @property
    def note(self) -> str:
        """Return what a reader must know besides the number; it may be empty."""
        notes = []
        literal, first, last = self.literal, self.attempts[0], self.attempts[-1]
        if literal.evaluations < literal.granted:
            notes.append(
                f"SciPy stopped the literal method after {literal.evaluations} of {literal.granted} "
                f"evaluations"
            )
        if last.seconds is None:
            notes.append(
                f"the default run did not reach the literal method's objective of {literal.objective:.4g}; "
                f"with {last.iterations} evaluations it came to {last.objective:.4g}"
            )
        elif last is not first:
            notes.append(
                f"the default's {first.iterations} evaluations did not reach the literal method's "
                f"objective; a run of {last.iterations} did"
            )
        return "; ".join(notes)


def measure_speedup(
    pair: Pair,
    settings: Settings,
    *,
    literal: LiteralRun,
    run: RecordedRun,
    emit: Callable[[str], None],
) -> Speedup:
    """Find when ``run`` reached the objective of ``literal``; repeat it with more evaluations if it did not.

    ``settings``: weights, size and machine of both; both start from the content.
    """

    def reached(run: RecordedRun) -> Attempt:
        emit("speedup: looking for the evaluation with the same objective")
        return attempt(run, lambda pixels: pair.objective_of(pixels, settings), literal.objective)

    attempts = reach(
        reached(run),
        lambda iterations: reached(recorded_run(pair, settings.replace(iterations=iterations), emit=emit)),
    )
    height, width = run.snapshots[-1].pixels.shape[-2:]
    return Speedup((height, width), literal, attempts)


def reach(
    first: Attempt, repeat: Callable[[int], Attempt], *, longest: int = _LONGEST
) -> tuple[Attempt, ...]:
    """Return ``first`` and what ``repeat`` returns for twice its evaluations, and so on, until one reaches.

    The last has at most ``longest`` times the evaluations of the first.
    """
    attempts = [first]
    while attempts[-1].seconds is None and 2 * attempts[-1].iterations <= longest * first.iterations:
        attempts.append(repeat(2 * attempts[-1].iterations))
    return tuple(attempts)


def attempt(run: RecordedRun, objective_of: Callable[[Tensor], float], goal: float) -> Attempt:
    """Find when the objective of the pictures of ``run`` first was at most ``goal``."""
    snapshots = run.snapshots
    objectives = cache(lambda number: objective_of(snapshots[number].pixels))
    found = first_reaching(objectives, len(snapshots), goal)
    reached = None if found is None else snapshots[found]
    return Attempt(
        iterations=run.iterations,
        objective=objectives(len(snapshots) - 1),
        seconds=None if reached is None else reached.seconds,
        evaluations=None if reached is None else reached.evaluations,
    )


def first_reaching(objective_of: Callable[[int], float], count: int, goal: float) -> int | None:
    """Return the number of the first of ``count`` falling objectives that is at most ``goal``.

    ``None`` if the last is above it. Bisection, because measuring a picture costs as much as an evaluation.
    Where the objectives rise in between, the one found is at most ``goal`` and the one before it is not.

    >>> first_reaching([9.0, 6.0, 4.0].__getitem__, 3, 6.0)
    1
    """
    if count == 0 or objective_of(count - 1) > goal:
        return None
    above, found = -1, count - 1
    while found - above > 1:
        middle = (above + found) // 2
        if objective_of(middle) <= goal:
            found = middle
        else:
            above = middle
    return found
