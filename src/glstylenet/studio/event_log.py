"""Record: what was told of a job, numbered, for whoever listens later: after a closed tab, or a restart."""

import contextlib
import json
import threading
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Message", "Record"]


_MOST_MESSAGES = 4000


_TERMS = ("content", "local", "global", "smoothness")


@dataclass(frozen=True)
class Message:
    """One thing that was told: ``kind`` is state, progress, preview, warning or end."""

    number: int
    kind: str
    content: dict[str, Any]


@dataclass
class _Kept:
    """What of a record is in memory: the latest messages, and every point of the loss curve."""

    messages: deque[Message] = field(default_factory=lambda: deque(maxlen=_MOST_MESSAGES))
    curve: list[list[float]] = field(default_factory=list)
    number: int = 0
    is_torn: bool = False

    def add(self, message: Message) -> None:
        if message.kind == "progress":
            point = [message.content["evaluation"], *(message.content["losses"][name] for name in _TERMS)]
            # A run that goes on from its checkpoint does some evaluations again.
            while self.curve and self.curve[-1][0] >= point[0]:
                self.curve.pop()
            self.curve.append(point)
        self.messages.append(message)
        self.number = message.number


class Record:
    """The messages of one job: a line of JSON each in ``file``, and in memory while there are new ones.

    Numbers go on where they were after a restart: a browser asks for what came after the last that it saw.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._kept: _Kept | None = None

    def tell(self, kind: str, content: dict[str, Any]) -> None:
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
        """The messages later than ``number``; of ends only the one that nothing followed."""
        with self._lock:
            kept = self._kept or self._read()
            return [
                message
                for message in kept.messages
                if message.number > number and (message.kind != "end" or message.number == kept.number)
            ]

    def curve(self) -> list[list[float]]:
        """[evaluation, content, local, global, smoothness] after each evaluation."""
        with self._lock:
            return list((self._kept or self._read()).curve)

    def rest(self) -> None:
        """Nothing is to be told for now: what is in the file need not be in memory."""
        with self._lock:
            self._kept = None

    def _read(self) -> _Kept:
        """What the file holds; a line that a power cut tore is passed over."""
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
