"""PatchGrid: how the 3x3 patches of one or several features are numbered.

A feature of A x B positions has (A-2) x (B-2) patches, numbered row by row; patch (y, x) covers the positions
(y..y+2, x..x+2). Of several features, the patches and the positions of the second follow those of the first.
"""

import itertools
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

__all__ = ["PATCH", "PatchGrid"]

PATCH = 3
"""Side of a patch in feature positions."""


@dataclass(frozen=True)
class PatchGrid:
    """The patches of features of ``sizes`` (height, width), one feature after the other.

    >>> import torch
    >>> grid = PatchGrid(((4, 5),))
    >>> int(grid.corners(torch.tensor(4)))  # row 1, column 1: the second row begins at position 5
    6
    """

    sizes: tuple[tuple[int, int], ...]

    def first_patch(self, feature: int) -> int:
        """Return the number of the first patch of a feature."""
        return self._first_patches[feature]

    def first_position(self, feature: int) -> int:
        """Return the number of the first position of a feature."""
        return self._first_positions[feature]

    @property
    def patches(self) -> int:
        """How many patches there are in all."""
        height, width = self.sizes[-1]
        return self._first_patches[-1] + (height - PATCH + 1) * (width - PATCH + 1)

    def corners(self, index: Tensor) -> Tensor:
        """Return the position under the first corner of each patch of ``index``, any shape, int64."""
        columns = self._columns(index)
        within = index - self._lookup(self._first_patches, index)
        position = (within // columns) * (columns + PATCH - 1) + within % columns
        return position + self._lookup(self._first_positions, index)

    def strides(self, index: Tensor) -> Tensor | int:
        """Return how many positions lie between a row and the next in each patch's feature."""
        return self._columns(index) + PATCH - 1

    def feature_of(self, index: Tensor) -> Tensor:
        """Return the number of the feature that each patch of ``index`` belongs to."""
        later = torch.tensor(self._first_patches[1:], dtype=torch.int64, device=index.device)
        return torch.bucketize(index, later, right=True)

    @cached_property
    def _first_patches(self) -> tuple[int, ...]:
        counts = ((height - PATCH + 1) * (width - PATCH + 1) for height, width in self.sizes[:-1])
        return tuple(itertools.accumulate(counts, initial=0))

    @cached_property
    def _first_positions(self) -> tuple[int, ...]:
        counts = (height * width for height, width in self.sizes[:-1])
        return tuple(itertools.accumulate(counts, initial=0))

    def _columns(self, index: Tensor) -> Tensor | int:
        return self._lookup(tuple(width - PATCH + 1 for _, width in self.sizes), index)

    def _lookup(self, of_features: tuple[int, ...], index: Tensor) -> Tensor | int:
        """Return each patch's feature's entry: one number where there is only one feature."""
        if len(of_features) == 1:
            return of_features[0]
        return torch.tensor(of_features, dtype=torch.int64, device=index.device)[self.feature_of(index)]
