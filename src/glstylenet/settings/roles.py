"""Roles: what the pictures of a run are for, and the files that fill them."""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

__all__ = ["ONE_STYLE", "FurtherStyles", "Pictures", "Role", "style_map_role", "style_role"]


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
class FurtherStyles:
    """`FurtherStyles` says what a run paints from besides its first style.

    ``pictures`` and ``maps``: those of the second style and the following. ``weights`` and ``regions``: of
    all styles, the first included, or empty where nothing is said of them.
    """

    pictures: tuple[Path, ...] = ()
    maps: tuple[Path | None, ...] = ()
    weights: tuple[float, ...] = ()
    regions: tuple[tuple[str, ...], ...] = ()

    @property
    def files(self) -> list[Path]:
        """Every file that is read."""
        return [*self.pictures, *(path for path in self.maps if path is not None)]

    @property
    def need_no_first_map(self) -> bool:
        """Whether maps steer without one of the first style."""
        return any(path is not None for path in self.maps) or any(self.regions)


ONE_STYLE = FurtherStyles()
"""No further styles, and no weights or classes that the only one could have."""


@dataclass(frozen=True)
class Pictures:
    """The files that a run paints from. ``content`` is ``None`` for a doodle, painted from its map."""

    content: Path | None
    style: Path
    content_map: Path | None = None
    style_map: Path | None = None
    further: FurtherStyles = field(default=ONE_STYLE, kw_only=True)

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
        for number, (picture, own_map) in enumerate(
            zip(self.further.pictures, self.further.maps, strict=True), start=2
        ):
            roles |= {style_role(number): picture, style_map_role(number): own_map}
        return {role: path for role, path in roles.items() if path is not None}
