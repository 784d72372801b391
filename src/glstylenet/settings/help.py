"""Help: what a page says of one setting, read from its declaration."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

__all__ = ["FieldHelp", "describe_field"]

_KINDS: tuple[tuple[type, str], ...] = ((bool, "bool"), (float, "float"), (int, "int"))


@dataclass(frozen=True)
class FieldHelp:
    """`FieldHelp` holds what a help page says of one setting.

    ``limits`` are the allowed values in words, such as "at least 0, at most 1e+09". ``minimum`` and
    ``maximum`` are the same as numbers, ``None`` where there is no limit. ``kind`` is "choice", "bool",
    "int", "float" or "text". ``choices`` are all the values of a choice. ``suggestions`` are texts that have
    a meaning where any text is allowed. ``symbol`` is the paper's. ``effect`` says in a newcomer's words what
    more of the setting does; it is empty if the setting is not for the studio's page.
    """

    name: str
    group: str
    symbol: str
    description: str
    effect: str
    default: object
    kind: str
    limits: str
    minimum: float | None
    excludes_minimum: bool
    maximum: float | None
    choices: tuple[str, ...]
    suggestions: tuple[str, ...]


def describe_field(name: str, info: FieldInfo, group: str) -> FieldHelp:
    """Return the help of the field ``name`` of a theme whose heading is ``group``."""
    extra: Mapping[str, Any] = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    bounds = _bounds(info)
    choices = tuple(get_args(info.annotation)) if get_origin(info.annotation) is Literal else ()
    return FieldHelp(
        name=name,
        group=group,
        symbol=str(extra.get("symbol", "")),
        description=info.description or "",
        effect=str(extra.get("effect", "")),
        default=info.default,
        kind="choice" if choices else _kind(info.annotation),
        limits=", ".join(choices) or _in_words(bounds),
        minimum=bounds.get("ge", bounds.get("gt")),
        excludes_minimum="gt" in bounds,
        maximum=bounds.get("le"),
        choices=choices,
        suggestions=tuple(extra.get("suggestions", ())),
    )


def _kind(annotation: object) -> str:
    types = get_args(annotation) or (annotation,)
    return next((word for kind, word in _KINDS if kind in types), "text")


def _bounds(info: FieldInfo) -> dict[str, float]:
    """Return the numeric limits of a field by pydantic's names, as far as it has them."""
    return {
        kind: getattr(item, kind)
        for item in info.metadata
        for kind in ("ge", "gt", "le")
        if hasattr(item, kind)
    }


def _in_words(bounds: Mapping[str, float]) -> str:
    words = {"ge": "at least", "gt": "more than", "le": "at most"}
    return ", ".join(f"{words[kind]} {_number(bounds[kind])}" for kind in words if kind in bounds)


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"
