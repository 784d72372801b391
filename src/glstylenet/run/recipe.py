"""Recipes: what is needed to compute a picture again, as JSON inside the picture.

A recipe names the settings that took effect, the inputs by name and SHA-256, the weights, the versions of the
software, and the losses of the result. It holds no date and no duration: the same run writes the same bytes.
Pictures are passed on, so folders are left out unless asked for; then paths are relative to the picture's own
folder, so that a folder can be moved as a whole.

A recipe that is read may be anybody's. Its JSON is parsed by a schema; of what it names only ordinary files
are opened, under relative paths, and every picture must have the recorded SHA-256.
"""

import hashlib
import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import PIL
import torch
from pydantic import BaseModel, Field, StrictBool, StrictInt, TypeAdapter

import glstylenet
from glstylenet.errors import InputError, SettingsError, WeightsError
from glstylenet.files import open_regular, parse_json
from glstylenet.network import EMBEDDED, FULL, load_weights
from glstylenet.run.inputs import Inputs
from glstylenet.run.result import Result
from glstylenet.settings import INIT_CHOICES, Role, Settings, excerpt, style_map_role, style_role

__all__ = [
    "Recipe",
    "RecipeInput",
    "RecipeStyle",
    "current_versions",
    "find_inputs",
    "make_recipe",
    "parse_recipe",
    "settings_to_repeat",
]


_MOST_THREADS = 1024


_LONGEST_NAME = 200
"""Characters of a recorded name in a message."""


_HOW_TO_GIVE: Mapping[str, str] = {
    Role.CONTENT: "give all pictures on the command line",
    Role.STYLE: "give all pictures on the command line",
    Role.CONTENT_MAP: "give it with --content-map",
    Role.STYLE_MAP: "give it with --style-map",
    Role.INIT: "give it with --init",
}


_MOST_STYLES = 64


@dataclass(frozen=True)
class RecipeInput:
    """`RecipeInput` names one picture of a run.

    ``path`` is its name, or its path relative to the recipe's folder; ``None`` for an array.
    """

    path: str | None
    sha256: str


@dataclass(frozen=True)
class RecipeStyle:
    """`RecipeStyle` holds what one of several styles weighs, and the classes bound to it by their colours."""

    weight: float
    regions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Recipe:
    """`Recipe` holds a recipe that was read.

    - ``settings``: with the device and the precision that they were resolved to; a path in ``init`` or
      ``weights`` is relative to the recipe's folder.
    - ``inputs``: by role (content, style, content_map, style_map, init; of further styles style_2,
      style_map_2 and so on). ``styles``: what each of several styles weighs, none for a single one.
    - ``bits``: of each colour of the picture. ``threads``: those that the run computed with.
    - ``interrupted``: the run was stopped after ``evaluations``.
    """

    settings: Settings
    inputs: Mapping[str, RecipeInput]
    weights_digest: str
    versions: Mapping[str, str]
    bits: int
    threads: int
    evaluations: int
    interrupted: bool
    styles: tuple[RecipeStyle, ...] = ()

    def without(self, role: str) -> "Recipe":
        """Return a copy without the input ``role``."""
        return replace(self, inputs={name: entry for name, entry in self.inputs.items() if name != role})


class _Weights(BaseModel):
    """`_Weights` is the schema of what a recipe says of the weights."""

    digest: str


class _Table(BaseModel):
    """`_Table` is the schema of a recipe's JSON; what else it holds is not needed to repeat a run."""

    settings: dict[str, bool | int | float | str | None]
    inputs: dict[str, RecipeInput]
    weights: _Weights
    versions: dict[str, Annotated[str, Field(max_length=100)]]
    bits: Literal[8, 16] = 8
    threads: Annotated[StrictInt, Field(ge=1, le=_MOST_THREADS)]
    evaluations: Annotated[StrictInt, Field(ge=0)]
    interrupted: StrictBool = False
    styles: Annotated[list[RecipeStyle], Field(max_length=_MOST_STYLES)] = []


_TABLE = TypeAdapter(_Table)


def current_versions() -> dict[str, str]:
    """Return the versions of the software that decide the last bits of a result."""
    return {
        "glstylenet": glstylenet.__version__,
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "numpy": np.__version__,
        "pillow": PIL.__version__,
    }


def make_recipe(result: Result, *, folder: Path, bits: int = 8, with_folders: bool = False) -> str:
    """Return the recipe of ``result`` as one line of JSON, for a picture of ``bits`` in ``folder``.

    Files are called by their names alone; ``with_folders``: by their paths relative to ``folder``.
    """

    def called(path: Path) -> str:
        return _relative(path, folder) if with_folders else path.name

    inputs = {
        role: {"path": None if picture.path is None else called(picture.path), "sha256": picture.sha256}
        for role, picture in result.inputs.origins.items()
    }
    # "auto" depends on the machine; a repetition needs what it was resolved to.
    settings = result.settings.replace(device=result.device, precision=result.precision)
    if Role.INIT in inputs and inputs[Role.INIT]["path"] is not None:
        settings = settings.replace(init=inputs[Role.INIT]["path"])
    origin = result.weights.origin
    if settings.weights not in (EMBEDDED, FULL):
        origin = called(Path(settings.weights).expanduser())
        settings = settings.replace(weights=origin)
    recipe: dict[str, object] = {
        "versions": current_versions(),
        "settings": settings.model_dump(mode="json"),
        "inputs": inputs,
        "weights": {"origin": origin, "digest": result.weights.digest},
        "device": result.device,
        "precision": result.precision,
        "bits": bits,
        "threads": torch.get_num_threads(),
        "evaluations": result.evaluations,
        "losses": result.losses.as_dict(),
    }
    if len(result.inputs.styles) > 1:
        recipe["styles"] = [asdict(each) for each in _styles(result.inputs)]
    if (semantics := result.inputs.semantics) is not None and settings.maps != "given":
        # Nobody drew these: a repetition proposes them again.
        recipe["proposed_maps"] = [
            {"colour": each.colour_name, **dict(zip(semantics.roles, each.shares, strict=True))}
            for each in semantics.classes
        ]
    if result.interrupted:
        recipe["interrupted"] = True
    return json.dumps(recipe)


def parse_recipe(text: str) -> Recipe:
    """Read the JSON that :func:`make_recipe` returns.

    Raises :class:`~glstylenet.errors.InputError` for anything else.
    """
    try:
        table = parse_json(_TABLE, text)
        settings = Settings(**table.settings)
        _check_inputs(table.inputs, table.styles, settings)
    except SettingsError as error:
        raise InputError(
            f"the recipe cannot be repeated by glstylenet {glstylenet.__version__}: {error}"
        ) from error
    except ValueError as error:
        raise InputError(
            f"the recipe is damaged or not one of glstylenet's ({error}); expected the JSON that glstylenet "
            f"writes into its pictures"
        ) from error
    return Recipe(
        settings=settings,
        inputs=table.inputs,
        weights_digest=table.weights.digest,
        versions=table.versions,
        bits=table.bits,
        threads=table.threads,
        evaluations=table.evaluations,
        interrupted=table.interrupted,
        styles=tuple(table.styles),
    )


def find_inputs(recipe: Recipe, folder: Path, given: Mapping[str, Path | None]) -> dict[str, Path]:
    """Return the pictures of a recipe by role: those ``given``, else the recorded names in ``folder``.

    Each file must hold the recorded bytes; raises :class:`~glstylenet.errors.InputError` naming file and
    hashes otherwise. A picture that was an array must be given, and is not checked: an array's hash is not
    that of any file.
    """
    found: dict[str, Path] = {}
    for role, entry in recipe.inputs.items():
        path = given.get(role)
        if path is None and entry.path is not None:
            path = _recorded(folder, entry.path, f"the recipe's {_words(role)}", _how_to_give(role))
        if path is None:
            raise InputError(
                f"the recipe's {_words(role)} was not a file but an array in memory; name a file with the "
                f"same picture on the command line"
            )
        if entry.path is not None:
            _check_hash(path, role, entry.sha256)
        found[role] = path
    for role, path in given.items():
        if path is not None and role not in recipe.inputs:
            raise InputError(
                f"{path} was given as {_words(role)}, and the recipe has none; its inputs are "
                f"{', '.join(_words(known) for known in recipe.inputs)}. Leave it out, or leave out --recipe"
            )
    return found


def settings_to_repeat(recipe: Recipe, folder: Path, changes: Mapping[str, object]) -> Settings:
    """Return the recorded settings with ``changes``; recorded paths are taken from ``folder``.

    Raises :class:`~glstylenet.errors.WeightsError` if the weights are no longer the recorded ones.
    """
    paths: dict[str, object] = {}
    if recipe.settings.init not in INIT_CHOICES:
        paths["init"] = str(
            _recorded(folder, recipe.settings.init, "the picture to start from", _HOW_TO_GIVE[Role.INIT])
        )
    if recipe.settings.weights not in (EMBEDDED, FULL):
        file = _recorded(folder, recipe.settings.weights, "the weights file", "give it with --weights")
        paths["weights"] = str(file.absolute())  # else a name that begins with ~ would be another file
    settings = recipe.settings.replace(**{**paths, **changes})
    if "weights" not in changes:
        digest = load_weights(settings.weights).digest
        if digest != recipe.weights_digest:
            raise WeightsError(
                f"the weights {settings.weights} have the digest {digest[:12]}, the recipe was made with "
                f"{recipe.weights_digest[:12]}; give other weights with --weights"
            )
    return settings


def _styles(inputs: Inputs) -> list[RecipeStyle]:
    """Return what each style weighs, and the colours of its classes."""
    classes = () if inputs.semantics is None else inputs.semantics.classes
    return [
        RecipeStyle(style.weight, tuple(classes[number].colour_name for number in sorted(style.classes)))
        for style in inputs.styles
    ]


def _how_to_give(role: str) -> str:
    """Return how to name the picture of ``role`` on the command line."""
    if role in _HOW_TO_GIVE:
        return _HOW_TO_GIVE[role]
    is_map = role.startswith(Role.STYLE_MAP)
    return f"give all further {'maps' if is_map else 'styles'} with --add-style{'-map' if is_map else ''}"


def _check_inputs(
    inputs: Mapping[str, RecipeInput], styles: Sequence[RecipeStyle], settings: Settings
) -> None:
    """Raise ``ValueError`` unless these are the inputs of a run with ``settings``."""
    further = [style_role(number) for number in range(2, len(styles) + 1)]
    maps = [style_map_role(number) for number in range(1, len(styles) + 1)] or [Role.STYLE_MAP.value]
    unknown = sorted(set(inputs) - {*_HOW_TO_GIVE, *further, *maps})
    if unknown:
        raise ValueError(f"inputs: {excerpt(unknown[0])} is no picture of a run")
    if Role.STYLE not in inputs or not {Role.CONTENT, Role.CONTENT_MAP} & set(inputs):
        raise ValueError(f"inputs: {', '.join(inputs) or 'none'}; expected a style and a content or its map")
    if lacking := sorted(set(further) - set(inputs)):
        raise ValueError(f"inputs: no {_words(lacking[0])}, and there are {len(styles)} styles")
    is_bound = any(each.regions for each in styles)
    has_map, has_style_map = Role.CONTENT_MAP in inputs, bool(set(maps) & set(inputs))
    if has_map != has_style_map and not (has_map and is_bound):
        raise ValueError("inputs: one map without the other")
    # Whatever is read as the picture to start from has a SHA-256, like the others.
    if (Role.INIT in inputs) != (settings.init not in INIT_CHOICES):
        raise ValueError(f"init is {excerpt(settings.init)}, and the inputs say otherwise")
    if Role.INIT in inputs and inputs[Role.INIT].path not in (None, settings.init):
        raise ValueError("the picture to start from has two names")


def _recorded(folder: Path, name: str, what: str, advice: str) -> Path:
    """Return the file that a recipe in ``folder`` calls ``name``.

    Raises :class:`~glstylenet.errors.InputError` for a path that does not begin in the recipe's folder: a
    stranger's recipe could name any file, or a server in the network.
    """
    if Path(name).anchor:
        raise InputError(
            f"the recipe calls {what} {excerpt(name)}, expected a name or a relative path; {advice}"
        )
    return folder / name


def _relative(path: Path, folder: Path) -> str:
    """Return ``path`` relative to ``folder``, with forward slashes."""
    try:
        return Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()
    except ValueError:  # Windows has no relative path to another drive, and a recipe holds no other one
        return path.name


def _check_hash(path: Path, role: str, expected: str) -> None:
    try:
        with open_regular(path) as file:
            got = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(
            f"{_clipped(path)}: the recipe's {_words(role)} cannot be read ({error.strerror}); put the file "
            f"there, or, wherever it is, {_how_to_give(role)}"
        ) from error
    if got != expected:
        raise InputError(
            f"{_clipped(path)}: the recipe's {_words(role)} has changed: SHA-256 {got[:12]}, expected "
            f"{expected[:12]}; put the recorded file back, or, wherever it is, {_how_to_give(role)}; "
            f"without --recipe, this one is painted from"
        )


def _words(role: str) -> str:
    return role.replace("_", " ")


def _clipped(path: Path) -> str:
    """Return the beginning of a path that a recipe may have made as long as it likes."""
    text = str(path)
    return text if len(text) <= _LONGEST_NAME else f"{text[:_LONGEST_NAME]}..."
