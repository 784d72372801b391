"""Winograd's convolution is the convolution: by hand, at every size, strip by strip, to the last digits."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from glstylenet.network import winograd
from glstylenet.network.winograd import WinogradConv


def _random(seed: int, *shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def test_ones_count_their_neighbours() -> None:
    """By hand: 9 of them inside, 6 at an edge, 4 in a corner."""
    counts = WinogradConv(torch.ones(1, 1, 3, 3)).convolve(torch.ones(1, 1, 5, 6))[0, 0]
    expected = torch.full((5, 6), 6.0)
    expected[1:-1, 1:-1] = 9.0
    for corner in ((0, 0), (0, -1), (-1, 0), (-1, -1)):
        expected[corner] = 4.0
    torch.testing.assert_close(counts, expected, rtol=0, atol=1e-5)


def test_one_tap_shifts_the_picture() -> None:
    """By hand: the weight at the upper left brings what lies there; nothing lies beyond the border."""
    weight = torch.zeros(1, 1, 3, 3, dtype=torch.float64)
    weight[0, 0, 0, 0] = 2.0
    picture = torch.arange(30, dtype=torch.float64).view(1, 1, 5, 6)
    expected = torch.zeros_like(picture)
    expected[..., 1:, 1:] = 2.0 * picture[..., :-1, :-1]
    found = WinogradConv(weight).convolve(picture)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


@settings(deadline=None, max_examples=60)
@given(
    size=st.tuples(st.integers(1, 23), st.integers(1, 23)),
    inputs=st.integers(1, 5),
    outputs=st.integers(1, 5),
    seed=st.integers(0, 1000),
)
def test_it_is_the_convolution(size: tuple[int, int], inputs: int, outputs: int, seed: int) -> None:
    value, weight = _random(seed, 1, inputs, *size), _random(seed + 1, outputs, inputs, 3, 3)
    found = WinogradConv(weight).convolve(value)
    torch.testing.assert_close(found, F.conv2d(value, weight, padding=1), rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("origin", [(0, 0), (1, 3), (6, 2)], ids=str)
@pytest.mark.parametrize("tiles", [1, 3, 8, 10_000])
@pytest.mark.parametrize("size", [(16, 20), (17, 23), (30, 4), (2, 41)], ids=str)
def test_strips_join(
    size: tuple[int, int], tiles: int, origin: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its bias and its ReLU, for strips of one row of tiles and of all of them."""
    monkeypatch.setattr(winograd, "_TILES_AT_ONCE", tiles)
    value, weight, bias = _random(1, 1, 3, *size), _random(2, 4, 3, 3, 3), _random(3, 4)
    before = value.clone()
    found = WinogradConv(weight).convolve_relu(value, bias, origin=origin)
    expected = F.relu(F.conv2d(value, weight, bias, padding=1))
    assert 0.2 < float((expected == 0).double().mean()) < 0.8
    torch.testing.assert_close(found, expected, rtol=1e-11, atol=1e-11)
    assert torch.equal(value, before)


def test_a_part_rounds_as_the_whole() -> None:
    """Cut off wherever: the numbers of the whole in every tile that sees nothing of the cut."""
    weight = _random(2, 3, 64, 3, 3)
    kernel, value = WinogradConv(weight.float()), _random(1, 1, 64, 41, 38).float()
    whole = kernel.convolve(value)
    for top, left in ((4, 8), (5, 2), (11, 3), (2, 17)):
        part = value[..., top:, left:]
        found = kernel.convolve(part, origin=(top, left))
        torch.testing.assert_close(found, F.conv2d(part, weight.float(), padding=1), rtol=0, atol=2e-3)
        row, column = (4 * (first // 4 + 1) for first in (top, left))
        inner = found[..., row - top :, column - left :]
        torch.testing.assert_close(inner, whole[..., row:, column:], rtol=0, atol=2e-5)


def test_it_costs_a_digit_of_float32_and_no_more() -> None:
    value, weight = _random(1, 1, 256, 37, 30), _random(2, 128, 256, 3, 3)
    exact = F.conv2d(value, weight, padding=1)
    found = WinogradConv(weight.float()).convolve(value.float())
    assert float((found - exact).norm() / exact.norm()) < 4e-6


def test_what_is_not_a_number_stays_seen() -> None:
    value = torch.zeros(1, 1, 8, 8)
    value[0, 0, 3, 3] = torch.nan
    assert bool(WinogradConv(torch.ones(1, 1, 3, 3)).convolve_relu(value, torch.zeros(1)).isnan().any())


def test_results_lie_as_features_do() -> None:
    """In the memory format that pooling then recognises: else every layer after it would be laid out anew."""
    value = _random(1, 1, 3, 9, 10).contiguous(memory_format=torch.channels_last)
    found = WinogradConv(_random(2, 4, 3, 3, 3)).convolve(value)
    assert found.is_contiguous(memory_format=torch.channels_last)
    assert F.avg_pool2d(found, 2).is_contiguous(memory_format=torch.channels_last)
