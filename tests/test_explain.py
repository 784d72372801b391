"""Explanations: numbers worked by hand, sums that must add up, pictures and the folder."""

import json
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image, ImageColor

from glstylenet.errors import OutputError, UsageError
from glstylenet.explain import folder as folder_module
from glstylenet.explain.charts import class_chart, curve_chart, drawn_text, require_matplotlib
from glstylenet.explain.class_losses import ClassLosses
from glstylenet.explain.colour_code import coded_colours
from glstylenet.explain.correspondence import Correspondence, class_grid, receptive_pixels
from glstylenet.explain.curve import LossCurve
from glstylenet.explain.explanation import Explanation, explain
from glstylenet.explain.folder import FILES, check_folder, explanation_folder, write_explanation
from glstylenet.explain.page import explanation_page
from glstylenet.explain.panels import correspondence_sheet, result_panel, style_panel
from glstylenet.memory.plan import MemoryPlan
from glstylenet.network.layers import LAYER_NAMES
from glstylenet.network.protocol import features
from glstylenet.network.vgg import VGG19
from glstylenet.network.weights import load_weights
from glstylenet.objective.loss_term import LossTerm
from glstylenet.objective.objective import Objective
from glstylenet.objective.terms import LossTerms
from glstylenet.pyramid.schemes import SCHEMES
from glstylenet.run.assembly import make_objective
from glstylenet.run.events import Event, ScaleStarted, Step
from glstylenet.run.final_losses import picture_losses
from glstylenet.run.result import Result
from glstylenet.run.scales import Scale
from glstylenet.run.stylize import stylize
from glstylenet.settings.model import Settings
from glstylenet.settings.presets import preset_settings
from tests.long_cases import rest_is_long
from tests.losses import loss_terms

Picture = NDArray[np.uint8]
HEIGHT, WIDTH = 72, 64
FAST = Settings(iterations=2, precision="float32", device="cpu", scales=1)


def blotches(seed: int, height: int = HEIGHT, width: int = WIDTH) -> Picture:
    """Noise of several sizes, so that no two patches are alike."""
    generator = np.random.default_rng(seed)
    coarse = generator.integers(0, 256, (6, 6, 3), dtype=np.uint8)
    smooth = np.asarray(Image.fromarray(coarse).resize((width, height)), np.float64)
    noise = generator.integers(0, 256, (height, width, 3))
    return (0.7 * smooth + 0.3 * noise).astype(np.uint8)


def halves(height: int = HEIGHT, width: int = WIDTH, *, at: float = 0.5) -> Picture:
    """A map: red on the left, blue on the right."""
    columns = np.arange(width) < at * width
    row = np.where(columns[:, None], (255, 0, 0), (0, 0, 255)).astype(np.uint8)
    return np.broadcast_to(row, (height, width, 3)).copy()


def explained(*, maps: bool = True, settings: Settings = FAST, content: Picture | None = None) -> Explanation:
    curve = LossCurve()
    result = stylize(
        blotches(1) if content is None else content,
        blotches(2, 80, 88),
        content_map=halves() if maps else None,
        style_map=halves(80, 88, at=0.25) if maps else None,
        settings=settings,
        on_event=curve,
    )
    return explain(result, curve)


@pytest.fixture(scope="module")
def mapped() -> Explanation:
    return explained()


@pytest.fixture(scope="module")
def unmapped() -> Explanation:
    return explained(maps=False)


def measured(result: Result, settings: Settings, *, maps: bool) -> LossTerms:
    """The terms by the public way, from the same pixels."""
    pixels = result.pixels[0].permute(1, 2, 0).numpy() / 255.0
    return picture_losses(
        pixels,
        blotches(1),
        blotches(2, 80, 88),
        content_map=halves() if maps else None,
        style_map=halves(80, 88, at=0.25) if maps else None,
        settings=settings,
    )


# Correspondence


@pytest.mark.long
@pytest.mark.parametrize("scheme", ["g", "b"])
def test_a_picture_painted_by_itself_matches_itself(scheme: str) -> None:
    """One evaluation from the content returns the content; with itself as style every patch finds itself."""
    picture = blotches(1)
    settings = FAST.replace(iterations=1, init="content", scheme=scheme)
    result = stylize(picture, picture, settings=settings)
    found = explain(result, LossCurve()).correspondence
    assert found is not None
    cell = {"g": 8, "b": 4}[scheme]
    rows, columns = HEIGHT // cell - 2, WIDTH // cell - 2
    assert found.cell == cell
    assert found.style_shape == (rows, columns)
    assert np.array_equal(found.index, np.arange(rows * columns).reshape(rows, columns))
    down, across = found.style_places
    assert np.array_equal(down, np.repeat(np.arange(rows)[:, None], columns, axis=1))
    assert np.array_equal(across, np.repeat(np.arange(columns)[None], rows, axis=0))
    assert found.crossing is None
    assert found.crossing_share is None


def test_crossings_are_counted() -> None:
    """The same picture as content and style: its maps differ in the columns between the two borders."""
    picture = blotches(1)
    settings = FAST.replace(iterations=1, init="content", semantic_weight=0.0)
    result = stylize(picture, picture, content_map=halves(), style_map=halves(at=0.25), settings=settings)
    explanation = explain(result, LossCurve())
    found = explanation.correspondence
    assert found is not None
    assert found.crossing is not None
    # Positions are 8 pixels wide: red ends after position 3 in the content, after position 1 in the style.
    # The patches' middles are positions 1 to 6.
    expected = [False, True, True, False, False, False]
    assert found.crossing.tolist() == [expected] * 7
    assert found.crossing_share == pytest.approx(2 / 6)
    leaving = {each.colour: each.leaving for each in explanation.classes}
    assert leaving == {"#ff0000": pytest.approx(2 / 3), "#0000ff": 0.0}


def test_the_class_of_a_position_is_the_largest_under_it() -> None:
    channels = torch.zeros(1, 2, 16, 16)
    channels[:, 0], channels[:, 0, :, 11:], channels[:, 1, :, 11:] = 1.0, 0.0, 1.0
    assert class_grid(channels, (4,), (16, 16)).tolist() == [[0, 1], [0, 1]]
    assert class_grid(channels, (1, 2), (16, 16))[0].tolist() == [
        0,
        0,
        0,
        0,
        0,
        0,
        1,
        1,
    ]  # the sixth is half and half


@pytest.mark.long
@pytest.mark.parametrize("layer", [1, 2, 3, 4])
def test_what_a_position_depends_on(layer: int) -> None:
    """A pixel at the edge of the receptive field changes the position, and one pixel further does not."""
    network = VGG19(load_weights("embedded").tensors, dtype=torch.float64)
    before, after = receptive_pixels(layer)
    cell = 1 << (layer - 1)
    position = 48 // cell
    picture = (
        torch.rand((1, 3, 96, 96), generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 255
    )
    name = LAYER_NAMES[layer]
    base = features(network, picture, (name,))[name]

    def changes(row: int) -> bool:
        changed = picture.clone()
        changed[..., row, :] = 255.0 - changed[..., row, :]
        feature = features(network, changed, (name,))[name]
        return not torch.equal(feature[..., position, :], base[..., position, :])

    first, last = cell * position - before, cell * position + after
    assert [changes(row) for row in (first - 1, first, last, last + 1)] == [False, True, True, False]


# Losses by class


@pytest.mark.parametrize("scheme", rest_is_long(["g", "h"], short=1))
@pytest.mark.parametrize("maps", rest_is_long([True, False], short=1))
def test_the_parts_of_the_classes_add_up(scheme: str, maps: bool) -> None:
    settings = FAST.replace(scheme=scheme)
    explanation = explained(maps=maps, settings=settings)
    terms = measured(explanation.result, settings, maps=maps)
    assert len(explanation.classes) == (2 if maps else 1)
    assert sum(each.local for each in explanation.classes) == pytest.approx(terms["local"], rel=1e-5)
    assert sum(each.content for each in explanation.classes) == pytest.approx(terms["content"], rel=1e-5)
    assert sum(each.share for each in explanation.classes) == pytest.approx(1.0)
    assert explanation.losses.total == pytest.approx(explanation.result.losses.total, rel=1e-6)
    assert all(each.local > 0 and each.content > 0 for each in explanation.classes)


@pytest.mark.long
def test_the_global_term_has_parts_where_statistics_are_by_region(mapped: Explanation) -> None:
    assert [each.global_part for each in mapped.classes] == [None, None]
    assert "cannot be divided" in explanation_page(mapped, "whole")
    explanation = explained(settings=FAST.replace(statistics="regions"))
    parts = [each.global_part for each in explanation.classes]
    assert parts[0] is not None
    assert parts[1] is not None
    assert min(parts[0], parts[1]) > 0
    assert parts[0] + parts[1] == pytest.approx(explanation.losses["global"], rel=1e-6)
    page = explanation_page(explanation, "regions")
    assert "cannot be divided" not in page
    for value in (*parts, explanation.losses["global"]):
        assert f"<td>{value:.4g}</td>" in page


def test_means_compare_classes_of_unequal_size(mapped: Explanation) -> None:
    """Weighted by how many patches each class has, the means give the term again."""
    found = mapped.correspondence
    assert found is not None
    assert found.content_class is not None
    means = [each.local_mean for each in mapped.classes]
    shares = [float((found.content_class == each.number - 1).mean()) for each in mapped.classes]
    assert sum(shares) == pytest.approx(1.0)
    whole = sum(mean * share for mean, share in zip(means, shares, strict=True) if mean is not None)
    assert whole == pytest.approx(mapped.losses["local"], rel=1e-6)


@pytest.mark.long
def test_tiles_explain_the_same() -> None:
    """A run that is measured in tiles tells what one in a piece tells."""
    curve = LossCurve()
    result = stylize(blotches(1, 128, 128), blotches(2, 80, 88), settings=FAST, on_event=curve)
    plain = explain(result, curve)
    sides: list[int] = []

    def in_tiles(*arguments: Any, plan: MemoryPlan, **options: Any) -> Objective:
        sides.append(64)
        return make_objective(*arguments, plan=replace(plan, tile_side=64), **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("glstylenet.run.final_losses.make_objective", in_tiles)
        tiled = explain(result, curve)
    assert sides == [64]
    assert plain.correspondence is not None
    assert tiled.correspondence is not None
    assert (plain.correspondence.index == tiled.correspondence.index).mean() > 0.99
    assert tiled.classes[0].local == pytest.approx(plain.classes[0].local, rel=1e-4)
    assert tiled.classes[0].content == pytest.approx(plain.classes[0].content, rel=1e-4)


# Without a local or a content term


@pytest.mark.long
def test_without_a_local_term_there_is_no_correspondence(tmp_path: Path) -> None:
    explanation = explained(settings=FAST.replace(local_weight=0.0))
    assert explanation.correspondence is None
    assert [each.local for each in explanation.classes] == [0.0, 0.0]
    assert [each.leaving for each in explanation.classes] == [None, None]
    write_explanation(explanation, tmp_path / "out.explain")
    assert {path.name for path in (tmp_path / "out.explain").iterdir()} == set(FILES) - {"correspondence.png"}
    assert "The local weight is 0" in (tmp_path / "out.explain" / "index.html").read_text(encoding="utf-8")


@pytest.mark.long
def test_a_doodle_is_explained(tmp_path: Path) -> None:
    curve = LossCurve()
    result = stylize(
        None,
        blotches(2, 80, 88),
        content_map=halves(),
        style_map=halves(80, 88, at=0.25),
        settings=FAST,
        on_event=curve,
    )
    explanation = explain(result, curve)
    assert [each.content for each in explanation.classes] == [0.0, 0.0]
    assert [each.content_mean for each in explanation.classes] == [None, None]
    write_explanation(explanation, tmp_path / "out.explain")
    page = (tmp_path / "out.explain" / "index.html").read_text(encoding="utf-8")
    assert 'id="content"' not in page


@pytest.mark.long
@pytest.mark.parametrize(
    "scheme", rest_is_long(["g", "apart", *sorted(set(SCHEMES) - {"g", "apart"})], short=2)
)
def test_every_scheme_is_explained(scheme: str) -> None:
    """Also the one that is not the paper's: "apart" compares every layer by itself."""
    settings = FAST.replace(scheme=scheme, iterations=1)
    result = stylize(
        blotches(1, 32, 40), blotches(2, 40, 32), content_map=halves(32, 40), style_map=halves(40, 32),
        settings=settings,
    )  # fmt: skip
    explanation = explain(result, LossCurve())
    assert explanation.correspondence is not None
    assert explanation.correspondence.groups == len(SCHEMES[scheme].groups)
    losses = explanation.losses.as_dict()
    assert sum(each.local for each in explanation.classes) == pytest.approx(losses["local"], rel=1e-5)


def test_the_preset_of_gatys_is_explained() -> None:
    """It has the scheme "apart" and no local term."""
    settings = preset_settings("gatys", iterations=1, scales=1, precision="float32", device="cpu")
    result = stylize(
        blotches(1, 32, 40),
        blotches(2, 40, 32),
        content_map=halves(32, 40),
        style_map=halves(40, 32),
        settings=settings,
    )
    explanation = explain(result, LossCurve())
    assert explanation.correspondence is None
    content = sum(each.content for each in explanation.classes)
    assert content == pytest.approx(explanation.losses.as_dict()["content"], rel=1e-5)


@pytest.mark.long
def test_a_new_term_has_its_curve_and_its_words(brightness_term: type[LossTerm]) -> None:
    """A registered term is computed, drawn in its colour, written into the page and timed."""
    explanation = explained(settings=FAST.replace(smoothness=1e6))
    value = explanation.losses["brightness"]
    assert value > 0
    assert f"{brightness_term.label} {value:.4g}" in explanation_page(explanation, "out")
    assert explanation.result.timings.parts["brightness"] > 0
    for dark, colour in ((False, brightness_term.colour), (True, brightness_term.dark_colour)):
        drawn = np.asarray(curve_chart(explanation.curve, dark=dark).convert("RGB")).astype(int)
        assert (np.abs(drawn - np.array(ImageColor.getrgb(colour))).max(axis=2) < 8).sum() > 20


@pytest.mark.long
def test_two_groups_are_told() -> None:
    explanation = explained(settings=FAST.replace(scheme="h"))
    assert explanation.correspondence is not None
    assert explanation.correspondence.groups == 2
    assert explanation.correspondence.layers == (4,)
    assert "has 2 groups of layers" in explanation_page(explanation, "out")


# Curve


@pytest.mark.long
def test_the_curve_is_that_of_the_steps() -> None:
    heard: list[Event] = []
    curve = LossCurve()

    def listen(event: Event) -> None:
        heard.append(event)
        curve(event)

    settings = FAST.replace(iterations=12, scales=2, coarsest=48, round_length=3)
    stylize(blotches(1, 96, 96), blotches(2, 80, 88), settings=settings, on_event=listen)
    steps = [event for event in heard if isinstance(event, Step)]
    assert len(steps) == len(curve.points) == 12
    for step, point in zip(steps, curve.points, strict=True):
        assert (step.evaluation, step.scale, step.round) == (point.evaluation, point.scale, point.round)
        assert step.terms is point.terms
    assert curve.scales == [event.scale for event in heard if isinstance(event, ScaleStarted)]
    assert len(curve.scales) == 2


def test_scales_and_rounds_begin_where_their_number_changes() -> None:
    terms, pixels = loss_terms(1.0, 2.0, 3.0, 0.0), torch.zeros(1, 3, 8, 8)
    curve = LossCurve()
    for number, (scale, round_) in enumerate([(1, 1), (1, 1), (1, 2), (2, 1), (2, 1), (2, 2)], start=1):
        if number in (1, 4):
            curve(ScaleStarted(scale, 2, Scale(0.5 * scale, (8, 8), 3)))
        curve(Step(number, 6, scale, round_, terms, pixels, 0.0))
    assert curve.scale_starts() == [1, 4]
    assert curve.round_starts() == [3, 6]


# Pictures


def test_the_colour_code_tells_places_apart() -> None:
    """Colours of a grid of 8 x 8 places are all different, and near places have near colours."""
    down, across = ((np.indices((8, 8)) + 0.5) / 8).astype(np.float32)
    colours = coded_colours(down, across).astype(float)
    flat = colours.reshape(-1, 3)
    distances = np.linalg.norm(flat[:, None] - flat, axis=-1)
    assert distances[~np.eye(64, dtype=bool)].min() > 8.0
    steps = (
        np.linalg.norm(np.diff(colours, axis=0), axis=-1),
        np.linalg.norm(np.diff(colours, axis=1), axis=-1),
    )
    assert max(float(step.max()) for step in steps) < 90.0  # of 441 from black to white
    # Brighter upwards and to the right, without any colour.
    grey = colours @ (0.2126, 0.7152, 0.0722)
    assert (np.diff(grey, axis=0) < 0).all()


def test_the_result_has_the_colours_of_the_places_that_painted_it() -> None:
    """A grey picture painted by a grey style: without forms, equal places have equal colours in both."""
    grey = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    result = stylize(grey, grey, settings=FAST.replace(iterations=1, init="content"))
    grey_pixels = replace(result, pixels=torch.full((1, 3, HEIGHT, WIDTH), 128.0))
    found = Correspondence((1, 2, 3, 4), 1, np.arange(42).reshape(7, 6), (7, 6), None, None)
    terms = loss_terms(0.0, 0.0, 0.0, 0.0)
    explanation = Explanation(grey_pixels, found, (), terms, LossCurve())
    painted, key = result_panel(explanation, found).astype(int), style_panel(explanation).astype(int)
    assert painted.shape == key.shape == (HEIGHT, WIDTH, 3)
    for row, column in ((1, 1), (4, 3), (7, 6)):
        middle = 8 * row + 3, 8 * column + 3
        assert np.abs(painted[middle] - key[middle]).max() <= 6
    assert np.array_equal(painted[0, 0], painted[8, 8])  # borders follow the nearest patch


def test_what_is_transparent_is_white(unmapped: Explanation) -> None:
    found, result = unmapped.correspondence, unmapped.result
    assert found is not None
    alpha, style_alpha = torch.ones(1, 1, *result.size), torch.ones(1, 1, *result.inputs.style_size)
    alpha[..., :20], style_alpha[..., :20] = 0, 0
    [opaque] = result.inputs.styles
    inputs = replace(result.inputs, styles=(replace(opaque, alpha=style_alpha),))
    cut = replace(unmapped, result=replace(result, alpha=alpha, inputs=inputs))
    for panel, whole in (
        (result_panel(cut, found), result_panel(unmapped, found)),
        (style_panel(cut), style_panel(unmapped)),
    ):
        assert panel[:, :20].min() >= 254  # but for the lines at every quarter of the style
        np.testing.assert_array_equal(panel[:, 20:], whole[:, 20:])


def test_only_crossings_are_hatched(mapped: Explanation) -> None:
    found = mapped.correspondence
    assert found is not None
    assert found.content_class is not None
    everywhere = np.ones_like(found.content_class)
    same = replace(found, content_class=everywhere, matched_class=everywhere)
    other = replace(found, content_class=everywhere, matched_class=0 * everywhere)
    bare = replace(found, content_class=None, matched_class=None)
    plain = result_panel(mapped, bare)
    assert np.array_equal(result_panel(mapped, same), plain)
    changed = (result_panel(mapped, other) != plain).any(axis=-1)
    assert 0.15 < changed.mean() < 0.6
    assert found.crossing_share == np.mean(found.content_class != found.matched_class)


@pytest.mark.long
def test_the_sheet_shows_the_result_at_its_own_size(mapped: Explanation) -> None:
    assert mapped.correspondence is not None
    sheet = np.asarray(correspondence_sheet(mapped, mapped.correspondence))
    panel = result_panel(mapped, mapped.correspondence)
    windows = np.lib.stride_tricks.sliding_window_view(sheet, panel.shape)[..., 0, :, :, :]
    assert (windows == panel).all(axis=(-3, -2, -1)).any()


@pytest.mark.long
def test_charts_have_room_for_everything() -> None:
    few = [ClassLosses(0, None, 1.0, 0.0, None, 0.0, None, None)]
    many = [ClassLosses(n, "#ff0000", 0.02, 1.0, 2.0, 1.0, 2.0, 0.5) for n in range(1, 41)]
    assert class_chart(many).height > 5 * class_chart(few).height
    assert class_chart(few).width == class_chart(many).width
    assert curve_chart(LossCurve()).size == curve_chart(LossCurve(), dark=True).size
    assert np.asarray(curve_chart(LossCurve(), dark=True)).mean() < 60
    assert drawn_text("$x_1$ " * 40, 520).width == 520


# The folder


def test_the_folder_holds_all_numbers(mapped: Explanation, tmp_path: Path) -> None:
    place = tmp_path / "out.explain"
    write_explanation(mapped, place)
    assert {path.name for path in place.iterdir()} == set(FILES)
    assert [path.name for path in tmp_path.iterdir()] == ["out.explain"]
    table = json.loads((place / "explanation.json").read_text(encoding="utf-8"))
    found = mapped.correspondence
    assert found is not None
    style_columns = table["correspondence"]["style_patches"][0]
    index = np.array(table["correspondence"]["style_row"]) * style_columns
    index += np.array(table["correspondence"]["style_column"])
    assert np.array_equal(index, found.index)
    assert table["losses"] == mapped.losses.as_dict()
    assert [point["total"] for point in table["curve"]["points"]] == [
        point.terms.total for point in mapped.curve.points
    ]
    assert [each["local"] for each in table["classes"]] == [each.local for each in mapped.classes]
    for name in ("correspondence.png", "classes.png", "curve.png"):
        with Image.open(place / name) as picture:
            picture.load()


def test_no_path_of_this_machine_is_told(unmapped: Explanation, tmp_path: Path) -> None:
    result = replace(unmapped.result, settings=unmapped.result.settings.replace(init=str(tmp_path / "i.png")))
    explanation = replace(unmapped, result=result)
    assert "i.png" in json.dumps(explanation.as_dict())
    assert str(tmp_path) not in json.dumps(explanation.as_dict()) + explanation_page(explanation, "out")


def test_large_grids_are_thinned(unmapped: Explanation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("glstylenet.explain.explanation.MOST_POINTS", 11)
    assert unmapped.step == 2  # of 7 x 6 patches
    table = unmapped.as_dict()["correspondence"]
    assert isinstance(table, dict)
    assert np.array(table["style_row"]).shape == (4, 3)
    assert '"grid": [3, 4]' in explanation_page(unmapped, "out")


@pytest.mark.long
def test_a_folder_that_exists_is_kept(unmapped: Explanation, tmp_path: Path) -> None:
    place = explanation_folder(tmp_path / "out.png")
    assert place == tmp_path / "out.explain"
    check_folder(place, overwrite=False)
    write_explanation(unmapped, place)
    (place / "index.html").write_text("mine", encoding="utf-8")
    with pytest.raises(OutputError, match="exists already"):
        check_folder(place, overwrite=False)
    with pytest.raises(OutputError, match="exists already"):
        write_explanation(unmapped, place)
    assert (place / "index.html").read_text(encoding="utf-8") == "mine"
    write_explanation(unmapped, place, overwrite=True)
    assert (place / "index.html").read_text(encoding="utf-8") != "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["out.explain"]


def test_overwrite_removes_nothing_but_explanations(tmp_path: Path) -> None:
    place = tmp_path / "out.explain"
    place.write_text("a file", encoding="utf-8")
    with pytest.raises(OutputError, match="is no folder"):
        check_folder(place, overwrite=True)
    place.unlink()
    place.mkdir()
    (place / "index.html").touch()
    check_folder(place, overwrite=True)
    with pytest.raises(OutputError, match="holds the input"):
        check_folder(place, overwrite=True, inputs=[tmp_path / "other.png", place / "index.html"])
    (place / "thesis.doc").touch()
    with pytest.raises(OutputError, match="holds thesis.doc"):
        check_folder(place, overwrite=True)
    (tmp_path / "link.explain").symlink_to(tmp_path)
    with pytest.raises(OutputError, match="is no folder"):
        check_folder(tmp_path / "link.explain", overwrite=True)


@pytest.mark.parametrize("fault", rest_is_long([KeyboardInterrupt(), OSError("disk full")], short=1))
@pytest.mark.parametrize("is_old", [False, True])
def test_a_write_that_breaks_off_leaves_no_half_folder(
    unmapped: Explanation,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fault: BaseException,
    is_old: bool,
) -> None:
    place = tmp_path / "out.explain"
    if is_old:
        place.mkdir()
        (place / "index.html").write_text("old", encoding="utf-8")

    def fail(*_arguments: object) -> str:
        raise fault

    monkeypatch.setattr(folder_module, "explanation_page", fail)
    with pytest.raises((KeyboardInterrupt, OutputError)):
        write_explanation(unmapped, place, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == (["out.explain"] if is_old else [])
    if is_old:
        assert (place / "index.html").read_text(encoding="utf-8") == "old"


@pytest.mark.long
def test_an_old_folder_comes_back_if_the_new_one_cannot_take_its_place(
    unmapped: Explanation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "out.explain"
    place.mkdir()
    (place / "index.html").write_text("old", encoding="utf-8")
    rename = Path.rename

    def fail(self: Path, target: Path) -> Path:
        if self.name.endswith("-part"):
            raise OSError("no")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(OutputError, match="nothing was changed"):
        write_explanation(unmapped, place, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["out.explain"]
    assert (place / "index.html").read_text(encoding="utf-8") == "old"


def test_without_matplotlib_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    require_matplotlib()
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(UsageError, match=re.escape("pip install 'glstylenet[report]'")):
        require_matplotlib()
