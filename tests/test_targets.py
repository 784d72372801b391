"""Targets: what the losses compare with is the same however the pictures are cut."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from glstylenet.maps.labels import map_at
from glstylenet.matching.exact import match_patches
from glstylenet.network.layers import LAYER_NAMES
from glstylenet.network.protocol import features
from glstylenet.network.vgg import VGG19
from glstylenet.network.weights import load_weights
from glstylenet.objective.gram import gram
from glstylenet.objective.style_target import StyleStatistics, StyleTarget, style_targets
from glstylenet.objective.styles import GroupStyles
from glstylenet.objective.target_cache import TargetCache
from glstylenet.objective.tile_features import FeatureExtractor, TileFeatures, tile_features
from glstylenet.pyramid.fuse import fuse
from glstylenet.pyramid.schemes import PAPER_SCHEMES, fused_size
from tests.long_cases import rest_is_long

CLASSES = 3


@pytest.fixture(scope="module")
def tensors() -> Mapping[str, Tensor]:
    return load_weights("embedded").tensors


@pytest.fixture(scope="module")
def exact(tensors: Mapping[str, Tensor]) -> VGG19:
    return VGG19(tensors, dtype=torch.float64)


def _picture(size: tuple[int, int]) -> Tensor:
    return 255 * torch.rand((1, 3, *size), generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def _class_channels(size: tuple[int, int]) -> Tensor:
    labels = torch.randint(CLASSES, size, generator=torch.Generator().manual_seed(1))
    return F.one_hot(labels, CLASSES).permute(2, 0, 1)[None].double()


def _features(network: VGG19, pixels: Tensor) -> dict[int, Tensor]:
    """F^l by l."""
    found = features(network, pixels, tuple(LAYER_NAMES.values()))
    return {layer: found[name] for layer, name in LAYER_NAMES.items()}


def _targets(
    network: VGG19, scheme: str, style: Tensor, style_map: Tensor | None = None, side: int | None = None
) -> list[StyleTarget]:
    groups = PAPER_SCHEMES[scheme].groups
    return style_targets(FeatureExtractor(network, side), groups, style, style_map, map_factor=0.3)


def content_target(network: VGG19, content: Tensor, side: int | None, *, half: bool = False) -> Tensor:
    return TargetCache().content(FeatureExtractor(network, side, half), content)


@pytest.mark.long
@pytest.mark.parametrize("side", [32, None, 64])
@pytest.mark.parametrize("size", [(151, 67), (48, 120)])
def test_the_content_target_is_the_whole_s_feature(
    exact: VGG19, size: tuple[int, int], side: int | None
) -> None:
    content = _picture(size)
    target = content_target(exact, content, side)
    torch.testing.assert_close(target, _features(exact, content)[4], rtol=1e-11, atol=1e-9)


@pytest.mark.parametrize("side", rest_is_long([32, None, 64], short=1))
@pytest.mark.parametrize("scheme", rest_is_long(["g", "a", "h"], short=1))
def test_the_style_target_is_the_whole_s_fusion(exact: VGG19, scheme: str, side: int | None) -> None:
    style = _picture((151, 67))
    found = _features(exact, style)
    style_target = _targets(exact, scheme, style, side=side)
    assert [target.layers for target in style_target] == list(PAPER_SCHEMES[scheme].groups)
    for target in style_target:
        expected = fuse(found, target.layers)
        torch.testing.assert_close(target.feature, expected, rtol=1e-11, atol=1e-9)
        torch.testing.assert_close(target.gram, gram(expected))
        torch.testing.assert_close(target.statistics.patch_norms, StyleStatistics.of([expected]).patch_norms)
        assert target.class_channels is None


@pytest.mark.long
def test_features_lie_as_they_are_read(tensors: Mapping[str, Tensor]) -> None:
    """In the network's type, with a position's channels side by side."""
    network = VGG19(tensors, dtype=torch.bfloat16)
    pixels = _picture((72, 64)).float()
    [target] = _targets(network, "g", pixels, side=32)
    for feature in (target.feature, content_target(network, pixels, 32)):
        assert feature.dtype == torch.bfloat16
        assert feature.is_contiguous(memory_format=torch.channels_last)
    assert target.gram.dtype == torch.float32
    assert target.statistics.patch_norms.dtype == target.statistics.centre.dtype == torch.float32


def test_the_map_steers_the_search(exact: VGG19) -> None:
    style = _picture((72, 64))
    class_channels = _class_channels((72, 64))
    [target] = _targets(exact, "g", style, class_channels)
    small = map_at(class_channels, (9, 8))
    assert target.class_channels is not None
    assert torch.equal(target.class_channels, small)
    query = fuse(_features(exact, _picture((64, 80)).flip(3)), (1, 2, 3, 4))
    query_map = map_at(_class_channels((64, 80)), (8, 10))
    found = target.patches.search(query, query_map)
    expected = match_patches(query, target.feature, query_map=query_map, style_map=small, map_factor=0.3)
    assert torch.equal(found.index, expected.index)
    assert not torch.equal(found.index, match_patches(query, target.feature).index)


def test_what_is_derived_is_computed_once(exact: VGG19) -> None:
    [target] = _targets(exact, "b", _picture((40, 48)))
    assert target.gram is target.gram
    assert target.patches is target.patches
    assert target.statistics is target.statistics


def test_entries_by_hand(exact: VGG19) -> None:
    """101 x 67 pixels are 12 x 8 positions of the deepest layer: 10 x 6 patches of 9 x 960 numbers."""
    [target] = _targets(exact, "g", _picture((40, 48)))
    assert GroupStyles([target], [1.0]).patch_entries((101, 67)) == 10 * 6 * 9 * 960
    of_third, of_fourth = (GroupStyles([each], [1.0]) for each in _targets(exact, "h", _picture((40, 48))))
    assert of_third.patch_entries((101, 67)) == (25 - 2) * (16 - 2) * 9 * 256
    assert of_fourth.patch_entries((101, 67)) == 10 * 6 * 9 * 512


def test_no_groups_no_targets(exact: VGG19, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is the network asked."""
    monkeypatch.delattr(VGG19, "forward")
    assert style_targets(FeatureExtractor(exact), (), _picture((40, 48)), None, map_factor=0.3) == []


@pytest.mark.parametrize("size", [(48, 40), (51, 45)])
def test_maps_at_feature_size_are_shares(size: tuple[int, int]) -> None:
    channels = _class_channels(size)
    small = map_at(channels, (6, 5))
    assert small.shape == (1, CLASSES, 6, 5)
    torch.testing.assert_close(small.sum(dim=1), torch.ones(1, 6, 5, dtype=torch.float64))
    if size == (48, 40):
        torch.testing.assert_close(small[0, :, 2, 3], channels[0, :, 16:24, 24:32].mean(dim=(1, 2)))


def test_both_ways_of_reducing_a_map_are_one() -> None:
    """Where sizes divide, the quick way gives what the general one does."""
    channels = _class_channels((48, 80))
    expected = F.adaptive_avg_pool2d(channels, fused_size((48, 80), (4,)))
    torch.testing.assert_close(map_at(channels, (6, 10)), expected)


# --- shared between runs


def _shared(
    store: TargetCache, network: VGG19, style: Tensor, style_map: Tensor | None = None, factor: float = 0.3
) -> list[StyleTarget]:
    groups = PAPER_SCHEMES["g"].groups
    return store.style(FeatureExtractor(network), groups, style, style_map, map_factor=factor)


def test_a_store_computes_equal_targets_once(exact: VGG19) -> None:
    store = TargetCache(2**30)
    style, class_channels = _picture((48, 56)), _class_channels((48, 56))
    content = store.content(FeatureExtractor(exact), style)
    assert store.content(FeatureExtractor(exact), style.clone()) is content
    assert torch.equal(content, content_target(exact, style, None))
    style_target = _shared(store, exact, style, class_channels)
    assert _shared(store, exact, style.clone(), class_channels.clone()) is style_target
    assert torch.equal(style_target[0].feature, _targets(exact, "g", style, class_channels)[0].feature)


def test_a_store_tells_different_targets_apart(tensors: Mapping[str, Tensor], exact: VGG19) -> None:
    store = TargetCache(2**30)
    style, class_channels = _picture((48, 56)), _class_channels((48, 56))
    other_weights = {**tensors, "conv1_1.bias": tensors["conv1_1.bias"] + 1}
    seen = [
        _shared(store, exact, style, class_channels),
        _shared(store, exact, style),
        _shared(store, exact, style, class_channels, factor=0.4),
        _shared(store, exact, style + 1, class_channels),
        _shared(store, VGG19(tensors), style.float(), class_channels.float()),
        _shared(store, VGG19(other_weights, dtype=torch.float64), style, class_channels),
    ]
    assert len({id(each) for each in seen}) == len(seen)
    assert store.content(FeatureExtractor(exact), style) is not store.content(
        FeatureExtractor(exact, 32), style
    )


def test_a_store_keeps_to_its_memory(exact: VGG19) -> None:
    assert TargetCache().nbytes == 0
    nothing_kept = TargetCache()
    style = _picture((48, 56))
    assert _shared(nothing_kept, exact, style) is not _shared(nothing_kept, exact, style)
    one = sum(target.nbytes for target in _shared(TargetCache(), exact, style))
    store = TargetCache(int(1.5 * one))
    first = _shared(store, exact, style)
    assert store.nbytes == one
    _shared(store, exact, style + 1)
    assert store.nbytes == one, "the one used longest ago is let go"
    assert _shared(store, exact, style) is not first


def test_half_of_a_target_s_memory(tensors: Mapping[str, Tensor]) -> None:
    """Features as float16, rounded from those of float32; a bfloat16 network's have 16 bits as it is."""
    network, style = VGG19(tensors), _picture((72, 64)).float()
    [whole] = _targets(network, "g", style)
    [half] = style_targets(
        FeatureExtractor(network, 32, half=True), PAPER_SCHEMES["g"].groups, style, None, map_factor=0.3
    )
    content = content_target(network, style, None, half=True)
    assert half.feature.dtype == content.dtype == torch.float16
    assert half.feature.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(half.feature.float(), whole.feature, rtol=2**-11, atol=1e-4)
    torch.testing.assert_close(content.float(), content_target(network, style, None), rtol=2**-11, atol=1e-4)
    assert half.gram.dtype == torch.float32
    rough = VGG19(tensors, dtype=torch.bfloat16)
    assert content_target(rough, style, None, half=True).dtype == torch.bfloat16


def test_what_float16_cannot_hold_is_its_largest_number(
    monkeypatch: pytest.MonkeyPatch, tensors: Mapping[str, Tensor]
) -> None:
    """No picture makes such features; if weights did, infinities would spoil every number."""
    network, style = VGG19(tensors), _picture((72, 64)).float()
    looked = tile_features

    def exaggerated(*arguments: Any, **options: Any) -> TileFeatures:
        found = looked(*arguments, **options)
        return replace(found, fused=[1e4 * each for each in found.fused])

    monkeypatch.setattr("glstylenet.objective.tile_features.tile_features", exaggerated)
    content = content_target(network, style, None, half=True)
    assert float(content.max()) == 65504.0


def test_targets_of_both_precisions_are_shared_apart(tensors: Mapping[str, Tensor]) -> None:
    network, style, store = VGG19(tensors), _picture((72, 64)).float(), TargetCache(2**30)
    whole, half = (store.content(FeatureExtractor(network, half=each), style) for each in (False, True))
    assert (whole.dtype, half.dtype) == (torch.float32, torch.float16)
    assert store.content(FeatureExtractor(network, half=True), style) is half
    groups = PAPER_SCHEMES["g"].groups
    [whole_style], [half_style] = (
        store.style(FeatureExtractor(network, half=each), groups, style, None, map_factor=0.3)
        for each in (False, True)
    )
    assert (whole_style.feature.dtype, half_style.feature.dtype) == (torch.float32, torch.float16)
