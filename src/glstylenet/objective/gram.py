"""Gram: the picture's colours and textures as a whole follow the style's (Eqs. 5-6).

    G = FF FF^T / M                                                                           (Eq. 5)
    L_global = gamma sum (G_x - G_a)^2 / (4 N^2)                                              (Eq. 6)

FF are the N channels of a fused feature at M positions. Deviation from the paper: each Gram matrix is divided
by its own M before two are compared, so that pictures of different sizes have comparable matrices. Where the
sizes are equal, this is the paper's Eq. 6.

Shape letters: N channels, H x W positions (M = H W), (1, N, H, W) for a feature.
"""

from collections.abc import Iterable

import torch
from torch import Tensor

from glstylenet.numerics import (
    flatten_positions,
    interruption_point,
    matmul_f32,
    sum_dtype,
    sum_of_squares,
    upcast,
)
from glstylenet.objective.loss_term import LossTerm, TileGradients
from glstylenet.objective.tile_features import TileFeatures
from glstylenet.pyramid import fused_size

__all__ = ["GlobalTerm", "global_gradient", "global_loss", "gram"]

_POSITIONS_AT_ONCE = 2**13
"""Positions that are multiplied at a time: they are converted to the type of the product."""

_GRAM_BANDS = 6
"""Bands of rows in which a Gram matrix is computed on a CPU: 21/36 of its products, in large ones still."""


def gram(feature: Tensor, *, positions: int | None = None, counted: Tensor | None = None) -> Tensor:
    """Return the Gram matrix per position, FF FF^T / M (Eq. 5), of (1, N, H, W): (N, N), at least float32.

    Where ``feature`` is a part of a tiled one, ``positions`` is the M of the whole, and parts add up. With
    ``counted``, boolean (H, W), only these positions count, and M is their number.

    >>> import torch
    >>> gram(torch.tensor([[[[1.0, 2.0]], [[0.0, 4.0]]]]))
    tensor([[2.5000, 4.0000],
            [4.0000, 8.0000]])
    """
    lines = flatten_positions(feature)
    channels = lines.shape[1]
    total = lines.new_zeros((channels, channels), dtype=sum_dtype(lines.dtype))
    # The matrix is symmetric: of a band of its rows, what lies before the diagonal is known. Hardware for
    # bfloat16 and GPUs multiply so fast that one large product may serve better; not measured.
    is_slow = lines.device.type == "cpu" and lines.dtype != torch.bfloat16
    band = -(-channels // (_GRAM_BANDS if is_slow else 1))
    strips: Iterable[Tensor] = torch.split(lines, _POSITIONS_AT_ONCE)
    if counted is not None:
        masks = torch.split(counted.flatten(), _POSITIONS_AT_ONCE)
        strips = (strip[mask] for strip, mask in zip(strips, masks, strict=True))
        positions = positions or int(counted.sum())
    for strip in map(upcast, strips):
        interruption_point()
        for top in range(0, channels, band):
            part, rows, columns = total[top : top + band, top:], strip[:, top : top + band].T, strip[:, top:]
            if strip.dtype == total.dtype:
                part.addmm_(rows, columns)
            else:
                part += matmul_f32(rows, columns)
    for top in range(0, channels, band):
        total[top + band :, top : top + band] = total[top : top + band, top + band :].T
    return total.div_(positions or lines.shape[0])


def global_loss(matrix: Tensor, target: Tensor, *, weight: float = 1.0) -> Tensor:
    """Return sum (G_x - G_a)^2 / (4 N^2) (Eq. 6) of two :func:`gram` matrices: 0-dimensional float64."""
    return weight / (4.0 * matrix.shape[0] ** 2) * sum_of_squares(matrix - target)


def global_gradient(
    feature: Tensor,
    matrix: Tensor,
    target: Tensor,
    *,
    weight: float = 1.0,
    positions: int | None = None,
    onto: Tensor | None = None,
) -> Tensor:
    """Return the gradient of :func:`global_loss` with respect to ``feature``: (M, N), at least float32.

    It is (G_x - G_a) FF / (N^2 M): one product, where differentiating FF FF^T takes two. Where ``onto`` (M,
    N) is given, the gradient is added to it in place.
    """
    lines = flatten_positions(feature)
    difference = (matrix - target) * (weight / (matrix.shape[0] ** 2 * (positions or lines.shape[0])))
    if lines.dtype == difference.dtype:
        return lines @ difference if onto is None else onto.addmm_(lines, difference)
    # The terms of this product cancel: rounded to bfloat16, the difference would end a descent early. What
    # rounding takes from it is multiplied apart.
    rounded = difference.to(feature.dtype)
    gradient = matmul_f32(lines, rounded)
    gradient += matmul_f32(lines, (difference - rounded).to(feature.dtype))
    return gradient if onto is None else onto.add_(gradient)


class GlobalTerm(LossTerm):
    """The global term of one objective: one Gram matrix for each fused feature, summed over the tiles."""

    name = "global"
    symbol = "gamma"
    setting = "global_weight"
    label = "global"
    colour = "#009e73"
    dark_colour = "#2fc79a"
    compares_styles = True

    _matrices: list[Tensor]

    def start(self) -> None:
        """Forget the matrices of the last picture."""
        self._matrices = []

    def collect(self, features: TileFeatures) -> None:
        """Add the tile's part to each Gram matrix, of which any gradient needs the whole."""
        for number, styles in enumerate(self.targets.styles):
            part = gram(features.own(number), positions=_positions(features, styles.group))
            if number < len(self._matrices):
                self._matrices[number] += part
            else:
                self._matrices.append(part)

    def add_tile(self, features: TileFeatures, gradients: TileGradients) -> Tensor:
        """Add the tile's gradients.

        The value belongs to the whole picture and is told with its first tile.
        """
        value = torch.zeros((), dtype=torch.float64, device=self._matrices[0].device)
        for number, styles in enumerate(self.targets.styles):
            matrix = self._matrices[number]
            if features.tile.is_first:
                value += global_loss(matrix, styles.gram, weight=self.weight)
            gradients.fused[number] = global_gradient(
                features.own(number),
                matrix,
                styles.gram,
                weight=self.weight,
                positions=_positions(features, styles.group),
                onto=gradients.fused[number],
            )
        return value


def _positions(features: TileFeatures, group: tuple[int, ...]) -> int:
    """Return the positions M of the whole picture's fused feature."""
    height, width = fused_size(features.tile.size, group)
    return height * width
