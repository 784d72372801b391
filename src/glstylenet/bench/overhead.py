"""Overhead: what a whole run costs beyond the bare network; and where its time goes.

    overhead = seconds of optimisation / sum over scales of (evaluations * seconds of the bare network)

The bare network (:mod:`~glstylenet.bench.plain_vgg`) computes F^1..F^4 of a picture of the scale's size and
the gradient of mean F^4 to its pixels, in the run's precision, without the margin that the run paints around
it.
"""

import statistics
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from glstylenet.bench.pair import Pair
from glstylenet.bench.plain_vgg import PlainVGG19
from glstylenet.bench.synthetic_pictures import drawn_picture, picture_tensor
from glstylenet.bench.timing import seconds_of
from glstylenet.machine import Device, choose_device
from glstylenet.network import load_weights
from glstylenet.run import Event, Result, ScaleStarted, Started, Step, Timings, Warned, stylize
from glstylenet.settings import Settings

__all__ = ["Overhead", "RunRecorder", "ScaleCost", "assemble", "bare_seconds", "measure_overhead"]


@dataclass(frozen=True)
class ScaleCost:
    """One scale of the run: its ``size`` (height, width), the ``seconds`` that its ``evaluations`` took, and
    the median seconds of the bare network over all repeats, over those before the run, over those after."""

    size: tuple[int, int]
    evaluations: int
    seconds: float
    bare_seconds: float
    bare_before: float
    bare_after: float

    @property
    def ratio(self) -> float:
        """The overhead of this scale."""
        return self.seconds / (self.evaluations * self.bare_seconds)


@dataclass(frozen=True)
class Overhead:
    """``seconds`` of optimisation in all, ``parts`` of them by name, and the ``scales``."""

    seconds: float
    parts: Mapping[str, float]
    scales: tuple[ScaleCost, ...]
    precision: str
    warnings: tuple[str, ...] = ()

    @property
    def ratio(self) -> float:
        """The overhead of the whole run."""
        return self.seconds / sum(scale.evaluations * scale.bare_seconds for scale in self.scales)

    @property
    def shares(self) -> dict[str, float]:
        """Each part's share of their sum, in the same order."""
        total = sum(self.parts.values())
        return {name: seconds / total for name, seconds in self.parts.items()}


class RunRecorder:
    """Listens to a run: its plan, when each scale began, and how many evaluations it got."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self.started: Started | None = None
        self.evaluations: Counter[int] = Counter()
        self.warnings: list[str] = []
        self._clock = clock
        self._began: list[float] = []

    def __call__(self, event: Event) -> None:
        """Hear ``event``."""
        match event:
            case Started():
                self.started = event
            case ScaleStarted():
                self._began.append(self._clock())
            case Step():
                self.evaluations[event.scale] += 1
            case Warned():
                self.warnings.append(event.message)

    def scale_seconds(self, optimisation: float) -> list[float]:
        """Seconds of each scale, of a run that optimised for ``optimisation`` seconds.

        The last ends when the optimisation does, which no event tells of.
        """
        between = [after - before for before, after in zip(self._began, self._began[1:], strict=False)]
        return [*between, optimisation - sum(between)]


def measure_overhead(
    pair: Pair,
    settings: Settings,
    *,
    repeats: int,
    emit: Callable[[str], None],
) -> Overhead:
    """Run ``settings`` on ``pair`` once, and the bare network before and after, ``repeats`` times each."""
    place = choose_device(settings.device, settings.precision)
    # One evaluation tells the plan, and warms up whatever is slow the first time.
    scout = RunRecorder()
    _run(pair, settings, scout, should_stop=lambda: True)
    if scout.started is None:
        raise RuntimeError("a run ended without having begun")
    sizes = [scale.size for scale in scout.started.scales]
    emit(f"overhead: the bare network at {_in_words(sizes)}")
    before = bare_seconds(settings, place, sizes, repeats)
    emit(f"overhead: a whole run of {settings.iterations} evaluations on the samples")
    watch = RunRecorder()
    result = _run(pair, settings, watch)
    emit("overhead: the bare network again")
    after = bare_seconds(settings, place, sizes, repeats)
    return assemble(watch, result.timings, before, after)


def _run(
    pair: Pair, settings: Settings, watch: RunRecorder, should_stop: Callable[[], bool] | None = None
) -> Result:
    return stylize(
        pair.content,
        pair.style,
        content_map=pair.content_map,
        style_map=pair.style_map,
        settings=settings,
        on_event=watch,
        should_stop=should_stop,
    )


def assemble(
    watch: RunRecorder, timings: Timings, before: Sequence[Sequence[float]], after: Sequence[Sequence[float]]
) -> Overhead:
    """What ``watch`` heard of a run and its ``timings``, beside the bare network's seconds: the repeats of
    each scale ``before`` and ``after``. Raises ``ValueError`` for a run that never began."""
    if watch.started is None:
        raise ValueError("a run that never began has no overhead")
    seconds = watch.scale_seconds(timings.optimisation)
    return Overhead(
        seconds=timings.optimisation,
        parts=dict(timings.parts),
        scales=tuple(
            ScaleCost(
                size=scale.size,
                evaluations=watch.evaluations[number],
                seconds=seconds[number - 1],
                bare_seconds=statistics.median([*before[number - 1], *after[number - 1]]),
                bare_before=statistics.median(before[number - 1]),
                bare_after=statistics.median(after[number - 1]),
            )
            for number, scale in enumerate(watch.started.scales, start=1)
        ),
        precision=watch.started.precision,
        warnings=tuple(watch.warnings),
    )


def bare_seconds(
    settings: Settings, place: Device, sizes: Sequence[tuple[int, int]], repeats: int
) -> list[list[float]]:
    """Seconds of the bare network's forward and backward at each of ``sizes``, ``repeats`` times.

    The sizes take turns, so that a machine busy for a moment does not hit one alone.
    """
    network = PlainVGG19(load_weights(settings.weights).tensors, device=place.torch_device, dtype=place.dtype)
    pictures = [picture_tensor(drawn_picture(size, seed=0), place.torch_device) for size in sizes]

    def compute(pixels: Tensor) -> None:
        variable = pixels.clone().requires_grad_()
        torch.autograd.grad(network.features(variable)[4].mean(), variable)

    for picture in pictures:
        compute(picture)
    rounds = [
        [seconds_of(lambda picture=picture: compute(picture), place.torch_device) for picture in pictures]  # type: ignore[misc]
        for _ in range(repeats)
    ]
    return [list(times) for times in zip(*rounds, strict=True)]


def _in_words(sizes: Sequence[tuple[int, int]]) -> str:
    return ", ".join(f"{width} x {height}" for height, width in sizes)
