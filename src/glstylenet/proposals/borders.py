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

__all__ = ["guide_copy", "merge_islands", "snap_borders", "snap_drawn", "snap_shares"]


_GUIDE_SIDE = 704
"""Longest side in pixels of the copy on which the filter's functions are found: two pixels for each of its
cells."""


_WINDOW = 12.0
"""Standard deviation of the filter's window, in cells of 1/350 of the longest side: two places of the
descriptors. On three pairs with maps drawn by hand, 12 agrees by 0.01 better than 5."""


_EPSILON = 100.0
"""Edges of less than about 10 grey levels attract no border: those of brush strokes only make it ragged."""


_DRAWN_WINDOW = 6.0
"""The same for maps that were drawn, which are nearer to the truth."""


_REACH = 0.03
"""How far a drawn border may be off, as a share of the longest side."""


_STRIP_ROWS = 128


_SMALLEST_ISLAND = 2e-3
"""Share of the picture below which a connected part of a class joins what surrounds it."""


def snap_borders(labels: Tensor, pixels: Tensor) -> Tensor:
    """Return ``labels`` (h, w), int64, of a picture at its own size: uint8 (H, W), with borders at its edges.

    ``pixels`` (1, 3, H, W), RGB 0..255, float32 or uint8, are the picture.
    """
    guide = guide_copy(pixels)
    shares = F.one_hot(labels).permute(2, 0, 1)[None].float()
    shares = F.interpolate(shares, picture_size(guide), mode="bilinear")
    return snap_shares(shares, guide, pixels, window=_WINDOW)


def snap_shares(shares: Tensor, guide: Tensor, pixels: Tensor, *, window: float) -> Tensor:
    """Return the classes, uint8 (H, W), of a picture, from ``shares`` (1, K, h, w) on its copy ``guide``.

    ``guide`` (1, 3, h, w) is of :func:`guide_copy`, ``pixels`` (1, 3, H, W) the picture. ``window`` is the
    standard deviation of the filter's window, in cells of 1/350 of the longest side.
    """
    return _largest_shares(guided_maps(guide, shares, window=window, epsilon=_EPSILON), pixels)


def snap_drawn(labels: Tensor, pixels: Tensor) -> Tensor:
    """Return drawn ``labels`` (h, w), uint8, at the picture's size, (H, W), with borders at its edges.

    ``pixels`` (1, 3, H, W), RGB 0..255, float32 or uint8, are the picture. A border moves by at most 3 % of
    the longest side. Of parts that are thinner than that, such as eyes, nothing drawn is lost: the larger
    classes around them would swallow them.
    """
    guide = guide_copy(pixels)
    size, whole = picture_size(guide), picture_size(pixels)
    reach = max(1, round(_REACH * max(size)))
    coarse = F.interpolate(labels[None, None], size, mode="nearest-exact")[0, 0]
    shares = F.one_hot(coarse.long()).permute(2, 0, 1)[None].float()
    maps = guided_maps(guide, shares, window=_DRAWN_WINDOW, epsilon=_EPSILON)
    near = F.max_pool2d(shares, 2 * reach + 1, stride=1, padding=reach)[0] > 0
    snapped = _largest_shares(maps, pixels, near)
    is_thin = _thin_parts(coarse, reach)
    if is_thin.any():
        # A cell more on every side: the drawn labels, which are finer, tell where a part ends.
        around = F.max_pool2d(is_thin[None, None].float(), 3, stride=1, padding=1)
        is_drawn = F.interpolate(around, whole, mode="nearest-exact")[0, 0] > 0
        drawn = F.interpolate(labels[None, None], whole, mode="nearest-exact")[0, 0]
        for number in np.unique(coarse[is_thin].numpy()).tolist():
            snapped[is_drawn & (drawn == number)] = number
    return snapped


def guide_copy(pixels: Tensor) -> Tensor:
    """Return the copy of a picture on which the filter's functions are found: (1, 3, h, w), float32."""
    height, width = picture_size(pixels)
    size = fitted_size((height, width), min(_GUIDE_SIDE, max(height, width)))
    # One channel at a time, so that a large picture of bytes needs no large temporary.
    planes = [F.interpolate(plane.float(), size, mode="area") for plane in torch.split(pixels, 1, dim=1)]
    return torch.cat(planes, dim=1)


def _largest_shares(maps: Tensor, pixels: Tensor, allowed: Tensor | None = None) -> Tensor:
    """Return the class, uint8 (H, W), whose affine map (4, K, h, w) gives a pixel the largest share.

    ``allowed`` (K, h, w) are the classes that a cell's pixels may have, at least one of them.
    """
    height, width = picture_size(pixels)
    strips = []
    for first in range(0, height, _STRIP_ROWS):
        strip = pixels[..., first : first + _STRIP_ROWS, :].float()
        chosen = range(first, first + strip.shape[-2])
        rows = _enlarged_rows(maps, chosen, height)
        places = None if allowed is None else _nearest_cells(allowed, chosen, (height, width))
        # One class at a time, so that many classes need no more memory than two.
        best, most = (
            torch.zeros(strip.shape[-2:], dtype=torch.uint8),
            torch.full(strip.shape[-2:], -torch.inf),
        )
        for number in range(rows.shape[1]):
            share = apply_maps(rows[:, number], strip)[0, 0]
            if places is not None:
                share[~places[number]] = -torch.inf
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


def _thin_parts(labels: Tensor, reach: int) -> Tensor:
    """Return which places of ``labels`` (h, w) lie in connected parts that are nowhere ``reach`` deep."""
    values = labels.numpy()
    is_thin = np.zeros(values.shape, np.bool_)
    for number in np.unique(values):
        inside = values == number
        parts, count = ndimage.label(inside)
        # What the picture's border cuts goes on beyond it.
        depth = ndimage.distance_transform_edt(np.pad(inside, 1, mode="edge"))[1:-1, 1:-1]
        deepest = np.asarray(ndimage.maximum(depth, parts, np.arange(count + 1)))
        is_thin |= inside & (deepest < reach)[parts]
    return torch.from_numpy(is_thin)


def _nearest_cells(planes: Tensor, rows: Sequence[int], size: tuple[int, int]) -> Tensor:
    """Return ``rows`` of ``planes`` (K, h, w) as enlargement to ``size`` by the nearest cell would."""
    above, across = (
        ((torch.arange(length) + 0.5) * count / length).long()
        for length, count in zip(size, planes.shape[1:], strict=True)
    )
    return planes[:, above[list(rows)]][:, :, across]


def _enlarged_rows(maps: Tensor, rows: Sequence[int], height: int) -> Tensor:
    """Return ``rows`` of ``maps`` (4, K, h, w) as bilinear enlargement to ``height`` rows would."""
    count = maps.shape[-2]
    places = ((torch.tensor(rows) + 0.5) * count / height - 0.5).clamp(0.0, count - 1.0)
    above = places.long()
    below = (above + 1).clamp_max(count - 1)
    return torch.lerp(maps[:, :, above], maps[:, :, below], (places - above)[:, None])
