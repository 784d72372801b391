"""Every way to convolve gives PyTorch's numbers, forward and backward."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from glstylenet.network import conv_relu
from glstylenet.network.conv_relu import ConvRelu
from glstylenet.network.matmul_conv import MatmulConv

# Channels in and out: Winograd's way takes the larger ones, in float32.
SHAPES = [(3, 8), (8, 3), (64, 128)]


def _random(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("fuses", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("channels", SHAPES, ids=str)
def test_forward_and_backward(
    channels: tuple[int, int], dtype: torch.dtype, fuses: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conv_relu, "_HAS_FUSED_RELU", fuses and conv_relu._HAS_FUSED_RELU)
    inputs, outputs = channels
    weight, bias = _random(1, outputs, inputs, 3, 3).to(dtype), _random(2, outputs).to(dtype)
    weight *= inputs**-0.5
    one = ConvRelu(weight, bias, gradient_factor=0.25)
    value = _random(3, 1, inputs, 13, 18).to(dtype).contiguous(memory_format=torch.channels_last)
    variable = value.clone().requires_grad_()
    expected = F.relu(F.conv2d(variable, weight, bias, padding=1))
    found = one.forward(value)
    torch.testing.assert_close(found, expected.detach(), rtol=1e-5, atol=2e-4)
    other = _random(4, *expected.shape).to(dtype).contiguous(memory_format=torch.channels_last)
    (slope,) = torch.autograd.grad(expected, variable, other)
    # What is passed back is compared where both ways agree which ReLUs are open: everywhere.
    assert torch.equal(found > 0, expected > 0)
    torch.testing.assert_close(one.backward(other * (found > 0)), 0.25 * slope, rtol=1e-5, atol=2e-4)


def test_only_large_ones_in_float32_take_winograd_s_algorithm() -> None:
    def way(inputs: int, outputs: int, dtype: torch.dtype) -> bool:
        weight = torch.zeros(outputs, inputs, 3, 3, dtype=dtype)
        return ConvRelu(weight, torch.zeros(outputs, dtype=dtype)).uses_winograd

    assert way(64, 128, torch.float32)
    assert way(512, 256, torch.float32)
    assert not way(64, 64, torch.float32)
    assert not way(256, 256, torch.float64)
    assert not way(256, 256, torch.bfloat16)


def test_bfloat16_works_where_onednn_lacks_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a CPU without the instructions its conv_relu with ReLU refuses; PyTorch's own does not."""
    monkeypatch.setattr(conv_relu, "_has_bfloat16", lambda: False)
    weight, bias = _random(1, 8, 4, 3, 3).bfloat16(), torch.zeros(8, dtype=torch.bfloat16)
    value = _random(2, 1, 4, 9, 9).bfloat16()
    one = ConvRelu(weight, bias)
    assert not one._fuses_on_cpu
    found = one.forward(value)
    exact = F.relu(F.conv2d(value.float(), weight.float(), padding=1))
    assert float((found.float() - exact).norm() / exact.norm()) < 0.01
    assert one.backward(found).shape == value.shape


@pytest.mark.parametrize("size", [(13, 18), (1, 1), (1, 5), (4, 1)], ids=str)
@pytest.mark.parametrize("channels", SHAPES, ids=str)
def test_nine_products_are_the_convolution(channels: tuple[int, int], size: tuple[int, int]) -> None:
    inputs, outputs = channels
    weight, bias = _random(1, outputs, inputs, 3, 3).double(), _random(2, outputs).double()
    value = _random(3, 1, inputs, *size).double().contiguous(memory_format=torch.channels_last)
    expected = F.conv2d(value, weight, padding=1)
    kernel = MatmulConv(weight)
    torch.testing.assert_close(kernel.convolve(value), expected)
    found = kernel.convolve_relu(value, bias, origin=(8, 16))
    torch.testing.assert_close(found, F.relu(expected + bias.view(1, -1, 1, 1)))
    for result in (found, kernel.convolve(value)):
        assert result.is_contiguous(memory_format=torch.channels_last)
