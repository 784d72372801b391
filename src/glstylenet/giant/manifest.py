"""Manifest: what a giant run is, and which of its steps are done, as JSON in its store.

It is replaced whole after every step. What decides the picture is in its identity: a store is continued by no
other run.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, TypeAdapter

from glstylenet.errors import InputError
from glstylenet.files import open_regular, parse_json, write_text
from glstylenet.run import Identity

__all__ = ["COARSE", "FORMAT", "GiantOptions", "Manifest", "StoredStyle", "read_manifest", "write_manifest"]

COARSE = "coarse"
"""The name of the step that paints the coarsest size whole."""

_FILE = "manifest.json"

FORMAT: Final = 4
"""Raised whenever a store holds other things, or under other names."""

_Count = Annotated[int, Field(ge=1)]


@dataclass(frozen=True)
class GiantOptions:
    """`GiantOptions` says how a picture is painted area by area.

    ``area``: longest side of an area in pixels. ``sweeps``: how often every area is visited at each size.
    ``evaluations``: those of each area in each sweep; ``None`` divides those that ``quality`` sets for full
    size among the sweeps. ``coarse_pixels``: up to so many pixels the picture is painted whole.
    """

    area: _Count = 1024
    sweeps: _Count = 2
    evaluations: int | None = None
    coarse_pixels: int = 4_000_000


@dataclass(frozen=True)
class StoredStyle:
    """`StoredStyle` is a style of the run of a store.

    ``role``: of its picture, and its name in the store. ``own_size``: the (height, width) as it was read,
    ``size``: at full size. ``weight`` and ``regions``: those of :class:`~glstylenet.Style`. ``classes``: the
    numbers, from 0, of the classes that ``regions`` names; known once the coarse part is done.
    """

    role: str
    own_size: tuple[int, int]
    size: tuple[int, int]
    weight: float = 1.0
    regions: tuple[str | int, ...] = ()
    classes: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        """What messages call it, such as "style 2"."""
        return self.role.replace("_", " ")

    @property
    def map_name(self) -> str:
        """The name of its class channels in the store."""
        return f"{self.role}-map"


@dataclass(frozen=True)
class Manifest:
    """`Manifest` describes the run of a store.

    ``sizes``: the (height, width) of the picture from the coarse one to the result's, each double the one
    before. ``styles``: those that something is painted from. ``evaluations``: of each area in each sweep.
    ``settings``: all that take effect, as JSON. ``is_grey``: whether the result is to be grey; known once the
    coarse part is done. ``format``: changes with what a store holds. ``done``: the names of the steps that
    are done. ``smaller_from``: the first size whose areas have half the side, for want of memory; ``None``
    without.
    """

    identity: Identity
    sizes: Annotated[Sequence[tuple[_Count, _Count]], Field(min_length=1)]
    styles: Annotated[Sequence[StoredStyle], Field(min_length=1)]
    options: GiantOptions
    evaluations: int
    settings: dict[str, bool | int | float | str | None]
    format: Literal[4]
    is_grey: bool = False
    done: tuple[str, ...] = ()
    smaller_from: int | None = None

    def factor(self, number: int) -> float:
        """Return the size ``number`` relative to the result's."""
        return 0.5 ** (len(self.sizes) - 1 - number)

    def area_of(self, number: int) -> int | None:
        """Return the longest side of an area at the size ``number``; ``None`` for the coarse one."""
        if number == 0:
            return None
        return self.options.area // 2 if self._is_smaller(number) else self.options.area

    def place(self, number: int) -> str:
        """Return the folder of the size ``number`` in the store.

        Smaller areas have another one: a worker may still write an area that was given up.
        """
        return f"size-{number}-smaller" if self._is_smaller(number) else f"size-{number}"

    def _is_smaller(self, number: int) -> bool:
        return self.smaller_from is not None and number >= self.smaller_from

    def with_done(self, name: str) -> "Manifest":
        """Return the manifest with one more step done."""
        return replace(self, done=(*self.done, name))


_SCHEMA = TypeAdapter(Manifest)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Replace the manifest of the store in ``folder``."""
    write_text(folder / _FILE, json.dumps(asdict(manifest), indent=1), overwrite=True)


def read_manifest(folder: Path) -> Manifest | None:
    """Return the manifest of the store in ``folder``, ``None`` if there is none.

    Raises :class:`~glstylenet.errors.InputError` for what is no manifest.
    """
    path = folder / _FILE
    try:
        with open_regular(path) as file:
            text = file.read().decode("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path}: cannot be read ({error}); choose another folder for the store, or repair it"
        ) from error
    try:
        return parse_json(_SCHEMA, text)
    except ValueError as error:
        if (other := _other_format(text)) is not None:
            raise InputError(
                f"{path}: the store is of another version of glstylenet (its format is {other}, not "
                f"{FORMAT}); resume it with that version, or choose another folder for the store"
            ) from error
        raise InputError(
            f"{path}: is not the manifest of a giant run ({error}); choose another folder for the store, "
            f"or empty this one"
        ) from error


def _other_format(text: str) -> int | None:
    """Return the format of a manifest of another version; ``None`` for what is no manifest."""
    try:
        found = json.loads(text)["format"]
    except (ValueError, TypeError, KeyError):
        return None
    return found if isinstance(found, int) and found != FORMAT else None
