"""How a run ends: exceptions become a message and an exit code, at this one place.

0 done   1 internal   2 usage   3 input   4 weights   5 output   6 memory   7 part of a batch
130 stopped by Ctrl-C   143 stopped by SIGTERM
"""

import signal
import traceback
from collections.abc import Callable

import typer

from glstylenet.cli.console import PROGRAM, complain, inform
from glstylenet.errors import GLStyleNetError, MemoryLimitError

__all__ = ["INTERNAL_ERROR", "describe_failure", "exit_code_of", "signal_exit_code", "tell_failure"]


INTERNAL_ERROR = 1


def signal_exit_code(number: int) -> int:
    """The exit code of a program that a signal ended, as shells count: 130 for Ctrl-C, 143 for SIGTERM."""
    return 128 + number


def exit_code_of(action: Callable[[], object], *, debug: bool) -> int:
    """Call ``action`` and turn whatever comes of it into an exit code; tracebacks only with ``debug``."""
    try:
        code = action()
    except SystemExit as leaving:
        code = leaving.code
    except KeyboardInterrupt:
        complain("interrupted; nothing was written")
        return signal_exit_code(signal.SIGINT)
    except typer.Abort:
        return INTERNAL_ERROR
    except typer.TyperException as error:
        return _bad_usage(error)
    except Exception as error:
        return tell_failure(error, debug=debug)
    return code if isinstance(code, int) else 0


def tell_failure(error: Exception, *, debug: bool) -> int:
    """Complain of ``error``; returns the exit code that it deserves."""
    if debug:
        inform(traceback.format_exc())
    is_expected = isinstance(error, GLStyleNetError | MemoryError)
    hint = "" if debug or is_expected else "; run again with --debug for the traceback"
    complain(describe_failure(error) + hint)
    if isinstance(error, MemoryError):
        return MemoryLimitError.exit_code
    return error.exit_code if isinstance(error, GLStyleNetError) else INTERNAL_ERROR


def describe_failure(error: Exception) -> str:
    """One line on ``error``, with what was noted on it on its way."""
    if isinstance(error, GLStyleNetError):
        text = str(error)
    elif isinstance(error, MemoryError):
        text = "the machine ran out of memory; use a smaller --size or --style-scale, or close other programs"
    else:
        text = f"internal error: {type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
    notes = getattr(error, "__notes__", [])
    return "; ".join([text.rstrip(".") if notes else text, *notes])


def _bad_usage(error: typer.TyperException) -> int:
    """typer's own complaints in our manner."""
    message = error.format_message().rstrip(".")
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else PROGRAM
    complain(f"{message[:1].lower()}{message[1:]}; see '{command} --help'")
    return error.exit_code
