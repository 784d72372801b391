"""Catalogue: what the page may offer, read from :mod:`glstylenet.settings`."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from glstylenet.pictures import picture_suffixes, readable_names
from glstylenet.settings import GROUPS, INIT_CHOICES, PRESETS, Settings, field_help

__all__ = ["MOST_ITERATIONS", "OFFERED", "PALETTE", "page_schema"]


MOST_ITERATIONS = 100_000
"""Of one run: each leaves a line in its record."""


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
"""Named classes and their colours in maps: far apart, so that none is taken for a blend of two others."""


def page_schema(*, upload_bytes: int, max_pixels: int) -> dict[str, object]:
    """Return settings with range and default, presets, starts, palette, limits and picture formats."""
    return {
        "groups": list(GROUPS),
        "settings": [_described(name) for name in OFFERED],
        "presets": [
            {"name": name, "description": preset.description, "values": dict(preset.values)}
            for name, preset in PRESETS.items()
        ],
        "inits": list(INIT_CHOICES),
        "palette": [{"name": name, "colour": colour} for name, colour in PALETTE.items()],
        "limits": {"upload_bytes": upload_bytes, "max_pixels": max_pixels},
        "pictures": {"names": readable_names(), "suffixes": list(picture_suffixes())},
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
        "maximum": MOST_ITERATIONS if name == "iterations" else about.maximum,
        "choices": list(choices) or None,
        "kind": "choice" if choices else about.kind,
        "effect": about.effect,
    }
