"""Proposals: how much memory it takes to propose maps, which comes before the first size is painted.

Peaks of the process, measured as ``benchmarks/memory.py proposals`` does, for a portrait and a painted one of
one size, with six classes where nothing else is said; MiB:

=========================================  ====  ========  =========
two pictures of                            auto  portrait  predicted
=========================================  ====  ========  =========
300 x 400                                   827       464        894
448 x 448                                   860                  897
1200 x 1600                                 811       619        952
2000 x 2667                                1118      1117       1304
2000 x 2667, 16 classes                    1615                 1813
3000 x 4000                                2177      2210       2335
3000 x 4000, painted at 750 x 1000         1124                 1280
300 x 400, 63 classes                      1984                 2486
=========================================  ====  ========  =========

Both have one prediction, since a portrait without a face is described as by ``auto``.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from glstylenet.errors import MemoryLimitError
from glstylenet.memory.plan import format_bytes

__all__ = ["ProposalEstimate"]


_BASE_BYTES = 290 * 2**20
"""Python and PyTorch, without the weights that a run loads later."""


_READ_SHARE = 1.42
"""What pictures take once they are read, relative to their pixels in float32: decoding leaves free blocks."""


_DESCRIPTION_BYTES = 600 * 2**20
"""VGG-19 up to conv5_1 and the features of a picture of 448 pixels with its margin."""


_GROUPING_BYTES = 260 * 2**20
"""The weights and the descriptors while they are grouped."""


_GROUPED_BYTES = 56 * 56 * 1285 * 4
"""Distances of the places of a picture to a class: at most 56 x 56 places of 1285 numbers."""


_DRAWN_BYTES = 190 * 2**20
"""The models of faces, and small copies of the pictures."""


_PIXEL_BYTES = 34
"""For each pixel at its size, the picture in bytes, its labels, its map and what finds the map's colours."""


_CLASS_BYTES = 5
"""For each pixel and class, the class's channel and a comparison."""


@dataclass(frozen=True)
class ProposalEstimate:
    """`ProposalEstimate` predicts the memory of a process that proposes maps.

    ``read_bytes``: of the pictures as they were read, float32. ``sizes``: the (height, width) of content and
    styles in the run. ``classes``: the most there may be.

    >>> small = ProposalEstimate(2 * 12 * 300 * 400, ((400, 300), (400, 300)), 6)
    >>> format_bytes(small.needed_bytes)
    '894 MiB'
    """

    read_bytes: int
    sizes: Sequence[tuple[int, int]]
    classes: int

    @property
    def needed_bytes(self) -> int:
        """The bytes at the peak."""
        grouping = _GROUPING_BYTES + _GROUPED_BYTES * self.classes * len(self.sizes)
        pixels = sum(map(math.prod, self.sizes))
        drawing = _DRAWN_BYTES + (_PIXEL_BYTES + _CLASS_BYTES * self.classes) * pixels
        return _BASE_BYTES + math.ceil(
            _READ_SHARE * self.read_bytes + max(_DESCRIPTION_BYTES, grouping, drawing)
        )

    def check(self, allowed: int) -> None:
        """Raise :class:`~glstylenet.errors.MemoryLimitError` if more than ``allowed`` bytes are needed."""
        if self.needed_bytes > allowed:
            raise MemoryLimitError(
                f"proposing maps needs about {format_bytes(self.needed_bytes)}, and the run may use "
                f"{format_bytes(allowed)}; draw the maps, or propose them for smaller copies of the pictures "
                f"and give them to the run, or raise --memory if more is free"
            )
