"""Wasserstein: the distance of two sets of points, averaged over many directions.

    SW(X, Y) = mean over directions d of  integral_0^1 | Q_{X.d}(q) - Q_{Y.d}(q) | dq

Q_{X.d} is the quantile function of the points of X projected on the unit vector d: along one direction the
Wasserstein-1 distance is the area between quantile functions. Rabin, Peyre, Delon, Bernot, *Wasserstein
Barycenter and its Application to Texture Mixing* (2011); Bonneel, Rabin, Peyre, Pfister, *Sliced and Radon
Wasserstein Barycenters of Measures* (2015). The order is 1, not 2, so that a shift counts in proportion.

Shape letters: N and M points, C dimensions, D directions.
"""

import torch
from torch import Tensor

__all__ = ["DIRECTIONS", "QUANTILES", "SEED", "random_directions", "sliced_wasserstein"]

DIRECTIONS = 128
"""Number of directions that are averaged over."""

QUANTILES = 1024
"""The integral over q is the mean at this many midpoints: exact for as many points on both sides."""

SEED = 0
"""The seed of the directions: always the same, so that equal pictures have equal metrics."""


def random_directions(dimensions: int) -> Tensor:
    """Return unit vectors (C, D), uniform on the sphere, the same at every call."""
    generator = torch.Generator().manual_seed(SEED)
    directions = torch.randn((dimensions, DIRECTIONS), generator=generator)
    lengths: Tensor = directions.norm(dim=0, keepdim=True)
    return directions / lengths


def sliced_wasserstein(first: Tensor, second: Tensor, directions: Tensor) -> float:
    """Return SW of the points ``first`` (N, C) and ``second`` (M, C) along ``directions`` (C, D).

    It has the points' unit, and is 0 if they are equally distributed.

    >>> points = torch.tensor([[0.0], [1.0]])
    >>> sliced_wasserstein(points, points + 2.0, torch.tensor([[1.0]]))
    2.0
    """
    directions = directions.to(first.device)
    return float((_quantiles(first @ directions) - _quantiles(second @ directions)).abs().mean())


def _quantiles(projected: Tensor) -> Tensor:
    """Return the quantile functions of (N, D) at the midpoints: (QUANTILES, D)."""
    count = projected.shape[0]
    ordered = projected.sort(dim=0).values
    # The number of the point at the k-th midpoint, (k + 1/2) / QUANTILES, in whole numbers: no rounding.
    places = (2 * torch.arange(QUANTILES, device=projected.device) + 1) * count // (2 * QUANTILES)
    return ordered[places]
