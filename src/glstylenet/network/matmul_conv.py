"""Taps: 3x3 convolutions as nine matrix products, one for each entry of the weights.

    Y[p] = sum over the nine offsets d of X[p + d] W[d]

A product of all positions with one tap adds to what those before it gave. For float32 on a GPU: its library's
own convolutions either round to TF32's three digits, or take whatever memory they see fit, 66 GB for a layer
of 1.6 megapixels (docs/performance.md). This needs one more copy of what comes in and one of what goes out,
and keeps all digits.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["MatmulConv"]


class MatmulConv:
    """The weights (O, C, 3, 3) of a convolution with zero padding 1, made ready once."""

    def __init__(self, weight: Tensor) -> None:
        outputs, inputs = weight.shape[:2]
        self._taps = weight.permute(2, 3, 1, 0).reshape(9, inputs, outputs).contiguous()

    def convolve(self, value: Tensor, *, origin: tuple[int, int] = (0, 0)) -> Tensor:
        """``F.conv2d(value, weight, padding=1)`` of (1, C, H, W): (1, O, H, W), channels last.

        ``origin`` changes nothing here: every position is computed alike.
        """
        return self._sums(value).contiguous(memory_format=torch.channels_last)

    def convolve_relu(self, value: Tensor, bias: Tensor, *, origin: tuple[int, int] = (0, 0)) -> Tensor:
        """``F.relu(F.conv2d(value, weight, bias, padding=1))``, likewise."""
        sums = self._sums(value)
        result = torch.empty_like(sums, memory_format=torch.channels_last)
        return torch.add(sums, bias.view(1, -1, 1, 1), out=result).relu_()

    def _sums(self, value: Tensor) -> Tensor:
        """(1, O, H, W), a view of rows that are two longer."""
        height, width = value.shape[-2:]
        lines = value[0].permute(1, 2, 0)
        # Zeros around the picture, and one row more: the last products reach there for sums nobody reads.
        padded = F.pad(lines, (0, 0, 1, 1, 1, 2)).flatten(0, 1)
        count = height * (width + 2)
        sums = padded[:count] @ self._taps[0]
        for number in range(1, 9):
            down, across = divmod(number, 3)
            first = down * (width + 2) + across
            sums.addmm_(padded[first : first + count], self._taps[number])
        return sums.view(height, width + 2, -1)[:, :width].permute(2, 0, 1)[None]
