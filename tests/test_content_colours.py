"""Colours of the content, by numbers: kept after the optimisation, or given to the style before it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from skimage.color import rgb2lab
from torch import Tensor

import glstylenet
from glstylenet.metrics.colour import colour_distance, lab_colours
from glstylenet.pictures import cielab, colour_distribution
from glstylenet.pictures.cielab import lab_from_rgb, rgb_from_lab, with_chroma_of
from glstylenet.pictures.colour_distribution import match_distribution
from glstylenet.pictures.colour_transfer import match_colours
from glstylenet.pictures.local_colour_transfer import photo_finish
from glstylenet.pictures.read import read_picture
from glstylenet.pictures.write import write_picture
from glstylenet.run.inputs import Inputs, prepare_inputs, read_sources
from glstylenet.run.result import Result
from glstylenet.run.stylize import stylize
from glstylenet.settings.model import Settings
from glstylenet.settings.roles import Pictures

FOLDER = Path(glstylenet.__file__).parent / "samples"
SAMPLES = Pictures(*(FOLDER / f"{name}.png" for name in ("content", "style", "content_map", "style_map")))


def _random(seed: int, height: int, width: int) -> Tensor:
    return torch.rand((1, 3, height, width), generator=torch.Generator().manual_seed(seed)) * 255


def _lab(pixels: Tensor) -> Tensor:
    return lab_from_rgb(pixels[0].flatten(1))


def _chroma_error(pixels: Tensor, content: Tensor) -> float:
    """The mean difference of C*, as scikit-image computes it."""
    ours, theirs = (lab_colours(each)[0, 1:].norm(dim=0) for each in (pixels, content))
    return float((ours - theirs).abs().mean())


# Lab of sRGB's corners at D65 and 2 degrees, as colour calculators give them.
@pytest.mark.parametrize(
    ("rgb", "lab"),
    [
        ((255.0, 0.0, 0.0), (53.24, 80.09, 67.20)),
        ((0.0, 255.0, 0.0), (87.73, -86.18, 83.18)),
        ((0.0, 0.0, 255.0), (32.30, 79.19, -107.86)),
        ((119.0, 119.0, 119.0), (50.03, 0.0, 0.0)),
        ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0)),
    ],
)
def test_known_colours(rgb: tuple[float, ...], lab: tuple[float, ...]) -> None:
    found = lab_from_rgb(torch.tensor(rgb)[:, None])[:, 0]
    torch.testing.assert_close(found, torch.tensor(lab).double(), atol=0.01, rtol=0)


def test_lab_is_that_of_scikit_image_and_leads_back() -> None:
    pixels = _random(0, 30, 40)
    expected = rgb2lab(pixels[0].permute(1, 2, 0).double().numpy() / 255.0).reshape(-1, 3).T
    np.testing.assert_allclose(_lab(pixels).numpy(), expected, atol=0.01)
    torch.testing.assert_close(rgb_from_lab(_lab(pixels)).float(), pixels[0].flatten(1), atol=1e-4, rtol=0)


def test_lightness_and_chroma_come_from_one_picture_each() -> None:
    source, picture = 90 + 0.2 * _random(1, 20, 20), 100 + 0.2 * _random(2, 20, 20)  # all within sRGB
    combined = _lab(with_chroma_of(source, picture))
    torch.testing.assert_close(combined[0], _lab(picture)[0], atol=1e-4, rtol=0)
    torch.testing.assert_close(combined[1:], _lab(source)[1:], atol=1e-3, rtol=0)


def test_a_picture_with_its_own_chroma_is_itself() -> None:
    picture = _random(3, 20, 20)
    torch.testing.assert_close(with_chroma_of(picture, picture), picture, atol=1e-4, rtol=0)


def test_strips_have_no_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    source, picture = _random(4, 37, 9), _random(5, 37, 9)
    whole = with_chroma_of(source, picture)
    monkeypatch.setattr(cielab, "_ROWS_AT_ONCE", 8)
    assert torch.equal(with_chroma_of(source, picture), whole)


def test_quantiles_by_hand() -> None:
    """Of 1, 2 and 4 with the weights 1/2, 1/4, 1/4: up to half of them are 1."""
    values, weights = torch.tensor([4.0, 1.0, 2.0]).double(), torch.tensor([0.25, 0.5, 0.25]).double()
    found = colour_distribution._quantiles(values, weights)
    positions = torch.linspace(0, 1, colour_distribution._QUANTILES).tolist()
    assert found.tolist() == [1.0 if at <= 0.5 else 2.0 if at <= 0.75 else 4.0 for at in positions]


def test_a_value_that_is_many_quantiles_moves_to_the_mean_of_theirs() -> None:
    own, target = colour_distribution._knots(
        torch.tensor([0.0, 5.0, 5.0, 10.0]), torch.tensor([1.0, 20.0, 40.0, 50.0])
    )
    assert own.tolist() == [0.0, 5.0, 10.0]
    assert target.tolist() == [1.0, 30.0, 50.0]
    at = torch.tensor([-9.0, 0.0, 2.5, 5.0, 7.5, 10.0, 99.0])
    moved = colour_distribution._interpolate(at, own, target)
    assert moved.tolist() == [1.0, 1.0, 15.5, 30.0, 40.0, 50.0, 50.0]


def _patches(colours: list[list[int]], height: int, noise: int) -> Tensor:
    """Columns of one colour each, with a little noise."""
    flat = torch.tensor(colours).float().T[None, :, None].repeat_interleave(16, 3).expand(1, 3, height, -1)
    return (flat + 0.04 * _random(noise, height, flat.shape[3]) - 5).clamp(0, 255)


def test_distributions_far_from_gaussian_are_met() -> None:
    picture = _patches([[200, 60, 40], [180, 180, 60], [40, 90, 160], [30, 30, 30]], 40, 6)
    source = _patches([[230, 230, 220]] * 3 + [[20, 90, 40], [160, 40, 120]], 30, 7)
    far = colour_distance(lab_colours(picture), lab_colours(source))
    moved = colour_distance(lab_colours(match_distribution(picture, source)), lab_colours(source))
    linear = colour_distance(lab_colours(match_colours(picture, source)), lab_colours(source))
    assert far is not None
    assert moved is not None
    assert linear is not None
    assert moved < far / 5 < linear


def test_equal_distributions_change_little() -> None:
    picture = _random(8, 40, 40)
    moved = match_distribution(picture, picture.flip(2))
    torch.testing.assert_close(moved, picture, atol=1.0, rtol=0)


def test_one_coloured_pictures_stay_finite_and_in_range() -> None:
    flat, black, varied = torch.full((1, 3, 5, 5), 128.0), torch.zeros(1, 3, 4, 4), _random(9, 6, 6)
    for picture in (flat, black, varied):
        for source in (flat, black, varied):
            moved = match_distribution(picture, source)
            assert bool(moved.isfinite().all())
            assert float(moved.min()) >= 0
            assert float(moved.max()) <= 255
    torch.testing.assert_close(
        match_distribution(varied, flat), flat.mean().expand_as(varied), atol=1, rtol=0
    )
    torch.testing.assert_close(match_distribution(flat, black), torch.zeros_like(flat), atol=1, rtol=0)


def test_each_class_takes_the_colours_of_its_own_kind() -> None:
    picture = _patches([[200, 60, 40], [40, 90, 160]], 30, 10)
    source = _patches([[90, 90, 90], [20, 160, 40]], 30, 11)
    left = torch.zeros(1, 1, 30, 32)
    left[..., :16] = 1.0
    classes, swapped = torch.cat((left, 1 - left), 1), torch.cat((1 - left, left), 1)
    moved = match_distribution(picture, source, picture_map=classes, source_map=swapped)
    for ours, theirs in ((moved[..., :16], source[..., 16:]), (moved[..., 16:], source[..., :16])):
        torch.testing.assert_close(ours.mean((0, 2, 3)), theirs.mean((0, 2, 3)), atol=1.0, rtol=0)


def test_transparent_pixels_of_either_picture_do_not_count() -> None:
    picture, source = _random(12, 20, 24), 60 + 0.3 * _random(13, 20, 30)
    alpha, source_alpha = torch.ones(1, 1, 20, 24), torch.ones(1, 1, 20, 30)
    alpha[..., 16:], source_alpha[..., :10] = 0.0, 0.0
    expected = match_distribution(picture[..., :16], source[..., 10:])
    spoilt, source_spoilt = picture.clone(), source.clone()
    spoilt[..., 16:], source_spoilt[..., :10] = 255.0, 0.0
    moved = match_distribution(spoilt, source_spoilt, picture_alpha=alpha, source_alpha=source_alpha)
    torch.testing.assert_close(moved[..., :16], expected, atol=1e-3, rtol=0)


def test_pixels_are_moved_alike_in_any_number_of_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    picture, source = _random(14, 20, 24), 60 + 0.3 * _random(15, 20, 30)
    whole = match_distribution(picture, source)
    monkeypatch.setattr(colour_distribution, "_PIXELS_AT_ONCE", 77)
    torch.testing.assert_close(match_distribution(picture, source), whole, atol=1e-4, rtol=0)


def test_evenly_spaced_pixels_decide_nearly_as_all_do(monkeypatch: pytest.MonkeyPatch) -> None:
    picture, source = _random(16, 80, 80), 60 + 0.3 * _random(17, 80, 80)
    whole = match_distribution(picture, source)
    monkeypatch.setattr(colour_distribution, "_SAMPLES", 2000)
    assert 0 < float((match_distribution(picture, source) - whole).abs().mean()) < 1.5


def _paint(colours: str, content: Any, style: Any, **changes: Any) -> Result:
    values = {"iterations": 2, "precision": "float32", "device": "cpu", **changes}
    return stylize(content, style, settings=Settings(colours=colours, **values))


def _picture(seed: int, *channels: slice) -> Any:
    values = np.random.default_rng(seed).integers(60, 200, (12, 11, 3), dtype=np.uint8)
    for each in channels:
        values[..., each] = values[..., :1]
    return values.repeat(4, 0).repeat(4, 1)


@pytest.mark.long
@pytest.mark.parametrize("finish", ["none", "photo"])
def test_a_result_keeps_the_chroma_before_its_finish(finish: str) -> None:
    content, style = _picture(1), _picture(2)
    painted = _paint("style", content, style).pixels
    pixels = torch.from_numpy(content).permute(2, 0, 1)[None].float()
    expected = with_chroma_of(pixels, painted)
    if finish == "photo":
        expected = photo_finish(expected, pixels)
    result = _paint("keep", content, style, finish=finish)
    assert torch.equal(result.pixels, expected)
    assert not torch.equal(result.pixels, painted)
    assert result.settings.colours == "keep"


def test_chroma_is_kept_within_a_unit_and_in_16_bits(tmp_path: Path) -> None:
    settings = Settings(size=96, quality="preview", colours="keep")
    result = stylize(SAMPLES.content, SAMPLES.style, settings=settings)
    content = result.inputs.content
    assert content is not None
    assert _chroma_error(result.pixels, content) < 1
    assert _chroma_error(result.inputs.style.mean((2, 3), keepdim=True).expand_as(content), content) > 5
    errors = []
    for bits in (8, 16):
        write_picture(path := tmp_path / f"{bits}.png", result.pixels, bits=bits)
        errors.append(float((read_picture(path).pixels - result.pixels).abs().max()))
    assert errors[1] <= 0.5 / 257 + 1e-4 < errors[0]


def test_transparency_stays_when_chroma_is_kept() -> None:
    content = np.dstack((_picture(3), np.full((48, 44), 90, np.uint8)))
    result = _paint("keep", content, _picture(4))
    assert result.alpha is not None
    torch.testing.assert_close(result.alpha, torch.full((1, 1, 48, 44), 90 / 255))


def _inputs(colours: str, *, maps: bool) -> Inputs:
    settings = Settings(colours=colours, size=128)
    sources = read_sources(
        SAMPLES.content,
        SAMPLES.style,
        content_map=SAMPLES.content_map if maps else None,
        style_map=SAMPLES.style_map if maps else None,
        settings=settings,
    )
    inputs = prepare_inputs(sources, settings)
    assert sources.held_pictures == inputs.held_pictures, "what is planned is what is held"
    return inputs


@pytest.mark.long
def test_the_samples_style_gets_the_contents_colours() -> None:
    before, after = (_inputs(colours, maps=False) for colours in ("style", "match"))
    content = before.content
    assert content is not None
    far, near = (colour_distance(lab_colours(each.style), lab_colours(content)) for each in (before, after))
    assert far is not None
    assert near is not None
    assert near < far / 5


@pytest.mark.long
def test_the_samples_classes_get_the_colours_of_the_contents() -> None:
    before, after = (_inputs(colours, maps=True) for colours in ("style", "match"))
    content, semantics = before.content, before.semantics
    assert content is not None
    assert semantics is not None
    content_map, style_map = semantics.channels
    distances = np.array(
        [
            [
                colour_distance(
                    lab_colours(each.style),
                    lab_colours(content),
                    image_class=style_map[:, number : number + 1],
                    style_class=content_map[:, number : number + 1],
                )
                for number in range(style_map.shape[1])
            ]
            for each in (before, after)
        ],
        dtype=float,
    )
    far, near = np.nanmean(distances, axis=1)
    assert near < far / 5


@pytest.mark.long
def test_a_run_paints_with_the_moved_style() -> None:
    content, style = _picture(5), _picture(6)
    result = _paint("match", content, style)
    moved = result.inputs.style
    assert float((moved - torch.from_numpy(style).permute(2, 0, 1)[None]).abs().mean()) > 5
    expected = _paint("style", content, (moved[0] / 255).permute(1, 2, 0).numpy())
    torch.testing.assert_close(result.pixels, expected.pixels, atol=0.1, rtol=0)


@pytest.mark.long
@pytest.mark.parametrize("colours", ["keep", "match"])
def test_a_grey_content_gives_a_grey_result(colours: str) -> None:
    grey = _picture(7, slice(1, 2), slice(2, 3))
    pixels = _paint(colours, grey, _picture(8)).pixels
    assert float((pixels.amax(1) - pixels.amin(1)).max()) == 0
