"""Every loss: numbers worked by hand, gradients against finite differences, the literal form as oracle."""

import itertools
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from glstylenet.bench.literal import (
    literal_global,
    literal_gram,
    literal_local,
    literal_smoothness,
    patch_vectors,
)
from glstylenet.numerics.rectangle import Rect
from glstylenet.objective import local
from glstylenet.objective.content import content_loss
from glstylenet.objective.gram import global_gradient, global_loss, gram
from glstylenet.objective.local import LocalTarget, local_loss, local_target, patch_losses
from glstylenet.objective.loss_term import Loss
from glstylenet.objective.smoothness import smoothness_loss
from glstylenet.objective.style_target import StyleStatistics

EXACT = torch.float64


def _feature(values: list[list[list[float]]]) -> Tensor:
    return torch.tensor(values, dtype=torch.float32)[None]


def _random(seed: int, *shape: int, dtype: torch.dtype = EXACT) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=EXACT).to(dtype)


def _index(seed: int, size: tuple[int, int], style_size: tuple[int, int]) -> Tensor:
    """A random style patch for every patch of a feature of ``size``."""
    patches = (style_size[0] - 2) * (style_size[1] - 2)
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(patches, (size[0] - 2, size[1] - 2), generator=generator)


def _target(style: Tensor, index: Tensor, window: Rect | None = None) -> LocalTarget:
    return local_target(StyleStatistics.of([style]), index, window)


def _as_feature(lines: Tensor, like: Tensor) -> Tensor:
    """A gradient (M, C) in the shape of the feature (1, C, H, W) it belongs to."""
    return lines.view(*like.shape[-2:], like.shape[1]).permute(2, 0, 1)[None]


def _global(feature: Tensor, target: Tensor, *, weight: float = 1.0) -> Loss:
    """Value and gradient of the global loss at ``feature``, put together as the objective does."""
    matrix = gram(feature)
    gradient = global_gradient(feature, matrix - target, weight=weight)
    return Loss(global_loss(matrix, target, weight=weight), _as_feature(gradient, feature))


def _local(feature: Tensor, target: LocalTarget, *, weight: float = 1.0, entries: int | None = None) -> Loss:
    loss = local_loss(feature, target, weight=weight, entries=entries)
    return Loss(loss.value, _as_feature(loss.gradient, feature))


def test_content_by_hand() -> None:
    ours, theirs = _feature([[[1.0, 2.0]]]), _feature([[[4.0, 0.0]]])
    loss = content_loss(ours, theirs, weight=3.0)
    assert loss.value.item() == pytest.approx(3 * (9 + 4) / 2)
    assert loss.gradient.flatten().tolist() == pytest.approx([3 * 2 * -3 / 2, 3 * 2 * 2 / 2])


def test_content_of_a_tile_is_its_share_of_the_mean() -> None:
    loss = content_loss(_feature([[[1.0, 2.0]]]), _feature([[[4.0, 0.0]]]), entries=26)
    assert loss.value.item() == pytest.approx((9 + 4) / 26)
    assert loss.gradient.flatten().tolist() == pytest.approx([2 * -3 / 26, 2 * 2 / 26])


def test_gram_by_hand() -> None:
    feature = _feature([[[1.0, 2.0]], [[3.0, 4.0]]])  # two channels, two positions
    expected = torch.tensor([[1 + 4, 3 + 8], [3 + 8, 9 + 16]]) / 2
    torch.testing.assert_close(gram(feature), expected)
    torch.testing.assert_close(gram(feature, positions=5), expected * 2 / 5)


def test_gram_of_many_positions_adds_strips() -> None:
    """More positions than are widened at a time, and not a multiple of it."""
    feature = _random(1, 1, 3, 257, 300)
    lines = feature[0].flatten(1)
    torch.testing.assert_close(gram(feature), lines @ lines.T / (257 * 300), rtol=1e-12, atol=0)


def test_global_by_hand() -> None:
    feature = _feature([[[1.0, 2.0]], [[3.0, 4.0]]])
    style = _feature([[[1.0]], [[1.0]]])  # one position: Gram of ones
    # Differences 2.5-1, 5.5-1 twice, 12.5-1; N = 2.
    expected = (1.5**2 + 2 * 4.5**2 + 11.5**2) / (4 * 4)
    assert global_loss(gram(feature), gram(style)).item() == pytest.approx(expected)
    assert global_loss(gram(feature), gram(style), weight=0.5).item() == pytest.approx(expected / 2)
    # Differences times features, (1.5 + 3 * 4.5, 4.5 + 3 * 11.5) at the first position, over N^2 M = 8.
    gradient = global_gradient(feature, gram(feature) - gram(style))
    assert gradient[0].tolist() == pytest.approx([15 / 8, 39 / 8])


def test_global_does_not_depend_on_the_number_of_positions() -> None:
    feature = _random(2, 1, 4, 3, 5)
    twice = torch.cat((feature, feature), dim=2)
    assert global_loss(gram(twice), gram(feature)).item() == pytest.approx(0.0, abs=1e-20)


def test_global_equals_literal() -> None:
    feature, style = _random(3, 1, 6, 5, 4), _random(4, 1, 6, 3, 8)
    expected = literal_global(literal_gram(feature), literal_gram(style))
    torch.testing.assert_close(_global(feature, gram(style)).value, expected)


def test_smoothness_by_hand() -> None:
    pixels = torch.zeros(1, 3, 2, 2)
    pixels[0, 0] = torch.tensor([[0.0, 2.0], [3.0, 7.0]])
    # Down: 3 and 5, across: 2 and 4, in one of three channels.
    loss = smoothness_loss(pixels, weight=2.0)
    assert loss.value.item() == pytest.approx(2 * ((9 + 25) / 6 + (4 + 16) / 6))
    # The pixel 7 ends a step of 5 down and one of 4 across.
    assert loss.gradient[0, 0, 1, 1].item() == pytest.approx(2 * (2 * 5 / 6 + 2 * 4 / 6))
    assert loss.gradient[0, 0, 0, 0].item() == pytest.approx(2 * (-2 * 3 / 6 - 2 * 2 / 6))


@pytest.mark.parametrize("height", [1, 2, 127, 128, 129, 300])
def test_smoothness_equals_literal_however_many_strips(height: int) -> None:
    """The rows are taken 128 at a time; a step from one strip to the next counts once."""
    pixels = (255 * _random(5, 1, 3, height, 7)).requires_grad_()
    expected = literal_smoothness(pixels) if height > 1 else pixels.diff(dim=3).square().mean()
    (gradient,) = torch.autograd.grad(expected, pixels)
    loss = smoothness_loss(pixels.detach())
    torch.testing.assert_close(loss.value, expected.detach(), rtol=1e-12, atol=0)
    torch.testing.assert_close(loss.gradient, gradient, rtol=1e-10, atol=1e-12)


def test_smoothness_sees_rows_and_columns_not_channels() -> None:
    flat = torch.tensor([10.0, 200.0, 90.0]).view(1, 3, 1, 1).expand(1, 3, 4, 5)
    assert smoothness_loss(flat).value.item() == 0.0
    one = smoothness_loss(torch.rand(1, 3, 1, 1))
    assert one.value.item() == 0.0
    assert torch.equal(one.gradient, torch.zeros(1, 3, 1, 1))


def test_a_centred_style_by_hand() -> None:
    style = torch.stack((torch.arange(12.0), torch.ones(12))).view(1, 2, 3, 4)
    centred = StyleStatistics.of([style])
    assert centred.centre.tolist() == [5.5, 1.0]
    # Squares of 0, 1, 2, 4, 5, 6, 8, 9, 10 less 5.5, and the same from behind; of the ones nothing is left.
    assert centred.patch_norms.tolist() == [104.25, 104.25]


def test_a_centred_style_of_many_rows_adds_strips() -> None:
    style = _random(6, 1, 3, 37, 5)
    centred = StyleStatistics.of([style])
    torch.testing.assert_close(centred.centre, style.mean(dim=(0, 2, 3)))
    patches = torch.nn.functional.unfold(style - style.mean(dim=(2, 3), keepdim=True), 3)
    torch.testing.assert_close(centred.patch_norms, patches[0].square().sum(dim=0))


def test_local_by_hand() -> None:
    """One patch, one channel: the mean of nine squared differences."""
    feature = torch.arange(9.0).view(1, 1, 3, 3)
    style = torch.zeros(1, 1, 3, 3)
    loss = local_loss(feature, _target(style, torch.tensor([[0]])), weight=2.0)
    assert loss.value.item() == pytest.approx(2 * 204 / 9)
    assert loss.gradient.flatten().tolist() == pytest.approx([2 * 2 * k / 9 for k in range(9)])


def test_local_target_by_hand() -> None:
    """Two patches side by side, matched to the two patches of a one-channel style in swapped order."""
    style = torch.arange(12.0).view(1, 1, 3, 4)
    target = _target(style, torch.tensor([[1, 0]]))
    assert target.count.tolist() == [[1.0, 2.0, 2.0, 1.0]] * 3
    # Row 0: patch 0 asks for 1, 2, 3 at columns 0-2; patch 1 asks for 0, 1, 2 at columns 1-3.
    assert target.mean[0, 0, 0].tolist() == [1.0, (2 + 0) / 2, (3 + 1) / 2, 2.0]
    # Every doubly covered position has two wishes 2 apart: variance sum 1 + 1 at 6 positions.
    assert target.constant.item() == pytest.approx(6 * 2)
    # Which is what remains for a feature that meets every mean.
    assert local_loss(target.mean, target).value.item() == pytest.approx(6 * 2 / 18)


@pytest.mark.parametrize(("size", "style_size"), [((7, 5), (7, 5)), ((3, 9), (6, 4)), ((11, 4), (5, 13))])
def test_local_without_patches_equals_literal(size: tuple[int, int], style_size: tuple[int, int]) -> None:
    feature, style = _random(7, 1, 5, *size).requires_grad_(), _random(8, 1, 5, *style_size)
    index = _index(9, size, style_size)
    expected = literal_local(patch_vectors(feature), patch_vectors(style), index.flatten())
    (gradient,) = torch.autograd.grad(expected, feature)
    loss = _local(feature.detach(), _target(style, index))
    torch.testing.assert_close(loss.value, expected.detach(), rtol=1e-12, atol=0)
    torch.testing.assert_close(loss.gradient, gradient, rtol=1e-10, atol=1e-14)


# A feature of 9 x 7 positions in four windows, one of them a single position.
WINDOWS = (Rect(0, 0, 4, 6), Rect(0, 6, 4, 7), Rect(4, 0, 9, 6), Rect(4, 6, 9, 7))


def test_local_targets_of_windows_are_the_cuts_of_the_whole() -> None:
    style, index = _random(10, 1, 5, 6, 8), _index(11, (9, 7), (6, 8))
    whole = _target(style, index)
    constant = torch.zeros((), dtype=EXACT)
    for window in WINDOWS:
        part = _target(style, index, window)
        torch.testing.assert_close(part.mean, whole.mean[..., *window.slices])
        assert torch.equal(part.count, whole.count[window.slices])
        constant += part.constant
    torch.testing.assert_close(constant, whole.constant, rtol=1e-12, atol=0)


def test_the_parts_of_tiles_add_up_to_the_whole() -> None:
    """Content, local and global: values summed, gradients side by side."""
    feature, other = _random(12, 1, 5, 9, 7), _random(13, 1, 5, 9, 7)
    index, positions = _index(14, (9, 7), (9, 7)), 9 * 7
    entries = (9 - 2) * (7 - 2) * 9 * 5
    target = gram(other)
    matrix = sum(
        (gram(feature[..., *window.slices], positions=positions) for window in WINDOWS), torch.zeros(5, 5)
    )
    torch.testing.assert_close(matrix, gram(feature))
    whole = {
        "content": content_loss(feature, other, weight=3.0),
        "local": _local(feature, _target(other, index), weight=3.0),
        "global": _global(feature, target, weight=3.0),
    }
    values = {"content": 0.0, "local": 0.0}
    for window in WINDOWS:
        part, style_part = feature[..., *window.slices], other[..., *window.slices]
        content = content_loss(part, style_part, weight=3.0, entries=feature.numel())
        local = _local(part, _target(other, index, window), weight=3.0, entries=entries)
        values["content"] += content.value.item()
        values["local"] += local.value.item()
        global_ = global_gradient(part, matrix - target, weight=3.0, positions=positions)
        gradients = {
            "content": content.gradient,
            "local": local.gradient,
            "global": _as_feature(global_, part),
        }
        for name, gradient in gradients.items():
            torch.testing.assert_close(gradient, whole[name].gradient[..., *window.slices])
    for name, value in values.items():
        assert value == pytest.approx(whole[name].value.item(), rel=1e-12)


def test_local_keeps_small_differences_of_large_features() -> None:
    """Features of magnitude 10^4 that differ by 1: a difference of two large sums would lose it."""
    style = 1e4 + torch.rand(1, 3, 6, 6)
    index = torch.arange(16).view(4, 4)
    target = _target(style, index)
    assert local_loss(style + 1.0, target).value.item() == pytest.approx(1.0, rel=2e-3)


Case = tuple[Callable[[Tensor], Loss], tuple[int, ...]]


def _gradient_cases() -> dict[str, Case]:
    """Each loss as a function of its feature or pixels, and the shape of those."""
    other, shape = _random(15, 1, 4, 5, 6), (1, 4, 5, 6)
    index = _index(16, (5, 6), (5, 6))
    whole = _target(other, index)
    # As the part of a tile: the third and fourth row of a picture, of which the tile has these alone.
    window = Rect(2, 1, 4, 5)
    part = _target(other, index, window)
    cut = (1, 4, *window.size)
    return {
        "content": (lambda x: content_loss(x, other, weight=0.7), shape),
        "content of a tile": (lambda x: content_loss(x, other[..., *window.slices], entries=300), cut),
        "global": (lambda x: _global(x, gram(other), weight=0.7), shape),
        "local": (lambda x: _local(x, whole, weight=0.7), shape),
        "local of a tile": (lambda x: _local(x, part, entries=300), cut),
        "smoothness": (lambda x: smoothness_loss(x, weight=0.7), (1, 3, 4, 5)),
        "smoothness of several strips": (smoothness_loss, (1, 3, 130, 2)),
    }


def _steepest_error(loss: Callable[[Tensor], Tensor], gradient: Tensor, x: Tensor) -> float:
    """The largest difference from central differences, relative to the largest entry of the gradient."""
    step, worst = 1e-5, 0.0
    for place in range(x.numel()):
        nudge = torch.zeros_like(x)
        nudge.view(-1)[place] = step
        slope = (loss(x + nudge) - loss(x - nudge)).item() / (2 * step)
        worst = max(worst, abs(slope - gradient.reshape(-1)[place].item()))
    return worst / gradient.abs().max().item()


@pytest.mark.parametrize("name", list(_gradient_cases()))
def test_gradient_is_that_of_finite_differences(name: str) -> None:
    loss, shape = _gradient_cases()[name]
    x = _random(17, *shape)
    found = loss(x)
    assert found.gradient.shape == x.shape
    assert _steepest_error(lambda at: loss(at).value, found.gradient, x) < 1e-8


def test_global_gradient_of_a_tile_is_that_of_finite_differences() -> None:
    """The Gram matrix is the sum over two tiles; the gradient is asked for the second alone."""
    first, target = _random(18, 1, 4, 3, 6), gram(_random(19, 1, 4, 5, 5))
    x = _random(20, 1, 4, 2, 6)

    def matrix(at: Tensor) -> Tensor:
        return gram(first, positions=30) + gram(at, positions=30)

    gradient = global_gradient(x, matrix(x) - target, weight=0.7, positions=30)
    error = _steepest_error(
        lambda at: global_loss(matrix(at), target, weight=0.7), _as_feature(gradient, x), x
    )
    assert error < 1e-8


def test_bfloat16_features_are_summed_with_more_digits() -> None:
    """Each value is that of the very same rounded features in float64, far beyond bfloat16's 2^-9."""
    low, other = (_random(seed, 1, 8, 16, 16, dtype=torch.bfloat16) for seed in (21, 22))
    index = _index(23, (16, 16), (16, 16))
    matrix, exact_matrix = gram(low), gram(low.double())
    assert matrix.dtype == torch.float32
    torch.testing.assert_close(matrix.double(), exact_matrix, rtol=1e-5, atol=0)
    content, exact_content = content_loss(low, other), content_loss(low.double(), other.double())
    target = _target(other, index)
    local = local_loss(low, target)
    # The mean wish is rounded to the features' type; what is left when it is met grows by the square of that.
    exact_target = _target(other.double(), index)
    torch.testing.assert_close(target.constant, exact_target.constant, rtol=1e-4, atol=0)
    assert (target.mean.double() - exact_target.mean).abs().max().item() <= 2**-9
    exact_local = local_loss(low.double(), replace(target, mean=target.mean.double()))
    for loss, exact in ((content, exact_content), (local, exact_local)):
        assert loss.value.dtype == EXACT
        assert loss.value.item() == pytest.approx(exact.value.item(), rel=1e-5)
    assert content.gradient.dtype == torch.bfloat16
    assert local.gradient.dtype == torch.float32


def test_patch_losses_are_those_of_the_literal_patches() -> None:
    feature, style = _random(1, 1, 2, 5, 6), _random(2, 1, 2, 4, 7)
    index = _index(3, (5, 6), (4, 7))
    found = patch_losses(feature, StyleStatistics.of([style]), index)
    for row, column in itertools.product(range(3), range(4)):
        top, left = divmod(int(index[row, column]), 5)
        one = feature[0, :, row : row + 3, column : column + 3]
        other = style[0, :, top : top + 3, left : left + 3]
        assert float(found[row, column]) == pytest.approx(float((one - other).square().sum()), rel=1e-12)


def test_a_style_kept_as_float16_is_computed_with_in_wider_types() -> None:
    """Every number is that of the same features as float32, to the last digit."""
    kept = (1e3 * _random(31, 1, 8, 16, 16)).half()
    widened, index = kept.float(), _index(32, (16, 16), (16, 16))
    assert torch.equal(gram(kept), gram(widened))
    assert gram(kept).dtype == torch.float32
    ours, theirs = _target(kept, index), _target(widened, index)
    assert ours.mean.dtype == torch.float32
    assert torch.equal(ours.mean, theirs.mean)
    assert torch.equal(ours.constant, theirs.constant)
    feature = 1e3 * _random(33, 1, 8, 16, 16, dtype=torch.float32)
    ours_parts, theirs_parts = (
        patch_losses(feature, StyleStatistics.of([each]), index) for each in (kept, widened)
    )
    assert torch.equal(ours_parts, theirs_parts)
    ours_loss, theirs_loss = content_loss(feature, kept), content_loss(feature, widened)
    assert torch.equal(ours_loss.value, theirs_loss.value)
    assert torch.equal(ours_loss.gradient, theirs_loss.gradient)


def test_votes_are_summed_alike_by_distinct_rows_and_by_all() -> None:
    """The second is a GPU's way."""
    style = StyleStatistics.of([_random(1, 1, 7, 5, 6)])
    voted = torch.randint(30, (11, 9), generator=torch.Generator().manual_seed(3))
    shares = _random(4, 11, 9)
    expected = torch.stack(
        [share @ (style.table[rows] - style.centre) for share, rows in zip(shares, voted, strict=True)]
    )
    for add_up in (local._sum_distinct_rows, local._sum_all_rows):
        torch.testing.assert_close(add_up(style, voted, shares), expected)


def test_a_target_is_overwritten_in_place() -> None:
    style = StyleStatistics.of([_random(1, 1, 4, 6, 7)])
    held, other = (local_target(style, _index(seed, (5, 6), (6, 7))) for seed in (2, 3))
    places = held.mean.data_ptr(), held.count.data_ptr(), held.constant.data_ptr()
    assert not torch.equal(held.mean, other.mean)
    held.copy_(other)
    assert places == (held.mean.data_ptr(), held.count.data_ptr(), held.constant.data_ptr())
    for name in ("mean", "count", "constant"):
        assert torch.equal(getattr(held, name), getattr(other, name))
    held.copy_(held)
    assert torch.equal(held.mean, other.mean)
