"""Styles: the pictures that a run paints from, as a caller gives them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from glstylenet.errors import UsageError
from glstylenet.pictures import PictureSource
from glstylenet.settings import ONE_STYLE, Pictures

__all__ = ["GivenStyle", "Style", "given_styles", "styles_of"]


@dataclass(frozen=True)
class Style:
    """`Style` is one of several pictures to paint from.

    - ``picture`` and ``map``: its semantic map, as :func:`~glstylenet.stylize` takes pictures. A style
      without a map is of any class.
    - ``weight``: at least 0, relative to the other styles'. It leans the choice of patches and mixes colours
      and textures. A style of weight 0 changes nothing, unless classes are bound to it.
    - ``regions``: the classes of the content's map that are painted from this style alone. A class is named
      by its colour, such as "#ff0000" or "red", or by its number from 1 in the table of classes.

    >>> Style("sky.jpg", weight=0.5, regions=["blue"]).weight
    0.5
    """

    picture: PictureSource
    map: PictureSource | None = None
    weight: float = 1.0
    regions: Sequence[str | int] = ()


GivenStyle = PictureSource | Style | list[Style] | tuple[Style, ...]
"""What a run may be given as its style: a picture, or one or several :class:`Style`."""


def styles_of(pictures: Pictures) -> tuple[GivenStyle, Path | None]:
    """Return what :func:`~glstylenet.stylize` takes as the style and as the style's map.

    A single style is its picture; several have maps of their own.

    >>> styles_of(Pictures(Path("c.png"), Path("s.png"), Path("c_map.png"), Path("s_map.png")))[1].name
    's_map.png'
    """
    further = pictures.further
    if further == ONE_STYLE:
        return pictures.style, pictures.style_map
    files, maps = (pictures.style, *further.pictures), (pictures.style_map, *further.maps)
    weights = further.weights or (1.0,) * len(files)
    regions = further.regions or ((),) * len(files)
    return [Style(*each) for each in zip(files, maps, weights, regions, strict=True)], None


def given_styles(style: GivenStyle, style_map: PictureSource | None) -> tuple[dict[int, Style], list[str]]:
    """Return the styles that something is painted from, and sentences about those that are left out.

    The styles are given by their numbers, from 1.

    Raises :class:`~glstylenet.errors.UsageError` for weights that are impossible, for no style at all, and
    for a ``style_map`` beside a :class:`Style`, which has its own.
    """
    if isinstance(style, Style):
        style = [style]
    if not isinstance(style, list | tuple):
        return {1: Style(style, style_map)}, []
    if style_map is not None:
        raise UsageError("got a style map beside a list of styles; give each style its own map")
    for number, each in enumerate(style, start=1):
        if not isinstance(each, Style):
            raise UsageError(f"style {number} of the list is a {type(each).__name__}, expected a Style")
        if not (math.isfinite(each.weight) and each.weight >= 0):
            raise UsageError(
                f"the weight of style {number} is {each.weight}; expected a number of at least 0"
            )
    if not any(each.weight > 0 for each in style):
        raise UsageError(f"none of the {len(style)} styles has a weight above 0; give one of them some")
    numbered = dict(enumerate(style, start=1))
    used = {number: each for number, each in numbered.items() if each.weight > 0 or each.regions}
    notes = [
        f"style {number} has weight 0 and no class of its own: nothing is painted from it"
        for number in numbered
        if number not in used
    ]
    if len(used) == 1:
        used = {number: replace(each, weight=1.0) for number, each in used.items()}  # weights are relative
    return used, notes
