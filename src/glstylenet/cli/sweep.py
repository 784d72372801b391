"""``glstylenet sweep``: one or two settings varied, as a contact sheet and a page."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from glstylenet.cli.console import complain, inform, print_json
from glstylenet.cli.options import (
    ConfigOption,
    ContentMapOption,
    DebugOption,
    JsonOption,
    OverwriteOption,
    PresetOption,
    QuietOption,
    StyleMapOption,
    environment_settings,
    given_settings,
    user_config,
    with_setting_options,
)
from glstylenet.cli.signals import Interruption
from glstylenet.errors import BatchError, UsageError
from glstylenet.settings import read_config

if TYPE_CHECKING:
    from glstylenet.report import Progress, Record, Sweep
    from glstylenet.settings import Pictures

__all__ = ["describe_progress", "picked_pictures", "sweep_command"]


@with_setting_options
def sweep_command(
    pictures: Annotated[
        list[Path],
        typer.Argument(
            metavar="CONTENT STYLE",
            help="the picture to repaint and the one that gives the brushwork; a doodle has no CONTENT",
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
            help="where pictures, sheet.png, index.html and results.json go; a stopped sweep goes on there",
        ),
    ],
    content_map: ContentMapOption = None,
    style_map: StyleMapOption = None,
    preset: PresetOption = None,
    config: ConfigOption = None,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    debug: DebugOption = False,
    **options: object,
) -> int:
    """Paint CONTENT in the manner of STYLE with every combination of one or two settings.

    Give a setting, or the preset, several values with commas between: --local-weight 50,100,500.
    """
    from glstylenet.report import make_grid

    base = _weaker(config)
    named = base.pop("preset", None)
    chosen = preset if preset is not None else named
    given = {name: value for name, value in given_settings(options).items() if isinstance(value, str | bool)}
    grid = make_grid(given, base, preset=None if chosen is None else str(chosen))
    sources = picked_pictures(pictures, content_map, style_map)
    with Interruption() as stop:
        from glstylenet.files import claim_output
        from glstylenet.report import open_sweep

        sweep = open_sweep(grid, sources, output, overwrite=overwrite)
        with claim_output(output):
            records = _paint(sweep, stop, quiet=quiet)
    if as_json:
        print_json({"output": str(output), "results": [asdict(record) for record in records]})
    return _verdict(records, len(grid.cells), output, stop, quiet=quiet)


def _paint(sweep: "Sweep", stop: Interruption, *, quiet: bool) -> "list[Record]":
    """Paint what is missing; sheet and page follow picture by picture."""
    from glstylenet.report import Runner

    records: list[Record] = []

    def report(progress: "Progress") -> None:
        if not quiet:
            inform(describe_progress(progress))
        if progress.record is not None:
            records.append(progress.record)
            stop.something_to_save(True)
        if progress.state in ("done", "failed"):
            sweep.publish(records)

    Runner(sweep.results, report, _ignore, stop.should_stop).paint(sweep.tasks)
    sweep.publish(records)
    return records


def _ignore(_event: object) -> None:
    """What single evaluations tell is not passed on."""


def _verdict(
    records: "Sequence[Record]", count: int, output: Path, stop: Interruption, *, quiet: bool
) -> int:
    """Tell how it ended; the exit code, or :class:`~glstylenet.errors.BatchError`."""
    failed = [record.name for record in records if not record.is_done]
    if len(records) < count:
        complain(
            f"stopped; {len(records) - len(failed)} of {count} pictures are in {output}, and the same "
            f"command goes on there"
        )
        return stop.exit_code
    if failed:
        raise BatchError(
            f"{len(failed)} of {count} pictures failed: {', '.join(failed)}; the others are done"
        )
    if not quiet:
        inform(f"{output / 'index.html'}: {count} pictures")
    return 0


def _weaker(config: Path | None) -> dict[str, object]:
    """What stands below options: the environment, then the config file."""
    file = config or user_config()
    table = {} if file is None else read_config(file)
    return {**table, **environment_settings()}


def describe_progress(progress: "Progress") -> str:
    """One line on a picture of many."""
    line = f"[{progress.number}/{progress.count}] {progress.name}: {progress.state}"
    record = progress.record
    if record is None:
        return line
    if record.error is not None:
        return f"{line}: {record.error}"
    loss = f", loss {record.losses['total']:.4g}" if record.losses else ""
    return f"{line}, {record.seconds:.1f} s{loss}"


def picked_pictures(words: Sequence[Path], content_map: Path | None, style_map: Path | None) -> "Pictures":
    """The pictures that ``CONTENT STYLE`` name; STYLE alone, with both maps, is a doodle."""
    from glstylenet.settings import Pictures

    is_doodle = len(words) == 1 and content_map is not None and style_map is not None
    if len(words) != 2 and not is_doodle:
        raise UsageError(
            f"got {len(words)} pictures, expected CONTENT and STYLE; STYLE alone is enough for a doodle, "
            f"which needs --content-map and --style-map"
        )
    if (content_map is None) != (style_map is None):
        lacking = "--style-map" if style_map is None else "--content-map"
        raise UsageError(
            f"got one map; regions are named on both pictures, so add {lacking}, or leave both out"
        )
    return Pictures(None if is_doodle else words[0], words[-1], content_map, style_map)
