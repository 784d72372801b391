"""StyleTarget: what the losses need of one style and do not depend on the picture; each is computed once."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from glstylenet.maps import map_at
from glstylenet.matching import BLOCK_BYTES, PatchGrid, StylePatchIndex, patch_sums
from glstylenet.numerics import exact_dtype, flatten_positions, sum_dtype
from glstylenet.objective.gram import gram
from glstylenet.objective.opacity import counted_patches, counted_positions
from glstylenet.objective.regions import FEWEST_POSITIONS, Region
from glstylenet.objective.tile_features import FusedFeatures
from glstylenet.pyramid import fused_size

__all__ = ["StyleStatistics", "StyleTarget", "style_targets"]

_ROWS_AT_ONCE = 8
"""Rows of positions that are converted at a time: converted as a whole, a large style would be the largest
thing in memory."""


@dataclass(frozen=True)
class StyleStatistics:
    """One or several styles as the local loss reads them: relative to their mean.

    Sums of features relative to the mean keep what the features differ by, however large they are.

    ``table`` (P, C): the features of all positions, one style after the other, whose patches ``grid``
    numbers. ``centre`` (C,): the mean of the table, at least float32. ``patch_norms``: squared norms of all
    3x3 patches of table - centre.
    """

    table: Tensor
    grid: PatchGrid
    centre: Tensor
    patch_norms: Tensor

    @classmethod
    def of(cls, features: Sequence[Tensor]) -> "StyleStatistics":
        """Compute the statistics of ``features`` (1, C, A, B)."""
        exact, centre = exact_dtype(features[0].dtype), _mean_position(features)
        tables = [flatten_positions(feature) for feature in features]
        return cls(
            table=tables[0] if len(tables) == 1 else torch.cat(tables),
            grid=PatchGrid(tuple((feature.shape[-2], feature.shape[-1]) for feature in features)),
            centre=centre,
            patch_norms=torch.cat([_patch_norms(feature, centre, exact) for feature in features]),
        )


def _mean_position(features: Sequence[Tensor]) -> Tensor:
    """Return the mean (C,) of all positions of ``features`` (1, C, A, B), at least float32."""
    first = features[0]
    exact = exact_dtype(first.dtype)
    total = first.new_zeros(first.shape[1], dtype=exact)
    for feature in features:
        for strip in torch.split(feature[0], _ROWS_AT_ONCE, dim=1):
            total += strip.sum(dim=(1, 2), dtype=exact)
    positions = sum(feature.shape[-2] * feature.shape[-1] for feature in features)
    return (total / positions).to(sum_dtype(first.dtype))


def _patch_norms(feature: Tensor, centre: Tensor, exact: torch.dtype) -> Tensor:
    """Return the squared norms of the 3x3 patches of ``feature`` - ``centre``, row by row."""
    lengths = feature.new_empty(feature.shape[-2:], dtype=exact)
    strips = torch.split(feature[0], _ROWS_AT_ONCE, dim=1)
    for strip, part in zip(strips, torch.split(lengths, _ROWS_AT_ONCE), strict=True):
        torch.linalg.vector_norm(strip.to(exact) - centre[:, None, None], dim=0, out=part)
    return patch_sums(lengths.square_()).flatten()


@dataclass(frozen=True)
class StyleTarget:
    """One style at one fused feature of the scheme; what is derived is computed when first needed.

    ``layers``: those that are fused. ``feature`` (1, C, A, B). ``class_channels`` (1, K, A, B): the map at
    the feature's size, whose cosine ``map_factor`` weighs in the search. ``counted``, boolean (A-2, B-2):
    the patches that are painted from, ``None`` if all are. ``block_bytes``: the memory of a search.
    """

    layers: tuple[int, ...]
    feature: Tensor
    class_channels: Tensor | None
    map_factor: float
    counted: Tensor | None
    block_bytes: int
    regions: bool = False

    @property
    def nbytes(self) -> int:
        """The memory that it takes with the Gram matrices."""
        classes = self.class_channels.shape[1] if self.regions and self.class_channels is not None else 0
        return self.feature.nbytes + 4 * (1 + classes) * self.feature.shape[1] ** 2

    @cached_property
    def gram(self) -> Tensor:
        """The Gram matrix (C, C) of Eq. 5, of the positions that are painted from."""
        counted = counted_positions(self.counted)
        return gram(self.feature, region=Region() if counted is None else Region.of(counted))

    @cached_property
    def class_grams(self) -> list[Tensor | None]:
        """The Gram matrix (C, C) of each class's positions that are painted from.

        ``None`` for a class with fewer than ``FEWEST_POSITIONS``; the list is empty without a map.
        """
        if self.class_channels is None:
            return []
        counted = counted_positions(self.counted)
        grams: list[Tensor | None] = []
        for shares in self.class_channels[0]:
            region = Region.of(shares if counted is None else shares * counted)
            is_large = region.size(shares.numel()) >= FEWEST_POSITIONS
            grams.append(gram(self.feature, region=region) if is_large else None)
        return grams

    @cached_property
    def patches(self) -> StylePatchIndex:
        """The patches, ready to be searched."""
        return self._patches(None)

    @cached_property
    def relative_patches(self) -> StylePatchIndex:
        """The patches as :attr:`patches`, compared by how their features differ from the style's mean."""
        return self._patches(_mean_position([self.feature]))

    @cached_property
    def statistics(self) -> StyleStatistics:
        """The feature as the local loss reads it."""
        return StyleStatistics.of([self.feature])

    def _patches(self, centre: Tensor | None) -> StylePatchIndex:
        return StylePatchIndex(
            self.feature,
            self.class_channels if self.map_factor > 0 else None,
            map_factor=self.map_factor,
            excluded=None if self.counted is None else ~self.counted,
            centre=centre,
            block_bytes=self.block_bytes,
        )


def style_targets(
    extractor: FusedFeatures,
    groups: tuple[tuple[int, ...], ...],
    style: Tensor,
    style_map: Tensor | None,
    style_alpha: Tensor | None = None,
    *,
    map_factor: float,
    regions: bool = False,
    block_bytes: int = BLOCK_BYTES,
) -> list[StyleTarget]:
    """Return a target of ``style`` (1, 3, A, B) and its ``style_map`` (1, K, A, B) for each of ``groups``.

    ``style_alpha`` (1, 1, A, B), 0..1: where it is transparent, and not painted from. ``regions``: whether
    Gram matrices of the classes will be asked for.
    """
    if not groups:
        return []
    size = (style.shape[-2], style.shape[-1])
    sizes = [fused_size(size, group) for group in groups]
    maps = [None if style_map is None else map_at(style_map, each) for each in sizes]
    return [
        StyleTarget(
            layers=group,
            feature=feature,
            class_channels=class_channels,
            map_factor=map_factor,
            counted=counted_patches(style_alpha, each),
            block_bytes=block_bytes,
            regions=regions,
        )
        for group, feature, class_channels, each in zip(
            groups, extractor.fused(style, groups), maps, sizes, strict=True
        )
    ]
