"""Every choice a user can make, in one frozen object that checks itself.

- ``model``: defines the settings with their defaults, ranges and help.
- ``presets``: names starting points for kinds of pictures.
- ``config``: reads settings from a TOML file.
- ``command_line``: writes the command that repeats a run.
"""

from glstylenet.settings.command_line import Pictures, command_line, option_name
from glstylenet.settings.config import read_config
from glstylenet.settings.model import GROUPS, INIT_CHOICES, FieldHelp, Settings, field_help, parse_bytes
from glstylenet.settings.presets import PRESETS, preset_settings

__all__ = [
    "GROUPS",
    "INIT_CHOICES",
    "PRESETS",
    "FieldHelp",
    "Pictures",
    "Settings",
    "command_line",
    "field_help",
    "option_name",
    "parse_bytes",
    "preset_settings",
    "read_config",
]
