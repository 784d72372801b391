"""MatmulConv: a 3x3 convolution as nine matrix products, one for each entry of the kernel.

    Y[p] = sum over the nine offsets d of X[p + d] W[d]

Each product multiplies all positions by one entry's weights (C, O) and adds to the sum of those before. This
is for float32 on a GPU, whose library's own convolutions either round to TF32's three digits or take as much
memory as they please, 66 GB for a layer of 1.6 megapixels (docs/notebook.md). The nine products need one
more copy of the input and one of the output, and keep all digits.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["MatmulConv"]


class MatmulConv:
    """A convolution with zero padding 1 whose ``weight`` (O, C, 3, 3) is rearranged once."""

    def __init__(self, weight: Tensor) -> None:
        outputs, inputs = weight.shape[:2]
        self._weights = weight.permute(2, 3, 1, 0).reshape(9, inputs, outputs).contiguous()

    def convolve(self, value: Tensor, *, origin: tuple[int, int] = (0, 0)) -> Tensor:
        """Return ``F.conv2d(value, weight, padding=1)``, (1, O, H, W), channels last, of (1, C, H, W).

        ``origin`` changes nothing here: every position is computed alike.
        """
        return self._sums(value).contiguous(memory_format=torch.channels_last)

    def convolve_relu(self, value: Tensor, bias: Tensor, *, origin: tuple[int, int] = (0, 0)) -> Tensor:
        """Return ``F.relu(F.conv2d(value, weight, bias, padding=1))``, as :meth:`convolve` does."""
        sums = self._sums(value)
        result = torch.empty_like(sums, memory_format=torch.channels_last)
        return torch.add(sums, bias.view(1, -1, 1, 1), out=result).relu_()

    def _sums(self, value: Tensor) -> Tensor:
        """Return (1, O, H, W), a view of rows that are two positions longer."""
        height, width = value.shape[-2:]
        lines = value[0].permute(1, 2, 0)
        # Zeros around the picture, and one row more, which the last products read for sums that nothing uses.
        padded = F.pad(lines, (0, 0, 1, 1, 1, 2)).flatten(0, 1)
        count = height * (width + 2)
        sums = padded[:count] @ self._weights[0]
        for number in range(1, 9):
            down, across = divmod(number, 3)
            first = down * (width + 2) + across
            sums.addmm_(padded[first : first + count], self._weights[number])
        return sums.view(height, width + 2, -1)[:, :width].permute(2, 0, 1)[None]
