"""Curvature: where in a picture the objective is steep, by what L-BFGS saw of it.

The objective curves several times as much in one part of a picture as in another, and a step that suits the
flat one is too long for the steep one. Each pair of L-BFGS, a step s and the change y of the gradient along
it, tells of this everywhere at once. In a cell of the picture the curvature is c, with

    c^2 = sum_i (|y_i| in the cell / |s_i|)^2 / sum_i (|s_i| in the cell / |s_i|)^2

where |s_i| alone is the length of the whole step: late and short ones count as much as early ones. Of y_i
only the entries count that moved, however little: where none did, nothing is known, and the whole's curvature
counts. Not from the paper; ``docs/performance.md`` has the measurements behind it.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from glstylenet.numerics import chunk_length
from glstylenet.optim.base import OptimizerState

__all__ = ["CELL_SIDE", "curvature"]


CELL_SIDE = 4
"""Pixels of a cell, each way."""


_FEWEST_PAIRS = 3
"""Fewer tell more of themselves than of the objective."""


_LARGEST_FACTOR = 8.0
"""No part counts as more than so many times steeper or flatter than the whole."""


_LEAST_ENERGY = 1e-3
"""Of the mean, added to each cell's: where nothing moved nothing is known, and the whole's counts."""


def curvature(pairs: OptimizerState, like: Tensor) -> Tensor | None:
    """The curvature at each pixel, (H, W), relative to the whole's; ``None`` if there are too few pairs.

    ``pairs``: of the history of vectors like this one, (..., H, W), channels together. From cell to cell it
    goes evenly (bilinear).
    """
    rows = pairs.tensors.get("rows")
    if rows is None or len(rows) < 2 * _FEWEST_PAIRS:
        return None
    height, width = like.shape[-2:]
    pictures = rows.view(len(rows), -1, height, width)
    factors = np.array(pairs.numbers["scales"]) / np.repeat(pairs.numbers["lengths"], 2)
    # The host's, in float32; on the device a conversion would wait for it.
    weights = torch.as_tensor(factors, dtype=torch.float32).to(rows.device, non_blocking=True)
    bands = [_cell_energies(band, weights) for band in _bands(pictures)]
    moved, answered = torch.cat(bands, dim=1)
    relative = (_raised(answered) / _raised(moved)).sqrt_().clamp_(1 / _LARGEST_FACTOR, _LARGEST_FACTOR)
    whole = F.interpolate(relative[None, None], scale_factor=CELL_SIDE, mode="bilinear", align_corners=False)
    return whole[0, 0, :height, :width]


def _bands(pictures: Tensor) -> tuple[Tensor, ...]:
    """Lines after lines of whole cells, few enough for the processor's cache on a CPU, but no fewer than a
    cell has."""
    rows, channels, _, width = pictures.shape
    lines = chunk_length(pictures.device, 2 * rows) // (channels * width)  # as they are, and widened
    return torch.split(pictures, max(1, lines // CELL_SIDE) * CELL_SIDE, dim=2)


def _cell_energies(band: Tensor, weights: Tensor) -> Tensor:
    """Over each cell the mean of (2 pairs, C, h, W), of all s and of all y: (2, cells down, cells across)."""
    energies = (band * weights[:, None, None, None]).square_()
    moved, answered = energies[0::2], energies[1::2]
    # What rests at 0 or 255 did not move; what answers there are its neighbours' steps.
    answered *= band[0::2] != 0
    sums = torch.stack((moved.sum((0, 1)), answered.sum((0, 1))))
    # A last cell that the picture's edge cuts is the mean of what there is.
    return F.avg_pool2d(sums, CELL_SIDE, ceil_mode=True)


def _raised(energies: Tensor) -> Tensor:
    """Relative to their mean, and nowhere 0."""
    return energies / energies.mean() + _LEAST_ENERGY
