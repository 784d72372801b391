"""Signs: where a feature, which a ReLU has left, is positive, one bit for each entry.

All that the way back through a ReLU needs of it: a thirty-second of a float32 feature's memory.
"""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

__all__ = ["Signs"]

_BITS = 8
"""Of a byte."""

_ENTRIES_AT_ONCE = 2**21
"""Entries that are packed at a time, so few that temporaries stay in the processor's cache; a multiple of
``_BITS``."""


class Signs:
    """Room for those of a feature of ``shape`` (1, C, H, W).

    A run of entries, as they lie in memory, is cut into eight parts; bit k of byte i tells of entry i of part
    k. So every operation is one on whole parts, on any device.
    """

    def __init__(self, shape: tuple[int, int, int, int], device: torch.device) -> None:
        self.shape = shape
        self._packed = torch.empty(-(-math.prod(shape) // _BITS), dtype=torch.uint8, device=device)

    @classmethod
    def of(cls, feature: Tensor) -> "Signs":
        """Those of ``feature``, as :meth:`write` takes it."""
        _, channels, height, width = feature.shape
        signs = cls((1, channels, height, width), feature.device)
        signs.write(feature)
        return signs

    @property
    def nbytes(self) -> int:
        """Memory that they take."""
        return self._packed.numel()

    def write(self, feature: Tensor) -> None:
        """Take those of ``feature``, nowhere negative, which is not kept."""
        for run, packed in self._runs(feature.contiguous(memory_format=torch.channels_last)):
            # Conversion to truth values is three times as fast as a comparison with 0 (docs/performance.md).
            first, *others = _parts(run)
            packed.copy_(first.to(torch.bool).view(torch.uint8))
            for bit, part in enumerate(others, start=1):
                packed[: len(part)] |= part.to(torch.bool).view(torch.uint8).bitwise_left_shift_(bit)

    def cut(self, gradient: Tensor) -> Tensor:
        """Set ``gradient`` (1, C, H, W), channels last, to 0 where the feature was 0; returns it."""
        for run, packed in self._runs(gradient):
            for bit, part in enumerate(_parts(run)):
                part.mul_((packed[: len(part)] >> bit).bitwise_and_(1))
        return gradient

    def _runs(self, feature: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Run after run of the entries, as they lie in memory, with its bytes."""
        runs = torch.split(feature.permute(0, 2, 3, 1).view(-1), _ENTRIES_AT_ONCE)
        return zip(runs, torch.split(self._packed, _ENTRIES_AT_ONCE // _BITS), strict=True)


def _parts(run: Tensor) -> tuple[Tensor, ...]:
    """Eight of equal length; of a short run the last ones are shorter or missing."""
    return torch.split(run, -(-len(run) // _BITS))
