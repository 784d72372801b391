"""Canvas: TODO-DOC."""

import torch.nn.functional as F
from torch import Tensor

__all__ = ["MARGIN", "canvas_size", "with_margin", "without_margin"]


MARGIN = 8
"""Pixels painted beyond each border and cut off afterwards, at every scale.

A deviation from the paper: its pictures end where the network's zero padding begins, and the optimiser
answers that edge with a coloured rim three to five pixels wide. Painted on a canvas that goes on as a
mirror image, the rim falls on what is cut off. One position of the deepest layer is enough."""


def canvas_size(size: tuple[int, int]) -> tuple[int, int]:
    """Size of the canvas on which a picture of ``size`` (height, width) is painted."""
    return size[0] + 2 * MARGIN, size[1] + 2 * MARGIN


def with_margin(picture: Tensor) -> Tensor:
    """(1, C, H, W) on a canvas that goes on ``MARGIN`` pixels beyond each border, mirrored."""
    return F.pad(picture, (MARGIN, MARGIN, MARGIN, MARGIN), mode="reflect")


def without_margin(canvas: Tensor) -> Tensor:
    """What :func:`with_margin` was given, cut out of the canvas again."""
    return canvas[..., MARGIN:-MARGIN, MARGIN:-MARGIN]
