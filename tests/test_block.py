"""BandedBlock: bands give what the two convolutions and the pooling give as a whole, there and back."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from glstylenet.network import banded_block as module
from glstylenet.network.banded_block import BandedBlock, SavedBlock
from glstylenet.network.conv_relu import ConvRelu
from glstylenet.network.pooling import avg_pool_backward
from glstylenet.network.relu_mask import ReluMask, empty_relu_mask
from glstylenet.network.windowed_grad import WindowedGrad
from glstylenet.numerics.rectangle import Rect

INPUTS, CHANNELS = 3, 4
SIZES = [(40, 24), (41, 25), (33, 16), (34, 16), (37, 16), (16, 40), (9, 8), (8, 8), (3, 5)]


def _random(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _weights() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    opening = _random(1, CHANNELS, INPUTS, 3, 3), _random(2, CHANNELS)
    closing = _random(3, CHANNELS, CHANNELS, 3, 3), _random(4, CHANNELS)
    return (*opening, *closing)


def _block() -> BandedBlock:
    opening, opening_bias, closing, closing_bias = _weights()
    return BandedBlock(ConvRelu(opening, opening_bias), ConvRelu(closing, closing_bias), CHANNELS)


def _literal(value: Tensor) -> tuple[Tensor, Tensor]:
    opening, opening_bias, closing, closing_bias = _weights()
    opened = F.relu(F.conv2d(value, opening, opening_bias, padding=1))
    return opened, F.avg_pool2d(F.relu(F.conv2d(opened, closing, closing_bias, padding=1)), 2)


@pytest.fixture
def eight_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bands as small as there can be."""
    monkeypatch.setattr(module, "_BAND_ENTRIES", 1)


def _forward(
    value: Tensor, *, save_for_backward: bool = True, through: bool = True
) -> tuple[Tensor, list[tuple[int, int]], Tensor | None, SavedBlock]:
    bands: list[Tensor] = []
    ends: list[tuple[int, int]] = []

    def take(opened: Tensor, rows: tuple[int, int]) -> None:
        ends.append(rows)
        # One row more, unless the picture ends.
        assert opened.shape[-2] == min(rows[1] + 1, value.shape[-2]) - rows[0]
        bands.append(opened[..., : rows[1] - rows[0], :])

    pooled, trail = _block().forward(
        value, take, (0, 0), save_for_backward=save_for_backward, through=through
    )
    return torch.cat(bands, dim=2), ends, pooled, trail


@pytest.mark.usefixtures("eight_rows")
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_there(size: tuple[int, int]) -> None:
    value = _random(5, 1, INPUTS, *size)
    opened, pooled = _literal(value)
    found, ends, found_pooled, trail = _forward(value)
    torch.testing.assert_close(found, opened)
    torch.testing.assert_close(found_pooled, pooled)
    assert len(ends) == max(1, size[0] // 8)
    assert all(top % 8 == 0 for top, _ in ends)
    assert ends[-1][1] == size[0]
    assert len(trail.opened) == len(trail.closed) == len(ends)


@pytest.mark.usefixtures("eight_rows")
@pytest.mark.parametrize("through", [True, False])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_back(size: tuple[int, int], through: bool) -> None:
    """Beside what comes from the pooling, a contribution to the opening results over all bands."""
    value = _random(5, 1, INPUTS, *size).requires_grad_()
    opened, pooled = _literal(value)
    window = Rect(1, 1, size[0], size[1])
    other, later = _random(6, 1, CHANNELS, size[0] - 1, size[1] - 1), _random(7, *pooled.shape)
    total = (opened[..., *window.slices] * other).sum()
    if through:
        total = total + (pooled * later).sum()
    (expected,) = torch.autograd.grad(total, value)
    with torch.no_grad():
        _, _, _, trail = _forward(value, through=through)
        # The quarter of the mean is the caller's.
        gradient = 0.25 * later if through else None
        parts = [WindowedGrad(other, window)]
        found = _block().backward(gradient, trail, parts, (0, 0), torch.empty(0, dtype=torch.float64))
    torch.testing.assert_close(found, expected)


def test_a_small_picture_is_one_band() -> None:
    _, ends, _, _ = _forward(_random(5, 1, INPUTS, 41, 25))
    assert ends == [(0, 41)]


def test_bands_are_about_equal_and_hold_what_they_may() -> None:
    block = BandedBlock(_block()._opening, _block()._closing, 64)
    for height in range(8, 3000, 7):
        bands = list(block._bands((height, 1000), torch.device("cpu")))
        rows = module._BAND_ENTRIES // 64_000
        assert [band.top for band in bands] == [0, *(band.bottom for band in bands[:-1])]
        assert bands[-1].bottom == height
        assert all(band.top % 8 == 0 and 8 <= band.bottom - band.top < rows + 8 for band in bands)


def test_who_passes_leaves_nothing() -> None:
    _, _, pooled, trail = _forward(_random(5, 1, INPUTS, 16, 16), save_for_backward=False)
    assert pooled is not None
    assert (trail.opened, trail.closed) == ([], [])


def test_room_for_signs_is_made_before_the_first_band(
    monkeypatch: pytest.MonkeyPatch, eight_rows: None
) -> None:
    """Else it lies between the blocks of memory that bands share, and keeps them apart."""
    diary: list[str] = []
    make, convolve = empty_relu_mask, ConvRelu.forward

    def made(shape: tuple[int, int, int, int], device: torch.device) -> ReluMask:
        diary.append("room")
        return make(shape, device)

    def convolved(self: ConvRelu, value: Tensor, origin: tuple[int, int]) -> Tensor:
        diary.append("convolution")
        return convolve(self, value, origin)

    monkeypatch.setattr(module, "empty_relu_mask", made)
    monkeypatch.setattr(ConvRelu, "forward", convolved)
    _forward(_random(5, 1, INPUTS, 24, 16))
    assert diary == ["room"] * 6 + ["convolution"] * 6  # three bands


def test_a_mean_s_gradient_is_spread() -> None:
    gradient = torch.tensor([[1.0, 2.0]]).view(1, 1, 1, 2)
    found = avg_pool_backward(gradient, (3, 5))
    assert found[0, 0].tolist() == [[1, 1, 2, 2, 0], [1, 1, 2, 2, 0], [0, 0, 0, 0, 0]]


def test_a_gpu_takes_a_megapixel_in_one_band() -> None:
    layer = BandedBlock(_block()._opening, _block()._closing, 64)
    device = torch.device("cuda")
    assert len(list(layer._bands((1024, 1024), device))) == 1
    assert len(list(layer._bands((1032, 1024), device))) == 2
