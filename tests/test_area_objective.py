"""The objective of one area: its parts add up to the whole picture's, and what it lowers is the whole's."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from glstylenet.giant.areas import Area, cut_into_areas
from glstylenet.matching import Matches
from glstylenet.network.vgg import VGG19
from glstylenet.network.weights import load_weights
from glstylenet.numerics import Rect
from glstylenet.objective.area_objective import AreaObjective, AreaSurvey, AreaTargets
from glstylenet.objective.objective import Objective
from glstylenet.objective.styles import StyleGuide
from glstylenet.objective.terms import TERMS, LossTerms
from glstylenet.pyramid import SCHEMES, Tile, fused_size
from tests.long_cases import rest_is_long
from tests.losses import loss_weights

SIZE = (67, 331)
"""Odd on purpose: layers are then resampled at other ratios than 2."""

WEIGHTS = loss_weights(content=10.0, local=100.0, semantic=10.0, global_=1.0, smoothness=1.0)


def _random(height: int, width: int, seed: int) -> Tensor:
    return 255 * torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed))


def _classes(height: int, width: int) -> Tensor:
    left = (torch.arange(width) < width // 3).float().expand(1, 1, height, width)
    return torch.cat([left, 1 - left], dim=1)


@dataclass
class _Picture:
    """`_Picture` holds a picture in three areas, and its objective as a whole."""

    pixels: Tensor
    content: Tensor
    whole: Objective
    shared: AreaTargets
    areas: list[Area]

    def crop(self, picture: Tensor, window: Rect) -> Tensor:
        return picture[..., *window.slices].contiguous()

    def content_features(self, tile: Tile) -> Tensor:
        return self.shared.content_features(self.crop(self.content, tile.crop), tile)

    def surveys(self) -> Iterator[tuple[Area, AreaSurvey]]:
        for area in self.areas:
            window = area.tile.crop
            content = self.content_features(area.tile)
            yield area, self.shared.survey(self.crop(self.pixels, window), content, area.tile)

    def joined(self) -> tuple[dict[str, float], list[Matches], list[list[Tensor]]]:
        terms = dict.fromkeys((term.name for term in TERMS), 0.0)
        styles = self.shared.targets.styles
        matches = [Matches.empty(fused_size(SIZE, each.group), self.pixels.device) for each in styles]
        matrices: list[list[Tensor]] = []
        for area, survey in self.surveys():
            for name, value in survey.terms.values.items():
                terms[name] += value
            for found, part, style in zip(matches, survey.matches, styles, strict=True):
                found.put(part, area.tile.patches(style.layer))
            parts = survey.matrices
            matrices = (
                [[a + b for a, b in zip(*each, strict=True)] for each in zip(matrices, parts, strict=True)]
                if matrices
                else parts
            )
        terms["global"] = self.shared.global_loss(matrices)
        return terms, matches, matrices

    def objective(self, area: Area, *, at_once: int = 1) -> AreaObjective:
        _, matches, matrices = self.joined()
        return AreaObjective(
            self.shared,
            area.region,
            area.painted,
            self.crop(self.pixels, area.region.crop),
            self.content_features(area.region),
            matches=matches,
            matrices=matrices,
            at_once=at_once,
        )


@pytest.fixture(scope="module")
def tensors() -> Mapping[str, Tensor]:
    return load_weights("embedded").tensors


@pytest.fixture(scope="module", params=rest_is_long(["regions", "bound", "whole"], short=1))
def picture(request: pytest.FixtureRequest, tensors: Mapping[str, Tensor]) -> _Picture:
    network = VGG19(tensors)
    styles = [StyleGuide(_random(64, 72, 3), _classes(64, 72))]
    if request.param == "bound":  # each class has a style of its own, and no style has a map
        other = StyleGuide(_random(72, 64, 4), weight=0.0, classes=frozenset({1}))
        styles = [StyleGuide(styles[0].picture, classes=frozenset({0})), other]
    content, content_map = _random(*SIZE, 2), _classes(*SIZE)
    scheme, regions = SCHEMES["g"], request.param == "regions"
    whole = Objective(network, scheme, WEIGHTS, content, styles, content_map=content_map, regions=regions)
    [own_map] = list(whole._terms[0].targets.content_maps)

    def content_map_at(_size: tuple[int, int]) -> Tensor:
        assert own_map is not None
        return own_map

    shared = AreaTargets(network, scheme, WEIGHTS, SIZE, styles, content_map=content_map_at, regions=regions)
    return _Picture(_random(*SIZE, 1), content, whole, shared, cut_into_areas(SIZE, 128))


def test_what_areas_tell_adds_up_to_the_objective(picture: _Picture) -> None:
    terms, matches, _ = picture.joined()
    expected = picture.whole.terms(picture.pixels)
    assert len(picture.areas) == 3
    assert terms == pytest.approx(dict(expected.values), rel=1e-5)
    assert torch.equal(matches[0].index, picture.whole.match(picture.pixels)[0].index)


def test_an_area_has_the_gradient_and_the_changes_of_the_whole(picture: _Picture) -> None:
    """All that its pixels change is in its objective, and nothing else changes with them."""
    before = picture.whole.evaluate(picture.pixels, rematch=True)
    area = picture.areas[1]
    objective = picture.objective(area)
    start = objective.evaluate(objective.start)
    expected = before.gradient[..., *area.painted.slices]
    assert (start.gradient - expected).abs().max() < 1e-5 * expected.abs().max()
    moved = picture.pixels.clone()
    moved[..., *area.painted.slices] = _random(*area.painted.size, 5)
    after = picture.whole.evaluate(moved)
    change = objective.evaluate(moved[..., *area.painted.slices]).terms
    for name, value in after.terms.values.items():
        told = change[name] - start.terms[name]
        assert told == pytest.approx(value - before.terms[name], rel=1e-3, abs=1e-4 * before.terms.total)


@pytest.mark.long
def test_areas_that_change_at_once_promise_no_more_than_they_keep(picture: _Picture) -> None:
    """The whole's objective falls by at least the sum of what two areas of a colour promise."""
    before = picture.whole.evaluate(picture.pixels, rematch=True).terms.total
    moved = picture.pixels.clone()
    promised = 0.0
    first, last = picture.areas[0], picture.areas[2]
    assert first.colour == last.colour
    for area in (first, last):
        objective = picture.objective(area, at_once=2)
        start = objective.evaluate(objective.start)
        step = objective.start - start.gradient / start.gradient.abs().max()
        promised += objective.evaluate(step).terms.total - start.terms.total
        moved[..., *area.painted.slices] = step
    change = picture.whole.evaluate(moved).terms.total - before
    assert change <= promised + 1e-5 * before
    assert promised < 0


@pytest.mark.long
@pytest.mark.parametrize("starts", [True, False])
def test_the_change_of_the_gram_matrices_is_that_of_the_whole(picture: _Picture, starts: bool) -> None:
    """Whether the start was evaluated first or not: what was there before is the start's."""
    _, _, before = picture.joined()
    area = picture.areas[0]
    painted = _random(*area.painted.size, 6)
    objective = picture.objective(area)
    if starts:
        objective.evaluate(objective.start)
    objective.evaluate(painted)
    changed = objective.changed_matrices()
    moved = picture.pixels.clone()
    moved[..., *area.painted.slices] = painted
    after = _Picture(moved, picture.content, picture.whole, picture.shared, picture.areas).joined()[2]
    for then, change, now in zip(before[0], changed[0], after[0], strict=True):
        torch.testing.assert_close(then + change, now, rtol=1e-4, atol=1e-5 * float(now.abs().max()))


def test_without_a_global_term_nothing_is_compared(tensors: Mapping[str, Tensor]) -> None:
    weights = loss_weights(content=10.0, smoothness=1.0)
    shared = AreaTargets(VGG19(tensors), SCHEMES["g"], weights, (64, 64), [StyleGuide(_random(64, 64, 3))])
    pixels = _random(64, 64, 1)
    [area] = cut_into_areas((64, 64), None)
    survey = shared.survey(pixels, shared.content_features(_random(64, 64, 2), area.tile), area.tile)
    assert survey.matches == []
    assert survey.matrices == []
    assert isinstance(survey.terms, LossTerms)
    assert shared.global_loss([]) == 0.0
