"""``glstylenet maps check``: what it prints, and its picture of two maps side by side."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from glstylenet.cli import main
from glstylenet.maps import PictureMap, draw_sheet, label_maps

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def write_map(path: Path, left: tuple[int, int, int], right: tuple[int, int, int]) -> str:
    """Write a map of 40 x 20 pixels: ten columns of ``left``, thirty of ``right``."""
    values = np.zeros((20, 40, 3), np.uint8)
    values[:, :10], values[:, 10:] = left, right
    Image.fromarray(values).save(path)
    return str(path)


@pytest.fixture
def maps(tmp_path: Path) -> list[str]:
    return [
        write_map(tmp_path / "me.png", RED, GREEN),
        write_map(tmp_path / "painting.png", (254, 0, 0), BLUE),
    ]


def test_classes_shares_joined_and_missing_ones_are_printed(
    maps: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["maps", "check", *maps]) == 0
    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert [line.split() for line in lines[1:4]] == [
        ["1", "#0000ff", "0.00%", "75.00%"],
        ["2", "#00ff00", "75.00%", "0.00%"],
        ["3", "#ff0000", "25.00%", "25.00%"],
    ]
    assert lines[4] == "the content map lacks #0000ff; no region of the content is matched with that"
    assert "#fe0000 of the style map was taken for #ff0000 of the content map" in said.err
    assert "the style map lacks #00ff00 (75.00% of the content)" in said.err


def test_json_tells_the_same(maps: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["maps", "check", *maps, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["classes"][2] == {"number": 3, "colour": "#ff0000", "content": 0.25, "style": 0.25}
    assert told["missing"] == {"content": ["#0000ff"], "style": ["#00ff00"]}
    assert len(told["warnings"]) == 2
    assert told["sheet"] is None


def test_the_sheet_blends_pictures_and_classes_half_and_half() -> None:
    """A picture of grey 100 under red: 127.5 + 50 of red, 50 of the others. Lone classes are hatched."""
    pixels = torch.zeros(1, 3, 20, 40)
    pixels[:, 0, :, :10] = pixels[:, 1, :, 10:] = 255.0
    other = pixels.clone()
    other[:, 1:, :, 10:] = torch.tensor([0.0, 255.0])[:, None, None]
    semantics = label_maps([PictureMap(pixels, "content", (20, 40)), PictureMap(other, "style", (20, 40))])
    sheet = draw_sheet(semantics, [torch.full((1, 3, 20, 40), 100.0), None])[0].permute(1, 2, 0).numpy()
    content, style = sheet[12 : 12 + 280, 12 : 12 + 560], sheet[12 : 12 + 280, 584 : 584 + 560]
    assert content[100, 60].tolist() == [178, 50, 50]
    assert style[100, 60].tolist() == [255, 0, 0]
    in_red, in_green, in_blue = content[:, :130], content[:, 150:], style[:, 150:]
    assert np.ptp(in_red, axis=(0, 1)).max() <= 1  # rounding
    for hatched, plain in ((in_green, [50, 178, 50]), (in_blue, [0, 0, 255])):
        share = (np.abs(hatched.astype(int) - plain) <= 1).all(-1).mean()
        assert share == pytest.approx(0.75, abs=0.01)
    assert (sheet[292:, 584:] == 255).all()  # the legend is on the left


def test_the_sheet_is_written_once(maps: list[str], tmp_path: Path) -> None:
    picture, sheet = tmp_path / "picture.png", tmp_path / "sheet.png"
    Image.new("RGB", (80, 40), (100, 100, 100)).save(picture)
    words = ["maps", "check", *maps, "--content", str(picture), "-o", str(sheet)]
    assert main(words) == 0
    with Image.open(sheet) as image:
        assert image.size == (1156, 412)
    assert main(words) == 5
    assert main([*words, "--overwrite"]) == 0
    assert main([*words[:-1], maps[0], "--overwrite"]) == 5  # an input


def test_errors_of_the_command(maps: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["maps", "check", maps[0]]) == 2
    assert main(["maps", "check", maps[0], str(tmp_path / "none.png")]) == 3
    assert main(["maps", "check", *maps, "--strict"]) == 3
    square = tmp_path / "square.png"
    Image.new("RGB", (40, 40)).save(square)
    capsys.readouterr()
    assert main(["maps", "check", *maps, "--style", str(square)]) == 3
    assert "the aspect ratios differ" in capsys.readouterr().err
