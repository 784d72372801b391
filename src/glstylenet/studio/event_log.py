"""EventLog: the numbered messages of a job, for a page that was closed and a server that was restarted."""

import contextlib
import json
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from glstylenet.objective import TERMS

__all__ = ["MOST_POINTS", "EventLog", "Message"]

_MOST_MESSAGES = 4000

MOST_POINTS = 4000
"""The most points of a loss curve: more than a page has columns of pixels."""


@dataclass(frozen=True)
class Message:
    """One message; ``kind`` is state, strokes, progress, preview, warning or end."""

    number: int
    kind: str
    content: dict[str, Any]


@dataclass
class _Kept:
    """The part of a log that is in memory: the latest messages, and points of the loss curve.

    The points of ``curve`` are at least ``stride`` evaluations apart; ``newest`` is the latest of all.
    """

    messages: deque[Message] = field(default_factory=lambda: deque(maxlen=_MOST_MESSAGES))
    curve: list[list[float]] = field(default_factory=list)
    newest: list[float] | None = None
    stride: int = 1
    number: int = 0
    is_torn: bool = False

    def add(self, message: Message) -> None:
        if message.kind == "progress":
            self._add_point(_curve_point(message.content))
        self.messages.append(message)
        self.number = message.number

    def points(self) -> list[list[float]]:
        if self.newest is None or (self.curve and self.curve[-1] == self.newest):
            return list(self.curve)
        return [*self.curve, self.newest]

    def _add_point(self, point: list[float]) -> None:
        self.newest = point
        # A resumed run repeats the evaluations since its checkpoint.
        while self.curve and self.curve[-1][0] >= point[0]:
            self.curve.pop()
        self._add_if_apart(point)
        if len(self.curve) > MOST_POINTS:
            self.stride *= 2
            points, self.curve = self.curve, []
            for each in points:
                self._add_if_apart(each)

    def _add_if_apart(self, point: list[float]) -> None:
        if not self.curve or point[0] - self.curve[-1][0] >= self.stride:
            self.curve.append(point)


class EventLog:
    """The messages of one job: one line of JSON each in ``file``, and in memory while a run adds to them.

    Numbers go on after a restart, because a browser asks for the messages after the last one it got.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._kept: _Kept | None = None
        self._newest: int | None = None

    def append(self, kind: str, content: dict[str, Any]) -> None:
        """Add a message."""
        with self._lock:
            self._kept = kept = self._kept or _read(self._file)
            message = Message(kept.number + 1, kind, content)
            line = json.dumps([message.number, kind, content]) + "\n"
            # A disk that is full must not end a run.
            with contextlib.suppress(OSError), self._file.open("a", encoding="utf-8") as file:
                file.write("\n" + line if kept.is_torn else line)
                kept.is_torn = False
            kept.add(message)
            self._newest = message.number

    @property
    def is_read(self) -> bool:
        """Whether :attr:`newest` is known without reading the file."""
        return self._newest is not None

    @property
    def newest(self) -> int:
        """The number of the newest message; 0 if there is none."""
        if self._newest is None:
            with self._lock:
                self._newest = (self._kept or self._read()).number
        return self._newest

    def after(self, number: int) -> list[Message]:
        """Return the messages later than ``number``, without an end that a resumed run went beyond."""
        if self._newest is not None and number >= self._newest:
            return []
        with self._lock:
            kept = self._kept or self._read()
            self._newest = kept.number
            return [
                message
                for message in kept.messages
                if message.number > number and (message.kind != "end" or message.number == kept.number)
            ]

    def curve(self) -> list[list[float]]:
        """Return [evaluation, value of each term in the order of ``TERMS``] after each evaluation.

        There are at most ``MOST_POINTS`` and one; a longer curve is thinned evenly.
        """
        with self._lock:
            return (self._kept or self._read()).points()

    def release(self) -> None:
        """Free the memory; the file has every message."""
        with self._lock:
            self._kept = None

    def _read(self) -> _Kept:
        """Return the file's messages, which are read once for readers that come one after another."""
        try:
            status = self._file.stat()
        except OSError:
            return _Kept()
        return _last_read(self._file, status.st_size, status.st_mtime_ns)


# Many tabs ask for the run that has just ended. A record takes a few megabytes.
@lru_cache(maxsize=2)
def _last_read(file: Path, size: int, modified: int) -> _Kept:
    return _read(file)


def _read(file: Path) -> _Kept:
    """Return the messages of ``file``, without a line that was cut off by a power failure.

    Of the lines before the latest messages only as many are parsed as the curve has points: the others
    would take seconds.
    """
    kept = _Kept()
    try:
        with file.open("rb") as record:
            lines = list(record)  # read in small pieces: between them other threads go on
    except OSError:
        return kept
    if lines and not lines[-1].endswith(b"\n"):
        kept.is_torn = True
        lines.pop()
    for line in _selected(lines):
        with contextlib.suppress(ValueError, LookupError, TypeError, RecursionError):
            number, kind, content = json.loads(line)
            kept.add(Message(int(number), str(kind), dict(content)))
    return kept


def _selected(lines: list[bytes]) -> Iterator[bytes]:
    """Yield the latest lines, and evenly chosen ones before them."""
    earlier = max(0, len(lines) - _MOST_MESSAGES)
    yield from lines[: earlier : max(1, earlier // MOST_POINTS)]
    yield from lines[earlier:]


def _curve_point(progress: Mapping[str, Any]) -> list[float]:
    """Return the evaluation and the value of every term; 0 for a term that an older program did not have."""
    losses: Mapping[str, float] = progress["losses"]
    return [progress["evaluation"], *(losses.get(term.name, 0.0) for term in TERMS)]
