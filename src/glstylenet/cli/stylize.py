"""``glstylenet stylize``: the command that paints one content or a batch of them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from glstylenet.cli.further_styles import (
    AddStyleMapOption,
    AddStyleOption,
    RegionOption,
    StyleOptions,
    StyleWeightsOption,
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
    VerboseOption,
    config_files,
    given_settings,
    resolve_settings,
    with_setting_options,
)
from glstylenet.cli.output_options import (
    BitsOption,
    CheckpointOption,
    ExplainOption,
    NoMetadataOption,
    OutputOption,
    RecipePathsOption,
    ResumeOption,
    SaveEveryOption,
    SkipExistingOption,
)
from glstylenet.cli.paths import input_path
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
_RecipeOption = Annotated[
    Path | None,
    typer.Option(
        "--recipe",
        metavar="FILE",
        parser=input_path,
        help="picture that glstylenet made: repeat its run; options that are given override its settings",
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
    output: OutputOption = None,
    content_map: ContentMapOption = None,
    style_map: StyleMapOption = None,
    add_style: AddStyleOption = None,
    add_style_map: AddStyleMapOption = None,
    style_weights: StyleWeightsOption = None,
    region: RegionOption = None,
    preset: PresetOption = None,
    config: ConfigOption = None,
    recipe: _RecipeOption = None,
    overwrite: OverwriteOption = False,
    skip_existing: SkipExistingOption = False,
    as_json: JsonOption = False,
    no_metadata: NoMetadataOption = False,
    recipe_paths: RecipePathsOption = False,
    bits: BitsOption = None,
    save_every: SaveEveryOption = None,
    explain: ExplainOption = False,
    checkpoint: CheckpointOption = None,
    resume: ResumeOption = False,
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
        if overwrite and skip_existing:
            raise UsageError("got --overwrite and --skip-existing; give one of them, or neither")
        # PyTorch takes seconds to import: not for --help, and only once signals are handled.
        from glstylenet.cli import painting, repetition
        from glstylenet.cli.dry_run import print_dry_run
        from glstylenet.cli.jobs import plan_jobs
        from glstylenet.cli.outputs import OutputOptions
        from glstylenet.cli.progress import Verbosity
        from glstylenet.machine import using_threads

        names: Sequence[str] = pictures or []
        style_options = StyleOptions(add_style or [], add_style_map or [], style_weights, region or [])
        recorded_bits, threads = 8, None
        if recipe is None:
            settings = resolve_settings(options, preset=preset, config=config)
            also_read: Sequence[Path] = config_files(config)
            further = style_options.parsed()
        elif preset is not None or config is not None:
            raise UsageError("--recipe holds all settings; leave out --preset and --config")
        else:
            repeated = repetition.repeat_recipe(
                recipe,
                names,
                content_map,
                style_map,
                style_options=style_options,
                changes=given_settings(options),
            )
            further = repeated.further
            names, content_map, style_map = repeated.pictures, repeated.content_map, repeated.style_map
            settings, recorded_bits, threads = repeated.settings, repeated.bits, repeated.threads
            also_read = (recipe,)
            output = repetition.default_output(recipe) if output is None else output
        plan = plan_jobs(
            names,
            output or "",
            content_map=content_map,
            style_map=style_map,
            also_read=also_read,
            further=further,
        )
        outputs = OutputOptions(
            overwrite=overwrite,
            skip_existing=skip_existing,
            bits=recorded_bits if bits is None else bits,
            metadata=not no_metadata,
            recipe_paths=recipe_paths,
            save_every=save_every,
            explain=explain,
            checkpoint=checkpoint,
            resume=resume,
        )
        with using_threads(threads):
            if dry_run:
                return print_dry_run(plan, settings, outputs, as_json=as_json)
            verbosity = Verbosity(verbose, quiet, debug)
            return painting.paint(plan, settings, outputs, verbosity, stop, as_json=as_json)
