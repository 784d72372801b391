"""The console: results go to standard output, everything else to standard error, as plain text.

A stream may fail: a full disk, a pipe whose reader has gone, a stream that was closed before the program
started. No message is worth more than the work, so :func:`open_streams` lets no such failure through, whoever
writes: this module, typer, rich, a traceback or a warning.
"""

import contextlib
import errno
import io
import json
import os
import sys
from collections.abc import Iterator
from typing import TextIO, cast

__all__ = ["PROGRAM", "Stream", "complain", "inform", "open_streams", "print_json", "print_result"]

PROGRAM = "glstylenet"


class Stream(io.TextIOBase):
    """A `Stream` writes text to ``target`` and raises nothing if that fails.

    ``target`` is None for a stream that was closed before the program started. ``failure`` is the first
    error; a pipe whose reader has gone is none, for the reader has what it wanted.

    >>> stream = Stream(None)
    >>> stream.write("lost"), stream.failure
    (4, OSError(9, 'Bad file descriptor'))
    """

    def __init__(self, target: TextIO | None) -> None:
        self._target = target
        self.failure: Exception | None = None

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The encoding of the target."""
        return getattr(self._target, "encoding", None) or "utf-8"

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, text: str) -> int:
        """Write ``text`` if that is possible; characters that the encoding lacks are written as escapes."""
        with self._forgiving():
            if self._target is None:
                raise OSError(errno.EBADF, os.strerror(errno.EBADF))
            try:
                self._target.write(text)
            except UnicodeEncodeError:
                self._target.write(text.encode(self.encoding, "backslashreplace").decode(self.encoding))
        return len(text)

    def flush(self) -> None:
        """Flush the target if that is possible."""
        if self._target is not None:
            with self._forgiving():
                self._target.flush()

    def fileno(self) -> int:
        """Return the descriptor of the target; raises OSError if there is none."""
        if self._target is None:
            raise io.UnsupportedOperation("fileno")
        return self._target.fileno()

    def isatty(self) -> bool:
        """Return whether the target is a terminal."""
        return self._target is not None and self._target.isatty()

    def settle(self) -> None:
        """Write what is still in memory; if that fails, drop it: Python would try once more at its end."""
        if self._target is None:
            return
        try:
            self._target.flush()
        except (OSError, ValueError) as error:
            self._note(error)
            with contextlib.suppress(OSError, ValueError):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, self._target.fileno())
                os.close(nowhere)
                self._target.flush()

    @contextlib.contextmanager
    def _forgiving(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError) as error:  # ValueError: the stream is closed
            self._note(error)

    def _note(self, error: Exception) -> None:
        if self.failure is None and not isinstance(error, BrokenPipeError):
            self.failure = error


@contextlib.contextmanager
def open_streams() -> Iterator[Stream]:
    """Let no writing to standard output and standard error fail inside the block; yield standard output.

    Descriptors that were closed before the program started are opened, on nothing: else the next file that is
    opened, perhaps the picture, would become standard error.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            with contextlib.suppress(OSError):
                os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
    before = sys.stdout, sys.stderr
    out, error = Stream(before[0]), Stream(before[1])
    sys.stdout, sys.stderr = cast(TextIO, out), cast(TextIO, error)
    try:
        yield out
    finally:
        out.settle()
        error.settle()
        sys.stdout, sys.stderr = before


def print_result(text: str) -> None:
    """Write ``text`` and a line end to standard output."""
    print(text, flush=True)


def print_json(value: object) -> None:
    """Write ``value`` as one JSON object to standard output."""
    print_result(json.dumps(value, indent=2))


def inform(text: str) -> None:
    """Write ``text`` and a line end to standard error."""
    print(text, file=sys.stderr, flush=True)


def complain(message: str) -> None:
    """Write a message about a problem to standard error, after the program's name."""
    inform(f"{PROGRAM}: {message}")
