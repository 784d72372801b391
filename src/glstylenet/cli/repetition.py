"""Repetition: the run that a recipe describes, with the pictures and settings that are given as well."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from glstylenet.cli.console import complain, inform
from glstylenet.cli.further_styles import StyleOptions, parse_regions, parse_weights
from glstylenet.errors import InputError, UsageError
from glstylenet.pictures import output_format, read_recipe
from glstylenet.run import Recipe, current_versions, find_inputs, parse_recipe, settings_to_repeat
from glstylenet.settings import FurtherStyles, Role, Settings, style_map_role, style_role

__all__ = ["Repetition", "default_output", "repeat_recipe"]


@dataclass(frozen=True)
class Repetition:
    """A run to repeat.

    ``pictures`` are content and style, as :func:`~glstylenet.cli.jobs.plan_jobs` takes them. ``bits`` are
    those of each colour of the recorded result. ``threads`` is how many to compute with, ``None`` for
    PyTorch's own choice.
    """

    pictures: Sequence[str]
    content_map: Path | None
    style_map: Path | None
    further: FurtherStyles
    settings: Settings
    bits: int
    threads: int | None


def repeat_recipe(
    file: Path,
    pictures: Sequence[str],
    content_map: Path | None,
    style_map: Path | None,
    *,
    style_options: StyleOptions,
    changes: Mapping[str, object],
) -> Repetition:
    """Return the run recorded in ``file``, with pictures in new places and with ``changes`` to its settings.

    Raises :class:`~glstylenet.errors.InputError` if the file has no recipe or an input has changed.
    """
    text = read_recipe(file)
    if text is None:
        raise InputError(f"{file}: holds no recipe; expected a picture that glstylenet wrote with one")
    recipe = parse_recipe(text)
    _warn_of_differences(file, recipe)
    if "init" in changes:
        recipe = recipe.without(Role.INIT)
    given: dict[str, Path | None] = {Role.CONTENT_MAP: content_map, Role.STYLE_MAP: style_map}
    roles = [role for role in (Role.CONTENT, Role.STYLE) if role in recipe.inputs]
    if pictures and len(pictures) != len(roles):
        raise UsageError(
            f"got {len(pictures)} pictures with --recipe; expected none, or the {' and '.join(roles)} that "
            f"the recipe was made from"
        )
    given.update(zip(roles, map(Path, pictures), strict=False))
    given |= _given_styles(recipe, style_options)
    found = find_inputs(recipe, file.parent, given)
    settings = settings_to_repeat(recipe, file.parent, changes)
    return Repetition(
        pictures=[str(found[role]) for role in roles],
        content_map=found.get(Role.CONTENT_MAP),
        style_map=found.get(Role.STYLE_MAP),
        further=_further_styles(recipe, found, style_options),
        settings=settings,
        bits=recipe.bits,
        threads=_threads(file, recipe.threads) if settings.device == "cpu" else None,
    )


def _given_styles(recipe: Recipe, options: StyleOptions) -> dict[str, Path | None]:
    """Return the further styles that are given in place of the recipe's, by role."""
    count = max(0, len(recipe.styles) - 1)
    if len(options.pictures) not in (0, count):
        raise UsageError(
            f"got {len(options.pictures)} --add-style with --recipe; expected none, or the {count} that the "
            f"recipe was made from"
        )
    given: dict[str, Path | None] = {}
    for number, path in enumerate(options.pictures, start=2):
        given[style_role(number)] = path
    for number, path_of_map in enumerate(options.map_paths(), start=2):
        given[style_map_role(number)] = path_of_map
    return given


def _further_styles(recipe: Recipe, found: Mapping[str, Path], options: StyleOptions) -> FurtherStyles:
    """Return the recorded styles with what the options change."""
    count = max(1, len(recipe.styles))
    numbers = range(2, count + 1)
    weights = tuple(each.weight for each in recipe.styles)
    regions = tuple(each.regions for each in recipe.styles)
    return FurtherStyles(
        tuple(found[style_role(number)] for number in numbers),
        tuple(found.get(style_map_role(number)) for number in numbers),
        weights if options.weights is None else parse_weights(options.weights, count),
        parse_regions(options.regions, count) if options.regions else regions,
    )


def default_output(recipe: Path) -> str:
    """Return the name of a repetition's result: ``old.again.png`` beside ``old.png``.

    >>> default_output(Path("old.gif"))
    'old.again.png'
    """
    suffix = ".png" if output_format(recipe) is None else recipe.suffix
    return str(recipe.with_name(f"{recipe.stem}.again{suffix}"))


def _threads(file: Path, recorded: int) -> int:
    """Return the recorded number of threads, or as many as this machine can run at once."""
    most = os.cpu_count() or 1
    if recorded > most:
        complain(
            f"warning: {file} was made with {recorded} threads, and this machine has {most} processors; the "
            f"last digits may differ"
        )
    return min(recorded, most)


def _warn_of_differences(file: Path, recipe: Recipe) -> None:
    """Print why a repetition may not give the very same picture."""
    differences = [
        f"{name} {recipe.versions.get(name, 'unknown')} (here {version})"
        for name, version in current_versions().items()
        if recipe.versions.get(name) != version
    ]
    if differences:
        complain(f"warning: {file} was made with {', '.join(differences)}; the last digits may differ")
    if recipe.interrupted:
        inform(f"{file} is of a run that was interrupted; this one goes through all its iterations")
