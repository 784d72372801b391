"""Matrix products of features: exact for bfloat16 factors, and the mode of the process is restored."""

import concurrent.futures
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from glstylenet.numerics import matmul
from glstylenet.numerics.matmul import matmul_f32, split_k_matmul
from glstylenet.numerics.precision import to_half

_MATMUL: Any = torch.backends.mkldnn.matmul  # type: ignore[attr-defined]


_AT_FIRST = _MATMUL.fp32_precision


@pytest.fixture(autouse=True)
def as_at_first() -> Iterator[None]:
    """Each test finds the mode that PyTorch starts with, whatever the last one left behind."""
    _MATMUL.fp32_precision = _AT_FIRST
    yield
    _MATMUL.fp32_precision = _AT_FIRST


def _factors(
    dtype: torch.dtype, rows: int = 70, inner: int = 333, columns: int = 50
) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    left = torch.randn((rows, inner), generator=generator).to(dtype)
    return left, torch.randn((inner, columns), generator=generator).to(dtype)


def _mode() -> str:
    return str(_MATMUL.fp32_precision)


def test_bfloat16_factors_are_summed_in_float32() -> None:
    """Each product has 16 bits and loses nothing; only the sums are rounded, to 24 bits."""
    left, right = _factors(torch.bfloat16)
    product, exact = matmul_f32(left, right), left.double() @ right.double()
    assert product.dtype == torch.float32
    # Rounding of 333 additions at worst, relative to the sum of what is added.
    bound = 333 * 2.0**-24 * (left.double().abs() @ right.double().abs())
    assert bool(((product.double() - exact).abs() <= bound).all())
    # A bfloat16 result would be far off that bound.
    assert bool((((left @ right).double() - exact).abs() > bound).any())


def test_whole_numbers_come_out_exactly() -> None:
    left = torch.arange(-60.0, 60.0).view(6, 20).bfloat16()
    right = torch.arange(0.0, 80.0).view(20, 4).bfloat16()
    assert torch.equal(matmul_f32(left, right).double(), left.double() @ right.double())


@pytest.mark.parametrize("transposed", [False, True])
def test_views_are_multiplied(transposed: bool) -> None:
    """Grams and cosines multiply transposes and parts of larger tensors."""
    left, right = _factors(torch.bfloat16)
    if transposed:
        left, right = left.T.contiguous().T, right.T.contiguous().T
    part = matmul_f32(left[3:60], right[:, 5:31])
    exact = left.double() @ right.double()
    torch.testing.assert_close(part.double(), exact[3:60, 5:31], rtol=1e-5, atol=1e-4)


def test_batches_are_multiplied_one_by_one() -> None:
    generator = torch.Generator().manual_seed(1)
    left, right = (torch.randn(shape, generator=generator).bfloat16() for shape in ((5, 7, 30), (5, 30, 4)))
    product = matmul_f32(left, right)
    assert product.dtype == torch.float32
    for number in range(5):
        torch.testing.assert_close(product[number], matmul_f32(left[number], right[number]))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_wider_types_are_multiplied_as_ever(dtype: torch.dtype) -> None:
    left, right = _factors(dtype)
    product = matmul_f32(left, right)
    assert product.dtype == dtype
    assert torch.equal(product, left @ right)


def test_the_mode_is_as_it_was_afterwards() -> None:
    """Float32 products elsewhere in this process keep all their digits."""
    before, (left, right) = _mode(), _factors(torch.float32)
    exact = left @ right
    matmul_f32(*_factors(torch.bfloat16))
    assert _mode() == before
    assert torch.equal(left @ right, exact)


def test_the_mode_is_as_it_was_after_an_error() -> None:
    before = _mode()
    left, right = _factors(torch.bfloat16)
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        matmul_f32(left, right.T)
    assert _mode() == before
    matmul_f32(left, right)  # and the lock is free again


def test_a_mode_that_somebody_chose_is_kept() -> None:
    _MATMUL.fp32_precision = "tf32"
    matmul_f32(*_factors(torch.bfloat16))
    assert _mode() == "tf32"


def test_the_mode_is_set_within_the_block() -> None:
    """Without it the product would be right as well, but slow."""
    with matmul._rounding_factors():
        assert _mode() == "bf16"


def test_threads_do_not_leave_the_mode_behind() -> None:
    before, (left, right) = _mode(), _factors(torch.bfloat16)
    expected = matmul_f32(left, right)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: matmul_f32(left, right), range(40)))
    assert _mode() == before
    assert all(torch.equal(product, expected) for product in found)


@pytest.mark.parametrize("pieces", [1, 3, 5, 12, 40])
def test_a_long_product_may_be_made_in_pieces(pieces: int) -> None:
    """Also of rows that do not lie together, as those of a ring of pairs, and with something left over."""
    rows = torch.randn(10, 60, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    left, right = rows[::2, 12:48], rows[1::3, 12:48]
    torch.testing.assert_close(matmul._product_in_pieces(left, right, pieces), left @ right.T)
    torch.testing.assert_close(split_k_matmul(left, right), left @ right.T)


def test_what_is_kept_in_half_is_never_infinite() -> None:
    kept = to_half(torch.tensor([0.0, 1.0, 65504.0, 65520.0, 1e30]))
    assert kept.dtype == torch.float16
    assert kept.tolist() == [0.0, 1.0, 65504.0, 65504.0, 65504.0]
    for dtype in (torch.bfloat16, torch.float64):
        feature = torch.ones(2, dtype=dtype)
        assert to_half(feature) is feature
