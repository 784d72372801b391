"""The entry of the program: signals and streams are made safe before anything slow is imported."""

import sys

from glstylenet.cli.signals import StopSignals, ignore_signals

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Run the command line with ``arguments``, by default the process's own, and return the exit code.

    A result that could not be printed is a failure, a message is not.

    >>> main(["loss", "only-one.png"])
    2
    """
    words = sys.argv[1:] if arguments is None else arguments
    with StopSignals():
        from glstylenet.cli.console import complain, open_streams

        with open_streams() as output:
            from glstylenet.cli.application import run_command
            from glstylenet.errors import OutputError

            code = run_command(words)
            output.settle()
            if output.failure is not None and code == 0:
                complain(
                    f"standard output could not be written ({output.failure}), so the printed result is lost"
                )
                code = OutputError.exit_code
    if arguments is None:  # this is the whole program, which ends now: a signal would only print a traceback
        ignore_signals()
    return code
