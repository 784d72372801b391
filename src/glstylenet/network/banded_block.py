"""BandedBlock: two convolutions and the pooling after them, forward and backward, in bands of rows.

The first two blocks of VGG-19 have this form, and the output of their first convolution is the largest tensor
in the whole network: 64 numbers for each pixel, then 128 for every four pixels. In bands it never exists as a
whole, and each band takes memory that the one before it freed (:mod:`~glstylenet.machine.malloc`).

A band is convolved together with the rows around it that its own results depend on, so these are the same as
without bands. In the backward pass bands also add to the gradient of rows around them; only the order of that
sum differs from the whole's.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from glstylenet.network.conv_relu import ConvRelu
from glstylenet.network.pooling import avg_pool, avg_pool_backward
from glstylenet.network.relu_mask import ReluMask
from glstylenet.network.windowed_grad import WindowedGrad
from glstylenet.numerics import empty_feature

__all__ = ["BandSink", "BandedBlock", "SavedBlock"]


_BAND_ENTRIES = 2**23
"""Numbers in a band of one convolution's results on a CPU: 32 MiB as float32."""


_GPU_BAND_ENTRIES = 2**26
"""The same on a GPU, whose memory is no faster for small tensors: a megapixel is one band."""


_ALIGNMENT = 8
"""Bands meet at multiples of this many rows, so that whatever is averaged into one position of a deeper layer
lies in one band."""


_Rows = tuple[int, int]
"""The first row and the one past the last."""


BandSink = Callable[[Tensor, _Rows], None]
"""Receives a band of a convolution's results, (1, C, h, W), and its rows (first, last): first to last - 1,
and row last too, unless the picture ends before it."""


@dataclass(frozen=True)
class _Band:
    """Rows ``top`` to ``bottom`` of the results, of ``height`` in all."""

    top: int
    bottom: int
    height: int

    def expand(self, rows: int) -> _Rows:
        """Return the band's rows with ``rows`` more on both sides, as far as there are any."""
        return max(0, self.top - rows), min(self.height, self.bottom + rows)


@dataclass
class SavedBlock:
    """`SavedBlock` holds what the backward pass needs of an input of ``size`` (height, width).

    ``conv1_masks``: for each band the mask of the first convolution's results. ``conv2_masks``: that of the
    second's, with one more row on both sides; empty if it was not computed.
    """

    size: tuple[int, int]
    conv1_masks: list[ReluMask]
    conv2_masks: list[ReluMask]


class BandedBlock:
    """``conv1``, then ``conv2``, with ``channels`` results each, then the mean of 2x2 positions.

    The backward pass leaves the mean's factor of a quarter to the convolution after the block
    (:func:`~glstylenet.network.pooling.avg_pool_backward`).
    """

    def __init__(self, conv1: ConvRelu, conv2: ConvRelu, channels: int) -> None:
        self._conv1 = conv1
        self._conv2 = conv2
        self._channels = channels
        # A row of conv2's results, with one more on both sides for its mask, depends on two more rows of
        # conv1's and three more of the input. Winograd's algorithm computes results four by four, which are
        # rounded as the whole's are if all rows are there that the four depend on.
        by_fours = conv1.uses_winograd or conv2.uses_winograd
        self._conv2_margin, self._conv1_margin = (5, 9) if by_fours else (2, 3)

    def forward(
        self,
        value: Tensor,
        sinks: tuple[BandSink | None, BandSink | None],
        origin: tuple[int, int],
        *,
        save_for_backward: bool,
        pool: bool,
    ) -> tuple[Tensor | None, SavedBlock]:
        """Compute the block for ``value`` (1, C, H, W).

        ``sinks``: each that is not ``None`` receives the results of conv1 or conv2, band by band. ``origin``:
        row and column at which ``value`` begins in the whole it was cut from. ``pool``: whether to return the
        pooled results (1, channels, H // 2, W // 2) or ``None``; conv2 is left out if nothing needs it. What
        is returned besides serves :meth:`backward` if ``save_for_backward``.
        """
        height, width = value.shape[-2:]
        with_conv2 = pool or sinks[1] is not None
        saved = SavedBlock((height, width), [], [])
        pooled = empty_feature(value, self._channels, (height // 2, width // 2)) if pool else None
        bands = list(self._bands((height, width), value.device))
        if save_for_backward:
            # Before the first band: memory that stays must not lie between what the bands use in turn.
            saved.conv1_masks += [self._empty_mask(band.expand(0), value) for band in bands]
            saved.conv2_masks += [self._empty_mask(band.expand(1), value) for band in bands if with_conv2]
        for number, band in enumerate(bands):
            masks = saved.conv1_masks[number : number + 1], saved.conv2_masks[number : number + 1]
            self._forward_band(value, band, sinks, origin, pooled=pooled, masks=masks)
        return pooled, saved

    def _forward_band(
        self,
        value: Tensor,
        band: _Band,
        sinks: tuple[BandSink | None, BandSink | None],
        origin: tuple[int, int],
        *,
        pooled: Tensor | None,
        masks: tuple[list[ReluMask], list[ReluMask]],
    ) -> None:
        """Write the band's rows of ``pooled`` and its masks, those that there are."""
        own = band.expand(0)
        rows1 = band.expand(self._conv1_margin)
        results1 = self._conv1.forward(_cut(value, rows1), (origin[0] + rows1[0], origin[1]))
        if sinks[0] is not None:
            sinks[0](_cut(results1, (band.top, band.bottom + 1), rows1), own)
        for mask in masks[0]:
            mask.write(_cut(results1, own, rows1))
        if pooled is None and sinks[1] is None:
            return
        rows2 = band.expand(self._conv2_margin)
        results2 = self._conv2.forward(_cut(results1, rows2, rows1), (origin[0] + rows2[0], origin[1]))
        if sinks[1] is not None:
            sinks[1](_cut(results2, (band.top, band.bottom + 1), rows2), own)
        if pooled is not None:
            pooled[..., band.top // 2 : band.bottom // 2, :] = avg_pool(_cut(results2, own, rows2), 2)
        for mask in masks[1]:
            mask.write(_cut(results2, band.expand(1), rows2))

    def _empty_mask(self, rows: _Rows, value: Tensor) -> ReluMask:
        return ReluMask((1, self._channels, rows[1] - rows[0], value.shape[-1]), value.device)

    def backward(
        self,
        pooled_gradient: Tensor | None,
        saved: SavedBlock,
        gradients: tuple[Sequence[WindowedGrad], Sequence[WindowedGrad]],
        origin: tuple[int, int],
    ) -> Tensor:
        """Return the gradient with respect to the input, (1, C, H, W).

        ``pooled_gradient``: a quarter of that with respect to what :meth:`forward` returned, or ``None``.
        ``gradients``: parts of those with respect to conv1's and conv2's results.
        """
        result: Tensor | None = None
        for number, band in enumerate(self._bands(saved.size, self._conv1.weight.device)):
            rows = band.expand(1)
            if pooled_gradient is None:
                size = rows[1] - rows[0], saved.size[1]
                gradient = empty_feature(self._conv1.weight, self._channels, size).zero_()
            else:
                gradient = _avg_pool_backward_rows(pooled_gradient, rows, saved.size)
            if saved.conv2_masks:
                for part in gradients[1]:
                    part.add_to(gradient, rows[0])
                gradient = saved.conv2_masks[number].apply(gradient)
                gradient = self._conv2.backward(gradient, (origin[0] + rows[0], origin[1]))
            # What lies around the band's own rows is for the other bands to add.
            gradient[..., : band.top - rows[0], :] = 0
            gradient[..., band.bottom - rows[0] :, :] = 0
            own = _cut(gradient, band.expand(0), rows)
            for part in gradients[0]:
                part.add_to(own, band.top)
            saved.conv1_masks[number].apply(own)
            input_gradient = self._conv1.backward(gradient, (origin[0] + rows[0], origin[1]))
            if result is None:
                result = empty_feature(input_gradient, input_gradient.shape[1], saved.size).zero_()
            result[..., rows[0] : rows[1], :] += input_gradient
            del gradient, own, input_gradient  # or they would exist beside the next band's
        assert result is not None
        return result

    def _bands(self, size: tuple[int, int], device: torch.device) -> Iterator[_Band]:
        """Yield bands of about equal height; the last has up to seven rows more, so that none is too low."""
        height, width = size
        entries = _BAND_ENTRIES if device.type == "cpu" else _GPU_BAND_ENTRIES
        units = max(1, height // _ALIGNMENT)
        most = max(1, entries // (self._channels * width * _ALIGNMENT))
        count = -(-units // most)
        edges = [_ALIGNMENT * (units * number // count) for number in range(count)]
        for top, bottom in itertools.pairwise([*edges, height]):
            yield _Band(top, bottom, height)


def _cut(feature: Tensor, rows: _Rows, within: _Rows = (0, 0)) -> Tensor:
    """Return ``rows`` of a ``feature`` whose first row is the first of ``within``."""
    return feature[..., rows[0] - within[0] : rows[1] - within[0], :]


def _avg_pool_backward_rows(gradient: Tensor, rows: _Rows, size: tuple[int, int]) -> Tensor:
    """Return ``rows`` of :func:`avg_pool_backward` of ``gradient`` and ``size``."""
    (first, last), (height, width) = rows, size
    top, bottom = first // 2, min(-(-last // 2), gradient.shape[-2])
    end = height if last == height else 2 * bottom
    result = avg_pool_backward(gradient[..., top:bottom, :], (end - 2 * top, width))
    return result[..., first - 2 * top : last - 2 * top, :]
