"""Gram: the picture's colours and textures as a whole follow the style's (Eqs. 5-6).

    G = FF FF^T / M                                                                           (Eq. 5)
    L_global = gamma sum (G_x - G_a)^2 / (4 N^2)                                              (Eq. 6)

FF are the N channels of a fused feature at M positions. Deviation from the paper: each Gram matrix is divided
by its own M before two are compared, so that pictures of different sizes have comparable matrices. Where the
sizes are equal, this is the paper's Eq. 6.

With label maps the term may be taken by region, which the paper does not do (Gatys et al. 2017 have Gram
matrices of regions in single layers):

    L_global = gamma sum_k w_k sum (G_x^k - G_a^k)^2 / (4 N^2)

G^k is the Gram matrix of class k (:mod:`.regions`), w_k the share of the content's map that the class has.
Classes that the style lacks or that are too small for statistics are left to the whole: the matrices of both
whole pictures are compared, with the weight of these classes together. With one class, or without any that
both pictures have, this is Eq. 6, to the last digit.

Shape letters: N channels, H x W positions (M = H W), (1, N, H, W) for a feature.
"""

from collections.abc import Sequence
from functools import cached_property

import torch
from torch import Tensor

from glstylenet.numerics import (
    Rect,
    flatten_positions,
    interruption_point,
    matmul_f32,
    sum_dtype,
    sum_of_squares,
)
from glstylenet.objective.loss_term import LossTerm, TileGradients
from glstylenet.objective.regions import Region, RegionTarget
from glstylenet.objective.tile_features import TileFeatures
from glstylenet.pyramid import fused_size

__all__ = ["GlobalTerm", "global_gradient", "global_loss", "gram"]

_WHOLE = Region()

_GRAM_BANDS = 6
"""Bands of rows in which a Gram matrix is computed on a CPU: 21/36 of its products, in large ones still."""


def gram(feature: Tensor, *, positions: float | None = None, region: Region = _WHOLE) -> Tensor:
    """Return the Gram matrix per position, FF FF^T / M (Eq. 5), of (1, N, H, W): (N, N), at least float32.

    With a ``region``, only its positions count, by their shares, and M is their sum. Where ``feature`` is a
    part of a tiled one, ``positions`` is the M of the whole, and parts add up.

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
    for piece, gathered in region.gather(lines):
        interruption_point()
        # Both factors are scaled. Shares rounded to bfloat16 would shift the region's weights.
        strip = gathered if piece.shares is None else gathered * piece.shares.sqrt()
        strip = strip.to(gathered.dtype)
        for top in range(0, channels, band):
            part, rows, columns = total[top : top + band, top:], strip[:, top : top + band].T, strip[:, top:]
            if strip.dtype == total.dtype:
                part.addmm_(rows, columns)
            else:
                part += matmul_f32(rows, columns)
    for top in range(0, channels, band):
        total[top + band :, top : top + band] = total[top : top + band, top + band :].T
    return total.div_(positions or region.size(lines.shape[0]))


def global_loss(matrix: Tensor, target: Tensor, *, weight: float = 1.0) -> Tensor:
    """Return sum (G_x - G_a)^2 / (4 N^2) (Eq. 6) of two :func:`gram` matrices: 0-dimensional float64."""
    return weight / (4.0 * matrix.shape[0] ** 2) * sum_of_squares(matrix - target)


def global_gradient(
    feature: Tensor,
    difference: Tensor,
    *,
    weight: float = 1.0,
    positions: float | None = None,
    region: Region = _WHOLE,
    onto: Tensor | None = None,
) -> Tensor:
    """Return the gradient of :func:`global_loss` with respect to ``feature``: (M, N), at least float32.

    It is (G_x - G_a) FF / (N^2 M), of the ``difference`` of both matrices: one product, where differentiating
    FF FF^T takes two. ``positions`` and ``region`` are those of :func:`gram`. Where ``onto`` (M, N) is given,
    the gradient is added to it in place.
    """
    lines = flatten_positions(feature)
    size = positions or region.size(lines.shape[0])
    difference = difference * (weight / (difference.shape[0] ** 2 * size))
    if region.index is None:
        if lines.dtype == difference.dtype and onto is not None:
            return onto.addmm_(lines, difference)
        gradient = _product(lines, difference)
        return gradient if onto is None else onto.add_(gradient)
    if onto is None:
        onto = torch.zeros_like(lines, dtype=difference.dtype)
    for piece, rows in region.gather(lines):
        part = _product(rows, difference)
        if piece.shares is not None:
            part *= piece.shares
        assert piece.index is not None  # as the region's
        onto.index_add_(0, piece.index, part)
    return onto


def _product(lines: Tensor, difference: Tensor) -> Tensor:
    """Return ``lines`` (M, N) times ``difference`` (N, N), in the latter's type."""
    if lines.dtype == difference.dtype:
        return lines @ difference
    # The terms of this product cancel: rounded to bfloat16, the difference would end a descent early. What
    # rounding takes from it is multiplied apart.
    rounded = difference.to(lines.dtype)
    product = matmul_f32(lines, rounded)
    product += matmul_f32(lines, (difference - rounded).to(lines.dtype))
    return product


class GlobalTerm(LossTerm):
    """The global term of one objective: the Gram matrices of each fused feature, summed over the tiles.

    Each fused feature has one, of the whole picture, or one for each class of the content's map.
    """

    name = "global"
    symbol = "gamma"
    setting = "global_weight"
    label = "global"
    colour = "#009e73"
    dark_colour = "#2fc79a"
    compares_styles = True

    _matrices: list[list[Tensor]]
    _differences: list[list[Tensor]]
    _losses: list[tuple[RegionTarget, Tensor]]
    _others: Sequence[Sequence[Tensor]] | None = None
    _copies: int = 1

    @cached_property
    def _targets(self) -> list[list[RegionTarget]]:
        """What is compared, for each fused feature: known from the first evaluation on."""
        return [
            styles.region_targets(class_map)
            for styles, class_map in zip(self.targets.styles, self.targets.region_maps, strict=True)
        ]

    @property
    def matrices(self) -> list[list[Tensor]]:
        """The matrices (N, N) collected, of each region of each fused feature; parts of those of the whole
        where not all tiles were visited."""
        return self._matrices

    def hold_others(self, others: Sequence[Sequence[Tensor]], copies: int) -> None:
        """Compare ``others`` + ``copies`` times the matrices collected, and count a ``copies``-th of it.

        ``others`` (N, N) are held: they do not depend on the tile that is visited. See
        :class:`~.area_objective.AreaObjective`.
        """
        self._others, self._copies = others, copies

    def loss(self, matrices: Sequence[Sequence[Tensor]]) -> Tensor:
        """Return the term for the ``matrices`` of a whole picture: 0-dimensional float64."""
        self.start()
        self._matrices = [list(each) for each in matrices]
        self._compare()
        return torch.stack([loss for _, loss in self._losses]).sum()

    def start(self) -> None:
        """Forget the matrices of the last picture."""
        self._matrices, self._differences, self._losses = [], [], []

    def collect(self, features: TileFeatures) -> None:
        """Add the tile's part to each Gram matrix, of which any gradient needs the whole."""
        for number, targets in enumerate(self._targets):
            feature, window, positions = self._tile(number, features)
            parts = [
                gram(feature, positions=target.size or positions, region=target.region(window))
                for target in targets
            ]
            if number < len(self._matrices):
                for matrix, part in zip(self._matrices[number], parts, strict=True):
                    matrix.add_(part)
            else:
                self._matrices.append(parts)

    def add_tile(self, features: TileFeatures, gradients: TileGradients) -> Tensor:
        """Add the tile's gradients.

        The value belongs to the whole picture and is told with its first tile.
        """
        value = torch.zeros((), dtype=torch.float64, device=self._matrices[0][0].device)
        if features.tile.is_first or self._others is not None:
            self._compare()
            for _, loss in self._losses:
                value += loss
            value /= self._copies
        for number, targets in enumerate(self._targets):
            feature, window, positions = self._tile(number, features)
            for target, difference in zip(targets, self._differences[number], strict=True):
                region = target.region(window)
                if not region.is_empty:
                    gradients.fused[number] = global_gradient(
                        feature,
                        difference,
                        weight=self.weight,
                        positions=target.total or positions,
                        region=region,
                        onto=gradients.fused[number],
                    )
        return value

    def class_losses(self) -> Tensor | None:
        """Return the part of each class in the term of the last picture: float64 (K,), on the host.

        ``None`` where the whole picture is compared, whose matrix has no parts.
        """
        class_map = self.targets.region_maps[0]
        if class_map is None or not all(target.weights for target, _ in self._losses):
            return None
        losses = torch.zeros(class_map.shape[1], dtype=torch.float64)
        for target, loss in self._losses:
            for number, weight in target.weights.items():
                losses[number] += float(loss) * weight / target.weight
        return losses

    def _compare(self) -> None:
        """Compute the losses of the matrices, and the differences by which they pull at features."""
        for matrices, targets in zip(self._whole_matrices(), self._targets, strict=True):
            rest: Tensor | None = None
            differences: list[Tensor] = []
            if (style := targets[-1].whole) is not None:
                # The shares of all regions add up to the whole picture, and so do their matrices.
                whole = torch.zeros_like(matrices[0])
                for matrix, target in zip(matrices, targets, strict=True):
                    whole.add_(matrix, alpha=target.weight)
                self._lose(targets[-1], whole, style)
                rest = (whole - style).mul_(targets[-1].weight)
            for matrix, target in zip(matrices, targets, strict=True):
                if target.gram is None:
                    assert rest is not None
                    differences.append(rest)
                    continue
                self._lose(target, matrix, target.gram)
                difference = matrix - target.gram
                differences.append(difference if rest is None else difference.add_(rest))
            self._differences.append(differences)

    def _whole_matrices(self) -> Sequence[Sequence[Tensor]]:
        if self._others is None:
            return self._matrices
        return [
            [other + self._copies * matrix for other, matrix in zip(others, matrices, strict=True)]
            for others, matrices in zip(self._others, self._matrices, strict=True)
        ]

    def _lose(self, target: RegionTarget, matrix: Tensor, style: Tensor) -> None:
        self._losses.append((target, global_loss(matrix, style, weight=self.weight * target.weight)))

    def _tile(self, number: int, features: TileFeatures) -> tuple[Tensor, Rect, int]:
        """Return the tile's part of a fused feature, where it lies, and the positions of the whole."""
        styles = self.targets.styles[number]
        # A part of a larger tensor is lined up once, instead of once for each region.
        feature = features.own(number).contiguous(memory_format=torch.channels_last)
        height, width = fused_size(features.tile.size, styles.group)
        return feature, features.tile.positions(styles.layer), height * width
