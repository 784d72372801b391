"""Further styles: the options that name several styles, what they weigh, and the classes of each."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from glstylenet.cli.paths import input_path
from glstylenet.errors import UsageError
from glstylenet.settings import FurtherStyles, field_help

__all__ = [
    "AddStyleMapOption",
    "AddStyleOption",
    "RegionOption",
    "StyleOptions",
    "StyleWeightsAxisOption",
    "StyleWeightsOption",
    "parse_regions",
    "parse_weights",
]

_NO_MAP = "none"

_PANEL = field_help("semantic_weight").group

AddStyleOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--add-style",
        metavar="PICTURE",
        parser=input_path,
        help="a further picture that gives the brushwork: style 2, 3 and so on; may be repeated",
        rich_help_panel=_PANEL,
    ),
]
AddStyleMapOption = Annotated[
    list[str] | None,
    typer.Option(
        "--add-style-map",
        metavar="MAP",
        help=f"picture that marks the regions of a further style: one for each --add-style, in their order, "
        f"or {_NO_MAP!r} for one without",
        rich_help_panel=_PANEL,
    ),
]
_WEIGHTS = "how much each style counts, relative to the others: a number for each, such as 1,0.5"

StyleWeightsOption = Annotated[
    str | None,
    typer.Option(
        "--style-weights",
        metavar="NUMBER,...",
        help=f"{_WEIGHTS}; by default all count alike",
        rich_help_panel=_PANEL,
    ),
]
StyleWeightsAxisOption = Annotated[
    list[str] | None,
    typer.Option(
        "--style-weights",
        metavar="NUMBER,...",
        help=f"{_WEIGHTS}; may be repeated to try several",
        rich_help_panel=_PANEL,
    ),
]
RegionOption = Annotated[
    list[str] | None,
    typer.Option(
        "--region",
        metavar="CLASS=N",
        help="paint a class of the content's map from style N alone, from 1; CLASS is its colour, such as "
        "red or '#ff0000', or its number as -v prints it; may be repeated",
        rich_help_panel=_PANEL,
    ),
]


@dataclass(frozen=True)
class StyleOptions:
    """`StyleOptions` holds the options as they were given."""

    pictures: Sequence[Path]
    maps: Sequence[str]
    weights: str | None
    regions: Sequence[str]

    @property
    def count(self) -> int:
        """The number of styles, the first included."""
        return len(self.pictures) + 1

    def map_paths(self) -> tuple[Path | None, ...]:
        """Return the map of each further style; none if there is no option of maps.

        Raises :class:`~glstylenet.errors.UsageError` for another number of maps than of further styles.
        """
        if self.maps and len(self.maps) != len(self.pictures):
            raise UsageError(
                f"got {len(self.maps)} --add-style-map for {len(self.pictures)} --add-style; give one for "
                f"each, in their order, or {_NO_MAP!r} for a style without a map"
            )
        return tuple(None if text == _NO_MAP else input_path(text) for text in self.maps)

    def parsed(self) -> FurtherStyles:
        """Return what the options name; raise :class:`~glstylenet.errors.UsageError` if they do not fit."""
        return FurtherStyles(
            tuple(self.pictures),
            self.map_paths() or (None,) * len(self.pictures),
            () if self.weights is None else parse_weights(self.weights, self.count),
            parse_regions(self.regions, self.count) if self.regions else (),
        )


def parse_weights(text: str, count: int) -> tuple[float, ...]:
    """Return the weights of ``count`` styles.

    >>> parse_weights("1,0.5", 2)
    (1.0, 0.5)
    """
    weights = []
    for word in text.split(","):
        try:
            weight = float(word)
        except ValueError:
            weight = math.nan
        if not (math.isfinite(weight) and weight >= 0):
            raise UsageError(
                f"--style-weights: {word.strip()[:40]!r} is no number of at least 0, such as 0.5"
            )
        weights.append(weight)
    if len(weights) != count:
        raise UsageError(
            f"--style-weights holds {_counted(len(weights), 'weight')}, and there {_are(count)}; give one "
            f"for each, separated by commas"
        )
    return tuple(weights)


def parse_regions(regions: Sequence[str], count: int) -> tuple[tuple[str, ...], ...]:
    """Return the classes that are bound to each of ``count`` styles.

    >>> parse_regions(["red=2", "#00ff00=1"], 2)
    (('#00ff00',), ('red',))
    """
    bound: list[list[str]] = [[] for _ in range(count)]
    for text in regions:
        word, _, number = text.rpartition("=")
        if not word.strip():
            raise UsageError(f"--region {text[:60]}: expected CLASS=N, such as red=2")
        if not (number.strip().isdecimal() and 1 <= int(number) <= count):
            styles = "1" if count == 1 else f"1 to {count}"
            raise UsageError(
                f"--region {text[:60]}: there is no style {number.strip()[:20] or 'without a number'}; the "
                f"styles are {styles}; add one with --add-style"
            )
        bound[int(number) - 1].append(word.strip())
    return tuple(map(tuple, bound))


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _are(count: int) -> str:
    return "is 1 style" if count == 1 else f"are {count} styles"
