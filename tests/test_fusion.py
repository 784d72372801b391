"""Fusion: the scheme table of the paper's Figures 10 and 11, exactly, and Eq. 1."""

import pytest
import torch
import torch.nn.functional as F

from glstylenet.fusion import LAYER_CHANNELS, SCHEMES, fuse, fused_size, layer_size, resample
from glstylenet.objective import map_at

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


def _random_features(size: tuple[int, int], extra: int = 0) -> dict[int, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {
        layer: torch.rand((1, channels + extra, *layer_size(size, layer)), generator=generator)
        for layer, channels in LAYER_CHANNELS.items()
    }


@pytest.mark.parametrize("name", FIGURE_11)
def test_figure_11(name: str) -> None:
    shapes, pixels = FIGURE_11[name]
    assert SCHEMES[name].shapes((512, 352), classes=5) == shapes
    assert sum(height * width * channels for height, width, channels in shapes) == pixels
    # And the tensors really have these shapes.
    features = _random_features((512, 352), extra=5)
    for group, (height, width, channels) in zip(SCHEMES[name].groups, shapes, strict=True):
        assert fuse(features, group).shape == (1, channels, height, width)


def test_schemes_are_the_papers_eight() -> None:
    assert "".join(SCHEMES) == "abcdefgh"
    assert SCHEMES["g"].layers == (1, 2, 3, 4)
    assert SCHEMES["h"].groups == ((3,), (4,))
    assert SCHEMES["g"].shapes((512, 352))[0][2] == 960


@pytest.mark.parametrize("name", FIGURE_11)
@pytest.mark.parametrize("size", [(101, 67), (50, 33), (64, 95)])
def test_odd_sizes(name: str, size: tuple[int, int]) -> None:
    features = _random_features(size)
    for group in SCHEMES[name].groups:
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
