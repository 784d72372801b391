"""Config: settings that a user keeps in a TOML file."""

import os
import tomllib
from pathlib import Path

from glstylenet.errors import SettingsError
from glstylenet.settings.model import Settings

__all__ = ["read_config"]


def read_config(path: str | os.PathLike[str]) -> dict[str, object]:
    """Return the table of a TOML config file: values by the names of settings, perhaps with a ``preset``.

    The names are checked here, the values when the settings are made. Raises
    :class:`~glstylenet.errors.SettingsError` if the file cannot be read, is not TOML or names an unknown
    setting.
    """
    file = Path(path)
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"the config file {file} cannot be used: {error}; expected TOML") from error
    known = {*Settings.model_fields, "preset"}
    for name in table:
        if name not in known:
            raise SettingsError(
                f"the config file {file} sets {name!r}, which is not a setting; the settings are "
                f"{', '.join(sorted(known))}"
            )
    return table
