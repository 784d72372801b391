"""Subprocess run: one size of the scaling in a process of its own, so that its peak of memory is the size's.

:mod:`glstylenet.bench.scaling` starts the process and calls :func:`main` in it.
"""

import dataclasses
import json
import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from glstylenet.bench.synthetic_pictures import drawn_picture
from glstylenet.errors import GLStyleNetError
from glstylenet.machine import keep_freed_memory
from glstylenet.run import Event, Matched, ScaleStarted, Step, stylize
from glstylenet.settings import Settings

__all__ = ["Point", "PointRequest", "StepTimer", "main", "measure_point", "picture_size"]


@dataclass(frozen=True)
class PointRequest:
    """`PointRequest` names what to measure.

    A synthetic picture of ``megapixels`` is painted at full size only, for ``evaluations``, within ``memory``
    bytes.
    """

    megapixels: float
    evaluations: int
    memory: int
    device: str
    precision: Literal["auto", "float32", "bfloat16"]
    weights: str


@dataclass(frozen=True)
class Point:
    """`Point` holds the cost of one size.

    ``size``: (height, width). ``seconds``: per evaluation, with its share of the matching.
    ``peak_memory_bytes``: the peak of the process. ``matching_seconds``: of one match. ``setup_seconds``:
    once, from the start to the end of the first evaluation.
    """

    megapixels: float
    size: tuple[int, int]
    seconds: float
    peak_memory_bytes: int
    evaluations: int
    matching_seconds: float
    setup_seconds: float
    precision: str


class StepTimer:
    """`StepTimer` is the listener of a run of one scale; it measures the time of an evaluation.

    The time until the end of the first evaluation (targets, first matches) does not count: a whole run needs
    it once, but in a run of three evaluations it would be a third of each.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._began = self._first = self._last = math.nan
        self._matchings = 0
        self._has_matched = False
        self._steps: list[float] = []

    def __call__(self, event: Event) -> None:
        """Record the time of ``event``."""
        now = self._clock()
        match event:
            case ScaleStarted():
                self._began = now
            case Matched():
                self._matchings += 1
                self._has_matched = True
            case Step():
                if math.isnan(self._first):
                    self._first = now
                elif not self._has_matched:
                    self._steps.append(now - self._last)
                self._last, self._has_matched = now, False

    def seconds(self, matching: float, round_length: int) -> float:
        """Return seconds per evaluation: the mean without a match, plus its share of a match.

        ``matching``: seconds of all matches of the run; each match is used for ``round_length`` evaluations.
        """
        return statistics.fmean(self._steps) + self.matching_seconds(matching) / round_length

    def matching_seconds(self, matching: float) -> float:
        """Return seconds of one match, if all matches of the run took ``matching``."""
        return matching / self._matchings

    @property
    def setup_seconds(self) -> float:
        """Seconds from the start of the scale to the end of its first evaluation."""
        return self._first - self._began


def picture_size(megapixels: float) -> tuple[int, int]:
    """Return (height, width) of a picture of ``megapixels`` with sides 3:2.

    >>> picture_size(24)
    (4000, 6000)
    """
    height = round(math.sqrt(megapixels * 1e6 / 1.5))
    return height, round(megapixels * 1e6 / height)


def measure_point(request: PointRequest) -> Point:
    """Run a synthetic picture with another one of the same size as its style, in this process."""
    size = picture_size(request.megapixels)
    settings = Settings(
        scales=1,
        iterations=request.evaluations,
        memory=request.memory,
        device=request.device,
        precision=request.precision,
        weights=request.weights,
    )
    timer = StepTimer()
    result = stylize(drawn_picture(size, 0), drawn_picture(size, 1), settings=settings, on_event=timer)
    matching = result.timings.parts["matching"]
    return Point(
        megapixels=request.megapixels,
        size=size,
        seconds=timer.seconds(matching, settings.round_length),
        peak_memory_bytes=result.peak_memory_bytes,
        evaluations=result.evaluations,
        matching_seconds=timer.matching_seconds(matching),
        setup_seconds=timer.setup_seconds,
        precision=result.precision,
    )


def main(request: str, result: str) -> None:
    """Measure the point of ``request``, a :class:`PointRequest` as JSON, and write it to the file ``result``.

    The file gets the :class:`Point` as JSON, or the name and the message of the error.
    """
    keep_freed_memory()
    try:
        answer: dict[str, object] = dataclasses.asdict(measure_point(PointRequest(**json.loads(request))))
    except GLStyleNetError as error:
        # The parent process raises it again, so that the user gets one message and the right exit code.
        answer = {"error": type(error).__name__, "message": str(error)}
    Path(result).write_text(json.dumps(answer), encoding="utf-8")
