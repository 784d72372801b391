"""Progress: what is printed while a run works, made from its events alone.

A terminal gets a bar, a pipe plain lines without control codes; with ``--quiet`` only warnings are printed.
Everything goes to standard error.
"""

import contextlib
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

from glstylenet.cli.console import PROGRAM, inform
from glstylenet.cli.durations import time_left
from glstylenet.memory import format_bytes
from glstylenet.objective import LossTerms
from glstylenet.run import Event, ScaleStarted, Started, Step, Voted, Warned

__all__ = [
    "BarProgress",
    "Listener",
    "PlainProgress",
    "Verbosity",
    "describe_losses",
    "describe_plan",
    "open_progress",
    "print_warnings",
]

Listener = Callable[[Event], None]

_LINE_EVALUATIONS = 10
_LINE_SECONDS = 5.0


@dataclass(frozen=True)
class Verbosity:
    """`Verbosity` says how much is printed.

    ``verbose`` adds details, ``debug`` tracebacks; ``quiet`` leaves warnings only.
    """

    verbose: bool = False
    quiet: bool = False
    debug: bool = False


@contextlib.contextmanager
def open_progress(verbosity: Verbosity) -> Iterator[Listener]:
    """Yield the listener that suits ``verbosity`` and the kind of standard error."""
    if verbosity.quiet:
        yield print_warnings
        return
    console = Console(stderr=True, highlight=False, markup=False, emoji=False)
    # rich itself takes a pipe for a terminal when FORCE_COLOR is set, so the stream decides.
    if sys.stderr.isatty() and not console.is_dumb_terminal:
        with BarProgress(console, verbosity) as listener:
            yield listener
    else:
        yield PlainProgress(inform, verbosity)


class PlainProgress:
    """A listener that prints a line for each scale, its copies of strokes and about every tenth evaluation.

    Where evaluations are slow, there is a line every few seconds.
    """

    def __init__(
        self,
        write: Callable[[str], None],
        verbosity: Verbosity,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._write = write
        self._verbosity = verbosity
        self._clock = clock
        self._scale = ""
        self._last_evaluation = 0
        self._last_time = clock()

    def __call__(self, event: Event) -> None:
        """Show ``event``."""
        match event:
            case Started() if self._verbosity.verbose:
                for line in describe_plan(event):
                    self._write(line)
            case ScaleStarted():
                self._scale = _name_scale(event)
                self._write(_describe_scale(event))
            case Voted():
                self._write(f"{self._scale}: strokes copied")
            case Step() if self._is_due(event):
                self._last_evaluation, self._last_time = event.evaluation, self._clock()
                self._write(
                    f"evaluation {event.evaluation}/{event.evaluations}, round {event.round}: "
                    f"{describe_losses(event.terms)}{time_left(event.seconds_left, after='; ')}"
                )
            case Warned():
                self._write(_warning_line(event))

    def _is_due(self, step: Step) -> bool:
        return (
            step.evaluation in (1, step.evaluations)
            or step.evaluation - self._last_evaluation >= _LINE_EVALUATIONS
            or self._clock() - self._last_time >= _LINE_SECONDS
        )


class BarProgress:
    """A listener that shows a bar with scale, round, evaluations and time left, and the losses below it.

    The bar counts the evaluations, or the scales of a run that has no evaluations.
    """

    def __init__(self, console: Console, verbosity: Verbosity) -> None:
        self._console = console
        self._verbosity = verbosity
        self._bar = _BarWithLosses(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[left]}", markup=False),
            console=console,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._scale = ""
        self._has_evaluations = True
        self._task = self._bar.add_task("reading", total=None, left="")

    def __enter__(self) -> "BarProgress":
        self._bar.start()
        return self

    def __exit__(self, *_failure: object) -> None:
        self._bar.stop()

    def __call__(self, event: Event) -> None:
        """Show ``event``."""
        match event:
            case Started():
                self._has_evaluations = any(scale.evaluations for scale in event.scales)
                for line in describe_plan(event) if self._verbosity.verbose else ():
                    self._console.print(Text(line))
            case ScaleStarted():
                self._scale = _name_scale(event)
                self._bar.update(self._task, description=self._scale)
                if not self._has_evaluations:
                    self._bar.update(self._task, completed=event.number - 1, total=event.count)
            case Voted():
                self._bar.update(self._task, description=f"{self._scale}, strokes copied")
                if not self._has_evaluations:
                    self._bar.update(self._task, completed=event.scale)
            case Step():
                self._bar.losses = describe_losses(event.terms)
                self._bar.update(
                    self._task,
                    description=f"{self._scale}, round {event.round}",
                    completed=event.evaluation,
                    total=event.evaluations,
                    left=time_left(event.seconds_left),
                )
            case Warned():
                self._console.print(Text(_warning_line(event)))


class _BarWithLosses(Progress):
    """A progress bar of rich's with a line below it."""

    losses = ""

    def get_renderables(self) -> Iterable[RenderableType]:
        """Yield the bar, then the losses."""
        yield self.make_tasks_table(self.tasks)
        if self.losses:
            yield Text(self.losses)


def describe_plan(event: Started) -> list[str]:
    """Return lines on what a run will do: device, weights, and how each size fits into memory."""
    lines = [
        f"device {event.device}, precision {event.precision}, "
        f"about {format_bytes(event.memory_bytes)} of memory",
        f"weights: {event.weights}",
    ]
    for scale, plan in zip(event.scales, event.plans, strict=True):
        height, width = scale.size
        pieces = (
            "in one piece" if plan.tiles == 1 else f"in {plan.tiles} tiles of up to {plan.tile_side} pixels"
        )
        halves = [f"history of {plan.history}"] * plan.half_history + ["features"] * plan.half_features
        savings = f", {' and '.join(halves)} in half precision" if halves else ""
        lines.append(
            f"scale {width} x {height}: {_count_evaluations(scale.evaluations)} {pieces}{savings}, "
            f"{format_bytes(plan.needed_bytes)}"
        )
    if event.classes:
        lines.extend(["map classes:", *event.classes.splitlines()])
    return lines


def _describe_scale(event: ScaleStarted) -> str:
    """Return one line about a scale that begins."""
    height, width = event.scale.size
    budget = _count_evaluations(event.scale.evaluations)
    return f"{_name_scale(event)}: {width} x {height} pixels, {budget}"


def _name_scale(event: ScaleStarted) -> str:
    return f"scale {event.number}/{event.count}"


def _count_evaluations(number: int) -> str:
    return f"{number or 'no'} evaluations"


def describe_losses(terms: LossTerms) -> str:
    """Return the weighted terms and their sum as text."""
    values = terms.as_dict()
    total = values.pop("total")
    parts = ", ".join(f"{name} {value:.3g}" for name, value in values.items())
    return f"loss {total:.4g} ({parts})"


def _warning_line(event: Warned) -> str:
    """Return the line of a warning, after the program's name."""
    return f"{PROGRAM}: warning: {event.message}"


def print_warnings(event: Event) -> None:
    """Print ``event`` if it is a warning."""
    if isinstance(event, Warned):
        inform(_warning_line(event))
