"""``glstylenet demo``: the command that paints the pictures that come with the package."""

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
from glstylenet.cli.paths import output_path
from glstylenet.cli.signals import StopSignals
from glstylenet.errors import GLStyleNetError
from glstylenet.samples import sample_file

__all__ = ["demo_command"]

_DEFAULT_OUTPUT = Path("glstylenet-demo.png")
_DEFAULT_PRESET = "portrait"
_SAMPLES = ("content.png", "style.png", "content_map.png", "style_map.png")

_OutputOption = Annotated[
    Path, typer.Option("--output", "-o", metavar="OUT", parser=output_path, help="file for the picture")
]


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
    """Paint the sample pictures that come with glstylenet; no files of your own are needed."""
    # The samples are a face, a painted face and maps of both: the preset for portraits fits.
    settings = resolve_settings(options, preset=_DEFAULT_PRESET if preset is None else preset, config=None)
    with StopSignals() as stop, contextlib.ExitStack() as files:
        from glstylenet.cli import painting  # PyTorch is slow to import
        from glstylenet.cli.jobs import BatchPlan, Job
        from glstylenet.cli.outputs import OutputOptions
        from glstylenet.cli.progress import Verbosity

        content, style, content_map, style_map = (sample_file(name, files) for name in _SAMPLES)
        return painting.paint(
            BatchPlan((Job(content, style, content_map, style_map, output),), is_batch=False),
            settings,
            OutputOptions(overwrite=overwrite or _is_own_picture(output)),
            Verbosity(quiet=quiet, debug=debug),
            stop,
            as_json=as_json,
        )


def _is_own_picture(output: Path) -> bool:
    """Return whether ``output`` is an earlier demo's picture under the default name, to be replaced."""
    from glstylenet.pictures import read_recipe

    if output != _DEFAULT_OUTPUT or not output.is_file():
        return False
    try:
        return read_recipe(output) is not None
    except GLStyleNetError:  # not a picture: a file of the user's
        return False
