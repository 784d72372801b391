"""Measured styles: the styles that a picture is compared with, and how their parts are mixed.

A picture of several styles is compared with their mixture, as the losses do: by weight, and where a class of
the content is bound to a style, with that style alone. A style's part of the whole is the share of the
classes that are bound to it, and its part of the others by the weights.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from glstylenet.matching import PATCH, Matches
from glstylenet.metrics.features import PATCH_LAYER, fused_feature
from glstylenet.metrics.leaks import StyleRegions
from glstylenet.metrics.plausibility import nearest_patches
from glstylenet.metrics.style_part import StylePart
from glstylenet.numerics import picture_size
from glstylenet.objective import counted_patches, counted_positions

__all__ = ["MeasuredStyle", "MeasuredStyles", "NearestPatches"]

_GAP = 2
"""Columns between the patches of two styles side by side: none is beside one of another style."""


@dataclass(frozen=True)
class MeasuredStyle:
    """`MeasuredStyle` holds one style: ``features`` by layer, ``colours`` (1, 3, A, B) in CIELAB.

    ``present`` (1, 1, A, B), 0 or 1: where it is there, ``None`` for everywhere. ``channels`` (1, K, A, B):
    its map, or ``None``. ``weight``: relative to the other styles'. ``bound``: the numbers of the classes
    that are painted from it alone.
    """

    features: Mapping[str, Tensor]
    colours: Tensor
    present: Tensor | None
    channels: Tensor | None
    weight: float
    bound: frozenset[int]

    def patches(self, layer: str) -> Tensor | None:
        """Return which patches (A-2, B-2) of the feature of ``layer`` count; ``None`` for all."""
        return self.counted(self.features[layer])

    def counted(self, feature: Tensor) -> Tensor | None:
        """Return which patches (A-2, B-2) of ``feature`` count; ``None`` for all."""
        patches = counted_patches(self.present, picture_size(feature))
        return None if patches is None else patches.to(feature.device)

    def has(self, number: int) -> bool:
        """Return whether its map has the class ``number``."""
        return self.channels is not None and bool(self.channels[:, number].any())

    def where(self, numbers: Sequence[int]) -> Tensor | None:
        """Return where one of the classes is, (1, 1, A, B); ``None``, all of it, if its map has none."""
        there = [number for number in numbers if self.has(number)]
        if not there or self.channels is None:
            return None
        where = self.channels[:, there].sum(dim=1, keepdim=True)
        return where if self.present is None else where * self.present


@dataclass(frozen=True)
class NearestPatches:
    """`NearestPatches` holds the nearest patch of all styles for each patch of a picture.

    ``matches``: numbered as if the styles lay side by side, ``width`` patches in a row, so that no patch is
    beside one of another style. ``lefts``: the column at which each style begins.
    """

    matches: Matches
    width: int
    lefts: tuple[int, ...]

    def shares(self, patches: Tensor | None) -> list[float]:
        """Return each style's share of the nearest patches, of the ``patches`` (H-2, W-2) that count."""
        columns = self.matches.index % self.width
        if patches is not None:
            columns = columns[patches]
        number = torch.bucketize(columns.flatten(), columns.new_tensor(self.lefts[1:]), right=True)
        counts = torch.bincount(number, minlength=len(self.lefts)).double()
        shares: list[float] = (counts / counts.sum()).tolist()
        return shares


@dataclass(frozen=True)
class MeasuredStyles:
    """`MeasuredStyles` holds all ``styles`` of a picture.

    ``shares``: those of the content's classes, 0..1; none without maps.
    """

    styles: tuple[MeasuredStyle, ...]
    shares: tuple[float, ...] = ()

    @cached_property
    def bound(self) -> dict[int, int]:
        """The only style of a class, both by their numbers."""
        return {number: place for place, style in enumerate(self.styles) for number in style.bound}

    @cached_property
    def expected(self) -> tuple[float, ...]:
        """The part of the picture that each style was given, 0..1; together 1."""
        total = sum(style.weight for style in self.styles)
        by_weight = [style.weight / total for style in self.styles]
        every = sum(self.shares)
        if not self.bound or not every:
            return tuple(by_weight)
        own = [sum(self.shares[number] for number in style.bound) / every for style in self.styles]
        return tuple(part + (1.0 - sum(own)) * mixed for part, mixed in zip(own, by_weight, strict=True))

    @property
    def know_classes(self) -> bool:
        """Whether a style has a map, or a class of its own."""
        return bool(self.bound) or any(style.channels is not None for style in self.styles)

    def mean(self, values: Sequence[float | None]) -> float | None:
        """Return the mean of a value of each style by the styles' parts; ``None`` if none has one."""
        known = [
            (part, value) for part, value in zip(self.expected, values, strict=True) if value is not None
        ]
        if not any(part > 0 for part, _ in known):
            return None
        parts, there = zip(*known, strict=True)
        return float(np.average(there, weights=parts))

    def may_paint(self, number: int, style: int) -> bool:
        """Return whether the class ``number`` may be painted from the style at the place ``style``."""
        return self.bound.get(number, style) == style and (
            number in self.bound or self.styles[style].weight > 0
        )

    def painted_by(self, style: int) -> list[int]:
        """Return the numbers of the classes that may be painted from a style."""
        return [number for number in range(len(self.shares)) if self.may_paint(number, style)]

    def paints_all(self, style: int) -> bool:
        """Return whether a style may be used for all of the picture."""
        return len(self.painted_by(style)) == len(self.shares)

    def features(self) -> list[StylePart[Mapping[str, Tensor]]]:
        """Return the features of all styles, mixed by their parts."""
        return [StylePart(each.features, None, each.present, part) for each, part in self._parts()]

    def colours(self) -> list[StylePart[Tensor]]:
        """Return the colours of all styles, mixed by their parts."""
        return [StylePart(each.colours, None, each.present, part) for each, part in self._parts()]

    def class_features(self, number: int) -> list[StylePart[Mapping[str, Tensor]]]:
        """Return the features that the class ``number`` is compared with; none if no style's map has it."""
        return [
            StylePart(each.features, each.where([number]), each.present, weight)
            for each, weight in self._of_class(number)
        ]

    def class_colours(self, number: int) -> list[StylePart[Tensor]]:
        """Return the colours that the class ``number`` is compared with; none if no style's map has it."""
        return [
            StylePart(each.colours, each.where([number]), each.present, weight)
            for each, weight in self._of_class(number)
        ]

    def own_features(self, style: int) -> StylePart[Mapping[str, Tensor]]:
        """Return the features of a style in the classes that may be painted from it."""
        each = self.styles[style]
        return StylePart(each.features, self._own(style), each.present)

    def own_colours(self, style: int) -> StylePart[Tensor]:
        """Return the colours of a style in the classes that may be painted from it."""
        return StylePart(self.styles[style].colours, self._own(style), self.styles[style].present)

    def regions(self) -> list[StyleRegions]:
        """Return where the classes of each style are, at the fused feature of scheme (g)."""
        found = []
        for place, style in enumerate(self.styles):
            fused = fused_feature(style.features)
            may = torch.tensor([self.may_paint(number, place) for number in range(len(self.shares))])
            found.append(StyleRegions(fused, style.channels, style.counted(fused), may, style.bound))
        return found

    @cached_property
    def centre(self) -> Tensor:
        """The mean (1, C, 1, 1) of the styles' features at the layer whose patches are compared."""
        means = [_mean_feature(style) for style in self.styles]
        if len(means) == 1:
            return means[0]
        return torch.stack([part * mean for part, mean in zip(self.expected, means, strict=True)]).sum(dim=0)

    def nearest_patches(self, feature: Tensor) -> NearestPatches:
        """Find the nearest patch of all styles for each patch of a picture's ``feature`` (1, C, H, W)."""
        columns = [style.features[PATCH_LAYER].shape[-1] - PATCH + 1 for style in self.styles]
        lefts = [0]
        for width in columns[:-1]:
            lefts.append(lefts[-1] + width + _GAP)
        whole = lefts[-1] + columns[-1]
        best: Matches | None = None
        for style, width, left in zip(self.styles, columns, lefts, strict=True):
            found = nearest_patches(
                feature,
                style.features[PATCH_LAYER],
                centre=self.centre,
                source_patches=style.patches(PATCH_LAYER),
            )
            index = found.index // width * whole + left + found.index % width
            found = Matches(index, found.similarity)
            best = found if best is None else best.better(found)
        assert best is not None  # there is a style
        return NearestPatches(best, whole, tuple(lefts))

    def _parts(self) -> list[tuple[MeasuredStyle, float]]:
        return [each for each in zip(self.styles, self.expected, strict=True) if each[1] > 0]

    def _of_class(self, number: int) -> list[tuple[MeasuredStyle, float]]:
        """Return the styles that a class is compared with, and their weights.

        Of a style that the class is bound to, all is taken if its map lacks the class. Without a bond, a
        style whose map lacks the class is left out, and none is left if no map has it.
        """
        if number in self.bound:
            return [(self.styles[self.bound[number]], 1.0)]
        may = [each for each in self.styles if each.weight > 0]
        if not any(each.has(number) for each in may):
            return []
        return [(each, each.weight) for each in may if each.channels is None or each.has(number)]

    def _own(self, style: int) -> Tensor | None:
        return None if self.paints_all(style) else self.styles[style].where(self.painted_by(style))


def _mean_feature(style: MeasuredStyle) -> Tensor:
    """Return the mean (1, C, 1, 1) of the positions that count."""
    feature = style.features[PATCH_LAYER]
    positions = counted_positions(style.patches(PATCH_LAYER))
    if positions is None:
        return feature.mean(dim=(2, 3), keepdim=True)
    return feature[:, :, positions].mean(dim=2)[..., None, None]
