"""Every choice a user can make, in one frozen object that checks itself.

Each setting is declared once, in the file of its theme. The command line, its help, the tables of the
documentation, the config file, the recipe, the checkpoint and the studio's page follow from there.

- ``content``: declares the settings of the content term.
- ``patches``: declares the settings of the local term and of the semantic maps.
- ``statistics``: declares the settings of the global term.
- ``smoothness``: declares the setting of the smoothness term.
- ``fusion``: declares the setting of the pyramid fusion.
- ``pictures``: declares the settings of what is read, at which size, and of what follows.
- ``quality``: names how much work a run spends.
- ``optimisation``: declares the settings of the optimisation and its sizes.
- ``machine``: declares the settings of the device, its memory and the weights.
- ``theme``: defines how a theme declares a setting.
- ``model``: joins the themes into ``Settings``.
- ``help``: describes a setting to help pages.
- ``byte_count``: reads amounts of memory such as "4GiB".
- ``excerpt``: writes a wrong value into a message in few characters.
- ``presets``: names starting points for kinds of pictures.
- ``config``: reads settings from a TOML file.
- ``roles``: names what the pictures of a run are for.
- ``command_line``: writes the command that repeats a run.
"""

from glstylenet.settings.byte_count import parse_bytes
from glstylenet.settings.command_line import command_line, number_text, option_name
from glstylenet.settings.config import read_config
from glstylenet.settings.excerpt import excerpt
from glstylenet.settings.fusion import SCHEME_NAMES, SchemeName
from glstylenet.settings.help import FieldHelp
from glstylenet.settings.model import GROUPS, Settings, field_help
from glstylenet.settings.pictures import INIT_CHOICES
from glstylenet.settings.presets import PRESETS, preset_settings
from glstylenet.settings.quality import QUALITIES, Quality, QualityName
from glstylenet.settings.roles import ONE_STYLE, FurtherStyles, Pictures, Role, style_map_role, style_role

__all__ = [
    "GROUPS",
    "INIT_CHOICES",
    "ONE_STYLE",
    "PRESETS",
    "QUALITIES",
    "SCHEME_NAMES",
    "FieldHelp",
    "FurtherStyles",
    "Pictures",
    "Quality",
    "QualityName",
    "Role",
    "SchemeName",
    "Settings",
    "command_line",
    "excerpt",
    "field_help",
    "number_text",
    "option_name",
    "parse_bytes",
    "preset_settings",
    "read_config",
    "style_map_role",
    "style_role",
]
