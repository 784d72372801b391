"""Inputs: pictures wait as bytes where that loses nothing, and plans count what they take."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from glstylenet.memory.estimate import HeldPictures
from glstylenet.run.inputs import HeldPicture, Inputs, Sources, prepare_inputs, read_sources
from glstylenet.run.start import start_pixels
from glstylenet.settings.model import Settings


def _bytes(size: tuple[int, int], channels: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*size, channels), dtype=np.uint8)


def _both(content: np.ndarray, style: np.ndarray, **settings: object) -> tuple[Sources, Inputs]:
    chosen = Settings(**settings)
    sources = read_sources(content, style, content_map=None, style_map=None, settings=chosen)
    return sources, prepare_inputs(sources, chosen)


@pytest.mark.parametrize(
    ("pixels", "entry"),
    [
        (torch.tensor([0.0, 1.0, 254.0, 255.0]), 1),
        (torch.tensor([0.0, 1.0, 254.0, 254.5]), 4),
        (torch.tensor([0.0, 1e-30, 254.0, 255.0]), 4),
    ],
)
def test_a_picture_is_kept_as_it_is_in_bytes_where_they_hold_it(pixels: Tensor, entry: int) -> None:
    picture = pixels.view(1, 1, 2, 2).expand(1, 3, 2, 2).contiguous()
    kept = HeldPicture.of(picture)
    assert torch.equal(kept.pixels, picture)
    assert kept.pixels.dtype == torch.float32
    assert kept.nbytes == 12 * entry
    assert kept.size == (2, 2)


def test_every_row_of_a_high_picture_is_looked_at() -> None:
    picture = torch.zeros((1, 3, 1000, 2))
    assert HeldPicture.of(picture).nbytes == 6000
    picture[0, 2, 999, 1] = 0.5
    assert HeldPicture.of(picture).nbytes == 4 * 6000


def test_what_pictures_take_is_known_before_they_are_brought_to_size() -> None:
    """A content of 8 bits at its own size, a style of 8 bits that is reduced."""
    content, style = _bytes((60, 40)), _bytes((90, 120), seed=1)
    sources, inputs = _both(content, style)
    assert inputs.size == (60, 40)
    assert inputs.style_size == (45, 60)
    expected = 3 * 60 * 40 + 4 * 3 * 45 * 60
    assert sources.held_pictures == inputs.held_pictures == HeldPictures(expected, pixel_bytes=12)
    assert inputs.content is not None
    assert torch.equal(inputs.content[0].permute(1, 2, 0), torch.from_numpy(content).float())
    assert inputs.style.dtype == torch.float32


def test_transparency_and_a_start_are_kept_too(tmp_path: Path) -> None:
    path = tmp_path / "start.png"
    Image.fromarray(_bytes((60, 40), seed=2)).save(path)
    sources, inputs = _both(_bytes((60, 40), channels=4), _bytes((64, 64), seed=1), init=str(path))
    # Content and start have whole numbers, as they were stored; the style is reduced to 60 pixels.
    expected = (3 + 4 + 3) * 60 * 40 + 12 * 60 * 60
    assert sources.held_pictures == inputs.held_pictures == HeldPictures(expected, pixel_bytes=12 + 4 + 12)
    start = start_pixels(inputs, str(path), (60, 40), 0)
    assert torch.equal(start[0].permute(1, 2, 0), torch.from_numpy(_bytes((60, 40), seed=2)).float())
