"""Pyramid: the scheme table of the paper's Figures 10 and 11, exactly, and Eq. 1."""

from collections.abc import Mapping

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from glstylenet.maps.labels import map_at
from glstylenet.network import pooling
from glstylenet.network.layers import LAYER_CHANNELS, layer_size, layer_sizes
from glstylenet.network.windowed_grad import WindowedGrad
from glstylenet.numerics.rectangle import Rect, whole
from glstylenet.pyramid.fuse import Pyramid, fuse, fuse_backward
from glstylenet.pyramid.resample import Axis, resample, resample_adjoint, source_window
from glstylenet.pyramid.schemes import PAPER_SCHEMES, fused_size
from glstylenet.pyramid.tiles import Tile, cut_into_tiles
from tests.long_cases import rest_is_long

# Scheme: sizes (height, width, channels) with five map classes at 512 x 352, and pixels.
FIGURE_11 = {
    "a": ([(256, 176, 202)], 9101312),
    "b": ([(128, 88, 261)], 2939904),
    "c": ([(64, 44, 517)], 1455872),
    "d": ([(64, 44, 778)], 2190848),
    "e": ([(128, 88, 463)], 5215232),
    "f": ([(64, 44, 719)], 2024704),
    "g": ([(64, 44, 980)], 2759680),
    "h": ([(128, 88, 261), (64, 44, 517)], 4395776),
}


def _random_features(
    size: tuple[int, int], extra: int = 0, dtype: torch.dtype = torch.float32
) -> dict[int, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {
        layer: torch.rand((1, channels + extra, *layer_size(size, layer)), generator=generator, dtype=dtype)
        for layer, channels in LAYER_CHANNELS.items()
    }


@pytest.mark.parametrize("name", FIGURE_11)
def test_figure_11(name: str) -> None:
    shapes, pixels = FIGURE_11[name]
    assert PAPER_SCHEMES[name].shapes((512, 352), classes=5) == shapes
    assert sum(height * width * channels for height, width, channels in shapes) == pixels
    # And the tensors really have these shapes.
    features = _random_features((512, 352), extra=5)
    for group, (height, width, channels) in zip(PAPER_SCHEMES[name].groups, shapes, strict=True):
        assert fuse(features, group).shape == (1, channels, height, width)


def test_schemes_are_the_papers_eight() -> None:
    assert "".join(PAPER_SCHEMES) == "abcdefgh"
    assert PAPER_SCHEMES["g"].layers == (1, 2, 3, 4)
    assert PAPER_SCHEMES["h"].groups == ((3,), (4,))
    assert PAPER_SCHEMES["g"].shapes((512, 352))[0][2] == 960


@pytest.mark.parametrize("name", FIGURE_11)
@pytest.mark.parametrize("size", [(101, 67), (50, 33), (64, 95)])
def test_odd_sizes(name: str, size: tuple[int, int]) -> None:
    features = _random_features(size)
    for group in PAPER_SCHEMES[name].groups:
        fused = fuse(features, group)
        assert fused.shape[-2:] == fused_size(size, group)
        assert fused_size(size, group) == (size[0] // 2 ** (group[-1] - 1), size[1] // 2 ** (group[-1] - 1))
        # The deepest layer's own channels come last, untouched.
        assert torch.equal(fused[:, -LAYER_CHANNELS[group[-1]] :], features[group[-1]])


@pytest.mark.parametrize("factor", [2, 4])
@pytest.mark.parametrize("size", [(5, 7), (1, 2)])
def test_exact_reduction_is_bilinear_with_half_pixel_centres(factor: int, size: tuple[int, int]) -> None:
    feature = torch.rand(1, 3, size[0] * factor, size[1] * factor)
    expected = F.interpolate(feature, size=size, mode="bilinear", align_corners=False)
    torch.testing.assert_close(resample(feature, size), expected)


def test_resample_by_hand() -> None:
    feature = torch.tensor([[0.0, 10.0, 20.0, 30.0, 40.0]]).view(1, 1, 1, 5)
    # Five positions to two: centres at 0.75 and 3.25.
    torch.testing.assert_close(resample(feature, (1, 2)).flatten(), torch.tensor([7.5, 32.5]))
    assert resample(feature, (1, 5)) is feature


def test_fusion_cascades() -> None:
    """Eq. 1 resamples the fused feature layer by layer, not each layer straight to the last."""
    features = _random_features((48, 40))
    two = torch.cat((resample(features[1], layer_size((48, 40), 2)), features[2]), dim=1)
    four = torch.cat((resample(two, layer_size((48, 40), 4)), features[4]), dim=1)
    assert torch.equal(fuse(features, (1, 2, 4)), four)


def test_fused_map_copies_are_one_map() -> None:
    """Each layer's copy of the map, once fused, is the map at the deepest layer's size."""
    labels = torch.randint(5, (96, 64), generator=torch.Generator().manual_seed(1))
    one_hot = F.one_hot(labels, 5).permute(2, 0, 1)[None].float()
    copies = {layer: map_at(one_hot, layer_size((96, 64), layer)) for layer in (1, 2, 3, 4)}
    fused = fuse(copies, (1, 2, 3, 4))
    torch.testing.assert_close(fused, copies[4].repeat(1, 4, 1, 1))


def test_map_shares_sum_to_one() -> None:
    labels = torch.randint(3, (45, 37), generator=torch.Generator().manual_seed(2))
    one_hot = F.one_hot(labels, 3).permute(2, 0, 1)[None].float()
    for size in ((5, 4), (22, 18), (45, 37)):
        at_size = map_at(one_hot, size)
        assert at_size.shape == (1, 3, *size)
        torch.testing.assert_close(at_size.sum(dim=1), torch.ones(1, *size))


def test_windows_by_hand() -> None:
    window = Rect(2, 3, 7, 5)
    assert window.size == (5, 2)
    assert torch.arange(80).view(8, 10)[window.slices].tolist() == [
        [10 * y + 3, 10 * y + 4] for y in range(2, 7)
    ]
    assert window.expand(2) == Rect(2, 3, 9, 7)
    assert window.scale(4) == Rect(8, 12, 28, 20)
    assert window.relative_to(Rect(2, 1, 9, 9)) == Rect(0, 2, 5, 4)
    assert whole((4, 6)) == Rect(0, 0, 4, 6)


def test_an_axis_by_hand() -> None:
    """Five positions to two: centres at 0.75 and 3.25, between 0 and 1 and between 3 and 4."""
    axis = Axis(5, 2)
    lower, share = axis.taps(0, 2)
    assert (lower.tolist(), share.tolist()) == ([0, 3], [0.75, 0.25])
    assert axis.source_range(0, 2) == (0, 5)
    assert axis.source_range(1, 2) == (3, 5)
    assert not axis.halves
    assert Axis(6, 3).halves
    assert Axis(6, 3).source_range(1, 3) == (2, 6)
    assert Axis(7, 7).source_range(2, 5) == (2, 5)


@pytest.mark.parametrize("source", range(4, 60))
def test_no_two_samples_read_the_same_position(source: int) -> None:
    """What the adjoint relies on, for every size that pooling leaves, and every sample inside the source."""
    for halvings in (1, 2, 3):
        target = source >> halvings
        if target:
            lower, share = Axis(source, target).taps(0, target)
            assert bool((lower.diff() >= 2).all())
            assert int(lower[0]) >= 0
            assert int(lower[-1]) + 1 < source
            assert bool(((share >= 0) & (share < 1)).all())


# Neither, one and both directions halve exactly, and layers that lie one, two and three poolings apart.
RESAMPLINGS = [
    ((13, 10), (6, 5)),
    ((13, 11), (6, 5)),
    ((12, 10), (6, 5)),
    ((29, 23), (7, 5)),
    ((59, 41), (7, 5)),
]


@pytest.mark.parametrize(("size", "target_size"), RESAMPLINGS)
def test_resampling_equals_torch_s(size: tuple[int, int], target_size: tuple[int, int]) -> None:
    feature = torch.rand(1, 3, *size, dtype=torch.float64)
    expected = F.interpolate(feature, size=target_size, mode="bilinear", align_corners=False)
    torch.testing.assert_close(resample(feature, target_size), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("window", [Rect(0, 0, 3, 2), Rect(2, 1, 5, 4), Rect(3, 4, 4, 5)], ids=str)
@pytest.mark.parametrize(("size", "target_size"), RESAMPLINGS)
def test_a_resampled_window_is_the_cut_of_the_whole(
    size: tuple[int, int], target_size: tuple[int, int], window: Rect
) -> None:
    feature = torch.rand(1, 3, *size, dtype=torch.float64)
    source = source_window(size, target_size, window)
    part = resample(feature[..., *source.slices], target_size, size=size, window=window)
    expected = resample(feature, target_size)[..., *window.slices]
    torch.testing.assert_close(part, expected, rtol=1e-12, atol=1e-12)
    # The adjoint, by its definition: <resample(x), y> = <x, adjoint(y)>.
    other = torch.rand_like(part)
    back = resample_adjoint(other, size, target_size, window)
    assert back.shape == (1, 3, *source.size)
    assert float((part * other).sum()) == pytest.approx(
        float((feature[..., *source.slices] * back).sum()), rel=1e-12
    )


ODD_SIZES = [(101, 67), (75, 93), (96, 64), (100, 72)]


@pytest.mark.parametrize("side", [None, 32])
@pytest.mark.parametrize("size", rest_is_long([[size] for size in ODD_SIZES], short=2))
@pytest.mark.parametrize("name", FIGURE_11)
def test_a_fused_window_is_the_cut_of_the_whole(name: str, size: tuple[int, int], side: int | None) -> None:
    """Out of the features of a tile's crop, at the positions that the tile needs."""
    features = _random_features(size, dtype=torch.float64)
    for group in PAPER_SCHEMES[name].groups:
        expected = fuse(features, group)
        for tile in cut_into_tiles(size, side):
            crop = {layer: _cropped(features[layer], layer, tile.crop) for layer in group}
            window = tile.patches(group[-1]).expand(2)
            part = _fused_of_crop(crop, group, tile, window)
            torch.testing.assert_close(part, expected[..., *window.slices], rtol=1e-12, atol=1e-12)


def _fused_of_crop(
    features: dict[int, torch.Tensor],
    group: tuple[int, ...],
    tile: Tile,
    window: Rect,
    rows_at_once: int = 1000,
) -> torch.Tensor:
    pyramid = Pyramid(
        group, layer_sizes(tile.size, group), channels=LAYER_CHANNELS, origin=tile.origin, window=window
    )
    for layer in group:
        height = features[layer].shape[-2]
        for top in range(0, height, rows_at_once):
            bottom = min(height, top + rows_at_once)
            pyramid.write(layer, features[layer][..., top : bottom + 1, :], (top, bottom))
    return pyramid.fused


@pytest.mark.parametrize("rows", rest_is_long([8, 16], short=1))
@pytest.mark.parametrize("side", [None, 32])
@pytest.mark.parametrize("size", rest_is_long([[size] for size in ODD_SIZES], short=2))
@pytest.mark.parametrize("name", FIGURE_11)
def test_layers_may_come_in_bands(name: str, size: tuple[int, int], side: int | None, rows: int) -> None:
    features = _random_features(size, dtype=torch.float64)
    for group in PAPER_SCHEMES[name].groups:
        for tile in cut_into_tiles(size, side):
            crop = {layer: _cropped(features[layer], layer, tile.crop) for layer in group}
            window = tile.patches(group[-1]).expand(2)
            expected = _fused_of_crop(crop, group, tile, window)
            found = _fused_of_crop(crop, group, tile, window, rows)
            torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


@given(target=st.integers(1, 200), odd=st.integers(0, 1), start=st.integers(0, 400))
def test_a_target_range_is_of_those_whose_lower_source_lies_there(target: int, odd: int, start: int) -> None:
    source = 2 * target + odd
    axis = Axis(source, target)
    lower = axis.taps(0, target)[0].tolist()
    first, last = axis.target_range(start, start + 8)
    assert list(range(first, last)) == [i for i, place in enumerate(lower) if start <= place < start + 8]
    assert Axis(source, source).target_range(start, start + 8) == (start, start + 8)


@pytest.mark.parametrize("block", [1, 2, 4])
def test_a_contribution_is_added_band_by_band(block: int) -> None:
    """Bands of 8 rows of 24; the window begins where a band does not."""
    window = Rect(4, 3, 20, 3 + 2 * block)
    values = torch.rand((1, 2, 16 // block, 2), generator=torch.Generator().manual_seed(0))
    contribution = WindowedGrad(values, window, block=block, factor=0.5)
    expected, found = torch.zeros(1, 2, 24, 16), torch.zeros(1, 2, 24, 16)
    written_out = values.repeat_interleave(block, dim=2).repeat_interleave(block, dim=3)
    expected[..., *window.slices] = 0.5 * written_out
    for top in (0, 8, 16):
        contribution.add_to(found[..., top : top + 8, :], top)
    assert torch.equal(found, expected)
    contribution.add_to(found)
    assert torch.equal(found, 2.0 * expected)
    contribution.add_to(torch.zeros(1, 2, 2, 16), 22)  # rows beyond its window: nothing


def test_rows_that_cut_a_block_are_refused() -> None:
    part = WindowedGrad(torch.ones(1, 1, 2, 2), Rect(0, 0, 8, 8), block=4)
    with pytest.raises(ValueError, match="cut blocks of 4 rows"):
        part.add_to(torch.zeros(1, 1, 8, 8), top=2)


def _cropped(feature: torch.Tensor, layer: int, crop: Rect) -> torch.Tensor:
    """``feature`` as the network would give it for the pixels of ``crop`` alone, were there no padding."""
    (top, left), (height, width) = layer_size((crop.top, crop.left), layer), layer_size(crop.size, layer)
    return feature[..., top : top + height, left : left + width]


def test_contributions_by_hand() -> None:
    gradient = torch.ones(1, 1, 5, 6)
    values = torch.tensor([[1.0, 2.0], [3.0, 4.0]]).view(1, 1, 2, 2)
    WindowedGrad(values, Rect(3, 0, 5, 2), factor=10.0).add_to(gradient)
    WindowedGrad(values, Rect(0, 2, 4, 6), block=2).add_to(gradient)
    assert gradient[0, 0].tolist() == [
        [1, 1, 2, 2, 3, 3],
        [1, 1, 2, 2, 3, 3],
        [1, 1, 4, 4, 5, 5],
        [11, 21, 4, 4, 5, 5],
        [31, 41, 1, 1, 1, 1],
    ]


def test_a_mean_s_gradient_is_not_written_out() -> None:
    """Sizes that halve exactly, all the way: one number for 4 x 4 and for 2 x 2 positions."""
    gradient = torch.rand(1, 960 - 256, 4, 5)
    parts = fuse_backward(
        gradient,
        (1, 2, 4),
        channels=LAYER_CHANNELS,
        size=(32, 40),
        crop=whole((32, 40)),
        window=whole((4, 5)),
    )
    assert {layer: (part.block, part.factor) for layer, part in parts.items()} == {
        4: (1, 1.0),
        2: (1, 1.0),
        1: (2, 0.25),
    }
    parts = fuse_backward(
        torch.rand(1, 960, 4, 5),
        (1, 2, 3, 4),
        channels=LAYER_CHANNELS,
        size=(32, 40),
        crop=whole((32, 40)),
        window=whole((4, 5)),
    )
    assert {layer: (part.block, part.factor) for layer, part in parts.items()} == {
        4: (1, 1.0),
        3: (2, 1 / 4),
        2: (4, 1 / 16),
        1: (8, 1 / 64),
    }


def _written_out(
    parts: Mapping[int, WindowedGrad], features: Mapping[int, torch.Tensor]
) -> dict[int, torch.Tensor]:
    """The contributions to the gradients with respect to ``features``."""
    gradients = {layer: torch.zeros_like(features[layer]) for layer in parts}
    for layer, part in parts.items():
        part.add_to(gradients[layer])
    return gradients


@pytest.mark.parametrize("side", [None, 32])
@pytest.mark.parametrize("size", rest_is_long([[size] for size in ODD_SIZES], short=2))
@pytest.mark.parametrize("name", FIGURE_11)
def test_fuse_backward_is_the_adjoint_of_fuse(name: str, size: tuple[int, int], side: int | None) -> None:
    """<fuse(x), y> = sum over layers of <x, fuse_backward(y)>, whole and for every tile."""
    features = _random_features(size, dtype=torch.float64)
    generator = torch.Generator().manual_seed(1)
    for tile in cut_into_tiles(size, side):
        crop = {layer: _cropped(features[layer], layer, tile.crop) for layer in PAPER_SCHEMES[name].layers}
        for group in PAPER_SCHEMES[name].groups:
            window = tile.positions(group[-1])
            part = _fused_of_crop(crop, group, tile, window)
            other = torch.randn(part.shape, generator=generator, dtype=torch.float64)
            parts = fuse_backward(
                other, group, channels=LAYER_CHANNELS, size=size, crop=tile.crop, window=window
            )
            assert tuple(sorted(parts)) == group
            found = sum(float((crop[layer] * x).sum()) for layer, x in _written_out(parts, crop).items())
            assert found == pytest.approx(float((part * other).sum()), rel=1e-9)


@pytest.mark.parametrize("size", [*ODD_SIZES, (99, 64)])
@pytest.mark.parametrize("group", [(1, 2, 3, 4), (1, 2, 4), (2, 4)])
def test_fuse_backward_is_autograd_s(size: tuple[int, int], group: tuple[int, ...]) -> None:
    """Entry by entry."""
    every = _random_features(size, dtype=torch.float64)
    features = {layer: every[layer].requires_grad_() for layer in group}
    fused = fuse(features, group)
    other = torch.randn(fused.shape, dtype=torch.float64)
    expected = torch.autograd.grad(fused, list(features.values()), other)
    window = whole((fused.shape[-2], fused.shape[-1]))
    found = _written_out(
        fuse_backward(other, group, channels=LAYER_CHANNELS, size=size, crop=whole(size), window=window),
        features,
    )
    for layer, gradient in zip(group, expected, strict=True):
        torch.testing.assert_close(found[layer], gradient, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("side", [1, 2, 4])
@pytest.mark.parametrize("size", [(8, 6), (7, 6), (8, 5), (4, 4), (5, 7)], ids=str)
def test_means_by_sums_are_pooling(size: tuple[int, int], side: int) -> None:
    """As on a GPU; a last row or column of an odd size is dropped."""
    feature = torch.randn(1, 5, *size, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    feature = feature.contiguous(memory_format=torch.channels_last)
    found = pooling._means_by_sums(feature, side)
    torch.testing.assert_close(found, torch.nn.functional.avg_pool2d(feature, side))
    torch.testing.assert_close(pooling.avg_pool(feature, side), found)
    assert found.is_contiguous(memory_format=torch.channels_last)
