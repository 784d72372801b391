"""``glstylenet demo``: the main job on pictures that ship with the package."""

import contextlib
from pathlib import Path
from typing import Annotated

import typer

from glstylenet.cli.options import (
    DebugOption,
    JsonOption,
    OverwriteOption,
    PresetOption,
    QuietOption,
    resolve_settings,
    with_setting_options,
)
from glstylenet.cli.signals import Interruption
from glstylenet.errors import GLStyleNetError
from glstylenet.samples import sample_file

__all__ = ["demo_command"]

_DEFAULT_OUTPUT = "glstylenet-demo.png"
_DEFAULT_PRESET = "portrait"
_SAMPLES = ("content.png", "style.png", "content_map.png", "style_map.png")

_OutputOption = Annotated[str, typer.Option("--output", "-o", metavar="OUT", help="where the picture goes")]


@with_setting_options
def demo_command(
    *,
    output: _OutputOption = _DEFAULT_OUTPUT,
    preset: PresetOption = None,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    debug: DebugOption = False,
    **options: object,
) -> int:
    """Paint a picture from the samples that ship with glstylenet: nothing else is needed."""
    # The samples are a painted face and its maps.
    settings = resolve_settings(options, preset=_DEFAULT_PRESET if preset is None else preset, config=None)
    with Interruption() as stop, contextlib.ExitStack() as files:
        from glstylenet.cli import painting, progress  # PyTorch is slow to import
        from glstylenet.cli.jobs import BatchPlan, Job

        content, style, content_map, style_map = (sample_file(name, files) for name in _SAMPLES)
        return painting.paint(
            BatchPlan((Job(content, style, content_map, style_map, Path(output)),), is_batch=False),
            settings,
            painting.Keeping(overwrite=overwrite or _is_own_picture(Path(output))),
            progress.Reporting(quiet=quiet, debug=debug),
            stop,
            as_json=as_json,
        )


def _is_own_picture(output: Path) -> bool:
    """Whether ``output`` is what an earlier demo left under its own name: that may be painted again."""
    from glstylenet.pictures import read_recipe

    if output != Path(_DEFAULT_OUTPUT) or not output.is_file():
        return False
    try:
        return read_recipe(output) is not None
    except GLStyleNetError:  # no picture at all: somebody else's file
        return False
