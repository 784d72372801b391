"""Pooling: means over blocks of positions, and their gradient.

The paper follows Gatys et al. in replacing VGG-19's maximum by the mean of 2x2 positions.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from glstylenet.numerics import empty_feature

__all__ = ["avg_pool", "avg_pool_backward"]


def avg_pool(feature: Tensor, side: int) -> Tensor:
    """Return the means of ``feature`` (1, C, H, W), channels last, over blocks of ``side`` x ``side``.

    The result is (1, C, H // side, W // side). Rows and columns left over at the end belong to no block.

    >>> avg_pool(torch.tensor([[[[1.0, 3.0, 9.0], [5.0, 7.0, 9.0]]]]), 2)
    tensor([[[[4.]]]])
    """
    if side == 1:
        return feature
    # A GPU sums faster than it pools (docs/notebook.md).
    return F.avg_pool2d(feature, side) if feature.device.type == "cpu" else _means_by_sums(feature, side)


def avg_pool_backward(gradient: Tensor, size: tuple[int, int]) -> Tensor:
    """Return four times the gradient with respect to the input, of ``size``, of a 2x2 mean.

    Each entry of ``gradient`` (1, C, H, W) is copied to the four positions of its block; the convolution
    after the pooling has multiplied it by the quarter (:class:`~glstylenet.network.conv_relu.ConvRelu`). A
    last row or column that an odd size leaves over is 0.

    >>> avg_pool_backward(torch.tensor([[[[1.0]]]]), (2, 3))
    tensor([[[[1., 1., 0.],
              [1., 1., 0.]]]])
    """
    result = empty_feature(gradient, gradient.shape[1], size)
    source, target = (each[0].permute(1, 2, 0) for each in (gradient, result))
    height, width = source.shape[:2]
    even = target[: 2 * height, : 2 * width]
    blocks = torch.unflatten(torch.unflatten(even, 0, (height, 2)), 2, (width, 2))
    blocks.copy_(source[:, None, :, None])
    target[2 * height :].zero_()
    target[:, 2 * width :].zero_()
    return result


def _means_by_sums(feature: Tensor, side: int) -> Tensor:
    height, width = feature.shape[-2] // side, feature.shape[-1] // side
    lines = feature[0].permute(1, 2, 0)[: side * height, : side * width]
    blocks = torch.unflatten(torch.unflatten(lines, 1, (width, side)), 0, (height, side))
    return blocks.mean((1, 3)).permute(2, 0, 1)[None]
