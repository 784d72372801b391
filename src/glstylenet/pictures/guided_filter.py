"""Guided filter: a stylised photograph gets the lines of the original after the optimisation.

The photographic finish is the colour guided filter (He, Sun, Tang, *Guided Image Filtering*, 2013) with
the content as guide I and the stylised picture as input p. In every window the output is an affine
function of the guide's colours,

    q = mean(a)^T I + mean(b),   a = (Sigma + eps E)^-1 cov(I, p),   b = mean(p) - a^T mean(I)

(Eqs. 19-21 there), so every line of the content stays where it was and straight, while colours and
light come from the style. E is the identity matrix.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["PHOTO_EPSILON", "guided_filter", "photo_finish", "photo_radius"]


PHOTO_EPSILON = 1e-3
"""Regularisation eps for colours in 0..1: windows whose variance lies below it are smoothed."""


def photo_radius(size: tuple[int, int]) -> int:
    """Return the radius of a window, in pixels, for a picture of ``size`` (height, width).

    It is 30 for a longest side of 700; a radius of 8 there gave blurred patches.

    >>> photo_radius((500, 700))
    30
    """
    return max(2, round(30 / 700 * max(size)))


def photo_finish(stylised: Tensor, content: Tensor, *, class_channels: Tensor | None = None) -> Tensor:
    """Give ``stylised`` (1, 3, H, W) the lines of ``content`` (1, 3, H, W), both RGB 0..255.

    With ``class_channels`` (1, K, H, W) windows average within one class only, so that a region's colours
    do not run over its border.

    >>> photo_finish(torch.full((1, 3, 8, 8), 51.0), torch.zeros(1, 3, 8, 8)).unique().round().tolist()
    [51.0]
    """
    radius = photo_radius((content.shape[-2], content.shape[-1]))
    guide, source = content / 255.0, stylised / 255.0
    masks = torch.ones_like(guide[:, :1]) if class_channels is None else class_channels
    result = torch.zeros_like(source)
    for index in range(masks.shape[1]):
        mask = masks[:, index : index + 1]
        if bool((mask > 0).any()):
            result += mask * guided_filter(guide, source, radius, PHOTO_EPSILON, mask=mask)
    return (result * 255.0).clamp(0.0, 255.0)


def guided_filter(
    guide: Tensor, source: Tensor, radius: int, epsilon: float, *, mask: Tensor | None = None
) -> Tensor:
    """Filter ``source`` (1, 3, H, W), p above, by ``guide`` (1, 3, H, W), I above, both 0..1: returns q.

    Windows have 2 ``radius`` + 1 pixels a side; ``epsilon`` is eps. ``mask`` (1, 1, H, W) 0..1 weighs the
    pixels in every window; where a window holds none the result is the source. The sums are float64: the
    variances are small differences of large means.
    """
    guide, source = guide.double(), source.double()
    weight = torch.ones_like(guide[:, :1]) if mask is None else mask.double()
    present = _box_sum(weight, radius)
    inverse = torch.where(present > 1e-9, 1.0 / present.clamp_min(1e-9), torch.zeros_like(present))

    def mean(values: Tensor) -> Tensor:
        return _box_sum(values * weight, radius) * inverse

    guide_mean, source_mean = mean(guide), mean(source)
    # Pixel-wise 3x3 systems: (H, W, 3, 3) and (H, W, 3, 3), rows = guide colours, columns = source's.
    variance = _outer_means(guide, guide, mean) - _outer(guide_mean, guide_mean)
    covariance = _outer_means(guide, source, mean) - _outer(guide_mean, source_mean)
    variance += epsilon * torch.eye(3, dtype=variance.dtype, device=variance.device)
    slope = torch.linalg.solve(variance, covariance)
    offset = source_mean - _apply(slope, guide_mean)
    height, width = guide.shape[-2:]
    slope_mean = mean(slope.permute(2, 3, 0, 1).reshape(1, 9, height, width))
    slope = slope_mean.reshape(3, 3, height, width).permute(2, 3, 0, 1)
    result = _apply(slope, guide) + mean(offset)
    return torch.where(present > 1e-9, result, source).float()


def _box_sum(values: Tensor, radius: int) -> Tensor:
    """Return sums over the (2 radius + 1)-square around each pixel, cut off at the border: (1, C, H, W)."""
    for axis in (2, 3):
        length = values.shape[axis]
        padded = F.pad(values.cumsum(axis), (1, 0, 0, 0) if axis == 3 else (0, 0, 1, 0))
        positions = torch.arange(length, device=values.device)
        upper = (positions + radius + 1).clamp_max(length)
        lower = (positions - radius).clamp_min(0)
        values = padded.index_select(axis, upper) - padded.index_select(axis, lower)
    return values


def _outer(left: Tensor, right: Tensor) -> Tensor:
    """Return the products (H, W, 3, 3) of the colours of two pictures (1, 3, H, W)."""
    return torch.einsum("ihw,jhw->hwij", left[0], right[0])


def _outer_means(left: Tensor, right: Tensor, mean: Callable[[Tensor], Tensor]) -> Tensor:
    """Return the window means (H, W, 3, 3) of the products of the colours of two pictures (1, 3, H, W)."""
    height, width = left.shape[-2:]
    products = torch.einsum("ihw,jhw->ijhw", left[0], right[0]).reshape(1, 9, height, width)
    return mean(products).reshape(3, 3, height, width).permute(2, 3, 0, 1)


def _apply(slope: Tensor, guide: Tensor) -> Tensor:
    """Return slope^T guide at every pixel: (H, W, 3, 3) and (1, 3, H, W) to (1, 3, H, W)."""
    return torch.einsum("hwij,ihw->jhw", slope, guide[0])[None]
