"""Pyramid: features of several depths fused into one (paper, Section 3.1).

    FF^first = F^first,    FF^l = BR(FF^previous) + F^l                                   (Eq. 1)

where F^l are the features of layer l (the first convolution of block l), "+" concatenates channels and
BR resamples bilinearly to the size of the deeper layer. Which layers are fused is a *scheme*: the paper
compares eight of them, (a) to (h), in its Figures 10 and 11 (:mod:`~glstylenet.pyramid.schemes`).

A feature is (1, channels, height, width). A picture can be fused window by window, with the same numbers as
the whole picture's (:mod:`~glstylenet.pyramid.resample`).
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch.nn.functional as F
from torch import Tensor

from glstylenet.network import WindowedGrad, avg_pool, layer_size, layer_sizes
from glstylenet.numerics import Rect, empty_feature, picture_size, whole
from glstylenet.pyramid.resample import Axis, resample, resample_adjoint, source_window

__all__ = ["Pyramid", "fuse", "fuse_backward"]


@dataclass(frozen=True)
class _Reduction:
    """The first resampling of a layer of ``size``: to ``target_size``, that of layer ``step`` of its group.

    Steps count from 0. ``block``: the reduction takes means over blocks of ``block`` x ``block`` positions;
    ``None``: it is bilinear.
    """

    step: int
    size: tuple[int, int]
    target_size: tuple[int, int]
    block: int | None

    def complete_rows(self, first: int, last: int) -> tuple[int, int]:
        """Return which rows of the target become complete with rows ``first`` to ``last`` of the source.

        These are the rows (first, last) that need no source row from ``last`` on, but some from ``first`` on.
        Blocks do not reach across either.
        """
        if self.block is None:
            return Axis(self.size[0], self.target_size[0]).target_range(first, last)
        return first // self.block, last // self.block

    def source_window(self, window: Rect) -> Rect:
        """Return the positions that the target's ``window`` is computed from."""
        if self.block is None:
            return source_window(self.size, self.target_size, window)
        return window.scale(self.block)

    def apply(self, source: Tensor, window: Rect) -> Tensor:
        """Return the target's ``window``, computed from ``source``, the source's :meth:`source_window`."""
        if self.block is None:
            return resample(source, self.target_size, size=self.size, window=window)
        return avg_pool(source, self.block)


def _first_reduction(sizes: list[tuple[int, int]], number: int) -> _Reduction:
    """Return the first reduction of layer ``number``: halvings that follow each other are one mean."""
    step, last = number, len(sizes) - 1
    while step < last and sizes[step] == (2 * sizes[step + 1][0], 2 * sizes[step + 1][1]):
        step += 1
    if step == number < last:
        return _Reduction(number + 1, sizes[number], sizes[number + 1], None)
    return _Reduction(step, sizes[number], sizes[step], 2 ** (step - number))


class Pyramid:
    """The fusion of ``layers`` (shallow to deep) by Eq. 1, written layer by layer and band by band.

    ``sizes``: those of the whole picture's layers (:func:`~glstylenet.network.layers.layer_sizes`).
    ``channels``: of each layer. ``origin``: row and column of the first pixel of the crop that the features
    are computed from, multiples of 8. ``window``: the positions of the deepest layer, in the whole picture's
    coordinates, that are fused; all by default.
    """

    def __init__(
        self,
        layers: tuple[int, ...],
        sizes: list[tuple[int, int]],
        *,
        channels: Mapping[int, int],
        origin: tuple[int, int] = (0, 0),
        window: Rect | None = None,
    ) -> None:
        self._layers = layers
        self._origin = origin
        self._sizes = sizes
        self._windows = _windows(sizes, window or whole(sizes[-1]))
        self._reductions = [_first_reduction(sizes, number) for number in range(len(layers))]
        ends = list(itertools.accumulate(channels[layer] for layer in layers))
        self._slices = [slice(end - channels[layer], end) for layer, end in zip(layers, ends, strict=True)]
        self._fused: Tensor | None = None
        # Of layers that are not down at the last size yet, by number: what the first reduction has written.
        self._reduced: dict[int, Tensor] = {}

    @property
    def fused(self) -> Tensor:
        """The fusion (1, sum of C_l, H, W), complete once every layer has been written."""
        assert self._fused is not None
        return self._fused

    def write(self, layer: int, feature: Tensor, rows: tuple[int, int] | None = None) -> None:
        """Write F^layer (1, C_l, H_l, W_l), which is not kept, unless it is none of the pyramid's layers.

        ``rows``: ``feature`` is a band of rows (first, last) of the crop's, with one more row where there is
        one. Bands come from above and meet at multiples of 8, which no mean reaches across.
        """
        if layer not in self._layers:
            return
        number = self._layers.index(layer)
        top, left = layer_size(self._origin, layer)
        above, below = rows or (0, feature.shape[-2])
        # Each layer is resampled on its own, and channels meet at the last size only: concatenated earlier,
        # as Eq. 1 is printed, they would be the same numbers, written again at every size.
        reduction = self._reductions[number]
        target = self._windows[reduction.step]
        begin, end = reduction.complete_rows(top + above, top + below)
        part = Rect(max(begin, target.top), target.left, min(end, target.bottom), target.right)
        if part.top >= part.bottom:
            return
        source = reduction.source_window(part).relative_to(Rect(top + above, left, 0, 0))
        reduced = reduction.apply(feature[..., *source.slices], part)
        part_rows = slice(part.top - target.top, part.bottom - target.top)
        if reduction.step == len(self._layers) - 1:
            self._own_channels(number, reduced)[..., part_rows, :] = reduced
            return
        if number not in self._reduced:
            self._reduced[number] = empty_feature(reduced, reduced.shape[1], target.size)
        self._reduced[number][..., part_rows, :] = reduced
        del reduced  # or it would exist beside what comes next
        if part.bottom == target.bottom:
            self._write_through(number, self._reduced.pop(number), reduction.step)

    def _write_through(self, number: int, feature: Tensor, step: int) -> None:
        """Resample layer ``number`` from the size of ``step`` to the last, and write it."""
        for later in range(step + 1, len(self._layers)):
            feature = resample(
                feature, self._sizes[later], size=self._sizes[later - 1], window=self._windows[later]
            )
        self._own_channels(number, feature)[:] = feature

    def _own_channels(self, number: int, like: Tensor) -> Tensor:
        """Return a layer's channels of the fusion, which is allocated when the first layer comes."""
        if self._fused is None:
            self._fused = empty_feature(like, self._slices[-1].stop, self._windows[-1].size)
        return self._fused[:, self._slices[number]]


def fuse(features: Mapping[int, Tensor], layers: tuple[int, ...]) -> Tensor:
    """Fuse the features of ``layers`` (shallow to deep) into one, of the deepest layer's size (Eq. 1).

    ``features`` maps a layer to F^layer (1, C_l, H_l, W_l). Returns (1, sum of C_l, H, W). Autograd follows.

    >>> import torch
    >>> features = {1: torch.tensor([[[[1.0, 2.0], [3.0, 6.0]]]]), 2: torch.tensor([[[[7.0]]]])}
    >>> fuse(features, (1, 2)).flatten().tolist()
    [3.0, 7.0]
    """
    sizes = [picture_size(features[layer]) for layer in layers]
    pyramid = Pyramid(layers, sizes, channels={layer: features[layer].shape[1] for layer in layers})
    for layer in layers:
        pyramid.write(layer, features[layer])
    return pyramid.fused


def fuse_backward(
    gradient: Tensor,
    layers: tuple[int, ...],
    *,
    channels: Mapping[int, int],
    size: tuple[int, int],
    crop: Rect,
    window: Rect,
) -> dict[int, WindowedGrad]:
    """Return the gradient with respect to each of ``layers``, from that with respect to their fusion.

    ``gradient`` (1, C, h, w) is that of the fused positions in ``window``. ``channels``: of each layer. What
    is returned is laid out for the features of a ``crop`` of pixels out of a picture of ``size``. It is the
    adjoint of :func:`fuse`.
    """
    sizes = layer_sizes(size, layers)
    windows = _windows(sizes, window)
    remaining = WindowedGrad(gradient, windows[-1])
    gradients = {}
    for step in reversed(range(len(layers))):
        layer = layers[step]
        own = channels[layer]
        in_crop = windows[step].relative_to(_first_position(crop, layer))
        gradients[layer] = replace(remaining, values=remaining.values[:, -own:], window=in_crop)
        if step:
            shallower = replace(remaining, values=remaining.values[:, :-own])
            remaining = _resample_backward(
                shallower, sizes[step - 1], sizes[step], windows[step - 1], windows[step]
            )
    return gradients


def _resample_backward(
    gradient: WindowedGrad,
    size: tuple[int, int],
    target_size: tuple[int, int],
    window: Rect,
    target_window: Rect,
) -> WindowedGrad:
    """Return the gradient with respect to the source of :func:`resample`, not written out for a mean."""
    if size == target_size:
        return gradient
    if size == (2 * target_size[0], 2 * target_size[1]):
        return replace(gradient, window=window, block=2 * gradient.block, factor=gradient.factor / 4)
    values = gradient.values
    if gradient.block > 1:
        values = F.interpolate(values, scale_factor=gradient.block, mode="nearest")
    values = resample_adjoint(values * gradient.factor, size, target_size, target_window)
    return WindowedGrad(values, window)


def _first_position(crop: Rect, layer: int) -> Rect:
    """Return the first position of F^layer in a crop, as an origin for :meth:`Rect.relative_to`."""
    top, left = layer_size((crop.top, crop.left), layer)
    return Rect(top, left, top, left)


def _windows(sizes: list[tuple[int, int]], window: Rect) -> list[Rect]:
    """Return the window of each layer that the last one's ``window`` is computed from, shallow to deep."""
    windows = [window]
    for step in reversed(range(1, len(sizes))):
        windows.insert(0, source_window(sizes[step - 1], sizes[step], windows[0]))
    return windows
