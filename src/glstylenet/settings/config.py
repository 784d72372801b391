"""Config: TODO-DOC."""

import os
import tomllib
from pathlib import Path

from glstylenet.errors import SettingsError
from glstylenet.settings.model import Settings

__all__ = ["read_config"]


def read_config(path: str | os.PathLike[str]) -> dict[str, object]:
    """Settings of a TOML config file: a flat table of setting names, and ``preset`` if wanted.

    Raises :class:`~glstylenet.errors.SettingsError` if it cannot be read, is not TOML or names an unknown
    setting. Values are checked when the settings are made.
    """
    file = Path(path)
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"the config file {file} cannot be used: {error}; expected TOML") from error
    known = {*Settings.model_fields, "preset"}
    for name in table:
        if name not in known:
            raise SettingsError(
                f"the config file {file} sets {name!r}, which is no setting; known: "
                f"{', '.join(sorted(known))}"
            )
    return table
