"""Blends: which classes occur around a pixel, and which colours are steps between two others.

Resizing and soft brushes mix the colours of neighbours: a mixed colour lies on the line between two class
colours in RGB, and both classes occur around its pixel. Shapes: H height, W width, K classes, P points.
"""

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "CLASS_RADIUS",
    "MAX_CLASSES",
    "Bits",
    "Colours",
    "Labels",
    "blend_parents",
    "class_bits",
    "classes_around",
    "lies_between",
    "nearest_parent",
    "squared_distances",
]


MAX_CLASSES = 64
"""Most classes in all maps together: one bit of a 64-bit word each, see :func:`classes_around`."""


Labels = NDArray[np.uint8]
"""The class of every pixel, (H, W)."""


Bits = NDArray[np.uint64]
"""Sets of classes, (H, W): class k is the bit 2^k."""


Colours = NDArray[np.float32]
"""RGB colours, 0..255, (K, 3); also distances between such."""


CLASS_RADIUS = 40.0
"""A colour this near to a class colour is that class."""


_BLEND_DISTANCE = 32.0  # a colour this near to the line between two others may be their blend


_STEPS = np.linspace(0, 1, 34, dtype=np.float32)[1:-1, None]  # of one class in a blend of light


_NUMBERS_AT_ONCE = 1 << 22  # of a comparison of points with all blends


def squared_distances(points: Colours, centres: Colours) -> Colours:
    """Return the squared distances (P, K) of ``points`` (P, 3) from ``centres`` (K, 3).

    One centre is compared at a time, so that no (P, K, 3) array is made.
    """
    result = np.empty((len(points), len(centres)), np.float32)
    for column, centre in enumerate(centres):
        offset = points - centre
        np.einsum("pc,pc->p", offset, offset, out=result[:, column])
    return result


def class_bits(labels: Labels) -> Bits:
    """Return class k as the bit 2^k; numbers from MAX_CLASSES on, of unclear pixels, have no bit.

    >>> class_bits(np.array([[0, 3, 255]], np.uint8)).tolist()
    [[1, 8, 0]]
    """
    return np.array([1 << k if k < MAX_CLASSES else 0 for k in range(256)], np.uint64)[labels]


def classes_around(bits: Bits, radius: int) -> Bits:
    """Return the classes in the square of 2 ``radius`` + 1 pixels around each: its bits, joined by "or".

    >>> classes_around(np.array([[1, 2, 4, 8]], np.uint64), 1).tolist()
    [[3, 7, 14, 12]]
    """
    reach = 0
    while reach < radius:
        # Squares of this reach, moved by up to their own side, leave no gap between them.
        step = min(2 * reach + 1, radius - reach)
        rows = bits.copy()
        rows[step:] |= bits[:-step]
        rows[:-step] |= bits[step:]
        bits = rows.copy()
        bits[:, step:] |= rows[:, :-step]
        bits[:, :-step] |= rows[:, step:]
        reach += step
    return bits


def lies_between(labels: Labels, around: Bits, colours: Colours) -> NDArray[np.bool_]:
    """Return which pixels have two classes around them between whose colours their own colour lies.

    ``around`` are the classes around each pixel, ``colours`` those of the classes.
    """
    result = np.zeros(labels.shape, np.bool_)
    numbers = np.arange(len(colours), dtype=np.uint64)
    for label, colour in enumerate(colours):
        where = np.flatnonzero(labels == label)
        # There are few different neighbourhoods: each is judged once.
        found, index = np.unique(around.ravel()[where], return_inverse=True)
        is_blend = []
        for bits in found:
            others = colours[bits >> numbers & np.uint64(1) == 1]
            is_blend.append(bool(blend_parents(colour, others, of_light=True)))
        result.ravel()[where] = np.array(is_blend, np.bool_)[index]
    return result


def blend_parents(colour: Colours, others: Colours, *, of_light: bool = False) -> list[tuple[int, int]]:
    """Return the pairs of ``others`` between which ``colour`` lies, itself being neither.

    Programs blend sRGB values or, with ``of_light``, also light: (188, 188, 0) is its red and green.

    >>> red_green = np.array([[255, 0, 0], [0, 255, 0]], np.float32)
    >>> blend_parents(np.array([128, 128, 0], np.float32), red_green)
    [(0, 1)]
    >>> bright = np.array([188, 188, 0], np.float32)
    >>> blend_parents(bright, red_green), blend_parents(bright, red_green, of_light=True)
    ([], [(0, 1)])
    """
    first, second = np.triu_indices(len(others), 1)
    off_line = _distance_from_blends(colour[None], others[first], others[second], of_light=of_light)[0]
    between = off_line <= _BLEND_DISTANCE
    return list(zip(first[between].tolist(), second[between].tolist(), strict=True))


def nearest_parent(points: Colours, colours: Colours) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the class (P) of ``points`` (P, 3) that lie near or between ``colours`` (K, 3), and which do.

    A point near a colour is of that class. Of the pairs that others lie between, the pair with the nearest
    line counts, and of its two the nearer colour.

    >>> red_green_yellow = np.array([[255, 0, 0], [0, 255, 0], [255, 255, 0]], np.float32)
    >>> points = np.array([[100, 155, 0], [0, 0, 255]], np.float32)
    >>> classes, explained = nearest_parent(points, red_green_yellow)
    >>> classes[0], explained.tolist()
    (np.int64(1), [True, False])
    """
    squared = squared_distances(points, colours)
    classes, explained = squared.argmin(1), squared.min(1) <= CLASS_RADIUS**2
    first, second = np.triu_indices(len(colours), 1)
    rest = np.flatnonzero(~explained)
    if len(rest) and len(first):
        off_line = _distance_from_blends(points[rest], colours[first], colours[second], of_light=True)
        best = off_line.argmin(1)
        fits = off_line[np.arange(len(rest)), best] <= _BLEND_DISTANCE
        one, other = first[best], second[best]
        is_first = squared[rest, one] <= squared[rest, other]
        classes[rest[fits]] = np.where(is_first, one, other)[fits]
        explained[rest[fits]] = True
    return classes, explained


def _distance_from_blends(points: Colours, starts: Colours, ends: Colours, *, of_light: bool) -> Colours:
    """Return how far ``points`` (P, 3) lie from the blends of N pairs, (P, N); infinity if beside them."""
    along = ends - starts
    length = np.maximum((along**2).sum(1), 1e-6)
    curve = _light_blends(starts, ends) if of_light else np.zeros((len(starts), 0, 3), np.float32)
    result = np.empty((len(points), len(starts)), np.float32)
    rows = max(1, _NUMBERS_AT_ONCE // max(1, curve.size))
    for row in range(0, len(points), rows):
        some = points[row : row + rows, None]
        position = ((some - starts) * along).sum(2) / length
        squared = ((some - starts - position[:, :, None] * along) ** 2).sum(2)
        squared[(position <= 0.02) | (position >= 0.98)] = np.inf
        if of_light:
            squared = np.minimum(squared, ((some[:, :, None] - curve) ** 2).sum(3).min(2))
        result[row : row + rows] = np.sqrt(squared)
    return result


def _light_blends(starts: Colours, ends: Colours) -> Colours:
    """Return colours (N, steps, 3) on the curves of the blends of light of N pairs; far away near their ends.

    The power 2.2 is near enough to the standard's curve.
    """
    first, second = ((each / 255) ** np.float32(2.2) for each in (starts, ends))
    curve = 255 * ((1 - _STEPS) * first[:, None] + _STEPS * second[:, None]) ** np.float32(1 / 2.2)
    from_ends = np.minimum(*(((curve - each[:, None]) ** 2).sum(2) for each in (starts, ends)))
    return np.where((from_ends > CLASS_RADIUS**2)[:, :, None], curve, np.float32(1e6)).astype(np.float32)
