"""``glstylenet reproduce``: the command that runs the paper's experiments and writes a report."""

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from glstylenet.cli.console import complain, inform, print_json, print_result
from glstylenet.cli.options import (
    DebugOption,
    JsonOption,
    OverwriteOption,
    QuietOption,
    environment_settings,
    given_settings,
    with_options_of,
)
from glstylenet.cli.paths import input_path, output_path
from glstylenet.cli.signals import StopSignals
from glstylenet.cli.task_progress import WorkersOption, describe_progress, ignore_event
from glstylenet.errors import BatchError, UsageError
from glstylenet.settings import Settings

if TYPE_CHECKING:
    from glstylenet.report import Progress, Reproduction

__all__ = ["reproduce_command"]

_DEFAULTS: dict[str, object] = {"size": 256}
"""Defaults of every run, for options to override."""

_FIGURES = (
    *("fig1", "fig2", "fig3", "fig6", "fig7", "fig8", "fig9", "fig10", "fig11", "fig12", "fig13", "fig14"),
    "fig15",
)
# The keys of `glstylenet.report.experiments.EXPERIMENTS`, whose import loads PyTorch; a test compares.


_TABLE = "table"
"""The word that stands for the claims of a finished report."""


@with_options_of("size", "quality", "iterations", "device", "precision", "memory", "weights")
def reproduce_command(
    figures: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FIGURE]...",
            help=f"the paper's figures: {', '.join(_FIGURES)}, or all (the default); 'table' paints nothing "
            "and prints the claims of the report that is there",
            show_default=False,
        ),
    ] = None,
    *,
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="FOLDER",
            parser=output_path,
            help="folder for the report: index.html, pictures and results.json; the same command continues a "
            "report that was stopped",
        ),
    ],
    inputs: Annotated[
        Path | None,
        typer.Option(
            "--inputs",
            metavar="DIR",
            parser=input_path,
            help="folder of the paper's pictures (portrait/Seth.jpg and so on); without it the sample "
            "pictures take the place of every pair",
        ),
    ] = None,
    full: Annotated[
        bool,
        typer.Option(
            "--full", help="paint at the pictures' own sizes: hours on two cores", show_default=False
        ),
    ] = False,
    workers: WorkersOption = 1,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    debug: DebugOption = False,
    **options: object,
) -> int:
    """Run the paper's experiments and report for each of its claims whether it holds.

    Pictures are 256 pixels long unless --size or --full says otherwise. Figures carry the paper's numbers:
    the portraits are fig2 and fig3, gamma on a Chinese painting is fig12, the whole Chinese painting fig1.
    """
    given = given_settings(options)
    if full and "size" in given:
        raise UsageError("--full paints at the pictures' own sizes, and --size at another; give one of them")
    defaults = {} if full else _DEFAULTS
    shared = {**defaults, **environment_settings(), **given}
    checked = Settings(**shared)
    shared = {name: getattr(checked, name) for name in shared}
    with StopSignals() as stop, contextlib.ExitStack() as held:
        from glstylenet.files import claim_output
        from glstylenet.metrics import require_scikit_image
        from glstylenet.report import (
            RESULTS_NAME,
            Reproduction,
            ResultsFile,
            chosen_experiments,
            find_pairs,
            sample_pairs,
        )

        names = list(figures or [])
        only_table = names == [_TABLE]
        chosen = chosen_experiments([] if only_table else names)
        require_scikit_image()
        gathered = sample_pairs(held) if inputs is None else find_pairs(inputs)
        results = ResultsFile.read(output, overwrite=overwrite)
        reproduction = Reproduction(chosen, gathered, inputs, shared, results)
        if only_table:
            return _print_claims(reproduction, as_json=as_json)
        reproduction.refuse_written_inputs()
        held.enter_context(claim_output(output / RESULTS_NAME, make_folder=True))
        whole = _run(reproduction, stop, workers=workers, quiet=quiet)
    if as_json:
        print_json({"output": str(output), "figures": reproduction.as_dict()})
    return _finish(reproduction, whole, output, stop, quiet=quiet)


def _run(reproduction: "Reproduction", stop: StopSignals, *, workers: int, quiet: bool) -> bool:
    """Run what is missing, write the page in any case, and return whether everything is there."""
    from glstylenet.report import Runner, measured

    def show(progress: "Progress") -> None:
        stop.graceful = True
        if not quiet:
            inform(describe_progress(progress))
        if progress.state in ("done", "failed") and reproduction.completes_chapter(progress.name):
            reproduction.publish()

    runner = Runner(reproduction.results, show, ignore_event, stop.should_stop, measured, workers=workers)
    try:
        return reproduction.run(runner)
    finally:
        reproduction.publish()


def _print_claims(reproduction: "Reproduction", *, as_json: bool) -> int:
    """Print the claims of the report in its folder, as a table in Markdown.

    Raises :class:`~glstylenet.errors.UsageError` if there is no report.
    """
    folder = reproduction.results.folder
    if not reproduction.results.records and not reproduction.results.about:
        raise UsageError(
            f"{folder}: holds no report; make one first with: glstylenet reproduce all -o {folder}"
        )
    if as_json:
        print_json({"output": str(folder), "figures": reproduction.as_dict()})
        return 0
    rows = [
        (
            name,
            finding.claim,
            finding.verdict,
            finding.numbers,
            "" if finding.spread is None else f"{finding.spread:.2g}",
        )
        for name, finding in reproduction.claims()
    ]
    for row in (("figure", "claim", "verdict", "numbers", "spread"), ("---",) * 5, *rows):
        print_result(f"| {' | '.join(row)} |")
    return 0


def _finish(
    reproduction: "Reproduction", whole: bool, output: Path, stop: StopSignals, *, quiet: bool
) -> int:
    """Print how the run ended and return the exit code; raise BatchError if something is missing."""
    if stop.requested and not whole:
        complain(f"stopped; what is finished is in {output}; the same command continues there")
        return stop.exit_code
    if not whole:
        reasons = [
            f"{chapter.experiment.name} was not run: {chapter.reason}"
            for chapter in reproduction.chapters
            if chapter.reason is not None
        ]
        failed = [
            task.name
            for chapter in reproduction.chapters
            for task in chapter.tasks
            if task.name in reproduction.results.records
            and not reproduction.results.records[task.name].is_done
        ]
        parts = [*reasons, *([f"failed: {', '.join(failed)}"] if failed else [])]
        raise BatchError(f"{'; '.join(parts)}; the rest is in {output / 'index.html'}")
    if not quiet:
        inform(f"{output / 'index.html'}: the report")
    return 0
