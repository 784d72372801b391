"""Palette: the class colours of several maps together.

A semantic map is a picture in which every colour stands for a kind of thing: red for background, green for
skin. Painting programs soften its borders, JPEG adds noise, resizing blends neighbours; so the palette has to
be found, in all maps together:

1. *Clean maps* hold few colours and no blends: every colour is a class, however small.
2. *Soft maps*: a class has an inside, "flat" pixels whose 3x3 neighbourhood is nearly one colour. Their
   colours are grouped, most frequent first; a very small group on the line between two larger ones is a
   blend. Thin lines never lie flat: their colours are repeated exactly, and no blend.
3. A picture whose flat pixels do not gather around few colours is no map, and is refused.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from glstylenet.errors import SemanticMapError, SettingsError
from glstylenet.maps.blends import (
    MAX_CLASSES,
    Colours,
    blend_parents,
    class_bits,
    classes_around,
    lies_between,
    squared_distances,
)

__all__ = [
    "CLASS_RADIUS",
    "FLAT_RANGE",
    "SMALL_CLASS",
    "Codes",
    "Counts",
    "Palette",
    "PixelCodes",
    "all_maps",
    "colours_of",
    "find_palette",
]


FLAT_RANGE = 24
"""Largest difference inside a flat 3x3 neighbourhood: above JPEG noise, below a soft border."""


CLASS_RADIUS = 40.0
"""A colour this near to a class colour is that class."""


SMALL_CLASS = 64
"""Pixels of a class that coarse scales may lose: an 8x8 block is one position of the deepest features."""


Codes = NDArray[np.uint32]
"""Colours as one number each: red * 65536 + green * 256 + blue."""


Counts = NDArray[np.int64]
"""Numbers of pixels."""


_TIGHT_RADIUS = 12.0  # flat pixels of a true class lie this near to its colour


_BLEND_SHARE = 0.002  # a group on the line between two others needs this share of all pixels to be a class


_LEAST_FLAT = 4  # flat pixels that make a class if its colour is no blend


_LEAST_LINE = (8, 0.0002)  # pixels, and share of all, that make a class of an exact colour that is never flat


_LEAST_SHARES = (0.25, 0.8)  # of pixels that are flat, and of those near a class; a picture has fewer


class PixelCodes(NamedTuple):
    """The colour codes of a map, and which of its pixels are flat; both (height, width)."""

    codes: Codes
    flat: NDArray[np.bool_]


class _Histogram(NamedTuple):
    """The U colours of all maps in the order of their codes, how often each occurs, and how often flat."""

    codes: Codes
    colours: Colours
    often: Counts
    flat: Counts


class Palette(NamedTuple):
    """The class colours (K, 3), ``clean`` if every pixel is exactly one of them, and notes on decisions."""

    colours: Colours
    clean: bool
    notes: tuple[str, ...] = ()


def _histogram(maps: Sequence[PixelCodes]) -> _Histogram:
    """Count the colours of all ``maps`` together."""
    codes, count = np.unique(np.concatenate([each.codes.ravel() for each in maps]), return_counts=True)
    inside, often = np.unique(np.concatenate([each.codes[each.flat] for each in maps]), return_counts=True)
    flat = np.zeros(len(codes), np.int64)
    flat[np.searchsorted(codes, inside)] = often
    return _Histogram(codes, colours_of(codes), count.astype(np.int64), flat)


def colours_of(codes: Codes) -> Colours:
    """Return the colours (N, 3) that ``codes`` (N) stand for.

    >>> colours_of(np.array([0xFF8000], np.uint32)).tolist()
    [[255.0, 128.0, 0.0]]
    """
    return np.stack([codes >> 16, codes >> 8 & 255, codes & 255], axis=-1).astype(np.float32)


def find_palette(maps: Sequence[PixelCodes], classes: int | None) -> Palette:
    """Find the class colours of all ``maps`` together, as many as ``classes`` if a number is given.

    Raises SemanticMapError if the maps look like pictures, SettingsError if ``classes`` is impossible.
    """
    histogram = _histogram(maps)
    if classes is not None:
        return _force(histogram, classes)
    if len(histogram.codes) <= MAX_CLASSES and not _has_blends(maps, histogram):
        return Palette(histogram.colours, clean=True)
    palette = _group(histogram)
    _refuse_pictures(histogram, palette.colours, len(maps))
    return palette


def _has_blends(maps: Sequence[PixelCodes], histogram: _Histogram) -> bool:
    """Return whether a colour occurs almost only as a step between two others that touch it on both sides."""
    steps = np.zeros(len(histogram.codes), np.int64)
    for each in maps:
        labels = np.searchsorted(histogram.codes, each.codes).astype(np.uint8)
        blended = lies_between(labels, classes_around(class_bits(labels), 1), histogram.colours)
        steps += np.bincount(labels[blended], minlength=len(steps))
    return bool((steps >= 0.9 * histogram.often).any())


def _group(histogram: _Histogram) -> Palette:
    """Find the classes of soft maps: groups of flat colours, then exact colours of thin lines."""
    total = int(histogram.often.sum())
    kept = np.zeros((0, 3), np.float32)
    blends: list[str] = []
    for colour, pixels in _flat_groups(histogram):
        blended = bool(blend_parents(colour, kept))
        if pixels >= max(_LEAST_FLAT, _BLEND_SHARE * total * blended):
            kept = np.vstack([kept, colour])
        elif blended and pixels >= SMALL_CLASS:
            name = "#{:02x}{:02x}{:02x}".format(*colour.astype(int))
            blends.append(f"{name} ({pixels} flat pixels) was taken for a blend; if it is a class: --classes")
    repeated = histogram.often >= max(_LEAST_LINE[0], _LEAST_LINE[1] * total)
    for colour in histogram.colours[repeated][np.argsort(-histogram.often[repeated], kind="stable")]:
        near = squared_distances(colour[None], kept).min(initial=np.inf) <= CLASS_RADIUS**2
        if len(kept) <= MAX_CLASSES and not near and not blend_parents(colour, kept):
            kept = np.vstack([kept, colour])
    return Palette(kept, False, tuple(f"{text} {k}" for k, text in enumerate(blends, start=len(kept) + 1)))


def _flat_groups(histogram: _Histogram) -> list[tuple[Colours, int]]:
    """Gather the flat colours around the most frequent ones; return (colour, pixels), largest first."""
    inside = histogram.flat > 0
    colours, count = histogram.colours[inside], histogram.flat[inside]
    groups: list[tuple[Colours, int]] = []
    # A photograph has groups without end; far beyond the limit its refusal is certain.
    while len(count) and len(groups) <= 4 * MAX_CLASSES:
        member = squared_distances(colours, colours[[count.argmax()]])[:, 0] <= CLASS_RADIUS**2
        groups.append((_centre(colours[member], count[member]), int(count[member].sum())))
        colours, count = colours[~member], count[~member]
    return sorted(groups, key=lambda group: -group[1])


def _centre(colours: Colours, count: NDArray[np.int64]) -> Colours:
    """Return the colour that more than half of the pixels have, else the rounded mean, as for noise."""
    top = count.argmax()
    mean = np.rint((colours * count[:, None]).sum(0) / count.sum())
    return np.asarray(colours[top] if 2 * count[top] > count.sum() else mean, np.float32)


def all_maps(count: int) -> str:
    """Return the words for all of ``count`` maps.

    >>> all_maps(2), all_maps(3)
    ('both maps', 'all 3 maps')
    """
    return {1: "the map", 2: "both maps"}.get(count, f"all {count} maps")


def _refuse_pictures(histogram: _Histogram, palette: Colours, maps: int) -> None:
    """Raise SemanticMapError if the flat pixels of the ``maps`` do not gather around few colours."""
    flat = int(histogram.flat.sum())
    near = squared_distances(histogram.colours, palette).min(1, initial=np.inf) <= _TIGHT_RADIUS**2
    shares = flat / int(histogram.often.sum()), int(histogram.flat[near].sum()) / max(flat, 1)
    least = _LEAST_SHARES
    if len(palette) > MAX_CLASSES or shares[0] < least[0] or shares[1] < least[1]:
        raise SemanticMapError(
            f"the maps look like photographs or gradients: {len(palette)} classes (at most {MAX_CLASSES}), "
            f"{shares[0]:.0%} of the pixels flat (at least {least[0]:.0%}), {shares[1]:.0%} of these in "
            f"a class colour (at least {least[1]:.0%}). Draw each kind of thing in one flat colour, the same "
            f"in {all_maps(maps)}, without shading; or name the number of classes: --classes N"
        )


def _force(histogram: _Histogram, classes: int) -> Palette:
    """Find exactly ``classes`` colours by k-means, started from colours that are far apart."""
    colours, weight = histogram.colours, histogram.often
    limit = min(MAX_CLASSES, held := len(colours))
    if not 1 <= classes <= limit:
        raise SettingsError(f"classes is {classes}; expected 1 to {limit}: the maps hold {held} colours")
    inside = histogram.flat > 0
    # Soft borders are left out where flat colours suffice; in a map of few colours every one may count.
    if len(colours) > MAX_CLASSES and np.count_nonzero(inside) >= classes:
        colours, weight = colours[inside], histogram.flat[inside]
    # Frequency counts by its logarithm only: a small class far from all others precedes a large one's noise.
    pull = np.log2(1.0 + weight)
    centres = colours[[weight.argmax()]]
    while len(centres) < classes:
        distance = squared_distances(colours, centres).min(1)
        centres = np.vstack([centres, colours[(distance * pull).argmax()]])
    for _ in range(10):
        member = squared_distances(colours, centres).argmin(1)[:, None] == np.arange(classes)
        pairs = zip(centres, member.T, strict=True)
        centres = np.stack([_centre(colours[m], weight[m]) if m.any() else old for old, m in pairs])
    return Palette(centres, clean=len(histogram.codes) == classes)
