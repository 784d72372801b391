"""Statistics by region: Gram matrices of each map class, against hand-worked numbers and the formula."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from glstylenet.bench.literal import literal_fusion, literal_global
from glstylenet.bench.plain_vgg import PlainVGG19
from glstylenet.maps import map_at
from glstylenet.network.vgg import VGG19
from glstylenet.numerics import picture_size
from glstylenet.objective.gram import global_gradient, global_loss, gram
from glstylenet.objective.objective import Objective
from glstylenet.objective.regions import Region
from glstylenet.objective.styles import StyleGuide
from glstylenet.objective.target_cache import TargetCache
from glstylenet.objective.terms import Evaluation, LossWeights
from glstylenet.pyramid.schemes import SCHEMES
from glstylenet.pyramid.tiles import cut_into_tiles
from glstylenet.run.events import Event, Step
from glstylenet.run.stylize import stylize
from glstylenet.settings.model import Settings
from tests.long_cases import rest_is_long
from tests.losses import loss_weights
from tests.networks import exact, network, tensors

__all__ = ["exact", "network", "tensors"]  # fixtures

SIZE, STYLE_SIZE = (48, 40), (40, 56)
CLASSES = 3
PAPER = loss_weights(content=10.0, local=100.0, semantic=10.0, global_=0.1, smoothness=1.0)
GLOBAL = loss_weights(global_=2.0)


@pytest.fixture(autouse=True)
def small_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures of a test have a few dozen positions; classes of one have statistics of their own."""
    _allow_classes_of(1.0, monkeypatch)


def _allow_classes_of(positions: float, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("styles", "style_target"):
        monkeypatch.setattr(f"glstylenet.objective.{module}.FEWEST_POSITIONS", positions)


def _picture(seed: int, size: tuple[int, int], dtype: torch.dtype = torch.float64) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand((1, 3, 5, 5), generator=generator, dtype=torch.float64)
    smooth = torch.nn.functional.interpolate(coarse, size=size, mode="bilinear", align_corners=False)
    noise = torch.rand((1, 3, *size), generator=generator, dtype=torch.float64)
    return (255.0 * (0.7 * smooth + 0.3 * noise)).to(dtype)


def _soft_map(seed: int, size: tuple[int, int], dtype: torch.dtype = torch.float64) -> Tensor:
    """Classes that fade into each other, over plains of one class alone: shares sum to 1."""
    generator = torch.Generator().manual_seed(seed)
    coarse = 6.0 * torch.randn((1, CLASSES, 3, 3), generator=generator, dtype=torch.float64)
    smooth = torch.nn.functional.interpolate(coarse, size=size, mode="bilinear", align_corners=False)
    shares = smooth.softmax(dim=1)
    shares = torch.where(shares < 0.1, 0.0, shares)
    return (shares / shares.sum(dim=1, keepdim=True)).to(dtype)


def _one_class(size: tuple[int, int], dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.ones((1, 1, *size), dtype=dtype)


def _objective(
    network: VGG19,
    weights: LossWeights = PAPER,
    *,
    scheme: str = "g",
    maps: Callable[..., Tensor] = _soft_map,
    size: tuple[int, int] = SIZE,
    regions: bool = True,
    **options: Any,
) -> Objective:
    dtype = torch.promote_types(network.dtype, torch.float32)
    style = StyleGuide(_picture(2, STYLE_SIZE, dtype), maps(2, STYLE_SIZE, dtype))
    return Objective(
        network,
        SCHEMES[scheme],
        weights,
        _picture(1, size, dtype),
        [style],
        content_map=maps(8, size, dtype),
        regions=regions,
        **options,
    )


def test_a_gram_matrix_of_a_region_weighs_positions_by_their_share() -> None:
    """Worked by hand: (1 [1 0; 0 0] + 0.25 [4 8; 8 16]) / 1.25; the third position does not count."""
    feature = torch.tensor([[[[1.0, 2.0, 7.0]], [[0.0, 4.0, 9.0]]]])
    region = Region.of(torch.tensor([[1.0, 0.25, 0.0]]))
    expected = torch.tensor([[1.6, 1.6], [1.6, 3.2]])
    torch.testing.assert_close(gram(feature, region=region), expected)


def test_a_gradient_of_a_region_leaves_other_positions() -> None:
    """Worked by hand: G - G_a = [1 0; 0 0], so that position p has m_p [f_p1, 0] / (N^2 M)."""
    feature = torch.tensor([[[[1.0, 2.0, 7.0]], [[0.0, 4.0, 9.0]]]])
    region = Region.of(torch.tensor([[1.0, 0.25, 0.0]]))
    matrix, target = torch.tensor([[1.0, 5.0], [5.0, 2.0]]), torch.tensor([[0.0, 5.0], [5.0, 2.0]])
    expected = torch.tensor([[1.0, 0.0], [0.5, 0.0], [0.0, 0.0]]) / (4 * 1.25)
    found = global_gradient(feature, matrix - target, region=region)
    torch.testing.assert_close(found, expected)
    before = torch.ones(3, 2)
    torch.testing.assert_close(
        global_gradient(feature, matrix - target, region=region, onto=before), expected + 1
    )


@pytest.mark.parametrize("scheme", rest_is_long(["g", "a", "h"], short=1))
@pytest.mark.parametrize("fewest", [1.0, 6.0])
def test_equals_the_formula_of_all_classes(
    exact: VGG19, scheme: str, fewest: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """gamma sum_k w_k |G_x^k - G_a^k|^2 / (4 N^2), by autograd and without gathering.

    In F^4 one class has 5.9 positions of the content, another 5.3 of the style: with 6 as the fewest, both
    are left to the whole pictures.
    """
    _allow_classes_of(fewest, monkeypatch)
    plain = PlainVGG19(exact._weights, dtype=torch.float64)
    pixels = _picture(5, SIZE).requires_grad_()
    ours, style = plain.features(pixels), plain.features(_picture(2, STYLE_SIZE))
    expected, left = torch.zeros((), dtype=torch.float64), 0
    for layers in SCHEMES[scheme].groups:
        fused, style_fused = literal_fusion(ours, layers), literal_fusion(style, layers)
        masks = map_at(_soft_map(8, SIZE), picture_size(fused))[0].flatten(1)
        style_masks = map_at(_soft_map(2, STYLE_SIZE), picture_size(style_fused))[0].flatten(1)
        for mask, style_mask in zip(masks, style_masks, strict=True):
            if min(mask.sum(), style_mask.sum()) < fewest:
                mask_of_gram, style_mask_of_gram = torch.ones_like(mask), torch.ones_like(style_mask)
                left += 1
            else:
                mask_of_gram, style_mask_of_gram = mask, style_mask
            grams = (_masked_gram(fused, mask_of_gram), _masked_gram(style_fused, style_mask_of_gram))
            expected = expected + 2.0 * mask.sum() / masks.sum() * literal_global(*grams)
    assert left == (2 if fewest > 1 and scheme != "a" else 0)
    (gradient,) = torch.autograd.grad(expected, pixels)
    found = _objective(exact, GLOBAL, scheme=scheme).evaluate(pixels.detach())
    assert found.terms["global"] == pytest.approx(float(expected.detach()), rel=1e-9)
    assert float((found.gradient - gradient).norm() / gradient.norm()) < 1e-9


def _masked_gram(fused: Tensor, mask: Tensor) -> Tensor:
    lines = fused[0].flatten(1)
    return (lines * mask) @ lines.T / mask.sum()


def test_the_gradient_agrees_with_finite_differences(exact: VGG19) -> None:
    objective, pixels = _objective(exact), _picture(5, SIZE)
    objective.match(pixels)
    found = objective.evaluate(pixels)
    step = 1e-7 * (_picture(9, SIZE) - 127.5)
    above, below = (objective.evaluate(pixels + sign * step).terms.total for sign in (1, -1))
    assert (above - below) / 2 == pytest.approx(float((found.gradient * step).sum()), rel=1e-6)


@pytest.mark.parametrize("side", [None, 32])
@pytest.mark.parametrize("dtype", rest_is_long([torch.float32, torch.bfloat16], short=1), ids=str)
def test_one_class_gives_the_numbers_of_the_whole(
    tensors: Mapping[str, Tensor], dtype: torch.dtype, side: int | None
) -> None:
    """To the last digit, gradient included."""
    network, pixels = VGG19(tensors, dtype=dtype), _picture(5, SIZE, torch.float32)
    whole, one = (
        _objective(
            network,
            scheme="h",
            maps=lambda _, size, dtype: _one_class(size, dtype),
            regions=regions,
            tile_side=side,
        ).evaluate(pixels)
        for regions in (False, True)
    )
    assert one.terms == whole.terms
    assert torch.equal(one.gradient, whole.gradient)


def test_regions_are_not_the_whole(network: VGG19) -> None:
    """Else the tests above would show nothing."""
    pixels = _picture(5, SIZE, torch.float32)
    whole, regions = (_objective(network, regions=each).evaluate(pixels) for each in (False, True))
    assert abs(regions.terms["global"] / whole.terms["global"] - 1) > 0.01
    assert regions.terms["local"] == whole.terms["local"]


def _same(found: Evaluation, expected: Evaluation, tolerance: float) -> None:
    assert found.terms.as_dict() == pytest.approx(expected.terms.as_dict(), rel=tolerance)
    assert float((found.gradient - expected.gradient).norm() / expected.gradient.norm()) < tolerance


@pytest.mark.long
@pytest.mark.parametrize(
    "scheme", ["a", pytest.param("g", marks=pytest.mark.long), pytest.param("h", marks=pytest.mark.long)]
)
def test_tiles_give_the_numbers_of_the_whole(network: VGG19, scheme: str) -> None:
    """Also where a tile has no position of some class, and the second pass computes features again."""
    size = (141, 61)
    pixels = _picture(5, size, torch.float32)
    expected = _objective(network, scheme=scheme, size=size).evaluate(pixels)
    for kept in (0, None):
        tiled = _objective(network, scheme=scheme, size=size, tile_side=32, cached_tiles=kept)
        _same(tiled.evaluate(pixels), expected, 1e-5)
    windows = [tile.positions(4) for tile in cut_into_tiles(size, 32)]
    shares = map_at(_soft_map(8, size), (size[0] // 8, size[1] // 8))[0]
    assert any(not bool(shares[(slice(None), *window.slices)].any(dim=(1, 2)).all()) for window in windows)


@pytest.mark.long
def test_features_of_16_bits_give_nearly_the_same_numbers(tensors: Mapping[str, Tensor]) -> None:
    """The bounds are those of rounding: bfloat16 has 3 digits in each layer, float16 waits between passes."""
    size = (72, 64)
    pixels = _picture(5, size, torch.float32)
    expected = _objective(VGG19(tensors), GLOBAL, size=size).evaluate(pixels)
    half = _objective(VGG19(tensors), GLOBAL, size=size, tile_side=32, half_features=True)
    _same(half.evaluate(pixels), expected, 0.01)
    rough = _objective(VGG19(tensors, dtype=torch.bfloat16), GLOBAL, size=size)
    _same(rough.evaluate(pixels), expected, 0.1)


def _halves(style_classes: tuple[int, int], size: tuple[int, int]) -> Tensor:
    """Three class channels, of which the left and the right half have one each."""
    channels = torch.zeros((1, CLASSES, *size), dtype=torch.float64)
    channels[:, style_classes[0], :, : size[1] // 2] = 1.0
    channels[:, style_classes[1], :, size[1] // 2 :] = 1.0
    return channels


def _global(network: VGG19, content_map: Tensor, styles: list[StyleGuide]) -> float:
    objective = Objective(
        network, SCHEMES["c"], GLOBAL, _picture(1, SIZE), styles, content_map=content_map, regions=True
    )
    return objective.evaluate(_picture(5, SIZE)).terms["global"]


def _deepest(network: VGG19, picture: Tensor) -> Tensor:
    return PlainVGG19(network._weights, dtype=torch.float64).features(picture)[4]


def _left(columns: int) -> Region:
    """The left half of a feature of an odd number of columns: half of the middle one belongs to it."""
    shares = (torch.arange(columns) < columns // 2).double()
    shares[columns // 2] = 0.5
    return Region.of(shares.expand({5: 6, 7: 5}[columns], columns))


def test_a_class_that_the_style_lacks_is_left_to_the_whole(exact: VGG19) -> None:
    """Half of the loss is that of the left half, and half of it that of the whole pictures."""
    picture = _picture(2, STYLE_SIZE)
    found = _global(exact, _halves((0, 1), SIZE), [StyleGuide(picture, _halves((0, 2), STYLE_SIZE))])
    ours, style = _deepest(exact, _picture(5, SIZE)), _deepest(exact, picture)
    left = global_loss(gram(ours, region=_left(5)), gram(style, region=_left(7)))
    whole = global_loss(gram(ours), gram(style))
    assert found == pytest.approx(2.0 * float(left + whole) / 2, rel=1e-9)


def test_maps_without_a_class_in_common_compare_the_whole(exact: VGG19) -> None:
    """To the last digit."""
    guide = StyleGuide(_picture(2, STYLE_SIZE), _halves((2, 2), STYLE_SIZE))
    found, whole = (
        Objective(
            exact,
            SCHEMES["c"],
            PAPER,
            _picture(1, SIZE),
            [guide],
            content_map=_halves((0, 1), SIZE),
            regions=regions,
        ).evaluate(_picture(5, SIZE))
        for regions in (True, False)
    )
    assert found.terms == whole.terms
    assert torch.equal(found.gradient, whole.gradient)


def test_matrices_of_several_styles_are_mixed_class_by_class(exact: VGG19) -> None:
    """A style without a map is there with all of it, one that lacks the class is not."""
    pictures = [_picture(2, STYLE_SIZE), _picture(6, (48, 64)), _picture(7, STYLE_SIZE)]
    maps = [_halves((0, 2), STYLE_SIZE), None, _halves((2, 2), STYLE_SIZE)]
    guides = [
        StyleGuide(picture, class_map, weight)
        for picture, class_map, weight in zip(pictures, maps, (3.0, 1.0, 4.0), strict=True)
    ]
    found = _global(exact, _halves((0, 1), SIZE), guides)
    ours = _deepest(exact, _picture(5, SIZE))
    first, other, last = (_deepest(exact, picture) for picture in pictures)
    left = 0.75 * gram(first, region=_left(7)) + 0.25 * gram(other)
    whole = (3 * gram(first) + gram(other) + 4 * gram(last)) / 8
    parts = global_loss(gram(ours, region=_left(5)), left) + global_loss(gram(ours), whole)
    assert found == pytest.approx(float(parts), rel=1e-9)


def test_transparent_parts_of_a_style_do_not_count(exact: VGG19) -> None:
    """What is under them may change: nothing else does."""
    alpha = torch.ones((1, 1, *STYLE_SIZE), dtype=torch.float64)
    alpha[..., 40:] = 0.0
    styles = [_picture(2, STYLE_SIZE) for _ in range(2)]
    for target in (style := styles[1])[..., 44:].unbind(dim=1):
        target.fill_(17.0)
    assert not torch.equal(styles[0], style)
    grams = []
    for picture in styles:
        guide = StyleGuide(picture, _halves((0, 1), STYLE_SIZE), alpha=alpha)
        objective = Objective(
            exact, SCHEMES["c"], GLOBAL, None, [guide], content_map=_halves((0, 1), SIZE), regions=True
        )
        objective.evaluate(_picture(5, SIZE))
        counted = objective._terms[0].targets.styles[0].targets[0].counted
        assert counted is not None
        grams.append(objective._terms[0].targets.styles[0].targets[0].class_grams[1])
    shares = map_at(_halves((0, 1), STYLE_SIZE), (5, 7))[0, 1].clone()
    shares[:, 5:] = 0.0
    assert grams[0] is not None
    expected = gram(_deepest(exact, styles[0]), region=Region.of(shares))
    torch.testing.assert_close(grams[0], expected)


def test_the_maps_need_not_steer_the_matching(exact: VGG19) -> None:
    """With beta1 = 0 the patches are matched as without maps, and the statistics are by region still."""
    weights = loss_weights(local=1.0, global_=2.0)
    pixels = _picture(5, SIZE)
    found = _objective(exact, weights)
    without = Objective(
        exact, SCHEMES["g"], weights, _picture(1, SIZE), [StyleGuide(_picture(2, STYLE_SIZE))]
    )
    assert torch.equal(found.match(pixels)[0].index, without.match(pixels)[0].index)
    assert found.copy_strokes_by_maps(pixels) is None
    steered = _objective(exact)
    assert found.evaluate(pixels).terms["global"] == pytest.approx(
        20 * steered.evaluate(pixels).terms["global"], rel=1e-12
    )


def test_nothing_waits_for_the_device_after_the_first_evaluation(
    exact: VGG19, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A CUDA graph could not be recorded: positions are gathered by indices that are known by then."""
    objective, pixels = _objective(exact), _picture(5, SIZE)
    expected = objective.evaluate(pixels)

    def refused(*_: object) -> None:
        raise AssertionError("the host waits")

    monkeypatch.setattr(Region, "of", refused)
    for name in ("nonzero", "tolist", "item", "__bool__", "__float__"):
        monkeypatch.setattr(Tensor, name, refused)
    values, gradient = objective._evaluate(pixels, searching=False)
    monkeypatch.undo()
    assert float(values.sum()) == pytest.approx(expected.terms.total, rel=1e-12)
    assert torch.equal(gradient, expected.gradient)


def test_a_cache_keeps_both_statistics_apart_and_counts_their_memory(exact: VGG19) -> None:
    store, pixels = TargetCache(2**30), _picture(5, SIZE)
    found = [_objective(exact, regions=each, targets=store).evaluate(pixels) for each in (True, False, True)]
    held = store.nbytes
    assert found[0].terms == found[2].terms != found[1].terms
    alone = TargetCache(2**30)
    _objective(exact, regions=False, targets=alone)
    feature = alone.nbytes
    content = next(iter(alone._contents.values())).nbytes
    assert held - feature == feature - content + CLASSES * 4 * 960**2


def test_the_parts_of_the_classes_add_up_to_the_term(exact: VGG19) -> None:
    pixels = _picture(5, SIZE)
    found = _objective(exact, scheme="h").loss_maps(pixels)
    assert found.class_globals is not None
    assert len(found.class_globals) == CLASSES
    assert float(found.class_globals.min()) > 0
    assert float(found.class_globals.sum()) == pytest.approx(found.terms["global"], rel=1e-12)
    assert _objective(exact, regions=False).loss_maps(pixels).class_globals is None


@pytest.mark.long
def test_a_resumed_run_ends_with_the_picture_of_an_undisturbed_one(tmp_path: Path) -> None:
    size, style_size = (72, 64), (64, 72)
    pictures = [_pixels(_picture(seed, each)) for seed, each in ((1, size), (2, style_size))]
    maps = [_pixels(255 * _halves((0, 1), each)) for each in (size, style_size)]
    options: dict[str, Any] = {"content_map": maps[0], "style_map": maps[1]}
    options["settings"] = Settings(
        iterations=6, round_length=2, scales=1, statistics="regions", device="cpu", precision="float32"
    )
    whole = stylize(*pictures, **options)
    steps: list[Event] = []
    stopped = stylize(
        *pictures,
        **options,
        checkpoint=tmp_path / "state",
        on_event=steps.append,
        should_stop=lambda: sum(isinstance(each, Step) for each in steps) >= 3,
    )
    assert stopped.evaluations < whole.evaluations
    resumed = stylize(*pictures, **options, checkpoint=tmp_path / "state", resume=True)
    assert torch.equal(resumed.pixels, whole.pixels)
    assert resumed.losses == whole.losses


def _pixels(picture: Tensor) -> NDArray[np.uint8]:
    return picture[0].permute(1, 2, 0).numpy().astype(np.uint8)
