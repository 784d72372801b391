"""A run on grey pictures alone ends grey, by every way through the program; one on others does not."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from glstylenet.run.events import Event, Step
from glstylenet.run.final_losses import picture_losses
from glstylenet.run.stylize import stylize
from glstylenet.settings.model import Settings
from tests.long_cases import rest_is_long

Picture = NDArray[np.uint8]
HEIGHT, WIDTH = 48, 56


def _grey(seed: int, height: int, width: int) -> Picture:
    """Strokes and noise in three equal channels."""
    rows, columns = np.mgrid[0:height, 0:width]
    noise = np.random.default_rng(seed).integers(0, 60, (height, width))
    values = (90 + 80 * np.sin((rows * seed + columns) / 3) + noise).clip(0, 255).astype(np.uint8)
    return np.repeat(values[..., None], 3, axis=2)


CONTENT, STYLE = _grey(1, HEIGHT, WIDTH), _grey(3, 44, 40)
COLOURED = STYLE + np.array([0, 0, 40], np.uint8) * (STYLE < 200)


def _settings(**changes: object) -> Settings:
    return Settings(**{"iterations": 10, "precision": "float32", "device": "cpu", **changes})


def _chroma(pixels: Tensor) -> float:
    return float((pixels.amax(1) - pixels.amin(1)).max())


@pytest.mark.parametrize(
    "changes",
    rest_is_long(
        [
            {},
            {"init": "tinted", "scales": 2},
            {"init": "noise"},
            {"optimizer": "adam"},
            {"finish": "photo"},
            {"round_length": 1},
            {"precision": "bfloat16", "iterations": 4},
        ],
        short=1,
    ),
    ids=str,
)
def test_grey_pictures_give_a_grey_picture(changes: dict[str, object]) -> None:
    events: list[Event] = []
    result = stylize(CONTENT, STYLE, settings=_settings(**changes), on_event=events.append)
    assert _chroma(result.pixels) == 0
    assert all(_chroma(event.pixels) < 1e-3 for event in events if isinstance(event, Step))


@pytest.mark.long
def test_the_loss_still_falls() -> None:
    before = picture_losses(CONTENT, CONTENT, STYLE, settings=_settings())
    assert stylize(CONTENT, STYLE, settings=_settings(iterations=20)).losses.total < before.total / 2


@pytest.mark.long
def test_a_resumed_run_ends_with_the_same_grey(tmp_path: Path) -> None:
    settings = _settings(round_length=4)
    whole = stylize(CONTENT, STYLE, settings=settings)
    events: list[object] = []
    stylize(
        CONTENT,
        STYLE,
        settings=settings,
        checkpoint=tmp_path,
        on_event=events.append,
        should_stop=lambda: sum(isinstance(event, Step) for event in events) == 6,
    )
    resumed = stylize(CONTENT, STYLE, settings=settings, checkpoint=tmp_path, resume=True)
    assert torch.equal(resumed.pixels, whole.pixels)


def test_one_level_of_rounding_is_grey() -> None:
    off = CONTENT + np.random.default_rng(5).integers(0, 2, CONTENT.shape).astype(np.uint8) * (CONTENT < 255)
    assert _chroma(stylize(off, STYLE, settings=_settings(iterations=3)).pixels) == 0


@pytest.mark.long
@pytest.mark.parametrize("pair", [(CONTENT, COLOURED), (COLOURED, CONTENT)], ids=["style", "content"])
def test_one_coloured_picture_allows_colours(pair: tuple[Picture, Picture]) -> None:
    assert _chroma(stylize(*pair, settings=_settings(iterations=6)).pixels) > 2
