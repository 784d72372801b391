"""Leaks: the share of the picture that is most like another region of the style than its own.

    L = share of patches i with  class(NN(i)) != class(i),   NN(i) = argmax_j cos(Phi_i(x), Phi_j(a))

This is Eq. 3 at the fused feature of scheme (g) *without the map's term*. With that term L would be near 0
for any picture, since it makes the search stay within the class. Without it only features count: a patch of
the sky that is most like the style's grass has leaked. L is a property of the picture and does not depend on
the semantic weight it was painted with.

The class of a patch is the one that covers most of its 3x3 positions. Patches of the picture that lie on a
border, where no class covers ``CLEAR_SHARE``, and patches of a class that the style lacks are not counted.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from glstylenet.maps import map_at
from glstylenet.matching import PATCH, match_patches, patch_sums
from glstylenet.numerics import picture_size

__all__ = ["CLEAR_SHARE", "StyleRegions", "leak_share", "mixed_leak_share"]

CLEAR_SHARE = 0.75
"""Share of a patch that its class must cover for the patch to be counted."""


@dataclass(frozen=True)
class StyleRegions:
    """`StyleRegions` says where the classes of one style are.

    ``feature`` (1, C, A, B): its fused feature. ``class_channels`` (1, K, any size): its map, or ``None``.
    ``patches``, boolean (A-2, B-2): those that may be found, or ``None`` for all. ``may_paint``, boolean
    (K,): the classes that it may be used for. ``bound``: those that it alone is used for, even where its map
    lacks them.
    """

    feature: Tensor
    class_channels: Tensor | None
    patches: Tensor | None
    may_paint: Tensor
    bound: frozenset[int] = frozenset()


def leak_share(
    image: Tensor,
    style: Tensor,
    image_map: Tensor,
    style_map: Tensor,
    *,
    style_patches: Tensor | None = None,
) -> float | None:
    """Return L of fused features (1, C, H, W) and (1, C, A, B) and class channels (1, K, any size): 0..1.

    With ``style_patches``, boolean (A-2, B-2), only these are found. ``None`` if no patch can be counted.
    """
    every = torch.ones(style_map.shape[1], dtype=torch.bool)
    return mixed_leak_share(image, image_map, [StyleRegions(style, style_map, style_patches, every)])


def mixed_leak_share(image: Tensor, image_map: Tensor, styles: Sequence[StyleRegions]) -> float | None:
    """Return L of a picture that was painted from several styles: 0..1; ``None`` if nothing can be counted.

    A patch has leaked if the most similar patch of all styles is of a style that its class may not use, or
    of another class there. A style without a map is of any class.
    """
    shares, classes = _patch_classes(image_map, image)
    shares, classes = shares.cpu(), classes.cpu()
    best: Tensor | None = None
    is_own = torch.zeros_like(classes, dtype=torch.bool)
    can_be_own = torch.zeros_like(is_own)
    for style in styles:
        excluded = None if style.patches is None else ~style.patches
        found = match_patches(image, style.feature, excluded=excluded)
        similarity, index = found.similarity.cpu(), found.index.cpu()
        may = style.may_paint[classes]
        if style.class_channels is None:
            own, has = may, may
        else:
            _, there = _patch_classes(style.class_channels, style.feature)
            there = there.cpu()
            has_class = torch.isin(classes, torch.unique(there))
            as_whole = torch.isin(classes, torch.tensor(sorted(style.bound), dtype=torch.int64)) & ~has_class
            own = may & ((there.flatten()[index] == classes) | as_whole)
            has = may & (has_class | as_whole)
        is_better = torch.ones_like(is_own) if best is None else similarity > best
        best = similarity if best is None else torch.where(is_better, similarity, best)
        is_own = torch.where(is_better, own, is_own)
        can_be_own |= has
    counted = (shares >= CLEAR_SHARE) & can_be_own
    if not bool(counted.any()):
        return None
    return float((~is_own)[counted].double().mean())


def _patch_classes(class_channels: Tensor, feature: Tensor) -> tuple[Tensor, Tensor]:
    """Return the share of each patch's largest class, and that class's number: (H-2, W-2) each."""
    positions = map_at(class_channels, picture_size(feature))
    largest = (patch_sums(positions)[0] / PATCH**2).max(dim=0)
    return largest.values, largest.indices
