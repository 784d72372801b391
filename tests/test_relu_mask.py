"""ReluMask: what is written comes back, whatever the length, type and layout, packed or not."""

import pytest
import torch
from torch import Tensor

from glstylenet.network import relu_mask as module
from glstylenet.network.relu_mask import ReluMask, relu_mask

CPU = torch.device("cpu")


def _pair(shape: tuple[int, int, int, int], dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    """A feature that a ReLU has left, and a gradient; both channels last."""
    generator = torch.Generator().manual_seed(sum(shape))
    feature, gradient = (torch.randn(shape, generator=generator).to(dtype) for _ in range(2))
    last = torch.channels_last
    return feature.relu_().contiguous(memory_format=last), gradient.contiguous(memory_format=last)


def test_eight_entries_are_one_byte() -> None:
    """Entry k is bit k."""
    feature = torch.tensor([0.0, 3.0, 0.0, 0.0, 0.5, 1e-30, 0.0, 9.0]).view(1, 8, 1, 1)
    mask = ReluMask((1, 8, 1, 1), CPU)
    mask.write(feature)
    assert mask.nbytes == 1
    assert mask._bytes.tolist() == [0b10110010]
    gradient = torch.arange(1.0, 9.0).view(1, 8, 1, 1)
    assert mask.apply(gradient).flatten().tolist() == [0, 2, 0, 0, 5, 6, 0, 8]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
@pytest.mark.parametrize(
    "shape", [(1, 64, 7, 5), (1, 3, 5, 7), (1, 1, 1, 1), (1, 5, 3, 1), (1, 9, 1, 1)], ids=str
)
@pytest.mark.parametrize("at_once", [16, 2**21])
@pytest.mark.parametrize(("packed", "per_byte"), [(True, 8), (False, 1)])
def test_a_gradient_is_cut_where_the_feature_was_zero(
    shape: tuple[int, int, int, int],
    dtype: torch.dtype,
    at_once: int,
    packed: bool,
    per_byte: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_ENTRIES_AT_ONCE", at_once)
    feature, gradient = _pair(shape, dtype)
    expected = torch.where(feature > 0, gradient, 0)
    mask = ReluMask(shape, CPU, packed=packed)
    mask.write(feature)
    assert mask.shape == shape
    assert mask.nbytes == -(-feature.numel() // per_byte)
    found = mask.apply(gradient)
    assert found.data_ptr() == gradient.data_ptr()
    assert torch.equal(found, expected)


def test_a_part_of_rows_is_cut_in_place() -> None:
    feature, gradient = _pair((1, 4, 6, 3))
    expected = gradient.clone()
    expected[..., 2:5, :] = torch.where(feature[..., 2:5, :] > 0, gradient[..., 2:5, :], 0)
    relu_mask(feature[..., 2:5, :]).apply(gradient[..., 2:5, :])
    assert torch.equal(gradient, expected)


def test_only_a_gradient_must_lie_channels_last() -> None:
    """A copy would be cut, and the gradient would stay as it was."""
    feature, gradient = _pair((1, 4, 6, 3))
    expected = torch.where(feature > 0, gradient, 0)
    mask = relu_mask(feature.contiguous())
    with pytest.raises(RuntimeError, match="view"):
        mask.apply(gradient.contiguous())
    assert torch.equal(mask.apply(gradient), expected)
