"""Speedup: how much sooner a default run reaches the final objective of the literal method.

    speedup = seconds of the literal method / seconds of the default run until its objective is as low

Both start from the content. Both objectives are measured in the same way: full size, float32, new matches.
The time of the default run is all of it: reading, setting up and the coarse sizes too.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from torch import Tensor

from glstylenet.bench.literal import LiteralObjective, LiteralWeights, minimise
from glstylenet.bench.pair import Pair
from glstylenet.bench.plain_vgg import PlainVGG19
from glstylenet.bench.timing import seconds_of
from glstylenet.machine import choose_device
from glstylenet.network import load_weights
from glstylenet.pyramid import SCHEMES
from glstylenet.run import Event, ScaledInputs, Started, Step, picture_losses, start_pixels, stylize
from glstylenet.settings import Settings

__all__ = [
    "Attempt",
    "LiteralRun",
    "Snapshot",
    "SnapshotRecorder",
    "Speedup",
    "attempt",
    "first_reaching",
    "literal_objective",
    "literal_run",
    "measure_speedup",
    "reach",
]

_SNAPSHOTS = 40
"""About the most pictures of the full size that are kept."""

_LONGEST = 4
"""A run that does not reach the goal is repeated with twice the evaluations, up to this many times the
default's."""


@dataclass(frozen=True)
class LiteralRun:
    """`LiteralRun` holds the time and the used ``evaluations`` of the literal method.

    ``granted``: the evaluations that it could use; ``objective``: that of its best picture.
    """

    seconds: float
    evaluations: int
    granted: int
    objective: float


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


@dataclass(frozen=True)
class Snapshot:
    """`Snapshot` holds the ``pixels`` (1, 3, H, W), on the CPU, ``seconds`` after the start of a run."""

    seconds: float
    evaluations: int
    pixels: Tensor


class SnapshotRecorder:
    """`SnapshotRecorder` is a listener that keeps pictures of the last scale; its own time does not count."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._began = clock()
        self._own_seconds = 0.0
        self._scales = 0
        self._every = 1
        self._kept: list[Snapshot] = []
        self._latest: list[Snapshot] = []

    @property
    def snapshots(self) -> list[Snapshot]:
        """The pictures in the order of time; the last is that of the last evaluation."""
        return self._kept + self._latest

    def __call__(self, event: Event) -> None:
        """Record ``event``."""
        entered = self._clock()
        match event:
            case Started():
                self._scales = len(event.scales)
                self._every = max(1, event.scales[-1].evaluations // _SNAPSHOTS)
            case Step() if event.scale == self._scales:
                seconds = entered - self._began - self._own_seconds
                snapshot = Snapshot(seconds, event.evaluation, event.pixels.detach().cpu().clone())
                if event.evaluation % self._every == 0:
                    self._kept.append(snapshot)
                    self._latest = []
                else:
                    self._latest = [snapshot]
        self._own_seconds += self._clock() - entered


def measure_speedup(
    pair: Pair, settings: Settings, *, literal_evaluations: int, emit: Callable[[str], None]
) -> Speedup:
    """Run the literal method on ``pair``, then the default until it has reached the same objective.

    ``settings``: weights, size and machine for both; both start from the content.
    """
    literal, best = literal_run(pair, settings, literal_evaluations, emit)
    size = (best.shape[-2], best.shape[-1])
    attempts = reach(
        literal.objective,
        settings.iterations,
        lambda iterations, goal: attempt(pair, settings.replace(iterations=iterations), goal, emit),
    )
    return Speedup(size, literal, attempts)


def reach(
    goal: float,
    iterations: int | None,
    run: Callable[[int | None, float], Attempt],
    *,
    longest: int = _LONGEST,
) -> tuple[Attempt, ...]:
    """Call ``run`` with ``iterations``, twice as many, and so on, until one reaches ``goal``.

    ``None`` stands for the default's. The last has at most ``longest`` times the evaluations of the first.
    """
    attempts = [run(iterations, goal)]
    first = attempts[0].iterations
    while attempts[-1].seconds is None and 2 * attempts[-1].iterations <= longest * first:
        attempts.append(run(2 * attempts[-1].iterations, goal))
    return tuple(attempts)


def literal_run(
    pair: Pair, settings: Settings, evaluations: int, emit: Callable[[str], None]
) -> tuple[LiteralRun, Tensor]:
    """Run the literal method for ``evaluations``, fewer if SciPy stops; return its record and best picture.

    Its time is that of its targets and its minimisation, without reading pictures and loading weights.
    """
    device = choose_device(settings.device, "float32")
    inputs = pair.read(settings)
    scaled = inputs.scaled(inputs.size, 1.0, device.torch_device)
    start = start_pixels(inputs, "content", inputs.size, settings.seed).to(device.torch_device)
    network = PlainVGG19(load_weights(settings.weights).tensors, device=device.torch_device)
    spent, best = 0, start
    every = max(1, evaluations // 10)
    emit(f"speedup: the literal method, {evaluations} evaluations at {start.shape[-1]} x {start.shape[-2]}")

    def note(evaluation: int, loss: float) -> None:
        nonlocal spent
        spent = evaluation
        if evaluation % every == 0:
            emit(f"speedup: literal evaluation {evaluation}/{evaluations}, loss {loss:.4g}")

    def run() -> None:
        nonlocal best
        objective = literal_objective(network, settings, start, scaled)
        best, _ = minimise(objective, start, evaluations, on_evaluation=note)

    seconds = seconds_of(run, device.torch_device)
    return LiteralRun(seconds, spent, evaluations, _objective_of(best, pair, settings)), best


def literal_objective(
    network: PlainVGG19, settings: Settings, content: Tensor, scaled: ScaledInputs
) -> LiteralObjective:
    """Create the literal objective with the weights and the scheme of ``settings``."""
    return LiteralObjective(
        network,
        SCHEMES[settings.scheme],
        LiteralWeights.of(settings),
        content,
        scaled.style,
        scaled.content_map,
        scaled.style_map,
    )


def attempt(pair: Pair, settings: Settings, goal: float, emit: Callable[[str], None]) -> Attempt:
    """Run ``settings`` on ``pair`` and find when the objective first was at most ``goal``."""
    emit(f"speedup: the default run, {_in_words(settings.iterations)}")
    recorder = SnapshotRecorder()
    result = stylize(
        pair.content,
        pair.style,
        content_map=pair.content_map,
        style_map=pair.style_map,
        settings=settings,
        on_event=recorder,
    )
    emit("speedup: looking for the evaluation with the same objective")
    measured: dict[int, float] = {}

    def objective_of(number: int) -> float:
        if number not in measured:
            measured[number] = _objective_of(recorder.snapshots[number].pixels, pair, settings)
        return measured[number]

    last = len(recorder.snapshots) - 1
    found = first_reaching(objective_of, last + 1, goal)
    reached = None if found is None else recorder.snapshots[found]
    return Attempt(
        iterations=settings.iterations or result.evaluations,
        objective=objective_of(last),
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


def _objective_of(pixels: Tensor, pair: Pair, settings: Settings) -> float:
    """Measure the paper's objective of a picture, the same for both methods."""
    return picture_losses(
        _as_array(pixels),
        pair.content,
        pair.style,
        content_map=pair.content_map,
        style_map=pair.style_map,
        settings=settings,
    ).total


def _in_words(iterations: int | None) -> str:
    return "with its own evaluations" if iterations is None else f"{iterations} evaluations"


def _as_array(pixels: Tensor) -> npt.NDArray[np.float32]:
    """Convert (1, 3, H, W), 0..255, to (H, W, 3), 0..1."""
    array: npt.NDArray[np.float32] = (pixels[0] / 255.0).clamp(0.0, 1.0).permute(1, 2, 0).cpu().numpy()
    return array
