"""The canvas: the picture while it is optimised, with a margin that is cut off from the result.

This is a deviation from the paper. Its pictures end where the network's zero padding begins, and optimising
them produces a coloured rim three to five pixels wide along that edge. On a canvas that continues every
border as a mirror image, the rim falls on the margin.
"""

import torch.nn.functional as F
from torch import Tensor

__all__ = ["MARGIN", "canvas_size", "with_margin", "without_margin"]


MARGIN = 8
"""Pixels added beyond each border, at every size: one position of the deepest layer is enough."""


def canvas_size(size: tuple[int, int]) -> tuple[int, int]:
    """Return the (height, width) of the canvas for a picture of ``size`` (height, width).

    >>> canvas_size((480, 640))
    (496, 656)
    """
    return size[0] + 2 * MARGIN, size[1] + 2 * MARGIN


def with_margin(picture: Tensor) -> Tensor:
    """Return ``picture`` (1, C, H, W) with ``MARGIN`` mirrored pixels added beyond each border.

    >>> import torch
    >>> tuple(with_margin(torch.zeros(1, 3, 32, 40)).shape)
    (1, 3, 48, 56)
    """
    return F.pad(picture, (MARGIN, MARGIN, MARGIN, MARGIN), mode="reflect")


def without_margin(canvas: Tensor) -> Tensor:
    """Cut the margin of :func:`with_margin` off; the result is a view of ``canvas``.

    >>> import torch
    >>> picture = torch.rand(1, 3, 32, 40)
    >>> torch.equal(without_margin(with_margin(picture)), picture)
    True
    """
    return canvas[..., MARGIN:-MARGIN, MARGIN:-MARGIN]
