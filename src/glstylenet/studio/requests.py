"""Requests: turns the requests of the page into jobs, or refuses them with a sentence."""

import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from glstylenet.errors import InputError, SettingsError, UsageError
from glstylenet.maps import PictureMap, label_maps
from glstylenet.pictures import Picture, read_picture
from glstylenet.run import Sources, prepare_inputs, read_sources
from glstylenet.settings import INIT_CHOICES, Role, Settings, preset_settings
from glstylenet.studio.job import ROLES, Job, repeating_command
from glstylenet.studio.setting_schema import MOST_ITERATIONS, OFFERED, PALETTE
from glstylenet.studio.storage import Storage
from glstylenet.studio.time_estimates import EstimateRequest

__all__ = ["JobRequest", "MapsRequest", "Requests"]

_SAMPLE = "sample:"


class JobRequest(BaseModel):
    """`JobRequest` is the request of a run. Pictures are named by their ids, or ``sample:demo``."""

    model_config = ConfigDict(extra="forbid")

    content: str | None = Field(default=None, max_length=100)
    style: str = Field(max_length=100)
    content_map: str | None = Field(default=None, max_length=100)
    style_map: str | None = Field(default=None, max_length=100)
    preset: str | None = Field(default=None, max_length=100)
    settings: dict[str, bool | int | float | str | None] = Field(default_factory=dict)
    continue_from: str | None = Field(default=None, max_length=100)


class MapsRequest(BaseModel):
    """`MapsRequest` is the request to check two maps, with the pictures that they belong to."""

    model_config = ConfigDict(extra="forbid")

    content: str = Field(max_length=100)
    style: str = Field(max_length=100)
    content_map: str = Field(max_length=100)
    style_map: str = Field(max_length=100)


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
            raise InputError(f"there is no picture {name!r} for the {role.replace('_', ' ')}; load it again")
        return found

    def settings(self, request: JobRequest | EstimateRequest) -> Settings:
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
        files: dict[str, Path] = {
            role: self.file(name, role) for role in ROLES if (name := getattr(request, role)) is not None
        }
        chosen = settings if before is None else settings.replace(init=str(before))
        with self._storage.limiter.slot():
            sources = read_sources(
                files.get(Role.CONTENT),
                files[Role.STYLE],
                content_map=files.get(Role.CONTENT_MAP),
                style_map=files.get(Role.STYLE_MAP),
                settings=chosen,
            )
            self._check_sizes(sources)  # before memory of these sizes is allocated
            prepare_inputs(sources, chosen)
            del sources
        self._storage.make_room(sum(file.stat().st_size for file in files.values()))
        job = Job(
            id=self._storage.new_id(),
            created=time.time(),
            preset=request.preset,
            settings=settings.model_dump(mode="json"),
            pictures={role: getattr(request, role) for role in ROLES},
            command="",
            continued_from=request.continue_from,
        )
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
        sizes = {"picture": (sources.size, "size"), "style": (sources.style_size, "style_scale")}
        for what, ((height, width), setting) in sizes.items():
            if height * width > self._storage.max_pixels:
                raise SettingsError(
                    f"the {what} would have {width} x {height} pixels, and at most "
                    f"{self._storage.max_pixels:,} in all are painted here; choose a smaller {setting}"
                )

    def classes(self, request: MapsRequest) -> dict[str, object]:
        """Return the classes of two maps, their shares, and warnings."""
        with self._storage.limiter.slot():
            read: dict[str, Picture] = {
                role: read_picture(self.file(getattr(request, role), role)) for role in ROLES
            }
            semantics = label_maps(
                [
                    PictureMap(read[f"{role}_map"].over_white, role, read[role].size)
                    for role in (Role.CONTENT, Role.STYLE)
                ]
            )
        names = {colour: name for name, colour in PALETTE.items()}
        return {
            "classes": [
                {
                    "colour": each.colour_name,
                    "name": names.get(each.colour_name, each.colour_name),
                    "content_share": each.shares[0],
                    "style_share": each.shares[1],
                    "missing_in_style": each.shares[1] == 0,
                }
                for each in semantics.classes
            ],
            "warnings": list(semantics.warnings),
        }


def _copy(source: Path, place: Path) -> None:
    """Link ``source`` at ``place``, or copy it where the file system has no hard links."""
    try:
        os.link(source, place)
    except OSError:
        try:
            shutil.copyfile(source, place)
        except OSError as error:
            raise UsageError(f"the picture could not be stored ({error.strerror})") from error
