"""ReluMask: where a feature, which a ReLU has left, is positive.

All that the way back through a ReLU needs of it. On a CPU one bit for each entry, a thirty-second of a
float32 feature's memory. A GPU has the memory, and would be asked for two hundred small operations to pack
and unpack a large feature: there it is one byte, written and used by one operation each.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator

import torch
from torch import Tensor

__all__ = ["PackedReluMask", "ReluMask", "WholeReluMask", "empty_relu_mask", "relu_mask"]


_BITS = 8
"""Of a byte."""


_ENTRIES_AT_ONCE = 2**21
"""Entries that are packed at a time, so few that temporaries stay in the processor's cache; a multiple of
``_BITS``."""


_Shape = tuple[int, int, int, int]
"""(1, C, H, W)."""


class ReluMask(ABC):
    """Those of a feature of ``shape`` (1, C, H, W); room for them, until they are written."""

    def __init__(self, shape: _Shape) -> None:
        self.shape = shape

    @property
    @abstractmethod
    def nbytes(self) -> int:
        """Memory that they take."""

    @abstractmethod
    def write(self, feature: Tensor) -> None:
        """FeatureSink those of ``feature``, nowhere negative, which is not kept."""

    @abstractmethod
    def cut(self, gradient: Tensor) -> Tensor:
        """Set ``gradient`` (1, C, H, W), channels last, to 0 where the feature was 0; returns it."""


def empty_relu_mask(shape: _Shape, device: torch.device) -> ReluMask:
    """For a feature of ``shape`` on ``device``, in the way that suits it."""
    return PackedReluMask(shape, device) if device.type == "cpu" else WholeReluMask(shape, device)


def relu_mask(feature: Tensor) -> ReluMask:
    """Those of ``feature``, as :meth:`Signs.write` takes it."""
    _, channels, height, width = feature.shape
    signs = empty_relu_mask((1, channels, height, width), feature.device)
    signs.write(feature)
    return signs


class PackedReluMask(ReluMask):
    """One bit for each entry.

    A run of entries, as they lie in memory, is cut into eight parts; bit k of byte i tells of entry i of part
    k. So every operation is one on whole parts.
    """

    def __init__(self, shape: _Shape, device: torch.device) -> None:
        super().__init__(shape)
        self._packed = torch.empty(-(-math.prod(shape) // _BITS), dtype=torch.uint8, device=device)

    @property
    def nbytes(self) -> int:
        """An eighth of the entries, rounded up."""
        return self._packed.numel()

    def write(self, feature: Tensor) -> None:
        """Pack those of ``feature``, nowhere negative."""
        for run, packed in self._runs(feature.contiguous(memory_format=torch.channels_last)):
            # Conversion to truth values is three times as fast as a comparison with 0 (docs/performance.md).
            first, *others = _parts(run)
            packed.copy_(first.to(torch.bool).view(torch.uint8))
            for bit, part in enumerate(others, start=1):
                packed[: len(part)] |= part.to(torch.bool).view(torch.uint8).bitwise_left_shift_(bit)

    def cut(self, gradient: Tensor) -> Tensor:
        """Multiply ``gradient``, channels last, by its bits; returns it."""
        for run, packed in self._runs(gradient):
            for bit, part in enumerate(_parts(run)):
                part.mul_((packed[: len(part)] >> bit).bitwise_and_(1))
        return gradient

    def _runs(self, feature: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Run after run of the entries, as they lie in memory, with its bytes."""
        runs = torch.split(_in_memory(feature), _ENTRIES_AT_ONCE)
        return zip(runs, torch.split(self._packed, _ENTRIES_AT_ONCE // _BITS), strict=True)


class WholeReluMask(ReluMask):
    """One byte for each entry, as they lie in memory: whether it is 0."""

    def __init__(self, shape: _Shape, device: torch.device) -> None:
        super().__init__(shape)
        self._closed = torch.empty(math.prod(shape), dtype=torch.bool, device=device)

    @property
    def nbytes(self) -> int:
        """As many as entries."""
        return self._closed.numel()

    def write(self, feature: Tensor) -> None:
        """Note where ``feature``, nowhere negative, is 0."""
        torch.eq(_in_memory(feature.contiguous(memory_format=torch.channels_last)), 0, out=self._closed)

    def cut(self, gradient: Tensor) -> Tensor:
        """Set ``gradient``, channels last, to 0 there; returns it."""
        _in_memory(gradient).masked_fill_(self._closed, 0)
        return gradient


def _in_memory(feature: Tensor) -> Tensor:
    """The entries of (1, C, H, W), channels last, in one row."""
    return feature.permute(0, 2, 3, 1).view(-1)


def _parts(run: Tensor) -> tuple[Tensor, ...]:
    """Eight of equal length; of a short run the last ones are shorter or missing."""
    return torch.split(run, -(-len(run) // _BITS))
