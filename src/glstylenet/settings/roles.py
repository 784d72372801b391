"""Roles: what the pictures of a run are for, and the files that fill them."""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

__all__ = ["Pictures", "Role", "style_map_role", "style_role"]


class Role(StrEnum):
    """`Role` says what a picture of a run is for.

    A member equals its text, which recipes and job files hold. Further styles and their maps have the roles
    of :func:`style_role` and :func:`style_map_role`.
    """

    CONTENT = "content"
    STYLE = "style"
    CONTENT_MAP = "content_map"
    STYLE_MAP = "style_map"
    INIT = "init"
    """The picture that the run starts from, where ``Settings.init`` names a file."""


def style_role(number: int) -> str:
    """Return the role of style ``number``, from 1.

    >>> style_role(1), style_role(2)
    ('style', 'style_2')
    """
    return Role.STYLE.value if number == 1 else f"{Role.STYLE.value}_{number}"


def style_map_role(number: int) -> str:
    """Return the role of the map of style ``number``, from 1.

    >>> style_map_role(1), style_map_role(2)
    ('style_map', 'style_map_2')
    """
    return Role.STYLE_MAP.value if number == 1 else f"{Role.STYLE_MAP.value}_{number}"


@dataclass(frozen=True)
class Pictures:
    """The files that a run paints from. ``content`` is ``None`` for a doodle, painted from its map.

    ``further`` are the pictures of style 2 and the following, each with its map or ``None``.
    """

    content: Path | None
    style: Path
    content_map: Path | None = None
    style_map: Path | None = None
    further: tuple[tuple[Path, Path | None], ...] = field(default=(), kw_only=True)

    def as_dict(self) -> dict[str, Path]:
        """Return the files by role, without the roles that have none.

        >>> [str(role) for role in Pictures(None, Path("style.png")).as_dict()]
        ['style']
        """
        roles: dict[str, Path | None] = {
            Role.CONTENT: self.content,
            Role.STYLE: self.style,
            Role.CONTENT_MAP: self.content_map,
            Role.STYLE_MAP: self.style_map,
        }
        for number, (style, style_map) in enumerate(self.further, start=2):
            roles |= {style_role(number): style, style_map_role(number): style_map}
        return {role: path for role, path in roles.items() if path is not None}
