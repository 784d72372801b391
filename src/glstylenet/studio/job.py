"""Job: one picture to paint, and its progress."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from glstylenet.errors import GLStyleNetError
from glstylenet.run import Style
from glstylenet.settings import (
    FurtherStyles,
    Pictures,
    Role,
    Settings,
    command_line,
    style_map_role,
    style_role,
)

__all__ = ["ACTIVE", "FINISHED", "ROLES", "Job", "repeating_command", "styles_of"]

ROLES = (Role.CONTENT, Role.STYLE, Role.CONTENT_MAP, Role.STYLE_MAP)
"""The pictures of a job with one style."""

ACTIVE = frozenset({"queued", "running", "stopping"})
FINISHED = frozenset({"done", "stopped", "failed"})


@dataclass
class Job:
    """`Job` holds what is written into ``job.json``.

    ``state``: queued, running, stopping, done, stopped, failed or interrupted. ``pictures``: the page's name
    of each picture, by role; further styles and their maps have the roles of
    :func:`~glstylenet.settings.style_role`. ``style_weights``: what each style weighs. ``regions``: by the
    colours of classes the number of the style, from 1, that alone they are painted from. ``class_names``: by
    colours, what the page's user calls classes. ``settings``: the values of all settings. ``progress``: that
    of the latest evaluation, or of the latest copies of strokes, whose ``seconds_left`` is ``None`` and
    ``losses`` empty; a run that only copies strokes has 0 ``evaluations``. ``preview``: the number of
    previews written so far.
    """

    id: str
    created: float
    preset: str | None
    settings: dict[str, Any]
    pictures: dict[str, str | None]
    command: str
    state: str = "queued"
    continued_from: str | None = None
    width: int | None = None
    height: int | None = None
    progress: dict[str, Any] | None = None
    losses: dict[str, float] | None = None
    seconds: float = 0.0
    error: str | None = None
    warnings: list[str] = field(default_factory=list)
    preview: int = 0
    has_result: bool = False
    style_weights: list[float] = field(default_factory=list)
    regions: dict[str, int] = field(default_factory=dict)
    class_names: dict[str, str] = field(default_factory=dict)

    @property
    def style_roles(self) -> list[tuple[str, str]]:
        """The roles of each style's picture and map, the first style first."""
        return _style_roles(self.pictures)

    def as_dict(self) -> dict[str, Any]:
        """Return the job for its file."""
        return asdict(self)

    def shown(self, queue_position: int | None) -> dict[str, Any]:
        """Return the job for the page, with the addresses of its pictures."""
        table = self.as_dict()
        for name in ("pictures", "has_result", "continued_from"):
            del table[name]
        start = f"/api/jobs/{self.id}"
        return {
            **table,
            **{role: self.pictures.get(role) for role in ROLES},
            "further_styles": [
                {"style": self.pictures[style], "style_map": self.pictures.get(style_map)}
                for style, style_map in self.style_roles[1:]
            ],
            "continue_from": self.continued_from,
            "queue_position": queue_position,
            "preview": f"{start}/preview.jpg?n={self.preview}" if self.preview else None,
            "thumbnail": f"{start}/thumbnail.jpg?n={self.preview}-{self.state}"
            if self.preview or self.has_result
            else None,
            "result": f"{start}/result.png" if self.has_result else None,
        }


def _style_roles(pictures: Mapping[str, str | None]) -> list[tuple[str, str]]:
    roles = [(style_role(number), style_map_role(number)) for number in range(1, len(pictures))]
    return [each for each in roles if pictures.get(each[0]) is not None]


def styles_of(
    pictures: Mapping[str, str | None],
    weights: Sequence[float],
    regions: Mapping[str, int],
    files: Mapping[str, Path],
) -> list[Style]:
    """Return the styles of a :class:`Job` or a request, whose pictures and maps are ``files`` by role."""
    roles = _style_roles(pictures)
    return [
        Style(
            files[style],
            files.get(style_map),
            weight,
            [colour for colour, bound in regions.items() if bound == number],
        )
        for number, ((style, style_map), weight) in enumerate(
            zip(roles, weights or [1.0] * len(roles), strict=True), start=1
        )
    ]


_REPEATED = ("device", "precision", "weights")
"""The settings of the server that a repetition on another machine needs."""


def repeating_command(job: Job, machine: Mapping[str, object]) -> str:
    """Return the command line that repeats ``job``, with the names that its pictures have as downloads.

    ``machine``: settings that the server chose, or what they were resolved to; its device, precision and
    weights are a part of the command, weights of a file by the file's name.
    """
    chosen = {name: machine[name] for name in _REPEATED if name in machine}
    settings = Settings(**{**job.settings, **chosen})
    if "/" in settings.weights or "\\" in settings.weights:
        settings = settings.replace(weights=Path(settings.weights).name)
    if job.continued_from is not None:
        settings = settings.replace(init="start.png")
    place = {role: Path(f"{role}.png") for role, name in job.pictures.items() if name is not None}
    pictures = Pictures(
        place.get(Role.CONTENT),
        place[Role.STYLE],
        place.get(Role.CONTENT_MAP),
        place.get(Role.STYLE_MAP),
        further=_further_styles(job, place),
    )
    try:
        return command_line(pictures, settings, "result.png", preset=job.preset)
    except GLStyleNetError:
        return command_line(pictures, settings, "result.png")


def _further_styles(job: Job, files: Mapping[str, Path]) -> FurtherStyles:
    """Return the styles after the first; weights that are all alike say nothing."""
    numbers = range(1, len(job.style_roles) + 1)
    return FurtherStyles(
        pictures=tuple(files[style] for style, _ in job.style_roles[1:]),
        maps=tuple(files.get(style_map) for _, style_map in job.style_roles[1:]),
        weights=tuple(job.style_weights) if len(set(job.style_weights)) > 1 else (),
        regions=tuple(
            tuple(colour for colour, bound in job.regions.items() if bound == number) for number in numbers
        )
        if job.regions
        else (),
    )
