"""Matmul: matrix products of features with float32 sums, whatever the features' type.

Features of a bfloat16 network are multiplied as they are, because hardware for bfloat16 does this several
times faster than float32. But their products are summed and returned in float32: a Gram matrix or a cosine
rounded to bfloat16's three digits would be useless. On the CPU, PyTorch offers this only as a mode of float32
products in which oneDNN rounds the factors to bfloat16. Factors that are bfloat16 already lose nothing.
"""

import contextlib
import threading
from collections.abc import Iterator

import torch
from torch import Tensor

from glstylenet.numerics.interruption import interruption_point
from glstylenet.numerics.precision import upcast

__all__ = ["matmul_f32", "split_k_matmul"]


_MODE = threading.Lock()
"""Held while the process-wide mode of float32 products is changed."""


_PIECES = 192
"""Into how many pieces a long product is split on a GPU."""


def matmul_f32(left: Tensor, right: Tensor) -> Tensor:
    """Return ``left @ right`` in float32, or in float64 for float64 factors.

    The factors are (n, k) and (k, m), or batches (b, n, k) and (b, k, m), of the same
    :func:`~glstylenet.numerics.precision.compute_dtype`.

    >>> matmul_f32(torch.ones(1, 300, dtype=torch.bfloat16), torch.ones(300, 1, dtype=torch.bfloat16))
    tensor([[300.]])
    """
    interruption_point()
    if left.dtype != torch.bfloat16:
        return upcast(left) @ upcast(right)
    if left.device.type == "cuda":
        product = torch.mm if left.dim() == 2 else torch.bmm
        return product(left, right, out_dtype=torch.float32)
    with _rounding_factors():
        return left.float() @ right.float()


def split_k_matmul(left: Tensor, right: Tensor) -> Tensor:
    """Return ``left @ right.T`` for few long rows: (m, n) and (k, n) with n far larger than m and k.

    The long dimension is split on a GPU. Otherwise one of its hundred processors would compute it all.

    >>> split_k_matmul(torch.ones(2, 5), torch.ones(1, 5))
    tensor([[5.],
            [5.]])
    """
    return left @ right.T if left.device.type == "cpu" else _product_in_pieces(left, right, _PIECES)


def _product_in_pieces(left: Tensor, right: Tensor, pieces: int) -> Tensor:
    """Return ``left @ right.T`` as the sum over ``pieces`` of equal length and the remainder."""
    length = left.shape[1] // pieces
    total = left[:, pieces * length :] @ right[:, pieces * length :].T
    if length:
        cut = [rows[:, : pieces * length].view(len(rows), pieces, length) for rows in (left, right)]
        one, other = (rows.transpose(0, 1) for rows in cut)
        total += (one @ other.mT).sum(0)
    return total


@contextlib.contextmanager
def _rounding_factors() -> Iterator[None]:
    """Make float32 products on the CPU round their factors to bfloat16 within the ``with`` block."""
    mode = torch.backends.mkldnn.matmul  # type: ignore[attr-defined]
    # The mode belongs to the whole process: change it in one thread at a time, and restore it.
    with _MODE:
        before = mode.fp32_precision
        mode.fp32_precision = "bf16"
        try:
            yield
        finally:
            mode.fp32_precision = before
