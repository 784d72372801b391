"""Resampling: bilinear from one layer's size to a deeper one's, and back for gradients (BR of Eq. 1).

A picture can be resampled window by window: an :class:`Axis` knows which source positions a stretch of
resampled positions reads, in the whole picture's coordinates, so that a tile's part is the same numbers
as the whole's, at odd sizes too.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from glstylenet.network import avg_pool
from glstylenet.numerics import Rect, whole

__all__ = ["Axis", "resample", "resample_adjoint", "source_window"]


@dataclass(frozen=True)
class Axis:
    """Bilinear resampling along one direction, from ``source`` positions to ``target``.

    Target position i samples the source at (i + 1/2) source/target - 1/2: half-pixel centres. The target
    has as many positions as the source or at most half of them, as layers have: then every sample lies
    between two source positions that no other sample reads.
    """

    source: int
    target: int

    def stretch(self, start: int, stop: int) -> tuple[int, int]:
        """The source positions that the target positions start..stop-1 read: first, and one past the last."""
        if self.source == self.target:
            return start, stop
        first, _ = self.taps(start, start + 1)
        last, _ = self.taps(stop - 1, stop)
        return int(first[0]), int(last[0]) + 2

    def readers(self, start: int, stop: int) -> tuple[int, int]:
        """The target positions whose lower source position is one of start..stop-1: first, and one past the
        last."""
        if self.source == self.target:
            return start, stop
        lower, _ = self.taps(0, self.target)
        first, last = torch.searchsorted(lower, torch.tensor([start, stop])).tolist()
        return first, last

    def taps(self, start: int, stop: int, device: torch.device | str = "cpu") -> tuple[Tensor, Tensor]:
        """For each target position the lower of its two source positions, and the share of the upper; made
        on ``device``, where numbers brought from the host would make it wait."""
        positions = torch.arange(start, stop, dtype=torch.float64, device=device)
        centre = (positions + 0.5) * (self.source / self.target) - 0.5
        lower = centre.floor()
        return lower.long(), centre - lower

    @property
    def halves(self) -> bool:
        """Whether every sample is the mean of two neighbours, two positions apart from the next pair."""
        return self.source == 2 * self.target


def resample(
    feature: Tensor,
    target_size: tuple[int, int],
    *,
    size: tuple[int, int] | None = None,
    window: Rect | None = None,
) -> Tensor:
    """BR of Eq. 1: bilinear resampling of (1, C, H, W) to (1, C, *target_size), half-pixel centres.

    Where only the target positions in ``window`` are wanted, ``feature`` is the part of a whole of
    ``size`` that :func:`source_window` tells.
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
    """The adjoint of :func:`resample`: gradient with respect to its ``feature``, from that of its result."""
    down, across = Axis(size[0], target_size[0]), Axis(size[1], target_size[1])
    lines = gradient[0].permute(1, 2, 0)
    lines = _distribute(lines, 1, across, window.left, window.right)
    lines = _distribute(lines, 0, down, window.top, window.bottom)
    return lines.permute(2, 0, 1)[None]


def source_window(size: tuple[int, int], target_size: tuple[int, int], window: Rect) -> Rect:
    """The positions of a source of ``size`` that the target positions in ``window`` read."""
    top, bottom = Axis(size[0], target_size[0]).stretch(window.top, window.bottom)
    left, right = Axis(size[1], target_size[1]).stretch(window.left, window.right)
    return Rect(top, left, bottom, right)


def _interpolate(lines: Tensor, dimension: int, axis: Axis, start: int, stop: int) -> Tensor:
    """Sample ``lines``, which begin at the first position read, along ``dimension``."""
    if axis.source == axis.target:
        return lines
    lower, share = _local_taps(lines, dimension, axis, start, stop)
    return torch.lerp(lines.index_select(dimension, lower), lines.index_select(dimension, lower + 1), share)


def _distribute(lines: Tensor, dimension: int, axis: Axis, start: int, stop: int) -> Tensor:
    """The adjoint of :func:`_interpolate`; a source position has one sample at most (see :class:`Axis`)."""
    if axis.source == axis.target:
        return lines
    first, last = axis.stretch(start, stop)
    lower, share = axis.taps(start, stop, lines.device)
    sample = lower.new_zeros(last - first)
    weight = share.new_zeros(last - first)
    for offset, part in ((0, 1.0 - share), (1, share)):
        sample[lower - first + offset] = torch.arange(stop - start, device=lines.device)
        weight[lower - first + offset] = part
    shape = [1, 1, 1]
    shape[dimension] = -1
    spread = lines.index_select(dimension, sample)
    return spread.mul_(weight.to(lines.dtype).view(shape))


def _local_taps(lines: Tensor, dimension: int, axis: Axis, start: int, stop: int) -> tuple[Tensor, Tensor]:
    """Taps counted from the first position read, and shares shaped to multiply ``lines``."""
    lower, share = axis.taps(start, stop, lines.device)
    shape = [1, 1, 1]
    shape[dimension] = -1
    return lower - lower[0], share.to(lines.dtype).view(shape)
