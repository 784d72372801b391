"""Fusion: VGG features of several depths become one pyramid feature (paper, Section 3.1).

    FF^first = F^first,    FF^l = BR(FF^previous) + F^l                                   (Eq. 1)

where F^l are the features of layer l (the first convolution of block l), "+" concatenates channels and
BR resamples bilinearly to the size of the deeper layer. Which layers are fused is a *scheme*: the paper
compares eight of them, (a) to (h), in its Figures 10 and 11. Scheme (h) keeps two groups of layers apart,
as neural-doodle does; every other scheme is a single group.

Shapes: a feature is (1, channels, height, width).

A picture can be fused window by window: an :class:`Axis` knows which source positions a stretch of
resampled positions reads, in the whole picture's coordinates, so that a tile's fusion is the same numbers
as the whole's, at odd sizes too.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = [
    "EVERY_SCHEME",
    "LAYER_CHANNELS",
    "SCHEMES",
    "Axis",
    "Contribution",
    "Scheme",
    "Window",
    "fuse",
    "fused_size",
    "layer_size",
    "resample",
    "resample_adjoint",
    "source_window",
    "spread_gradient",
    "whole",
]

LAYER_CHANNELS: Mapping[int, int] = MappingProxyType({1: 64, 2: 128, 3: 256, 4: 512})
"""Channels of F^l in VGG-19, l = 1..4."""


@dataclass(frozen=True)
class Scheme:
    """One of the paper's aggregation schemes.

    ``groups`` holds one tuple of layers, shallow to deep, for each fused feature. Each group has a local
    and a global loss of its own.
    """

    name: str
    groups: tuple[tuple[int, ...], ...]

    @property
    def layers(self) -> tuple[int, ...]:
        """Every layer that some group needs, shallow to deep."""
        return tuple(sorted({layer for group in self.groups for layer in group}))

    def shapes(self, size: tuple[int, int], classes: int = 0) -> list[tuple[int, int, int]]:
        """(height, width, channels) of each fused feature of a picture of ``size`` (height, width).

        With ``classes`` > 0 each layer is counted with that many map channels, as the paper's Figure 11
        does: there every layer carries the semantic map before fusion.
        """
        return [
            (
                *fused_size(size, group),
                sum(LAYER_CHANNELS[layer] + classes for layer in group),
            )
            for group in self.groups
        ]


SCHEMES: Mapping[str, Scheme] = MappingProxyType(
    {
        name: Scheme(name, groups)
        for name, groups in {
            "a": ((1, 2),),
            "b": ((3,),),
            "c": ((4,),),
            "d": ((3, 4),),
            "e": ((1, 2, 3),),
            "f": ((1, 2, 4),),
            "g": ((1, 2, 3, 4),),
            "h": ((3,), (4,)),
        }.items()
    }
)
"""The eight schemes of Figure 11 by their letter."""

EVERY_SCHEME: Mapping[str, Scheme] = MappingProxyType(
    {**SCHEMES, "apart": Scheme("apart", tuple((layer,) for layer in LAYER_CHANNELS))}
)
"""The same and "apart": every layer by itself and nothing fused, which is how Gatys et al. compare Gram
matrices (*Image Style Transfer Using Convolutional Neural Networks*, CVPR 2016): a baseline."""


def layer_size(size: tuple[int, int], layer: int) -> tuple[int, int]:
    """Height and width of F^layer for a picture of ``size``: each pooling halves, rounding down."""
    height, width = size
    return height >> (layer - 1), width >> (layer - 1)


def fused_size(size: tuple[int, int], layers: tuple[int, ...]) -> tuple[int, int]:
    """Height and width of the fusion of ``layers``: those of the deepest."""
    return layer_size(size, layers[-1])


@dataclass(frozen=True)
class Window:
    """A rectangle of positions, ends excluded."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.bottom - self.top, self.right - self.left

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns, to index the last two dimensions of a whole."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def grown(self, more: int) -> "Window":
        """With ``more`` rows and columns at the end: from patches, numbered by corner, to what they cover."""
        return Window(self.top, self.left, self.bottom + more, self.right + more)

    def inside(self, other: "Window") -> "Window":
        """The same rectangle in the coordinates of ``other``, which contains it."""
        return Window(
            self.top - other.top, self.left - other.left, self.bottom - other.top, self.right - other.left
        )


def whole(size: tuple[int, int]) -> Window:
    """All positions of a picture or feature of ``size``."""
    return Window(0, 0, *size)


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

    def taps(self, start: int, stop: int) -> tuple[Tensor, Tensor]:
        """For each target position the lower of its two source positions, and the share of the upper."""
        centre = (torch.arange(start, stop, dtype=torch.float64) + 0.5) * (self.source / self.target) - 0.5
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
    window: Window | None = None,
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
        # The sample point lies in the middle of a 2x2 block: the mean, which pooling takes in one pass.
        return F.avg_pool2d(feature, 2)
    if window is None:
        window = whole(target_size)
        rows, columns = source_window(size, target_size, window).slices
        feature = feature[..., rows, columns]
    lines = feature[0].permute(1, 2, 0)  # (h, w, C), as it lies in memory
    lines = _interpolate(lines, 0, down, window.top, window.bottom)
    lines = _interpolate(lines, 1, across, window.left, window.right)
    return lines.permute(2, 0, 1)[None]


def resample_adjoint(
    gradient: Tensor, size: tuple[int, int], target_size: tuple[int, int], window: Window
) -> Tensor:
    """The adjoint of :func:`resample`: gradient with respect to its ``feature``, from that of its result."""
    down, across = Axis(size[0], target_size[0]), Axis(size[1], target_size[1])
    lines = gradient[0].permute(1, 2, 0)
    lines = _distribute(lines, 1, across, window.left, window.right)
    lines = _distribute(lines, 0, down, window.top, window.bottom)
    return lines.permute(2, 0, 1)[None]


def source_window(size: tuple[int, int], target_size: tuple[int, int], window: Window) -> Window:
    """The positions of a source of ``size`` that the target positions in ``window`` read."""
    top, bottom = Axis(size[0], target_size[0]).stretch(window.top, window.bottom)
    left, right = Axis(size[1], target_size[1]).stretch(window.left, window.right)
    return Window(top, left, bottom, right)


def fuse(
    features: Mapping[int, Tensor],
    layers: tuple[int, ...],
    *,
    size: tuple[int, int] | None = None,
    origin: tuple[int, int] = (0, 0),
    window: Window | None = None,
) -> Tensor:
    """Eq. 1: fuse the features of ``layers`` (shallow to deep) into one, of the deepest layer's size.

    ``features`` maps a layer to F^layer (1, C_l, H_l, W_l). Returns (1, sum of C_l, H, W).

    By default the features are a whole picture's. Else they are those of a crop whose first pixel is
    ``origin``, a multiple of 8 each way, out of a picture of ``size``, and ``window`` tells the positions
    of the deepest layer, in the whole picture's coordinates, that are wanted.
    """
    if size is None:
        sizes = [(features[layer].shape[-2], features[layer].shape[-1]) for layer in layers]
    else:
        sizes = [layer_size(size, layer) for layer in layers]
    windows = _windows(sizes, window or whole(sizes[-1]))
    channels = sum(features[layer].shape[1] for layer in layers)
    fused = _blank_feature(features[layers[-1]], channels, windows[-1].size)
    begin = 0
    # Each layer goes its own way down, and channels meet at the end only: concatenated earlier, as Eq. 1 is
    # printed, they would be the same numbers, written again at every size.
    for first, layer in enumerate(layers):
        feature = _cut(features[layer], layer, origin, windows[first])
        for step in range(first + 1, len(layers)):
            feature = resample(feature, sizes[step], size=sizes[step - 1], window=windows[step])
        end = begin + feature.shape[1]
        fused[:, begin:end] = feature
        begin = end
    return fused


@dataclass(frozen=True)
class Contribution:
    """A part of the gradient with respect to F^layer, to be added where ``window`` lies in it.

    ``values`` (1, C, h, w) count for blocks of ``block`` x ``block`` positions each, times ``factor``: the
    gradient of a mean is the same for all that it was taken over, and need not be written out.
    """

    values: Tensor
    window: Window
    block: int = 1
    factor: float = 1.0

    def add_to(self, gradient: Tensor) -> None:
        """Add to ``gradient`` (1, C, H, W), the gradient with respect to the feature of the whole crop."""
        rows, columns = self.window.slices
        region = gradient[..., rows, columns]
        if self.block == 1:
            region.add_(self.values, alpha=self.factor)
            return
        height, width = self.values.shape[-2:]
        lines = region[0].permute(1, 2, 0)
        blocks = torch.unflatten(torch.unflatten(lines, 0, (height, self.block)), 2, (width, self.block))
        blocks.add_(self.values[0].permute(1, 2, 0)[:, None, :, None], alpha=self.factor)


def spread_gradient(
    gradient: Tensor,
    layers: tuple[int, ...],
    *,
    size: tuple[int, int],
    crop: Window,
    window: Window,
) -> dict[int, Contribution]:
    """The adjoint of :func:`fuse`: what a fused feature's ``gradient`` adds to that of each of its layers.

    ``gradient`` (1, C, h, w) is that of the positions in ``window``; the contributions are laid out for the
    features of a ``crop`` of pixels out of a picture of ``size``.
    """
    sizes = [layer_size(size, layer) for layer in layers]
    windows = _windows(sizes, window)
    spread = Contribution(gradient, windows[-1])
    contributions = {}
    for step in reversed(range(len(layers))):
        own = LAYER_CHANNELS[layers[step]]
        inside = windows[step].inside(_first_position(crop, layers[step]))
        contributions[layers[step]] = replace(spread, values=spread.values[:, -own:], window=inside)
        if step:
            passed = replace(spread, values=spread.values[:, :-own])
            spread = _spread(passed, sizes[step - 1], sizes[step], windows[step - 1], windows[step])
    return contributions


def _spread(
    passed: Contribution,
    size: tuple[int, int],
    target_size: tuple[int, int],
    window: Window,
    target_window: Window,
) -> Contribution:
    """The adjoint of :func:`resample`, on a gradient that may be written out in blocks."""
    if size == target_size:
        return passed
    if size == (2 * target_size[0], 2 * target_size[1]):
        return replace(passed, window=window, block=2 * passed.block, factor=passed.factor / 4)
    values = passed.values
    if passed.block > 1:
        values = F.interpolate(values, scale_factor=passed.block, mode="nearest")
    values = resample_adjoint(values * passed.factor, size, target_size, target_window)
    return Contribution(values, window)


def _first_position(crop: Window, layer: int) -> Window:
    """The first position of F^layer in a crop, as an origin for :meth:`Window.inside`."""
    top, left = layer_size((crop.top, crop.left), layer)
    return Window(top, left, top, left)


def _windows(sizes: list[tuple[int, int]], window: Window) -> list[Window]:
    """The window of each layer that the last one's ``window`` reads, shallow to deep."""
    windows = [window]
    for step in reversed(range(1, len(sizes))):
        windows.insert(0, source_window(sizes[step - 1], sizes[step], windows[0]))
    return windows


def _blank_feature(like: Tensor, channels: int, size: tuple[int, int]) -> Tensor:
    """(1, channels, *size), in the memory format of features."""
    shape = (1, channels, *size)
    return torch.empty(shape, dtype=like.dtype, device=like.device, memory_format=torch.channels_last)


def _cut(feature: Tensor, layer: int, origin: tuple[int, int], window: Window) -> Tensor:
    """``window`` of F^layer, out of the ``feature`` of a crop that begins at pixel ``origin``."""
    top, left = layer_size(origin, layer)
    rows, columns = window.inside(Window(top, left, top, left)).slices
    return feature[..., rows, columns]


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
    lower, share = axis.taps(start, stop)
    sample, weight = torch.zeros(last - first, dtype=torch.int64), torch.zeros(last - first)
    weight = weight.to(share.dtype)
    for offset, part in ((0, 1.0 - share), (1, share)):
        sample[lower - first + offset] = torch.arange(stop - start)
        weight[lower - first + offset] = part
    shape = [1, 1, 1]
    shape[dimension] = -1
    spread = lines.index_select(dimension, sample.to(lines.device))
    return spread.mul_(weight.to(lines.device, lines.dtype).view(shape))


def _local_taps(lines: Tensor, dimension: int, axis: Axis, start: int, stop: int) -> tuple[Tensor, Tensor]:
    """Taps counted from the first position read, and shares shaped to multiply ``lines``."""
    lower, share = axis.taps(start, stop)
    shape = [1, 1, 1]
    shape[dimension] = -1
    lower = (lower - lower[0]).to(lines.device)
    return lower, share.to(lines.device, lines.dtype).view(shape)
