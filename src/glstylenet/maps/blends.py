"""Blends: which classes occur around a pixel, and which colours are steps between two others.

Resizing and soft brushes mix the colours of neighbours: a mixed colour lies on the line between two class
colours in RGB, and both classes occur around its pixel. Shapes: H height, W width, K classes, P points.
"""

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "MAX_CLASSES",
    "Bits",
    "Colours",
    "Labels",
    "blend_parents",
    "class_bits",
    "classes_around",
    "lies_between",
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


_BLEND_DISTANCE = 32.0  # a colour this near to the line between two others may be their blend


def squared_distances(points: Colours, centres: Colours) -> Colours:
    """Return the squared distances (P, K) of ``points`` (P, 3) from ``centres`` (K, 3).

    One centre is compared at a time, so that no (P, K, 3) array is made.
    """
    result = np.empty((len(points), len(centres)), np.float32)
    for column, centre in enumerate(centres):
        result[:, column] = ((points - centre) ** 2).sum(1)
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
    for _ in range(radius):
        rows = bits.copy()
        rows[1:] |= bits[:-1]
        rows[:-1] |= bits[1:]
        bits = rows.copy()
        bits[:, 1:] |= rows[:, :-1]
        bits[:, :-1] |= rows[:, 1:]
    return bits


def lies_between(labels: Labels, around: Bits, colours: Colours) -> NDArray[np.bool_]:
    """Return which pixels have two classes around them between whose colours their own colour lies.

    ``around`` are the classes around each pixel, ``colours`` those of the classes.
    """
    result = np.zeros(labels.shape, np.bool_)
    for label, colour in enumerate(colours):
        pairs = [(1 << first) | (1 << second) for first, second in blend_parents(colour, colours)]
        if pairs:
            where = np.flatnonzero(labels == label)
            found, index = np.unique(around.ravel()[where], return_inverse=True)
            # There are few different neighbourhoods: each is judged once.
            is_blend = [any(bits & pair == pair for pair in pairs) for bits in found.tolist()]
            result.ravel()[where] = np.array(is_blend, np.bool_)[index]
    return result


def blend_parents(colour: Colours, others: Colours) -> list[tuple[int, int]]:
    """Return the pairs of ``others`` between which ``colour`` lies, itself being neither.

    >>> red, green = [255, 0, 0], [0, 255, 0]
    >>> blend_parents(np.array([128, 128, 0], np.float32), np.array([red, green], np.float32))
    [(0, 1)]
    """
    first, second = np.triu_indices(len(others), 1)
    start, along = others[first], others[second] - others[first]
    position = ((colour - start) * along).sum(1) / np.maximum((along**2).sum(1), 1e-6)
    off_line = ((colour - start - position[:, None] * along) ** 2).sum(1)
    between = (position > 0.02) & (position < 0.98) & (off_line <= _BLEND_DISTANCE**2)
    return list(zip(first[between].tolist(), second[between].tolist(), strict=True))
