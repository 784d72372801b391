"""Requests: turns the requests of the page into jobs, or refuses them with a sentence."""

import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from glstylenet.errors import InputError, SettingsError, UsageError
from glstylenet.maps import MAX_CLASSES
from glstylenet.run import Sources, check_maps, prepare_inputs, read_sources
from glstylenet.settings import (
    INIT_CHOICES,
    Role,
    Settings,
    preset_settings,
    style_map_role,
    style_role,
)
from glstylenet.studio.job import ROLES, Job, repeating_command, styles_of
from glstylenet.studio.setting_schema import MOST_ITERATIONS, MOST_STYLES, OFFERED, PALETTE
from glstylenet.studio.storage import Storage
from glstylenet.studio.time_estimates import EstimateRequest

__all__ = ["JobRequest", "MapsRequest", "Requests", "StyleRequest", "StylesRequest", "TrialsRequest"]

_SAMPLE = "sample:"

_NAMES = {colour: name for name, colour in PALETTE.items()}

_Colour = Annotated[str, Field(pattern="^#[0-9a-f]{6}$")]

_ClassName = Annotated[str, Field(min_length=1, max_length=80)]


class StyleRequest(BaseModel):
    """`StyleRequest` names the picture of a further style, and its map where it has one."""

    model_config = ConfigDict(extra="forbid")

    style: str = Field(max_length=100)
    style_map: str | None = Field(default=None, max_length=100)


class StylesRequest(BaseModel):
    """`StylesRequest` names the pictures of a run by their ids, or ``sample:demo``.

    ``style_weights``: how much each style counts, the first included, relative to the others; all alike if
    there are none. ``regions``: by the colours of classes the number of the style, from 1, that alone they
    are painted from. ``class_names``: by colours, what classes are called; they change nothing.
    """

    model_config = ConfigDict(extra="forbid")

    content: str | None = Field(default=None, max_length=100)
    style: str = Field(max_length=100)
    content_map: str | None = Field(default=None, max_length=100)
    style_map: str | None = Field(default=None, max_length=100)
    further_styles: list[StyleRequest] = Field(default_factory=list)
    style_weights: list[float] = Field(default_factory=list)
    regions: dict[str, int] = Field(default_factory=dict, max_length=MAX_CLASSES)
    class_names: dict[_Colour, _ClassName] = Field(default_factory=dict, max_length=MAX_CLASSES)

    @property
    def pictures(self) -> dict[str, str | None]:
        """The names of all pictures by role."""
        named: dict[str, str | None] = {role: getattr(self, role) for role in ROLES}
        for number, each in enumerate(self.further_styles, start=2):
            named |= {style_role(number): each.style, style_map_role(number): each.style_map}
        return named


class JobRequest(StylesRequest):
    """`JobRequest` is the request of a run."""

    preset: str | None = Field(default=None, max_length=100)
    settings: dict[str, bool | int | float | str | None] = Field(default_factory=dict)
    continue_from: str | None = Field(default=None, max_length=100)


class MapsRequest(StylesRequest):
    """`MapsRequest` is the request to check the maps of a run."""


class TrialsRequest(BaseModel):
    """`TrialsRequest` is the request to try weights for two pictures, around those of ``settings``."""

    model_config = ConfigDict(extra="forbid")

    content: str = Field(max_length=100)
    style: str = Field(max_length=100)
    content_map: str | None = Field(default=None, max_length=100)
    style_map: str | None = Field(default=None, max_length=100)
    preset: str | None = Field(default=None, max_length=100)
    settings: dict[str, bool | int | float | str | None] = Field(default_factory=dict)


class Requests:
    """`Requests` turns requests into jobs on ``storage``.

    ``samples``: the shipped pictures by role. ``machine``: the settings that the server chooses.
    """

    def __init__(self, storage: Storage, samples: Mapping[str, Path], machine: Mapping[str, object]) -> None:
        self._storage, self._samples, self._machine = storage, samples, machine

    def file(self, name: str, role: str) -> Path:
        """Return the picture of a request; raise :class:`~glstylenet.errors.InputError` if it is missing."""
        if name.startswith(_SAMPLE):
            found = self._samples.get(role) if name == f"{_SAMPLE}demo" else None
        else:
            found = self._storage.picture(name)
        if found is None:
            raise InputError(f"there is no picture {name!r} for the {_words(role)}; load it again")
        return found

    def settings(self, request: JobRequest | EstimateRequest | TrialsRequest) -> Settings:
        """Return the settings of a request; raise :class:`~glstylenet.errors.SettingsError` for bad ones."""
        for name in request.settings:
            if name not in OFFERED:
                raise SettingsError(f"{name!r} cannot be chosen here; what can is {', '.join(OFFERED)}")
        init = request.settings.get("init", INIT_CHOICES[0])
        if init not in INIT_CHOICES:
            raise SettingsError(f"init is {init!r}; expected one of {', '.join(INIT_CHOICES)}")
        values: dict[str, Any] = dict(request.settings)
        chosen = Settings(**values) if request.preset is None else preset_settings(request.preset, **values)
        if chosen.iterations is not None and chosen.iterations > MOST_ITERATIONS:
            raise SettingsError(f"iterations is {chosen.iterations:,}; at most {MOST_ITERATIONS:,} here")
        return chosen

    def job(self, request: JobRequest, before: Path | None) -> Job:
        """Create a job and its folder; ``before``: the picture of an earlier run, to start from.

        Raises the errors of :mod:`glstylenet.errors` for inputs that cannot be painted.
        """
        settings = self.settings(request)
        _check_styles(request)
        files: dict[str, Path] = {
            role: self.file(name, role) for role, name in request.pictures.items() if name is not None
        }
        job = Job(
            id=self._storage.new_id(),
            created=time.time(),
            preset=request.preset,
            settings=settings.model_dump(mode="json"),
            pictures=request.pictures,
            command="",
            continued_from=request.continue_from,
            style_weights=request.style_weights,
            regions=request.regions,
            class_names=dict(request.class_names),
        )
        chosen = settings if before is None else settings.replace(init=str(before))
        with self._storage.limiter.slot():
            sources = read_sources(
                files.get(Role.CONTENT),
                styles_of(job.pictures, job.style_weights, job.regions, files),
                content_map=files.get(Role.CONTENT_MAP),
                style_map=None,
                settings=chosen,
            )
            self._check_sizes(sources)  # before memory of these sizes is allocated
            prepare_inputs(sources, chosen)
            del sources
        self._storage.make_room(sum(file.stat().st_size for file in files.values()))
        job.command = repeating_command(job, self._machine)
        folder = self._storage.make_folder(job.id)
        try:
            for role, file in files.items():
                _copy(file, folder / f"{role}.png")
            if before is not None:
                _copy(before, folder / "start.png")
        except BaseException:
            self._storage.remove(job.id)
            raise
        return job

    def _check_sizes(self, sources: Sources) -> None:
        """Refuse a result or a style with more pixels than the server allows."""
        sizes = {
            "picture": (sources.size, "size"),
            **{style.name: (style.size, "style_scale") for style in sources.styles},
        }
        for what, ((height, width), setting) in sizes.items():
            if height * width > self._storage.max_pixels:
                raise SettingsError(
                    f"the {what} would have {width} x {height} pixels, and at most "
                    f"{self._storage.max_pixels:,} in all are painted here; choose a smaller {setting}"
                )

    def classes(self, request: MapsRequest) -> dict[str, object]:
        """Return the classes of the maps, their shares, what is painted from which style, and warnings."""
        _check_styles(request)
        files = {role: self.file(name, role) for role, name in request.pictures.items() if name is not None}
        if Role.CONTENT_MAP not in files:
            raise UsageError("got no map of the content; the styles' alone tell nothing")
        with self._storage.limiter.slot():
            check = check_maps(
                files[Role.CONTENT_MAP],
                styles_of(request.pictures, request.style_weights, request.regions, files),
                content=files.get(Role.CONTENT),
                settings=Settings(),
            )
        further = [_words(style_role(2 + k)) for k in range(len(request.further_styles))]
        styles = {name: number for number, name in enumerate((Role.STYLE.value, *further), start=1)}
        found = check.semantics
        classes = []
        for number, (each, is_lacking) in enumerate(zip(found.classes, check.lacking, strict=True)):
            shares = dict(zip(found.roles, each.shares, strict=True))
            classes.append(
                {
                    "colour": each.colour_name,
                    "name": _NAMES.get(each.colour_name, each.colour_name),
                    "content_share": each.shares[0],
                    "style_share": shares.get(Role.STYLE),
                    "further_style_shares": [shares.get(name) for name in further],
                    "missing_in_style": is_lacking,
                    "painted_from": styles.get(check.owners.get(number, "")),
                }
            )
        return {"classes": classes, "warnings": list(check.warnings)}


def _check_styles(request: StylesRequest) -> None:
    """Raise :class:`~glstylenet.errors.SettingsError` for styles that a run cannot have together."""
    count = 1 + len(request.further_styles)
    if count > MOST_STYLES:
        raise SettingsError(f"got {count} styles, and at most {MOST_STYLES} are painted from here")
    if len(request.style_weights) not in (0, count):
        raise SettingsError(
            f"the number of weights is {len(request.style_weights)}, and that of styles {count}; give one "
            "weight for each style, or none"
        )
    for colour, number in request.regions.items():
        if not 1 <= number <= count:
            name = request.class_names.get(colour) or _NAMES.get(colour, "")
            called = f"{name} ({colour})" if name else colour
            styles = "there is one style" if count == 1 else f"the styles are 1 to {count}"
            raise SettingsError(f"{called[:120]} is to be painted from style {number}, and {styles}")


def _words(role: str) -> str:
    """Return what messages call the picture of ``role``.

    >>> _words("content_map"), _words("style_2"), _words("style_map_2")
    ('content map', 'style 2', 'map of style 2')
    """
    numbered = role.removeprefix(f"{Role.STYLE_MAP}_")
    return role.replace("_", " ") if numbered == role else f"map of style {numbered}"


def _copy(source: Path, place: Path) -> None:
    """Link ``source`` at ``place``, or copy it where the file system has no hard links."""
    try:
        os.link(source, place)
    except OSError:
        try:
            shutil.copyfile(source, place)
        except OSError as error:
            raise UsageError(f"the picture could not be stored ({error.strerror})") from error
