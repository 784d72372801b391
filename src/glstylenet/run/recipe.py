"""Recipes: what is needed to compute a picture again, as JSON inside the picture.

A recipe names the settings that took effect, the inputs by path and SHA-256, the weights, the versions of the
software, and the losses of the result. It holds no date and no duration: the same run writes the same bytes.
Paths are relative to the picture's own folder, so that a folder can be moved as a whole.
"""

import hashlib
import json
import os
import platform
from collections.abc import Container, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import PIL
import torch

import glstylenet
from glstylenet.errors import InputError, SettingsError, WeightsError
from glstylenet.network import EMBEDDED, FULL, load_weights
from glstylenet.run.result import Result
from glstylenet.settings import INIT_CHOICES, Settings

__all__ = [
    "Recipe",
    "RecipeInput",
    "current_versions",
    "find_inputs",
    "make_recipe",
    "parse_recipe",
    "settings_to_repeat",
]


_MOST_THREADS = 1024


@dataclass(frozen=True)
class RecipeInput:
    """`RecipeInput` names one picture of a run; ``path`` is relative to the recipe, ``None`` for an array."""

    path: str | None
    sha256: str


@dataclass(frozen=True)
class Recipe:
    """`Recipe` holds a recipe that was read.

    - ``settings``: with the device and the precision that they were resolved to; a path in ``init`` or
      ``weights`` is relative to the recipe's folder.
    - ``inputs``: by role (content, style, content_map, style_map, init).
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

    def without(self, role: str) -> "Recipe":
        """Return a copy without the input ``role``."""
        return replace(self, inputs={name: entry for name, entry in self.inputs.items() if name != role})


def current_versions() -> dict[str, str]:
    """Return the versions of the software that decide the last bits of a result."""
    return {
        "glstylenet": glstylenet.__version__,
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "numpy": np.__version__,
        "pillow": PIL.__version__,
    }


def make_recipe(result: Result, *, folder: Path, bits: int = 8) -> str:
    """Return the recipe of ``result`` as one line of JSON, for a picture of ``bits`` in ``folder``."""
    inputs = {
        role: {
            "path": None if picture.path is None else _relative(picture.path, folder),
            "sha256": picture.sha256,
        }
        for role, picture in result.inputs.origins.items()
    }
    # "auto" depends on the machine; a repetition needs what it was resolved to.
    settings = result.settings.replace(device=result.device, precision=result.precision)
    if "init" in inputs and inputs["init"]["path"] is not None:
        settings = settings.replace(init=inputs["init"]["path"])
    origin = result.weights.origin
    if settings.weights not in (EMBEDDED, FULL):
        origin = _relative(Path(settings.weights).expanduser(), folder)
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
    if result.interrupted:
        recipe["interrupted"] = True
    return json.dumps(recipe)


def parse_recipe(text: str) -> Recipe:
    """Read the JSON that :func:`make_recipe` returns.

    Raises :class:`~glstylenet.errors.InputError` for anything else.
    """
    try:
        table = json.loads(text)
        return Recipe(
            settings=Settings(**table["settings"]),
            inputs={
                str(role): RecipeInput(
                    path=None if entry["path"] is None else str(entry["path"]), sha256=str(entry["sha256"])
                )
                for role, entry in table["inputs"].items()
            },
            weights_digest=str(table["weights"]["digest"]),
            versions={str(name): str(version) for name, version in table["versions"].items()},
            bits=_whole(table.get("bits", 8), "bits", (8, 16)),
            threads=_whole(table["threads"], "threads", range(1, _MOST_THREADS + 1)),
            evaluations=int(table["evaluations"]),
            interrupted=bool(table.get("interrupted", False)),
        )
    except SettingsError as error:
        raise InputError(
            f"the recipe cannot be repeated by glstylenet {glstylenet.__version__}: {error}"
        ) from error
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise InputError(
            f"the recipe is damaged or not one of glstylenet's ({type(error).__name__}: {error}); expected "
            f"the JSON that glstylenet writes into its pictures"
        ) from error


def find_inputs(recipe: Recipe, folder: Path, given: Mapping[str, Path | None]) -> dict[str, Path]:
    """Return the pictures of a recipe by role: those ``given``, else the recorded paths from ``folder``.

    Each file must hold the recorded bytes; raises :class:`~glstylenet.errors.InputError` naming file and
    hashes otherwise. A picture that was an array must be given, and is not checked: an array's hash is not
    that of any file.
    """
    found: dict[str, Path] = {}
    for role, entry in recipe.inputs.items():
        path = given.get(role)
        if path is None and entry.path is not None:
            path = folder / entry.path
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
        paths["init"] = str(folder / recipe.settings.init)
    if recipe.settings.weights not in (EMBEDDED, FULL):
        paths["weights"] = str(folder / recipe.settings.weights)
    settings = recipe.settings.replace(**{**paths, **changes})
    if "weights" not in changes:
        digest = load_weights(settings.weights).digest
        if digest != recipe.weights_digest:
            raise WeightsError(
                f"the weights {settings.weights} have the digest {digest[:12]}, the recipe was made with "
                f"{recipe.weights_digest[:12]}; give other weights with --weights"
            )
    return settings


def _whole(value: object, name: str, allowed: Container[int]) -> int:
    """Return ``value`` if it is an allowed whole number: a picture from elsewhere may hold anything."""
    if type(value) is not int or value not in allowed:
        raise ValueError(f"{name} is {value!r}, out of range")
    return value


def _relative(path: Path, folder: Path) -> str:
    """Return ``path`` relative to ``folder``, with forward slashes."""
    try:
        return Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()
    except ValueError:  # Windows has no relative path to another drive
        return path.resolve().as_posix()


def _check_hash(path: Path, role: str, expected: str) -> None:
    try:
        with path.open("rb") as file:
            got = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(
            f"{path}: the recipe's {_words(role)} cannot be read ({error.strerror}); put it back, or name "
            f"the file that it became on the command line"
        ) from error
    if got != expected:
        raise InputError(
            f"{path}: the recipe's {_words(role)} has changed: SHA-256 {got[:12]}, expected {expected[:12]}; "
            f"put the recorded file back, or leave out --recipe to paint from this one"
        )


def _words(role: str) -> str:
    return role.replace("_", " ")
