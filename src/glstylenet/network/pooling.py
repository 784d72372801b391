"""Pooling: TODO-DOC."""

import torch
import torch.nn.functional as F
from torch import Tensor

from glstylenet.numerics import empty_feature

__all__ = ["avg_pool", "avg_pool_backward"]


def avg_pool_backward(gradient: Tensor, size: tuple[int, int]) -> Tensor:
    """Give the gradient of each 2x2 mean to its four entries, of ``size`` in all; the quarter is left to who
    comes next.

    A last row or column that the pooling dropped, because the size is odd, gets none.
    """
    spread = empty_feature(gradient, gradient.shape[1], size)
    source, target = (each[0].permute(1, 2, 0) for each in (gradient, spread))
    height, width = source.shape[:2]
    halves = target[: 2 * height, : 2 * width]
    blocks = torch.unflatten(torch.unflatten(halves, 0, (height, 2)), 2, (width, 2))
    blocks.copy_(source[:, None, :, None])
    target[2 * height :].zero_()
    target[:, 2 * width :].zero_()
    return spread


def avg_pool(feature: Tensor, side: int) -> Tensor:
    """The means of (1, C, H, W), channels last, over blocks of ``side`` x ``side``; what is left over at the
    right and below is in none. Of 2x2, they are also the network's pooling."""
    if side == 1:
        return feature
    # A GPU sums in less time than it pools (docs/performance.md).
    return F.avg_pool2d(feature, side) if feature.device.type == "cpu" else _means_by_sums(feature, side)


def _means_by_sums(feature: Tensor, side: int) -> Tensor:
    height, width = feature.shape[-2] // side, feature.shape[-1] // side
    lines = feature[0].permute(1, 2, 0)[: side * height, : side * width]
    blocks = torch.unflatten(torch.unflatten(lines, 1, (width, side)), 0, (height, side))
    return blocks.mean((1, 3)).permute(2, 0, 1)[None]
