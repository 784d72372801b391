"""Options: how the settings become options of the commands.

Every field of :class:`~glstylenet.settings.Settings` is an option; names, help, defaults and ranges are read
from there. An option that is not given is ``None``. Each source overrides those to its right:

    option  >  environment  >  config file  >  preset  >  default
"""

import functools
import inspect
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, get_args

import platformdirs
import typer

from glstylenet.cli.paths import input_path
from glstylenet.errors import UsageError
from glstylenet.settings import (
    GROUPS,
    ONE_STYLE,
    PRESETS,
    FieldHelp,
    FurtherStyles,
    Settings,
    field_help,
    option_name,
    preset_settings,
    read_config,
)

__all__ = [
    "ENVIRONMENT",
    "ConfigOption",
    "ContentArgument",
    "ContentMapOption",
    "DebugOption",
    "JsonOption",
    "OverwriteOption",
    "PresetOption",
    "QuietOption",
    "StyleArgument",
    "StyleMapOption",
    "VerboseOption",
    "config_files",
    "environment_settings",
    "given_settings",
    "refuse_single_map",
    "resolve_settings",
    "user_config",
    "with_options_of",
    "with_setting_options",
]

ENVIRONMENT: Mapping[str, str] = {"device": "GLSTYLENET_DEVICE", "weights": "GLSTYLENET_WEIGHTS"}
"""The environment variables, by the setting that they choose."""

_MAPS = field_help("semantic_weight").group

ContentArgument = Annotated[
    Path,
    typer.Argument(metavar="CONTENT", parser=input_path, help="the picture to repaint", show_default=False),
]
StyleArgument = Annotated[
    Path,
    typer.Argument(
        metavar="STYLE", parser=input_path, help="the picture that gives the brushwork", show_default=False
    ),
]
ContentMapOption = Annotated[
    Path | None,
    typer.Option(
        "--content-map",
        "--content-mask",
        metavar="MAP",
        parser=input_path,
        help="picture that marks the regions of the content, one flat colour each; for several contents one "
        "that fits all of them, or a folder with a map of the same name for each",
        rich_help_panel=_MAPS,
    ),
]
StyleMapOption = Annotated[
    Path | None,
    typer.Option(
        "--style-map",
        "--style-mask",
        metavar="MAP",
        parser=input_path,
        help="picture that marks the regions of the style, in the same colours",
        rich_help_panel=_MAPS,
    ),
]
PresetOption = Annotated[
    str | None,
    typer.Option(
        "--preset",
        metavar="NAME",
        help="settings to start from: "
        + ", ".join(f"{name} ({preset.description})" for name, preset in PRESETS.items()),
        autocompletion=lambda: list(PRESETS),
    ),
]
ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        parser=input_path,
        help="TOML file of settings, such as content_weight = 20 or preset = 'artistic'; by default "
        "glstylenet/config.toml in the user's configuration folder, if there is one",
    ),
]
OverwriteOption = Annotated[bool, typer.Option("--overwrite", help="replace a result that exists")]
JsonOption = Annotated[bool, typer.Option("--json", help="print one JSON object on standard output")]
VerboseOption = Annotated[
    bool, typer.Option("--verbose", "-v", help="also print classes, scales, device, weights and memory")
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="print warnings and errors only")]
DebugOption = Annotated[bool, typer.Option("--debug", help="show the traceback of an error")]


def with_setting_options(command: Callable[..., int]) -> Callable[..., int]:
    """Give ``command`` an option for each setting; they arrive as its keyword arguments."""
    return with_options_of(*Settings.model_fields)(command)


def with_options_of(*names: str) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Give a command options for the settings ``names``; they arrive as its keyword arguments.

    typer builds options from a function's signature, so the signature is written here.
    """

    def decorate(command: Callable[..., int]) -> Callable[..., int]:
        signature = inspect.signature(command)
        own = [
            parameter
            for parameter in signature.parameters.values()
            if parameter.kind is not inspect.Parameter.VAR_KEYWORD
        ]

        @functools.wraps(command)
        def wrapper(*arguments: object, **options: object) -> int:
            return command(*arguments, **options)

        options = sorted([*own, *map(_parameter, names)], key=_place_in_help)
        wrapper.__signature__ = signature.replace(parameters=options)  # type: ignore[attr-defined]
        return wrapper

    return decorate


def environment_settings(environment: Mapping[str, str] = os.environ) -> dict[str, object]:
    """Return the settings that environment variables name.

    >>> environment_settings({"GLSTYLENET_DEVICE": "cpu"})
    {'device': 'cpu'}
    """
    return {name: environment[key] for name, key in ENVIRONMENT.items() if environment.get(key)}


def given_settings(options: Mapping[str, object]) -> dict[str, object]:
    """Return the settings that the command line names."""
    return {name: value for name, value in options.items() if value is not None}


def refuse_single_map(
    content_map: Path | None, style_map: Path | None, further: FurtherStyles = ONE_STYLE
) -> None:
    """Raise :class:`~glstylenet.errors.UsageError` if one picture has a map and the other none.

    Further styles may have the map, or take whole classes.
    """
    if (content_map is None) != (style_map is None) and not further.need_no_first_map:
        lacking = "--style-map" if style_map is None else "--content-map"
        raise UsageError(f"got one map; both pictures need one, so add {lacking}, or leave both out")


def resolve_settings(
    options: Mapping[str, object],
    *,
    preset: str | None,
    config: Path | None,
    environment: Mapping[str, str] = os.environ,
) -> Settings:
    """Return the settings from all sources: options override the environment, then config file and preset.

    Raises :class:`~glstylenet.errors.SettingsError` naming field, value and range.
    """
    values: dict[str, object] = {}
    for file in config_files(config):
        values.update(read_config(file))
    named = values.pop("preset", None)
    chosen = preset if preset is not None else named
    values.update(environment_settings(environment))
    values.update(given_settings(options))
    return Settings(**values) if chosen is None else preset_settings(str(chosen), **values)


def config_files(config: Path | None) -> tuple[Path, ...]:
    """Return the config file that is read, if any: ``config``, or else the user's own."""
    file = config or user_config()
    return () if file is None else (file,)


def user_config() -> Path | None:
    """Return the user's own config file, ``None`` if there is none."""
    path = platformdirs.user_config_path("glstylenet") / "config.toml"
    return path if os.path.isfile(path) else None


def _place_in_help(parameter: inspect.Parameter) -> int:
    """Return the sort key of an option: those without a group come first, then the groups in their order."""
    [option] = get_args(parameter.annotation)[1:]
    group = option.rich_help_panel
    return GROUPS.index(group) if group in GROUPS else -1


def _parameter(name: str) -> inspect.Parameter:
    """Return one setting as a parameter for typer. Values stay text: only ``Settings`` converts them."""
    about = field_help(name)
    is_flag = about.kind == "bool"
    completions = about.choices or about.suggestions
    option = typer.Option(
        f"{option_name(name)}/--no-{name.replace('_', '-')}" if is_flag else option_name(name),
        help=_help(about),
        metavar=None if is_flag else _metavar(about),
        rich_help_panel=about.group,
        show_default=False,
        autocompletion=(lambda: list(completions)) if completions else None,
    )
    kind = Annotated[bool | None if is_flag else str | None, option]  # type: ignore[valid-type]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind)


def _metavar(about: FieldHelp) -> str:
    if about.choices:
        return "|".join(about.choices)
    return "NUMBER" if about.kind in ("int", "float") else about.name.upper()


def _help(about: FieldHelp) -> str:
    """Return the description, then the paper's symbol, the default and the range in brackets.

    The metavar already shows the values of a choice.
    """
    details = [about.symbol] if about.symbol else []
    if about.default is not None:
        details.append(f"default {_as_typed(about.default)}")
    if about.limits and not about.choices:
        details.append(about.limits)
    if about.name in ENVIRONMENT:
        details.append(f"environment {ENVIRONMENT[about.name]}")
    return f"{about.description} ({'; '.join(details)})" if details else about.description


def _as_typed(value: object) -> str:
    """Return a default as the user would type it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value)
