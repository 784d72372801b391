"""Map guides: nearest style patches found by the semantic maps alone, where there are no features to compare.

A doodle has no picture yet. Inside a region all map patches are alike, so the cosine of Eq. 3 cannot choose.
Guide channels break the ties: the class shares, the *depth* within the region (the distance to its border),
and the place in the picture. 3x3 patches of them are compared by squared distance. So a border is painted
from a border of the same class, the middle of a region from the middle, what is above from above. This is not
a part of the paper, which paints no doodles.
"""

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from glstylenet.matching.exact import (
    BLOCK_BYTES,
    Matches,
    NormalisedPatches,
    PatchCosines,
    exact_search,
    excluding,
    patch_norm_squared,
)
from glstylenet.matching.patch_grid import PATCH

__all__ = ["map_guides", "match_guides"]

_CLASS_WEIGHT, _DEPTH_WEIGHT, _PLACE_WEIGHT = 1.5, 0.7, 0.7
"""What a whole class, the greatest depth and the length of the picture weigh; found by trying."""

_GREATEST_DEPTH = 3 / 16
"""Share of the longest side beyond which depths no longer differ."""


def map_guides(class_channels: Tensor) -> Tensor:
    """Return the guide channels (1, 2 K + 2, H, W) of a map's ``class_channels`` (1, K, H, W), 0..1.

    >>> left_and_right = torch.tensor([[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0]])[None, :, None]
    >>> map_guides(left_and_right).shape
    torch.Size([1, 6, 1, 4])
    """
    height, width = class_channels.shape[-2:]
    shares = class_channels[0].cpu().numpy()
    greatest = _GREATEST_DEPTH * max(height, width)
    depth = np.zeros_like(shares)
    for number, inside in enumerate(shares > 0.5):
        # Of a class that is everywhere, all positions are as deep as can be.
        distance = distance_transform_edt(inside) if not inside.all() else np.full(inside.shape, greatest)
        depth[number] = np.minimum(distance, greatest) / greatest
    rows = (torch.arange(height) + 0.5) / height
    columns = (torch.arange(width) + 0.5) / width
    place = torch.stack([rows[:, None].expand(height, width), columns.expand(height, width)])
    parts = (
        _CLASS_WEIGHT * class_channels[0].cpu().float(),
        _DEPTH_WEIGHT * torch.from_numpy(depth).float(),
        _PLACE_WEIGHT * place,
    )
    return torch.cat(parts)[None].to(class_channels.device)


def match_guides(
    query: Tensor, style: Tensor, *, excluded: Tensor | None = None, block_bytes: int = BLOCK_BYTES
) -> Matches:
    """Find for every patch of the guides ``query`` (1, G, H, W) the nearest of ``style`` (1, G, A, B).

    The similarity is minus the squared distance of the 3x3 patches, plus the squared norm of the query's.
    Style patches that are ``excluded``, boolean (A-2, B-2), are not found; some must remain.

    >>> guides = torch.arange(16.0).view(1, 1, 4, 4)
    >>> match_guides(guides, guides).index.tolist()
    [[0, 1], [2, 3]]
    """
    # |q - s|^2 = |q|^2 - (2 q.s - |s|^2): inner products of norm 1, and a penalty for each style patch.
    patches = NormalisedPatches(style, 1.0)
    patches.inverse_norms = torch.ones_like(patches.inverse_norms)
    products = PatchCosines(patches, query[0].permute(1, 2, 0), query.new_full(_patches(query), 2.0))
    penalty = patch_norm_squared(style)
    without = excluding(excluded)
    return exact_search([products], block_bytes, penalty if without is None else penalty + without)


def _patches(feature: Tensor) -> tuple[int, int]:
    height, width = feature.shape[-2:]
    return height - PATCH + 1, width - PATCH + 1
