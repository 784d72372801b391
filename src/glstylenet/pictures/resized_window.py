"""Resized window: a rectangle of a resized picture, computed from the part of the source that it needs.

The numbers are those of :func:`glstylenet.pictures.resize` on the whole picture, but for rounding. Resampling
is separable: along each axis every target pixel is a weighted sum of a few source pixels, and the weights
follow from the sizes of the whole pictures.
"""

from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor

from glstylenet.numerics import Rect

__all__ = ["resized_rows", "resized_window"]

_CUBIC = -0.5
"""The parameter of the bicubic kernel; PyTorch's with antialiasing."""

_COLUMNS_AT_ONCE = 128
"""Target columns that are computed at a time: the matrix of their weights spans their source columns."""

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


def resized_rows(
    strips: Iterable[Tensor], source: tuple[int, int], target: tuple[int, int]
) -> Iterator[Tensor]:
    """Yield rows (1, C, h, w), from top to bottom, of a picture of size ``source`` resized to ``target``.

    ``strips`` are rows of the source (1, C, h, w), float32, 0..255, from top to bottom. No more of it is held
    than the rows that are computed at a time depend on.

    >>> picture = torch.rand(1, 3, 40, 60) * 255
    >>> rows = resized_rows(picture.split(7, dim=2), (40, 60), (20, 30))
    >>> torch.cat(list(rows), dim=2).shape
    torch.Size([1, 3, 20, 30])
    """
    if source == target:
        yield from strips
        return
    columns = [
        _weights(source[1], target[1], left, min(left + _COLUMNS_AT_ONCE, target[1]))
        for left in range(0, target[1], _COLUMNS_AT_ONCE)
    ]
    at_once = max(1, int(_ROWS_AT_ONCE * target[0] / source[0]))
    left_over = iter(strips)
    held: list[Tensor] = []  # rows from the first on, resized along the columns
    first = 0
    for start in range(0, target[0], at_once):
        top, down = _weights(source[0], target[0], start, min(start + at_once, target[0]))
        end = top + down.shape[1]
        while first + sum(each.shape[2] for each in held) < end:
            strip = next(left_over)
            held.append(
                torch.cat([strip[..., at : at + across.shape[1]] @ across.T for at, across in columns], dim=3)
            )
        rows = torch.cat(held, dim=2)[:, :, top - first :]
        held, first = [rows], top
        yield (down @ rows[:, :, : end - top]).clamp_(0.0, 255.0)


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
