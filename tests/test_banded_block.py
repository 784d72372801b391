"""BandedBlock: bands compute what the two convolutions and the pooling compute as a whole."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from glstylenet.network import banded_block as module
from glstylenet.network.banded_block import BandedBlock, SavedBlock
from glstylenet.network.conv_relu import ConvRelu
from glstylenet.network.pooling import avg_pool_backward
from glstylenet.network.relu_mask import ReluMask
from glstylenet.network.windowed_grad import WindowedGrad
from glstylenet.numerics.rectangle import Rect

INPUTS, CHANNELS = 3, 4
SIZES = [(40, 24), (41, 25), (33, 16), (34, 16), (37, 16), (16, 40), (9, 8), (8, 8), (3, 5)]


def _random(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _weights() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    conv1 = _random(1, CHANNELS, INPUTS, 3, 3), _random(2, CHANNELS)
    conv2 = _random(3, CHANNELS, CHANNELS, 3, 3), _random(4, CHANNELS)
    return (*conv1, *conv2)


def _block() -> BandedBlock:
    weight1, bias1, weight2, bias2 = _weights()
    return BandedBlock(ConvRelu(weight1, bias1), ConvRelu(weight2, bias2), CHANNELS)


def _literal(value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    weight1, bias1, weight2, bias2 = _weights()
    results1 = F.relu(F.conv2d(value, weight1, bias1, padding=1))
    results2 = F.relu(F.conv2d(results1, weight2, bias2, padding=1))
    return results1, results2, F.avg_pool2d(results2, 2)


@pytest.fixture
def eight_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bands as small as there can be."""
    monkeypatch.setattr(module, "_BAND_ENTRIES", 1)


class _Bands:
    """A sink of a picture of ``height`` rows, and what it received."""

    def __init__(self, height: int) -> None:
        self.height = height
        self.parts: list[Tensor] = []
        self.ends: list[tuple[int, int]] = []

    def __call__(self, results: Tensor, rows: tuple[int, int]) -> None:
        self.ends.append(rows)
        # One row more, unless the picture ends.
        assert results.shape[-2] == min(rows[1] + 1, self.height) - rows[0]
        self.parts.append(results[..., : rows[1] - rows[0], :])

    @property
    def whole(self) -> Tensor:
        return torch.cat(self.parts, dim=2)


def _forward(
    value: Tensor, *, save_for_backward: bool = True, pool: bool = True, both: bool = False
) -> tuple[tuple[_Bands, _Bands], Tensor | None, SavedBlock]:
    """``both``: conv2's results are asked for too."""
    sinks = _Bands(value.shape[-2]), _Bands(value.shape[-2])
    pooled, saved = _block().forward(
        value,
        (sinks[0], sinks[1] if both else None),
        (0, 0),
        save_for_backward=save_for_backward,
        pool=pool,
    )
    return sinks, pooled, saved


@pytest.mark.usefixtures("eight_rows")
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_forward(size: tuple[int, int]) -> None:
    value = _random(5, 1, INPUTS, *size)
    results1, results2, pooled = _literal(value)
    sinks, found_pooled, saved = _forward(value, both=True)
    torch.testing.assert_close(sinks[0].whole, results1)
    torch.testing.assert_close(sinks[1].whole, results2)
    torch.testing.assert_close(found_pooled, pooled)
    for sink in sinks:
        assert len(sink.ends) == max(1, size[0] // 8)
        assert all(top % 8 == 0 for top, _ in sink.ends)
        assert sink.ends[-1][1] == size[0]
    assert len(saved.conv1_masks) == len(saved.conv2_masks) == len(sinks[0].ends)


@pytest.mark.usefixtures("eight_rows")
def test_the_row_after_a_band_is_exact() -> None:
    """Resampling reads it; it comes with the band."""
    value = _random(5, 1, INPUTS, 24, 16)
    expected = _literal(value)
    checked = 0

    def check(results: Tensor, rows: tuple[int, int], whole: Tensor) -> None:
        nonlocal checked
        torch.testing.assert_close(results, whole[..., rows[0] : rows[1] + 1, :])
        checked += 1

    _block().forward(
        value,
        (
            lambda band, rows: check(band, rows, expected[0]),
            lambda band, rows: check(band, rows, expected[1]),
        ),
        (0, 0),
        save_for_backward=False,
        pool=False,
    )
    assert checked == 6


@pytest.mark.usefixtures("eight_rows")
@pytest.mark.parametrize(("pool", "both"), [(True, False), (False, False), (True, True), (False, True)])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_backward(size: tuple[int, int], pool: bool, both: bool) -> None:
    """Beside what comes from the pooling, a gradient for conv1's results over all bands, and for conv2's."""
    value = _random(5, 1, INPUTS, *size).requires_grad_()
    results1, results2, pooled = _literal(value)
    window = Rect(1, 1, size[0], size[1])
    other, later = _random(6, 1, CHANNELS, size[0] - 1, size[1] - 1), _random(7, *pooled.shape)
    total = (results1[..., *window.slices] * other).sum()
    if pool:
        total = total + (pooled * later).sum()
    if both:
        total = total - 2.0 * (results2[..., *window.slices] * other).sum()
    (expected,) = torch.autograd.grad(total, value)
    with torch.no_grad():
        _, _, saved = _forward(value, pool=pool, both=both)
        # The quarter of the mean is the caller's.
        gradient = 0.25 * later if pool else None
        parts = [WindowedGrad(other, window)]
        parts2 = [WindowedGrad(other, window, factor=-2.0)] if both else []
        found = _block().backward(gradient, saved, (parts, parts2), (0, 0))
    torch.testing.assert_close(found, expected)


def test_a_small_picture_is_one_band() -> None:
    sinks, _, _ = _forward(_random(5, 1, INPUTS, 41, 25))
    assert sinks[0].ends == [(0, 41)]


def test_bands_are_about_equal_and_hold_what_they_may() -> None:
    block = BandedBlock(_block()._conv1, _block()._conv2, 64)
    for height in range(8, 3000, 7):
        bands = list(block._bands((height, 1000), torch.device("cpu")))
        rows = module._BAND_ENTRIES // 64_000
        assert [band.top for band in bands] == [0, *(band.bottom for band in bands[:-1])]
        assert bands[-1].bottom == height
        assert all(band.top % 8 == 0 and 8 <= band.bottom - band.top < rows + 8 for band in bands)


def test_a_forward_pass_alone_saves_nothing() -> None:
    _, pooled, saved = _forward(_random(5, 1, INPUTS, 16, 16), save_for_backward=False)
    assert pooled is not None
    assert (saved.conv1_masks, saved.conv2_masks) == ([], [])


def test_conv2_is_left_out_if_nothing_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = 0
    convolve = ConvRelu.forward

    def counted(self: ConvRelu, value: Tensor, origin: tuple[int, int]) -> Tensor:
        nonlocal calls
        calls += 1
        return convolve(self, value, origin)

    monkeypatch.setattr(ConvRelu, "forward", counted)
    _, pooled, saved = _forward(_random(5, 1, INPUTS, 16, 16), pool=False)
    assert calls == 1
    assert pooled is None
    assert saved.conv2_masks == []


def test_masks_are_allocated_before_the_first_band(monkeypatch: pytest.MonkeyPatch, eight_rows: None) -> None:
    """Else it lies between the blocks of memory that bands share, and keeps them apart."""
    diary: list[str] = []
    allocate, convolve = ReluMask.__init__, ConvRelu.forward

    def allocated(self: ReluMask, shape: tuple[int, int, int, int], device: torch.device) -> None:
        diary.append("mask")
        allocate(self, shape, device)

    def convolved(self: ConvRelu, value: Tensor, origin: tuple[int, int]) -> Tensor:
        diary.append("convolution")
        return convolve(self, value, origin)

    monkeypatch.setattr(ReluMask, "__init__", allocated)
    monkeypatch.setattr(ConvRelu, "forward", convolved)
    _forward(_random(5, 1, INPUTS, 24, 16))
    assert diary == ["mask"] * 6 + ["convolution"] * 6  # three bands


def test_a_mean_s_gradient_is_copied_to_its_block() -> None:
    gradient = torch.tensor([[1.0, 2.0]]).view(1, 1, 1, 2)
    found = avg_pool_backward(gradient, (3, 5))
    assert found[0, 0].tolist() == [[1, 1, 2, 2, 0], [1, 1, 2, 2, 0], [0, 0, 0, 0, 0]]


def test_a_gpu_takes_a_megapixel_in_one_band() -> None:
    layer = BandedBlock(_block()._conv1, _block()._conv2, 64)
    device = torch.device("cuda")
    assert len(list(layer._bands((1024, 1024), device))) == 1
    assert len(list(layer._bands((1032, 1024), device))) == 2
