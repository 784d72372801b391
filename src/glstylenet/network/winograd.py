"""Winograd: 3x3 convolutions with a quarter of the multiplications.

A tile Y of 4x4 results sees a tile d of 6x6 inputs. With w the 3x3 weights,

    Y = A^T [ sum over input channels of (G w G^T) * (B^T d B) ] A                   F(4x4, 3x3)

where * multiplies entry by entry: 36 multiplications where the definition has 144 (Winograd 1980; Lavin and
Gray, *Fast Algorithms for Convolutional Neural Networks*, CVPR 2016; the points are 0, 1, -1, 2, -2 and
infinity). The sums over channels are 36 matrix products, one for each entry, and each transform is a
product with a Kronecker product, so all arithmetic is matrix products.

It costs a digit: in float32 a result is off by 2e-6 of the results' size, where the definition's is by 6e-7.

The work goes strip by strip, so that what is passed on between the products stays in the processor's cache.
"""

import torch
from torch import Tensor

__all__ = ["WinogradConv"]


_SIDE = 4
"""Results of a tile, each way."""


_SEEN = _SIDE + 2
"""Inputs that a tile sees, each way."""


_TILES_AT_ONCE = 192
"""Tiles of a strip: their 36 entries of 256 channels take 7 MB."""


_INPUT = torch.tensor(  # B^T
    [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ],
    dtype=torch.float64,
)


_WEIGHT = torch.tensor(  # G, times 24
    [[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]], dtype=torch.float64
)


_OUTPUT = torch.tensor(  # A^T
    [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]],
    dtype=torch.float64,
)


class WinogradConv:
    """The weights (O, C, 3, 3) of a convolution with zero padding 1, made ready once."""

    def __init__(self, weight: Tensor) -> None:
        outputs, inputs = weight.shape[:2]
        g = (_WEIGHT / 24).to(weight.device)
        entries = torch.einsum("xk,oikl,yl->xyio", g, weight.double(), g)
        self._entries = entries.reshape(_SEEN**2, inputs, outputs).to(weight.dtype)
        self._input, self._output = (
            torch.kron(matrix, matrix).to(weight.device, weight.dtype) for matrix in (_INPUT, _OUTPUT)
        )

    def convolve(self, value: Tensor, *, origin: tuple[int, int] = (0, 0)) -> Tensor:
        """``F.conv2d(value, weight, padding=1)`` of (1, C, H, W): (1, O, H, W), channels last.

        ``origin``: row and column at which ``value`` begins in a whole it was cut from. Tiles lie where they
        lie in the whole, so that a part rounds as the whole does.
        """
        return self._computed(value, None, origin)

    def convolve_relu(self, value: Tensor, bias: Tensor, *, origin: tuple[int, int] = (0, 0)) -> Tensor:
        """``F.relu(F.conv2d(value, weight, bias, padding=1))``, likewise."""
        return self._computed(value, bias, origin)

    def _computed(self, value: Tensor, bias: Tensor | None, origin: tuple[int, int]) -> Tensor:
        lines = value[0].permute(1, 2, 0)
        height, width, inputs = lines.shape
        outputs = self._entries.shape[2]
        result = torch.empty(
            (1, outputs, height, width),
            dtype=value.dtype,
            device=value.device,
            memory_format=torch.channels_last,
        )
        written = result[0].permute(1, 2, 0)
        above, left = (first % _SIDE for first in origin)
        tile_columns = -(-(left + width) // _SIDE)
        tile_rows = -(-(above + height) // _SIDE)
        rows = _SIDE * min(tile_rows, max(1, round(_TILES_AT_ONCE / tile_columns)))
        # Zeros around the picture, and where the first and last tiles go beyond it.
        seen = lines.new_zeros((rows + 2, _SIDE * tile_columns + 2, inputs))
        for start in range(-above, height, rows):
            top, bottom = max(0, start), min(start + rows, height)
            first, last = max(0, start - 1), min(height, bottom + 1)
            begin, end = first - (start - 1), last - (start - 1)
            seen[:begin].zero_()
            seen[begin:end, left + 1 : left + 1 + width] = lines[first:last]
            seen[end:].zero_()
            tile_rows = -(-(bottom - start) // _SIDE)
            tiles = self._tiles(seen, tile_rows, tile_columns)
            strip = tiles.permute(2, 0, 3, 1, 4).reshape(_SIDE * tile_rows, _SIDE * tile_columns, outputs)
            own = strip[top - start : bottom - start, left : left + width]
            if bias is None:
                written[top:bottom] = own
            else:
                torch.add(own, bias, out=written[top:bottom]).relu_()
        return result

    def _tiles(self, seen: Tensor, tile_rows: int, tile_columns: int) -> Tensor:
        """The results under ``seen`` (rows, columns, C): (4, 4, tile rows, tile columns, O)."""
        _, inputs, outputs = self._entries.shape
        down, across = seen.stride()[:2]
        # Entry (i, j) of every tile: tiles overlap by two.
        shape = (_SEEN, _SEEN, tile_rows, tile_columns, inputs)
        tiles = seen.as_strided(shape, (down, across, _SIDE * down, _SIDE * across, 1))
        transformed = self._input @ tiles.reshape(_SEEN**2, -1)
        products = torch.bmm(transformed.view(_SEEN**2, -1, inputs), self._entries)
        results = self._output @ products.view(_SEEN**2, -1)
        return results.view(_SIDE, _SIDE, tile_rows, tile_columns, outputs)
