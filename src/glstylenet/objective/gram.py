"""Gram: TODO-DOC."""

import torch
from torch import Tensor

from glstylenet.numerics import flatten_positions, matmul_f32, sum_dtype, sum_of_squares, upcast

__all__ = ["global_gradient", "global_loss", "gram"]


_POSITIONS_AT_ONCE = 2**13
"""Positions that a Gram matrix takes at a time: they are widened for the product."""


_GRAM_BANDS = 6
"""Bands of rows in which a Gram matrix is made on a CPU: 21/36 of its products, and large ones still."""


def gram(feature: Tensor, *, positions: int | None = None) -> Tensor:
    """Gram matrix per position, FF FF^T / M, of (1, C, H, W): (C, C), at least float32  (Eq. 5).

    Divided by M here, before two of them are compared, so that pictures of different sizes have
    comparable matrices. The paper divides afterwards, which is the same when the sizes are equal.
    """
    lines = flatten_positions(feature)
    channels = lines.shape[1]
    total = lines.new_zeros((channels, channels), dtype=sum_dtype(lines.dtype))
    # The matrix is its own mirror image: of a band of its rows, what lies before the diagonal is known. Units
    # for bfloat16 and GPUs multiply so fast that one large product may serve better; not measured.
    is_slow = lines.device.type == "cpu" and lines.dtype != torch.bfloat16
    band = -(-channels // (_GRAM_BANDS if is_slow else 1))
    for strip in map(upcast, torch.split(lines, _POSITIONS_AT_ONCE)):
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
    """sum (G_x / M_x - G_a / M_a)^2 / (4 N^2)  (Eqs. 5-6) of two :func:`gram` matrices: float64."""
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
    """Gradient of :func:`global_loss` with respect to ``feature`` (1, N, H, W): (M, N), at least float32.

    (G_x - G_a) FF / (N^2 M): one product, where differentiating the product FF FF^T takes two. Added to
    ``onto`` (M, N), which is overwritten, where one is given.
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
