"""Exit codes: how exceptions become a message and the code that the program ends with."""

import traceback
from collections.abc import Callable, Mapping
from types import MappingProxyType

import typer

from glstylenet.cli.console import PROGRAM, complain, inform
from glstylenet.errors import GLStyleNetError, MemoryLimitError

__all__ = [
    "EXIT_CODES",
    "INTERNAL_ERROR",
    "describe_failure",
    "exit_code_of",
    "report_failure",
]

INTERNAL_ERROR = 1

EXIT_CODES: Mapping[int, str] = MappingProxyType(
    {
        0: "done",
        INTERNAL_ERROR: "internal error",
        2: "wrong usage",
        3: "bad input",
        4: "weights",
        5: "output, or no workers",
        6: "out of memory",
        7: "part of a batch failed",
        129: "stopped by SIGHUP",
        130: "stopped by Ctrl-C",
        143: "stopped by SIGTERM",
    }
)
"""What each exit code means."""


def exit_code_of(action: Callable[[], object], *, debug: bool) -> int:
    """Call ``action`` and return the exit code of its outcome; print its error, with ``debug`` the traceback.

    ``action`` returns an exit code, or anything else where it succeeds.
    """
    try:
        code = action()
    except SystemExit as leaving:
        code = leaving.code
    except typer.Abort:
        return INTERNAL_ERROR
    except typer.TyperException as error:
        return _bad_usage(error)
    except Exception as error:
        return report_failure(error, debug=debug)
    return code if isinstance(code, int) else 0


def report_failure(error: Exception, *, debug: bool) -> int:
    """Print what went wrong, with ``debug`` the traceback too, and return the exit code of ``error``."""
    if debug:
        inform(traceback.format_exc())
    is_expected = isinstance(error, GLStyleNetError | MemoryError)
    hint = "" if debug or is_expected else "; run again with --debug for the traceback"
    complain(describe_failure(error) + hint)
    if isinstance(error, MemoryError):
        return MemoryLimitError.exit_code
    return error.exit_code if isinstance(error, GLStyleNetError) else INTERNAL_ERROR


def describe_failure(error: Exception) -> str:
    """Return one line about ``error``, with the notes that were added to it.

    >>> describe_failure(ValueError("too many cooks"))
    'internal error: ValueError: too many cooks'
    """
    if isinstance(error, GLStyleNetError):
        text = str(error)
    elif isinstance(error, MemoryError):
        text = "the machine ran out of memory; use a smaller --size or --style-scale, or close other programs"
    else:
        text = f"internal error: {type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
    notes = getattr(error, "__notes__", [])
    return "; ".join([text.rstrip(".") if notes else text, *notes])


def _bad_usage(error: typer.TyperException) -> int:
    """Print an error of typer's in our words."""
    message = error.format_message().rstrip(".")
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else PROGRAM
    complain(f"{message[:1].lower()}{message[1:]}; see '{command} --help'")
    return error.exit_code
