"""Borders: classes that were found coarsely are brought to a picture's size, with borders at its edges.

The colour guided filter moves borders to edges. Its affine functions are found on a small copy of the
picture and applied to the whole strip by strip, so that a large picture needs no large temporary.
"""

from collections.abc import Sequence

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor
from torch.nn import functional as F

from glstylenet.numerics import picture_size
from glstylenet.pictures import apply_maps, fitted_size, guided_maps

__all__ = ["merge_islands", "snap_borders"]


_GUIDE_SIDE = 704
"""Longest side in pixels of the copy on which the filter's functions are found: two pixels for each of its
cells."""


_WINDOW = 12.0
"""Standard deviation of the filter's window, in cells of 1/350 of the longest side: two places of the
descriptors. On three pairs with maps drawn by hand, 12 agrees by 0.01 better than 5."""


_EPSILON = 100.0
"""Edges of less than about 10 grey levels attract no border: those of brush strokes only make it ragged."""


_STRIP_ROWS = 128


_SMALLEST_ISLAND = 2e-3
"""Share of the picture below which a connected part of a class joins what surrounds it."""


def snap_borders(labels: Tensor, pixels: Tensor) -> Tensor:
    """Return ``labels`` (h, w), int64, of a picture at its own size: uint8 (H, W), with borders at its edges.

    ``pixels`` (1, 3, H, W), RGB 0..255, float32 or uint8, are the picture.
    """
    height, width = picture_size(pixels)
    side = min(_GUIDE_SIDE, max(height, width))
    size = fitted_size((height, width), side)
    # One channel at a time, so that a large picture of bytes needs no large temporary.
    planes = [F.interpolate(plane.float(), size, mode="area") for plane in torch.split(pixels, 1, dim=1)]
    guide = torch.cat(planes, dim=1)
    shares = F.one_hot(labels).permute(2, 0, 1)[None].float()
    maps = guided_maps(guide, F.interpolate(shares, size, mode="bilinear"), window=_WINDOW, epsilon=_EPSILON)
    strips = []
    for first in range(0, height, _STRIP_ROWS):
        strip = pixels[..., first : first + _STRIP_ROWS, :].float()
        rows = _enlarged_rows(maps, range(first, first + strip.shape[-2]), height)
        # One class at a time, so that many classes need no more memory than two.
        best, most = (
            torch.zeros(strip.shape[-2:], dtype=torch.uint8),
            torch.full(strip.shape[-2:], -torch.inf),
        )
        for number in range(rows.shape[1]):
            share = apply_maps(rows[:, number], strip)[0, 0]
            best[share > most] = number
            most = torch.maximum(most, share)
        strips.append(best)
    return torch.cat(strips)


def merge_islands(labels: Tensor) -> Tensor:
    """Return ``labels`` (H, W), uint8, in which small connected parts have joined the class nearest to them.

    >>> labels = torch.zeros(40, 40, dtype=torch.uint8)
    >>> labels[20, 20] = 1
    >>> merge_islands(labels).unique().tolist()
    [0]
    """
    values = labels.numpy()
    least = _SMALLEST_ISLAND * values.size
    is_island = np.zeros(values.shape, np.bool_)
    for number in np.unique(values):
        parts, _count = ndimage.label(values == number)
        is_small = np.bincount(parts.ravel()) < least
        is_small[0] = False  # the other classes
        is_island |= is_small[parts]
    if not is_island.any() or is_island.all():
        return labels
    nearest = ndimage.distance_transform_edt(is_island, return_distances=False, return_indices=True)
    return torch.from_numpy(values[tuple(nearest)])


def _enlarged_rows(maps: Tensor, rows: Sequence[int], height: int) -> Tensor:
    """Return ``rows`` of ``maps`` (4, K, h, w) as bilinear enlargement to ``height`` rows would."""
    count = maps.shape[-2]
    places = ((torch.tensor(rows) + 0.5) * count / height - 0.5).clamp(0.0, count - 1.0)
    above = places.long()
    below = (above + 1).clamp_max(count - 1)
    return torch.lerp(maps[:, :, above], maps[:, :, below], (places - above)[:, None])
