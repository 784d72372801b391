"""Fusion: VGG features of several depths become one pyramid feature (paper, Section 3.1).

    FF^first = F^first,    FF^l = BR(FF^previous) + F^l                                   (Eq. 1)

where F^l are the features of layer l (the first convolution of block l), "+" concatenates channels and
BR resamples bilinearly to the size of the deeper layer. Which layers are fused is a *scheme*: the paper
compares eight of them, (a) to (h), in its Figures 10 and 11. Scheme (h) keeps two groups of layers apart,
as neural-doodle does; every other scheme is a single group.

Shapes: a feature is (1, channels, height, width).

A picture can be fused window by window, to the numbers of the whole (:mod:`~glstylenet.pyramid.resample`).
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch.nn.functional as F
from torch import Tensor

from glstylenet.network import LAYER_CHANNELS, WindowedGrad, avg_pool, layer_size, layer_sizes
from glstylenet.numerics import Rect, empty_feature, whole
from glstylenet.pyramid.resample import Axis, resample, resample_adjoint, source_window

__all__ = ["Pyramid", "fuse", "fuse_backward"]


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

    def source(self, window: Rect) -> Rect:
        """What the target's ``window`` reads."""
        if self.block is None:
            return source_window(self.size, self.target_size, window)
        return window.scale(self.block)

    def go(self, source: Tensor, window: Rect) -> Tensor:
        """The target's ``window``, of what it reads."""
        if self.block is None:
            return resample(source, self.target_size, size=self.size, window=window)
        return avg_pool(source, self.block)


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
        window: Rect | None = None,
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
        part = Rect(max(begin, target.top), target.left, min(end, target.bottom), target.right)
        if part.top >= part.bottom:
            return
        source = way.source(part).relative_to(Rect(top + above, left, 0, 0))
        feature = way.go(feature[..., *source.slices], part)
        rows_of_part = slice(part.top - target.top, part.bottom - target.top)
        if step == len(self._layers) - 1:
            self._own_channels(number, feature)[..., rows_of_part, :] = feature
            return
        if number not in self._halfway:
            self._halfway[number] = empty_feature(feature, feature.shape[1], target.size)
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
            self._fused = empty_feature(like, self._places[-1].stop, self._windows[-1].size)
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


def fuse_backward(
    gradient: Tensor,
    layers: tuple[int, ...],
    *,
    size: tuple[int, int],
    crop: Rect,
    window: Rect,
) -> dict[int, WindowedGrad]:
    """The adjoint of :func:`fuse`: what a fused feature's ``gradient`` adds to that of each of its layers.

    ``gradient`` (1, C, h, w) is that of the positions in ``window``; the contributions are laid out for the
    features of a ``crop`` of pixels out of a picture of ``size``.
    """
    sizes = layer_sizes(size, layers)
    windows = _windows(sizes, window)
    spread = WindowedGrad(gradient, windows[-1])
    contributions = {}
    for step in reversed(range(len(layers))):
        own = LAYER_CHANNELS[layers[step]]
        inside = windows[step].relative_to(_first_position(crop, layers[step]))
        contributions[layers[step]] = replace(spread, values=spread.values[:, -own:], window=inside)
        if step:
            passed = replace(spread, values=spread.values[:, :-own])
            spread = _spread(passed, sizes[step - 1], sizes[step], windows[step - 1], windows[step])
    return contributions


def _spread(
    passed: WindowedGrad,
    size: tuple[int, int],
    target_size: tuple[int, int],
    window: Rect,
    target_window: Rect,
) -> WindowedGrad:
    """The adjoint of :func:`resample`, on a gradient that may be written out in blocks."""
    if size == target_size:
        return passed
    if size == (2 * target_size[0], 2 * target_size[1]):
        return replace(passed, window=window, block=2 * passed.block, factor=passed.factor / 4)
    values = passed.values
    if passed.block > 1:
        values = F.interpolate(values, scale_factor=passed.block, mode="nearest")
    values = resample_adjoint(values * passed.factor, size, target_size, target_window)
    return WindowedGrad(values, window)


def _first_position(crop: Rect, layer: int) -> Rect:
    """The first position of F^layer in a crop, as an origin for :meth:`Rect.inside`."""
    top, left = layer_size((crop.top, crop.left), layer)
    return Rect(top, left, top, left)


def _windows(sizes: list[tuple[int, int]], window: Rect) -> list[Rect]:
    """The window of each layer that the last one's ``window`` reads, shallow to deep."""
    windows = [window]
    for step in reversed(range(1, len(sizes))):
        windows.insert(0, source_window(sizes[step - 1], sizes[step], windows[0]))
    return windows
