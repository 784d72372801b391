"""Palette: the class colours of several maps together.

A semantic map is a picture in which every colour stands for a kind of thing: red for background, green for
skin. Painting programs soften its borders, JPEG adds noise, resizing blends neighbours, and a class may have
slightly different colours in two files. So the colours of each map are found first, then paired:

1. A *clean map* holds few colours and no blends: every colour is a class, however small.
2. In a *soft map* a class has plateaus, areas of nearly one colour (:mod:`glstylenet.maps.map_colours`). A
   very small plateau whose colour lies between two larger ones is a blend. Thin lines have no inside: their
   colours are repeated exactly, and no blend.
3. A picture whose flat pixels do not gather around few colours, or between two, is no map, and is refused.
4. Near colours of different maps are one class (:mod:`glstylenet.maps.shared_colours`).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from glstylenet.errors import SemanticMapError, SettingsError
from glstylenet.maps.blends import (
    CLASS_RADIUS,
    MAX_CLASSES,
    Colours,
    blend_parents,
    class_bits,
    classes_around,
    lies_between,
    nearest_parent,
    squared_distances,
)
from glstylenet.maps.map_colours import Counts, MapColours, Mask, colour_name
from glstylenet.maps.shared_colours import NOISE_RADIUS, ClassColours, OwnColours, share_colours

__all__ = ["SMALL_CLASS", "Palette", "find_palette"]


SMALL_CLASS = 64
"""Pixels of a class that coarse scales may lose: an 8x8 block is one position of the deepest features."""


_BLEND_SHARE = 0.002  # a plateau between two others needs this share of the map's pixels to be a class


_LEAST_FLAT = 4  # flat pixels that make a class if its colour is no blend


_LEAST_LINE = (8, 0.0002)  # pixels, and share of all, that make a class of an exact colour that is never flat


_BORDER_REACH = 4  # pixels from a border that JPEG still colours


_LEAST_CONSTANT = 0.9  # share of the flat pixels whose neighbours are exactly equal; a noisy map has fewer


_STEP_RADII = (3.0, 10.0)  # tight and near colours of a plateau that lies beside one of a near colour


_FEW_TRIED, _MOST_TRIED = 32, 256  # plateaus that are tried and are none; a photograph has more


_LEAST_SHARES = (0.15, 0.8)  # of pixels on plateaus, and of flat ones there or between; a picture has fewer


_MOST_TURNING = 0.12  # share of the flat pixels between classes where a colour turns; ramps have fewer


_COLOURS_JUDGED = 4096  # the most frequent colours, by which a picture is told from a map


class Palette(NamedTuple):
    """The classes of all maps: what :func:`~glstylenet.maps.shared_colours.share_colours` says, and notes.

    ``clean`` tells of every map whether its pixels are exactly of its colours. ``forced`` is set if the
    number of classes was named.
    """

    classes: ClassColours
    clean: tuple[bool, ...]
    notes: tuple[str, ...] = ()
    forced: bool = False


def find_palette(maps: Sequence[MapColours], classes: int | None) -> Palette:
    """Find the class colours of all ``maps`` together, as many as ``classes`` if a number is given.

    Raises SemanticMapError if a map looks like a picture, SettingsError if ``classes`` is impossible.
    """
    if classes is not None:
        return _force(maps, classes)
    own = [_clean_colours(each) if _is_clean(each) else _soft_colours(each) for each in maps]
    shared = share_colours(own)
    number = len(shared.colours)
    if number > MAX_CLASSES:
        raise SemanticMapError(
            f"the maps hold {number} classes together; expected at most {MAX_CLASSES}. Draw each kind of "
            "thing in one flat colour, the same in all maps; or name the number of classes: --classes N"
        )
    notes = [note for each in own for note in each.notes]
    blends = _unkept_blends(own, shared)
    notes += [f"{text} {k}" for k, text in enumerate(blends, start=number + 1)]
    return Palette(shared, tuple(each.clean for each in own), tuple(dict.fromkeys(notes)))


def _is_clean(map_colours: MapColours) -> bool:
    """Return whether a map holds few colours, and these are neither blends nor noise."""
    few = len(map_colours.found) <= MAX_CLASSES
    return few and not _has_noise(map_colours) and not _has_blends(map_colours)


def _has_noise(map_colours: MapColours) -> bool:
    """Return whether most colours occur near a more frequent one, and never with an inside, as in a JPEG."""
    often = map_colours.often
    distances = squared_distances(map_colours.colours, map_colours.colours)
    near_larger = ((distances <= CLASS_RADIUS**2) & (often[None] > often[:, None])).any(1)
    noise = near_larger & (map_colours.often_constant == 0)
    return bool(2 * np.count_nonzero(noise) > len(often))


def _has_blends(map_colours: MapColours) -> bool:
    """Return whether a colour occurs almost only as a step between two others that touch it on both sides."""
    labels = map_colours.index.astype(np.uint8)
    blended = lies_between(labels, classes_around(class_bits(labels), 1), map_colours.colours)
    steps = np.bincount(labels[blended], minlength=len(map_colours.found))
    return bool((steps >= 0.9 * map_colours.often).any())


def _clean_colours(map_colours: MapColours) -> OwnColours:
    """Return the colours of a clean map; strays within noise of a larger colour, with no inside, join it."""
    kept: list[int] = []
    notes: list[str] = []
    for place in np.argsort(-map_colours.often, kind="stable").tolist():
        colour = map_colours.colours[place]
        near = squared_distances(colour[None], map_colours.colours[kept])[0] <= NOISE_RADIUS**2
        if near.any():
            name, larger = colour_name(colour), colour_name(map_colours.colours[kept[int(near.argmax())]])
            where = f"of the {map_colours.role} map"
            if map_colours.often_constant[place] == 0:
                notes.append(f"{name} {where}, which nowhere fills 3x3 pixels, was taken for {larger}")
                continue
            notes.append(f"{name} and {larger} {where} are two classes: both fill areas")
        kept.append(place)
    return OwnColours(
        map_colours.role,
        map_colours.colours[kept],
        map_colours.often[kept] / map_colours.total,
        clean=True,
        notes=tuple(notes),
    )


def _soft_colours(map_colours: MapColours) -> OwnColours:
    """Return the colours of a soft map: those of plateaus, then exact colours of thin lines.

    Raises SemanticMapError if the map looks like a picture.
    """
    kept = np.zeros((0, 3), np.float32)
    sizes: list[int] = []
    blends: list[tuple[Colours, int]] = []
    for colour, pixels in _plateaus(map_colours):
        blended = bool(blend_parents(colour, kept))
        if not blended or pixels >= _BLEND_SHARE * map_colours.total:
            kept = np.vstack([kept, colour])
            sizes.append(pixels)
        else:
            blends.append((colour, pixels))
    _refuse_pictures(map_colours, kept)
    for colour, pixels in _near_plateaus(map_colours, kept):
        if squared_distances(colour[None], kept).min() > NOISE_RADIUS**2:
            kept = np.vstack([kept, colour])
            sizes.append(pixels)
    for colour, pixels in _lines(map_colours, kept):
        near = squared_distances(colour[None], kept).min() <= CLASS_RADIUS**2
        if len(kept) <= MAX_CLASSES and not near and not blend_parents(colour, kept):
            kept = np.vstack([kept, colour])
            sizes.append(pixels)
    shares = np.array(sizes) / map_colours.total
    return OwnColours(map_colours.role, kept, shares, clean=False, blends=tuple(blends))


def _plateaus(map_colours: MapColours) -> list[tuple[Colours, int]]:
    """Return the (colour, flat pixels) of the plateaus, whose colours lie apart, largest first."""
    left = map_colours.often_flat.copy()
    found: list[tuple[Colours, int]] = []
    tried = 0
    while left.any() and tried < _MOST_TRIED and len(found) <= MAX_CLASSES:
        if tried >= _FEW_TRIED and sum(size for _, size in found) < _LEAST_SHARES[0] * map_colours.total:
            break  # the most frequent colours are no plateaus: a picture
        top = left.argmax()
        member = _within(map_colours, map_colours.colours[top], NOISE_RADIUS)[0]
        colour = _centre(map_colours.colours[member], map_colours.often_flat[member])
        tight, near = _within(map_colours, colour, NOISE_RADIUS, CLASS_RADIUS)
        pixels = int(map_colours.often_flat[tight].sum())
        # Where most near pixels are tight there is no ramp; a small blend will be no class, ramp or not.
        if 2 * map_colours.often[tight].sum() < map_colours.often[near].sum():
            kept = np.array([each for each, _ in found]).reshape(-1, 3)
            is_small = pixels < _BLEND_SHARE * map_colours.total
            if pixels < _LEAST_FLAT or (is_small and blend_parents(colour, kept)):
                pixels = 0
            else:
                tried += 1
                pixels = int(np.count_nonzero(map_colours.plateau(tight, near)))
        if pixels >= _LEAST_FLAT:
            found.append((colour, pixels))
            left[near] = 0
        else:
            left[member] = 0
        left[top] = 0
    return sorted(found, key=lambda plateau: -plateau[1])


def _near_plateaus(map_colours: MapColours, kept: Colours) -> list[tuple[Colours, int]]:
    """Return the (colour, pixels) of large areas of exactly one colour, near a ``kept`` one."""
    least = max(SMALL_CLASS, _BLEND_SHARE * map_colours.total)
    found: list[tuple[Colours, int]] = []
    for place in np.flatnonzero(map_colours.often_constant >= least):
        colour = map_colours.colours[place]
        squared = squared_distances(colour[None], kept).min()
        if NOISE_RADIUS**2 < squared <= CLASS_RADIUS**2:
            tight, near = _within(map_colours, colour, *_STEP_RADII)
            pixels = int(np.count_nonzero(map_colours.plateau(tight, near)))
            if pixels >= least:
                found.append((colour, pixels))
    return sorted(found, key=lambda plateau: -plateau[1])


def _lines(map_colours: MapColours, kept: Colours) -> list[tuple[Colours, int]]:
    """Return the (colour, pixels) of exact colours that are repeated outside ramps, most frequent first.

    A straight border repeats its colours too. They are blends of light, or of the brightness of one side and
    the hue of the other, as in a JPEG; so in a noisy map a line counts only where it runs through one class,
    and the colours turn at it.
    """
    squared = squared_distances(map_colours.colours, kept)
    repeated = map_colours.often >= max(_LEAST_LINE[0], _LEAST_LINE[1] * map_colours.total)
    places = np.flatnonzero(repeated & (squared.min(1) > CLASS_RADIUS**2))
    if not len(places):
        return []
    nearest = np.where(squared.min(1) <= CLASS_RADIUS**2, squared.argmin(1), MAX_CLASSES).astype(np.uint8)
    around = classes_around(class_bits(nearest[map_colours.index]), _BORDER_REACH)
    is_noisy = map_colours.often_constant.sum() < _LEAST_CONSTANT * map_colours.often_flat.sum()
    found: list[tuple[Colours, int]] = []
    for place in places[np.argsort(-map_colours.often[places], kind="stable")]:
        colour = map_colours.colours[place]
        line = map_colours.index == place
        beside = around[line]
        if is_noisy:
            several = beside & (beside - np.uint64(1)) != 0  # more than one bit
            of_border = several | (beside == 0) | ~map_colours.turns[line]
        else:
            pairs = blend_parents(colour, kept, of_light=True)
            bits = np.array([(1 << one) | (1 << other) for one, other in pairs], np.uint64)
            of_border = (beside[:, None] & bits == bits).any(1)
        tight, near = _within(map_colours, colour, NOISE_RADIUS, CLASS_RADIUS)
        of_ramp = 2 * map_colours.often[tight].sum() < map_colours.often[near].sum()
        if not of_ramp and 2 * np.count_nonzero(of_border) <= len(beside):
            found.append((colour, int(map_colours.often[place])))
    return found


def _within(map_colours: MapColours, colour: Colours, *radii: float) -> list[Mask]:
    """Return for each of ``radii`` which colours of a map lie within it of ``colour``."""
    squared = squared_distances(map_colours.colours, colour[None])[:, 0]
    return [squared <= radius**2 for radius in radii]


def _centre(colours: Colours, count: Counts) -> Colours:
    """Return the colour that more than half of the pixels have, else the rounded mean, as for noise."""
    top = count.argmax()
    mean = np.rint((colours * count[:, None]).sum(0) / count.sum())
    return np.asarray(colours[top] if 2 * count[top] > count.sum() else mean, np.float32)


def _unkept_blends(own: Sequence[OwnColours], shared: ClassColours) -> list[str]:
    """Return sentences, to be ended by a number of classes, on the blends of all maps that are no class."""
    blends: list[tuple[Colours, int]] = []
    for colour, pixels in (blend for each in own for blend in each.blends):
        same = squared_distances(colour[None], np.array([each for each, _ in blends]).reshape(-1, 3))[0]
        if squared_distances(colour[None], shared.colours).min() <= CLASS_RADIUS**2:
            continue
        if len(same) and same.min() <= CLASS_RADIUS**2:
            place = int(same.argmin())
            blends[place] = (blends[place][0], blends[place][1] + pixels)
        else:
            blends.append((colour, pixels))
    return [
        f"{colour_name(colour)} ({pixels} flat pixels) was taken for a blend; if it is a class: --classes"
        for colour, pixels in blends
        if pixels >= SMALL_CLASS
    ]


def _refuse_pictures(map_colours: MapColours, kept: Colours) -> None:
    """Raise SemanticMapError if the flat pixels do not gather around the few ``kept`` colours or between."""
    level = squared_distances(map_colours.colours, kept).min(1, initial=np.inf) <= NOISE_RADIUS**2
    on_plateau = int(map_colours.often_flat[level].sum())
    all_flat = max(1, int(map_colours.often_flat.sum()))
    shares = on_plateau / map_colours.total, on_plateau / all_flat
    if shares[0] >= _LEAST_SHARES[0] and shares[1] < _LEAST_SHARES[1] and len(kept) <= MAX_CLASSES:
        rest = map_colours.flat & ~level[map_colours.index]  # not empty: the share is below the least
        if map_colours.turns[rest].mean() <= _MOST_TURNING:
            often = np.where(level, 0, map_colours.often_flat)
            judged = np.argsort(-often, kind="stable")[:_COLOURS_JUDGED]
            explained = nearest_parent(map_colours.colours[judged], kept)[1]
            shares = shares[0], (on_plateau + int(often[judged][explained].sum())) / all_flat
    if len(kept) > MAX_CLASSES or any(
        share < least for share, least in zip(shares, _LEAST_SHARES, strict=True)
    ):
        raise SemanticMapError(
            f"the {map_colours.role} map looks like a photograph or a gradient: {len(kept)} classes (at most "
            f"{MAX_CLASSES}), {shares[0]:.0%} of the pixels flat and in a class colour (at least "
            f"{_LEAST_SHARES[0]:.0%}), {shares[1]:.0%} of the flat ones in a class colour or between two (at "
            f"least {_LEAST_SHARES[1]:.0%}). Draw each kind of thing in one flat colour, the same in all "
            "maps, without shading; or name the number of classes: --classes N"
        )


def _force(maps: Sequence[MapColours], classes: int) -> Palette:
    """Find exactly ``classes`` colours by k-means, started from colours that are far apart."""
    found, places = np.unique(np.concatenate([each.found for each in maps]), return_inverse=True)
    colours = np.zeros((len(found), 3), np.float32)
    colours[places] = np.concatenate([each.colours for each in maps])
    weight, flat = (
        np.bincount(places, np.concatenate(counts)).astype(np.int64)
        for counts in ([each.often for each in maps], [each.often_flat for each in maps])
    )
    limit = min(MAX_CLASSES, held := len(colours))
    if not 1 <= classes <= limit:
        raise SettingsError(f"classes is {classes}; expected 1 to {limit}: the maps hold {held} colours")
    # Soft borders are left out where flat colours suffice; in a map of few colours every one may count.
    if len(colours) > MAX_CLASSES and np.count_nonzero(flat) >= classes:
        colours, weight = colours[flat > 0], flat[flat > 0]
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
    same = tuple((np.arange(classes), centres) for _ in maps)
    return Palette(ClassColours(centres, same, ()), (held == classes,) * len(maps), forced=True)
