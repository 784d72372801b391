"""The console: results go to standard output, everything else to standard error, as plain text."""

import contextlib
import json
import os
import sys

__all__ = ["PROGRAM", "complain", "inform", "print_json", "print_result"]

PROGRAM = "glstylenet"


def print_result(text: str) -> None:
    """Write ``text`` and a line end to standard output."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        # The reader has gone, as with `| head`. Python would raise once more when it closes the stream.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def print_json(value: object) -> None:
    """Write ``value`` as one JSON object to standard output."""
    print_result(json.dumps(value, indent=2))


def inform(text: str) -> None:
    """Write ``text`` and a line end to standard error."""
    with contextlib.suppress(BrokenPipeError):
        print(text, file=sys.stderr, flush=True)


def complain(message: str) -> None:
    """Write a message about a problem to standard error, after the program's name."""
    inform(f"{PROGRAM}: {message}")
