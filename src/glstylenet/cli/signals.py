"""Signals: how Ctrl-C and SIGTERM stop a run.

Before the first evaluation is done, a signal ends the program at once. After it, the first signal stops the
run after the current evaluation, and the best picture so far is saved; a second one ends the program at once.
"""

import contextlib
import os
import signal
import sys
import threading
from types import FrameType, TracebackType
from typing import Self

from glstylenet.cli.exit_codes import signal_exit_code

__all__ = ["StopSignals"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)

_STOPPING = b"\nglstylenet: stopping as soon as the picture is saved; press Ctrl-C again to leave at once\n"

_LEAVING = b"\nglstylenet: interrupted; leaving at once\n"


class StopSignals:
    """A context in which Ctrl-C and SIGTERM ask a run to stop.

    ``requested`` is the number of the signal that asked, 0 if none did. ``graceful`` says whether the first
    signal lets the current evaluation end, as it should once there is something to save; otherwise it ends
    the program at once.
    """

    def __init__(self) -> None:
        self.requested = 0
        self.graceful = False
        self._previous: dict[int, object] = {}

    def __enter__(self) -> Self:
        # Python delivers signals to the main thread and lets only that one choose what happens then.
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                self._previous[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            # None stands for a handler that was not set from Python and cannot be put back.
            if callable(handler) or isinstance(handler, int):
                signal.signal(number, handler)

    def should_stop(self) -> bool:
        """Return whether a signal asked to stop."""
        return self.requested != 0

    @property
    def exit_code(self) -> int:
        """The exit code of the signal that asked to stop; 0 if none did."""
        return signal_exit_code(self.requested) if self.requested else 0

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self.requested or not self.graceful:
            _write(_LEAVING)
            raise SystemExit(signal_exit_code(number))
        self.requested = number
        _write(_STOPPING)


def _write(message: bytes) -> None:
    """Write to standard error, past Python's buffers: a signal may come in the middle of a line."""
    with contextlib.suppress(OSError, ValueError):
        os.write(sys.stderr.fileno(), message)
