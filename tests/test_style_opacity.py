"""A style with transparent parts: these are never painted from, in exact and coarse search, in tiles."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from glstylenet.errors import ImageError
from glstylenet.maps import map_at
from glstylenet.matching import StylePatchIndex, match_patches
from glstylenet.matching import index as index_module
from glstylenet.network import VGG19, load_weights
from glstylenet.objective import LossWeights, Objective, StyleGuide, gram
from glstylenet.objective.opacity import check_opacity, counted_patches, counted_positions
from glstylenet.objective.regions import Region
from glstylenet.objective.style_target import style_targets
from glstylenet.objective.target_cache import TargetCache
from glstylenet.objective.tile_features import FeatureExtractor
from glstylenet.pyramid import SCHEMES
from glstylenet.run import plan_run, prepare_inputs, read_sources
from glstylenet.run.start import start_pixels
from glstylenet.settings.model import Settings
from tests.long_cases import rest_is_long

STYLE_SIZE = (64, 96)
WEIGHTS = LossWeights({"local": 100.0, "global": 0.1}, semantic=10.0)


def _noise(seed: int, *shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def _half(size: tuple[int, int] = STYLE_SIZE) -> Tensor:
    """Opaque on the left, up to the middle."""
    alpha = torch.zeros(1, 1, *size)
    alpha[..., : size[1] // 2] = 1
    return alpha


@pytest.fixture(scope="module")
def network() -> VGG19:
    return VGG19(load_weights("").tensors)


@pytest.mark.parametrize("block_bytes", [2**12, 2**16, 2**26])
@pytest.mark.parametrize("with_maps", [False, True])
def test_the_best_of_the_patches_that_remain_is_found(block_bytes: int, with_maps: bool) -> None:
    """By hand: cosines of unfolded patches; those of negative features too, whose best may be below 0."""
    query, style = _noise(1, 1, 5, 9, 8) - 0.8, _noise(2, 1, 5, 10, 12) - 0.2
    maps = (F.one_hot((_noise(seed, *size) * 3).long(), 3).permute(2, 0, 1)[None].float()
            for seed, size in ((3, (9, 8)), (4, (10, 12))))  # fmt: skip
    query_map, style_map = maps
    excluded = _noise(5, 8, 10) < 0.7
    score = torch.zeros(42, 80)
    for ours, theirs, weight in ((query, style, 1.0), (query_map, style_map, 0.3 * with_maps)):
        first, second = (F.normalize(F.unfold(each, 3)[0].T, dim=1) for each in (ours, theirs))
        score += weight * first @ second.T
    score[:, excluded.flatten()] = -np.inf
    found = match_patches(
        query,
        style,
        query_map=query_map if with_maps else None,
        style_map=style_map if with_maps else None,
        map_factor=0.3,
        excluded=excluded,
        block_bytes=block_bytes,
    )
    assert torch.equal(found.index.flatten(), score.argmax(dim=1))
    torch.testing.assert_close(found.similarity.flatten(), score.max(dim=1).values)
    zero = match_patches(torch.zeros_like(query), style, excluded=excluded, block_bytes=block_bytes)
    assert not excluded.flatten()[zero.index].any()  # all are alike; still none of the excluded


def test_the_coarse_to_fine_search_finds_none_of_the_excluded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_module, "EXACT_POSITIONS", 0)
    style = _noise(2, 1, 6, 40, 44)
    for seed, share in ((5, 0.5), (6, 0.999)):
        excluded = _noise(seed, 38, 42) < share
        excluded[:, 21:] = True
        excluded[3, 4] = False
        for query in (_noise(1, 1, 6, 20, 24), style[..., :20, 20:44], torch.zeros(1, 6, 20, 24)):
            found = StylePatchIndex(style, excluded=excluded).search(query)
            assert not excluded.flatten()[found.index].any()
            assert torch.isfinite(found.similarity).all()
    # Of a style whose other half is excluded, the own half is found as without the other.
    excluded = torch.zeros(38, 42, dtype=torch.bool)
    excluded[:, 22:] = True
    found = StylePatchIndex(style, excluded=excluded).search(style[..., :24])
    rows, columns = np.divmod(found.index.numpy(), 42)
    assert (rows == np.arange(38)[:, None]).all()
    assert (columns == np.arange(22)).all()


def test_a_gram_matrix_counts_some_positions_only() -> None:
    feature, counted = _noise(1, 1, 7, 100, 90), _noise(2, 100, 90) < 0.3
    lines = feature[0][:, counted]
    torch.testing.assert_close(gram(feature, region=Region.of(counted)), lines @ lines.T / lines.shape[1])


def test_which_patches_count() -> None:
    alpha = _half((64, 64))
    counted = counted_patches(alpha, (8, 8))
    assert counted is not None
    assert counted.tolist() == [[True, True, False, False, False, False]] * 6  # of columns 0 to 3
    positions = counted_positions(counted)
    assert positions is not None
    assert positions.tolist() == [[True] * 4 + [False] * 4] * 8
    assert counted_patches(None, (8, 8)) is None
    assert counted_patches(torch.full((1, 1, 64, 64), 0.3), (8, 8)) is None  # a wash is a style of its own
    dot = torch.zeros(1, 1, 64, 64)
    dot[..., 24:34, 24:34] = 1  # smaller than any patch: the fullest count
    fullest = counted_patches(dot, (8, 8))
    assert fullest is not None
    assert fullest[1:4, 1:4].any()
    with pytest.raises(ImageError, match="transparent everywhere"):
        counted_patches(torch.zeros(1, 1, 64, 64), (8, 8))
    with pytest.raises(ImageError, match="no opaque part as large as a patch: the fullest patch is there by"):
        check_opacity(dot, [(64, 64), (8, 8)])
    check_opacity(alpha, [(64, 64), (8, 8)])


@pytest.mark.parametrize("side", [None, 32])
@pytest.mark.parametrize("scheme", rest_is_long(["g", "a", "apart"], short=1))
def test_no_match_lies_in_an_empty_part(network: VGG19, scheme: str, side: int | None) -> None:
    style, pixels = 255 * _noise(1, 1, 3, *STYLE_SIZE), 255 * _noise(2, 1, 3, 64, 72)
    # The empty half is what the picture shows: without a mask it would be matched.
    style[..., 48:] = pixels[..., :48]
    halves = torch.cat([torch.ones(1, 1, 64, 72), torch.zeros(1, 1, 64, 72)], 1)
    style_map = torch.cat([1 - _half(), _half()], 1)  # the map, too, leads into the empty half
    guide = StyleGuide(style, style_map, alpha=_half())
    objective = Objective(
        network, SCHEMES[scheme], WEIGHTS, None, [guide], content_map=halves, tile_side=side
    )
    for group, matches in zip(SCHEMES[scheme].groups, objective.match(pixels), strict=True):
        columns = STYLE_SIZE[1] // 2 ** (group[-1] - 1) - 2
        assert int((matches.index % columns).max()) + 3 <= (columns + 2) // 2


@pytest.mark.long
def test_tiles_have_the_numbers_of_the_whole(network: VGG19) -> None:
    style, pixels = 255 * _noise(1, 1, 3, *STYLE_SIZE), 255 * _noise(2, 1, 3, 64, 72)
    guide = StyleGuide(style, alpha=_half())
    whole, tiled = (
        Objective(network, SCHEMES["g"], WEIGHTS, None, [guide], tile_side=side).evaluate(pixels)
        for side in (None, 32)
    )
    for name, value in whole.terms.as_dict().items():
        assert tiled.terms.as_dict()[name] == pytest.approx(value, rel=1e-5)
    torch.testing.assert_close(
        tiled.gradient, whole.gradient, rtol=1e-3, atol=1e-4 * float(whole.gradient.abs().max())
    )


def test_the_gradient_is_that_of_the_loss() -> None:
    """By finite differences, in float64, with the matches held."""
    exact = VGG19(load_weights("").tensors, dtype=torch.float64)
    style, pixels = (255 * _noise(seed, 1, 3, 48, 48).double() for seed in (1, 2))
    guide = StyleGuide(style, alpha=_half((48, 48)))
    objective = Objective(exact, SCHEMES["g"], WEIGHTS, None, [guide])
    gradient = objective.evaluate(pixels, rematch=True).gradient
    direction = _noise(3, *pixels.shape).double() - 0.5
    step = 1e-6
    up, down = (objective.evaluate(pixels + sign * step * direction).terms.total for sign in (1, -1))
    assert (up - down) / (2 * step) == pytest.approx(float((gradient * direction).sum()), rel=1e-4)


def test_the_global_target_is_that_of_the_opaque_part(network: VGG19) -> None:
    style, groups = 255 * _noise(1, 1, 3, *STYLE_SIZE), SCHEMES["g"].groups
    [target] = style_targets(FeatureExtractor(network), groups, style, None, _half(), map_factor=0.0)
    opaque = target.feature[..., :6].flatten(2)[0]
    torch.testing.assert_close(target.gram, opaque @ opaque.T / opaque.shape[1], rtol=1e-4, atol=1.0)


def test_targets_of_another_opacity_are_others(network: VGG19) -> None:
    cache, extractor = TargetCache(2**30), FeatureExtractor(network)
    style, groups = 255 * _noise(1, 1, 3, 64, 64), SCHEMES["g"].groups
    alphas = (None, _half((64, 64)), _half((64, 64)).flip(3))
    targets = [cache.style(extractor, groups, style, None, alpha, map_factor=0.0)[0] for alpha in alphas]
    assert targets[0].counted is None
    assert not torch.equal(targets[1].counted, targets[2].counted)  # type: ignore[arg-type]
    assert cache.style(extractor, groups, style, None, alphas[1], map_factor=0.0)[0] is targets[1]


def _bytes(seed: int, *shape: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def test_what_is_hidden_reaches_no_run() -> None:
    content, style = _bytes(1, 48, 48, 3), _bytes(2, 64, 64, 4)
    style[..., 3] = np.where(np.arange(64) < 40, 255, 0)
    other = style.copy()
    other[:, 40:, :3] = 255
    first, second = (
        prepare_inputs(
            read_sources(content, each, content_map=None, style_map=None, settings=Settings()), Settings()
        )
        for each in (style, other)
    )
    for factor in (1.0, 0.75):
        ours, theirs = (each.scaled((48, 48), factor, torch.device("cpu")) for each in (first, second))
        assert torch.equal(ours.style, theirs.style)
        assert ours.style_alpha is not None
        assert theirs.style_alpha is not None
        assert torch.equal(ours.style_alpha, theirs.style_alpha)
    assert torch.equal(
        start_pixels(first, "tinted", (48, 48), 0), start_pixels(second, "tinted", (48, 48), 0)
    )


@pytest.mark.parametrize("opaque", [0, 10])
def test_a_style_that_is_almost_empty_is_refused(tmp_path: Path, opaque: int) -> None:
    style = _bytes(2, 64, 64, 4)
    style[..., 3] = 0
    style[:opaque, :opaque, 3] = 255
    with pytest.raises(ImageError, match="no opaque part as large as a patch"):
        plan_run(_bytes(1, 64, 64, 3), style)


def test_maps_and_opacity_are_resampled_alike() -> None:
    """Odd sizes: a position counts by the same area of the picture that its classes are taken from."""
    alpha = (_noise(1, 1, 1, 67, 75) > 0.1).float()
    counted = counted_patches(alpha, (9, 10))
    shares = F.avg_pool2d(map_at(alpha, (9, 10)), 3, stride=1)[0, 0]
    expected = shares >= 0.95 * shares.max()
    assert torch.equal(expected if counted is None else counted, expected)
