"""``glstylenet maps check``: what it prints, and its picture of all maps side by side."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from glstylenet.cli import main
from glstylenet.errors import GLStyleNetError
from glstylenet.maps import PictureMap, draw_sheet, label_maps
from glstylenet.run import Style, check_maps, prepare_inputs, read_sources
from glstylenet.settings import Settings

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
    assert told["classes"][2] == {
        "number": 3,
        "colour": "#ff0000",
        "content": 0.25,
        "style": 0.25,
        "painted_from": None,
    }
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
    sheet = (
        draw_sheet(semantics, {"content": torch.full((1, 3, 20, 40), 100.0), "style": None})[0]
        .permute(1, 2, 0)
        .numpy()
    )
    content, style = sheet[12 : 12 + 280, 12 : 12 + 560], sheet[12 : 12 + 280, 584 : 584 + 560]
    assert content[100, 60].tolist() == [178, 50, 50]
    assert style[100, 60].tolist() == [255, 0, 0]
    in_red, in_green, in_blue = content[:, :130], content[:, 150:], style[:, 150:]
    assert np.ptp(in_red, axis=(0, 1)).max() <= 1  # rounding
    for hatched, plain in ((in_green, [50, 178, 50]), (in_blue, [0, 0, 255])):
        share = (np.abs(hatched.astype(int) - plain) <= 1).all(-1).mean()
        assert share == pytest.approx(0.75, abs=0.01)
    assert (sheet[292 + 24 :, 584:] == 255).all()  # the legend is on the left


def test_the_sheet_is_written_once(maps: list[str], tmp_path: Path) -> None:
    picture, sheet = tmp_path / "picture.png", tmp_path / "sheet.png"
    Image.new("RGB", (80, 40), (100, 100, 100)).save(picture)
    words = ["maps", "check", *maps, "--content", str(picture), "-o", str(sheet)]
    assert main(words) == 0
    with Image.open(sheet) as image:
        assert image.size == (1156, 436)
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


# --- several styles

Colour = tuple[int, int, int]


def drawn(left: Colour, right: Colour) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """A map of 80 x 40 pixels: a quarter of ``left``, the rest ``right``."""
    values = np.zeros((40, 80, 3), np.uint8)
    values[:, :20], values[:, 20:] = left, right
    return values


@pytest.fixture
def further(tmp_path: Path) -> list[str]:
    """The options of a second style: its map has a quarter green, the rest blue."""
    Image.new("RGB", (40, 20), (90, 90, 90)).save(tmp_path / "sky.png")
    own_map = write_map(tmp_path / "sky_map.png", GREEN, BLUE)
    return ["--add-style", str(tmp_path / "sky.png"), "--add-style-map", own_map]


def test_each_style_has_a_column_and_its_own_classes(
    maps: list[str], further: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["maps", "check", *maps, *further, "--region", "red=2"]) == 0
    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert [line.split() for line in lines[1:4]] == [
        ["1", "#0000ff", "0.00%", "75.00%", "75.00%"],
        ["2", "#00ff00", "75.00%", "0.00%", "25.00%"],
        ["3", "#ff0000", "25.00%", "25.00%", "0.00%"],
    ]
    assert lines[5:] == ["painted from style 2 alone: #ff0000"]
    assert "lack" not in said.err.replace("whose map lacks this class", "")  # green is in one of them
    assert "#ff0000 is painted from all of style 2, whose map lacks this class" in said.err


def test_a_style_without_a_map_is_of_any_class(
    maps: list[str], further: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["maps", "check", *maps, *further[:2]]) == 0
    said = capsys.readouterr()
    assert said.out.splitlines()[-1] == "style 2 has no map; all of it is matched with any class"
    assert main(["maps", "check", maps[0], "--style", further[1], *further[:2], "--region", "green=2"]) == 0
    said = capsys.readouterr()
    assert said.out.splitlines()[3:] == [
        "style has no map; all of it is matched with any class",
        "painted from style 2 alone: #00ff00",
    ]
    assert "#00ff00 is painted from all of style 2, which has no map" in said.err


def test_json_tells_of_every_style(
    maps: list[str], further: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    more = ["--add-style", further[1], "--add-style-map", "none", "--region", "#00ff00=3"]
    assert main(["maps", "check", *maps, *further, *more, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["classes"][1] == {
        "number": 2,
        "colour": "#00ff00",
        "content": 0.75,
        "style": 0.0,
        "style_2": 0.25,
        "style_3": None,
        "painted_from": "style_3",
    }
    assert told["missing"]["style_2"] == ["#ff0000"]
    assert told["further_styles"] == [
        {"style": further[1], "style_map": further[3]},
        {"style": further[1], "style_map": None},
    ]


CONTENT, RED_GREEN = np.full((40, 80, 3), 70, np.uint8), drawn(RED, GREEN)


@pytest.mark.parametrize(
    "styles",
    [
        [Style(CONTENT, drawn(RED, BLUE))],
        [Style(CONTENT, drawn(RED, BLUE), regions=["green"])],
        [Style(CONTENT, drawn(RED, BLUE)), Style(CONTENT, drawn(BLUE, RED))],
        [Style(CONTENT, drawn(RED, BLUE)), Style(CONTENT, drawn((254, 0, 0), BLUE), regions=["green"])],
        [Style(CONTENT, regions=["red"]), Style(CONTENT, drawn(GREEN, BLUE), regions=["blue"])],
        [Style(CONTENT, drawn(RED, GREEN)), Style(CONTENT, drawn(GREEN, RED), weight=0.0)],
        [Style(CONTENT, drawn(RED, GREEN), regions=["red"]), Style(CONTENT, weight=0.0)],
        [Style(CONTENT, regions=["red"]), Style(CONTENT, regions=["#fe0000"])],
        [Style(CONTENT, drawn(RED, GREEN)), Style(CONTENT, regions=["cyan"])],
        [Style(CONTENT, drawn(RED, GREEN)), Style(CONTENT, weight=-1.0)],
    ],
    ids=[
        "one",
        "bound to the only one",
        "lacking",
        "whole",
        "no map",
        "weight 0",
        "one left",
        "bound twice",
        "no class",
        "negative",
    ],
)
def test_a_run_tells_the_same(styles: list[Style]) -> None:
    settings = Settings()

    def checked() -> tuple[str, ...]:
        return check_maps(RED_GREEN, styles, content=CONTENT, settings=settings).warnings

    def prepared() -> tuple[str, ...]:
        sources = read_sources(CONTENT, styles, content_map=RED_GREEN, style_map=None, settings=settings)
        return prepare_inputs(sources, settings).warnings

    def outcome(tell: Callable[[], tuple[str, ...]]) -> object:
        try:
            return sorted(tell())
        except GLStyleNetError as error:
            return type(error), str(error)

    assert outcome(checked) == outcome(prepared)


def test_a_style_keeps_its_number_where_another_is_left_out() -> None:
    styles = [Style(CONTENT, RED_GREEN), Style(CONTENT, weight=0.0), Style(CONTENT, regions=["red"])]
    check = check_maps(RED_GREEN, styles, content=None, settings=Settings())
    assert list(check.bound) == ["style", "style 3"]
    assert check.owners == {1: "style 3"}
    assert check.pictures["content"] is None


def test_what_is_matched_with_nothing_is_hatched() -> None:
    """Green is on no other map, but painted from the style without a map; so is red, which the style has."""
    grey = np.full((40, 80, 3), 100, np.uint8)
    styles = [Style(grey, drawn(RED, BLUE)), Style(grey, regions=["red", "green"])]
    check = check_maps(RED_GREEN, styles, content=grey, settings=Settings())
    assert check.lacking == (False, False, False)
    sheet = draw_sheet(check.semantics, check.pictures, bound=check.bound)[0].permute(1, 2, 0).numpy()
    content, style, second = (sheet[12 : 12 + 280, left : left + 560] for left in (12, 584, 1156))
    assert np.ptp(second, axis=(0, 1)).max() == 0
    assert second[0, 0].tolist() == [100, 100, 100]
    plain = {"red": [178, 50, 50], "green": [50, 178, 50], "blue": [50, 50, 178]}
    for panel, colour, hatched in (
        (content[:, :130], "red", False),
        (content[:, 150:], "green", False),
        (style[:, :130], "red", True),
        (style[:, 150:], "blue", True),
    ):
        share = (np.abs(panel.astype(int) - plain[colour]) <= 1).all(-1).mean()
        assert share == pytest.approx(0.75 if hatched else 1.0, abs=0.01)


def test_a_style_that_is_used_as_a_whole_is_not_hatched() -> None:
    """Nothing in the map of the second style is the class that is painted from it."""
    styles = [Style(CONTENT, RED_GREEN), Style(CONTENT, drawn(BLUE, (255, 255, 0)), regions=["red"])]
    check = check_maps(RED_GREEN, styles, content=None, settings=Settings())
    sheet = draw_sheet(check.semantics, check.pictures, bound=check.bound)[0].permute(1, 2, 0).numpy()
    first, second = (sheet[12 : 12 + 280, left : left + 560].reshape(-1, 3) for left in (584, 1156))
    assert len(np.unique(first, axis=0)) > 2
    assert len(np.unique(second, axis=0)) == 2


def test_errors_of_further_styles(
    maps: list[str], further: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words, code, says in (
        ([*maps, "--region", "red=2"], 2, "there is no style 2"),
        ([*maps, *further, "--region", "cyan=2"], 2, "the classes are 1 #0000ff, 2 #00ff00, 3 #ff0000"),
        ([*maps, *further, "--style-weights", "1,1,1"], 2, "--style-weights holds 3 weights"),
        ([*maps, *further, "--region", "red=1", "--region", "#fe0000=2"], 2, "from style and from style 2"),
        ([maps[0]], 2, "got one map, the content's; give STYLE_MAP"),
        ([maps[0], *further], 2, "got neither map nor picture of the first style"),
        ([maps[0], "--style", maps[1], *further[:2]], 2, "got one map, the content's"),
        ([*maps, *further, "-o", further[3], "--overwrite"], 5, "Choose another name for the result"),
    ):
        assert main(["maps", "check", *words]) == code, words
        assert says in capsys.readouterr().err
