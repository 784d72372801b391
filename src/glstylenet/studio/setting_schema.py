"""Schema: everything that the page has to know of settings, presets, loss terms and limits.

It is read from :mod:`glstylenet.settings` and the list of loss terms, so that the page holds no copy of them.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from glstylenet.objective import TERMS
from glstylenet.pictures import picture_names, picture_suffixes
from glstylenet.proposals import has_face_models
from glstylenet.settings import GROUPS, INIT_CHOICES, PRESETS, QUALITIES, Settings, field_help

__all__ = ["MOST_ITERATIONS", "MOST_STYLES", "OFFERED", "PALETTE", "page_schema"]


MOST_ITERATIONS = 100_000
"""The most evaluations of one run: each adds a line to its event log."""


MOST_STYLES = 4
"""The most styles of one run: as many as a page has room to paint on."""


OFFERED = tuple(name for name in Settings.model_fields if field_help(name).effect)
"""The settings that whoever opens the page may choose: those whose declaration says their effect. The others
name the machine and its files, and are the server's."""


PALETTE: Mapping[str, str] = MappingProxyType(
    {
        "background": "#ff0000",
        "skin": "#00ff00",
        "clothes": "#0000ff",
        "hair": "#ffff00",
        "eyes": "#c0c0c0",
        "mouth": "#ff00ff",
        "detail": "#ffffff",
        "sky": "#00ffff",
        "water": "#0080ff",
        "ground": "#804000",
        "plants": "#008000",
        "building": "#ff8000",
    }
)
"""Named classes and their colours in maps, far apart, so that none looks like a blend of two others."""


def page_schema(
    *, upload_bytes: int, max_pixels: int, trial_seconds: float | None = None
) -> dict[str, object]:
    """Return everything that the page has to know, as one JSON object.

    These are settings with range and default, presets, qualities, starts, loss terms, palette, limits,
    formats, whether portraits' maps can be proposed, and for how long weights are tried; ``None``: never.
    """
    return {
        "groups": list(GROUPS),
        "settings": [_described(name) for name in OFFERED],
        "presets": [
            {"name": name, "description": preset.description, "values": dict(preset.values)}
            for name, preset in PRESETS.items()
        ],
        "qualities": [{"name": name, "meaning": quality.meaning} for name, quality in QUALITIES.items()],
        "inits": list(INIT_CHOICES),
        "terms": [
            {
                "name": term.name,
                "symbol": term.symbol,
                "setting": term.setting,
                "label": term.label,
                "colour": term.colour,
                "dark_colour": term.dark_colour,
            }
            for term in TERMS
        ],
        "palette": [{"name": name, "colour": colour} for name, colour in PALETTE.items()],
        "limits": {"upload_bytes": upload_bytes, "max_pixels": max_pixels, "styles": MOST_STYLES},
        "pictures": {"names": list(picture_names()), "suffixes": list(picture_suffixes())},
        "proposals": {"portrait": has_face_models()},
        "trials": {"seconds": trial_seconds},
    }


def _described(name: str) -> dict[str, Any]:
    about = field_help(name)
    choices = about.choices or about.suggestions
    return {
        "name": name,
        "group": about.group,
        "symbol": about.symbol,
        "description": about.description,
        "default": about.default,
        "minimum": about.minimum,
        "excludes_minimum": about.excludes_minimum,
        "maximum": MOST_ITERATIONS if name == "iterations" else about.maximum,
        "choices": list(choices) or None,
        "kind": "choice" if choices else about.kind,
        "effect": about.effect,
    }
