"""Shared colours: which colours of several maps are one class.

A class should have the same colour in all maps, but a profile, a rounding or a hand that picked the colour
again moves it. A colour of one map and a colour of another are taken for one class if each is the other's
nearest and they are near; colours of the same map are never joined here.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from glstylenet.maps.blends import CLASS_RADIUS, Colours, squared_distances
from glstylenet.maps.map_colours import Counts, colour_name

__all__ = ["NOISE_RADIUS", "ClassColours", "OwnColours", "share_colours"]


NOISE_RADIUS = 12.0
"""Colours this near to each other may differ by JPEG noise only."""


_PROFILE_RADIUS = 80.0  # a profile moves saturated colours this far; only where it moves all of them


class OwnColours(NamedTuple):
    """The class colours (K, 3) of one map, and the ``shares`` (K) of its pixels that tell of them.

    ``role`` names the map's picture. ``clean``: every pixel is exactly of one colour. ``blends`` are colours
    that were not taken for classes, with their flat pixels; ``notes`` say what was decided.
    """

    role: str
    colours: Colours
    shares: NDArray[np.float64]
    clean: bool
    notes: tuple[str, ...] = ()
    blends: tuple[tuple[Colours, int], ...] = ()


class ClassColours(NamedTuple):
    """The classes of several maps: ``colours`` (K, 3), and for each map its classes and their colours there.

    ``by_map`` holds for each map the numbers of the classes that its pixels may have, and the colours
    of these in this map: its own where it has the class. ``joined`` are sentences on colours that differ
    from map to map.
    """

    colours: Colours
    by_map: tuple[tuple[Counts, Colours], ...]
    joined: tuple[str, ...]


def share_colours(maps: Sequence[OwnColours]) -> ClassColours:
    """Find which colours of the ``maps`` are one class.

    A class is named by its colour in the map where it is largest.

    >>> pair = [OwnColours(role, np.array([[value, 0, 0]], np.float32), np.ones(1), True)
    ...     for role, value in (("content", 255), ("style", 254))]
    >>> share_colours(pair).joined
    ('#fe0000 of the style map was taken for #ff0000 of the content map: they are nearly one colour',)
    """
    # A class is the place of its colour in each map, -1 where it has none.
    classes = np.zeros((0, len(maps)), np.int64)
    for number, each in enumerate(maps):
        partner = _partners(_distances(maps, classes, each.colours))
        added = np.full((len(each.colours), len(maps)), -1)
        added[:, number] = np.arange(len(each.colours))
        for own, other in enumerate(partner):
            if other >= 0:
                classes[other, number] = own
        classes = np.vstack([classes, added[partner < 0]])
    shares = np.array([[maps[m].shares[k] if k >= 0 else -1.0 for m, k in enumerate(row)] for row in classes])
    largest = shares.argmax(1)
    colours = np.stack([maps[m].colours[row[m]] for row, m in zip(classes, largest, strict=True)])
    by_map = tuple(_colours_in_map(maps[m], classes[:, m], colours) for m in range(len(maps)))
    return ClassColours(colours, by_map, _joined(maps, classes))


def _distances(maps: Sequence[OwnColours], classes: NDArray[np.int64], colours: Colours) -> Colours:
    """Return how far ``colours`` (C, 3) lie from ``classes`` (K, maps) in the map nearest to them, (C, K)."""
    result = np.full((len(colours), len(classes)), np.inf, np.float32)
    for each, places in zip(maps, classes.T, strict=True):
        has = places >= 0
        squared = squared_distances(colours, each.colours[places[has]])
        result[:, has] = np.minimum(result[:, has], np.sqrt(squared))
    return result


def _partners(distances: Colours) -> NDArray[np.int64]:
    """Return for each of C colours the class, of K, that it belongs to, or -1; ``distances`` are (C, K)."""
    result = np.full(len(distances), -1)
    if not distances.size:
        return result
    nearest = distances.argmin(1)
    mutual = distances.argmin(0)[nearest] == np.arange(len(distances))
    apart = distances[np.arange(len(distances)), nearest]
    near = mutual & (apart <= CLASS_RADIUS)
    result[near] = nearest[near]
    # A profile moves several colours; all those that are left then find a partner among themselves.
    own, other = np.flatnonzero(result < 0), np.setdiff1d(np.arange(distances.shape[1]), result)
    moved = len(own) + np.count_nonzero(apart[near] > NOISE_RADIUS)
    if len(own) == len(other) >= 1 and moved >= 2:
        left = distances[np.ix_(own, other)]
        best = left.argmin(1)
        one_to_one = len(np.unique(best)) == len(own) and (left.argmin(0)[best] == np.arange(len(own))).all()
        if one_to_one and left.min(1).max() <= _PROFILE_RADIUS:
            result[own] = other[best]
    return result


def _colours_in_map(own: OwnColours, places: NDArray[np.int64], colours: Colours) -> tuple[Counts, Colours]:
    """Return the classes that a map's pixels may have, and their colours; ``places`` (K) as in the classes.

    A class of other maps may have a few pixels here, unless its colour is that of a class of this map.
    """
    has = places >= 0
    apart = squared_distances(colours, own.colours).min(1, initial=np.inf) > CLASS_RADIUS**2
    here = np.where(has[:, None], own.colours[places] if len(own.colours) else colours, colours)
    chosen = np.flatnonzero(has | apart)
    return chosen, np.asarray(here[chosen], np.float32)


def _joined(maps: Sequence[OwnColours], classes: NDArray[np.int64]) -> tuple[str, ...]:
    """Return a sentence for each colour of a map that stands for another of an earlier map."""
    sentences = []
    for row in classes.tolist():
        first = next(m for m, place in enumerate(row) if place >= 0)
        colour = maps[first].colours[row[first]]
        for m in range(first + 1, len(maps)):
            if row[m] < 0:
                continue
            other = maps[m].colours[row[m]]
            apart = float(np.sqrt(((colour - other) ** 2).sum()))
            # Soft maps differ by noise; where both are clean, somebody drew two colours.
            if apart > (0.0 if maps[first].clean and maps[m].clean else NOISE_RADIUS):
                sentences.append(
                    f"{colour_name(other)} of the {maps[m].role} map was taken for {colour_name(colour)} "
                    f"of the {maps[first].role} map: they are nearly one colour"
                )
    return tuple(sentences)
