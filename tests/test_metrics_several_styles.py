"""Metrics of a picture that was painted from several styles: their mixture, and what belongs to each."""

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image
from torch import Tensor

from glstylenet import Style
from glstylenet.cli import main
from glstylenet.errors import UsageError
from glstylenet.events import Event, Warned
from glstylenet.metrics import Metrics, evaluate_picture
from glstylenet.metrics.leaks import StyleRegions, mixed_leak_share
from glstylenet.metrics.measured_styles import MeasuredStyle, MeasuredStyles
from glstylenet.metrics.wasserstein import mixed_distance, random_directions, sliced_wasserstein

Pixels = npt.NDArray[np.uint8]
HEIGHT, WIDTH = 64, 96


def drawn(kind: str) -> Pixels:
    """Blue hatching, red dots, or a grey ramp; half as wide as the picture that is made of two."""
    y, x = np.mgrid[:HEIGHT, : WIDTH // 2].astype(np.float64)
    waves = {"hatched": np.sin(x + y), "dotted": np.sin(x / 2) * np.sin(y / 2), "ramp": y / HEIGHT - 0.5}[
        kind
    ]
    tint = {"hatched": (0.4, 0.7, 1.0), "dotted": (1.0, 0.6, 0.4), "ramp": (1.0, 1.0, 1.0)}[kind]
    return np.asarray(((130 + 90 * waves)[..., None] * np.array(tint)).clip(0, 255), np.uint8)


def halves_map() -> Pixels:
    values = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    values[:, : WIDTH // 2, 0] = values[:, WIDTH // 2 :, 2] = 255
    return values


PAINTED = np.concatenate([drawn("hatched"), drawn("dotted")], axis=1)
CONTENT = np.concatenate([drawn("ramp"), drawn("ramp")[::-1]], axis=1)


def evaluated(*styles: Style, picture: Pixels = PAINTED, maps: bool = True) -> Metrics:
    return evaluate_picture(picture, CONTENT, list(styles), content_map=halves_map() if maps else None)


@pytest.fixture(scope="module")
def own() -> Metrics:
    """Each half beside the style that it is a copy of."""
    return evaluated(Style(drawn("hatched"), regions=["red"]), Style(drawn("dotted"), regions=["blue"]))


def test_each_region_is_compared_with_its_own_style(own: Metrics) -> None:
    assert [each.colour for each in own.classes] == ["#0000ff", "#ff0000"]
    assert [each.colour_distance for each in own.classes] == pytest.approx([0, 0], abs=1e-5)
    assert own.colour_distance == pytest.approx(0, abs=0.1), "two halves of the same weight"
    assert own.leaks == 0
    assert [each.weight for each in own.styles] == pytest.approx([0.5, 0.5])
    assert [each.share for each in own.styles] == pytest.approx([0.5, 0.5], abs=0.05)
    assert [each.colour_distance for each in own.styles] == pytest.approx([0, 0], abs=1e-5)


def test_exchanged_styles_are_told(own: Metrics) -> None:
    other = evaluated(Style(drawn("hatched"), regions=["blue"]), Style(drawn("dotted"), regions=["red"]))
    assert other.leaks is not None
    assert other.leaks > 0.95
    assert all((each.colour_distance or 0) > 10 for each in other.classes)
    assert all((each.colour_distance or 0) > 10 for each in other.styles)
    for name in ("texture_distance", "colour_distance", "plausibility_distance", "coherence"):
        assert getattr(other, name) == pytest.approx(getattr(own, name)), f"{name} knows no places"


@pytest.mark.long
def test_the_same_style_twice_is_that_style() -> None:
    once = evaluated(Style(drawn("hatched")), maps=False)
    twice = evaluated(Style(drawn("hatched"), weight=3.0), Style(drawn("hatched")), maps=False)
    assert once.styles == ()
    for name, value in once.as_dict().items():
        assert twice.as_dict()[name] == (value if value is None else pytest.approx(value, rel=1e-3)), name
    assert [each.weight for each in twice.styles] == pytest.approx([0.75, 0.25])
    assert [each.share for each in twice.styles] == [1.0, 0.0], "of equals the first"


@pytest.mark.long
def test_a_style_of_weight_0_changes_nothing() -> None:
    alone = evaluated(Style(drawn("hatched")), maps=False)
    beside = evaluated(Style(drawn("hatched")), Style(drawn("dotted"), weight=0.0), maps=False)
    assert beside == alone


@pytest.mark.long
def test_a_mixture_is_nearer_than_either_style() -> None:
    both = evaluated(Style(drawn("hatched")), Style(drawn("dotted")), maps=False)
    alone = [evaluated(Style(drawn(kind)), maps=False) for kind in ("hatched", "dotted")]
    for name in ("texture_distance", "colour_distance", "plausibility_distance"):
        assert getattr(both, name) < min(getattr(each, name) for each in alone) / 2, name
    assert [each.colour_distance for each in both.styles] == [each.colour_distance for each in alone]


def test_what_is_to_be_said_of_the_styles_is_said() -> None:
    said: list[Event] = []
    styles = [Style(drawn("hatched"), regions=["red"]), Style(drawn("dotted"))]
    evaluate_picture(PAINTED, CONTENT, styles, content_map=halves_map(), on_event=said.append)
    assert Warned("#ff0000 is painted from all of style, which has no map") in said
    with pytest.raises(UsageError, match="the classes are 1 #0000ff, 2 #ff0000"):
        evaluated(Style(drawn("hatched"), regions=["green"]), Style(drawn("dotted")))


# The parts


def test_parts_of_a_mixture_count_by_their_weights_and_not_by_their_sizes() -> None:
    points = torch.randn((60, 4), generator=torch.Generator().manual_seed(1))
    first, second, directions = points[:30], points[30:], random_directions(4)
    apart = mixed_distance(points, [(first, 1.0), (second, 1.0)], directions)
    assert apart == pytest.approx(sliced_wasserstein(points, points, directions), abs=0.01)
    repeated = mixed_distance(points, [(torch.cat([first, first]), 1.0), (second, 1.0)], directions)
    assert repeated == pytest.approx(apart, abs=1e-6)
    assert mixed_distance(first, [(first, 1.0), (second, 0.0)], directions) == pytest.approx(0, abs=1e-6)


def _style(weight: float, *bound: int, channels: Tensor | None = None) -> MeasuredStyle:
    return MeasuredStyle({}, torch.zeros(1, 3, 4, 4), None, channels, weight, frozenset(bound))


def test_a_style_has_its_classes_and_its_part_of_the_others() -> None:
    styles = MeasuredStyles((_style(1.0), _style(3.0, 0)), (0.5, 0.3, 0.2))
    assert styles.expected == pytest.approx((0.125, 0.875))
    assert [styles.painted_by(number) for number in (0, 1)] == [[1, 2], [0, 1, 2]]
    assert styles.mean([8.0, 16.0]) == pytest.approx(15.0)
    assert styles.mean([8.0, None]) == 8.0
    assert styles.mean([None, None]) is None
    alone = MeasuredStyles((_style(1.0), _style(0.0, 0)), (0.5, 0.3, 0.2))
    assert alone.expected == pytest.approx((0.5, 0.5))
    assert alone.painted_by(1) == [0]


def test_a_class_is_compared_with_the_styles_that_have_it() -> None:
    left = torch.zeros(1, 2, 4, 4)
    left[:, 0] = 1.0
    styles = MeasuredStyles((_style(2.0, channels=left), _style(1.0)), (0.5, 0.5))
    parts = styles.class_colours(0)
    assert [part.weight for part in parts] == [2.0, 1.0]
    assert parts[0].class_channel is not None
    assert parts[1].class_channel is None, "a style without a map is there with all of it"
    assert styles.class_colours(1) == [], "no map has it"
    bound = MeasuredStyles((_style(2.0, 1, channels=left), _style(1.0)), (0.5, 0.5))
    [part] = bound.class_colours(1)
    assert part.class_channel is None, "its map lacks the class"


SKY, GRASS = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])


def _halves(left: Tensor, right: Tensor) -> Tensor:
    return torch.stack([left] * 6 + [right] * 6, dim=1)[None, :, None].expand(1, 2, 6, 12)


def test_a_patch_leaks_from_a_style_that_its_class_may_not_use() -> None:
    classes = _halves(SKY, GRASS)
    picture = _halves(SKY, GRASS)
    may = torch.tensor([[True, False], [False, True]])
    features = [each.view(1, 2, 1, 1).expand(1, 2, 6, 6) for each in (SKY, GRASS)]
    own = [StyleRegions(*each) for each in zip(features, (None, None), (None, None), may, strict=True)]
    assert mixed_leak_share(picture, classes, own) == 0
    exchanged = [
        StyleRegions(*each) for each in zip(features[::-1], (None, None), (None, None), may, strict=True)
    ]
    assert mixed_leak_share(picture, classes, exchanged) == 1
    free = [StyleRegions(each, None, None, torch.tensor([True, True])) for each in features]
    assert mixed_leak_share(picture, classes, free) == 0
    unused = [StyleRegions(each, None, None, torch.tensor([False, False])) for each in features]
    assert mixed_leak_share(picture, classes, unused) is None


# The command


@pytest.mark.long
def test_the_command_tells_of_each_style(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    pictures = {"out": PAINTED, "content": CONTENT, "map": halves_map()}
    for name, pixels in (pictures | {kind: drawn(kind) for kind in ("hatched", "dotted")}).items():
        Image.fromarray(pixels).save(f"{name}.png")
    words = ["evaluate", "out.png", "content.png", "hatched.png", "--add-style", "dotted.png"]
    bound = ["--content-map", "map.png", "--region", "red=1", "--region", "blue=2", "--device", "cpu"]
    assert main([*words, *bound, "--json"]) == 0
    captured = capsys.readouterr()
    styles = json.loads(captured.out)["styles"]
    assert [each["name"] for each in styles] == ["hatched.png", "dotted.png"]
    assert "#0000ff is painted from all of style 2, which has no map" in captured.err
    assert main([*words, *bound]) == 0
    assert "\nhatched.png   50.00%" in capsys.readouterr().out
    for wrong, message in (
        (["--style-weights", "1,1,1"], "holds 3 weights, and there are 2 styles"),
        (["--region", "pink=1"], "the classes are 1 #0000ff"),
    ):
        assert main([*words, *bound, *wrong]) == 2
        assert message in capsys.readouterr().err
