"""``glstylenet stylize``: the command that paints one content or a batch of them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from glstylenet.cli.options import (
    ConfigOption,
    ContentMapOption,
    DebugOption,
    JsonOption,
    OverwriteOption,
    PresetOption,
    QuietOption,
    StyleMapOption,
    VerboseOption,
    given_settings,
    resolve_settings,
    with_setting_options,
)
from glstylenet.cli.signals import StopSignals
from glstylenet.errors import UsageError

__all__ = ["stylize_command"]

_PicturesArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="CONTENT... STYLE",
        help="the pictures to repaint, or folders of them; last the picture that gives the brushwork",
        show_default=False,
    ),
]
_OutputOption = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        metavar="OUT",
        help="file for the result, whose suffix (.png, .jpg, ...) is its format, or a folder for results "
        "named CONTENT__STYLE.png; required, except with --recipe OLD.png (default OLD.again.png)",
    ),
]
_RecipeOption = Annotated[
    Path | None,
    typer.Option(
        "--recipe",
        metavar="FILE",
        help="picture that glstylenet made: repeat its run; options that are given override its settings",
    ),
]
_NoMetadataOption = Annotated[bool, typer.Option("--no-metadata", help="leave the recipe out of the result")]
_BitsOption = Annotated[
    int | None,
    typer.Option(
        "--bits", metavar="8|16", help="bits per colour of the result (default 8, or those of the recipe)"
    ),
]
_SaveEveryOption = Annotated[
    int | None,
    typer.Option(
        "--save-every",
        metavar="N",
        min=1,
        help="write a preview every N evaluations, such as OUT.0040.png after 40",
    ),
]

_ExplainOption = Annotated[
    bool,
    typer.Option(
        "--explain",
        help="write a page into the folder OUT.explain beside OUT.png: which part of the style painted which "
        "part of the result, the loss of each map class, and the loss curve (needs the extra 'report')",
    ),
]
_CheckpointOption = Annotated[
    Path | None,
    typer.Option(
        "--checkpoint",
        metavar="DIR",
        help="folder for the state of the run, from which --resume continues after an interruption; the "
        "state is removed when the result is written",
    ),
]
_ResumeOption = Annotated[
    bool,
    typer.Option(
        "--resume", help="continue from the state in --checkpoint DIR; the result is the same picture"
    ),
]
_DryRunOption = Annotated[
    bool,
    typer.Option("--dry-run", help="check everything and print sizes, tiles, memory and time; paint nothing"),
]


@with_setting_options
def stylize_command(
    pictures: _PicturesArgument = None,
    *,
    output: _OutputOption = None,
    content_map: ContentMapOption = None,
    style_map: StyleMapOption = None,
    preset: PresetOption = None,
    config: ConfigOption = None,
    recipe: _RecipeOption = None,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
    no_metadata: _NoMetadataOption = False,
    bits: _BitsOption = None,
    save_every: _SaveEveryOption = None,
    explain: _ExplainOption = False,
    checkpoint: _CheckpointOption = None,
    resume: _ResumeOption = False,
    dry_run: _DryRunOption = False,
    verbose: VerboseOption = False,
    quiet: QuietOption = False,
    debug: DebugOption = False,
    **options: object,
) -> int:
    """Repaint CONTENT with the brushwork of STYLE.

    STYLE alone, with --content-map and --style-map, paints a doodle: a picture made from the content map.
    """
    with StopSignals() as stop:
        if output is None and recipe is None:
            raise UsageError("got no output; give -o OUT, a file or a folder")
        # PyTorch takes seconds to import: not for --help, and only once signals are handled.
        from glstylenet.cli import painting, repetition
        from glstylenet.cli.dry_run import print_dry_run
        from glstylenet.cli.jobs import plan_jobs
        from glstylenet.cli.outputs import OutputOptions
        from glstylenet.cli.progress import Verbosity

        names: Sequence[str] = pictures or []
        recorded_bits, threads = 8, None
        if recipe is None:
            settings = resolve_settings(options, preset=preset, config=config)
        elif preset is not None or config is not None:
            raise UsageError("--recipe holds all settings; leave out --preset and --config")
        else:
            repeated = repetition.repeat_recipe(
                recipe, names, content_map, style_map, given_settings(options)
            )
            names, content_map, style_map = repeated.pictures, repeated.content_map, repeated.style_map
            settings, recorded_bits, threads = repeated.settings, repeated.bits, repeated.threads
            output = repetition.default_output(recipe) if output is None else output
        plan = plan_jobs(names, output or "", content_map=content_map, style_map=style_map)
        outputs = OutputOptions(
            overwrite=overwrite,
            bits=recorded_bits if bits is None else bits,
            metadata=not no_metadata,
            save_every=save_every,
            explain=explain,
            checkpoint=checkpoint,
            resume=resume,
        )
        with repetition.using_threads(threads):
            if dry_run:
                return print_dry_run(plan, settings, outputs, as_json=as_json)
            verbosity = Verbosity(verbose, quiet, debug)
            return painting.paint(plan, settings, outputs, verbosity, stop, as_json=as_json)
