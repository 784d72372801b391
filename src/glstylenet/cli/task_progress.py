"""Task progress: a line for each of the many runs of a sweep or a report."""

from typing import TYPE_CHECKING

from glstylenet.cli.durations import duration

if TYPE_CHECKING:
    from glstylenet.report import Progress

__all__ = ["describe_progress", "ignore_event"]


def describe_progress(progress: "Progress") -> str:
    """Return one line about one picture of many."""
    line = f"[{progress.number}/{progress.count}] {progress.name}: {progress.state}"
    record = progress.record
    if record is None:
        return line
    if record.error is not None:
        return f"{line}: {record.error}"
    loss = f", loss {record.losses['total']:.4g}" if record.losses else ""
    left = "" if progress.seconds_left is None else f", {duration(progress.seconds_left)} left"
    return f"{line}, {record.seconds:.1f} s{loss}{left}"


def ignore_event(_event: object) -> None:
    """Do nothing with an event of a single run: only the progress of the whole is shown."""
