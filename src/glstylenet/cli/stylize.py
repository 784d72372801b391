"""``glstylenet stylize``: the main job, on one content or a batch of them."""

import contextlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from glstylenet.cli.console import complain, inform
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
from glstylenet.cli.signals import Interruption
from glstylenet.errors import InputError, UsageError
from glstylenet.settings import Settings

if TYPE_CHECKING:
    from glstylenet.run import Recipe

__all__ = ["stylize_command"]

_PicturesArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="CONTENT... STYLE",
        help="the pictures to repaint, or folders of them, and last the picture that gives the brushwork",
        show_default=False,
    ),
]
_OutputOption = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        metavar="OUT",
        help="where the result goes: a file, whose suffix (.png, .jpg, ...) chooses the format, or a folder "
        "for results named CONTENT__STYLE.png; needed except with --recipe, where OLD.again.png beside "
        "OLD.png is the default",
    ),
]
_RecipeOption = Annotated[
    Path | None,
    typer.Option(
        "--recipe",
        metavar="FILE",
        help="a picture that glstylenet made: repeat its run, with the options given here changed",
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
        help="keep a preview every N evaluations, named as OUT.0040.png is after 40",
    ),
]

_ExplainOption = Annotated[
    bool,
    typer.Option(
        "--explain",
        help="show what painted what, the loss by map class and the loss curve: a page and pictures in the "
        "folder OUT.explain beside OUT.png (extra 'report')",
    ),
]
_CheckpointOption = Annotated[
    Path | None,
    typer.Option(
        "--checkpoint",
        metavar="DIR",
        help="a folder for the state of the run, to go on from after an interruption; removed from there "
        "when the result is written",
    ),
]
_ResumeOption = Annotated[
    bool, typer.Option("--resume", help="go on from the state in --checkpoint DIR, to the same picture")
]
_DryRunOption = Annotated[
    bool,
    typer.Option("--dry-run", help="check everything and tell sizes, tiles, memory and time; paint nothing"),
]


@dataclass(frozen=True)
class _Task:
    """What the command line asks for: pictures as :func:`~glstylenet.cli.jobs.plan_jobs` takes them.

    ``bits`` of the result if the command line names none. ``threads``: how many to compute with, ``None`` for
    PyTorch's own choice.
    """

    words: Sequence[str]
    content_map: Path | None
    style_map: Path | None
    settings: Settings
    bits: int = 8
    threads: int | None = None


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

    STYLE alone, with --content-map and --style-map, paints a doodle: the content map in the style's manner.
    """
    with Interruption() as stop, contextlib.ExitStack() as held:
        place = _output(output, recipe)
        # PyTorch takes seconds to import: not for --help, and not before signals are answered.
        from glstylenet.cli import painting, progress
        from glstylenet.cli.dry_run import rehearse
        from glstylenet.cli.jobs import plan_jobs

        if recipe is None:
            settings = resolve_settings(options, preset=preset, config=config)
            task = _Task(pictures or [], content_map, style_map, settings)
        elif preset is not None or config is not None:
            raise UsageError("--recipe holds all settings; leave out --preset and --config")
        else:
            task = _repetition(recipe, pictures or [], content_map, style_map, given_settings(options))
        if task.threads is not None:
            held.enter_context(painting.using_threads(task.threads))
        plan = plan_jobs(task.words, place, content_map=task.content_map, style_map=task.style_map)
        depth = task.bits if bits is None else bits
        keeping = painting.Keeping(overwrite, depth, not no_metadata, save_every, explain, checkpoint, resume)
        if dry_run:
            return rehearse(plan, task.settings, keeping, as_json=as_json)
        return painting.paint(
            plan,
            task.settings,
            keeping,
            progress.Reporting(verbose, quiet, debug),
            stop,
            as_json=as_json,
        )


def _repetition(
    file: Path,
    words: Sequence[str],
    content_map: Path | None,
    style_map: Path | None,
    changes: Mapping[str, object],
) -> _Task:
    """What ``--recipe file`` asks for, with pictures and settings named beside it."""
    from glstylenet.pictures import read_recipe
    from glstylenet.run import find_inputs, parse_recipe, settings_to_repeat

    text = read_recipe(file)
    if text is None:
        raise InputError(f"{file}: holds no recipe; expected a picture that glstylenet wrote with one")
    recipe = parse_recipe(text)
    _say_differences(file, recipe)
    if "init" in changes:
        recipe = recipe.without("init")
    given: dict[str, Path | None] = {"content_map": content_map, "style_map": style_map}
    roles = [role for role in ("content", "style") if role in recipe.inputs]
    if words and len(words) != len(roles):
        raise UsageError(
            f"got {len(words)} pictures with --recipe; expected none, or the {' and '.join(roles)} that the "
            f"recipe was made from"
        )
    given.update(zip(roles, map(Path, words), strict=False))
    found = find_inputs(recipe, file.parent, given)
    settings = settings_to_repeat(recipe, file.parent, changes)
    return _Task(
        words=[str(found[role]) for role in roles],
        content_map=found.get("content_map"),
        style_map=found.get("style_map"),
        settings=settings,
        bits=recipe.bits,
        threads=_threads(file, recipe.threads) if settings.device == "cpu" else None,
    )


def _output(output: str | None, recipe: Path | None) -> str:
    """Where the result goes: ``old.again.png`` if ``old.png`` is repeated and nothing else was said."""
    if output is not None:
        return output
    if recipe is None:
        raise UsageError("got no place for the result; give -o OUT, a file or a folder")
    from glstylenet.pictures import output_format

    suffix = ".png" if output_format(recipe) is None else recipe.suffix
    return str(recipe.with_name(f"{recipe.stem}.again{suffix}"))


def _threads(file: Path, recorded: int) -> int:
    """The recorded number of threads, or as many as this machine can run at once."""
    most = os.cpu_count() or 1
    if recorded > most:
        complain(
            f"warning: {file} was made with {recorded} threads, and this machine has {most} processors; the "
            f"last digits may differ"
        )
    return min(recorded, most)


def _say_differences(file: Path, recipe: "Recipe") -> None:
    """Tell why a repetition may not give the very same picture."""
    from glstylenet.run import current_versions

    differences = [
        f"{name} {recipe.versions.get(name, 'unknown')} (here {version})"
        for name, version in current_versions().items()
        if recipe.versions.get(name) != version
    ]
    if differences:
        complain(f"warning: {file} was made with {', '.join(differences)}; the last digits may differ")
    if recipe.interrupted:
        inform(f"{file} is of a run that was interrupted; this one goes through all its iterations")
