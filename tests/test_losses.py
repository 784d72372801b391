"""Every loss: numbers worked by hand, gradients against finite differences, the literal form as oracle."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from benchmarks.literal import literal_global, literal_local, literal_smoothness
from glstylenet.losses import (
    content_loss,
    global_loss,
    gram,
    local_loss,
    local_target,
    smoothness_loss,
)
from glstylenet.patches import Matches


def _feature(values: list[list[list[float]]]) -> Tensor:
    return torch.tensor(values, dtype=torch.float32)[None]


def _matches(index: Tensor) -> Matches:
    return Matches(index, torch.zeros(index.shape))


def test_content_by_hand() -> None:
    ours, theirs = _feature([[[1.0, 2.0]]]), _feature([[[4.0, 0.0]]])
    assert content_loss(ours, theirs).item() == pytest.approx((9 + 4) / 2)


def test_gram_by_hand() -> None:
    feature = _feature([[[1.0, 2.0]], [[3.0, 4.0]]])  # two channels, two positions
    expected = torch.tensor([[1 + 4, 3 + 8], [3 + 8, 9 + 16]]) / 2
    torch.testing.assert_close(gram(feature), expected)


def test_global_by_hand() -> None:
    feature = _feature([[[1.0, 2.0]], [[3.0, 4.0]]])
    style = _feature([[[1.0]], [[1.0]]])  # one position: Gram of ones
    # Differences 2.5-1, 5.5-1 twice, 12.5-1; N = 2.
    expected = (1.5**2 + 2 * 4.5**2 + 11.5**2) / (4 * 4)
    assert global_loss(feature, gram(style)).item() == pytest.approx(expected)


def test_global_does_not_depend_on_the_number_of_positions() -> None:
    feature = torch.rand(1, 4, 3, 5)
    twice = torch.cat((feature, feature), dim=2)
    assert global_loss(twice, gram(feature)).item() == pytest.approx(0.0, abs=1e-9)


def test_global_equals_literal() -> None:
    feature, style = torch.rand(1, 6, 5, 4), torch.rand(1, 6, 3, 8)
    torch.testing.assert_close(global_loss(feature, gram(style)), literal_global(feature, style))


def test_smoothness_by_hand() -> None:
    pixels = torch.zeros(1, 3, 2, 2)
    pixels[0, 0] = torch.tensor([[0.0, 2.0], [3.0, 7.0]])
    # Down: 3 and 5, across: 2 and 4, in one of three channels.
    assert smoothness_loss(pixels).item() == pytest.approx((9 + 25) / 6 + (4 + 16) / 6)
    torch.testing.assert_close(smoothness_loss(pixels), literal_smoothness(pixels))


def test_smoothness_sees_rows_and_columns_not_channels() -> None:
    flat = torch.tensor([10.0, 200.0, 90.0]).view(1, 3, 1, 1).expand(1, 3, 4, 5)
    assert smoothness_loss(flat).item() == 0.0
    assert smoothness_loss(torch.rand(1, 3, 1, 1)).item() == 0.0


def test_local_by_hand() -> None:
    """One patch, one channel: the mean of nine squared differences."""
    feature = torch.arange(9.0).view(1, 1, 3, 3)
    style = torch.zeros(1, 1, 3, 3)
    target = local_target(style, _matches(torch.tensor([[0]])))
    assert local_loss(feature, target).item() == pytest.approx(204 / 9)


def test_local_target_by_hand() -> None:
    """Two patches side by side, matched to the two patches of a one-channel style in swapped order."""
    style = torch.arange(12.0).view(1, 1, 3, 4)
    target = local_target(style, _matches(torch.tensor([[1, 0]])))
    assert target.count[0, 0].tolist() == [[1.0, 2.0, 2.0, 1.0]] * 3
    # Row 0: patch 0 asks for 1, 2, 3 at columns 0-2; patch 1 asks for 0, 1, 2 at columns 1-3.
    assert target.mean[0, 0, 0].tolist() == [1.0, (2 + 0) / 2, (3 + 1) / 2, 2.0]
    # Every doubly covered position has two wishes 2 apart: variance sum (1 + 1) at 6 positions, 18 entries.
    assert target.constant.item() == pytest.approx(6 * 2 / 18)


@pytest.mark.parametrize("rows_at_once", [1, 3, 64])
@pytest.mark.parametrize(("size", "style_size"), [((7, 5), (7, 5)), ((3, 9), (6, 4)), ((11, 4), (5, 13))])
def test_local_without_patches_equals_literal(
    size: tuple[int, int], style_size: tuple[int, int], rows_at_once: int
) -> None:
    generator = torch.Generator().manual_seed(0)
    feature = torch.rand((1, 5, *size), generator=generator)
    style = torch.rand((1, 5, *style_size), generator=generator)
    patches = (style_size[0] - 2) * (style_size[1] - 2)
    index = torch.randint(patches, (size[0] - 2, size[1] - 2), generator=generator)
    target = local_target(style, _matches(index), rows_at_once=rows_at_once)
    torch.testing.assert_close(local_loss(feature, target), literal_local(feature, style, index.flatten()))


def test_local_keeps_small_differences_of_large_features() -> None:
    """Features of magnitude 10^4 that differ by 1: a difference of two large sums would lose it."""
    style = 1e4 + torch.rand(1, 3, 6, 6)
    index = torch.arange(16).view(4, 4)
    target = local_target(style, _matches(index))
    assert local_loss(style + 1.0, target).item() == pytest.approx(1.0, rel=2e-3)


def _gradient_cases() -> dict[str, tuple[Callable[[Tensor], Tensor], tuple[int, ...]]]:
    generator = torch.Generator().manual_seed(4)
    other = torch.rand((1, 4, 5, 6), generator=generator, dtype=torch.float64)
    index = torch.randint(12, (3, 4), generator=generator)
    target = local_target(other, _matches(index))
    return {
        "content": (lambda x: content_loss(x, other), (1, 4, 5, 6)),
        "global": (lambda x: global_loss(x, gram(other)), (1, 4, 5, 6)),
        "local": (lambda x: local_loss(x, target), (1, 4, 5, 6)),
        "smoothness": (smoothness_loss, (1, 3, 4, 5)),
    }


@pytest.mark.parametrize("name", ["content", "global", "local", "smoothness"])
def test_gradient_is_that_of_finite_differences(name: str) -> None:
    loss, shape = _gradient_cases()[name]
    generator = torch.Generator().manual_seed(9)
    x = torch.rand(shape, generator=generator, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(loss, (x,), eps=1e-6, atol=1e-8, rtol=1e-5)


def test_bfloat16_features_are_summed_in_float32() -> None:
    feature = torch.rand(1, 8, 16, 16)
    low = feature.bfloat16()
    for loss in (
        content_loss(low, torch.zeros_like(low)),
        gram(low),
        local_loss(low, local_target(low, _matches(torch.zeros((14, 14), dtype=torch.int64)))),
    ):
        assert loss.dtype == torch.float32
    assert content_loss(low, torch.zeros_like(low)).item() == pytest.approx(
        low.double().square().mean().item(), rel=1e-5
    )
