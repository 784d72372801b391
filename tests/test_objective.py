"""The objective against the paper line by line, and against finite differences."""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

from glstylenet.bench.literal import LiteralObjective, LiteralWeights, patch_vectors
from glstylenet.bench.plain_vgg import PlainVGG19
from glstylenet.errors import UsageError
from glstylenet.machine.stopwatch import Stopwatch
from glstylenet.matching import index
from glstylenet.matching.exact import Matches
from glstylenet.network import banded_block
from glstylenet.network.layers import CONTENT_LAYER, LAYER_NAMES
from glstylenet.network.protocol import FeatureSink, features
from glstylenet.network.vgg import VGG19, SavedForBackward
from glstylenet.objective.gram import global_loss, gram
from glstylenet.objective.objective import Objective
from glstylenet.objective.styles import StyleGuide
from glstylenet.objective.terms import Evaluation, LossWeights
from glstylenet.objective.tile_features import TileFeatures
from glstylenet.pyramid.schemes import SCHEMES
from glstylenet.pyramid.tiles import cut_into_tiles
from glstylenet.settings.model import Settings
from tests.long_cases import rest_is_long
from tests.losses import loss_terms, loss_weights
from tests.networks import exact, network, tensors

__all__ = ["exact", "network", "tensors"]  # fixtures

SIZE, STYLE_SIZE = (48, 40), (40, 56)
CLASSES = 3
PAPER = loss_weights(content=10.0, local=100.0, semantic=10.0, global_=0.1, smoothness=1.0)


def _picture(seed: int, size: tuple[int, int], dtype: torch.dtype = torch.float64) -> Tensor:
    """Coloured blotches with noise, so that no two patches are alike."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand((1, 3, 5, 5), generator=generator, dtype=torch.float64)
    smooth = torch.nn.functional.interpolate(coarse, size=size, mode="bilinear", align_corners=False)
    noise = torch.rand((1, 3, *size), generator=generator, dtype=torch.float64)
    return (255.0 * (0.7 * smooth + 0.3 * noise)).to(dtype)


def _class_map(seed: int, size: tuple[int, int], dtype: torch.dtype = torch.float64) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    blocks = torch.randint(CLASSES, (-(-size[0] // 8), -(-size[1] // 8)), generator=generator)
    labels = blocks.repeat_interleave(8, 0).repeat_interleave(8, 1)[: size[0], : size[1]]
    return torch.nn.functional.one_hot(labels, CLASSES).permute(2, 0, 1)[None].to(dtype)


def _pair(
    network: VGG19, scheme: str = "g", weights: LossWeights = PAPER, *, maps: bool = False
) -> tuple[Objective, LiteralObjective, Tensor]:
    """Ours, the paper's, and the pixels to look at; all of ``network``'s type."""
    dtype = network.dtype
    content, style = _picture(1, SIZE, dtype), _picture(2, STYLE_SIZE, dtype)
    content_map = _class_map(3, SIZE, dtype) if maps else None
    style_map = _class_map(4, STYLE_SIZE, dtype) if maps else None
    ours = Objective(
        network, SCHEMES[scheme], weights, content, [StyleGuide(style, style_map)], content_map=content_map
    )
    plain = PlainVGG19(network._weights, dtype=dtype)
    papers = LiteralWeights(
        weights["content"], weights["local"], weights.semantic, weights["global"], weights["smoothness"]
    )
    literal = LiteralObjective(plain, SCHEMES[scheme], papers, content, style, content_map, style_map)
    return ours, literal, _picture(5, SIZE, dtype)


@pytest.mark.parametrize("maps", [False, True])
@pytest.mark.parametrize("scheme", rest_is_long(["g", *sorted(set(SCHEMES) - {"g"})], short=2))
def test_equals_the_paper_line_by_line(exact: VGG19, scheme: str, maps: bool) -> None:
    """Loss and gradient, with the nearest neighbours found for these very pixels."""
    ours, literal, pixels = _pair(exact, scheme, maps=maps)
    loss, gradient = literal.evaluate(pixels)
    ours.match(pixels)
    found = ours.evaluate(pixels)
    assert found.terms.total == pytest.approx(loss, rel=1e-9)
    assert found.gradient.shape == pixels.shape
    assert float((found.gradient - gradient).norm() / gradient.norm()) < 1e-9


def test_the_maps_change_the_matches(exact: VGG19) -> None:
    """Else the comparison with maps would show nothing."""
    plain, _, pixels = _pair(exact)
    steered, _, _ = _pair(exact, maps=True)
    (with_none,), (with_maps,) = plain.match(pixels), steered.match(pixels)
    assert float((with_none.index != with_maps.index).double().mean()) > 0.2


def test_float32_equals_the_paper_too(network: VGG19) -> None:
    """What a run computes in. Rounding in a network of nine convolutions: a few 1e-6."""
    ours, literal, pixels = _pair(network, maps=True)
    loss, gradient = literal.evaluate(pixels)
    ours.match(pixels)
    found = ours.evaluate(pixels)
    assert found.terms.total == pytest.approx(loss, rel=1e-5)
    assert float((found.gradient - gradient).norm() / gradient.norm()) < 1e-4
    assert found.gradient.dtype == torch.float32


def test_every_term_equals_the_paper_s_with_the_other_weights_zero(exact: VGG19) -> None:
    ours, _, pixels = _pair(exact)
    terms = ours.terms(pixels)
    for name, value in terms.values.items():
        _, literal, _ = _pair(exact, weights=LossWeights({name: PAPER[name]}, semantic=10.0))
        with torch.no_grad():
            assert value == pytest.approx(float(literal.total(pixels)), rel=1e-9)
        assert value > 0


@pytest.mark.parametrize("scheme", ["g", "h"])
def test_the_gradient_is_that_of_finite_differences(exact: VGG19, scheme: str) -> None:
    """Of the whole, with the matches held, in random pixels: float64, central differences."""
    ours, _, pixels = _pair(exact, scheme, maps=True)
    ours.match(pixels)
    gradient = ours.evaluate(pixels).gradient
    generator = torch.Generator().manual_seed(7)
    step = 1e-4
    for place in torch.randint(pixels.numel(), (3,), generator=generator).tolist():
        nudge = torch.zeros_like(pixels)
        nudge.view(-1)[place] = step
        up, down = (ours.evaluate(pixels + sign * nudge).terms.total for sign in (1, -1))
        expected = gradient.view(-1)[place].item()
        assert (up - down) / (2 * step) == pytest.approx(expected, rel=1e-5, abs=1e-6)


def test_a_rematch_is_a_match_and_an_evaluation(exact: VGG19) -> None:
    """And holds what it found."""
    ours, _, pixels = _pair(exact, "h", maps=True)
    ours.match(_picture(8, SIZE))
    at_once = ours.evaluate(pixels, rematch=True)
    held = ours.evaluate(pixels)
    again, _, _ = _pair(exact, "h", maps=True)
    again.match(pixels)
    apart = again.evaluate(pixels)
    for found in (at_once, held):
        assert found.terms == apart.terms
        assert torch.equal(found.gradient, apart.gradient)


def test_matches_are_held_until_asked_again(exact: VGG19) -> None:
    ours, literal, pixels = _pair(exact)
    elsewhere = _picture(8, SIZE)
    ours.match(elsewhere)
    held = ours.evaluate(pixels).terms
    assert ours.evaluate(pixels).terms == held
    fresh = ours.terms(pixels)
    with torch.no_grad():
        assert fresh.total == pytest.approx(float(literal.total(pixels)), rel=1e-9)
    # Others' index fit worse than one's own, and only the local term knows of them.
    assert held["local"] > fresh["local"]
    assert (held["content"], held["global"], held["smoothness"]) == pytest.approx(
        (fresh["content"], fresh["global"], fresh["smoothness"]), rel=1e-12
    )


def test_the_first_evaluation_matches_by_itself(exact: VGG19) -> None:
    ours, _, pixels = _pair(exact)
    first = ours.evaluate(pixels).terms
    again, _, _ = _pair(exact)
    assert first == again.terms(pixels)


def test_terms_are_the_evaluation_s_with_fresh_matches(exact: VGG19) -> None:
    ours, _, pixels = _pair(exact, maps=True)
    terms = ours.terms(pixels)
    assert ours.evaluate(pixels).terms.as_dict() == pytest.approx(terms.as_dict(), rel=1e-12)


def test_matches_cover_every_group(exact: VGG19) -> None:
    for scheme in ("g", "h"):
        ours, _, pixels = _pair(exact, scheme)
        shapes = [tuple(found.index.shape) for found in ours.match(pixels)]
        assert shapes == [(h - 2, w - 2) for h, w, _ in SCHEMES[scheme].shapes(SIZE)]


def _listen(network: VGG19, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """A diary of the layers that are asked for, with or without a backward pass."""
    asked: list[tuple[str, ...]] = []
    forward = network.forward

    def record(
        pixels: Tensor, layers: tuple[str, ...], sink: FeatureSink, **options: Any
    ) -> SavedForBackward:
        asked.append(tuple(layers))
        return forward(pixels, layers, sink, **options)

    monkeypatch.setattr(network, "forward", record)
    return asked


def test_a_weight_of_zero_is_not_computed(exact: VGG19, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = _listen(exact, monkeypatch)
    nothing = loss_weights(content=0.0, local=0.0, semantic=10.0, global_=0.0, smoothness=0.0)
    ours, _, pixels = _pair(exact, weights=nothing)
    assert ours.match(pixels) == []
    found = ours.evaluate(pixels)
    assert ours.terms(pixels) == found.terms
    assert asked == []
    assert found.terms == loss_terms(0.0, 0.0, 0.0, 0.0)
    assert torch.equal(found.gradient, torch.zeros_like(pixels))


def test_without_local_weight_nothing_is_matched(exact: VGG19) -> None:
    weights = loss_weights(content=10.0, local=0.0, semantic=10.0, global_=0.1, smoothness=1.0)
    ours, literal, pixels = _pair(exact, weights=weights)
    assert ours.match(pixels) == []
    found = ours.evaluate(pixels)
    assert found.terms["local"] == 0.0
    assert found.terms.total == pytest.approx(literal.evaluate(pixels)[0], rel=1e-9)


def test_the_content_alone_looks_at_its_layer_only(exact: VGG19, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = _listen(exact, monkeypatch)
    weights = loss_weights(content=10.0, local=0.0, semantic=0.0, global_=0.0, smoothness=0.0)
    ours, _, pixels = _pair(exact, "b", weights)
    assert ours.evaluate(pixels).terms["content"] > 0
    assert set(asked) == {(LAYER_NAMES[CONTENT_LAYER],)}
    ours.terms(ours.evaluate(_picture(5, SIZE)).gradient)
    assert set(asked) == {(LAYER_NAMES[CONTENT_LAYER],)}


def test_smoothness_alone(exact: VGG19) -> None:
    weights = loss_weights(content=0.0, local=0.0, semantic=0.0, global_=0.0, smoothness=2.0)
    ours, _, _ = _pair(exact, weights=weights)
    pixels = torch.zeros(1, 3, *SIZE, dtype=torch.float64)
    pixels[:, :, 0, 0] = 6.0  # one step down and one across in each of the three channels
    down, across = (SIZE[0] - 1) * SIZE[1], SIZE[0] * (SIZE[1] - 1)
    found = ours.evaluate(pixels)
    assert found.terms["smoothness"] == pytest.approx(2.0 * (36.0 / down + 36.0 / across))
    assert found.gradient[0, 0, 0, 0].item() == pytest.approx(2.0 * 12.0 * (1 / down + 1 / across) / 3)


def test_a_doodle_has_no_content(exact: VGG19) -> None:
    weights = loss_weights(content=0.0, local=100.0, semantic=10.0, global_=0.1, smoothness=1.0)
    ours = Objective(exact, SCHEMES["g"], weights, None, [StyleGuide(_picture(2, STYLE_SIZE))])
    _, literal, pixels = _pair(exact, weights=weights)
    found = ours.evaluate(pixels)
    assert found.terms["content"] == 0.0
    assert found.terms.total == pytest.approx(literal.evaluate(pixels)[0], rel=1e-9)


def test_the_content_itself_costs_no_content(exact: VGG19) -> None:
    ours, _, _ = _pair(exact)
    assert ours.terms(_picture(1, SIZE))["content"] == 0.0


def test_the_style_itself_costs_no_style(exact: VGG19) -> None:
    """Every patch finds itself, and the Gram matrices agree."""
    style = _picture(2, STYLE_SIZE)
    ours = Objective(exact, SCHEMES["g"], PAPER, style, [StyleGuide(style)])
    terms = ours.terms(style)
    assert terms["local"] == pytest.approx(0.0, abs=1e-9)
    assert terms["global"] == pytest.approx(0.0, abs=1e-9)
    assert terms["content"] == 0.0


def test_terms_in_words() -> None:
    terms = loss_terms(content=1.0, local=2.0, global_=4.0, smoothness=8.0)
    assert terms.total == 15.0
    assert terms.as_dict() == {"content": 1.0, "local": 2.0, "global": 4.0, "smoothness": 8.0, "total": 15.0}
    assert all(math.isfinite(value) for value in terms.as_dict().values())


def test_seconds_are_told_by_part(exact: VGG19) -> None:
    watch = Stopwatch()
    objective = Objective(
        exact, SCHEMES["g"], PAPER, _picture(1, SIZE), [StyleGuide(_picture(2, STYLE_SIZE))], stopwatch=watch
    )
    assert set(watch.seconds) == {"network"}
    objective.evaluate(_picture(5, SIZE))
    assert set(watch.seconds) == {"network", "matching", "content", "local", "global", "smoothness"}
    assert all(seconds > 0 for seconds in watch.seconds.values())
    searched = watch.seconds["matching"]
    objective.evaluate(_picture(5, SIZE))  # held matches take no search
    assert watch.seconds["matching"] == searched


# Tiles: whatever is evaluated in tiles must be the number of the whole. Both sizes are odd in both
# directions, at every layer; a tile of 32 pixels is shown as at most 112, and no crop is the whole picture.
WIDE, WIDE_STYLE = (211, 173), (150, 190)
STRIP, STRIP_STYLE = (211, 61), (100, 91)


class Tiled:
    """Objectives on the same pictures that differ only in their tiles, and what they found at ``pixels``."""

    def __init__(
        self,
        network: VGG19,
        size: tuple[int, int] = STRIP,
        style_size: tuple[int, int] = STRIP_STYLE,
        *,
        scheme: str = "g",
        weights: LossWeights = PAPER,
        maps: bool = True,
    ) -> None:
        dtype = torch.promote_types(network.dtype, torch.float32)
        self._network, self._scheme, self._weights = network, SCHEMES[scheme], weights
        self._content, self._style = _picture(1, size, dtype), _picture(2, style_size, dtype)
        self._content_map = _class_map(3, size, dtype) if maps else None
        self._style_map = _class_map(4, style_size, dtype) if maps else None
        self.pixels = _picture(5, size, dtype)

    def objective(
        self, side: int | None, kept: int | None = None, *, half_features: bool = False
    ) -> Objective:
        return Objective(
            self._network,
            self._scheme,
            self._weights,
            self._content,
            [StyleGuide(self._style, self._style_map)],
            content_map=self._content_map,
            tile_side=side,
            cached_tiles=kept,
            half_features=half_features,
        )

    def evaluated(self, side: int | None, kept: int | None = None) -> tuple[Evaluation, list[Matches]]:
        objective = self.objective(side, kept)
        found = objective.evaluate(self.pixels, rematch=True)
        return found, [] if objective._local is None else objective._local.matches


def _same(found: Evaluation, expected: Evaluation, tolerance: float) -> None:
    """Each of the four terms, and the gradient: as a whole, and in the pixel where it differs most."""
    assert found.terms.as_dict() == pytest.approx(expected.terms.as_dict(), rel=tolerance, abs=0)
    difference = found.gradient - expected.gradient
    assert float(difference.norm() / expected.gradient.norm()) < tolerance
    assert float(difference.abs().max() / expected.gradient.abs().max()) < tolerance


def _same_matches(found: list[Matches], expected: list[Matches]) -> None:
    assert len(found) == len(expected) > 0
    for ours, theirs in zip(found, expected, strict=True):
        assert torch.equal(ours.index, theirs.index)
        torch.testing.assert_close(ours.similarity, theirs.similarity, rtol=0, atol=1e-5)


@pytest.mark.parametrize("scheme", rest_is_long(["g", *sorted(set(SCHEMES) - {"g"})], short=1))
def test_tiles_give_the_numbers_of_the_whole(network: VGG19, scheme: str) -> None:
    """With 4 and 3 tiles, in one scheme with 14 too. Rounding alone: about 1e-6 in float32."""
    pictures = Tiled(network, scheme=scheme)
    expected, expected_matches = pictures.evaluated(None)
    assert min(expected.terms.as_dict().values()) > 0
    for side in (32, 64, 96) if scheme == "g" else (64, 96):
        assert len(cut_into_tiles(STRIP, side)) > 1
        found, matches = pictures.evaluated(side)
        _same_matches(matches, expected_matches)
        _same(found, expected, 1e-5)


@pytest.mark.long
@pytest.mark.parametrize("scheme", ["g", "a", "f", "h"])
def test_bands_give_the_numbers_of_one(network: VGG19, scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the real network, whose convolutions take several ways, whole and in tiles."""
    pictures = Tiled(network, scheme=scheme)
    expected, expected_matches = pictures.evaluated(None)
    monkeypatch.setattr(banded_block, "_BAND_ENTRIES", 1)
    for side in (None, 64):
        found, matches = pictures.evaluated(side)
        _same_matches(matches, expected_matches)
        _same(found, expected, 1e-5)


@pytest.mark.long
def test_tiles_in_both_directions_give_the_numbers_of_the_whole(network: VGG19, exact: VGG19) -> None:
    """Tiles with neighbours on every side, in corners and along each border; the style in tiles too."""
    for computing, side, tolerance in ((network, 96, 1e-5), (exact, 64, 1e-12)):
        pictures = Tiled(computing, WIDE, WIDE_STYLE)
        expected, expected_matches = pictures.evaluated(None)
        found, matches = pictures.evaluated(side)
        _same_matches(matches, expected_matches)
        _same(found, expected, tolerance)


@pytest.mark.long
def test_every_look_at_a_tile_is_announced(network: VGG19) -> None:
    """What keeps memory within its plan is asked before each: targets, the first visit and the second.

    And once more at the end, before the optimiser makes vectors.
    """
    pictures, asked, told = Tiled(network, maps=False), 0, 0

    def ask() -> None:
        nonlocal asked
        asked += 1

    def emit() -> None:
        nonlocal told
        assert asked == 3 * content + style
        told += 1

    content, style = (len(cut_into_tiles(size, 64)) for size in (STRIP, STRIP_STYLE))
    for kept in (0, 2, None):
        asked = told = 0
        objective = Objective(
            network,
            SCHEMES["g"],
            PAPER,
            pictures._content,
            [StyleGuide(pictures._style)],
            tile_side=64,
            cached_tiles=kept,
            between_tiles=ask,
            after_tiles=emit,
        )
        assert asked == content + style
        objective.evaluate(pictures.pixels)
        assert (asked, told) == (3 * content + style, 1)


@pytest.mark.long
@pytest.mark.parametrize("kept", [0, 1, 3])
@pytest.mark.parametrize("scheme", ["a", "g", "h"])
def test_what_is_kept_of_tiles_changes_nothing(network: VGG19, scheme: str, kept: int) -> None:
    pictures = Tiled(network, scheme=scheme)
    expected, _ = pictures.evaluated(64)
    found, _ = pictures.evaluated(64, kept)
    assert found.terms == expected.terms
    assert torch.equal(found.gradient, expected.gradient)
    assert pictures.objective(64, kept).terms(pictures.pixels) == expected.terms


@pytest.mark.long
@pytest.mark.parametrize("kept", [0, 1, None])
@pytest.mark.parametrize("scheme", ["a", "g", "h"])
def test_features_in_half_precision_are_nearly_the_same(
    network: VGG19, scheme: str, kept: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of content and style, and of tiles that wait. Matches may be others where two are as good; so the same
    ones are held for both."""
    pictures = Tiled(network, scheme=scheme)
    whole, half = pictures.objective(None), pictures.objective(64, kept, half_features=True)
    content = half._terms[0].targets.content
    assert content is not None
    assert content.dtype == torch.float16
    expected = whole.evaluate(pictures.pixels, rematch=True)
    assert half._local is not None
    assert whole._local is not None
    half._local.matches = whole._local.matches
    waited: list[torch.dtype] = []
    first_pass = half._first_pass

    def watched(*arguments: Any, **options: Any) -> dict[int, TileFeatures]:
        cached = first_pass(*arguments, **options)
        waited.extend(fused.dtype for features in cached.values() for fused in features.fused)
        return cached

    monkeypatch.setattr(half, "_first_pass", watched)
    found = half.evaluate(pictures.pixels)
    assert set(waited) == (set() if kept == 0 else {torch.float16})
    _same(found, expected, 1e-4)


@pytest.mark.long
def test_a_breakdown_in_half_precision_is_nearly_the_same(network: VGG19) -> None:
    pictures = Tiled(network, scheme="g")
    whole, half = pictures.objective(None), pictures.objective(64, half_features=True)
    expected, found = whole.loss_maps(pictures.pixels), half.loss_maps(pictures.pixels)
    assert found.terms.as_dict() == pytest.approx(expected.terms.as_dict(), rel=1e-3)  # other matches, too
    assert half.terms(pictures.pixels).as_dict() == pytest.approx(found.terms.as_dict(), rel=1e-9)
    assert found.content is not None
    assert float(found.content.sum()) == pytest.approx(found.terms["content"], rel=1e-6)
    assert sum(float(part.sum()) for part in found.local) == pytest.approx(found.terms["local"], rel=1e-5)


@pytest.mark.long
@pytest.mark.parametrize("scheme", ["g", "h"])
def test_in_exact_numbers_tiles_are_the_whole(exact: VGG19, scheme: str) -> None:
    """In float64 nothing but the last digits is left of the difference."""
    pictures = Tiled(exact, scheme=scheme)
    expected, expected_matches = pictures.evaluated(None)
    found, matches = pictures.evaluated(64)
    _same_matches(matches, expected_matches)
    _same(found, expected, 1e-12)


def test_terms_of_tiles_are_those_of_the_whole(network: VGG19) -> None:
    pictures = Tiled(network)
    expected = pictures.objective(None).terms(pictures.pixels)
    found = pictures.objective(64).terms(pictures.pixels)
    assert found.as_dict() == pytest.approx(expected.as_dict(), rel=1e-5, abs=0)


ALONE = loss_weights(content=0.0, local=0.0, semantic=10.0, global_=0.0, smoothness=0.0)


@pytest.mark.parametrize(
    ("weights", "maps"),
    rest_is_long(
        [
            (PAPER.replace({"content": 0.0}), True),
            (ALONE.replace({"local": 100.0}), True),
            (PAPER, False),
            (ALONE.replace({"content": 10.0}), True),
            (ALONE.replace({"global": 0.1}), True),
            (ALONE.replace({"smoothness": 1.0}), False),
            (replace(PAPER, semantic=0.0), True),
        ],
        short=2,
    ),
    ids=["style", "local", "no maps", "content", "global", "smoothness", "blind"],
)
def test_tiles_of_some_terms_are_the_whole(network: VGG19, weights: LossWeights, maps: bool) -> None:
    pictures = Tiled(network, weights=weights, maps=maps)
    expected, expected_matches = pictures.evaluated(None)
    found, matches = pictures.evaluated(64)
    assert expected.terms.total > 0
    _same(found, expected, 1e-5)
    if weights["local"] > 0:
        _same_matches(matches, expected_matches)


@pytest.mark.long
def test_held_matches_serve_every_tile(network: VGG19) -> None:
    """Found elsewhere, and held for pixels they were not found for; twice, since they are to stay."""
    pictures = Tiled(network, scheme="h")
    elsewhere = _picture(8, STRIP, torch.float32)
    whole, tiled = pictures.objective(None), pictures.objective(32)
    _same_matches(tiled.match(elsewhere), whole.match(elsewhere))
    expected = whole.evaluate(pictures.pixels)
    for _ in range(2):
        _same(tiled.evaluate(pictures.pixels), expected, 1e-5)
    fresh = tiled.evaluate(pictures.pixels, rematch=True)
    assert fresh.terms["local"] < 0.99 * expected.terms["local"]


@pytest.mark.long
def test_a_doodle_in_tiles(network: VGG19) -> None:
    """No content at all, not merely no weight."""
    weights = PAPER.replace({"content": 0.0})
    style, pixels = (_picture(seed, size, torch.float32) for seed, size in ((2, STRIP_STYLE), (5, STRIP)))
    expected, found = (
        Objective(network, SCHEMES["g"], weights, None, [StyleGuide(style)], tile_side=side).evaluate(pixels)
        for side in (None, 64)
    )
    assert expected.terms["content"] == 0.0
    _same(found, expected, 1e-5)


@pytest.mark.long
def test_a_large_style_is_searched_alike_in_every_tile(
    network: VGG19, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where not every patch is compared, which are must not depend on the tiles."""
    pictures = Tiled(network, STRIP, (243, 211))
    pixels = pictures.pixels
    exact_matches = pictures.objective(None).match(pixels)
    monkeypatch.setattr(index, "EXACT_POSITIONS", 50)
    expected = pictures.objective(None).match(pixels)
    assert not torch.equal(expected[0].index, exact_matches[0].index)  # another search indeed
    for side in (32, 64):
        _same_matches(pictures.objective(side).match(pixels), expected)


@pytest.mark.long
def test_tiles_in_bfloat16(tensors: Mapping[str, Tensor]) -> None:
    """A gradient's three digits: what two crops add to a pixel is rounded for each apart, on its way back
    through nine convolutions. That is 3e-3 here, a tenth of what bfloat16 costs at all.

    On the way in, a feature whose last digit was rounded the other way, as another order of summation may
    do, differs by 2^-8; a term is a mean over 10^5 of them, and keeps five digits.
    """
    network = VGG19(tensors, dtype=torch.bfloat16)
    pictures = Tiled(network)
    expected, _ = pictures.evaluated(None)
    found, _ = pictures.evaluated(64)
    assert found.terms.as_dict() == pytest.approx(expected.terms.as_dict(), rel=1e-4, abs=0)
    difference = found.gradient - expected.gradient
    assert float(difference.norm() / expected.gradient.norm()) < 0.01
    assert float(difference.abs().max() / expected.gradient.abs().max()) < 0.02


@pytest.mark.long
@pytest.mark.parametrize("tile_side", [32, None])
@pytest.mark.parametrize("scheme", ["g", "h", "a"])
def test_a_breakdown_adds_up_to_the_terms(exact: VGG19, scheme: str, tile_side: int | None) -> None:
    content, style = _picture(1, (70, 66)), _picture(2, STYLE_SIZE)
    objective = Objective(exact, SCHEMES[scheme], PAPER, content, [StyleGuide(style)], tile_side=tile_side)
    pixels = _picture(5, (70, 66))
    found = objective.loss_maps(pixels)
    terms = objective.terms(pixels)
    assert found.terms == terms
    assert found.content is not None
    assert found.content.shape == (70 // 8, 66 // 8)
    assert float(found.content.sum()) == pytest.approx(terms["content"], rel=1e-9)
    assert sum(float(part.sum()) for part in found.local) == pytest.approx(terms["local"], rel=1e-9)
    for part, matches in zip(found.local, found.matches, strict=True):
        assert part.shape == matches.index.shape
    assert len(found.local) == len(SCHEMES[scheme].groups)


def test_a_breakdown_tells_where(exact: VGG19) -> None:
    """The content's part is 0 wherever the network sees no change, and largest where there is one."""
    content = _picture(1, (96, 96))
    pixels = content.clone()
    pixels[..., 80:, 80:] = 0.0
    weights = loss_weights(content=10.0, local=0.0, semantic=0.0, global_=0.0, smoothness=0.0)
    found = Objective(exact, SCHEMES["g"], weights, content, [StyleGuide(_picture(2, STYLE_SIZE))]).loss_maps(
        pixels
    )
    assert found.local == [] == found.matches
    assert found.content is not None
    assert float(found.content[:5, :5].abs().max()) == 0.0  # sees pixels up to 8 * 4 + 37
    assert divmod(int(found.content.argmax()), 12) >= (9, 0)
    assert int(found.content.argmax()) % 12 >= 9


class _StandIn:
    """For a replay, which a CPU has not: it does the work again, on the same places in memory."""

    made: ClassVar[list[Tensor]] = []

    def __init__(self, work: Callable[[Tensor], tuple[Tensor, ...]], like: Tensor) -> None:
        self._work, self._argument = work, like.clone()
        self.made.append(like)
        self.asked = 0

    def fits(self, argument: Tensor) -> bool:
        return argument.shape == self._argument.shape

    def __call__(self, argument: Tensor) -> tuple[Tensor, ...]:
        self.asked += 1
        return tuple(result.clone() for result in self._work(self._argument.copy_(argument)))


@pytest.fixture
def replays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("glstylenet.objective.objective.CudaGraph", _StandIn)
    monkeypatch.setattr("glstylenet.objective.objective.is_worthwhile", lambda _pixels: True)
    monkeypatch.setattr(_StandIn, "made", [])


@pytest.mark.long
@pytest.mark.usefixtures("replays")
@pytest.mark.parametrize("scheme", rest_is_long(["g", "h"], short=1))
def test_a_replay_reads_the_matches_where_they_were(exact: VGG19, scheme: str) -> None:
    """From the second evaluation on that holds matches; what is matched anew after that is written there."""
    ours, literal, _ = _pair(exact, scheme)
    for number, rematch in enumerate([True, True, False, True, False, False]):
        pixels = _picture(6 + number, SIZE)
        if rematch:
            expected, gradient = literal.evaluate(pixels)
            found = ours.evaluate(pixels, rematch=True)
            assert found.terms.total == pytest.approx(expected, rel=1e-9)
            torch.testing.assert_close(found.gradient, gradient, rtol=1e-7, atol=1e-9)
            matched = pixels
        else:
            with_held = ours.evaluate(pixels)
            fresh = _pair(exact, scheme)[0]
            fresh.match(matched)
            _same(with_held, fresh.evaluate(pixels), 1e-9)
        if number == 1:
            assert not _StandIn.made
        assert ours._local is not None
        if number == 2:
            places = [target.mean.data_ptr() for target in ours._local._votes]
    assert len(_StandIn.made) == 1
    assert isinstance(ours._graph, _StandIn)
    assert ours._graph.asked == 3
    assert [target.mean.data_ptr() for target in ours._local._votes] == places


@pytest.mark.long
@pytest.mark.usefixtures("replays")
@pytest.mark.parametrize("side", [32, 96])
def test_tiles_are_not_replayed(network: VGG19, side: int) -> None:
    """Not even a single one: between tiles memory may be given back."""
    content, style, pixels = (_picture(seed, (96, 96), torch.float32) for seed in (1, 2, 3))
    objective = Objective(network, SCHEMES["g"], PAPER, content, [StyleGuide(style)], tile_side=side)
    for _ in range(3):
        objective.evaluate(pixels)
    assert not _StandIn.made


@pytest.mark.usefixtures("replays")
def test_other_pixels_than_were_recorded_are_not_replayed(exact: VGG19) -> None:
    weights = loss_weights(content=0.0, local=0.0, semantic=0.0, global_=1.0, smoothness=1.0)
    objective = Objective(exact, SCHEMES["g"], weights, None, [StyleGuide(_picture(2, STYLE_SIZE))])
    small, large = _picture(5, SIZE), _picture(5, (56, 48))
    expected = objective.evaluate(large)
    objective.evaluate(small)
    assert objective._graph is not None
    _same(objective.evaluate(large), expected, 1e-12)


# --- several styles


def _deepest(network: VGG19, pixels: Tensor) -> Tensor:
    name = LAYER_NAMES[CONTENT_LAYER]
    return features(network, pixels, (name,))[name]


def _styles(dtype: torch.dtype, *weights: float) -> list[StyleGuide]:
    """Styles of different sizes with maps of the same classes."""
    sizes = (STYLE_SIZE, (56, 48), (48, 64))
    return [
        StyleGuide(_picture(20 + seed, size, dtype), _class_map(30 + seed, size, dtype), weight)
        for seed, (size, weight) in enumerate(zip(sizes, weights, strict=False))
    ]


@pytest.mark.long
@pytest.mark.parametrize("scheme", ["g", "h"])
@pytest.mark.parametrize("side", [None, 32])
def test_a_style_of_weight_0_changes_nothing(network: VGG19, scheme: str, side: int | None) -> None:
    pixels, content = _picture(5, (72, 64), torch.float32), _picture(1, (72, 64), torch.float32)
    content_map = _class_map(3, (72, 64), torch.float32)
    alone, beside = (
        Objective(
            network, SCHEMES[scheme], PAPER, content, styles, content_map=content_map, tile_side=side
        ).evaluate(pixels)
        for styles in (_styles(torch.float32, 1.0), _styles(torch.float32, 1.0, 0.0))
    )
    assert beside.terms == alone.terms
    assert torch.equal(beside.gradient, alone.gradient)


def test_no_style_of_positive_weight_is_refused(network: VGG19) -> None:
    with pytest.raises(UsageError, match="none of the 2 styles"):
        Objective(network, SCHEMES["g"], PAPER, None, _styles(torch.float32, 0.0, 0.0))


@pytest.mark.long
@pytest.mark.parametrize("maps", [True, False])
def test_several_styles_are_one_pool_of_patches(exact: VGG19, maps: bool) -> None:
    """Every patch has the neighbour that is nearest in any style; the local loss is the literal one to it."""
    pixels, content = _picture(5, SIZE), _picture(1, SIZE)
    weights = loss_weights(local=100.0, semantic=10.0)
    content_map = _class_map(3, SIZE) if maps else None
    styles = _styles(torch.float64, 1.0, 1.0, 1.0)
    together = Objective(exact, SCHEMES["c"], weights, content, styles, content_map=content_map)
    apart = [
        Objective(exact, SCHEMES["c"], weights, content, [style], content_map=content_map) for style in styles
    ]
    [pool] = together.match(pixels)
    found = [objective.match(pixels)[0] for objective in apart]
    nearest = torch.stack([matches.similarity for matches in found]).max(dim=0)
    torch.testing.assert_close(pool.similarity, nearest.values)
    counts = [(style.picture.shape[-2] // 8 - 2) * (style.picture.shape[-1] // 8 - 2) for style in styles]
    first = torch.tensor([0, counts[0], counts[0] + counts[1]])
    index = torch.stack([matches.index for matches in found]).gather(0, nearest.indices[None])[0]
    assert torch.equal(pool.index, first[nearest.indices] + index)
    assert len(set(nearest.indices.flatten().tolist())) >= 2, "more than one style has some patch"
    feature = _deepest(exact, pixels)
    vectors = torch.cat([patch_vectors(_deepest(exact, style.picture)) for style in styles], dim=1)
    literal = (patch_vectors(feature) - vectors[:, pool.index.flatten()]).square().mean()
    found_terms = together.evaluate(pixels).terms
    assert found_terms["local"] == pytest.approx(100.0 * float(literal), rel=1e-9)


def test_several_styles_gradient_agrees_with_finite_differences(exact: VGG19) -> None:
    pixels, content = _picture(5, SIZE), _picture(1, SIZE)
    styles = _styles(torch.float64, 1.0, 0.5)
    objective = Objective(exact, SCHEMES["g"], PAPER, content, styles, content_map=_class_map(3, SIZE))
    objective.match(pixels)
    found = objective.evaluate(pixels)
    direction = _picture(9, SIZE) - 127.5
    step = 1e-7
    above, below = (objective.evaluate(pixels + sign * step * direction).terms.total for sign in (1, -1))
    slope = float((found.gradient * direction).sum())
    assert (above - below) / (2 * step) == pytest.approx(slope, rel=1e-6)


def test_gram_matrices_are_mixed_by_weight(exact: VGG19) -> None:
    pixels = _picture(5, SIZE)
    weights = loss_weights(global_=1.0)
    styles = _styles(torch.float64, 3.0, 1.0)
    found = Objective(exact, SCHEMES["c"], weights, None, styles).evaluate(pixels).terms["global"]
    one, other = (gram(_deepest(exact, style.picture)) for style in styles)
    mixed = 0.75 * one + 0.25 * other
    assert found == pytest.approx(float(global_loss(gram(_deepest(exact, pixels)), mixed)), rel=1e-9)


def test_a_style_with_more_weight_is_preferred_between_equals(exact: VGG19) -> None:
    picture, pixels = _picture(2, STYLE_SIZE), _picture(5, SIZE)
    weights = loss_weights(local=1.0)
    for number, style_weights in enumerate([(2.0, 1.0), (1.0, 2.0)]):
        styles = [StyleGuide(picture, None, weight) for weight in style_weights]
        [matches] = Objective(exact, SCHEMES["c"], weights, None, styles).match(pixels)
        patches = (STYLE_SIZE[0] // 8 - 2) * (STYLE_SIZE[1] // 8 - 2)
        assert bool((matches.index // patches == number).all())


# --- a term of one's own


@pytest.mark.usefixtures("brightness_term")
def test_a_registered_term_is_computed(exact: VGG19) -> None:
    weights = LossWeights.of(Settings(smoothness=3.0))
    assert weights["brightness"] == 3.0
    pixels = _picture(5, SIZE)
    objective = Objective(
        exact, SCHEMES["g"], weights, _picture(1, SIZE), [StyleGuide(_picture(2, STYLE_SIZE))]
    )
    found = objective.evaluate(pixels)
    assert found.terms["brightness"] == pytest.approx(3.0 * (float(pixels.mean()) - 127.5) ** 2)
    assert list(found.terms.as_dict()) == ["content", "local", "global", "smoothness", "brightness", "total"]
    step = 1e-7 * (_picture(9, SIZE) - 127.5)
    above, below = (objective.evaluate(pixels + sign * step).terms.total for sign in (1, -1))
    assert (above - below) / 2 == pytest.approx(float((found.gradient * step).sum()), rel=1e-5)
