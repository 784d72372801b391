"""BandedBlock: two convolutions and the pooling after them, there and back, in bands of rows.

The first two blocks of VGG-19 are of this kind, and what comes between their convolutions is the largest in
the whole network: 64 numbers for each pixel, then 128 for every four. In bands it is never there as a whole,
and stays in blocks of memory that the process can use again (:mod:`~glstylenet.machine.malloc`).

A band is convolved with the rows around it that its own results see, which makes them those of the whole. Of
the gradient, to which every band adds in the rows around it too, only the order of a sum is another.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from glstylenet.network.conv_relu import ConvRelu
from glstylenet.network.pooling import avg_pool, avg_pool_backward
from glstylenet.network.relu_mask import ReluMask, empty_relu_mask
from glstylenet.network.windowed_grad import WindowedGrad
from glstylenet.numerics import empty_feature

__all__ = ["BandedBlock", "SavedBlock"]


_BAND_ENTRIES = 2**23


_LAUNCHED_BAND_ENTRIES = 2**26
"""Numbers of one convolution's results in a band: 32 MiB as float32 on a CPU; on a GPU, whose memory is no
faster for small blocks, a megapixel in one band."""


_ALIGNMENT = 8
"""Bands meet at multiples of it: what a deeper layer's position is the mean of, and its gradient is the same
for, lies in one band."""


_Origin = tuple[int, int]
"""Row and column at which something begins in a whole it was cut from."""


@dataclass(frozen=True)
class _Band:
    """Rows ``top`` to ``bottom`` of the results, of ``height`` in all."""

    top: int
    bottom: int
    height: int

    def expand(self, rows: int) -> tuple[int, int]:
        """The first row and the one past the last, with ``rows`` more on both sides where there are any."""
        return max(0, self.top - rows), min(self.height, self.bottom + rows)


@dataclass
class SavedBlock:
    """What the way back needs: of every band the signs of the first convolution's results, and those of the
    second's with one row more on both sides. ``size``: height and width of the input."""

    size: tuple[int, int]
    opened: list[ReluMask]
    closed: list[ReluMask]


class BandedBlock:
    """``opening`` and ``closing``, with ``channels`` results each, and 2x2 pooling by the mean."""

    def __init__(self, opening: ConvRelu, closing: ConvRelu, channels: int) -> None:
        self._opening = opening
        self._closing = closing
        self._channels = channels
        # A row of the second's results, with one more for its signs, sees three rows of the input. In
        # Winograd's way results come four by four, and are rounded as the whole's if all that four see is
        # there.
        by_fours = opening.takes_winograd or closing.takes_winograd
        self._closing_sees, self._opening_sees = (5, 9) if by_fours else (2, 3)

    def forward(
        self,
        value: Tensor,
        take: Callable[[Tensor, tuple[int, int]], None],
        origin: _Origin,
        *,
        save_for_backward: bool,
        through: bool,
    ) -> tuple[Tensor | None, SavedBlock]:
        """What the pooling gives, of ``value`` (1, C, H, W); ``None`` unless it is to go ``through``.

        ``take`` gets the opening convolution's results, band by band: rows (top, bottom) and one more below
        where there is one. ``origin``: row and column at which ``value`` begins in a whole. ``save_for_backward``: with
        what :meth:`backward` needs.
        """
        height, width = value.shape[-2:]
        trail = SavedBlock((height, width), [], [])
        pooled = empty_feature(value, self._channels, (height // 2, width // 2)) if through else None
        bands = list(self._bands((height, width), value.device))
        if save_for_backward:
            # Before the first band: what stays must not lie between blocks that the next band needs.
            trail.opened += [self._room(band.expand(0), value) for band in bands]
            trail.closed += [self._room(band.expand(1), value) for band in bands if through]
        for number, band in enumerate(bands):
            place = trail.opened[number : number + 1], trail.closed[number : number + 1]
            self._forward_band(value, take, origin, band, pooled=pooled, signs=place)
        return pooled, trail

    def _room(self, rows: tuple[int, int], value: Tensor) -> ReluMask:
        return empty_relu_mask((1, self._channels, rows[1] - rows[0], value.shape[-1]), value.device)

    def _forward_band(
        self,
        value: Tensor,
        take: Callable[[Tensor, tuple[int, int]], None],
        origin: _Origin,
        band: _Band,
        *,
        pooled: Tensor | None,
        signs: tuple[list[ReluMask], list[ReluMask]],
    ) -> None:
        """Write the band's part of ``pooled``, and its signs where there is room for them."""
        own = band.expand(0)
        rows = band.expand(self._opening_sees)
        opened = self._opening.forward(_cut(value, rows), (origin[0] + rows[0], origin[1]))
        take(_cut(opened, (band.top, band.bottom + 1), rows), own)
        for room in signs[0]:
            room.write(_cut(opened, own, rows))
        if pooled is None:
            return
        seen = band.expand(self._closing_sees)
        closed = self._closing.forward(_cut(opened, seen, rows), (origin[0] + seen[0], origin[1]))
        pooled[..., band.top // 2 : band.bottom // 2, :] = avg_pool(_cut(closed, own, seen), 2)
        for room in signs[1]:
            room.write(_cut(closed, band.expand(1), seen))

    def backward(
        self,
        gradient: Tensor | None,
        trail: SavedBlock,
        contributions: Sequence[WindowedGrad],
        origin: _Origin,
        like: Tensor,
    ) -> Tensor:
        """Gradient with respect to the input.

        ``gradient``: with respect to what :meth:`forward` returned; ``contributions``: parts of that with
        respect to the opening convolution's results. ``like`` has the type and place of the input.
        """
        width = trail.size[1]
        result: Tensor | None = None
        for number, band in enumerate(self._bands(trail.size, like.device)):
            rows = band.expand(1)
            if gradient is None:
                slope = empty_feature(like, self._channels, (rows[1] - rows[0], width)).zero_()
            else:
                slope = trail.closed[number].cut(_spread_rows(gradient, rows, trail.size))
                slope = self._closing.backward(slope, (origin[0] + rows[0], origin[1]))
            # What lies around the band's own rows is for its bands to add.
            slope[..., : band.top - rows[0], :] = 0
            slope[..., band.bottom - rows[0] :, :] = 0
            own = _cut(slope, (band.top, band.bottom), rows)
            for contribution in contributions:
                contribution.add_to(own, band.top)
            trail.opened[number].cut(own)
            part = self._opening.backward(slope, (origin[0] + rows[0], origin[1]))
            if result is None:
                result = empty_feature(part, part.shape[1], trail.size).zero_()
            result[..., rows[0] : rows[1], :] += part
            del slope, own, part  # or they would wait beside the next band's
        assert result is not None
        return result

    def _bands(self, size: tuple[int, int], device: torch.device) -> Iterator[_Band]:
        """Of about equal height; the last has up to seven rows more, so that none is lower than a pooling."""
        height, width = size
        entries = _BAND_ENTRIES if device.type == "cpu" else _LAUNCHED_BAND_ENTRIES
        units = max(1, height // _ALIGNMENT)
        most = max(1, entries // (self._channels * width * _ALIGNMENT))
        count = -(-units // most)
        edges = [_ALIGNMENT * (units * number // count) for number in range(count)]
        for top, bottom in itertools.pairwise([*edges, height]):
            yield _Band(top, bottom, height)


def _cut(feature: Tensor, rows: tuple[int, int], within: tuple[int, int] = (0, 0)) -> Tensor:
    """``rows``, first and one past the last, of a ``feature`` that begins with the first of ``within``."""
    return feature[..., rows[0] - within[0] : rows[1] - within[0], :]


def _spread_rows(gradient: Tensor, rows: tuple[int, int], size: tuple[int, int]) -> Tensor:
    """``rows``, first and one past the last, of what :func:`avg_pool_backward` makes."""
    (first, last), (height, width) = rows, size
    top, bottom = first // 2, min(-(-last // 2), gradient.shape[-2])
    end = height if last == height else 2 * bottom
    spread = avg_pool_backward(gradient[..., top:bottom, :], (end - 2 * top, width))
    return spread[..., first - 2 * top : last - 2 * top, :]
