"""Leaks: how much of the picture looks as if painted from another region of the style than its own.

    L = share of patches i with  class(NN(i)) != class(i),   NN(i) = argmax_j cos(Phi_i(x), Phi_j(a))

This is Eq. 3 at the fused feature of scheme (g) *without the map's term*. With it the answer would be near 0
whatever the picture looks like, since the term is there to choose within the class. Without it the search
knows only what is seen: a patch of the sky that is most like the style's grass has leaked. It is a property
of the picture, the same whatever semantic weight it was painted with.

The class of a patch is the one that covers most of its 3x3 positions. Patches of the picture that lie on a
border, where no class covers ``CLEAR_SHARE``, and patches of a class that the style has not are not counted.
"""

import torch
from torch import Tensor

from glstylenet.maps import map_at
from glstylenet.matching import PATCH, match_patches, patch_sums
from glstylenet.numerics import picture_size

__all__ = ["CLEAR_SHARE", "leak_share"]

CLEAR_SHARE = 0.75
"""Share of a patch that its class must cover for the patch to be counted."""


def leak_share(image: Tensor, style: Tensor, image_map: Tensor, style_map: Tensor) -> float | None:
    """L of fused features (1, C, H, W) and (1, C, A, B) and class channels (1, K, any size): 0..1.

    ``None`` if no patch can be counted.
    """
    matches = match_patches(image, style)
    shares, classes = _patch_classes(image_map, image)
    _, style_classes = _patch_classes(style_map, style)
    device = matches.index.device
    shares, classes, style_classes = shares.to(device), classes.to(device), style_classes.to(device)
    in_style = (classes[..., None] == torch.unique(style_classes)).any(dim=-1)
    counted = (shares >= CLEAR_SHARE) & in_style
    if not bool(counted.any()):
        return None
    found = style_classes.flatten()[matches.index]
    return float((found != classes)[counted].double().mean())


def _patch_classes(class_channels: Tensor, feature: Tensor) -> tuple[Tensor, Tensor]:
    """For each patch of ``feature`` the share of its largest class, and that class's number: (H-2, W-2)."""
    positions = map_at(class_channels, picture_size(feature))
    largest = (patch_sums(positions)[0] / PATCH**2).max(dim=0)
    return largest.values, largest.indices
