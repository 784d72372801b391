"""Structure: how much of the content's shapes is kept.

    SSIM = mean of (2 mu_x mu_p + c1)(2 cov_xp + c2) / ((mu_x^2 + mu_p^2 + c1)(var_x + var_p + c2))

of the luminances x and p in Gaussian windows of sigma 1.5, c1 = (0.01 * 255)^2, c2 = (0.03 * 255)^2. Wang,
Bovik, Sheikh, Simoncelli, *Image Quality Assessment: From Error Visibility to Structural Similarity* (2004).

    SS = (1/n) sum_ij | D^x_ij / sum_i D^x_ij  -  D^p_ij / sum_i D^p_ij |

D_ij is the cosine distance between the features of the positions i and j of one picture. Kolkin, Salavon,
Shakhnarovich, *Style Transfer by Relaxed Optimal Transport and Self-Similarity* (2019). They divide by n^2,
which makes the number depend on the size of the grid; here a column counts as a distribution, and 1/n is the
mean over columns. They use several layers; here it is the one of :mod:`~glstylenet.metrics.features`.
"""

import math

import torch
from torch import Tensor

from glstylenet.metrics.luminance import FloatArray

__all__ = ["MOST_POSITIONS", "self_similarity_distance", "structural_similarity"]

MOST_POSITIONS = 1024
"""Positions whose pairs are compared; a larger feature is sampled on a regular grid."""

_FEWEST_POSITIONS = 4
_TINY = 1e-12


def structural_similarity(image: FloatArray, content: FloatArray) -> float:
    """Return SSIM of two luminances (H, W), 0..255: -1..1, 1 for equal pictures."""
    from skimage.metrics import structural_similarity as ssim  # noqa: PLC0415 - an extra

    value = ssim(
        image, content, data_range=255.0, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    return float(value)


def self_similarity_distance(image: Tensor, content: Tensor) -> float | None:
    """Return SS of two features (1, C, H, W) of equal shape: 0..2, 0 if all pairs have equal shares.

    ``None`` if they have fewer than four positions.
    """
    step = max(1, math.ceil(math.sqrt(image.shape[-2] * image.shape[-1] / MOST_POSITIONS)))
    if image[..., ::step, ::step].numel() // image.shape[1] < _FEWEST_POSITIONS:
        return None
    ours, theirs = (_column_shares(each[0, :, ::step, ::step].flatten(1)) for each in (image, content))
    return float((ours - theirs).abs().sum(dim=0).mean())


def _column_shares(points: Tensor) -> Tensor:
    """Return the cosine distances between columns of ``points`` (C, n), divided by their sums: (n, n)."""
    # In float64 a position's distance to itself is 0 to many digits, and in a flat picture all are.
    directions = points.double()
    directions = directions / (directions.norm(dim=0, keepdim=True) + _TINY)
    distances = (1.0 - directions.T @ directions).clamp(min=0.0)
    distances.fill_diagonal_(0.0)
    total = distances.sum(dim=0, keepdim=True)
    return torch.where(total > 1e-9, distances / total.clamp(min=_TINY), torch.zeros_like(distances))
