"""Interruption: Ctrl-C and SIGTERM, answered with the best picture so far where there is one.

A signal before the first evaluation is done leaves at once. After it, the first signal asks the run to stop
after the evaluation under way, and a second one leaves at once.
"""

import contextlib
import os
import signal
import sys
import threading
from types import FrameType, TracebackType
from typing import Self

from glstylenet.cli.exit_codes import signal_exit_code

__all__ = ["Interruption"]


_SIGNALS = (signal.SIGINT, signal.SIGTERM)


_STOPPING = b"\nglstylenet: stopping as soon as the picture is saved; press Ctrl-C again to leave at once\n"


_LEAVING = b"\nglstylenet: interrupted; leaving at once\n"


class Interruption:
    """A context in which signals are answered so. ``requested`` is the signal that asked to stop, or 0."""

    def __init__(self) -> None:
        self.requested = 0
        self._something_to_save = False
        self._previous: dict[int, object] = {}

    def __enter__(self) -> Self:
        # Python delivers signals to the main thread and lets only that one choose what happens then.
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                self._previous[number] = signal.signal(number, self._answer)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            # None stands for a handler that was not set from Python and cannot be put back.
            if callable(handler) or isinstance(handler, int):
                signal.signal(number, handler)

    def something_to_save(self, there_is: bool) -> None:
        """Whether stopping gently is worth waiting for."""
        self._something_to_save = there_is

    def should_stop(self) -> bool:
        """Whether a signal asked to stop."""
        return self.requested != 0

    @property
    def exit_code(self) -> int:
        """The exit code that tells of the signal; 0 if there was none."""
        return signal_exit_code(self.requested) if self.requested else 0

    def _answer(self, number: int, _frame: FrameType | None) -> None:
        if self.requested or not self._something_to_save:
            _say(_LEAVING)
            raise SystemExit(signal_exit_code(number))
        self.requested = number
        _say(_STOPPING)


def _say(message: bytes) -> None:
    """Past Python's buffers: they may be in the middle of a line when the signal comes."""
    with contextlib.suppress(OSError, ValueError):
        os.write(sys.stderr.fileno(), message)
