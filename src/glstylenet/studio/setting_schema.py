"""Schema: everything that the page has to know of settings, presets, loss terms and limits.

It is read from :mod:`glstylenet.settings` and the list of loss terms, so that the page holds no copy of them.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, get_args, get_origin

from glstylenet.explain import TERMS
from glstylenet.settings import GROUPS, INIT_CHOICES, PRESETS, Settings, field_help

__all__ = ["MOST_ITERATIONS", "OFFERED", "PALETTE", "page_schema"]


MOST_ITERATIONS = 100_000
"""The most evaluations of one run: each adds a line to its event log."""


OFFERED = (
    "content_weight",
    "coarse_content",
    "local_weight",
    "semantic_weight",
    "strict",
    "global_weight",
    "smoothness",
    "scheme",
    "init",
    "size",
    "style_scale",
    "finish",
    "iterations",
    "scales",
    "coarsest",
    "round_length",
    "optimizer",
    "seed",
)
"""Settings that the page offers. The others name the machine and its files: the server chooses them."""


_EFFECTS: Mapping[str, str] = MappingProxyType(
    {
        "content_weight": "more of the content's shapes",
        "coarse_content": "large forms stay in place",
        "local_weight": "more of the style's brush strokes",
        "semantic_weight": "stricter regions",
        "global_weight": "colours of the whole closer to the style",
        "smoothness": "less grain",
        "scheme": "which layers of the network are fused",
        "init": "what the painting starts from",
        "size": "longest side in pixels",
        "style_scale": "finer strokes when smaller",
        "finish": "straight lines of a photograph",
        "iterations": "longer and finer",
        "scales": "fewer keep small things in place",
        "coarsest": "lower lets large forms change",
        "round_length": "matches held longer",
        "optimizer": "how pixels are changed",
        "seed": "another noise to start from",
        "strict": "refuse a class that the style lacks",
    }
)
"""The effect of a larger value of each setting, in a newcomer's words."""


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


def page_schema(*, upload_bytes: int, max_pixels: int) -> dict[str, object]:
    """Return settings with range and default, presets, starts, loss terms, palette and limits, for JSON."""
    return {
        "groups": list(GROUPS),
        "settings": [_described(name) for name in OFFERED],
        "presets": [
            {"name": name, "description": preset.description, "values": dict(preset.values)}
            for name, preset in PRESETS.items()
        ],
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
        "limits": {"upload_bytes": upload_bytes, "max_pixels": max_pixels},
    }


def _described(name: str) -> dict[str, Any]:
    about, info = field_help(name), Settings.model_fields[name]
    limits = {
        kind: getattr(item, kind)
        for item in info.metadata
        for kind in ("ge", "gt", "le")
        if hasattr(item, kind)
    }
    choices: list[str] | None = None
    if get_origin(info.annotation) is not None and all(
        isinstance(each, str) for each in get_args(info.annotation)
    ):
        choices = list(get_args(info.annotation))
    if name == "init":
        choices = list(INIT_CHOICES)
    return {
        "name": name,
        "group": about.group,
        "symbol": about.symbol,
        "description": about.description,
        "default": about.default,
        "minimum": limits.get("ge", limits.get("gt")),
        "maximum": MOST_ITERATIONS if name == "iterations" else limits.get("le"),
        "choices": choices,
        "kind": _kind(info.annotation, choices),
        "effect": _EFFECTS[name],
    }


def _kind(annotation: object, choices: list[str] | None) -> str:
    if choices is not None:
        return "choice"
    types = get_args(annotation) or (annotation,)
    for kind, word in ((bool, "bool"), (float, "float"), (int, "int")):
        if kind in types:
            return word
    return "text"
