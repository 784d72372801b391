"""Clusters: k-means, the best of several starts.

Shapes: N points, D dimensions, K clusters.
"""

import torch
from torch import Tensor

from glstylenet.numerics import interruption_point

__all__ = ["k_means"]


_STARTS = 4


_MOST_STEPS = 50


def k_means(points: Tensor, clusters: int, *, seed: int) -> Tensor:
    """Return the cluster (N), int64, of each of ``points`` (N, D), float32: at most ``clusters`` of them.

    Starts are drawn by k-means++ from ``seed``; of several, the one with the least distances is kept. The
    same points and seed give the same clusters.

    >>> k_means(torch.tensor([[0.0], [9.0], [0.1], [9.1]]), 2, seed=0).bincount().tolist()
    [2, 2]
    """
    generator = torch.Generator().manual_seed(seed)
    best, least = torch.zeros(len(points), dtype=torch.int64), float("inf")
    for _ in range(_STARTS):
        members, distance = _descend(points, _draw_centres(points, clusters, generator))
        if distance < least:
            best, least = members, distance
    return best


def _squared_distances(points: Tensor, centres: Tensor) -> Tensor:
    """Return (N, K) without an array (N, K, D)."""
    squares = (points**2).sum(1, keepdim=True) + (centres**2).sum(1)
    return (squares - 2.0 * points @ centres.T).clamp_min(0.0)


def _draw_centres(points: Tensor, clusters: int, generator: torch.Generator) -> Tensor:
    """Return at most ``clusters`` of ``points``, fewer if no further one differs from those drawn."""
    centres = points[torch.randint(len(points), (1,), generator=generator)]
    distance = ((points - centres) ** 2).sum(1)
    while len(centres) < clusters and bool((distance > 0).any()):
        centre = points[torch.multinomial(distance, 1, generator=generator)]
        centres = torch.cat([centres, centre])
        distance = torch.minimum(distance, ((points - centre) ** 2).sum(1))
    return centres


def _descend(points: Tensor, centres: Tensor) -> tuple[Tensor, float]:
    """Return the clusters (N) that Lloyd's steps reach from ``centres``, and the sum of squared distances."""
    members = torch.full((len(points),), -1)
    for _ in range(_MOST_STEPS):
        interruption_point()
        squared, found = _squared_distances(points, centres).min(1)
        if torch.equal(found, members):
            break
        members = found
        counts = members.bincount(minlength=len(centres))[:, None]
        sums = torch.zeros_like(centres).index_add_(0, members, points)
        centres = torch.where(counts > 0, sums / counts.clamp_min(1), centres)  # an empty one stays
    return members, float(squared.sum())
