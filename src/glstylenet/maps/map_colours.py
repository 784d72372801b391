"""The colours of one map, how often each occurs, and where it lies flat.

A map's colours are few or, where its borders are soft, many. Each is one number, its code; U of them occur.
"""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from glstylenet.maps.blends import Colours

__all__ = ["FLAT_RANGE", "Codes", "Counts", "MapColours", "Mask", "colour_name", "colours_of"]


FLAT_RANGE = 24
"""Largest difference inside a flat 3x3 neighbourhood: above JPEG noise, below a soft border."""


_LEAST_TURN = 4  # a smaller turn may be rounding


Codes = NDArray[np.uint32]
"""Colours as one number each: red * 65536 + green * 256 + blue."""


Counts = NDArray[np.int64]
"""Numbers of pixels."""


Mask = NDArray[np.bool_]
"""A choice of pixels, (height, width), or of colours, (U)."""


class MapColours:
    """The colours of the map ``planes`` (3, height, width), uint8, of the picture that ``role`` names.

    - ``codes`` (height, width): every pixel's colour. ``flat``, ``constant``: which pixels have a 3x3
      neighbourhood of nearly, and of exactly, one colour.
    - ``found`` (U): the codes that occur, ascending; ``colours`` (U, 3) the same as RGB. ``index``
      (height, width): every pixel's place among them.
    - ``often``, ``often_flat``, ``often_constant`` (U): how many pixels, flat and constant ones a colour has.

    >>> colours = MapColours(np.zeros((3, 4, 4), np.uint8), "content")
    >>> colours.found.tolist(), colours.often.tolist(), colours.often_constant.tolist()
    ([0], [16], [16])
    """

    def __init__(self, planes: NDArray[np.uint8], role: str) -> None:
        self.role = role
        self._planes = planes
        self.codes: Codes = np.zeros(planes.shape[1:], np.uint32)
        span = np.zeros(planes.shape[1:], np.uint8)
        for plane in planes:
            self.codes = self.codes << np.uint32(8) | plane
            np.maximum(span, ndimage.morphological_gradient(plane, (3, 3), mode="nearest"), out=span)
        self.flat: Mask = span <= FLAT_RANGE
        self.constant: Mask = span == 0
        self.found: Codes
        self.found, index = np.unique(self.codes, return_inverse=True)
        self.index = index.reshape(self.codes.shape)
        self.colours = colours_of(self.found)
        self.often, self.often_flat, self.often_constant = (
            np.bincount(chosen, minlength=len(self.found))
            for chosen in (index.ravel(), self.index[self.flat], self.index[self.constant])
        )

    @cached_property
    def total(self) -> int:
        """The number of pixels."""
        return self.codes.size

    def plateau(self, tight: Mask, near: Mask) -> Mask:
        """Return the flat pixels of plateaus, (height, width): areas of one colour that no ramp runs through.

        ``tight`` and ``near`` (U) are the colours within a small and a larger distance of the plateau's. An
        area of near colours is one piece. Where a soft brush passes through, its colours change evenly, and
        less than half of the piece is tight; a plateau with soft borders is mostly tight.
        """
        where = np.flatnonzero(near[self.index.ravel()])
        pieces = _pieces(where, self.codes.shape)
        inside = tight[self.index.ravel()[where]]
        is_plateau = 2 * np.bincount(pieces[inside], minlength=len(where)) >= np.bincount(
            pieces, minlength=len(where)
        )
        result = np.zeros(self.codes.shape, np.bool_)
        result.ravel()[where[inside & is_plateau[pieces]]] = True
        return result & self.flat

    @cached_property
    def turns(self) -> Mask:
        """The pixels, (height, width), at which red, green or blue turns.

        It turns where it is the largest, or the smallest, of three in a row or a column that differ. A ramp
        goes one way; a photograph turns everywhere.
        """
        turns = np.zeros(self.codes.shape, np.bool_)
        for plane in self._planes:
            for size in ((1, 3), (3, 1)):
                most = ndimage.maximum_filter(plane, size, mode="nearest")
                least = ndimage.minimum_filter(plane, size, mode="nearest")
                turns |= ((plane == most) | (plane == least)) & (most - least >= _LEAST_TURN)
        return turns


def _pieces(where: NDArray[np.int64], shape: tuple[int, int]) -> NDArray[np.int32]:
    """Number the connected pieces of the pixels at the places ``where`` (P), ascending, of a flattened map.

    >>> _pieces(np.array([0, 1, 3, 7]), (2, 4)).tolist()
    [0, 0, 1, 1]
    """
    number = np.full(shape[0] * shape[1], -1, np.int32)
    number[where] = np.arange(len(where), dtype=np.int32)
    grid = number.reshape(shape)
    links = [
        (one[both], other[both])
        for one, other in ((grid[:, :-1], grid[:, 1:]), (grid[:-1], grid[1:]))
        for both in [(one >= 0) & (other >= 0)]
    ]
    start, end = (np.concatenate(each) for each in zip(*links, strict=True))
    graph = coo_array((np.ones(len(start), np.bool_), (start, end)), (len(where), len(where)))
    return np.asarray(connected_components(graph, directed=False)[1])


def colours_of(codes: Codes) -> Colours:
    """Return the colours (N, 3) that ``codes`` (N) stand for.

    >>> colours_of(np.array([0xFF8000], np.uint32)).tolist()
    [[255.0, 128.0, 0.0]]
    """
    return np.stack([codes >> 16, codes >> 8 & 255, codes & 255], axis=-1).astype(np.float32)


def colour_name(colour: Colours) -> str:
    """Return ``colour`` (3) as web pages write it.

    >>> colour_name(np.array([255, 128, 0], np.float32))
    '#ff8000'
    """
    return "#{:02x}{:02x}{:02x}".format(*colour.astype(int).tolist())
