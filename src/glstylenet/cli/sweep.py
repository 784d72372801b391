"""``glstylenet sweep``: one or two settings varied, as a contact sheet and a page."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from glstylenet.cli.console import complain, inform, print_json
from glstylenet.cli.interruption import Interruption
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
from glstylenet.errors import BatchError, UsageError
from glstylenet.settings import read_config

if TYPE_CHECKING:
    from glstylenet.report.workshop import Progress

__all__ = ["describe_progress", "sweep_command"]


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
            help="where pictures, sheet.png, index.html and results.json go; a sweep that was stopped goes on "
            "there",
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
    from glstylenet.report.grid import make_grid

    base = dict(_weaker(config))
    chosen = preset if preset is not None else base.pop("preset", None)
    given = {name: value for name, value in given_settings(options).items() if isinstance(value, str | bool)}
    grid = make_grid(given, base, preset=None if chosen is None else str(chosen))
    with Interruption() as stop:
        from glstylenet.report.sweep import open_sweep
        from glstylenet.report.workshop import Workshop

        sweep = open_sweep(grid, _pictures(pictures, content_map, style_map), output, overwrite=overwrite)
        done: list[object] = []

        def tell(progress: "Progress") -> None:
            stop.something_to_save(True)
            if not quiet:
                inform(describe_progress(progress))
            if progress.record is not None:
                done.append(progress.record)
                sweep.publish([r for r in sweep.ledger.records.values() if r.name in names])

        names = {task.name for task in sweep.tasks}
        workshop = Workshop(sweep.ledger, tell, lambda _event: None, stop.should_stop)
        records = workshop.paint(sweep.tasks)
        sweep.publish(records)
    return _finish(records, len(grid.cells), output, stop, as_json=as_json, quiet=quiet)
