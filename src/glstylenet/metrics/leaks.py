"""Leaks: the share of the picture that is most like another region of the style than its own.

    L = share of patches i with  class(NN(i)) != class(i),   NN(i) = argmax_j cos(Phi_i(x), Phi_j(a))

This is Eq. 3 at the fused feature of scheme (g) *without the map's term*. With that term L would be near 0
for any picture, since it makes the search stay within the class. Without it only features count: a patch of
the sky that is most like the style's grass has leaked. L is a property of the picture and does not depend on
the semantic weight it was painted with.

The class of a patch is the one that covers most of its 3x3 positions. Patches of the picture that lie on a
border, where no class covers ``CLEAR_SHARE``, and patches of a class that the style lacks are not counted.
"""

import torch
from torch import Tensor

from glstylenet.maps import map_at
from glstylenet.matching import PATCH, match_patches, patch_sums
from glstylenet.numerics import picture_size

__all__ = ["CLEAR_SHARE", "leak_share"]

CLEAR_SHARE = 0.75
"""Share of a patch that its class must cover for the patch to be counted."""


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
    matches = match_patches(image, style, excluded=None if style_patches is None else ~style_patches)
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
    """Return the share of each patch's largest class, and that class's number: (H-2, W-2) each."""
    positions = map_at(class_channels, picture_size(feature))
    largest = (patch_sums(positions)[0] / PATCH**2).max(dim=0)
    return largest.values, largest.indices
