"""Features: the memory layout of pictures and features, (1, C, H, W).

Features are stored *channels last*: all channels of a position lie next to each other in memory.
"""

import torch
from torch import Tensor

__all__ = ["empty_feature", "flatten_positions", "picture_size"]


def empty_feature(like: Tensor, channels: int, size: tuple[int, int]) -> Tensor:
    """Return an uninitialised feature (1, channels, *size), channels last, with type and device of ``like``.

    >>> empty_feature(torch.zeros(1), 64, (8, 6)).stride()
    (3072, 1, 384, 64)
    """
    shape = (1, channels, *size)
    return torch.empty(shape, dtype=like.dtype, device=like.device, memory_format=torch.channels_last)


def flatten_positions(feature: Tensor) -> Tensor:
    """Return a feature (1, C, H, W) as a matrix (H * W, C), without a copy if it is stored channels last.

    >>> flatten_positions(torch.zeros(1, 64, 8, 6)).shape
    torch.Size([48, 64])
    """
    return feature[0].permute(1, 2, 0).reshape(-1, feature.shape[1])


def picture_size(picture: Tensor) -> tuple[int, int]:
    """Return the height and width of a picture or feature (..., H, W).

    >>> picture_size(torch.zeros(1, 3, 8, 6))
    (8, 6)
    """
    return picture.shape[-2], picture.shape[-1]
