"""Semantics: the classes that several maps have in common, where they are, and what may spoil the result.

The first map is of the picture that is painted, the content; the others are of the styles.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from torch import Tensor

from glstylenet.errors import SemanticMapError, UsageError
from glstylenet.maps.blends import CLASS_RADIUS, squared_distances
from glstylenet.maps.map_colours import Counts
from glstylenet.maps.palette import SMALL_CLASS, Palette

__all__ = ["COLOUR_NAMES", "SemanticClass", "Semantics", "advise", "find_class"]


COLOUR_NAMES: Mapping[str, tuple[int, int, int]] = MappingProxyType(
    {
        "red": (255, 0, 0),
        "green": (0, 255, 0),
        "blue": (0, 0, 255),
        "yellow": (255, 255, 0),
        "magenta": (255, 0, 255),
        "cyan": (0, 255, 255),
        "white": (255, 255, 255),
        "black": (0, 0, 0),
        "grey": (128, 128, 128),
    }
)
"""Names of the colours that maps are usually drawn in."""


@dataclass(frozen=True)
class SemanticClass:
    """One kind of thing: its colour in the maps, and its share of the positions of each picture, 0..1.

    >>> SemanticClass((255, 0, 0), (0.75, 0.5)).colour_name
    '#ff0000'
    """

    colour: tuple[int, int, int]
    shares: tuple[float, ...]

    @property
    def colour_name(self) -> str:
        """The colour as web pages write it, such as ``#ff0000``."""
        return "#{:02x}{:02x}{:02x}".format(*self.colour)


@dataclass(frozen=True)
class Semantics:
    """The classes of all maps and where they are.

    ``channels`` are float32, (1, classes, height, width), one tensor for each map at the size of its picture:
    one-hot, or the shares of two classes on soft borders. Channel k belongs to ``classes[k]``, and the
    largest class comes first. ``roles`` name the maps. ``warnings`` say what may spoil the result, ``notes``
    what was decided on the way. ``has_shades``: a map has soft borders that were kept.
    """

    classes: tuple[SemanticClass, ...]
    channels: tuple[Tensor, ...]
    roles: tuple[str, ...]
    warnings: tuple[str, ...]
    notes: tuple[str, ...] = ()
    has_shades: bool = False

    @property
    def smallest_share(self) -> float:
        """Share of the smallest class that the content has: it limits how coarse a scale may be."""
        return min(each.shares[0] for each in self.classes if each.shares[0] > 0)

    def channels_of(self, role: str) -> Tensor | None:
        """Return the channels of the map of ``role``; ``None`` if there is none."""
        return dict(zip(self.roles, self.channels, strict=True)).get(role)

    def describe(self) -> str:
        """Return a plain-text table, one line per class, and the notes."""
        rows = [
            "  ".join((f"{number:>5}", each.colour_name, *(f"{share:>8.2%}" for share in each.shares)))
            for number, each in enumerate(self.classes, start=1)
        ]
        head = "  ".join(("class", "colour ", *(f"{role:>8}" for role in self.roles)))
        return "\n".join((head, *rows, *self.notes))


def find_class(found: Sequence[SemanticClass], word: str | int) -> int:
    """Return the number, from 0, of the class that ``word`` names.

    ``word``: the class's number from 1, its colour such as ``#ff0000``, or one of ``COLOUR_NAMES``. A colour
    that is nearly a class's is taken for it. Raises :class:`~glstylenet.errors.UsageError`, which lists the
    classes.

    >>> classes = [SemanticClass((254, 0, 0), (1.0, 1.0)), SemanticClass((0, 0, 255), (0.0, 0.0))]
    >>> find_class(classes, "red"), find_class(classes, "#0000ff"), find_class(classes, 2)
    (0, 1, 1)
    """
    text = str(word).strip().lower()
    if text.isdecimal() and 1 <= int(text) <= len(found):
        return int(text) - 1
    colour = _colour(text)
    if colour is not None:
        colours = np.array([each.colour for each in found], np.float32)
        squared = squared_distances(np.array([colour], np.float32), colours)[0]
        if squared.min() <= CLASS_RADIUS**2:
            return int(squared.argmin())
    classes = ", ".join(f"{number} {each.colour_name}" for number, each in enumerate(found, start=1))
    raise UsageError(
        f"there is no class {str(word)[:40]!r} in the maps; the classes are {classes}; name one by its "
        f"number or its colour, such as {found[0].colour_name}"
    )


def _colour(text: str) -> tuple[int, int, int] | None:
    """Return the colour that ``text`` names or writes as web pages do; ``None`` for another text."""
    if text in COLOUR_NAMES:
        return COLOUR_NAMES[text]
    digits = text.removeprefix("#")
    if len(digits) != 6 or not set(digits) <= set("0123456789abcdef"):
        return None
    return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)


def _all_maps(count: int) -> str:
    """Return the words for all of ``count`` maps.

    >>> _all_maps(2), _all_maps(3)
    ('both maps', 'all 3 maps')
    """
    return {1: "the map", 2: "both maps"}.get(count, f"all {count} maps")


def advise(
    found: Sequence[SemanticClass],
    roles: Sequence[str],
    counts: Counts,
    palette: Palette,
    *,
    strict: bool,
    bound: Collection[int] = (),
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the warnings and notes of :class:`Semantics`; ``counts`` are pixels, (maps, classes).

    A class of the content that no style has is a warning, or a SemanticMapError if ``strict``. Where that
    holds for every class, the maps have no effect at all. Classes that are ``bound`` to a style, by their
    numbers, are not judged here: one style alone decides.
    """
    warnings, notes = list(palette.classes.joined), list(palette.notes)
    missing = [
        each
        for number, each in enumerate(found)
        if each.shares[0] > 0 and len(roles) > 1 and not any(each.shares[1:]) and number not in bound
    ]
    if missing:
        names = ", ".join(f"{each.colour_name} ({each.shares[0]:.2%} of the {roles[0]})" for each in missing)
        lacks, it = f"the {roles[1]} map lacks {names}", "it"
        if len(roles) > 2:
            lacks, it = f"the maps {', '.join(roles[1:])} lack {names}", "one of them"
        if strict:
            raise SemanticMapError(f"{lacks}. Paint these colours into {it}, or leave out --strict")
        effect = "these regions are matched by features alone, as without maps"
        if not bound and not any(each.shares[0] > 0 and any(each.shares[1:]) for each in found):
            effect = f"{_all_maps(len(roles))} have no class in common, and the result is that without maps"
        warnings.append(f"{lacks}; {effect}")
    if len(found) == 1:
        hold = "holds" if len(roles) == 1 else "hold"
        steer = "it steers nothing" if len(roles) == 1 else "they steer nothing"
        warnings.append(f"{_all_maps(len(roles))} {hold} only one class, {found[0].colour_name}: {steer}")
    for role, clean, row in zip(roles, palette.clean, counts.tolist(), strict=True):
        tiny = warnings if clean else notes  # in a soft map, small classes are nothing unusual
        for each, pixels in zip(found, row, strict=True):
            if 0 < pixels < SMALL_CLASS:
                few = f"{each.colour_name} is only {pixels} pixels of the {role}"
                tiny.append(f"{few}; coarse scales may lose it")
    return tuple(warnings), tuple(notes)
