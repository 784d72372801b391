"""Several styles: their weights, and classes of the content that are painted from one of them alone."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from glstylenet import Style
from glstylenet.bench.plain_vgg import PlainVGG19
from glstylenet.errors import InputError, UsageError
from glstylenet.explain import LossCurve, explain
from glstylenet.maps import map_at
from glstylenet.matching import PatchGrid, patch_sums
from glstylenet.network.vgg import VGG19
from glstylenet.objective.gram import global_loss, gram
from glstylenet.objective.objective import Objective
from glstylenet.objective.regions import Region
from glstylenet.objective.styles import StyleGuide
from glstylenet.pyramid.schemes import SCHEMES
from glstylenet.run.identity import Identity
from glstylenet.run.inputs import Inputs, prepare_inputs, read_sources
from glstylenet.run.preparation import prepare
from glstylenet.run.recipe import find_inputs, make_recipe, parse_recipe
from glstylenet.run.start import start_pixels
from glstylenet.run.styles import GivenStyle
from glstylenet.run.stylize import stylize
from glstylenet.settings.model import Settings
from tests.long_cases import rest_is_long
from tests.losses import loss_weights
from tests.networks import exact, network, tensors
from tests.told import warnings_of

__all__ = ["exact", "network", "tensors"]  # fixtures

Pixels = NDArray[np.uint8]
SIZE, STYLE_SIZE, OTHER_SIZE = (48, 64), (40, 56), (56, 48)
PAPER = loss_weights(content=10.0, local=100.0, semantic=10.0, global_=0.1, smoothness=1.0)
GLOBAL = loss_weights(global_=2.0)


@pytest.fixture(autouse=True)
def small_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures of a test have a few dozen positions; classes of one have statistics of their own."""
    for module in ("styles", "style_target"):
        monkeypatch.setattr(f"glstylenet.objective.{module}.FEWEST_POSITIONS", 1.0)


def _noise(seed: int, size: tuple[int, int], dtype: torch.dtype = torch.float64) -> Tensor:
    return 255.0 * torch.rand((1, 3, *size), generator=torch.Generator().manual_seed(seed), dtype=dtype)


def _columns(size: tuple[int, int], *classes: int, dtype: torch.dtype = torch.float64) -> Tensor:
    """Three class channels: equal columns of the ``classes``, from left to right."""
    channels = torch.zeros((1, 3, *size), dtype=dtype)
    width = size[1] // len(classes)
    for place, number in enumerate(classes):
        channels[:, number, :, place * width : (place + 1) * width] = 1.0
    return channels


def _guides(*classes: set[int], weights: tuple[float, ...] = (1.0, 1.0), **changes: Any) -> list[StyleGuide]:
    """Two styles, bound to ``classes``; the first has a map with classes 0 and 1, the second has none."""
    first, second = classes
    return [
        StyleGuide(
            _noise(2, STYLE_SIZE, **changes),
            _columns(STYLE_SIZE, 0, 1, **changes),
            weights[0],
            classes=frozenset(first),
        ),
        StyleGuide(_noise(3, OTHER_SIZE, **changes), None, weights[1], classes=frozenset(second)),
    ]


def _objective(network: VGG19, styles: list[StyleGuide], **changes: Any) -> Objective:
    options: dict[str, Any] = {"weights": PAPER, "classes": (0, 1), "dtype": torch.float64, **changes}
    dtype = options.pop("dtype")
    return Objective(
        network,
        SCHEMES["c"],
        options.pop("weights"),
        _noise(1, SIZE, dtype),
        styles,
        content_map=_columns(SIZE, *options.pop("classes"), dtype=dtype),
        **options,
    )


def _styles_of_patches(objective: Objective, pixels: Tensor) -> Tensor:
    [matches] = objective.match(pixels)
    return PatchGrid(((5, 7), (7, 6))).feature_of(matches.index)


def _classes_of_patches(*classes: int) -> Tensor:
    return patch_sums(map_at(_columns(SIZE, *classes), (6, 8)))[0].argmax(dim=0)


# --- matching


@pytest.mark.parametrize("semantic", [0.0, 10.0])
def test_a_bound_class_is_matched_with_its_style_alone(exact: VGG19, semantic: float) -> None:
    weights = loss_weights(local=100.0, semantic=semantic)
    objective = _objective(exact, _guides({1}, {0}), weights=weights)
    found = _styles_of_patches(objective, _noise(5, SIZE))
    assert torch.equal(found, 1 - _classes_of_patches(0, 1))


def test_a_class_that_is_not_bound_is_matched_with_all_styles(exact: VGG19) -> None:
    weights = loss_weights(local=100.0, semantic=0.0)
    found = _styles_of_patches(_objective(exact, _guides(set(), {0}), weights=weights), _noise(5, SIZE))
    free = _styles_of_patches(_objective(exact, _guides(set(), set()), weights=weights), _noise(5, SIZE))
    is_bound = _classes_of_patches(0, 1) == 0
    assert bool((found[is_bound] == 1).all())
    assert torch.equal(found[~is_bound], free[~is_bound])
    assert set(free.flatten().tolist()) == {0, 1}


def test_a_style_of_weight_0_paints_the_classes_that_are_bound_to_it_and_nothing_else(exact: VGG19) -> None:
    weights = loss_weights(local=100.0, semantic=10.0)
    objective = _objective(exact, _guides(set(), {0}, weights=(1.0, 0.0)), weights=weights)
    found = _styles_of_patches(objective, _noise(5, SIZE))
    assert torch.equal(found, 1 - _classes_of_patches(0, 1))


def test_a_style_without_a_map_is_of_any_class(exact: VGG19) -> None:
    """Its patches compete with those of the same class in another style, whatever the maps weigh."""
    picture, pixels = _noise(2, STYLE_SIZE), _noise(5, SIZE)
    styles = [StyleGuide(picture, _columns(STYLE_SIZE, 0, 0), 1.0), StyleGuide(picture, None, 2.0)]
    objective = _objective(exact, styles, weights=loss_weights(local=1.0, semantic=50.0), classes=(0, 0))
    [matches] = objective.match(pixels)
    assert bool((matches.index >= 3 * 5).all()), "equal patches: the style of more weight is preferred"


# --- colours and textures


def _deepest(network: VGG19, picture: Tensor) -> Tensor:
    return PlainVGG19(network._weights, dtype=torch.float64).features(picture)[4]


def _half(size: tuple[int, int], number: int, width: int) -> Region:
    return Region.of(map_at(_columns((8 * size[0], width), 0, 1), size)[0, number])


@pytest.mark.parametrize("regions", [True, False])
def test_a_bound_class_is_compared_with_its_style_alone(exact: VGG19, regions: bool) -> None:
    """By class, with the same class of a style that has a map; else with all of the style."""
    pixels, styles = _noise(5, SIZE), _guides({0}, {1})
    found = _objective(exact, styles, weights=GLOBAL, regions=regions).evaluate(pixels).terms["global"]
    ours, first, second = (_deepest(exact, each) for each in (pixels, *(style.picture for style in styles)))
    target = gram(first, region=_half((5, 7), 0, 56)) if regions else gram(first)
    left = global_loss(gram(ours, region=_half((6, 8), 0, 64)), target)
    right = global_loss(gram(ours, region=_half((6, 8), 1, 64)), gram(second))
    assert found == pytest.approx(2.0 * float(left + right) / 2, rel=1e-9)


def test_classes_without_statistics_compare_the_whole_with_what_its_classes_are_painted_from(
    exact: VGG19, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A quarter of the picture is too small, and bound to the second style; the rest is of both."""
    monkeypatch.setattr("glstylenet.objective.styles.FEWEST_POSITIONS", 20.0)
    pixels, styles = _noise(5, SIZE), _guides(set(), {1}, weights=(3.0, 1.0))
    objective = _objective(exact, styles, weights=GLOBAL, classes=(0, 0, 0, 1), regions=False)
    found = objective.evaluate(pixels).terms["global"]
    ours, first, second = (_deepest(exact, each) for each in (pixels, *(style.picture for style in styles)))
    both = 0.75 * gram(first) + 0.25 * gram(second)
    large = Region.of(map_at(_columns(SIZE, 0, 0, 0, 1), (6, 8))[0, 0])
    parts = 0.75 * global_loss(gram(ours, region=large), both)
    parts += 0.25 * global_loss(gram(ours), 0.75 * both + 0.25 * gram(second))
    assert found == pytest.approx(2.0 * float(parts), rel=1e-9)


# --- the whole loss


@pytest.mark.parametrize("regions", rest_is_long([True, False], short=1))
def test_the_gradient_agrees_with_finite_differences(exact: VGG19, regions: bool) -> None:
    pixels = _noise(5, SIZE)
    objective = _objective(exact, _guides(set(), {0}, weights=(1.0, 0.5)), regions=regions)
    objective.match(pixels)
    found = objective.evaluate(pixels)
    direction = _noise(9, SIZE) - 127.5
    above, below = (objective.evaluate(pixels + sign * 1e-7 * direction).terms.total for sign in (1, -1))
    assert (above - below) / 2e-7 == pytest.approx(float((found.gradient * direction).sum()), rel=1e-6)


def test_tiles_are_the_whole(network: VGG19) -> None:
    styles = _guides({1}, {0}, dtype=torch.float32)
    pixels = _noise(5, SIZE, torch.float32)
    whole, tiled = (
        _objective(network, styles, dtype=torch.float32, regions=True, tile_side=side).evaluate(pixels)
        for side in (None, 32)
    )
    assert tiled.terms.as_dict() == pytest.approx(whole.terms.as_dict(), rel=1e-5)
    assert float((tiled.gradient - whole.gradient).norm() / whole.gradient.norm()) < 1e-4


# --- copies of strokes


def _plain(colour: tuple[int, int, int], size: tuple[int, int]) -> Tensor:
    return torch.tensor(colour).view(1, 3, 1, 1).expand(1, 3, *size) + _noise(7, size, torch.float32) / 25


@pytest.mark.parametrize("by_maps", [True, False])
def test_strokes_of_a_bound_class_are_copied_from_its_style(network: VGG19, by_maps: bool) -> None:
    styles = [
        StyleGuide(_plain((200, 0, 0), STYLE_SIZE), classes=frozenset({0})),
        StyleGuide(_plain((0, 0, 200), OTHER_SIZE), classes=frozenset({1})),
    ]
    objective = _objective(network, styles, dtype=torch.float32)
    pixels = _noise(5, SIZE, torch.float32)
    copied = objective.copy_strokes_by_maps(pixels) if by_maps else objective.copy_strokes(pixels)
    assert copied is not None
    left, right = copied[0, :, :, :24], copied[0, :, :, -24:]
    for part, strong, weak in ((left, 0, 2), (right, 2, 0)):
        assert float(part[strong].min()) >= 200
        assert float(part[weak].max()) < 11


# --- a run


def _picture(seed: int, size: tuple[int, int], colour: tuple[int, int, int]) -> Pixels:
    noise = np.random.default_rng(seed).normal(0.0, 20.0, (*size, 3))
    return (noise + colour).clip(0, 255).astype(np.uint8)


def _drawn_map(size: tuple[int, int], *colours: tuple[int, int, int]) -> Pixels:
    pixels = np.zeros((*size, 3), np.uint8)
    for place, colour in enumerate(colours):
        pixels[:, place * size[1] // len(colours) :] = colour
    return pixels


RED, BLUE, GREEN = (255, 0, 0), (0, 0, 255), (0, 255, 0)
CONTENT, CONTENT_MAP = _picture(0, SIZE, (128, 128, 128)), _drawn_map(SIZE, RED, RED, BLUE)
FIRST, FIRST_MAP = _picture(1, STYLE_SIZE, (190, 60, 60)), _drawn_map(STYLE_SIZE, RED, BLUE)
SECOND = _picture(2, OTHER_SIZE, (60, 60, 190))
FAST = Settings(iterations=2, scales=1, device="cpu", precision="float32", init="tinted")


def _inputs(styles: list[Style], **changes: Any) -> Inputs:
    settings = FAST.replace(**changes)
    sources = read_sources(CONTENT, styles, content_map=CONTENT_MAP, style_map=None, settings=settings)
    return prepare_inputs(sources, settings)


def test_one_style_in_a_list_and_one_of_weight_0_beside_it_change_nothing() -> None:
    alone = stylize(CONTENT, FIRST, content_map=CONTENT_MAP, style_map=FIRST_MAP, settings=FAST)
    styles = [Style(FIRST, FIRST_MAP, 0.3), Style(SECOND, _drawn_map(OTHER_SIZE, GREEN, BLUE), 0.0)]
    given_styles: tuple[GivenStyle, ...] = (Style(FIRST, FIRST_MAP), styles)
    for given in given_styles:
        result = stylize(CONTENT, given, content_map=CONTENT_MAP, settings=FAST)
        assert torch.equal(result.pixels, alone.pixels)
        assert result.losses == alone.losses
        assert make_recipe(result, folder=Path()) == make_recipe(alone, folder=Path())


def _means(pixels: Tensor) -> tuple[list[float], list[float]]:
    """The mean colours of the left and the right third."""
    return pixels[0, :, :, :21].mean((1, 2)).tolist(), pixels[0, :, :, -21:].mean((1, 2)).tolist()


def test_the_start_has_the_colours_of_the_style_of_each_class() -> None:
    inputs = _inputs([Style(FIRST, regions=["red"]), Style(SECOND, regions=["blue"])])
    left, right = _means(start_pixels(inputs, "tinted", SIZE, 0))
    assert left == pytest.approx((190, 60, 60), abs=6)
    assert right == pytest.approx((60, 60, 190), abs=6)


def test_the_start_has_the_colours_of_all_styles_by_weight() -> None:
    """A class that only one style has is coloured from that one."""
    styles = [Style(FIRST, FIRST_MAP, 3.0), Style(SECOND, _drawn_map(OTHER_SIZE, RED, RED), 1.0)]
    left, right = _means(start_pixels(_inputs(styles), "tinted", SIZE, 0))
    assert left == pytest.approx((157.5, 60, 92.5), abs=6)
    assert right == pytest.approx((190, 60, 60), abs=6)


def test_a_style_without_a_map_takes_the_colours_of_the_classes_that_it_paints() -> None:
    """The content is red at the left and blue at the right; the second style is used at the right alone."""
    content = np.where(CONTENT_MAP[..., :1] == 255, _picture(3, SIZE, (200, 40, 40)), SECOND[:48, :1])
    settings = FAST.replace(colours="match")
    styles = [Style(FIRST), Style(FIRST, weight=0.0, regions=["blue"])]
    sources = read_sources(content, styles, content_map=CONTENT_MAP, style_map=None, settings=settings)
    inputs = prepare_inputs(sources, settings)
    means = [inputs.pictures[style.role].pixels.mean((0, 2, 3)).tolist() for style in inputs.styles]
    for mean, strong, weak in ((means[0], 0, 2), (means[1], 2, 0)):
        assert mean[strong] > 150
        assert mean[weak] < 90


def test_each_style_has_its_own_size() -> None:
    inputs = _inputs([Style(FIRST, FIRST_MAP), Style(SECOND)], style_scale=0.9)
    assert [style.size for style in inputs.styles] == [(36, 50), (50, 43)]
    scaled = inputs.scaled((24, 32), 0.5, torch.device("cpu"))
    assert [tuple(style.picture.shape[2:]) for style in scaled.styles] == [(32, 44), (37, 32)]


@pytest.mark.parametrize(
    ("styles", "with_map", "words"),
    [
        ([], True, "none of the 0 styles"),
        ([Style(FIRST, weight=0.0), Style(SECOND, weight=0.0)], True, "none of the 2 styles"),
        ([Style(FIRST, weight=-1.0)], True, "the weight of style 1 is -1.0; expected"),
        ([Style(FIRST, FIRST_MAP), Style(SECOND, weight=float("nan"))], True, "the weight of style 2 is nan"),
        ([Style(FIRST), FIRST], True, "style 2 of the list is a ndarray, expected a Style"),
        ([Style(FIRST), Style(SECOND, regions=["red"])], False, "no content map that says where it is"),
        ([Style(FIRST), Style(SECOND)], True, "got a content map but no style map"),
        (
            [Style(FIRST), Style(SECOND, regions=["pink"])],
            True,
            "'pink' in the maps; the classes are 1 #ff0000",
        ),
        ([Style(FIRST), Style(SECOND, regions=[3])], True, "there is no class '3' in the maps"),
        (
            [Style(FIRST, regions=["red"]), Style(SECOND, regions=["1"])],
            True,
            "the class #ff0000 is to be painted from style and from style 2",
        ),
    ],
)
def test_what_cannot_be_is_refused(styles: Any, with_map: bool, words: str) -> None:
    content_map = CONTENT_MAP if with_map else None
    with pytest.raises(UsageError) as caught:
        prepare(CONTENT, styles, content_map, None, FAST)
    assert words in str(caught.value)
    assert "--" not in str(caught.value).replace("add --style-map", "")


def test_a_map_beside_a_list_is_refused() -> None:
    with pytest.raises(UsageError, match="give each style its own map"):
        prepare(CONTENT, [Style(FIRST)], CONTENT_MAP, FIRST_MAP, FAST)


def test_what_a_bound_class_is_painted_from_is_told() -> None:
    lacking = _drawn_map(OTHER_SIZE, BLUE, GREEN)
    warnings = _inputs([Style(FIRST, regions=["blue"]), Style(SECOND, lacking, regions=["red", "green"])])
    assert warnings.warnings == (
        "#0000ff is painted from all of style, which has no map",
        "#ff0000 is painted from all of style 2, whose map lacks this class",
        "the content has nothing of #00ff00, the class to paint from style 2",
    )


def test_a_style_that_nothing_is_painted_from_is_told() -> None:
    events: list[Any] = []
    styles = [Style(FIRST, FIRST_MAP), Style(SECOND, weight=0.0)]
    stylize(CONTENT, styles, content_map=CONTENT_MAP, settings=FAST, on_event=events.append)
    assert "style 2 has weight 0 and no class of its own: nothing is painted from it" in warnings_of(events)


# --- recipe, checkpoint, memory, explanation


def _file(folder: Path, name: str, pixels: Pixels) -> Path:
    Image.fromarray(pixels).save(folder / name)
    return folder / name


def test_a_recipe_holds_all_styles(tmp_path: Path) -> None:
    content, first, second, own_map = (
        _file(tmp_path, name, pixels)
        for name, pixels in (
            ("c.png", CONTENT),
            ("s.png", FIRST),
            ("t.png", SECOND),
            ("m.png", CONTENT_MAP),
        )
    )
    styles = [Style(first, weight=2.0), Style(second, weight=0.5, regions=["red"])]
    result = stylize(content, styles, content_map=own_map, settings=FAST)
    recipe = parse_recipe(make_recipe(result, folder=tmp_path))
    assert [(each.weight, each.regions) for each in recipe.styles] == [(2.0, ()), (0.5, ("#ff0000",))]
    found = find_inputs(recipe, tmp_path, {})
    assert found == {"content": content, "style": first, "content_map": own_map, "style_2": second}
    _file(tmp_path, "t.png", FIRST)
    with pytest.raises(InputError, match=r"the recipe's style 2 has changed.*--add-style"):
        find_inputs(recipe, tmp_path, {})


def test_another_weight_or_class_is_another_run() -> None:
    def identity(*styles: Style) -> Identity:
        return Identity.of(prepare(CONTENT, list(styles), CONTENT_MAP, None, FAST))

    first = Style(FIRST, FIRST_MAP)
    ours = identity(first, Style(SECOND, weight=0.5, regions=["red"]))
    assert not ours.differences(identity(first, Style(SECOND, weight=0.5, regions=[1])))
    [difference] = ours.differences(identity(first, Style(SECOND, weight=0.25, regions=["red"])))
    assert "weight 0.5 class 1" in difference
    assert "weight 0.25 class 1" in difference
    assert ours.differences(identity(first, Style(SECOND, weight=0.5, regions=["blue"])))


@pytest.mark.long
def test_a_resumed_run_ends_with_the_same_picture(tmp_path: Path) -> None:
    settings = FAST.replace(iterations=5, round_length=2)
    styles = [Style(FIRST, FIRST_MAP), Style(SECOND, weight=0.5, regions=["blue"])]
    options: dict[str, Any] = {"content_map": CONTENT_MAP, "settings": settings}
    whole = stylize(CONTENT, styles, **options)
    calls: list[int] = []

    def stop_in_the_second_round() -> bool:
        calls.append(1)
        return len(calls) >= 3

    checkpoint = tmp_path / "state"
    stopped = stylize(CONTENT, styles, should_stop=stop_in_the_second_round, checkpoint=checkpoint, **options)
    assert stopped.interrupted
    resumed = stylize(CONTENT, styles, resume=True, checkpoint=checkpoint, **options)
    assert torch.equal(resumed.pixels, whole.pixels)


def test_memory_counts_every_style() -> None:
    """Features of both, once more for their common table, and their channels and pixels."""
    one, two = (
        prepare(CONTENT, styles, CONTENT_MAP, None, FAST).scales[-1].estimate
        for styles in ([Style(FIRST, FIRST_MAP)], [Style(FIRST, FIRST_MAP), Style(SECOND)])
    )
    features = (5 * 7 + 7 * 6) * 960 * 4
    single = 5 * 7 * 960 * 4
    content = one.target_bytes(half=False) - single - single // 16
    assert two.target_bytes(half=False) == content + 2 * features + features // 16
    assert two.fixed_bytes - one.fixed_bytes == (4 * 8 + 3) * 56 * 48


def test_an_explanation_tells_which_style_painted_what() -> None:
    settings = FAST.replace(semantic_weight=0.0)
    styles = [Style(FIRST, regions=["red"]), Style(SECOND, regions=["blue"])]
    result = stylize(CONTENT, styles, content_map=CONTENT_MAP, settings=settings)
    explanation = explain(result, LossCurve())
    found = explanation.correspondence
    assert found is not None
    assert found.style is not None
    assert found.content_class is not None
    assert np.array_equal(found.style, found.content_class)
    assert found.style_shares == pytest.approx([float((found.style == k).mean()) for k in (0, 1)])
    # The styles lie side by side: 7 columns of positions, a gap of one, 6 columns.
    assert found.style_shape == (5, 12)
    assert explanation.styles.size == (56, 64 + 48)
    rows, columns = found.style_places
    assert bool((columns[found.style == 0] < 5).all())
    assert bool((columns[found.style == 1] >= 8).all())
    assert bool((rows[found.style == 0] < 3).all())
    assert explanation.as_dict()["style_size"] == [112, 56]
