"""The application: the commands, assembled, and the one that is called, run."""

import platform
from collections.abc import Sequence
from typing import Annotated

import typer
from typer.main import get_command

import glstylenet
from glstylenet.cli.bench import bench_command
from glstylenet.cli.console import PROGRAM, print_result
from glstylenet.cli.demo import demo_command
from glstylenet.cli.doctor import doctor_command
from glstylenet.cli.evaluate import evaluate_command
from glstylenet.cli.exit_codes import EXIT_CODES, exit_code_of
from glstylenet.cli.giant import giant_command
from glstylenet.cli.loss import loss_command
from glstylenet.cli.maps import maps_app
from glstylenet.cli.reproduce import reproduce_command
from glstylenet.cli.studio import studio_command
from glstylenet.cli.stylize import stylize_command
from glstylenet.cli.sweep import sweep_command
from glstylenet.cli.tune import tune_command
from glstylenet.cli.weights import weights_app
from glstylenet.machine import keep_freed_memory, let_threads_sleep

__all__ = ["app", "run_command"]

app = typer.Typer(
    name=PROGRAM,
    epilog="Exit codes: " + ", ".join(f"{code} {meaning}" for code, meaning in EXIT_CODES.items()) + ".",
    context_settings={
        "token_normalize_func": lambda name: name.replace("_", "-"),
        "help_option_names": ["--help", "-h"],
    },
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        print_result(f"{PROGRAM} {glstylenet.__version__} (Python {platform.python_version()})")
        raise typer.Exit


@app.callback()
def _root(
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="show the version")
    ] = False,
) -> None:
    """Repaint a picture with the brushwork of another: GLStyleNet."""


app.command("stylize")(stylize_command)
app.command("giant")(giant_command)
app.command("loss")(loss_command)
app.command("evaluate")(evaluate_command)
app.command("demo")(demo_command)
app.add_typer(maps_app, name="maps")
app.add_typer(weights_app, name="weights")
app.command("bench")(bench_command)
app.command("sweep")(sweep_command)
app.command("tune")(tune_command)
app.command("reproduce")(reproduce_command)
app.command("studio")(studio_command)
app.command("doctor")(doctor_command)


def run_command(words: Sequence[str]) -> int:
    """Run the command that ``words`` name, print its error if it fails, and return the exit code.

    >>> run_command(["loss", "only-one.png"])
    2
    """
    let_threads_sleep()
    keep_freed_memory()
    command = get_command(app)
    return exit_code_of(
        lambda: command.main(args=list(words), prog_name=PROGRAM, standalone_mode=False),
        debug="--debug" in words,
    )
