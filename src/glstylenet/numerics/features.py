"""Features: TODO-DOC."""

import torch
from torch import Tensor

__all__ = ["empty_feature", "flatten_positions", "picture_size"]


def empty_feature(like: Tensor, channels: int, size: tuple[int, int]) -> Tensor:
    """Room for a feature (1, channels, *size), channels last, in the type and place of ``like``."""
    shape = (1, channels, *size)
    return torch.empty(shape, dtype=like.dtype, device=like.device, memory_format=torch.channels_last)


def flatten_positions(feature: Tensor) -> Tensor:
    """(1, C, H, W) as (M, C), which is how it lies in memory."""
    return feature[0].permute(1, 2, 0).reshape(-1, feature.shape[1])


def picture_size(picture: Tensor) -> tuple[int, int]:
    """Height and width of (1, C, H, W)."""
    return picture.shape[-2], picture.shape[-1]
