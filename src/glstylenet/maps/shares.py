"""Shares: how much of two classes the pixels on the soft borders of a map hold.

An antialiased or feathered border goes from the colour of one class to that of another: a pixel half-way
belongs to both by half. Which two is told by the classes around it, as in :mod:`.labels`: the middle of a
border between red and green, (128, 128, 0), also lies between yellow and black. Programs mix sRGB values, so
shares are those of the values. Shapes: H height, W width, K classes, P points.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glstylenet.maps.blends import Colours, Labels, class_bits, classes_around, squared_distances
from glstylenet.maps.map_colours import MapColours
from glstylenet.maps.shared_colours import NOISE_RADIUS

__all__ = ["BorderShares", "border_shares", "nearest_segment"]


_MOST_OFF = 20.0
"""A colour this near to the line between two class colours is mixed of them."""

_FIRST_REACH = 2
"""Pixels around a border pixel that are searched first for the classes of which it is mixed."""


@dataclass(frozen=True)
class BorderShares:
    """`BorderShares` says what every pixel of a map is mixed of.

    That is ``share``, 0..1, of the class ``second``, and for the rest ``first``; all are (H, W). Away from
    borders the share is 0.
    """

    first: Labels
    second: Labels
    share: NDArray[np.float32]


def border_shares(pixels: MapColours, labels: Labels, certain: Labels, colours: Colours) -> BorderShares:
    """Return the shares of a map whose hard ``labels`` (H, W) are numbers of ``colours`` (K, 3).

    ``certain``: the labels of the pixels whose colour tells their class, other numbers elsewhere. A pixel
    that is mixed of no two classes around it keeps its label.
    """
    own = squared_distances(pixels.colours, colours)[pixels.index, labels]
    is_pure = (certain == labels) & (own <= NOISE_RADIUS**2)
    first, second = labels.copy(), labels.copy()
    share = np.zeros(labels.shape, np.float32)
    numbers = np.arange(len(colours), dtype=np.uint64)
    bits = class_bits(np.where(is_pure, labels, np.uint8(255)))
    waiting = np.flatnonzero(~is_pure)
    index = pixels.index.ravel()
    radius = _FIRST_REACH
    while len(waiting) and radius < 2 * max(labels.shape):
        around = classes_around(bits, radius).ravel()[waiting]
        done = np.zeros(len(waiting), np.bool_)
        for present in np.unique(around):
            among = np.flatnonzero(present >> numbers & np.uint64(1))
            if len(among) < 2:
                continue
            here = np.flatnonzero(around == present)
            found, place = np.unique(index[waiting[here]], return_inverse=True)
            one, other, part, is_mixed = nearest_segment(pixels.colours[found], colours[among])
            mixed = here[is_mixed[place]]
            place = place[is_mixed[place]]
            first.ravel()[waiting[mixed]] = among[one[place]]
            second.ravel()[waiting[mixed]] = among[other[place]]
            share.ravel()[waiting[mixed]] = part[place]
            done[mixed] = True
        waiting = waiting[~done]
        radius *= 2
    return BorderShares(first, second, share)


def nearest_segment(
    points: Colours, colours: Colours
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32], NDArray[np.bool_]]:
    """Return between which two of ``colours`` (K, 3), K at least 2, each of ``points`` (P, 3) lies.

    That are the numbers of both, the share of the second, 0..1, and whether the point is near enough to be
    mixed of them.

    >>> red_green_blue = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255]], np.float32)
    >>> points = np.array([[191, 64, 0], [255, 255, 255]], np.float32)
    >>> first, second, share, is_mixed = nearest_segment(points, red_green_blue)
    >>> first[0], second[0], round(float(share[0]), 2), is_mixed.tolist()
    (np.int64(0), np.int64(1), 0.25, [True, False])
    """
    first, second = np.triu_indices(len(colours), 1)
    nearest = np.full(len(points), np.inf, np.float32)
    best = np.zeros(len(points), np.int64)
    share = np.zeros(len(points), np.float32)
    for pair, (one, other) in enumerate(zip(first, second, strict=True)):
        along = colours[other] - colours[one]
        part = ((points - colours[one]) @ along / max(float(along @ along), 1e-6)).clip(0, 1)
        squared = ((points - colours[one] - part[:, None] * along) ** 2).sum(1)
        is_nearer = squared < nearest
        nearest[is_nearer], best[is_nearer], share[is_nearer] = squared[is_nearer], pair, part[is_nearer]
    return first[best], second[best], share, nearest <= _MOST_OFF**2
