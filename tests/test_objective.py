"""The objective against the paper line by line, and against finite differences."""

import math
from collections.abc import Mapping

import pytest
import torch
from torch import Tensor

from benchmarks.literal import LiteralObjective
from glstylenet.fusion import SCHEMES
from glstylenet.objective import CONTENT_LAYER, LossTerms, LossWeights, Objective, map_at
from glstylenet.vgg import Network
from glstylenet.weights import load_weights

SIZE, STYLE_SIZE = (48, 40), (40, 56)
CLASSES = 3
PAPER = LossWeights(content=10.0, local=100.0, semantic=10.0, global_=0.1, smoothness=1.0)


@pytest.fixture(scope="module")
def tensors() -> Mapping[str, Tensor]:
    return load_weights("embedded").tensors


@pytest.fixture(scope="module")
def exact(tensors: Mapping[str, Tensor]) -> Network:
    """In float64, so that what is compared is the mathematics."""
    return Network(tensors, dtype=torch.float64)


@pytest.fixture(scope="module")
def network(tensors: Mapping[str, Tensor]) -> Network:
    return Network(tensors)


def _picture(seed: int, size: tuple[int, int], dtype: torch.dtype = torch.float64) -> Tensor:
    """Coloured blotches with noise, so that no two patches are alike."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand((1, 3, 5, 5), generator=generator, dtype=torch.float64)
    smooth = torch.nn.functional.interpolate(coarse, size=size, mode="bilinear", align_corners=False)
    noise = torch.rand((1, 3, *size), generator=generator, dtype=torch.float64)
    return (255.0 * (0.7 * smooth + 0.3 * noise)).to(dtype)


def _class_map(seed: int, size: tuple[int, int], dtype: torch.dtype = torch.float64) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    blocks = torch.randint(CLASSES, (size[0] // 8, size[1] // 8), generator=generator)
    labels = blocks.repeat_interleave(8, 0).repeat_interleave(8, 1)
    return torch.nn.functional.one_hot(labels, CLASSES).permute(2, 0, 1)[None].to(dtype)


def _pair(
    network: Network, scheme: str = "g", weights: LossWeights = PAPER, *, maps: bool = False
) -> tuple[Objective, LiteralObjective, Tensor]:
    """Ours, the paper's, and the pixels to look at; all of ``network``'s type."""
    dtype = network.dtype
    content, style = _picture(1, SIZE, dtype), _picture(2, STYLE_SIZE, dtype)
    content_map = _class_map(3, SIZE, dtype) if maps else None
    style_map = _class_map(4, STYLE_SIZE, dtype) if maps else None
    ours = Objective(
        network, SCHEMES[scheme], weights, content, style, content_map=content_map, style_map=style_map
    )
    literal = LiteralObjective(network, SCHEMES[scheme], weights, content, style, content_map, style_map)
    return ours, literal, _picture(5, SIZE, dtype)


@pytest.mark.parametrize("maps", [False, True])
@pytest.mark.parametrize("scheme", sorted(SCHEMES))
def test_equals_the_paper_line_by_line(exact: Network, scheme: str, maps: bool) -> None:
    """Loss and gradient, with the nearest neighbours found for these very pixels."""
    ours, literal, pixels = _pair(exact, scheme, maps=maps)
    loss, gradient = literal.evaluate(pixels)
    ours.match(pixels)
    found = ours.evaluate(pixels)
    assert found.terms.total == pytest.approx(loss, rel=1e-9)
    assert found.gradient.shape == pixels.shape
    assert float((found.gradient - gradient).norm() / gradient.norm()) < 1e-9


def test_the_maps_change_the_matches(exact: Network) -> None:
    """Else the comparison with maps would show nothing."""
    plain, _, pixels = _pair(exact)
    steered, _, _ = _pair(exact, maps=True)
    (with_none,), (with_maps,) = plain.match(pixels), steered.match(pixels)
    assert float((with_none.index != with_maps.index).double().mean()) > 0.2


def test_float32_equals_the_paper_too(network: Network) -> None:
    """What a run computes in. Rounding in a network of nine convolutions: a few 1e-6."""
    ours, literal, pixels = _pair(network, maps=True)
    loss, gradient = literal.evaluate(pixels)
    ours.match(pixels)
    found = ours.evaluate(pixels)
    assert found.terms.total == pytest.approx(loss, rel=1e-5)
    assert float((found.gradient - gradient).norm() / gradient.norm()) < 1e-4
    assert found.gradient.dtype == torch.float32


def test_every_term_equals_the_paper_s_with_the_other_weights_zero(exact: Network) -> None:
    ours, _, pixels = _pair(exact)
    terms = ours.terms(pixels)
    named = {"content": terms.content, "local": terms.local, "global_": terms.global_}
    for name, value in {**named, "smoothness": terms.smoothness}.items():
        alone = {"content": 0.0, "local": 0.0, "semantic": 10.0, "global_": 0.0, "smoothness": 0.0}
        alone[name] = getattr(PAPER, name)
        _, literal, _ = _pair(exact, weights=LossWeights(**alone))
        with torch.no_grad():
            assert value == pytest.approx(float(literal.total(pixels)), rel=1e-9)
        assert value > 0


@pytest.mark.parametrize("scheme", ["g", "h"])
def test_the_gradient_is_that_of_finite_differences(exact: Network, scheme: str) -> None:
    """Of the whole, with the matches held, in random pixels: float64, central differences."""
    ours, _, pixels = _pair(exact, scheme, maps=True)
    ours.match(pixels)
    gradient = ours.evaluate(pixels).gradient
    generator = torch.Generator().manual_seed(7)
    step = 1e-4
    for place in torch.randint(pixels.numel(), (3,), generator=generator).tolist():
        nudge = torch.zeros_like(pixels)
        nudge.view(-1)[place] = step
        with torch.no_grad():
            up, down = (float(ours._terms(pixels + sign * nudge).sum()) for sign in (1, -1))
        expected = gradient.view(-1)[place].item()
        assert (up - down) / (2 * step) == pytest.approx(expected, rel=1e-5, abs=1e-6)


def test_matches_are_held_until_asked_again(exact: Network) -> None:
    ours, literal, pixels = _pair(exact)
    elsewhere = _picture(8, SIZE)
    ours.match(elsewhere)
    held = ours.evaluate(pixels).terms
    assert ours.evaluate(pixels).terms == held
    fresh = ours.terms(pixels)
    with torch.no_grad():
        assert fresh.total == pytest.approx(float(literal.total(pixels)), rel=1e-9)
    # Others' neighbours fit worse than one's own, and only the local term knows of them.
    assert held.local > fresh.local
    assert (held.content, held.global_, held.smoothness) == pytest.approx(
        (fresh.content, fresh.global_, fresh.smoothness), rel=1e-12
    )


def test_the_first_evaluation_matches_by_itself(exact: Network) -> None:
    ours, _, pixels = _pair(exact)
    first = ours.evaluate(pixels).terms
    again, _, _ = _pair(exact)
    assert first == again.terms(pixels)


def test_terms_are_the_evaluation_s_with_fresh_matches(exact: Network) -> None:
    ours, _, pixels = _pair(exact, maps=True)
    terms = ours.terms(pixels)
    assert ours.evaluate(pixels).terms.as_dict() == pytest.approx(terms.as_dict(), rel=1e-12)


def test_matches_cover_every_group(exact: Network) -> None:
    for scheme in ("g", "h"):
        ours, _, pixels = _pair(exact, scheme)
        shapes = [tuple(found.index.shape) for found in ours.match(pixels)]
        assert shapes == [(h - 2, w - 2) for h, w, _ in SCHEMES[scheme].shapes(SIZE)]


def test_a_weight_of_zero_is_not_computed(exact: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, ...]] = []
    real = exact.features

    def listening(pixels: Tensor, layers: tuple[int, ...] = (1, 2, 3, 4)) -> dict[int, Tensor]:
        asked.append(tuple(sorted(layers)))
        return real(pixels, layers)

    monkeypatch.setattr(exact, "features", listening)
    nothing = LossWeights(content=0.0, local=0.0, semantic=10.0, global_=0.0, smoothness=0.0)
    ours, _, pixels = _pair(exact, weights=nothing)
    assert ours.match(pixels) == []
    found = ours.evaluate(pixels)
    assert asked == []
    assert found.terms == LossTerms(0.0, 0.0, 0.0, 0.0)
    assert torch.equal(found.gradient, torch.zeros_like(pixels))


def test_without_local_weight_nothing_is_matched(exact: Network) -> None:
    weights = LossWeights(content=10.0, local=0.0, semantic=10.0, global_=0.1, smoothness=1.0)
    ours, literal, pixels = _pair(exact, weights=weights)
    assert ours.match(pixels) == []
    found = ours.evaluate(pixels)
    assert found.terms.local == 0.0
    assert found.terms.total == pytest.approx(literal.evaluate(pixels)[0], rel=1e-9)


def test_the_content_alone_looks_at_its_layer_only(exact: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: set[int] = set()
    real = exact.features

    def listening(pixels: Tensor, layers: tuple[int, ...] = (1, 2, 3, 4)) -> dict[int, Tensor]:
        asked.update(layers)
        return real(pixels, layers)

    monkeypatch.setattr(exact, "features", listening)
    weights = LossWeights(content=10.0, local=0.0, semantic=0.0, global_=0.0, smoothness=0.0)
    ours, _, pixels = _pair(exact, "b", weights)
    assert ours.evaluate(pixels).terms.content > 0
    assert asked == {CONTENT_LAYER}


def test_smoothness_alone(exact: Network) -> None:
    weights = LossWeights(content=0.0, local=0.0, semantic=0.0, global_=0.0, smoothness=2.0)
    ours, _, _ = _pair(exact, weights=weights)
    pixels = torch.zeros(1, 3, *SIZE, dtype=torch.float64)
    pixels[:, :, 0, 0] = 6.0  # one step down and one across in each of the three channels
    down, across = (SIZE[0] - 1) * SIZE[1], SIZE[0] * (SIZE[1] - 1)
    found = ours.evaluate(pixels)
    assert found.terms.smoothness == pytest.approx(2.0 * (36.0 / down + 36.0 / across))
    assert found.gradient[0, 0, 0, 0].item() == pytest.approx(2.0 * 12.0 * (1 / down + 1 / across) / 3)


def test_a_doodle_has_no_content(exact: Network) -> None:
    weights = LossWeights(content=0.0, local=100.0, semantic=10.0, global_=0.1, smoothness=1.0)
    ours = Objective(exact, SCHEMES["g"], weights, None, _picture(2, STYLE_SIZE))
    _, literal, pixels = _pair(exact, weights=weights)
    found = ours.evaluate(pixels)
    assert found.terms.content == 0.0
    assert found.terms.total == pytest.approx(literal.evaluate(pixels)[0], rel=1e-9)


def test_the_content_itself_costs_no_content(exact: Network) -> None:
    ours, _, _ = _pair(exact)
    assert ours.terms(_picture(1, SIZE)).content == 0.0


def test_the_style_itself_costs_no_style(exact: Network) -> None:
    """Every patch finds itself, and the Gram matrices agree."""
    style = _picture(2, STYLE_SIZE)
    ours = Objective(exact, SCHEMES["g"], PAPER, style, style)
    terms = ours.terms(style)
    assert terms.local == pytest.approx(0.0, abs=1e-9)
    assert terms.global_ == pytest.approx(0.0, abs=1e-9)
    assert terms.content == 0.0


@pytest.mark.parametrize("size", [(48, 40), (51, 45)])
def test_maps_at_feature_size_are_shares(size: tuple[int, int]) -> None:
    labels = torch.randint(CLASSES, size, generator=torch.Generator().manual_seed(0))
    channels = torch.nn.functional.one_hot(labels, CLASSES).permute(2, 0, 1)[None].double()
    small = map_at(channels, (6, 5))
    assert small.shape == (1, CLASSES, 6, 5)
    torch.testing.assert_close(small.sum(dim=1), torch.ones(1, 6, 5, dtype=torch.float64))
    if size == (48, 40):
        torch.testing.assert_close(small[0, :, 2, 3], channels[0, :, 16:24, 24:32].mean(dim=(1, 2)))


def test_terms_in_words() -> None:
    terms = LossTerms(content=1.0, local=2.0, global_=4.0, smoothness=8.0)
    assert terms.total == 15.0
    assert terms.as_dict() == {"content": 1.0, "local": 2.0, "global": 4.0, "smoothness": 8.0, "total": 15.0}
    assert all(math.isfinite(value) for value in terms.as_dict().values())
