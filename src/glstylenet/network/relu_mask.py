"""ReluMask: where the output of a ReLU is positive, which is all that its backward pass needs.

On a CPU the mask takes one bit for each entry, a thirty-second of a float32 feature's memory. On a GPU it
takes one byte: memory is ample there, and packing a large feature would take two hundred small operations
where writing and using bytes takes one each.
"""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

__all__ = ["ReluMask", "relu_mask"]


_BITS = 8
"""Bits of a byte."""


_ENTRIES_AT_ONCE = 2**21
"""Entries that are packed at a time, few enough for temporaries to stay in the processor's cache; a multiple
of ``_BITS``."""


class ReluMask:
    """The mask of a feature of ``shape`` (1, C, H, W): memory for it, until :meth:`write` fills it.

    ``packed``: whether it takes one bit for each entry or one byte; by default one bit on a CPU.

    Packed, a run of entries, as they lie in memory, is cut into eight parts, and bit k of byte i belongs to
    entry i of part k, so that every operation is one on whole parts. Unpacked, a byte is 1 where the feature
    is 0.
    """

    def __init__(
        self, shape: tuple[int, int, int, int], device: torch.device, *, packed: bool | None = None
    ) -> None:
        self.shape = shape
        self._packed = device.type == "cpu" if packed is None else packed
        entries = math.prod(shape)
        self._bytes = (
            torch.empty(-(-entries // _BITS), dtype=torch.uint8, device=device)
            if self._packed
            else torch.empty(entries, dtype=torch.bool, device=device)
        )

    @property
    def nbytes(self) -> int:
        """Memory that the mask takes."""
        return self._bytes.numel()

    def write(self, feature: Tensor) -> None:
        """Store where ``feature``, which has no negative entry, is positive; it is not kept itself."""
        feature = feature.contiguous(memory_format=torch.channels_last)
        if not self._packed:
            torch.eq(_in_memory(feature), 0, out=self._bytes)
            return
        for run, packed in self._runs(feature):
            # Conversion to truth values is three times as fast as a comparison with 0 (docs/notebook.md).
            first, *others = _parts(run)
            packed.copy_(first.to(torch.bool).view(torch.uint8))
            for bit, part in enumerate(others, start=1):
                packed[: len(part)] |= part.to(torch.bool).view(torch.uint8).bitwise_left_shift_(bit)

    def apply(self, gradient: Tensor) -> Tensor:
        """Set ``gradient`` (1, C, H, W), channels last, to 0 where the feature was 0, and return it."""
        if not self._packed:
            _in_memory(gradient).masked_fill_(self._bytes, 0)
            return gradient
        for run, packed in self._runs(gradient):
            for bit, part in enumerate(_parts(run)):
                part.mul_((packed[: len(part)] >> bit).bitwise_and_(1))
        return gradient

    def _runs(self, feature: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield run after run of the entries, as they lie in memory, with its bytes."""
        runs = torch.split(_in_memory(feature), _ENTRIES_AT_ONCE)
        return zip(runs, torch.split(self._bytes, _ENTRIES_AT_ONCE // _BITS), strict=True)


def relu_mask(feature: Tensor) -> ReluMask:
    """Return the mask of ``feature`` (1, C, H, W), the output of a ReLU.

    >>> mask = relu_mask(torch.tensor([[[[0.0, 2.0, 5.0]]]]))
    >>> mask.apply(torch.tensor([[[[1.0, 1.0, -1.0]]]]))
    tensor([[[[ 0.,  1., -1.]]]])
    """
    _, channels, height, width = feature.shape
    mask = ReluMask((1, channels, height, width), feature.device)
    mask.write(feature)
    return mask


def _in_memory(feature: Tensor) -> Tensor:
    """Return the entries of (1, C, H, W), channels last, in one row, as they lie in memory."""
    return feature.permute(0, 2, 3, 1).view(-1)


def _parts(run: Tensor) -> tuple[Tensor, ...]:
    """Cut ``run`` into eight parts of equal length; of a short run the last ones are shorter or missing."""
    return torch.split(run, -(-len(run) // _BITS))
