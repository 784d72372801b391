"""Guided filter: channels as affine functions of a picture's colours, with borders at the picture's edges.

The filter of He, Sun and Tang (2010) with a colour guide: in the window around each place, a channel is
approximated by an affine function of the guide's colours. The functions are found on a grid of cells and
enlarged to the guide's size (He and Sun 2015), so that a large picture needs no large temporary. Windows are
Gaussian.
"""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["CellGrid", "apply_maps", "as_matrices", "as_vectors", "guided_maps"]


_BORDER_CELLS = 350
"""Cells along the longest side of the finer grid on which borders of classes are moved."""


_BORDER_WINDOW = 4.9
"""Standard deviation of a window in those: 10 pixels at 700, as far as a hand-drawn map is off."""


_BORDER_EPSILON = 6.5
"""Regularisation there, in grey levels squared: edges of less than about 3 levels attract no border."""


class CellGrid:
    """`CellGrid` divides a picture of ``size`` (height, width) into cells, and has Gaussian means over them.

    ``cells`` are those along the longest side, at most one a pixel; ``deviation`` is a window's, in cells.
    """

    def __init__(self, size: tuple[int, int], cells: int, deviation: float, device: torch.device) -> None:
        factor = min(1.0, cells / max(size))
        self.size = max(1, round(size[0] * factor)), max(1, round(size[1] * factor))
        self._windows = tuple(_gaussian_windows(length, deviation, device) for length in self.size)

    def pool(self, values: Tensor) -> Tensor:
        """Return the means (1, C, h, w) of ``values`` (1, C, H, W) within each cell, float64."""
        return F.adaptive_avg_pool2d(values, self.size).double()

    def sums(self, values: Tensor) -> Tensor:
        """Return sums (1, C, h, w) of a cell's ``values``, weighted by the window around each."""
        rows, columns = self._windows
        return rows @ values @ columns

    def pool_products(self, left: Tensor, right: Tensor, weight: Tensor) -> Tensor:
        """Return the cells' means of weight left right^T: (1, 9, h, w), one full plane at a time."""
        return torch.cat([self.pool(weight * a * b) for a in _planes(left) for b in _planes(right)], dim=1)


def guided_maps(
    content: Tensor, channels: Tensor, *, window: float = _BORDER_WINDOW, epsilon: float = _BORDER_EPSILON
) -> Tensor:
    """Return the guided filter's maps from colours to each class: (4, K, h, w), three slopes and offset.

    ``content`` (1, 3, H, W), RGB 0..255, is the guide of ``channels`` (1, K, H, W). ``window`` is
    the standard deviation of a window, in cells of 1/350 of the longest side. Edges of less than about
    the square root of ``epsilon``, in grey levels, attract no border.
    """
    grid = CellGrid((content.shape[-2], content.shape[-1]), _BORDER_CELLS, window, content.device)
    everywhere = torch.ones_like(content[:, :1])
    inverse = 1.0 / grid.sums(grid.pool(everywhere))
    mean, share = (grid.sums(grid.pool(each)) * inverse for each in (content, channels))
    variance = as_matrices(grid.sums(grid.pool_products(content, content, everywhere)) * inverse)
    variance = variance - as_vectors(mean) @ as_vectors(mean).mT
    variance += epsilon * torch.eye(3, dtype=variance.dtype, device=variance.device)
    products = grid.sums(grid.pool_products(content, channels, everywhere)) * inverse
    covariance = products.reshape(3, -1, *grid.size).permute(2, 3, 0, 1)
    covariance = covariance - as_vectors(mean) @ as_vectors(share).mT
    slope = torch.linalg.solve(variance, covariance).permute(2, 3, 0, 1)
    offset = share[0] - (slope * mean[0][:, None]).sum(dim=0)
    maps = torch.cat((slope, offset[None]))
    return (grid.sums(maps) * inverse).float()


def apply_maps(maps: Tensor, content: Tensor) -> Tensor:
    """Return one output (1, 1, H, W) of affine maps (4, h, w) for ``content`` (1, 3, H, W).

    The maps are enlarged one plane at a time, so that a large picture needs no large temporary.
    """
    size = (content.shape[-2], content.shape[-1])

    def enlarged(plane: Tensor) -> Tensor:
        return F.interpolate(plane[None, None], size, mode="bilinear", align_corners=False)

    result = enlarged(maps[3])
    for plane, colour in zip(maps[:3], _planes(content), strict=True):
        result += enlarged(plane) * colour
    return result


def as_matrices(planes: Tensor) -> Tensor:
    """Return (1, 9, h, w) as a 3x3 matrix at each place: (h, w, 3, 3)."""
    return planes.reshape(3, 3, *planes.shape[-2:]).permute(2, 3, 0, 1)


def as_vectors(planes: Tensor) -> Tensor:
    """Return (1, C, h, w) as column vectors (h, w, C, 1)."""
    return planes[0].permute(1, 2, 0)[..., None]


def _planes(picture: Tensor) -> Iterator[Tensor]:
    return (picture[:, index : index + 1] for index in range(picture.shape[1]))


def _gaussian_windows(length: int, deviation: float, device: torch.device) -> Tensor:
    """Return the weights (length, length) of every position in the window around every other."""
    positions = torch.arange(length, dtype=torch.float64, device=device)
    return torch.exp(-0.5 * ((positions[:, None] - positions) / deviation) ** 2)
