"""Signals: how Ctrl-C, SIGTERM and SIGHUP stop the program.

While there is nothing to save, a signal ends the program at once. In a run, once the style's strokes are
copied or the first evaluation is done, the first signal stops the run, within an evaluation if need be, and
the best picture so far is saved; a second one ends the program at once. A signal that the program was
started to ignore, as ``nohup`` and the background jobs of a script do, stays ignored.

This module is imported before all others of the program, so it imports little itself.
"""

import contextlib
import os
import signal
import sys
from types import FrameType, TracebackType

__all__ = ["StopSignals", "ignore_signals", "signal_exit_code"]

_SIGNALS = [signal.SIGINT, signal.SIGTERM]
if sys.platform != "win32":
    _SIGNALS.append(signal.SIGHUP)

_STOPPING = b"\nglstylenet: stopping as soon as the picture is saved; "

_PRESS_AGAIN = b"press Ctrl-C again to leave at once\n"

_SIGNAL_AGAIN = b"another signal ends the program at once\n"

_LEAVING = b"\nglstylenet: interrupted; leaving at once\n"


class StopSignals:
    """A context in which Ctrl-C, SIGTERM and SIGHUP ask a run to stop.

    ``requested`` is the number of the signal that asked, 0 if none did. ``graceful`` says whether the first
    signal only asks to stop, as it should once there is something to save; otherwise it ends the program at
    once.
    """

    def __init__(self) -> None:
        self.requested = 0
        self.graceful = False
        self._previous: dict[int, object] = {}

    def __enter__(self) -> "StopSignals":
        for number in _SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                # Python delivers signals to the main thread and lets no other choose what happens then.
                with contextlib.suppress(ValueError):
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

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.requested or not self.graceful:
            _write(_LEAVING)
            if _is_importing(frame):  # libraries written in C swallow an exception at their start, or crash
                os._exit(signal_exit_code(number))
            raise SystemExit(signal_exit_code(number))
        self.requested = number
        _write(_STOPPING + (_PRESS_AGAIN if number == signal.SIGINT else _SIGNAL_AGAIN))


def ignore_signals() -> None:
    """Ignore all of these signals from now on: the work is done, and Python is about to end."""
    for number in _SIGNALS:
        with contextlib.suppress(ValueError):  # not the main thread
            signal.signal(number, signal.SIG_IGN)


def signal_exit_code(number: int) -> int:
    """Return the exit code of a program that the signal ``number`` ended, by the convention of shells.

    >>> signal_exit_code(signal.SIGINT)
    130
    """
    return 128 + number


def _is_importing(frame: FrameType | None) -> bool:
    """Return whether a module is being imported where ``frame`` runs."""
    while frame is not None:
        if frame.f_code.co_filename == "<frozen importlib._bootstrap>":
            return True
        frame = frame.f_back
    return False


def _write(message: bytes) -> None:
    """Write to standard error, past Python's buffers: a signal may come in the middle of a line."""
    with contextlib.suppress(OSError, ValueError):
        os.write(sys.stderr.fileno(), message)
