"""Local colour transfer: a stylised photograph becomes the original in the result's light and colours.

The photographic finish maps the content's colours, place by place, to the stylised picture's. Around every
cell of a coarse grid it compares the two pictures' colours under a Gaussian window, by their means mu and
covariances Sigma, and takes the linear map between them that moves colours least (Pitie and Kokaram 2007, see
:mod:`~glstylenet.pictures.colour_transfer`):

    q = mean(a) I + mean(b),   a = T(S_I, g S_p),   b = mu_p - a mu_I,   S = Sigma + eps E
    g = max(1, trace S_I / trace S_p)^(1/4)

I is the content, p the stylised picture, E the identity matrix; mean() is the window's mean over the cells'
maps, as in the guided filter (He, Sun, Tang, *Guided Image Filtering*, 2013, Eq. 8), enlarged to the picture.
g raises the contrast, where the content has more of it, by the fourth root of the ratio of contrasts: with
an exponent of 0 it would be the stylised picture's, with 1 the content's. Formula and grid are this project's
own.

The result is a locally affine function of the content: no line of the content moves, and no structure of the
style appears that is smaller than a window. The guided filter is such a function, too, but its slopes are
least-squares fits of p to I: wherever strokes of p do not follow I, a fit lowers the slope towards zero, and
the picture is hazy. T has the contrast of p, whatever its strokes follow. T is symmetric and positive, so no
detail turns into its negative.

Each map class has colour maps of its own. The border of a class is seldom drawn exactly at the object's; so
it is moved to the content's edge first, by the guided filter with the content as guide (feathering, there).
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from glstylenet.pictures.colour_transfer import least_moving_map
from glstylenet.pictures.guided_filter import CellGrid, apply_maps, as_matrices, as_vectors, guided_maps

__all__ = ["photo_finish"]


_LARGEST_GRID = 1024
"""Longest side, in pixels, of the reduced pictures whose colours are compared: more changes no mean."""


_CELLS = 96
"""Cells of the grid of maps, along the longest side."""


_WINDOW = 2.8
"""Standard deviation of a window in those cells: 20 pixels at a longest side of 700."""


_EPSILON = 16.0
"""eps, in grey levels squared: what deviates by less than 4 levels is noise, whose contrast hardly counts."""


_CONTENT_CONTRAST = 0.25
"""The exponent of g."""


_LARGEST_SLOPE = 2.0
"""A larger slope would amplify the noise of flat parts of the content, where strokes were painted."""


_BORDER_SLOPE = 3.0
"""Borders are so much sharper than the guided filter leaves them in flat parts of the content: no glow."""


_OWN_SHARE = 1e-3
"""Weight of a map's own classes, where the feathered ones tell nothing: four that meet in a point."""


def photo_finish(stylised: Tensor, content: Tensor, *, class_channels: Tensor | None = None) -> Tensor:
    """Give ``content`` (1, 3, H, W) the local colours of ``stylised`` (1, 3, H, W), both RGB 0..255.

    With ``class_channels`` (1, K, H, W), 0..1, which add up to 1, each class has colours of its own, which do
    not run over its border; borders are moved to edges of the content within about 1/40 of its longest side.
    Without, a window's colours run over edges. The result is float32, 0..255; where the content is flat, it
    is the smoothed ``stylised``.

    >>> photo_finish(torch.full((1, 3, 8, 8), 51.0), torch.zeros(1, 3, 8, 8)).unique().round().tolist()
    [51.0]
    """
    height, width = content.shape[-2:]
    factor = min(1.0, _LARGEST_GRID / max(height, width))
    size = max(1, round(height * factor)), max(1, round(width * factor))
    channels = torch.ones_like(content[:, :1]) if class_channels is None else class_channels
    # Only what is applied to every pixel is computed at full size.
    small_content, small_stylised, small_channels = (
        F.interpolate(picture.float(), size, mode="area") for picture in (content, stylised, channels)
    )
    borders = guided_maps(small_content, small_channels) if channels.shape[1] > 1 else None
    result, total = torch.zeros_like(content, dtype=torch.float32), torch.zeros_like(channels[:, :1])
    for index in range(channels.shape[1]):
        channel, small_channel = channels[:, index : index + 1], small_channels[:, index : index + 1]
        if not bool((channel > 0).any()):
            continue
        if borders is not None:
            border = borders[:, index]
            channel = _feathered(channel, content, border)
            small_channel = _feathered(small_channel, small_content, border)
        maps = _colour_maps(small_content, small_stylised, small_channel)
        total += channel
        for output in range(3):
            result[:, output : output + 1] += channel * apply_maps(maps[output], content)
    return (result / total).clamp(0.0, 255.0)


def _colour_maps(content: Tensor, stylised: Tensor, weight: Tensor) -> Tensor:
    """Return the affine maps of colours on the grid: (3, 4, h, w), by output, then by input and offset.

    ``weight`` (1, 1, H, W) weighs the pixels.
    """
    grid = CellGrid((content.shape[-2], content.shape[-1]), _CELLS, _WINDOW, content.device)
    present = grid.pool(weight)
    inverse = 1.0 / grid.sums(present).clamp_min(torch.finfo(torch.float64).tiny)

    def covariance(picture: Tensor, mean: Tensor) -> Tensor:
        products = grid.sums(grid.pool_products(picture, picture, weight)) * inverse
        identity = torch.eye(3, dtype=products.dtype, device=products.device)
        return as_matrices(products) - mean @ mean.mT + _EPSILON * identity

    content_mean, stylised_mean = (
        as_vectors(grid.sums(grid.pool(weight * picture)) * inverse) for picture in (content, stylised)
    )
    given, wanted = covariance(content, content_mean), covariance(stylised, stylised_mean)
    gain = (_trace(given) / _trace(wanted)).clamp_min(1.0) ** _CONTENT_CONTRAST
    slope = _limited(least_moving_map(given, wanted * gain))
    offset = stylised_mean - slope @ content_mean
    maps = torch.cat((slope, offset), dim=-1).flatten(2).permute(2, 0, 1)[None]
    means = grid.sums(maps * present) * inverse
    return means.reshape(3, 4, *grid.size).float()


def _trace(matrices: Tensor) -> Tensor:
    """Return the traces (..., 1, 1) of matrices (..., 3, 3)."""
    return matrices.diagonal(dim1=-2, dim2=-1).sum(dim=-1)[..., None, None]


def _limited(slope: Tensor) -> Tensor:
    """Return ``slope`` (h, w, 3, 3) with eigenvalues of at most `_LARGEST_SLOPE`."""
    values: Tensor
    vectors: Tensor
    values, vectors = torch.linalg.eigh(slope)
    return vectors * values.clamp_max(_LARGEST_SLOPE)[..., None, :] @ vectors.mT


def _feathered(channel: Tensor, content: Tensor, border: Tensor) -> Tensor:
    """Return the weight (1, 1, H, W) of a class, its border moved to the content's edge."""
    share = _BORDER_SLOPE * (apply_maps(border, content) - 0.5) + 0.5
    return share.clamp(0.0, 1.0) + _OWN_SHARE * channel
