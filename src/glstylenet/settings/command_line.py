"""Command line: the ``glstylenet stylize`` command that repeats a run."""

import shlex
from collections.abc import Mapping

from glstylenet.settings.model import Settings
from glstylenet.settings.presets import PRESETS
from glstylenet.settings.roles import FurtherStyles, Pictures

__all__ = ["command_line", "number_text", "option_name"]


def option_name(field: str) -> str:
    """Return the option of a setting.

    >>> option_name("content_weight")
    '--content-weight'
    """
    return "--" + field.replace("_", "-")


def number_text(number: float) -> str:
    """Return a number as one would type it, with all its digits.

    >>> number_text(1.0), number_text(1 / 3)
    ('1', '0.3333333333333333')
    """
    return str(number).removesuffix(".0")


def command_line(pictures: Pictures, settings: Settings, output: str, *, preset: str | None = None) -> str:
    """Return the command that paints ``pictures`` with ``settings`` into ``output``, quoted for a shell.

    It names only the settings that differ from the defaults, or from ``preset``'s values.

    >>> from pathlib import Path
    >>> command_line(Pictures(Path("a.png"), Path("b.png")), Settings(seed=7), "out.png")
    'glstylenet stylize a.png b.png -o out.png --seed 7'
    """
    words = ["glstylenet", "stylize"]
    words += [str(path) for path in (pictures.content, pictures.style) if path is not None]
    words += ["-o", output]
    if pictures.content_map is not None:
        words += ["--content-map", str(pictures.content_map)]
    if pictures.style_map is not None:
        words += ["--style-map", str(pictures.style_map)]
    words += _further_styles(pictures.further)
    if preset is not None:
        words += ["--preset", preset]
    for name, value in _differences(settings, preset).items():
        if isinstance(value, bool):
            words.append(option_name(name) if value else f"--no-{name.replace('_', '-')}")
        else:
            words += [option_name(name), str(value)]
    return shlex.join(words)


def _further_styles(further: FurtherStyles) -> list[str]:
    """Return the options that name the styles after the first, and what each of all styles weighs."""
    words = []
    for picture in further.pictures:
        words += ["--add-style", str(picture)]
    if any(own_map is not None for own_map in further.maps):
        for own_map in further.maps:
            words += ["--add-style-map", "none" if own_map is None else str(own_map)]
    if further.weights:
        words += ["--style-weights", ",".join(map(number_text, further.weights))]
    for number, classes in enumerate(further.regions, start=1):
        for name in classes:
            words += ["--region", f"{name}={number}"]
    return words


def _differences(settings: Settings, preset: str | None) -> dict[str, object]:
    base: Mapping[str, object] = {} if preset is None else PRESETS[preset].values
    usual = Settings(**base).model_dump()
    return {name: value for name, value in settings.model_dump().items() if value != usual[name]}
