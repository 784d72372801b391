"""Overhead: the time of a whole run relative to the bare network, and its parts.

    overhead = seconds of optimisation / sum over scales of (evaluations * seconds of the bare network)

The bare network (:mod:`~glstylenet.bench.plain_vgg`) computes F^1..F^4 of a picture of the scale's size and
the gradient of mean F^4 to its pixels, in the run's precision, without the margin that a run adds around the
picture.
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
    """`ScaleCost` holds the time of one scale of the run.

    ``size``: (height, width); ``seconds`` of all its ``evaluations``. ``bare_seconds``: the median time of
    the bare network over all repeats; ``bare_before`` and ``bare_after``: over those before and after the
    run.
    """

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
    """`Overhead` holds the ``seconds`` of a whole optimisation, their ``parts`` by name, and the ``scales``.

    >>> cost = ScaleCost((64, 80), 40, 10.0, 0.2, 0.19, 0.21)
    >>> Overhead(10.0, {"network": 8.0, "matching": 2.0}, (cost,), "float32").ratio
    1.25
    """

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
        """The share of each part in their sum, in the same order."""
        total = sum(self.parts.values())
        return {name: seconds / total for name, seconds in self.parts.items()}


class RunRecorder:
    """`RunRecorder` is a listener that records a run's plan, and start and evaluations of each scale."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self.started: Started | None = None
        self.evaluations: Counter[int] = Counter()
        self.warnings: list[str] = []
        self._clock = clock
        self._began: list[float] = []

    def __call__(self, event: Event) -> None:
        """Record ``event``."""
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
        """Return the seconds of each scale in a run that optimised for ``optimisation`` seconds.

        The end of the last scale is that of the optimisation, for which there is no event.
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
    """Run ``settings`` on ``pair`` once, and the bare network ``repeats`` times before and after it."""
    device = choose_device(settings.device, settings.precision)
    # A run of one evaluation has the same plan, and warms up what is slow the first time.
    first = RunRecorder()
    _run(pair, settings, first, should_stop=lambda: True)
    if first.started is None:
        raise RuntimeError("a run ended without having begun")
    sizes = [scale.size for scale in first.started.scales]
    emit(f"overhead: the bare network at {_in_words(sizes)}")
    before = bare_seconds(settings, device, sizes, repeats)
    emit("overhead: a whole run on the samples")
    recorder = RunRecorder()
    result = _run(pair, settings, recorder)
    emit("overhead: the bare network again")
    after = bare_seconds(settings, device, sizes, repeats)
    return assemble(recorder, result.timings, before, after)


def _run(
    pair: Pair, settings: Settings, recorder: RunRecorder, should_stop: Callable[[], bool] | None = None
) -> Result:
    return stylize(
        pair.content,
        pair.style,
        content_map=pair.content_map,
        style_map=pair.style_map,
        settings=settings,
        on_event=recorder,
        should_stop=should_stop,
    )


def assemble(
    recorder: RunRecorder,
    timings: Timings,
    before: Sequence[Sequence[float]],
    after: Sequence[Sequence[float]],
) -> Overhead:
    """Combine the record and the ``timings`` of a run with the seconds of the bare network.

    ``before`` and ``after``: the repeats at the size of each scale. Raises ``ValueError`` for a run that
    never began.
    """
    if recorder.started is None:
        raise ValueError("a run that never began has no overhead")
    seconds = recorder.scale_seconds(timings.optimisation)
    return Overhead(
        seconds=timings.optimisation,
        parts=dict(timings.parts),
        scales=tuple(
            ScaleCost(
                size=scale.size,
                evaluations=recorder.evaluations[number],
                seconds=seconds[number - 1],
                bare_seconds=statistics.median([*before[number - 1], *after[number - 1]]),
                bare_before=statistics.median(before[number - 1]),
                bare_after=statistics.median(after[number - 1]),
            )
            for number, scale in enumerate(recorder.started.scales, start=1)
        ),
        precision=recorder.started.precision,
        warnings=tuple(recorder.warnings),
    )


def bare_seconds(
    settings: Settings, device: Device, sizes: Sequence[tuple[int, int]], repeats: int
) -> list[list[float]]:
    """Return ``repeats`` times, in seconds, of the bare network forward and backward at each of ``sizes``.

    The sizes alternate, so that a moment in which the machine is busy does not affect only one of them.
    """
    network = PlainVGG19(
        load_weights(settings.weights).tensors, device=device.torch_device, dtype=device.dtype
    )
    pictures = [picture_tensor(drawn_picture(size, seed=0), device.torch_device) for size in sizes]

    def compute(pixels: Tensor) -> None:
        variable = pixels.clone().requires_grad_()
        torch.autograd.grad(network.features(variable)[4].mean(), variable)

    for picture in pictures:
        compute(picture)
    rounds = [
        [seconds_of(lambda picture=picture: compute(picture), device.torch_device) for picture in pictures]  # type: ignore[misc]
        for _ in range(repeats)
    ]
    return [list(times) for times in zip(*rounds, strict=True)]


def _in_words(sizes: Sequence[tuple[int, int]]) -> str:
    return ", ".join(f"{width} x {height}" for height, width in sizes)
