"""Colours: give one picture the colour statistics of another."""

import torch
from torch import Tensor

__all__ = ["with_colours_of"]

_EPSILON = 1e-3
"""Added to variances (grey levels squared): a grey picture has directions in which nothing varies."""


def with_colours_of(picture: Tensor, source: Tensor) -> Tensor:
    """``picture`` (1, 3, H, W) with the mean and covariance of the colours of ``source`` (1, 3, A, B).

    The linear map that does so and moves colours least (optimal transport between Gaussians):

        t(x) = mean_s + C_p^(-1/2) (C_p^(1/2) C_s C_p^(1/2))^(1/2) C_p^(-1/2) (x - mean_p)

    RGB 0..255, clamped. Source: Pitie and Kokaram, *The linear Monge-Kantorovitch linear colour mapping
    for example-based colour transfer*, 2007.
    """
    mean, covariance = _statistics(picture)
    source_mean, source_covariance = _statistics(source)
    root = _power(covariance, 0.5)
    inverse_root = _power(covariance, -0.5)
    linear = inverse_root @ _power(root @ source_covariance @ root, 0.5) @ inverse_root
    colours = picture[0].flatten(1).double()
    moved = linear @ (colours - mean) + source_mean
    return moved.clamp(0.0, 255.0).to(picture.dtype).view_as(picture)


def _statistics(picture: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (3, 1) and covariance (3, 3) of the colours, float64."""
    colours = picture[0].flatten(1).double()
    mean = colours.mean(dim=1, keepdim=True)
    centred = colours - mean
    covariance = centred @ centred.T / colours.shape[1]
    return mean, covariance + _EPSILON * torch.eye(3, dtype=covariance.dtype, device=covariance.device)


def _power(matrix: Tensor, exponent: float) -> Tensor:
    """A power of a symmetric positive matrix (3, 3)."""
    values: Tensor
    vectors: Tensor
    values, vectors = torch.linalg.eigh(matrix)
    scaled: Tensor = vectors * values.clamp_min(_EPSILON).pow(exponent)
    return scaled @ vectors.T
