"""Regions: the positions over which a Gram matrix is taken, all of a feature's or those of one map class.

    G^k = sum_p m_k(p) f_p f_p^T / sum_p m_k(p)

m_k(p), 0..1, is the share of class k in what position p covers. Nearly every position belongs to one class
alone. So the positions of each class are gathered, and the products of all classes together take little more
than those of the whole picture.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from glstylenet.numerics import Rect, upcast

__all__ = ["FEWEST_POSITIONS", "Region", "RegionTarget"]

FEWEST_POSITIONS = 16.0
"""Positions that a class must have in both pictures for statistics of its own: those of fewer say little of a
class, and following them takes away what else is there, such as the eyes of a face."""

_POSITIONS_AT_ONCE = 2**13
"""Positions that are multiplied at a time: they are copied, or converted to the type of the product."""


@dataclass(frozen=True)
class Region:
    """`Region` is a part of a feature's positions; by default it is all of them.

    ``index``: int64 (n,), the positions counted row by row, or ``None`` for all. ``shares`` (n, 1), 0..1: how
    much of each belongs to the region, or ``None`` where they belong to it as a whole.
    """

    index: Tensor | None = None
    shares: Tensor | None = None

    @classmethod
    def of(cls, shares: Tensor) -> "Region":
        """Return the region of which ``shares`` (H, W), boolean or 0..1, is the share of each position.

        >>> Region.of(torch.tensor([[1.0, 0.0, 0.25]]))
        Region(index=tensor([0, 2]), shares=tensor([[1.0000],
                [0.2500]]))
        >>> Region.of(torch.tensor([[1.0, 1.0, 1.0]]))
        Region(index=None, shares=None)
        """
        flat = shares.flatten()
        index = flat.nonzero()[:, 0]
        there = flat[index]
        if bool((there < 1).any()):
            return cls(index, there[:, None])
        return cls(index) if len(index) < len(flat) else cls()

    @property
    def is_empty(self) -> bool:
        """Whether no position belongs to it."""
        return self.index is not None and not len(self.index)

    def size(self, positions: int) -> float:
        """Return the sum of its shares in a feature of ``positions``.

        >>> Region.of(torch.tensor([[1.0, 0.0, 0.25]])).size(3)
        1.25
        """
        if self.index is None:
            return positions
        return len(self.index) if self.shares is None else float(self.shares.sum(dtype=torch.float64))

    def gather(self, lines: Tensor) -> Iterator[tuple["Region", Tensor]]:
        """Yield the region in pieces, each with its rows of ``lines`` (M, N), converted to be multiplied."""
        if self.index is None:
            for strip in torch.split(lines, _POSITIONS_AT_ONCE):
                yield Region(), upcast(strip)
            return
        for start in range(0, len(self.index), _POSITIONS_AT_ONCE):
            here = slice(start, start + _POSITIONS_AT_ONCE)
            piece = Region(self.index[here], None if self.shares is None else self.shares[here])
            yield piece, upcast(lines.index_select(0, self.index[here]))


@dataclass(frozen=True)
class RegionTarget:
    """`RegionTarget` is what the Gram matrix of one region of the picture is compared with.

    ``gram`` (N, N): the style's; ``None`` for the region of classes without statistics of their own, which
    compares the whole picture with ``whole`` (N, N).
    ``weights``: each of its classes with the class's share of the picture, 0..1; none for the whole picture.
    ``shares`` (H, W), 0..1: how much of each position belongs to the region, ``size``: their sum, and
    ``total``: that of all regions; ``None`` for the whole picture.
    """

    gram: Tensor | None
    weights: Mapping[int, float] = field(default_factory=dict)
    shares: Tensor | None = None
    size: float | None = None
    total: float | None = None
    whole: Tensor | None = None
    _regions: dict[Rect, Region] = field(default_factory=dict, repr=False)

    @property
    def weight(self) -> float:
        """The region's share of the picture, 0..1."""
        return sum(self.weights.values()) if self.weights else 1.0

    def region(self, window: Rect) -> Region:
        """Return the part of the region within ``window``, counted from the window's first position.

        It is computed once, before an evaluation may be recorded: the host waits for it.
        """
        if self.shares is None:
            return Region()
        if window not in self._regions:
            self._regions[window] = Region.of(self.shares[window.slices])
        return self._regions[window]
