"""Timing: seconds of wall time, on a CPU and on a GPU, whose calls return before the work is done.

Things to compare are timed in turns, so that what slows the machine for a while affects all of them.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

__all__ = ["RelativeTime", "ratio_of_neighbours", "seconds_of", "timed_in_turns", "wait_for"]


@dataclass(frozen=True)
class RelativeTime:
    """`RelativeTime` holds ``seconds`` of some work at ``size`` (height, width), beside the bare network's.

    ``bare_seconds``: those of the bare network, forward and backward, for a picture of that size.

    >>> RelativeTime((512, 352), 3.0, 0.75).evaluations
    4.0
    """

    size: tuple[int, int]
    seconds: float
    bare_seconds: float

    @property
    def evaluations(self) -> float:
        """The evaluations of the bare network that take as long."""
        return self.seconds / self.bare_seconds


def seconds_of(action: Callable[[], object], device: torch.device) -> float:
    """Return the seconds that ``action`` takes on ``device``, with all the work that it starts there."""
    wait_for(device)
    began = time.perf_counter()
    action()
    wait_for(device)
    return time.perf_counter() - began


def wait_for(device: torch.device) -> None:
    """Wait until ``device`` has done all work that was started on it."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def timed_in_turns(
    names: Sequence[str],
    measure: Callable[[str], float],
    *,
    rounds: int,
    seconds_limit: float,
    emit: Callable[[str], None],
    title: str,
) -> dict[str, list[float]]:
    """Return the seconds of each of ``names``, measured by ``measure`` in ``rounds`` after a warm-up round.

    Every round times all of them and begins with another one, so that the machine's noise affects all alike.
    After ``seconds_limit`` seconds in all a name is left out of further rounds. If it was timed only once,
    the warm-up counts. ``title`` begins the sentences that ``emit`` is called with.
    """
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds + 1):
        emit(
            f"{title} {' '.join(names)}: " + (f"round {number}/{rounds}" if number else "a round to warm up")
        )
        start = number % len(names)
        for name in [*names[start:], *names[:start]]:
            if sum(seconds[name]) <= seconds_limit:
                seconds[name].append(measure(name))
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
