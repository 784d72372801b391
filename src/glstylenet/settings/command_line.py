"""Invocation: the command line that paints what a program painted."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from glstylenet.settings.model import Settings
from glstylenet.settings.presets import PRESETS

__all__ = ["Pictures", "command_line", "option_name"]


@dataclass(frozen=True)
class Pictures:
    """The files that a run paints from. ``content`` is ``None`` for a doodle, painted from its map."""

    content: Path | None
    style: Path
    content_map: Path | None = None
    style_map: Path | None = None

    def as_dict(self) -> dict[str, Path]:
        """Those that there are, by role."""
        roles = {
            "content": self.content,
            "style": self.style,
            "content_map": self.content_map,
            "style_map": self.style_map,
        }
        return {role: path for role, path in roles.items() if path is not None}


def option_name(field: str) -> str:
    """``content_weight`` as an option: ``--content-weight``."""
    return "--" + field.replace("_", "-")


def command_line(pictures: Pictures, settings: Settings, output: str, *, preset: str | None = None) -> str:
    """``glstylenet stylize ...`` that paints ``pictures`` with ``settings`` into ``output``, for a shell.

    Only what differs from the defaults, or from ``preset``'s values, is named.
    """
    words = ["glstylenet", "stylize"]
    words += [str(path) for path in (pictures.content, pictures.style) if path is not None]
    words += ["-o", output]
    if pictures.content_map is not None:
        words += ["--content-map", str(pictures.content_map)]
    if pictures.style_map is not None:
        words += ["--style-map", str(pictures.style_map)]
    if preset is not None:
        words += ["--preset", preset]
    for name, value in _differences(settings, preset).items():
        if isinstance(value, bool):
            words.append(option_name(name) if value else f"--no-{name.replace('_', '-')}")
        else:
            words += [option_name(name), str(value)]
    return shlex.join(words)


def _differences(settings: Settings, preset: str | None) -> dict[str, object]:
    base: Mapping[str, object] = {} if preset is None else PRESETS[preset].values
    usual = Settings(**base).model_dump()
    return {name: value for name, value in settings.model_dump().items() if value != usual[name]}
