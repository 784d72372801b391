"""Experiment: one figure of the paper, as pictures to paint and claims to check by numbers."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from glstylenet.report.results_file import Record, Task
from glstylenet.settings import PRESETS, Pictures, Settings, preset_settings

__all__ = [
    "Experiment",
    "Finding",
    "Panel",
    "Records",
    "Table",
    "falls",
    "format_number",
    "lowest",
    "metric",
    "preset_task",
]

Records = Mapping[str, Record]
"""The records of painted pictures by the names of their tasks."""


@dataclass(frozen=True)
class Finding:
    """`Finding` compares one claim of the paper with what was measured.

    ``holds``: ``None`` if it cannot be decided; ``partly``: it holds, but not in every step.

    >>> Finding("lines stay straight", holds=True, numbers="0.02").verdict
    'reproduced'
    """

    claim: str
    holds: bool | None
    numbers: str
    partly: bool = False

    @property
    def verdict(self) -> str:
        """The result in words."""
        if self.holds and self.partly:
            return "reproduced in part"
        return {True: "reproduced", False: "not reproduced", None: "not measured"}[self.holds]


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
    """`Table` holds a figure of numbers: column heads and rows as text, and the findings."""

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    findings: tuple[Finding, ...]
    seconds: float


@dataclass(frozen=True)
class Experiment:
    """`Experiment` describes one figure of the paper.

    ``source``: its place in the paper; ``claim``: the paper's claim; ``expected``: the expected result;
    ``cost``: the time or number of pictures. ``pairs``: names of the inputs that it needs. ``panels`` creates
    its tasks from these and from the settings that all runs share (size, iterations, machine); ``judge``
    turns records into findings. A figure without pictures has a ``table`` instead, measured on the machine
    that the settings name. ``published``: the file of the authors' own results, in the folder ``results``.
    """

    name: str
    title: str
    source: str
    claim: str
    expected: str
    cost: str
    pairs: tuple[str, ...] = ()
    panels: Callable[[Mapping[str, Pictures], Mapping[str, Any]], list[Panel]] = field(
        default=lambda _pairs, _shared: []
    )
    judge: Callable[[Records], list[Finding]] = field(default=lambda _records: [])
    table: Callable[[Mapping[str, Any]], Table] | None = None
    published: str | None = None

    @property
    def command(self) -> str:
        """The command line that runs it."""
        return f"glstylenet reproduce {self.name} --inputs DIR -o FOLDER"


def preset_task(
    name: str, pictures: Pictures, preset: str, shared: Mapping[str, Any], **changes: object
) -> Task:
    """Return a task with the settings of ``preset``, the ``shared`` ones and ``changes``."""
    values = {**shared, **changes}
    if preset not in PRESETS:
        return Task(name, pictures, Settings(**values))
    return Task(name, pictures, preset_settings(preset, **values), preset)


def metric(records: Records, name: str, key: str) -> float | None:
    """Return the metric ``key`` of the picture ``name``; ``None`` if there is no such picture or number."""
    record = records.get(name)
    value = None if record is None else record.metrics.get(key)
    return float(value) if isinstance(value, int | float) else None


def falls(claim: str, labels: Sequence[str], values: Sequence[float | None]) -> Finding:
    """Check whether ``values`` fall from each to the next; in part, if only from the first to the last.

    >>> falls("more is better", ["1", "2"], [0.5, 0.25]).verdict
    'reproduced'
    """
    known = [value for value in values if value is not None]
    numbers = ", ".join(
        f"{label}: {format_number(value)}" for label, value in zip(labels, values, strict=True)
    )
    if len(known) < len(values) or len(known) < 2:
        return Finding(claim, None, numbers)
    steady = all(later < earlier for earlier, later in itertools.pairwise(known))
    return Finding(claim, known[-1] < known[0], numbers, partly=not steady)


def lowest(claim: str, best: str, values: Mapping[str, float | None]) -> Finding:
    """Check whether ``best`` has the lowest of ``values``."""
    numbers = ", ".join(f"{label}: {format_number(value)}" for label, value in values.items())
    known = {label: value for label, value in values.items() if value is not None}
    if best not in known or len(known) < 2:
        return Finding(claim, None, numbers)
    return Finding(claim, min(known, key=lambda label: known[label]) == best, numbers)


def format_number(value: float | None) -> str:
    """Format ``value`` with three significant digits; a dash for ``None``.

    >>> format_number(0.12345), format_number(None)
    ('0.123', '-')
    """
    return "-" if value is None else f"{value:.3g}"
