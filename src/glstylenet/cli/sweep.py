"""``glstylenet sweep``: the command that varies one or two settings and shows all results."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from glstylenet.cli.console import complain, inform, print_json
from glstylenet.cli.further_styles import (
    AddStyleMapOption,
    AddStyleOption,
    RegionOption,
    StyleOptions,
    StyleWeightsAxisOption,
    parse_weights,
)
from glstylenet.cli.options import (
    ConfigOption,
    ContentMapOption,
    DebugOption,
    JsonOption,
    OverwriteOption,
    PresetOption,
    QuietOption,
    StyleMapOption,
    config_files,
    environment_settings,
    given_settings,
    refuse_single_map,
    with_setting_options,
)
from glstylenet.cli.paths import input_path, output_path
from glstylenet.cli.signals import StopSignals
from glstylenet.cli.task_progress import WorkersOption, describe_progress, ignore_event
from glstylenet.errors import BatchError, UsageError
from glstylenet.settings import FurtherStyles, Pictures, read_config

if TYPE_CHECKING:
    from glstylenet.report import Progress, Record, Sweep

__all__ = ["sweep_command"]


@with_setting_options
def sweep_command(
    pictures: Annotated[
        list[Path],
        typer.Argument(
            metavar="CONTENT STYLE",
            parser=input_path,
            help="the picture to repaint and the picture that gives the brushwork; a doodle has no CONTENT",
            show_default=False,
        ),
    ],
    *,
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="FOLDER",
            parser=output_path,
            help="folder for the pictures, sheet.png, index.html and results.json; the same command "
            "continues a sweep that was stopped",
        ),
    ],
    content_map: ContentMapOption = None,
    style_map: StyleMapOption = None,
    add_style: AddStyleOption = None,
    add_style_map: AddStyleMapOption = None,
    style_weights: StyleWeightsAxisOption = None,
    region: RegionOption = None,
    preset: PresetOption = None,
    config: ConfigOption = None,
    workers: WorkersOption = 1,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    debug: DebugOption = False,
    **options: object,
) -> int:
    """Paint CONTENT with the brushwork of STYLE once for every combination of one or two settings.

    Give a setting, or the preset, several values separated by commas: --local-weight 50,100,500; or give
    --style-weights several times.
    """
    from glstylenet.report import make_grid

    base = _base_values(config)
    named = base.pop("preset", None)
    chosen = preset if preset is not None else named
    given = {name: value for name, value in given_settings(options).items() if isinstance(value, str | bool)}
    sets = style_weights or []
    options_of_styles = StyleOptions(
        add_style or [], add_style_map or [], sets[0] if len(sets) == 1 else None, region or []
    )
    further = options_of_styles.parsed()
    grid = make_grid(
        given,
        base,
        preset=None if chosen is None else str(chosen),
        style_weights=[parse_weights(text, options_of_styles.count) for text in sets],
    )
    sources = _parse_pictures(pictures, content_map, style_map, further=further)
    with StopSignals() as stop:
        from glstylenet.files import claim_output
        from glstylenet.report import RESULTS_NAME, open_sweep

        sweep = open_sweep(grid, sources, output, overwrite=overwrite, also_read=config_files(config))
        for note in sweep.notes:
            complain(f"warning: {note}")
        with claim_output(output / RESULTS_NAME, make_folder=True):
            records = _paint(sweep, stop, workers=workers, quiet=quiet)
    if as_json:
        print_json({"output": str(output), "results": [asdict(record) for record in records]})
    return _finish(records, len(grid.cells), output, stop, quiet=quiet)


def _paint(sweep: "Sweep", stop: StopSignals, *, workers: int, quiet: bool) -> "list[Record]":
    """Paint what is missing and return the records of all pictures; update sheet and page after each."""
    from glstylenet.report import Runner

    records: list[Record] = []

    def show(progress: "Progress") -> None:
        if not quiet:
            inform(describe_progress(progress))
        if progress.record is not None:
            records.append(progress.record)
            stop.graceful = True
        if progress.state in ("done", "failed"):
            sweep.publish(records)

    Runner(sweep.results, show, ignore_event, stop.should_stop, workers=workers).paint(sweep.tasks)
    sweep.publish(records)
    return records


def _finish(records: "Sequence[Record]", count: int, output: Path, stop: StopSignals, *, quiet: bool) -> int:
    """Print how the sweep ended and return the exit code; raise BatchError if pictures failed."""
    failed = [record.name for record in records if not record.is_done]
    if len(records) < count:
        complain(
            f"stopped; {len(records) - len(failed)} of {count} pictures are in {output}; the same "
            f"command continues there"
        )
        return stop.exit_code
    if failed:
        raise BatchError(
            f"{len(failed)} of {count} pictures failed: {', '.join(failed)}; the others are done"
        )
    if not quiet:
        inform(f"{output / 'index.html'}: {count} pictures")
    return 0


def _base_values(config: Path | None) -> dict[str, object]:
    """Return the values that options override: those of the environment, then of the config file."""
    table: dict[str, object] = {}
    for file in config_files(config):
        table.update(read_config(file))
    return {**table, **environment_settings()}


def _parse_pictures(
    words: Sequence[Path], content_map: Path | None, style_map: Path | None, further: FurtherStyles
) -> Pictures:
    """Return the pictures of ``CONTENT STYLE``; STYLE alone, with both maps, is a doodle."""
    has_style_map = style_map is not None or further.need_no_first_map
    is_doodle = len(words) == 1 and content_map is not None and has_style_map
    if len(words) != 2 and not is_doodle:
        raise UsageError(
            f"got {len(words)} pictures, expected CONTENT and STYLE; STYLE alone is enough for a doodle, "
            f"which needs --content-map and --style-map"
        )
    refuse_single_map(content_map, style_map, further=further)
    return Pictures(None if is_doodle else words[0], words[-1], content_map, style_map, further=further)
