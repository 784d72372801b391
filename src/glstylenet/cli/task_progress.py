"""Task progress: a line for each of the many runs of a sweep or a report, and how many run at once."""

from typing import TYPE_CHECKING, Annotated

import typer

from glstylenet.cli.durations import time_left

if TYPE_CHECKING:
    from glstylenet.report import Progress

__all__ = ["WorkersOption", "describe_progress", "ignore_event"]

WorkersOption = Annotated[
    int,
    typer.Option(
        "--workers",
        metavar="N",
        min=1,
        help="paint N pictures at once, each in a process with its share of threads and memory; faster where "
        "pictures are small",
    ),
]


def describe_progress(progress: "Progress") -> str:
    """Return one line about one picture of many."""
    place = f"[{progress.number}/{progress.count}] " if progress.count > 1 else ""
    line = f"{place}{progress.name}: {progress.state}"
    record = progress.record
    if record is None:
        return line
    if record.error is not None:
        return f"{line}: {record.error}"
    loss = f", loss {record.losses['total']:.4g}" if record.losses else ""
    left = time_left(progress.seconds_left, after=", ")
    return f"{line}, {record.seconds:.1f} s{loss}{left}"


def ignore_event(_event: object) -> None:
    """Do nothing with an event of a single run: only the progress of the whole is shown."""
