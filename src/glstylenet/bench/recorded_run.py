"""Recorded run: a run of the program on a pair, with pictures of its way."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from glstylenet.bench.pair import Pair
from glstylenet.run import Event, Started, Step, Voted, stylize
from glstylenet.settings import Settings

__all__ = ["RecordedRun", "Snapshot", "SnapshotRecorder", "recorded_run"]

_SNAPSHOTS = 40
"""About the most pictures of the full size that are kept."""


@dataclass(frozen=True)
class Snapshot:
    """`Snapshot` holds the ``pixels`` (1, 3, H, W), on the CPU, ``seconds`` after the start of a run."""

    seconds: float
    evaluations: int
    pixels: Tensor


@dataclass(frozen=True)
class RecordedRun:
    """`RecordedRun` holds the evaluations that a run was given, and pictures of its full size.

    ``snapshots`` are in the order of time; the last is that of the last evaluation.
    """

    iterations: int
    snapshots: tuple[Snapshot, ...]


class SnapshotRecorder:
    """`SnapshotRecorder` is a listener that keeps pictures of the last scale; its own time does not count.

    The first is that of the copied strokes, where the run copies them at this scale.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._began = clock()
        self._own_seconds = 0.0
        self._scales = 0
        self._before_last_scale = 0
        self._every = 1
        self._kept: list[Snapshot] = []
        self._latest: list[Snapshot] = []

    @property
    def snapshots(self) -> tuple[Snapshot, ...]:
        """The pictures in the order of time; the last is that of the last evaluation."""
        return (*self._kept, *self._latest)

    def __call__(self, event: Event) -> None:
        """Record ``event``."""
        entered = self._clock()
        match event:
            case Started():
                *coarser, last = event.scales
                self._scales = len(event.scales)
                self._before_last_scale = sum(scale.evaluations for scale in coarser)
                self._every = max(1, last.evaluations // _SNAPSHOTS)
            case Voted() if event.scale == self._scales:
                self._kept.append(self._snapshot(entered, self._before_last_scale, event.pixels))
            case Step() if event.scale == self._scales:
                snapshot = self._snapshot(entered, event.evaluation, event.pixels)
                if event.evaluation % self._every == 0:
                    self._kept.append(snapshot)
                    self._latest = []
                else:
                    self._latest = [snapshot]
        self._own_seconds += self._clock() - entered

    def _snapshot(self, entered: float, evaluations: int, pixels: Tensor) -> Snapshot:
        seconds = entered - self._began - self._own_seconds
        return Snapshot(seconds, evaluations, pixels.detach().cpu().clone())


def recorded_run(pair: Pair, settings: Settings, *, emit: Callable[[str], None]) -> RecordedRun:
    """Run ``settings`` on ``pair`` and keep pictures of its full size."""
    words = "its own" if settings.iterations is None else str(settings.iterations)
    emit(f"speedup: the default run, with {words} evaluations")
    recorder = SnapshotRecorder()
    result = stylize(
        pair.content,
        pair.style,
        content_map=pair.content_map,
        style_map=pair.style_map,
        settings=settings,
        on_event=recorder,
    )
    return RecordedRun(settings.iterations or result.evaluations, recorder.snapshots)
