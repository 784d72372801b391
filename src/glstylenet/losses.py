"""Losses: the four terms of the paper's objective, one pure function each.

    L = alpha L_content + beta L_local + gamma L_global + sigma L_smoothness                  (Eq. 8)

The functions here return the unweighted terms as 0-dimensional tensors that autograd can differentiate.

Shape letters: C channels, H x W positions (M = H W), (1, C, H, W) for a feature.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from glstylenet.patches import PATCH, Matches

__all__ = [
    "LocalTarget",
    "content_loss",
    "global_loss",
    "gram",
    "local_loss",
    "local_target",
    "smoothness_loss",
]


def content_loss(feature: Tensor, target: Tensor) -> Tensor:
    """Mean squared difference of F^4 of two pictures (Eq. 2).

    The paper prints a sum over positions and channels; the authors' code takes the mean, and the
    published weights belong to it.
    """
    return F.mse_loss(_widened(feature), _widened(target))


def gram(feature: Tensor) -> Tensor:
    """Gram matrix per position, FF FF^T / M, of (1, C, H, W): (C, C)  (Eq. 5).

    Divided by M here, before two of them are compared, so that pictures of different sizes have
    comparable matrices. The paper divides afterwards, which is the same when the sizes are equal.
    """
    matrix = _widened(feature)[0].flatten(1)
    return matrix @ matrix.T / matrix.shape[1]


def global_loss(feature: Tensor, target: Tensor) -> Tensor:
    """sum (G_x / M_x - G_a / M_a)^2 / (4 N^2)  (Eqs. 5-6).

    ``feature`` (1, N, H, W) of the generated picture, ``target`` = :func:`gram` of the style, (N, N).
    """
    channels = feature.shape[1]
    return (gram(feature) - target).square().sum() / (4.0 * channels**2)


def smoothness_loss(pixels: Tensor) -> Tensor:
    """Mean of squared vertical plus mean of squared horizontal differences of (1, 3, H, W)  (Eq. 7).

    The paper prints a sum; the weight sigma = 1 belongs to the mean. A direction in which the picture is
    one pixel wide adds nothing.
    """
    loss = pixels.new_zeros(())
    for differences in (pixels[..., 1:, :] - pixels[..., :-1, :], pixels[..., 1:] - pixels[..., :-1]):
        if differences.numel():
            loss = loss + differences.square().mean()
    return loss


@dataclass(frozen=True)
class LocalTarget:
    """What the local loss needs to know of a matching (see :func:`local_loss`).

    ``mean`` (1, C, H, W): at each position p the mean T_p / n_p of the style features that the patches
    over p ask for. ``count`` (1, 1, H, W): n_p, how many patches lie over p (9, fewer at the border).
    ``constant``: the part of the loss that no picture can remove, 0-dimensional float32.
    """

    mean: Tensor
    count: Tensor
    constant: Tensor


def local_target(style: Tensor, matches: Matches, *, rows_at_once: int = 64) -> LocalTarget:
    """Collect what the patches matched in ``style`` (1, C, A, B) ask of every position.

    Position p lies under the patches i = p - d for the nine offsets d, and patch i asks it to become
    style position NN(i) + d. With T_p / n_p the mean of these wishes, the sum of squared patch
    differences is sum_p n_p |x_p - T_p/n_p|^2 plus the wishes' own spread around their means. The spread
    is summed from differences, not from squares: it would drown in the rounding of large features.
    """
    channels, _, style_width = style.shape[1:]
    height, width = matches.index.shape
    flat_style = style[0].permute(1, 2, 0).reshape(-1, channels)
    patch_columns = style_width - PATCH + 1
    corner = (matches.index // patch_columns) * style_width + matches.index % patch_columns

    def wishes() -> Iterator[tuple[slice, slice, Tensor]]:
        """Every offset, strip by strip: where in the picture, and the style features asked for there."""
        for down, across in itertools.product(range(PATCH), repeat=2):
            columns = slice(across, across + width)
            for top in range(0, height, rows_at_once):
                part = corner[top : top + rows_at_once] + (down * style_width + across)
                yield slice(top + down, top + down + part.shape[0]), columns, _widened(flat_style[part])

    total = _widened(style).new_zeros((height + 2, width + 2, channels))
    count = total.new_zeros((height + 2, width + 2))
    for rows, columns, asked in wishes():
        total[rows, columns] += asked
        count[rows, columns] += 1.0
    mean = total.div_(count[..., None])
    spread = total.new_zeros(())
    for rows, columns, asked in wishes():
        spread += (asked - mean[rows, columns]).square_().sum()
    entries = height * width * PATCH * PATCH * channels
    return LocalTarget(
        mean=mean.permute(2, 0, 1)[None].to(style.dtype).contiguous(memory_format=torch.channels_last),
        count=count[None, None],
        constant=spread / entries,
    )


def local_loss(feature: Tensor, target: LocalTarget) -> Tensor:
    """Mean over patches and entries of (Phi_i(x) - Phi_NN(i)(a))^2  (Eq. 4), without building a patch.

    ``feature`` (1, C, H, W). Differs from the literal sum by rounding only. The nearest neighbours in
    ``target`` are constants for the gradient. The map's channels take no part: they have no gradient.
    """
    channels, height, width = feature.shape[1:]
    patches = (height - PATCH + 1) * (width - PATCH + 1)
    squares = (_widened(feature) - _widened(target.mean)).square() * target.count
    return squares.sum() / (patches * PATCH * PATCH * channels) + target.constant


def _widened(values: Tensor) -> Tensor:
    """At least float32: statistics of bfloat16 features are summed with all their digits."""
    return values.to(torch.promote_types(values.dtype, torch.float32))
