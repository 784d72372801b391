"""Products: matrix products of features, with float32 sums whatever the features' type.

Features of a bfloat16 network are multiplied as they are, which hardware for bfloat16 does several times
faster than float32, but their products are summed and returned in float32: a Gram matrix or a cosine
rounded to bfloat16's three digits would be useless. On the CPU, PyTorch offers this only as a mode of
float32 products in which oneDNN rounds the factors to bfloat16; for factors that are bfloat16 already,
nothing is rounded.
"""

import contextlib
import threading
from collections.abc import Iterator

import torch
from torch import Tensor

from glstylenet.numerics.precision import upcast

__all__ = ["matmul_f32", "split_k_matmul"]


_MODE = threading.Lock()


_PIECES = 192
"""Of a long product on a GPU."""


def matmul_f32(left: Tensor, right: Tensor) -> Tensor:
    """``left @ right``, (n, k) times (k, m), of types that compute alike: float32 (float64 for float64).

    Also of batches, (b, n, k) times (b, k, m).
    """
    if left.dtype != torch.bfloat16:
        return upcast(left) @ upcast(right)
    if left.device.type == "cuda":
        product = torch.mm if left.dim() == 2 else torch.bmm
        return product(left, right, out_dtype=torch.float32)
    with _rounding_factors():
        return left.float() @ right.float()


def split_k_matmul(left: Tensor, right: Tensor) -> Tensor:
    """``left @ right.T``, (m, n) times (k, n), of few long rows.

    One of a GPU's hundred processors makes such a product, if it is not asked for in pieces.
    """
    return left @ right.T if left.device.type == "cpu" else _product_in_pieces(left, right, _PIECES)


def _product_in_pieces(left: Tensor, right: Tensor, pieces: int) -> Tensor:
    """In so many of equal length, and what is left over."""
    length = left.shape[1] // pieces
    total = left[:, pieces * length :] @ right[:, pieces * length :].T
    if length:
        cut = [rows[:, : pieces * length].view(len(rows), pieces, length) for rows in (left, right)]
        one, other = (rows.transpose(0, 1) for rows in cut)
        total += (one @ other.mT).sum(0)
    return total


@contextlib.contextmanager
def _rounding_factors() -> Iterator[None]:
    """Let float32 products on the CPU round their factors to bfloat16 meanwhile."""
    mode = torch.backends.mkldnn.matmul  # type: ignore[attr-defined]
    # The mode is the whole process's: one at a time, and as it was afterwards.
    with _MODE:
        before = mode.fp32_precision
        mode.fp32_precision = "bf16"
        try:
            yield
        finally:
            mode.fp32_precision = before
