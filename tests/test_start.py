"""The start of a run from noise: smooth, in the style's colours, the same at every size."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from glstylenet.run.inputs import Inputs, prepare_inputs, read_sources
from glstylenet.run.start import smooth_noise, start_pixels
from glstylenet.run.stylize import plan_run, stylize
from glstylenet.settings.model import Settings
from tests.long_cases import rest_is_long

Picture = NDArray[np.uint8]

HEIGHT, WIDTH = 64, 96
PLAIN = Settings(device="cpu", precision="float32")


def _style() -> Picture:
    """Two halves with colours of their own, grainy: reddish on the left, bluish on the right."""
    grain = np.random.default_rng(3).normal(0, 12, (80, 72, 3))
    colours = np.where(np.arange(72)[None, :, None] < 36, (180.0, 60.0, 50.0), (40.0, 80.0, 170.0))
    return (colours + grain).clip(0, 255).astype(np.uint8)


def _halves(height: int, width: int) -> Picture:
    left = np.arange(width)[None, :, None] < width // 2
    return np.broadcast_to(np.where(left, (255, 0, 0), (0, 0, 255)), (height, width, 3)).astype(np.uint8)


def _inputs(*, maps: bool) -> Inputs:
    content_map = _halves(HEIGHT, WIDTH) if maps else None
    style_map = _halves(80, 72) if maps else None
    content = None if maps else np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    sources = read_sources(content, _style(), content_map=content_map, style_map=style_map, settings=PLAIN)
    return prepare_inputs(sources, PLAIN)


def _step(pixels: Tensor) -> float:
    """Mean step between neighbouring pixels."""
    return float(pixels.diff(dim=2).abs().mean() + pixels.diff(dim=3).abs().mean()) / 2


SIDES = st.integers(32, 300)


@pytest.mark.long
@settings(deadline=None, max_examples=40)
@given(height=SIDES, width=SIDES, seed=st.integers(0, 2**63 - 1))
def test_noise_is_smooth_at_every_size(height: int, width: int, seed: int) -> None:
    noise = smooth_noise((height, width), seed)
    assert noise.shape == (1, 3, height, width)
    assert noise.dtype == torch.float32
    # Uniform white noise has a mean step of 1.15 standard deviations.
    assert _step(noise) < 0.2 * float(smooth_noise((300, 300), seed).std())
    assert torch.equal(noise, smooth_noise((height, width), seed))
    assert not torch.equal(noise, smooth_noise((height, width), (seed + 1) % 2**63))


def test_the_large_shapes_are_the_same_at_every_size() -> None:
    small, large = smooth_noise((96, 128), 7), smooth_noise((384, 512), 7)
    difference = F.avg_pool2d(large, 4) - small
    assert float(difference.std()) < 0.35 * float(small.std())


@pytest.mark.parametrize("maps", [False, True], ids=["whole", "by class"])
def test_the_noise_has_the_colours_of_the_style(maps: bool) -> None:
    start = start_pixels(_inputs(maps=maps), "noise", (HEIGHT, WIDTH), 5)
    assert float(start.min()) >= 0
    assert float(start.max()) <= 255
    style = torch.from_numpy(_style()).permute(2, 0, 1).double()
    middle = WIDTH // 2
    regions = (
        [(start[0], style)]
        if not maps
        else [
            (start[0, :, :, :middle], style[:, :, :36]),
            (start[0, :, :, middle:], style[:, :, 36:]),
        ]
    )
    for painted, source in regions:
        colours, expected = painted.flatten(1).double(), source.flatten(1)
        # Clamping to 0..255 moves both a little.
        torch.testing.assert_close(colours.mean(1), expected.mean(1), atol=5.0, rtol=0)
        torch.testing.assert_close(colours.std(1), expected.std(1), atol=8.0, rtol=0)


def test_a_doodle_begins_in_the_colours_of_its_classes() -> None:
    style_map, content_map = _halves(80, 72), _halves(HEIGHT, WIDTH)
    result = stylize(
        None,
        _style(),
        content_map=content_map,
        style_map=style_map,
        settings=PLAIN.replace(iterations=1),
    )
    left, right = result.pixels[..., : WIDTH // 2].mean(dim=(0, 2, 3)), result.pixels[..., WIDTH // 2 :]
    assert float(left[0]) > float(left[2]) + 60
    assert float(right[:, 2].mean()) > float(right[:, 0].mean()) + 60


@pytest.mark.parametrize("evaluations", rest_is_long([2, 1], short=1))
def test_a_tiny_budget_begins_at_full_size(evaluations: int) -> None:
    """Two sizes would end with an enlarged, blurred picture; the content's finest stripes must be there."""
    stripes = np.where(np.arange(96)[None, :, None] % 2 == 0, 60, 190)
    content = np.broadcast_to(stripes, (80, 96, 3)).astype(np.uint8)
    chosen = PLAIN.replace(iterations=evaluations, coarsest=40)
    assert len(plan_run(content, _style(), settings=chosen.replace(iterations=100)).scales) == 2
    result = stylize(content, _style(), settings=chosen)
    assert _step(result.pixels) > 0.7 * _step(torch.from_numpy(content.copy()).permute(2, 0, 1)[None].float())
