"""Whole runs on small pictures that the tests draw."""

import importlib
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from glstylenet.errors import ImageError, InputError, MemoryLimitError, UsageError
from glstylenet.objective.objective import Objective
from glstylenet.objective.terms import TERMS, LossTerms
from glstylenet.run.canvas import MARGIN, canvas_size, with_margin, without_margin
from glstylenet.run.events import Event, Finished, Matched, ScaleStarted, Started, Step, Voted, Warned
from glstylenet.run.final_losses import picture_losses
from glstylenet.run.inputs import prepare_inputs, read_sources
from glstylenet.run.result import Result
from glstylenet.run.start import start_pixels
from glstylenet.run.stylize import plan_run, stylize
from glstylenet.settings.model import Settings
from glstylenet.settings.presets import PRESETS, preset_settings
from tests.long_cases import rest_is_long
from tests.told import warnings_of

Picture = NDArray[np.uint8]
HEIGHT, WIDTH = 72, 64


def _grid(height: int, width: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    rows, columns = np.mgrid[0:height, 0:width]
    return rows.astype(float), columns.astype(float)


def _disc(height: int, width: int) -> NDArray[np.bool_]:
    rows, columns = _grid(height, width)
    return (rows - height / 2) ** 2 + (columns - width / 2) ** 2 < (min(height, width) / 3) ** 2


@pytest.fixture(scope="module")
def content() -> Picture:
    """A shaded ball before a sloping sky."""
    rows, columns = _grid(HEIGHT, WIDTH)
    picture = np.stack((90 + rows, 120 + columns, 200 - rows), axis=2)
    ball = _disc(HEIGHT, WIDTH)
    picture[ball] = np.stack((220 - 2 * columns, 120 - columns, 60 + 0 * columns), axis=2)[ball]
    return picture.clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def style() -> Picture:
    """Slanted strokes of two colour families, one inside a disc, one outside."""
    rows, columns = _grid(80, 72)
    stroke = (np.sin((rows + 2 * columns) / 2.5) > 0)[..., None]
    outside = np.where(stroke, (40, 60, 150), (90, 130, 210))
    inside = np.where(stroke, (200, 120, 30), (240, 200, 90))
    return np.where(_disc(80, 72)[..., None], inside, outside).astype(np.uint8)


def _map(height: int, width: int) -> Picture:
    return np.where(_disc(height, width)[..., None], (255, 0, 0), (0, 0, 255)).astype(np.uint8)


@pytest.fixture(scope="module")
def maps() -> dict[str, Picture]:
    return {"content_map": _map(HEIGHT, WIDTH), "style_map": _map(80, 72)}


def _settings(**changes: object) -> Settings:
    return Settings(**{"iterations": 6, "precision": "float32", "device": "cpu", **changes})


# How far the objective must fall below that of the content picture, in 40 evaluations of these pictures.
EXPECTED_FALL = {
    "portrait": 5.0,
    "artistic": 2.0,
    "photorealistic": 1.1,  # its finish removes the strokes again; what falls is due to colours
    "chinese-painting": 3.0,
    "gatys": 6.0,
    "neural-doodle": 4.0,
}


@pytest.mark.long
@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_lowers_the_loss(
    name: str, content: Picture, style: Picture, maps: dict[str, Picture]
) -> None:
    settings = preset_settings(name, iterations=40, precision="float32", device="cpu")
    content_map, style_map = maps["content_map"], maps["style_map"]
    before = picture_losses(
        content, content, style, content_map=content_map, style_map=style_map, settings=settings
    )
    result = stylize(
        content,
        style,
        content_map=content_map,
        style_map=maps["style_map"],
        settings=settings,
    )
    assert result.evaluations == 40
    assert result.losses.total < before.total / EXPECTED_FALL[name]
    assert result.size == (HEIGHT, WIDTH)
    assert 0 <= float(result.pixels.min()) <= float(result.pixels.max()) <= 255


@pytest.mark.long
def test_the_maps_decide_which_colours_go_where(
    content: Picture, style: Picture, maps: dict[str, Picture]
) -> None:
    """Inside the disc the style is orange, outside blue; swapping its map's colours swaps the result's."""
    disc = torch.from_numpy(_disc(HEIGHT, WIDTH))
    warmth: list[float] = []
    for style_map in (maps["style_map"], maps["style_map"][..., ::-1].copy()):
        result = stylize(
            content,
            style,
            content_map=maps["content_map"],
            style_map=style_map,
            settings=_settings(
                iterations=60, content_weight=0.0, local_weight=100, global_weight=0.0, semantic_weight=100
            ),
        )
        red_over_blue = result.pixels[0, 0] - result.pixels[0, 2]
        warmth.append(float(red_over_blue[disc].mean() - red_over_blue[~disc].mean()))
    assert warmth[0] > 60
    assert warmth[1] < -60


@pytest.mark.long
def test_the_same_run_twice_is_the_same_picture(content: Picture, style: Picture) -> None:
    settings = _settings(init="noise", seed=7)
    first, second = (stylize(content, style, settings=settings) for _ in range(2))
    assert torch.equal(first.pixels, second.pixels)
    assert first.losses == second.losses
    other = stylize(content, style, settings=settings.replace(seed=8))
    assert not torch.equal(first.pixels, other.pixels)


def test_losses_are_those_of_the_picture(content: Picture, style: Picture) -> None:
    """The reported losses are what ``picture_losses`` finds for the very pixels."""
    result = stylize(content, style, settings=_settings())
    exact = (result.pixels[0].permute(1, 2, 0) / 255).double().numpy()
    again = picture_losses(exact, content, style, settings=_settings())
    assert again.total == pytest.approx(result.losses.total, rel=1e-4)
    with pytest.raises(InputError, match="64 x 72"):
        picture_losses(content[:40], content, style, settings=_settings())


@pytest.mark.parametrize("init", rest_is_long(["noise", "tinted", "content", "style"], short=1))
def test_every_start(init: str, content: Picture, style: Picture) -> None:
    sources = read_sources(content, style, content_map=None, style_map=None, settings=_settings())
    inputs = prepare_inputs(sources, _settings())
    start = start_pixels(inputs, init, (HEIGHT, WIDTH), 0)
    assert start.shape == (1, 3, HEIGHT, WIDTH)
    if init == "content":
        assert torch.equal(start[0], torch.from_numpy(content).permute(2, 0, 1).float())
    if init == "style":  # 0..255, not the authors' almost black 0..1
        assert float(start.mean()) == pytest.approx(float(style.mean()), rel=0.05)
    if init == "noise":  # in the style's colours, and smooth
        assert float(start.mean()) == pytest.approx(float(style.mean()), abs=5)
        assert float(start.diff(dim=3).abs().mean()) < 0.2 * float(start.std())
    assert stylize(content, style, settings=_settings(init=init)).losses.total > 0


def test_a_picture_to_start_from(tmp_path: object, content: Picture, style: Picture) -> None:
    result = stylize(content, style, settings=_settings(iterations=1))
    path = f"{tmp_path}/start.png"
    result.image.save(path)
    # One evaluation moves nothing: what comes out is the start.
    again = stylize(content, style, settings=_settings(iterations=1, init=path, scales=1))
    torch.testing.assert_close(again.pixels, result.pixels, atol=0.51, rtol=0)


@pytest.mark.long
@pytest.mark.parametrize(
    "changes",
    [
        {"scheme": "h"},
        {"scheme": "a"},
        {"optimizer": "adam"},
        {"scales": 1, "round_length": 1},
        {"scales": 2},
        {"local_weight": 0.0},
        {"global_weight": 0.0, "smoothness": 0.0},
        {"finish": "photo", "iterations": 12},  # straight lines cost some of what few evaluations gain
        {"style_scale": 0.7},
        {"precision": "bfloat16"},
    ],
    ids=str,
)
def test_every_way_lowers_the_loss(changes: dict[str, object], content: Picture, style: Picture) -> None:
    settings = _settings(**changes)
    before = picture_losses(content, content, style, settings=settings)
    result = stylize(content, style, settings=settings)
    assert result.losses.total < before.total
    assert result.evaluations == settings.iterations


@pytest.mark.long
def test_size_scales_the_longest_side(content: Picture, style: Picture) -> None:
    assert stylize(content, style, settings=_settings(size=96)).size == (96, 85)


def test_a_doodle_is_painted_from_its_map(style: Picture, maps: dict[str, Picture]) -> None:
    result = stylize(
        None,
        style,
        content_map=maps["content_map"],
        style_map=maps["style_map"],
        settings=_settings(),
    )
    assert result.size == (HEIGHT, WIDTH)
    assert result.settings.content_weight == 0
    assert result.settings.init == "voted"
    assert result.losses["content"] == 0


def test_events_tell_the_run_in_order(content: Picture, style: Picture) -> None:
    events: list[Event] = []
    settings = _settings(iterations=13, scales=2, round_length=5)
    stylize(content, style, settings=settings, on_event=events.append)
    assert isinstance(events[0], Started)
    assert isinstance(events[-1], Finished)
    steps = [event for event in events if isinstance(event, Step)]
    assert [step.evaluation for step in steps] == list(range(1, 14))
    assert [step.scale for step in steps] == [1] * 10 + [2] * 3
    assert [event.scale.size for event in events if isinstance(event, ScaleStarted)] == [(36, 32), (72, 64)]
    assert [event.round for event in events if isinstance(event, Matched)] == [1, 2, 1]
    # The finer size begins with copies of the style's strokes, before its first matching.
    [voted] = [event for event in events if isinstance(event, Voted)]
    assert (voted.scale, tuple(voted.pixels.shape)) == (2, (1, 3, 72, 64))
    assert isinstance(events[events.index(voted) - 1], ScaleStarted)
    assert isinstance(events[events.index(voted) + 1], Matched)
    assert steps[0].pixels.shape == (1, 3, 36, 32)
    assert steps[-1].pixels.shape == (1, 3, 72, 64)
    assert steps[-1].seconds_left == pytest.approx(0.0)
    assert all(step.seconds_left >= 0 for step in steps)


def test_stopping_early_keeps_the_best_so_far(content: Picture, style: Picture) -> None:
    events: list[object] = []
    result = stylize(
        content,
        style,
        settings=_settings(scales=2),
        on_event=events.append,
        should_stop=lambda: sum(isinstance(event, Step) for event in events) == 3,
    )
    assert result.interrupted
    assert result.evaluations == 3
    assert result.size == (HEIGHT, WIDTH)


def test_memory_is_refused_before_pictures_are_brought_to_size(
    monkeypatch: pytest.MonkeyPatch, content: Picture, style: Picture
) -> None:
    def too_early(*_: object) -> None:
        raise AssertionError("resized before the check")

    monkeypatch.setattr(importlib.import_module("glstylenet.run.inputs"), "resize", too_early)
    with pytest.raises(MemoryLimitError, match="--size"):
        stylize(content, style, settings=_settings(size=90_000))


@pytest.mark.long
def test_a_large_coarse_content_is_no_setting_out_of_range(content: Picture, style: Picture) -> None:
    settings = _settings(content_weight=1e9, coarse_content=1e3, scales=2)
    assert np.isfinite(stylize(content, style, settings=settings).losses.total)


def test_transparency_is_given_back(content: Picture, style: Picture) -> None:
    alpha = np.where(_disc(HEIGHT, WIDTH), 255, 0).astype(np.uint8)
    result = stylize(np.dstack((content, alpha)), style, settings=_settings())
    assert result.image.mode == "RGBA"
    assert np.array_equal(np.asarray(result.image)[..., 3], alpha)


@pytest.mark.parametrize("size", [(33, 40), (32, 47), (72, 64)])
def test_the_margin_is_cut_off_again(size: tuple[int, int]) -> None:
    """The margin lies on every side, as a mirror image."""
    picture = torch.rand(1, 3, *size)
    canvas = with_margin(picture)
    assert canvas.shape[-2:] == canvas_size(size) == (size[0] + 2 * MARGIN, size[1] + 2 * MARGIN)
    assert torch.equal(canvas[..., MARGIN - 1, MARGIN : MARGIN + size[1]], picture[..., 1, :])
    assert torch.equal(canvas[..., MARGIN : MARGIN + size[0], MARGIN + size[1]], picture[..., -2])
    assert torch.equal(without_margin(canvas), picture)


@pytest.mark.long
@pytest.mark.parametrize("flat", [0, 255, 131])
def test_one_coloured_pictures_give_a_finite_result(flat: int, style: Picture) -> None:
    picture = np.full((40, 48, 3), flat, np.uint8)
    for pair in ((picture, style), (style, picture), (picture, picture), (style, style)):
        result = stylize(*pair, settings=_settings(iterations=4))
        assert bool(result.pixels.isfinite().all())
        assert np.isfinite(result.losses.total)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda c, s, m: stylize(c, s, content_map=m), UsageError, "no style map"),
        (lambda c, s, m: stylize(c, s, style_map=m), UsageError, "no content map"),
        (lambda c, s, m: stylize(None, s), UsageError, "no content"),
        (lambda c, s, m: stylize(c[:20], s, settings=_settings()), ImageError, "64 x 20"),
        (lambda c, s, m: stylize(c, s[:3, :3], settings=_settings()), ImageError, "3 x 3"),
        (lambda c, s, m: stylize(c, s, settings=_settings(device="cuda:99")), UsageError, "cuda:99"),
        (lambda c, s, m: stylize(c, s, settings=_settings(memory=2**27)), MemoryLimitError, "128 MiB"),
        (lambda c, s, m: stylize("/nowhere/c.png", s), ImageError, "/nowhere/c.png"),
    ],
    ids=[
        "lone content map",
        "lone style map",
        "no content",
        "small",
        "tiny style",
        "device",
        "memory",
        "path",
    ],
)
def test_what_cannot_be_is_refused(
    call: Callable[[Picture, Picture, Picture], Result],
    error: type[Exception],
    words: str,
    content: Picture,
    style: Picture,
    maps: dict[str, Picture],
) -> None:
    with pytest.raises(error, match=words):
        call(content, style, maps["content_map"])


@pytest.mark.parametrize("call", rest_is_long(["evaluate", "terms"], short=1))
def test_out_of_memory_is_told_as_such(
    monkeypatch: pytest.MonkeyPatch, content: Picture, style: Picture, call: str
) -> None:
    """While painting and while measuring."""

    def full(*_: object, **_options: object) -> None:
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to ...")

    monkeypatch.setattr(Objective, call, full)
    with pytest.raises(MemoryLimitError, match="--size"):
        stylize(content, style, settings=_settings())
    if call == "terms":
        with pytest.raises(MemoryLimitError, match="--size"):
            picture_losses(content, content, style, settings=_settings())


@pytest.mark.long
def test_what_is_painted_is_measured_in_tiles_where_memory_ends(
    monkeypatch: pytest.MonkeyPatch, content: Picture, style: Picture
) -> None:
    real, sides = Objective.terms, []

    def full_once(objective: Objective, pixels: Tensor) -> LossTerms:
        sides.append(objective._tile_side)
        if len(sides) == 1:
            raise MemoryError
        return real(objective, pixels)

    monkeypatch.setattr(Objective, "terms", full_once)
    events: list[Event] = []
    result = stylize(content, style, settings=_settings(), on_event=events.append)
    assert sides == [None, 256]
    [warning] = warnings_of(events)
    assert warning.startswith("the machine ran out of memory; the result is measured in tiles of 256 pixels")
    expected = picture_losses(result.image, content, style, settings=_settings())
    assert result.losses.total == pytest.approx(expected.total, rel=0.01)  # of 8 bits


@pytest.mark.long
def test_the_seconds_of_a_run_add_up(content: Picture, style: Picture) -> None:
    timings = stylize(content, style, settings=_settings()).timings
    assert set(timings.parts) == {"network", "matching", *(term.name for term in TERMS), "optimizer"}
    assert all(seconds > 0 for seconds in timings.parts.values())
    assert sum(timings.parts.values()) == pytest.approx(timings.optimisation)
    assert timings.optimisation < timings.total


@pytest.mark.long
def test_a_plan_is_the_first_that_a_run_tells(
    content: Picture, style: Picture, maps: dict[str, Picture]
) -> None:
    events: list[Event] = []
    settings = _settings(scales=2, iterations=5)
    content_map, style_map = maps["content_map"], maps["style_map"]
    stylize(
        content,
        style,
        content_map=content_map,
        style_map=style_map,
        settings=settings,
        on_event=events.append,
    )
    planned = plan_run(content, style, content_map=content_map, style_map=style_map, settings=settings)
    assert [planned] == [event for event in events if isinstance(event, Started)]
    assert all(isinstance(event, Warned) for event in events[: events.index(planned)])


def test_planning_computes_nothing(
    monkeypatch: pytest.MonkeyPatch, content: Picture, style: Picture, maps: dict[str, Picture]
) -> None:
    for name in ("__init__", "evaluate", "terms"):
        monkeypatch.delattr(Objective, name)
    started = plan_run(content, style, **maps, settings=_settings(scales=2, iterations=9))
    assert [(scale.size, scale.evaluations) for scale in started.scales] == [((36, 32), 6), ((72, 64), 3)]
    assert [plan.tiles for plan in started.plans] == [1, 1]
    assert started.style_size == (72, 65)
    assert started.memory_bytes == max(plan.needed_bytes for plan in started.plans)
    assert "#ff0000" in started.classes
    with pytest.raises(UsageError, match="no style map"):
        plan_run(content, style, content_map=maps["content_map"], settings=_settings())
