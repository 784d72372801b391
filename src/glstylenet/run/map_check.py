"""Map check: what the program makes of the maps of a content and of its styles, without a run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from glstylenet.errors import UsageError
from glstylenet.maps import PictureMap, Semantics, bind_classes, bound_warnings, label_maps
from glstylenet.pictures import PictureSource, read_picture
from glstylenet.run.styles import Style, given_styles
from glstylenet.settings import Role, Settings, style_role

__all__ = ["MapCheck", "check_maps"]


@dataclass(frozen=True)
class MapCheck:
    """`MapCheck` holds the classes of several maps and what is painted from which style.

    ``bound`` holds by the name of each style that something is painted from, such as "style 2", the numbers,
    from 0, of the classes that are painted from it alone. ``pictures`` (1, 3, H, W), RGB 0..255, are by name
    that of the content and those of the styles; ``None`` where a map was given in its picture's place.
    ``warnings`` are sentences for the user, the same that a run with these maps would give.
    """

    semantics: Semantics
    bound: Mapping[str, frozenset[int]]
    pictures: Mapping[str, Tensor | None]
    warnings: tuple[str, ...]

    @property
    def owners(self) -> dict[int, str]:
        """By the numbers, from 0, of bound classes the names of their styles."""
        return {number: name for name, numbers in self.bound.items() for number in numbers}

    @property
    def lacking(self) -> tuple[bool, ...]:
        """For each class whether the content has it and no style, neither in its map nor for itself.

        Where no style has a map, none of them lacks a class.
        """
        is_mapped = len(self.semantics.roles) > 1
        return tuple(
            is_mapped and each.shares[0] > 0 and not any(each.shares[1:]) and number not in self.owners
            for number, each in enumerate(self.semantics.classes)
        )


def check_maps(
    content_map: PictureSource,
    styles: Sequence[Style],
    *,
    content: PictureSource | None,
    settings: Settings,
) -> MapCheck:
    """Find the classes of the maps of a content and its ``styles``, and those that a style has for itself.

    A style whose ``picture`` is its ``map`` itself counts as large as that. Without a ``content`` its map
    counts likewise.

    Raises :class:`~glstylenet.errors.UsageError` for styles, weights or classes that cannot be,
    :class:`~glstylenet.errors.SemanticMapError` for maps that do not fit, and
    :class:`~glstylenet.errors.ImageError` for pictures that cannot be read.
    """
    used, notes = given_styles(list(styles), None)
    if not any(each.map is not None or each.regions for each in used.values()):
        raise UsageError(
            "no style has a map, and no class is to be painted from one of them; give the map of a style"
        )
    given: dict[str, tuple[PictureSource | None, PictureSource | None]] = {
        Role.CONTENT.value: (content, content_map)
    }
    for number, each in used.items():
        picture = None if each.picture is each.map else each.picture
        given[style_role(number).replace("_", " ")] = picture, each.map
    maps: list[PictureMap] = []
    pictures: dict[str, Tensor | None] = {}
    for name, (picture, own_map) in given.items():
        shown = None if picture is None else _read(picture, settings)
        if own_map is not None:
            pixels = _read(own_map, settings)
            of = pixels if shown is None else shown
            maps.append(PictureMap(pixels, name, (of.shape[2], of.shape[3])))
        pictures[name] = shown
    regions = {name: each.regions for name, each in zip(list(given)[1:], used.values(), strict=True)}
    semantics = label_maps(
        maps,
        classes=settings.classes,
        strict=settings.strict,
        soft=settings.soft_maps,
        bound=[word for words in regions.values() for word in words],
    )
    bound = bind_classes(semantics.classes, regions)
    if len(used) == 1:  # all classes of a single style are painted from it anyway
        bound = {name: frozenset() for name in bound}
    warnings = (*notes, *semantics.warnings, *bound_warnings(semantics, bound))
    return MapCheck(semantics, bound, pictures, warnings)


def _read(source: PictureSource, settings: Settings) -> Tensor:
    return read_picture(source, max_pixels=settings.max_pixels).over_white
