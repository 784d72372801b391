"""Styles: the pictures that are painted from, as a list, and what the losses need of them.

:class:`StyleGuide` is what a caller gives. :class:`GroupStyles` holds all styles of one fused feature: their
patches are one pool from which every patch of the picture takes its nearest (Eq. 3), and their Gram matrices
are mixed by weight (Eqs. 5-6), those of each map class apart where statistics are by region. A class that is
bound to a style is painted from that style alone. With one style, as in the paper, both are that style's own,
to the last digit.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import torch
from torch import Tensor

from glstylenet.errors import UsageError
from glstylenet.matching import PATCH, Matches, PatchGrid, patch_sums, semantic_factor
from glstylenet.numerics import picture_size
from glstylenet.objective.regions import FEWEST_POSITIONS, RegionTarget
from glstylenet.objective.style_target import StyleStatistics, StyleTarget
from glstylenet.objective.target_cache import TargetCache
from glstylenet.objective.tile_features import FusedFeatures
from glstylenet.pictures import resize
from glstylenet.pyramid import fused_size

__all__ = ["GroupStyles", "MapUse", "StyleGuide", "group_styles", "softened", "used_styles"]

_COSINE_PER_DOUBLING = 0.05
"""Added to Eq. 3 for a patch of a style with twice the weight of another. The paper has one style."""


@dataclass(frozen=True)
class StyleGuide:
    """A style to paint from.

    ``picture`` (1, 3, A, B) RGB 0..255; ``class_channels`` (1, K, A, B), its semantic map, or ``None``;
    ``weight`` at least 0, relative to the other styles': a style of weight 0 changes nothing, unless classes
    are bound to it; ``alpha`` (1, 1, A, B), 0..1, how opaque it is, or ``None``: transparent parts are not
    painted from. ``classes``: the numbers, from 0, of the content's classes that are painted from this style
    alone. ``features``: what returns the picture's fused features; by default the network computes them.
    """

    picture: Tensor
    class_channels: Tensor | None = None
    weight: float = 1.0
    alpha: Tensor | None = None
    classes: frozenset[int] = frozenset()
    features: FusedFeatures | None = None


@dataclass(frozen=True)
class MapUse:
    """`MapUse` says what semantic maps do in an objective.

    ``factor``: the weight of the maps' cosine in Eq. 3. ``matches_by_class``: the class of a patch has a say
    in where its nearest is found. ``regions``: the statistics of each class are compared.
    ``compares_regions``: they are, or those of the classes of each style.
    """

    factor: float
    matches_by_class: bool
    regions: bool
    compares_regions: bool

    @property
    def needs_content_map(self) -> bool:
        """Whether the content's map does anything."""
        return self.matches_by_class or self.compares_regions

    @classmethod
    def of(
        cls, styles: Sequence[StyleGuide], *, semantic_weight: float, has_content_map: bool, regions: bool
    ) -> "MapUse":
        """Return what the maps of the content and of ``styles`` do.

        Without the content's map or any style's, the matching compares features alone, and statistics are
        those of the whole picture. Classes that are bound to a style need the content's map only.
        """
        has_maps = has_content_map and any(style.class_channels is not None for style in styles)
        factor = semantic_factor(semantic_weight) if has_maps else 0.0
        is_bound = any(style.classes for style in styles)
        regions = regions and has_maps
        return cls(factor, factor > 0 or is_bound, regions, regions or is_bound)


@dataclass(frozen=True)
class GroupStyles:
    """`GroupStyles` holds all styles of one fused feature, of the deepest layer's size.

    ``weights``: at least one is positive. ``bound``: the place in ``targets`` of the only style of a class,
    by the class's number; the other classes are painted from all styles of positive weight.
    """

    targets: Sequence[StyleTarget]
    weights: Sequence[float]
    bound: Mapping[int, int] = field(default_factory=dict)

    @property
    def group(self) -> tuple[int, ...]:
        """The layers that are fused."""
        return self.targets[0].layers

    @property
    def layer(self) -> int:
        """The deepest of these layers, whose positions the feature has."""
        return self.group[-1]

    @property
    def channels(self) -> int:
        """The channels of the fused feature."""
        return self.targets[0].feature.shape[1]

    @cached_property
    def gram(self) -> Tensor:
        """The mean of the styles' Gram matrices (C, C) by weight."""
        return self._mean([target.gram for target in self.targets])

    def may_use(self, number: int, style: int) -> bool:
        """Return whether the class ``number`` may be painted from the style at the place ``style``."""
        return self.bound[number] == style if number in self.bound else self.weights[style] > 0

    @property
    def by_class(self) -> bool:
        """Whether each class has statistics of its own."""
        return self.targets[0].regions

    def region_targets(self, class_map: Tensor | None) -> list[RegionTarget]:
        """Return what the regions of a picture are compared with: those of the classes of ``class_map``.

        ``class_map`` (1, K, H, W): the content's class channels. Of each class the styles that have enough of
        it are mixed; one without a map is there with all of it. A class that is bound to a style is compared
        with that one's class, or with all of it where its map lacks the class. Where statistics are not by
        class, the classes that are painted from the same styles are one region.

        The last region is that of the classes without statistics of their own, if there are any. Where no
        class has some, or ``class_map`` is ``None``, the only region is the whole picture.
        """
        if class_map is None:
            return [RegionTarget(self.gram)]
        sizes: list[float] = class_map[0].sum(dim=(1, 2), dtype=torch.float64).tolist()
        total = sum(sizes)
        shares = {number: size / total for number, size in enumerate(sizes) if size > 0}
        regions, rest = [], []
        for numbers in self._compared_together(shares):
            size = sum(sizes[number] for number in numbers)
            style = self._region_gram(numbers[0]) if size >= FEWEST_POSITIONS else None
            if style is None:
                rest += numbers
            else:
                weights = {number: shares[number] for number in numbers}
                regions.append(RegionTarget(style, weights, _joined(class_map, numbers), size, total))
        whole = self._whole_gram(shares)
        if not regions:
            return [RegionTarget(whole)]
        if rest:
            weights = {number: shares[number] for number in rest}
            size = sum(sizes[number] for number in rest)
            joined = class_map[0, rest].sum(dim=0)
            regions.append(RegionTarget(None, weights, joined, size, total, whole))
        return regions

    def _compared_together(self, shares: Mapping[int, float]) -> list[list[int]]:
        """Return the classes, by number, whose statistics are taken together."""
        if self.by_class:
            return [[number] for number in shares]
        together: dict[int | None, list[int]] = {}
        for number in shares:
            together.setdefault(self.bound.get(number), []).append(number)
        return list(together.values())

    def _region_gram(self, number: int) -> Tensor | None:
        """Return the matrix with which the region of the class ``number`` is compared, if it has one."""
        style = self.bound.get(number)
        if style is None:
            return self._class_gram(number) if self.by_class else self.gram
        target = self.targets[style]
        own = target.class_grams[number] if self.by_class and target.class_grams else None
        return target.gram if own is None else own

    def _whole_gram(self, shares: Mapping[int, float]) -> Tensor:
        """Return the matrix with which the whole picture is compared, whose classes have these ``shares``."""
        if not any(number in self.bound for number in shares):
            return self.gram
        whole = torch.zeros_like(self.gram)
        for number, share in shares.items():
            style = self.bound.get(number)
            whole.add_(self.gram if style is None else self.targets[style].gram, alpha=share)
        return whole

    def _class_gram(self, number: int) -> Tensor | None:
        """Return the mean of the styles' Gram matrices of a class; ``None`` if no map has enough of it."""
        grams = [target.class_grams[number] if target.class_grams else target.gram for target in self.targets]
        if all(
            matrix is None or not target.class_grams or weight == 0
            for matrix, target, weight in zip(grams, self.targets, self.weights, strict=True)
        ):
            return None
        return self._mean(grams)

    def _mean(self, grams: Sequence[Tensor | None]) -> Tensor:
        """Return the mean of the styles' Gram matrices by weight, of those that are there."""
        there = [
            (matrix, weight)
            for matrix, weight in zip(grams, self.weights, strict=True)
            if matrix is not None and weight > 0
        ]
        if len(there) == 1:
            return there[0][0]
        total = sum(weight for _, weight in there)
        first, *others = (matrix * (weight / total) for matrix, weight in there)
        for other in others:
            first += other
        return first

    @cached_property
    def statistics(self) -> StyleStatistics:
        """The features of all styles as the local loss reads them."""
        if len(self.targets) == 1:
            return self.targets[0].statistics
        return StyleStatistics.of([target.feature for target in self.targets])

    @cached_property
    def grid(self) -> PatchGrid:
        """How the patches of all styles are numbered."""
        return self.statistics.grid

    def search(
        self,
        query: Tensor,
        query_map: Tensor | None,
        *,
        origin: tuple[int, int],
        relative: bool = False,
        penalties: Sequence[Tensor] | None = None,
    ) -> Matches:
        """Find the nearest patch among those of all styles for each patch of ``query`` (1, C, H, W) (Eq. 3).

        ``query_map`` (1, K, H, W): class channels, or ``None``. ``origin``: row and column of the first
        patch, where ``query`` is a part of a picture. ``relative``: features are compared by how they differ
        from the style's mean. ``penalties`` (A-2, B-2) of each style are subtracted from its patches'
        similarities.

        A patch is painted from the styles that the class of most of it may use. A style without a map is of
        any class: its patches have the cosine of equal maps.
        """
        best: Matches | None = None
        strongest = max(self.weights)
        for number, (target, weight) in enumerate(zip(self.targets, self.weights, strict=True)):
            patches = target.relative_patches if relative else target.patches
            penalty = None if penalties is None else penalties[number]
            found = patches.search(query, query_map, origin=origin, penalty=penalty)
            if len(self.targets) > 1:
                lean = _COSINE_PER_DOUBLING * math.log2(weight / strongest) if weight > 0 else 0.0
                if query_map is not None and target.class_channels is None:
                    lean += target.map_factor
                found = Matches(found.index, found.similarity + lean)
                found = self.permitted(number, found, query_map)
            best = found if best is None else best.better(found)
        assert best is not None  # a group has a style
        return best

    def permitted(self, style: int, found: Matches, query_map: Tensor | None) -> Matches:
        """Return ``found`` in the style at the place ``style``, numbered among the patches of all styles.

        ``query_map`` (1, K, H, W): class channels. Where the class of a patch may not use the style, the
        similarity is minus infinity.
        """
        similarity = found.similarity
        if self.bound and query_map is not None:
            may = [self.may_use(number, style) for number in range(query_map.shape[1])]
            is_permitted = torch.tensor(may, device=query_map.device)[patch_sums(query_map)[0].argmax(dim=0)]
            similarity = similarity.masked_fill(~is_permitted, -math.inf)
        return Matches(found.index + self.grid.first_patch(style), similarity)

    def patch_entries(self, size: tuple[int, int]) -> int:
        """Return how many numbers the mean of Eq. 4 is taken over, in a picture of ``size``."""
        height, width = fused_size(size, self.group)
        return (height - PATCH + 1) * (width - PATCH + 1) * PATCH**2 * self.channels


def group_styles(
    cache: TargetCache,
    extractor: FusedFeatures,
    groups: tuple[tuple[int, ...], ...],
    styles: Sequence[StyleGuide],
    *,
    map_factor: float,
    regions: bool,
    block_bytes: int,
) -> list[GroupStyles]:
    """Return the styles of each of a scheme's ``groups``: those that :func:`used_styles` returns.

    ``map_factor``: weight of the maps' cosine in Eq. 3, 0 to match without them. ``regions``: whether the
    statistics of each map class are compared. Raises
    :class:`~glstylenet.errors.UsageError` if no style has a positive weight.
    """
    used = used_styles(styles)
    if groups and not any(style.weight > 0 for style in used):
        raise UsageError(f"none of the {len(styles)} styles has a weight above 0; give one of them some")
    of_styles = [
        cache.style(
            style.features or extractor,
            groups,
            style.picture,
            style.class_channels if map_factor > 0 or regions else None,
            style.alpha,
            map_factor=map_factor,
            regions=regions,
            block_bytes=block_bytes,
        )
        for style in used
    ]
    weights = [style.weight for style in used]
    bound = {number: place for place, style in enumerate(used) for number in style.classes}
    return [GroupStyles(targets, weights, bound) for targets in zip(*of_styles, strict=True)]


def used_styles(styles: Sequence[StyleGuide]) -> list[StyleGuide]:
    """Return the ``styles`` that something is painted from: they have a weight, or a class bound to them."""
    return [style for style in styles if style.weight > 0 or style.classes]


def softened(style: StyleGuide, enlargement: float) -> StyleGuide:
    """Return ``style`` with its picture as soft as one that was enlarged ``enlargement`` times.

    >>> sharp = StyleGuide(torch.rand(1, 3, 40, 60) * 255)
    >>> bool(softened(sharp, 2.0).picture.std() < sharp.picture.std())
    True
    """
    height, width = size = picture_size(style.picture)
    coarse = max(1, round(height / enlargement)), max(1, round(width / enlargement))
    return replace(style, picture=resize(resize(style.picture, coarse, alpha=style.alpha), size))


def _joined(class_map: Tensor, numbers: Sequence[int]) -> Tensor:
    """Return the share (H, W) that the classes ``numbers`` together have of each position."""
    return class_map[0, numbers[0]] if len(numbers) == 1 else class_map[0, list(numbers)].sum(dim=0)
