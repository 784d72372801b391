"""Resized window: a rectangle of a resized picture, computed from the part of the source that it needs.

The numbers are those of :func:`glstylenet.pictures.resize` on the whole picture, but for rounding. Resampling
is separable: along each axis every target pixel is a weighted sum of a few source pixels, and the weights
follow from the sizes of the whole pictures.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from glstylenet.numerics import Rect

__all__ = ["resized_window"]

_CUBIC = -0.5
"""The parameter of the bicubic kernel; PyTorch's with antialiasing."""

_ROWS_AT_ONCE = 512
"""Source rows that are read at a time: of a large reduction, the source is much larger than the window."""


def resized_window(
    read: Callable[[Rect], Tensor], source: tuple[int, int], target: tuple[int, int], window: Rect
) -> Tensor:
    """Return the pixels in ``window`` of a picture of size ``source`` resized to ``target``, 0..255.

    ``read`` returns the pixels (1, C, h, w), float32, of a rectangle of the source. Sizes are (height,
    width).

    >>> picture = torch.rand(1, 3, 40, 60) * 255
    >>> part = resized_window(lambda r: picture[..., *r.slices], (40, 60), (20, 30), Rect(5, 0, 9, 30))
    >>> part.shape
    torch.Size([1, 3, 4, 30])
    """
    if source == target:
        return read(window)
    top, down = _weights(source[0], target[0], window.top, window.bottom)
    left, across = _weights(source[1], target[1], window.left, window.right)
    right = left + across.shape[1]
    strips = []
    for start in range(0, down.shape[1], _ROWS_AT_ONCE):
        end = min(start + _ROWS_AT_ONCE, down.shape[1])
        strips.append(read(Rect(top + start, left, top + end, right)) @ across.T)
    return (down @ torch.cat(strips, dim=2)).clamp_(0.0, 255.0)  # a bicubic kernel overshoots at edges


def _weights(source: int, target: int, start: int, stop: int) -> tuple[int, Tensor]:
    """Return the first source position, and the weights (stop - start, positions) from it on."""
    scale = source / target
    stretch = max(scale, 1.0)
    centres = (torch.arange(start, stop, dtype=torch.float64) + 0.5) * scale
    reach = 2.0 * stretch
    first = (centres - reach + 0.5).floor().clamp_(min=0)
    last = (centres + reach + 0.5).floor().clamp_(max=source)
    begin, end = int(first[0]), int(last[-1])
    places = torch.arange(begin, end, dtype=torch.float64)
    weights = _bicubic((places + 0.5 - centres[:, None]) / stretch)
    weights *= (places >= first[:, None]) & (places < last[:, None])
    return begin, (weights / weights.sum(dim=1, keepdim=True)).to(torch.float32)


def _bicubic(distance: Tensor) -> Tensor:
    """Return the kernel (Keys 1981) at a ``distance`` in pixels; 0 from 2 on."""
    d = distance.abs()
    near = ((_CUBIC + 2) * d - (_CUBIC + 3)) * d * d + 1
    far = ((d - 5) * d + 8) * d * _CUBIC - 4 * _CUBIC
    return torch.where(d < 1, near, torch.where(d < 2, far, torch.zeros_like(d)))
