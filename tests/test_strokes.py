"""Strokes copied into a run: between its sizes, as its start, and from the maps of a doodle alone."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from glstylenet.network import VGG19, load_weights
from glstylenet.objective.objective import Objective
from glstylenet.objective.styles import StyleGuide
from glstylenet.objective.terms import LossWeights
from glstylenet.pictures import resize
from glstylenet.pyramid import SCHEMES
from glstylenet.run.events import Event, Started, Step, Voted
from glstylenet.run.result import Result
from glstylenet.run.strokes import _blurred, copy_strokes
from glstylenet.run.stylize import stylize
from glstylenet.settings.model import Settings
from glstylenet.settings.quality import QUALITIES
from tests.long_cases import rest_is_long

Picture = NDArray[np.uint8]


def _painting(height: int, width: int, seed: int, stroke: float = 6.0) -> Picture:
    """Strokes in changing directions and colours; every place looks different."""
    rows, columns = np.mgrid[0:height, 0:width].astype(float)
    turn = np.sin(rows / 37 + seed) + np.cos(columns / 29 - seed)
    waves = [
        np.sin((rows * np.cos(turn + k) + columns * np.sin(turn + k)) / stroke + k * seed) for k in range(3)
    ]
    shade = np.stack([rows / height, columns / width, 1 - rows / height], axis=2)
    picture: Picture = (90 + 48 * np.stack(waves, axis=2) + 60 * shade).clip(0, 255).astype(np.uint8)
    return picture


def _tensor(picture: Picture) -> Tensor:
    return torch.from_numpy(picture).permute(2, 0, 1)[None].float()


def _halves(height: int, width: int, edge: float) -> Picture:
    rows, columns = np.mgrid[0:height, 0:width]
    left = columns < edge * width + 6 * np.sin(rows / 9)
    return np.where(left[..., None], (255, 0, 0), (0, 0, 255)).astype(np.uint8)


def _channels(labels: Picture) -> Tensor:
    left = torch.from_numpy((labels[..., 0] > 0).astype(np.float32))
    return torch.stack([left, 1 - left])[None]


@pytest.fixture(scope="module")
def network() -> VGG19:
    return VGG19(load_weights(None).tensors, device=torch.device("cpu"))


def _objective(
    network: VGG19,
    style: Picture,
    content: Picture,
    *,
    tile_side: int | None = None,
    scheme: str = "g",
    maps: tuple[Picture, Picture] | None = None,
) -> Objective:
    style_channels = None if maps is None else _channels(maps[1])
    return Objective(
        network,
        SCHEMES[scheme],
        LossWeights.of(Settings(semantic_weight=10.0)),
        _tensor(content),
        [StyleGuide(_tensor(style), style_channels)],
        content_map=None if maps is None else _channels(maps[0]),
        tile_side=tile_side,
    )


# One vote


@pytest.mark.parametrize("scheme", ["a", "c", "g", "h"])
def test_the_style_itself_is_copied_whole(network: VGG19, scheme: str) -> None:
    """In any scheme's grid; what is beyond its last position stays."""
    style = _painting(83, 90, 1)
    copied = _objective(network, style, style, scheme=scheme).copy_strokes(_tensor(style))
    assert torch.allclose(copied, _tensor(style), rtol=0, atol=1e-3)


def _grained(height: int, width: int) -> Picture:
    """Faint strokes on rough canvas, whose grain is lost when the picture is halved."""
    grain = np.random.default_rng(11).normal(0, 20, (height, width, 3))
    return (100 + 0.1 * _painting(height, width, 11) + grain).clip(0, 255).astype(np.uint8)


def test_an_enlarged_copy_of_the_style_gets_its_pixels_back(network: VGG19) -> None:
    """It is as soft as the style that it is compared with; the sharp one would be further from it."""
    style = _tensor(_grained(160, 144))
    objective = _objective(network, _grained(160, 144), _grained(160, 144))
    soft = resize(resize(style, (80, 72)), (160, 144))
    assert float((soft - style).abs().mean()) > 10
    copied = objective.copy_strokes(soft, enlargement=2.0)
    assert torch.allclose(copied, style, rtol=0, atol=1e-2)
    assert float((objective.copy_strokes(soft) - style).abs().mean()) > 1


def test_a_picture_gets_pixels_of_the_style_alone(network: VGG19) -> None:
    style, content = _painting(96, 104, 2), _painting(88, 112, 3)
    style[..., 2] = 0
    copied = _objective(network, style, content).copy_strokes(_tensor(content))
    assert float(copied[:, 2].max()) == pytest.approx(0.0, abs=1e-3)
    assert float(copied[:, :2].std()) > 20


@pytest.mark.parametrize("with_maps", rest_is_long([True, False], short=1))
def test_a_vote_by_tiles_is_the_whole_one(network: VGG19, with_maps: bool) -> None:
    style, content = _painting(120, 136, 4), _painting(144, 130, 5)
    maps = (_halves(144, 130, 0.4), _halves(120, 136, 0.6)) if with_maps else None
    whole, tiled = (
        _objective(network, style, content, maps=maps, tile_side=side).copy_strokes(
            _tensor(content), enlargement=2.0
        )
        for side in (None, 64)
    )
    assert torch.allclose(tiled, whole, rtol=0, atol=1e-2)


def test_maps_decide_from_where_is_copied(network: VGG19) -> None:
    """The style's left half is red and its right half blue; the content's border lies elsewhere."""
    style = _painting(96, 96, 6)
    style[:, :48, 2], style[:, 48:, 0] = 0, 0
    content = _painting(96, 128, 7)
    maps = (_halves(96, 128, 0.3), _halves(96, 96, 0.5))
    objective = _objective(network, style, content, maps=maps)
    by_maps = objective.copy_strokes_by_maps(_tensor(content))
    assert by_maps is not None
    for copied in (objective.copy_strokes(_tensor(content)), by_maps):
        assert float(copied[:, 2, :, :24].mean()) < 10
        assert float(copied[:, 0, :, :24].mean()) > 60
        assert float(copied[:, 0, :, 56:].mean()) < 10
        assert float(copied[:, 2, :, 56:].mean()) > 60
    assert _objective(network, style, content).copy_strokes_by_maps(_tensor(content)) is None


def test_detail_alone_leaves_the_forms_of_the_canvas(network: VGG19) -> None:
    style, content = _painting(96, 104, 8), _painting(96, 112, 9)
    objective, canvas = _objective(network, style, content), _tensor(content)
    whole = copy_strokes(objective, canvas, keep_forms=False)
    detail = copy_strokes(objective, canvas, keep_forms=True)
    inside = (..., slice(16, -16), slice(16, -16))
    apart = (_blurred(detail - canvas)[inside].abs().mean(), _blurred(whole - canvas)[inside].abs().mean())
    assert float(apart[0]) < 0.35 * float(apart[1])
    fine = [picture - _blurred(picture) for picture in (detail, whole, canvas)]
    assert float((fine[0] - fine[1]).std()) < 0.5 * float((fine[0] - fine[2]).std())


def test_a_blur_keeps_what_is_flat_and_the_sum_of_what_is_not() -> None:
    flat = torch.full((1, 3, 40, 30), 7.0)
    assert torch.allclose(_blurred(flat), flat)
    dot = torch.zeros(1, 1, 61, 61)
    dot[..., 30, 30] = 100.0
    blurred = _blurred(dot)
    assert float(blurred.sum()) == pytest.approx(100.0, rel=1e-4)
    # A Gaussian of standard deviation 4 is 1 / (2 pi 16) at its middle.
    assert float(blurred[..., 30, 30]) == pytest.approx(100 / (2 * np.pi * 16), rel=0.01)


# In a run


def _run(events: list[Event] | None = None, folder: Path | None = None, **settings: object) -> Result:
    return stylize(
        _painting(80, 72, 10),
        _painting(72, 80, 11),
        settings=Settings(**{"precision": "float32", "device": "cpu", **settings}),
        on_event=None if events is None else events.append,
        checkpoint=folder,
    )


def test_a_preview_spends_no_evaluation() -> None:
    events: list[Event] = []
    result = _run(events, quality="preview", scales=2)
    assert (result.evaluations, result.full_size_evaluations, result.interrupted) == (0, 0.0, False)
    assert not any(isinstance(event, Step) for event in events)
    assert [event.scale for event in events if isinstance(event, Voted)] == [1, 2]
    # It is nearer to the style than the content it was made from.
    content = stylize(_painting(80, 72, 10), _painting(72, 80, 11), settings=Settings(iterations=1, scales=1))
    assert result.losses["local"] < 0.8 * content.losses["local"]


@pytest.mark.long
def test_each_word_costs_more_and_is_better() -> None:
    content, style = _painting(64, 68, 10), _painting(68, 64, 11)
    base = Settings(precision="float32", device="cpu", scales=2)
    results = [stylize(content, style, settings=base.replace(quality=name)) for name in QUALITIES]
    costs = [result.full_size_evaluations for result in results]
    losses = [result.losses.total for result in results]
    assert costs == sorted(set(costs))
    assert losses == sorted(losses, reverse=True)


@pytest.mark.long
def test_evaluations_are_weighed_by_their_pixels() -> None:
    events: list[Event] = []
    result = _run(events, iterations=12, scales=2)
    [started] = [event for event in events if isinstance(event, Started)]
    assert [scale.evaluations for scale in started.scales] == [9, 3]
    assert result.evaluations == 12
    assert result.full_size_evaluations == 9 * 0.25 + 3


@pytest.mark.long
def test_no_voting_copies_nothing() -> None:
    events: list[Event] = []
    without = _run(events, voting="none", iterations=6, scales=2)
    assert not any(isinstance(event, Voted) for event in events)
    assert not torch.equal(without.pixels, _run(iterations=6, scales=2).pixels)


def _quantiles(picture: Tensor) -> Tensor:
    """Quantiles of each colour of a picture (1, 3, H, W)."""
    return picture[0].flatten(1).quantile(torch.linspace(0.05, 0.95, 19), dim=1)


@pytest.mark.long
def test_detail_is_copied_into_forms_in_the_style_s_colours() -> None:
    """A run from the content in its own colours: after the copies at full size they are the style's."""
    content, style = _painting(80, 72, 10), (255 - 0.4 * _painting(72, 80, 11)).astype(np.uint8)
    settings = Settings(precision="float32", device="cpu", init="content", iterations=10, scales=2)
    events: list[Event] = []
    stylize(content, style, settings=settings.replace(voting="detail"), on_event=events.append)
    [voted] = [event.pixels for event in events if isinstance(event, Voted)]
    before = [event.pixels for event in events if isinstance(event, Step) and event.scale == 1][-1]
    wanted = _quantiles(_tensor(style))
    far = float((_quantiles(before) - wanted).abs().mean())
    near = float((_quantiles(voted) - wanted).abs().mean())
    assert far > 20
    assert near < 0.2 * far


@pytest.mark.long
def test_a_run_stopped_within_a_vote_goes_on_to_the_same_picture(tmp_path: Path) -> None:
    """Stopped while the finer size is voted, after all evaluations of the coarser one."""
    settings = Settings(precision="float32", device="cpu", iterations=8, scales=2, round_length=3)
    content, style = _painting(80, 72, 10), _painting(72, 80, 11)
    whole = stylize(content, style, settings=settings)
    events: list[object] = []
    cut = stylize(
        content,
        style,
        settings=settings,
        on_event=events.append,
        should_stop=lambda: any(isinstance(event, Voted) for event in events),
        checkpoint=tmp_path,
    )
    assert (cut.interrupted, cut.evaluations) == (True, 6)
    resumed = stylize(content, style, settings=settings, checkpoint=tmp_path, resume=True)
    assert torch.equal(resumed.pixels, whole.pixels)
    assert resumed.full_size_evaluations == whole.full_size_evaluations == 6 * 0.25 + 2


def _mean_step(picture: NDArray[np.float64]) -> float:
    """The mean difference between neighbouring pixels: 3 for a painting, 50 for coloured noise."""
    return float((np.abs(np.diff(picture, axis=0)).mean() + np.abs(np.diff(picture, axis=1)).mean()) / 2)


@pytest.mark.long
@pytest.mark.parametrize("quality", ["preview", "draft"])
def test_a_doodle_has_no_speckle(quality: str) -> None:
    """From the maps alone, at any quality: as smooth as its style, and each region in its colours."""
    style = _painting(96, 104, 12, stroke=3.0)
    style[:, :52, 2], style[:, 52:, 0] = 30, 30
    result = stylize(
        None,
        style,
        content_map=_halves(88, 96, 0.35),
        style_map=_halves(96, 104, 0.5),
        settings=Settings(precision="float32", device="cpu", quality=quality),
    )
    painted = np.asarray(result.image, dtype=float)
    assert _mean_step(painted) < 1.3 * _mean_step(style.astype(float))
    assert painted[:, :20, 2].mean() < 60
    assert painted[:, 50:, 0].mean() < 60
