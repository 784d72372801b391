"""Fusion: VGG features of several depths become one pyramid feature (paper, Section 3.1).

    FF^first = F^first,    FF^l = BR(FF^previous) + F^l                                   (Eq. 1)

where F^l are the features of layer l (the first convolution of block l), "+" concatenates channels and
BR resamples bilinearly to the size of the deeper layer. Which layers are fused is a *scheme*: the paper
compares eight of them, (a) to (h), in its Figures 10 and 11. Scheme (h) keeps two groups of layers apart,
as neural-doodle does; every other scheme is a single group.

Shapes: a feature is (1, channels, height, width).

A picture can be fused window by window, to the numbers of the whole (:mod:`~glstylenet.resampling`).
"""

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import torch
import torch.nn.functional as F
from torch import Tensor

from glstylenet.resampling import Axis, block_means, resample, resample_adjoint, source_window
from glstylenet.window import Window, whole

__all__ = [
    "EVERY_SCHEME",
    "LAYER_CHANNELS",
    "SCHEMES",
    "Contribution",
    "Pyramid",
    "Scheme",
    "blank_feature",
    "fuse",
    "fused_size",
    "layer_size",
    "layer_sizes",
    "layers_of",
    "spread_gradient",
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
        return layers_of(self.groups)

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


def layers_of(groups: Iterable[tuple[int, ...]]) -> tuple[int, ...]:
    """Every layer that some of ``groups`` needs, shallow to deep."""
    return tuple(sorted({layer for group in groups for layer in group}))


def blank_feature(like: Tensor, channels: int, size: tuple[int, int]) -> Tensor:
    """Room for a feature (1, channels, *size), channels last, in the type and place of ``like``."""
    shape = (1, channels, *size)
    return torch.empty(shape, dtype=like.dtype, device=like.device, memory_format=torch.channels_last)


def layer_size(size: tuple[int, int], layer: int) -> tuple[int, int]:
    """Height and width of F^layer for a picture of ``size``: each pooling halves, rounding down."""
    height, width = size
    return height >> (layer - 1), width >> (layer - 1)


def layer_sizes(size: tuple[int, int], layers: tuple[int, ...]) -> list[tuple[int, int]]:
    """Those of each of ``layers``."""
    return [layer_size(size, layer) for layer in layers]


def fused_size(size: tuple[int, int], layers: tuple[int, ...]) -> tuple[int, int]:
    """Height and width of the fusion of ``layers``: those of the deepest."""
    return layer_size(size, layers[-1])


@dataclass(frozen=True)
class _Way:
    """How a layer of ``size`` first goes down, to ``target_size``, that of layer ``step`` of its group (from
    0): as means over blocks of ``block`` x ``block`` positions, or bilinearly if ``None``."""

    step: int
    size: tuple[int, int]
    target_size: tuple[int, int]
    block: int | None

    def reached(self, first: int, last: int) -> tuple[int, int]:
        """The target's rows that have all they read once the source's rows before ``last`` are there, and had
        not before ``first``: from, and before. Blocks do not reach across either."""
        if self.block is None:
            return Axis(self.size[0], self.target_size[0]).readers(first, last)
        return first // self.block, last // self.block

    def source(self, window: Window) -> Window:
        """What the target's ``window`` reads."""
        if self.block is None:
            return source_window(self.size, self.target_size, window)
        return window.times(self.block)

    def go(self, source: Tensor, window: Window) -> Tensor:
        """The target's ``window``, of what it reads."""
        if self.block is None:
            return resample(source, self.target_size, size=self.size, window=window)
        return block_means(source, self.block)


def _first_way(sizes: list[tuple[int, int]], number: int) -> _Way:
    """Halvings that follow each other, from the layer's own size on, are one mean."""
    step, last = number, len(sizes) - 1
    while step < last and sizes[step] == (2 * sizes[step + 1][0], 2 * sizes[step + 1][1]):
        step += 1
    if step == number < last:
        return _Way(number + 1, sizes[number], sizes[number + 1], None)
    return _Way(step, sizes[number], sizes[step], 2 ** (step - number))


class Pyramid:
    """Eq. 1, layer by layer: the fusion of ``layers`` (shallow to deep) for who need not have all at once.

    ``sizes``: those of the whole picture's layers (:func:`layer_sizes`); ``origin``: the first pixel, a
    multiple of 8 each way, of the crop of it that the features are of; ``window``: the positions of the
    deepest layer, in the whole picture's coordinates, that are wanted, all by default. ``channels``: of each
    layer.
    """

    def __init__(
        self,
        layers: tuple[int, ...],
        sizes: list[tuple[int, int]],
        *,
        origin: tuple[int, int] = (0, 0),
        window: Window | None = None,
        channels: Mapping[int, int] = LAYER_CHANNELS,
    ) -> None:
        self._layers = layers
        self._origin = origin
        self._sizes = sizes
        self._windows = _windows(sizes, window or whole(sizes[-1]))
        self._ways = [_first_way(sizes, number) for number in range(len(layers))]
        ends = list(itertools.accumulate(channels[layer] for layer in layers))
        self._places = [slice(end - channels[layer], end) for layer, end in zip(layers, ends, strict=True)]
        self._fused: Tensor | None = None
        self._halfway: dict[int, Tensor] = {}

    @property
    def fused(self) -> Tensor:
        """(1, sum of C_l, H, W), once every layer has been taken."""
        assert self._fused is not None
        return self._fused

    def take(self, layer: int, feature: Tensor, rows: tuple[int, int] | None = None) -> None:
        """F^layer (1, C_l, H_l, W_l), which is not kept; nothing happens if it is none of the layers.

        ``rows``: it comes in parts from above, this one with the crop's rows from the first to before the
        last, and one more where there is one. Parts meet at multiples of 8, which no mean reaches across.
        """
        if layer not in self._layers:
            return
        number = self._layers.index(layer)
        top, left = layer_size(self._origin, layer)
        above, below = rows or (0, feature.shape[-2])
        # Each layer goes its own way down, and channels meet at the end only: concatenated earlier, as Eq. 1
        # is printed, they would be the same numbers, written again at every size.
        way = self._ways[number]
        step, target = way.step, self._windows[way.step]
        begin, end = way.reached(top + above, top + below)
        part = Window(max(begin, target.top), target.left, min(end, target.bottom), target.right)
        if part.top >= part.bottom:
            return
        source = way.source(part).inside(Window(top + above, left, 0, 0))
        feature = way.go(feature[..., *source.slices], part)
        rows_of_part = slice(part.top - target.top, part.bottom - target.top)
        if step == len(self._layers) - 1:
            self._own_channels(number, feature)[..., rows_of_part, :] = feature
            return
        if number not in self._halfway:
            self._halfway[number] = blank_feature(feature, feature.shape[1], target.size)
        self._halfway[number][..., rows_of_part, :] = feature
        if part.bottom == target.bottom:
            feature = self._halfway.pop(number)
            for later in range(step + 1, len(self._layers)):
                feature = resample(
                    feature, self._sizes[later], size=self._sizes[later - 1], window=self._windows[later]
                )
            self._own_channels(number, feature)[:] = feature

    def _own_channels(self, number: int, like: Tensor) -> Tensor:
        """Those of a layer in the fusion, for which room is made when the first comes."""
        if self._fused is None:
            self._fused = blank_feature(like, self._places[-1].stop, self._windows[-1].size)
        return self._fused[:, self._places[number]]


def fuse(features: Mapping[int, Tensor], layers: tuple[int, ...]) -> Tensor:
    """Eq. 1: fuse the features of ``layers`` (shallow to deep) into one, of the deepest layer's size.

    ``features`` maps a layer to F^layer (1, C_l, H_l, W_l). Returns (1, sum of C_l, H, W).
    """
    sizes = [(features[layer].shape[-2], features[layer].shape[-1]) for layer in layers]
    pyramid = Pyramid(layers, sizes, channels={layer: features[layer].shape[1] for layer in layers})
    for layer in layers:
        pyramid.take(layer, features[layer])
    return pyramid.fused


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

    def add_to(self, gradient: Tensor, top: int = 0) -> None:
        """Add to ``gradient`` (1, C, h, W): rows ``top`` and after of the gradient with respect to the whole
        crop's feature. They begin and end where blocks do."""
        first = max(top, self.window.top)
        last = min(top + gradient.shape[-2], self.window.bottom)
        if first >= last:
            return
        region = gradient[..., first - top : last - top, self.window.left : self.window.right]
        skipped = (first - self.window.top) // self.block
        values = self.values[..., skipped : skipped + (last - first) // self.block, :]
        if self.block == 1:
            region.add_(values, alpha=self.factor)
            return
        height, width = values.shape[-2:]
        lines = region[0].permute(1, 2, 0)
        blocks = torch.unflatten(torch.unflatten(lines, 0, (height, self.block)), 2, (width, self.block))
        blocks.add_(values[0].permute(1, 2, 0)[:, None, :, None], alpha=self.factor)


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
    sizes = layer_sizes(size, layers)
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
