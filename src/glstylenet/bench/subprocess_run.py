"""Point: one size of the scaling, measured in a process of its own, whose peak memory is then the point's.

``python -m glstylenet.bench.subprocess_run REQUEST RESULT``: REQUEST is a :class:`PointRequest` as JSON, RESULT the
file that gets the :class:`Point`, or what went wrong, as JSON.
"""

import dataclasses
import json
import math
import statistics
import sys
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
    """A picture of ``megapixels`` is painted at full size only, for ``evaluations``, in ``memory`` bytes."""

    megapixels: float
    evaluations: int
    memory: int
    device: str
    precision: Literal["auto", "float32", "bfloat16"]
    weights: str


@dataclass(frozen=True)
class Point:
    """What a size costs: ``seconds`` per evaluation, its share of the matching included, and the most bytes
    held. ``size``: (height, width). ``setup_seconds``: spent once, before the first evaluation was done."""

    megapixels: float
    size: tuple[int, int]
    seconds: float
    peak_memory_bytes: int
    evaluations: int
    matching_seconds: float
    setup_seconds: float
    precision: str


class StepTimer:
    """Listens to a run of one scale, and knows what an evaluation costs once the run is going.

    The time before the first evaluation is done (targets, first matches) is left out: a whole run pays it
    once, and a run of three evaluations would have it look like a third of each.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._began = self._first = self._last = math.nan
        self._matchings = 0
        self._has_matched = False
        self._steps: list[float] = []

    def __call__(self, event: Event) -> None:
        """Hear ``event``."""
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
        """Per evaluation: the mean one without a match, and its share of a match.

        ``matching``: seconds of all matches of the run; each serves ``round_length`` evaluations.
        """
        return statistics.fmean(self._steps) + self.matching_seconds(matching) / round_length

    def matching_seconds(self, matching: float) -> float:
        """Seconds of one match, where all took ``matching``."""
        return matching / self._matchings

    @property
    def setup_seconds(self) -> float:
        """From the start of the scale to the end of its first evaluation."""
        return self._first - self._began


def picture_size(megapixels: float) -> tuple[int, int]:
    """(height, width) of a picture of ``megapixels`` in the format 3:2, to whole pixels."""
    height = round(math.sqrt(megapixels * 1e6 / 1.5))
    return height, round(megapixels * 1e6 / height)


def measure_point(request: PointRequest) -> Point:
    """Paint a drawn picture in the manner of another of the same size, in this process."""
    size = picture_size(request.megapixels)
    settings = Settings(
        scales=1,
        iterations=request.evaluations,
        memory=request.memory,
        device=request.device,
        precision=request.precision,
        weights=request.weights,
    )
    watch = StepTimer()
    result = stylize(drawn_picture(size, 0), drawn_picture(size, 1), settings=settings, on_event=watch)
    matching = result.timings.parts["matching"]
    return Point(
        megapixels=request.megapixels,
        size=size,
        seconds=watch.seconds(matching, settings.round_length),
        peak_memory_bytes=result.peak_memory_bytes,
        evaluations=result.evaluations,
        matching_seconds=watch.matching_seconds(matching),
        setup_seconds=watch.setup_seconds,
        precision=result.precision,
    )


def main(request: str, result: str) -> None:
    """Measure the point of ``request`` (JSON) and write it to the file ``result``."""
    keep_freed_memory()
    try:
        answer: dict[str, object] = dataclasses.asdict(measure_point(PointRequest(**json.loads(request))))
    except GLStyleNetError as error:
        # The process that asked raises it again, and its user sees one message with the right exit code.
        answer = {"error": type(error).__name__, "message": str(error)}
    Path(result).write_text(json.dumps(answer), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
