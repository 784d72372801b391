"""Resampling: bilinear, from one layer's size to a deeper one's (BR of Eq. 1), and its adjoint.

A picture can be resampled window by window: an :class:`Axis` computes which source positions a range of
target positions is computed from, in the whole picture's coordinates, so that a tile's part is the same
numbers as the whole's, at odd sizes too.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from glstylenet.network import avg_pool
from glstylenet.numerics import Rect, whole

__all__ = ["Axis", "resample", "resample_adjoint", "source_window"]


@dataclass(frozen=True)
class Axis:
    """Bilinear resampling along one axis, from ``source`` positions to ``target``.

    Target position i samples the source at (i + 1/2) source/target - 1/2: half-pixel centres. The target
    has as many positions as the source or at most half of them, as layers have: then every sample lies
    between two source positions that no other sample uses.

    >>> Axis(5, 2).source_range(1, 2)  # target position 1 samples the source at 3.25
    (3, 5)
    """

    source: int
    target: int

    def source_range(self, start: int, stop: int) -> tuple[int, int]:
        """Return the source positions that target positions start..stop-1 use: (first, last + 1)."""
        if self.source == self.target:
            return start, stop
        first, _ = self.taps(start, start + 1)
        last, _ = self.taps(stop - 1, stop)
        return int(first[0]), int(last[0]) + 2

    def target_range(self, start: int, stop: int) -> tuple[int, int]:
        """Return the target positions whose lower source position is in start..stop-1: (first, last + 1)."""
        if self.source == self.target:
            return start, stop
        lower, _ = self.taps(0, self.target)
        first, last = torch.searchsorted(lower, torch.tensor([start, stop])).tolist()
        return first, last

    def taps(self, start: int, stop: int, device: torch.device | str = "cpu") -> tuple[Tensor, Tensor]:
        """Return the lower source position of each target position start..stop-1, and the upper one's share.

        Both are computed on ``device``: a copy from the host would make a GPU wait.
        """
        positions = torch.arange(start, stop, dtype=torch.float64, device=device)
        centre = (positions + 0.5) * (self.source / self.target) - 0.5
        lower = centre.floor()
        return lower.long(), centre - lower

    @property
    def halves(self) -> bool:
        """Whether every sample is the mean of two neighbours, which no other sample uses."""
        return self.source == 2 * self.target


def resample(
    feature: Tensor,
    target_size: tuple[int, int],
    *,
    size: tuple[int, int] | None = None,
    window: Rect | None = None,
) -> Tensor:
    """Resample (1, C, H, W) bilinearly to (1, C, *target_size), with half-pixel centres: BR of Eq. 1.

    With ``window``, only these target positions are computed, and ``feature`` is the part
    :func:`source_window` of a whole of ``size``.

    >>> resample(torch.tensor([[[[0.0, 2.0], [4.0, 6.0]]]]), (1, 1))
    tensor([[[[3.]]]])
    """
    size = size or (feature.shape[-2], feature.shape[-1])
    if size == target_size:
        return feature
    down, across = Axis(size[0], target_size[0]), Axis(size[1], target_size[1])
    if down.halves and across.halves:
        return avg_pool(feature, 2)  # the sample point lies in the middle of a 2x2 block
    if window is None:
        window = whole(target_size)
        rows, columns = source_window(size, target_size, window).slices
        feature = feature[..., rows, columns]
    lines = feature[0].permute(1, 2, 0)  # (h, w, C), as it lies in memory
    lines = _interpolate(lines, 0, down, window.top, window.bottom)
    lines = _interpolate(lines, 1, across, window.left, window.right)
    return lines.permute(2, 0, 1)[None]


def resample_adjoint(
    gradient: Tensor, size: tuple[int, int], target_size: tuple[int, int], window: Rect
) -> Tensor:
    """Return the gradient with respect to the ``feature`` of :func:`resample` from that of its result.

    ``gradient`` (1, C, h, w) is that of the target positions in ``window``; returned are the positions of
    :func:`source_window`.
    """
    down, across = Axis(size[0], target_size[0]), Axis(size[1], target_size[1])
    lines = gradient[0].permute(1, 2, 0)
    lines = _distribute(lines, 1, across, window.left, window.right)
    lines = _distribute(lines, 0, down, window.top, window.bottom)
    return lines.permute(2, 0, 1)[None]


def source_window(size: tuple[int, int], target_size: tuple[int, int], window: Rect) -> Rect:
    """Return the positions of a source of ``size`` that the target positions in ``window`` use."""
    top, bottom = Axis(size[0], target_size[0]).source_range(window.top, window.bottom)
    left, right = Axis(size[1], target_size[1]).source_range(window.left, window.right)
    return Rect(top, left, bottom, right)


def _interpolate(lines: Tensor, dimension: int, axis: Axis, start: int, stop: int) -> Tensor:
    """Sample ``lines``, which begin at the first source position used, along ``dimension``."""
    if axis.source == axis.target:
        return lines
    lower, share = _local_taps(lines, dimension, axis, start, stop)
    return torch.lerp(lines.index_select(dimension, lower), lines.index_select(dimension, lower + 1), share)


def _distribute(lines: Tensor, dimension: int, axis: Axis, start: int, stop: int) -> Tensor:
    """Return the adjoint of :func:`_interpolate`: at most one sample uses a position (see :class:`Axis`)."""
    if axis.source == axis.target:
        return lines
    first, last = axis.source_range(start, stop)
    lower, share = axis.taps(start, stop, lines.device)
    sample = lower.new_zeros(last - first)
    weight = share.new_zeros(last - first)
    for offset, part in ((0, 1.0 - share), (1, share)):
        sample[lower - first + offset] = torch.arange(stop - start, device=lines.device)
        weight[lower - first + offset] = part
    shape = [1, 1, 1]
    shape[dimension] = -1
    return lines.index_select(dimension, sample).mul_(weight.to(lines.dtype).view(shape))


def _local_taps(lines: Tensor, dimension: int, axis: Axis, start: int, stop: int) -> tuple[Tensor, Tensor]:
    """Return taps counted from the first source position used, and shares shaped to multiply ``lines``."""
    lower, share = axis.taps(start, stop, lines.device)
    shape = [1, 1, 1]
    shape[dimension] = -1
    return lower - lower[0], share.to(lines.dtype).view(shape)
