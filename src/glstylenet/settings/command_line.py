"""Command line: the ``glstylenet stylize`` command that repeats a run."""

import shlex
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from glstylenet.settings.model import Settings
from glstylenet.settings.presets import PRESETS
from glstylenet.settings.roles import Pictures

__all__ = ["command_line", "option_name"]


def option_name(field: str) -> str:
    """Return the option of a setting.

    >>> option_name("content_weight")
    '--content-weight'
    """
    return "--" + field.replace("_", "-")


def command_line(
    pictures: Pictures,
    settings: Settings,
    output: str,
    *,
    preset: str | None = None,
    style_weights: Sequence[float] = (),
    regions: Mapping[str, int] = MappingProxyType({}),
) -> str:
    """Return the command that paints ``pictures`` with ``settings`` into ``output``, quoted for a shell.

    It names only the settings that differ from the defaults, or from ``preset``'s values. ``style_weights``
    are those of all styles, the first included; ``regions`` says by its colour from which style, from 1, a
    class is painted.

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
    words += _styles(pictures, style_weights, regions)
    if preset is not None:
        words += ["--preset", preset]
    for name, value in _differences(settings, preset).items():
        if isinstance(value, bool):
            words.append(option_name(name) if value else f"--no-{name.replace('_', '-')}")
        else:
            words += [option_name(name), str(value)]
    return shlex.join(words)


def _styles(pictures: Pictures, weights: Sequence[float], regions: Mapping[str, int]) -> list[str]:
    """Return the options of further styles, what all styles weigh, and the classes of each."""
    words = []
    for picture, _ in pictures.further:
        words += ["--add-style", str(picture)]
    if any(style_map is not None for _, style_map in pictures.further):
        for _, style_map in pictures.further:
            words += ["--add-style-map", "none" if style_map is None else str(style_map)]
    if len(set(weights)) > 1:
        words += ["--style-weights", ",".join(f"{weight:g}" for weight in weights)]
    for colour, number in regions.items():
        words += ["--region", f"{colour}={number}"]
    return words


def _differences(settings: Settings, preset: str | None) -> dict[str, object]:
    base: Mapping[str, object] = {} if preset is None else PRESETS[preset].values
    usual = Settings(**base).model_dump()
    return {name: value for name, value in settings.model_dump().items() if value != usual[name]}
