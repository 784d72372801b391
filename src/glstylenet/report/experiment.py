"""Experiment: one figure of the paper, as pictures to paint and claims to check by numbers."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from glstylenet.report.inputs import Gathered
from glstylenet.report.results_file import Record, Task
from glstylenet.settings import Pictures, preset_settings

__all__ = [
    "Experiment",
    "Finding",
    "Panel",
    "Records",
    "Table",
    "Verdict",
    "compared",
    "falls",
    "format_number",
    "lowest",
    "metric",
    "pair_task",
    "repetitions",
    "rises",
    "spread",
    "told",
]

Records = Mapping[str, Record]
"""The records of painted pictures by the names of their tasks."""


Verdict = Literal["reproduced", "reproduced in part", "not reproduced", "undecided", "not measured"]
"""What became of a claim. Undecided: the numbers differ by no more than tiny changes of settings make."""


@dataclass(frozen=True)
class Finding:
    """`Finding` compares one claim of the paper with what was measured.

    ``numbers``: the measured values in words; ``spread``: how far they move with tiny changes of settings,
    ``None`` where that is unknown or beside the point.

    >>> Finding("lines stay straight", "reproduced", "0.02").verdict
    'reproduced'
    """

    claim: str
    verdict: Verdict
    numbers: str
    spread: float | None = None


@dataclass(frozen=True)
class Panel:
    """`Panel` holds the tasks in the rows and columns of the paper's figure; ``pictures``: their inputs."""

    title: str
    pictures: Pictures
    row_labels: tuple[str, ...]
    column_labels: tuple[str, ...]
    rows: tuple[tuple[Task, ...], ...]

    @property
    def tasks(self) -> list[Task]:
        """All tasks, row by row."""
        return [task for row in self.rows for task in row]


@dataclass(frozen=True)
class Table:
    """`Table` holds a figure of numbers: column heads and rows as text, and the findings.

    ``drawing``: the figure's drawing as a ``data:`` address, empty if it has none.
    """

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    findings: tuple[Finding, ...]
    seconds: float
    drawing: str = ""


@dataclass(frozen=True)
class Experiment:
    """`Experiment` describes one figure of the paper.

    ``name``: "fig" and the paper's number. ``claim``: what the paper says; ``expected``: what should be
    measured; ``cost``: the time or number of pictures. ``pairs``: the inputs that it needs, each with its
    preset. ``panels`` creates its tasks from these and from the settings that all runs share (size, machine);
    ``judge`` turns records into findings. A figure without pictures has a ``table`` instead, measured on the
    machine that the settings name.
    """

    name: str
    title: str
    claim: str
    expected: str
    cost: str
    pairs: Mapping[str, str] = field(default_factory=dict)
    panels: Callable[[Gathered, Mapping[str, Any]], list[Panel]] = field(
        default=lambda _gathered, _shared: []
    )
    judge: Callable[[Records], list[Finding]] = field(default=lambda _records: [])
    table: Callable[[Mapping[str, Any]], Table] | None = None

    @property
    def source(self) -> str:
        """Its place in the paper."""
        return f"paper, Figure {self.name.removeprefix('fig')}"

    @property
    def command(self) -> str:
        """The command line that runs it."""
        return f"glstylenet reproduce {self.name} --inputs DIR -o FOLDER"


def pair_task(
    pair: str, pictures: Pictures, preset: str, shared: Mapping[str, Any], **changes: object
) -> Task:
    """Return a task with the settings of ``preset``, the ``shared`` ones and ``changes``.

    Its name says what it is, so that figures that show the same picture share it.

    >>> from pathlib import Path
    >>> pair_task("portrait", Pictures(Path("c.png"), Path("s.png")), "gatys", {}, init="style").name
    'portrait_gatys_init-style'
    """
    words = [
        f"{name}-{value:g}" if isinstance(value, float) else f"{name}-{value}"
        for name, value in changes.items()
    ]
    task = "_".join((pair, preset, *(word.replace("_", "-") for word in words)))
    return Task(task, pictures, preset_settings(preset, **{**shared, **changes}), preset)


_TINY = (0.97, 1.03)
"""The tiny changes: factors of the content weight, too small for an eye to see their effect."""


def repetitions(pair: str, pictures: Pictures, preset: str, shared: Mapping[str, Any]) -> list[Task]:
    """Return ``pair`` with its preset, and tasks that differ from it by a tiny change, for :func:`spread`."""
    weight = preset_settings(preset).content_weight
    changed = [
        replace(
            pair_task(pair, pictures, preset, shared, content_weight=weight * factor),
            name=_repetition_name(pair, preset, factor),
        )
        for factor in _TINY
    ]
    return [pair_task(pair, pictures, preset, shared), *changed]


def spread(records: Records, pair: str, preset: str, key: str) -> float | None:
    """Return how far the metric ``key`` moves with tiny changes of settings: its largest less its smallest.

    The search for nearest patches may turn a tiny change into other patches. What differs by less than this
    is no result. ``None`` if a picture or its number is missing.
    """
    names = (f"{pair}_{preset}", *(_repetition_name(pair, preset, factor) for factor in _TINY))
    values = [metric(records, name, key) for name in names]
    known = [value for value in values if value is not None]
    return max(known) - min(known) if len(known) == len(names) else None


def _repetition_name(pair: str, preset: str, factor: float) -> str:
    return f"{pair}_{preset}_repetition-{factor:g}"


def metric(records: Records, name: str, key: str) -> float | None:
    """Return the metric ``key`` of the picture ``name``; ``None`` if there is no such picture or number.

    ``seconds`` is the time of the run.
    """
    record = records.get(name)
    if record is None or not record.is_done:
        return None
    value = record.seconds if key == "seconds" else record.metrics.get(key)
    return float(value) if isinstance(value, int | float) else None


def falls(
    claim: str, labels: Sequence[str], values: Sequence[float | None], spread: float | None = None
) -> Finding:
    """Check whether ``values`` fall from the first to the last by more than ``spread``.

    It is "in part" if they do not fall at every step.

    >>> falls("more is better", ["1", "2"], [0.5, 0.25]).verdict
    'reproduced'
    """
    known = [value for value in values if value is not None]
    numbers = told(dict(zip(labels, values, strict=True)))
    if len(known) < len(values) or len(known) < 2:
        return Finding(claim, "not measured", numbers, spread)
    verdict = compared(known[-1], known[0], spread)
    steady = all(later < earlier for earlier, later in itertools.pairwise(known))
    return Finding(
        claim, "reproduced in part" if verdict == "reproduced" and not steady else verdict, numbers, spread
    )


def rises(
    claim: str, labels: Sequence[str], values: Sequence[float | None], spread: float | None = None
) -> Finding:
    """Check whether ``values`` rise from the first to the last, as :func:`falls` does."""
    found = falls(claim, labels, [None if value is None else -value for value in values], spread)
    return replace(found, numbers=told(dict(zip(labels, values, strict=True))))


def lowest(claim: str, best: str, values: Mapping[str, float | None], spread: float | None = None) -> Finding:
    """Check whether ``best`` has the lowest of ``values``, by more than ``spread``."""
    numbers = told(values)
    others = [value for label, value in values.items() if label != best and value is not None]
    ours = values.get(best)
    if ours is None or not others or len(others) < len(values) - 1:
        return Finding(claim, "not measured", numbers, spread)
    return Finding(claim, compared(ours, min(others), spread), numbers, spread)


def compared(lower: float, higher: float, spread: float | None = None) -> Verdict:
    """Return whether ``lower`` is below ``higher`` by more than ``spread``.

    >>> compared(1.0, 2.0), compared(1.0, 2.0, spread=1.5), compared(2.0, 1.0)
    ('reproduced', 'undecided', 'not reproduced')
    """
    if abs(higher - lower) <= (spread or 0.0):
        return "undecided"
    return "reproduced" if lower < higher else "not reproduced"


def told(values: Mapping[str, float | None]) -> str:
    """Return labels and values in words.

    >>> told({"a": 0.12345, "b": None})
    'a: 0.123, b: -'
    """
    return ", ".join(f"{label}: {format_number(value)}" for label, value in values.items())


def format_number(value: float | None) -> str:
    """Format ``value`` with three significant digits; a dash for ``None``.

    >>> format_number(0.12345), format_number(None)
    ('0.123', '-')
    """
    return "-" if value is None else f"{value:.3g}"
