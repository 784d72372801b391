"""``glstylenet maps snap``: agreement with the truth of drawn scenes rises, small parts stay."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from glstylenet.cli import main
from glstylenet.errors import SemanticMapError
from glstylenet.proposals import snap_map
from glstylenet.proposals.borders import _largest_shares, _nearest_cells, _thin_parts

Array = np.ndarray[Any, np.dtype[np.uint8]]
COLOURS = np.array([[255, 0, 0], [0, 0, 255], [255, 255, 0]], np.uint8)
HEIGHT, WIDTH = 120, 160


def scene() -> tuple[Array, Array, Array]:
    """Return a picture of a hill under a sky with a small sun, its truth, and a map by a coarse brush.

    The brush draws the hill as three straight strokes, off by up to 4 pixels, and the sun a pixel too high.
    """
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    truth = (rows > 70 + 6 * np.sin(columns / 12)).astype(np.uint8)
    truth[(rows - 25) ** 2 + (columns - 120) ** 2 <= 9] = 2
    brush = (rows > np.interp(columns, [0, 50, 100, 159], [73, 70, 71, 69])).astype(np.uint8)
    brush[(rows - 24) ** 2 + (columns - 120) ** 2 <= 9] = 2
    paint = np.array([[120, 160, 220], [60, 110, 50], [250, 240, 180]])[truth]
    noise = np.random.default_rng(0).normal(0, 8, paint.shape)
    return (paint + noise).clip(0, 255).astype(np.uint8), truth, brush


def as_pixels(values: Array) -> Tensor:
    return torch.from_numpy(values).permute(2, 0, 1)[None]


def as_labels(picture: Tensor) -> Array:
    """Return the class, of `COLOURS`, of every pixel of a map."""
    values = picture[0].permute(1, 2, 0).numpy()
    found: Array = (values[:, :, None] == COLOURS).all(-1).argmax(-1).astype(np.uint8)
    return found


def test_agreement_rises_and_the_small_sun_stays() -> None:
    picture, truth, brush = scene()
    found = as_labels(snap_map(as_pixels(COLOURS[brush]), as_pixels(picture)).picture(0))
    before, after = np.mean(brush == truth), np.mean(found == truth)
    assert before < 0.975
    assert after > 0.993
    assert (found[brush == 2] == 2).all()
    assert (found == 2).sum() <= 40  # 29 are drawn


def test_a_small_map_gives_one_of_the_pictures_size() -> None:
    picture, truth, brush = scene()
    small = COLOURS[brush[1::4, 1::4]]
    snapped = snap_map(as_pixels(small), as_pixels(picture))
    assert snapped.labels[0].shape == (HEIGHT, WIDTH)
    found = as_labels(snapped.picture(0))
    assert np.mean(brush[1::4, 1::4].repeat(4, 0).repeat(4, 1) == truth) < 0.975
    assert np.mean(found == truth) > 0.985


def test_a_pixel_takes_only_classes_that_are_allowed_there() -> None:
    """Class 1 has the larger share everywhere, and the right half may not have it."""
    maps = torch.zeros(4, 2, 3, 4)
    maps[3, 1] = 1.0
    allowed = torch.ones(2, 3, 4, dtype=torch.bool)
    allowed[1, :, 2:] = False
    found = _largest_shares(maps, torch.zeros(1, 3, 6, 8), allowed)
    assert found.tolist() == [[1, 1, 1, 1, 0, 0, 0, 0]] * 6


def test_thin_parts_by_hand() -> None:
    """A bar three pixels wide is two deep, a square of nine is five deep; the picture's border cuts none."""
    labels = torch.zeros(30, 40, dtype=torch.uint8)
    labels[5:8, 5:35] = 1
    labels[15:24, 5:14] = 1
    labels[28:, :] = 2
    thin = _thin_parts(labels, 3)
    assert thin[5:8, 5:35].all()
    assert int(thin.sum()) == 90 + 80  # the bar, and the strip of two rows, which ends at the border


def test_nearest_cells_by_hand() -> None:
    planes = torch.arange(6).view(1, 2, 3)
    assert _nearest_cells(planes, [1, 2], (4, 6)).tolist() == [[[0, 0, 1, 1, 2, 2], [3, 3, 4, 4, 5, 5]]]


def test_the_command_writes_a_map(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture, _truth, brush = scene()
    files = [tmp_path / "picture.png", tmp_path / "brush.png"]
    for path, values in zip(files, (picture, COLOURS[brush]), strict=True):
        Image.fromarray(values).save(path)
    out = tmp_path / "out.png"
    words = ["maps", "snap", *map(str, files), "-o", str(out), "--json"]
    assert main(words) == 0
    told = json.loads(capsys.readouterr().out)
    assert [each["colour"] for each in told["classes"]] == ["#ff0000", "#0000ff", "#ffff00"]
    assert "of the pixels changed their class" in told["notes"][-1]
    with Image.open(out) as image:
        assert image.size == (WIDTH, HEIGHT)
        assert {colour for _count, colour in image.getcolors() or []} == {tuple(c) for c in COLOURS.tolist()}
    assert main(words) == 5
    assert main([*words[:-1], "--overwrite"]) == 0
    assert capsys.readouterr().out.splitlines()[0].split() == ["class", "colour", "share"]


def test_a_map_of_another_shape_or_none_is_refused() -> None:
    picture = as_pixels(scene()[0])
    with pytest.raises(SemanticMapError, match="the drawn map is 160x160 .* its picture 160x120"):
        snap_map(torch.zeros(1, 3, 160, 160, dtype=torch.uint8), picture)
    with pytest.raises(SemanticMapError, match="looks like|colours"):
        snap_map(picture, picture)
