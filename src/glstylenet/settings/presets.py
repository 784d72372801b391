"""Presets: named starting points for kinds of pictures and for the methods the paper compares with."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from glstylenet.errors import SettingsError
from glstylenet.settings.excerpt import excerpt
from glstylenet.settings.model import Settings

__all__ = ["PRESETS", "Preset", "preset_settings"]


@dataclass(frozen=True)
class Preset:
    """A named starting point: what it is for, and the settings that differ from the defaults."""

    description: str
    values: Mapping[str, object]


PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        "portrait": Preset(
            "a face in the manner of a painted face; needs maps of both",
            {
                "local_weight": 500.0,
                "semantic_weight": 20.0,
                "global_weight": 0.3,
                "statistics": "regions",
                "init": "tinted",
                "voting": "whole",
            },
        ),
        "artistic": Preset(
            "any picture in the manner of any painting, with or without maps",
            {
                "content_weight": 100.0,
                "coarse_content": 4.0,
                "local_weight": 200.0,
                "global_weight": 0.5,
                "init": "tinted",
                "coarsest": 176,
            },
        ),
        "photorealistic": Preset(
            "a photograph in the light and colours of another; lines stay straight",
            {
                "content_weight": 30.0,
                "coarse_content": 4.0,
                "semantic_weight": 50.0,
                "global_weight": 0.05,
                "statistics": "regions",
                "init": "tinted",
                "finish": "photo",
                "voting": "whole",
            },
        ),
        "chinese-painting": Preset(
            "a landscape in the manner of a Chinese painting on silk; best with maps",
            {
                "local_weight": 200.0,
                "semantic_weight": 20.0,
                "global_weight": 0.5,
                "statistics": "regions",
                "voting": "whole",
            },
        ),
        "gatys": Preset(
            "a baseline to compare with: Gram matrices of each layer, no patches or maps, Gatys et al. 2016",
            {"local_weight": 0.0, "semantic_weight": 0.0, "global_weight": 1.0, "scheme": "apart"},
        ),
        "neural-doodle": Preset(
            "a baseline to compare with: patches of two single layers, no Gram matrices, Champandard 2016",
            {"global_weight": 0.0, "scheme": "h", "voting": "none"},
        ),
    }
)
"""The presets by name. ``docs/presets.md`` says what each value does and why. The last two are the methods
that the paper compares with, carried out by this program."""


def preset_settings(name: str, **changes: Any) -> Settings:
    """Return the settings of preset ``name`` with ``changes``, which override the preset's.

    Raises :class:`~glstylenet.errors.SettingsError` for an unknown preset or a wrong value.

    >>> preset_settings("gatys", iterations=50).scheme
    'apart'
    """
    try:
        preset = PRESETS[name]
    except KeyError:
        known = ", ".join(PRESETS)
        raise SettingsError(f"there is no preset {excerpt(name)}; the presets are {known}") from None
    return Settings(**{**preset.values, **changes})
