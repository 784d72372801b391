"""EventLog: the numbered messages of a job, for a page that was closed and a server that was restarted."""

import contextlib
import json
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from glstylenet.objective import TERMS

__all__ = ["EventLog", "Message"]


_MOST_MESSAGES = 4000


@dataclass(frozen=True)
class Message:
    """One message; ``kind`` is state, strokes, progress, preview, warning or end."""

    number: int
    kind: str
    content: dict[str, Any]


@dataclass
class _Kept:
    """The part of a log that is in memory: the latest messages, and every point of the loss curve."""

    messages: deque[Message] = field(default_factory=lambda: deque(maxlen=_MOST_MESSAGES))
    curve: list[list[float]] = field(default_factory=list)
    number: int = 0
    is_torn: bool = False

    def add(self, message: Message) -> None:
        if message.kind == "progress":
            point = _curve_point(message.content)
            # A resumed run repeats the evaluations since its checkpoint.
            while self.curve and self.curve[-1][0] >= point[0]:
                self.curve.pop()
            self.curve.append(point)
        self.messages.append(message)
        self.number = message.number


class EventLog:
    """The messages of one job: one line of JSON each in ``file``, and in memory while a run adds to them.

    Numbers go on after a restart, because a browser asks for the messages after the last one it got.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._kept: _Kept | None = None

    def append(self, kind: str, content: dict[str, Any]) -> None:
        """Add a message."""
        with self._lock:
            self._kept = kept = self._kept or self._read()
            message = Message(kept.number + 1, kind, content)
            line = json.dumps([message.number, kind, content]) + "\n"
            # A disk that is full must not end a run.
            with contextlib.suppress(OSError), self._file.open("a", encoding="utf-8") as file:
                file.write("\n" + line if kept.is_torn else line)
                kept.is_torn = False
            kept.add(message)

    def after(self, number: int) -> list[Message]:
        """Return the messages later than ``number``, without an end that a resumed run went beyond."""
        with self._lock:
            kept = self._kept or self._read()
            return [
                message
                for message in kept.messages
                if message.number > number and (message.kind != "end" or message.number == kept.number)
            ]

    def curve(self) -> list[list[float]]:
        """Return [evaluation, value of each term in the order of ``TERMS``] after each evaluation."""
        with self._lock:
            return list((self._kept or self._read()).curve)

    def release(self) -> None:
        """Free the memory; the file has every message."""
        with self._lock:
            self._kept = None

    def _read(self) -> _Kept:
        """Return the messages of the file, without a line that was cut off by a power failure."""
        kept = _Kept()
        try:
            text = self._file.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return kept
        for line in text.splitlines():
            with contextlib.suppress(ValueError, LookupError, TypeError):
                number, kind, content = json.loads(line)
                kept.add(Message(int(number), str(kind), dict(content)))
        kept.is_torn = bool(text) and not text.endswith("\n")
        return kept


def _curve_point(progress: Mapping[str, Any]) -> list[float]:
    """Return the evaluation and the value of every term; 0 for a term that an older program did not have."""
    losses: Mapping[str, float] = progress["losses"]
    return [progress["evaluation"], *(losses.get(term.name, 0.0) for term in TERMS)]
