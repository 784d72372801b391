"""Colour transfer: a picture takes the mean and covariance of another's colours."""

from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["colour_statistics", "least_moving_map", "match_colours", "transfer_by_class"]


_EPSILON = 1e-3
"""Added to variances (grey levels squared): a grey picture has directions in which nothing varies."""


def match_colours(
    picture: Tensor,
    source: Tensor,
    *,
    picture_map: Tensor | None = None,
    source_map: Tensor | None = None,
    picture_alpha: Tensor | None = None,
    source_alpha: Tensor | None = None,
) -> Tensor:
    """Give ``picture`` (1, 3, H, W) the mean and covariance of the colours of ``source`` (1, 3, A, B).

    Of the linear maps that do so, this one moves colours least (optimal transport between Gaussians):

        t(x) = mean_s + C_p^(-1/2) (C_p^(1/2) C_s C_p^(1/2))^(1/2) C_p^(-1/2) (x - mean_p)

    Both pictures and the result are RGB 0..255; the result is clamped. With class channels of both,
    (1, K, H, W) and (1, K, A, B), each class takes the colours of the same class in the source; a class that
    the source lacks takes those of the whole source. With ``picture_alpha`` (1, 1, H, W) and ``source_alpha``
    (1, 1, A, B), 0..1, pixels count by how opaque they are. Source: Pitie and Kokaram, *The linear
    Monge-Kantorovitch linear colour mapping for example-based colour transfer*, 2007.

    >>> black, white = torch.zeros(1, 3, 4, 4), torch.full((1, 3, 2, 2), 255.0)
    >>> match_colours(black, white).mean().item()
    255.0
    """
    return transfer_by_class(
        picture,
        source,
        _moved,
        picture_map=picture_map,
        source_map=source_map,
        picture_alpha=picture_alpha,
        source_alpha=source_alpha,
    )


def transfer_by_class(
    picture: Tensor,
    source: Tensor,
    move: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor],
    *,
    picture_map: Tensor | None,
    source_map: Tensor | None,
    picture_alpha: Tensor | None,
    source_alpha: Tensor | None,
) -> Tensor:
    """Return ``picture`` with the colours of each class moved to those of its class in ``source``.

    ``move(picture, share, source, source_share)`` returns the picture with colours moved from those weighted
    by ``share`` (H, W) to the source's, weighted by ``source_share`` (A, B). The rest is as in
    :func:`match_colours`.
    """
    if picture_map is None or source_map is None:
        picture_map, source_map = torch.ones_like(picture[:, :1]), torch.ones_like(source[:, :1])
    everywhere = torch.ones_like(source_map[0, 0])
    if source_alpha is not None:
        source_map, everywhere = source_map * source_alpha, source_alpha[0, 0]
    result = torch.zeros_like(picture)
    for share, source_share in zip(picture_map[0], source_map[0], strict=True):
        if float(share.sum()) > 0:
            there = source_share if float(source_share.sum()) >= 1 else everywhere
            visible = share if picture_alpha is None else share * picture_alpha[0, 0]
            counted = visible if float(visible.sum()) >= 1 else share
            result += share * move(picture, counted, source, there)
    return result


def least_moving_map(covariance: Tensor, target: Tensor) -> Tensor:
    """Return the symmetric positive T (..., 3, 3) with T ``covariance`` T = ``target``.

    Both are covariances of colours 0..255, (..., 3, 3), symmetric and positive, in grey levels squared. T is
    the linear part of the t of :func:`match_colours`.

    >>> least_moving_map(4.0 * torch.eye(3), 36.0 * torch.eye(3)).diagonal().tolist()
    [3.0, 3.0, 3.0]
    """
    root, inverse_root = _power(covariance, 0.5), _power(covariance, -0.5)
    return inverse_root @ _power(root @ target @ root, 0.5) @ inverse_root


def _moved(picture: Tensor, share: Tensor, source: Tensor, source_share: Tensor) -> Tensor:
    """Return ``picture`` with its colours under the map between the weighted statistics."""
    mean, covariance = _picture_statistics(picture, share)
    source_mean, source_covariance = _picture_statistics(source, source_share)
    linear = least_moving_map(covariance, source_covariance)
    moved = linear @ (picture[0].flatten(1).double() - mean) + source_mean
    return moved.clamp(0.0, 255.0).to(picture.dtype).view_as(picture)


def _picture_statistics(picture: Tensor, share: Tensor) -> tuple[Tensor, Tensor]:
    """Return :func:`colour_statistics` of a picture, weighted by ``share`` (H, W)."""
    weights = share.flatten().double()
    return colour_statistics(picture[0].flatten(1).double(), weights / weights.sum())


def colour_statistics(colours: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean (3, 1) and covariance (3, 3) of ``colours`` (3, N), float64.

    ``weights`` (N,) add up to 1. A little is added to the variances, so that the covariance has an inverse.

    >>> mean, covariance = colour_statistics(torch.tensor([[0.0, 4.0]] * 3).double(), torch.full((2,), 0.5))
    >>> mean.flatten().tolist(), covariance[0].round().tolist()
    ([2.0, 2.0, 2.0], [4.0, 4.0, 4.0])
    """
    mean = (colours * weights).sum(dim=1, keepdim=True)
    centred = colours - mean
    covariance = (centred * weights) @ centred.T
    return mean, covariance + _EPSILON * torch.eye(3, dtype=covariance.dtype, device=covariance.device)


def _power(matrix: Tensor, exponent: float) -> Tensor:
    """Return a power of symmetric positive matrices (..., 3, 3)."""
    values: Tensor
    vectors: Tensor
    values, vectors = torch.linalg.eigh(matrix)
    scaled: Tensor = vectors * values.clamp_min(_EPSILON).pow(exponent)[..., None, :]
    return scaled @ vectors.mT
