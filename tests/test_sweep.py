"""Sweeps: the grid and its checks, the results file, resuming, the sheet, the page, and the command."""

import hashlib
import itertools
import json
import os
import shlex
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from glstylenet.cli import main
from glstylenet.errors import OutputError, SettingsError, UsageError
from glstylenet.pictures import write
from glstylenet.pictures.write import read_recipe
from glstylenet.report import painting, results_file, sweep
from glstylenet.report.gallery import Gallery, GalleryItem
from glstylenet.report.grid import make_grid, split_values
from glstylenet.report.results_file import Record, ResultsFile, Task
from glstylenet.report.sheet import draw_sheet
from glstylenet.run import stylize
from glstylenet.settings.command_line import command_line
from glstylenet.settings.model import Settings
from glstylenet.settings.roles import Pictures


def _picture(path: Path, seed: int, size: tuple[int, int] = (48, 40)) -> Path:
    values = np.random.default_rng(seed).integers(0, 256, (6, 5, 3), dtype=np.uint8)
    Image.fromarray(values).resize((size[1], size[0]), Image.Resampling.BICUBIC).save(path)
    return path


@pytest.fixture
def pair(tmp_path: Path) -> tuple[str, str]:
    return str(_picture(tmp_path / "content.png", 1)), str(_picture(tmp_path / "style.png", 2))


# --- the grid


def test_rows_are_the_first_setting_and_columns_the_second() -> None:
    grid = make_grid({"local_weight": "50,100,500", "semantic_weight": "1,10", "iterations": "3"}, {})
    assert [(cell.row, cell.column) for cell in grid.cells] == [
        (0, 0),
        (0, 1),
        (1, 0),
        (1, 1),
        (2, 0),
        (2, 1),
    ]
    assert [(c.settings.local_weight, c.settings.semantic_weight) for c in grid.cells] == [
        (50, 1),
        (50, 10),
        (100, 1),
        (100, 10),
        (500, 1),
        (500, 10),
    ]
    assert {cell.settings.iterations for cell in grid.cells} == {3}
    assert grid.row_labels[0] == "local weight (beta) 50"
    assert grid.cells[1].name == "local_weight-50__semantic_weight-10"


def test_one_setting_is_one_row() -> None:
    grid = make_grid({"init": "content,style,noise"}, {"scheme": "c"})
    assert grid.rows is None
    assert grid.row_labels == ("",)
    assert [cell.settings.init for cell in grid.cells] == ["content", "style", "noise"]
    assert {cell.settings.scheme for cell in grid.cells} == {"c"}


def test_presets_vary_too_and_options_go_before_them() -> None:
    grid = make_grid({"local_weight": "7"}, {}, preset="portrait,artistic")
    assert [cell.preset for cell in grid.cells] == ["portrait", "artistic"]
    assert [cell.settings.global_weight for cell in grid.cells] == [0.3, 0.5]
    assert {cell.settings.local_weight for cell in grid.cells} == {7.0}


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({}, UsageError, "nothing varies"),
        ({"local_weight": "5"}, UsageError, "nothing varies"),
        ({"local_weight": "5,,6"}, UsageError, "empty"),
        ({"local_weight": ","}, UsageError, "empty"),
        ({"local_weight": "5,5"}, UsageError, "more than once"),
        ({"local_weight": "5,5.0"}, UsageError, "same settings"),
        ({"local_weight": "5,-1"}, SettingsError, "local_weight"),
        ({"local_weight": "5,x"}, SettingsError, "local_weight"),
        ({"scheme": "g,z"}, SettingsError, "scheme"),
        ({"device": "cpu,cuda"}, UsageError, "cannot vary"),
        ({"local_weight": "1,2", "scheme": "a,b", "init": "style,noise"}, UsageError, "at most two"),
        ({"local_weight": ",".join(map(str, range(500)))}, UsageError, "at most 400"),
    ],
)
def test_a_wrong_grid_is_refused(given: dict[str, str | bool], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make_grid(given, {})


def test_a_file_with_a_comma_is_one_value(tmp_path: Path) -> None:
    file = tmp_path / "a,b.png"
    file.write_bytes(b"")
    assert split_values(str(file)) == (str(file),)
    assert split_values("a,b.png") == ("a", "b.png")


def test_an_unknown_preset_is_named() -> None:
    with pytest.raises(SettingsError, match="'portrit'"):
        make_grid({}, {}, preset="portrit,artistic")


# --- the command line of a cell


def test_the_command_line_names_what_differs() -> None:
    pictures = Pictures(Path("my photo.jpg"), Path("s.png"), Path("cm.png"), Path("sm.png"))
    line = command_line(pictures, Settings(local_weight=7, strict=True), "out.png")
    assert line == (
        "glstylenet stylize 'my photo.jpg' s.png -o out.png --content-map cm.png --style-map sm.png "
        "--local-weight 7.0 --strict"
    )
    assert (
        command_line(Pictures(None, Path("s.png")), Settings(), "o.png")
        == "glstylenet stylize s.png -o o.png"
    )


# --- the results file


def _record(name: str, file: Path | None, key: str, sha256: str | None) -> Record:
    return Record(name, key, None if file is None else file.name, sha256, (4, 3), 1.0, 2, {}, {}, "x")


def test_a_results_file_comes_back_and_knows_what_is_done(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(b"picture")
    results = ResultsFile(tmp_path)
    digest = "0" * 64
    results.keep(_record("a", file, "key", digest))
    again = ResultsFile.read(tmp_path, overwrite=False)
    assert again.records == results.records
    assert again.finished("a", "key") is None, "the file's bytes are not those noted"
    results.keep(_record("a", file, "key", hashlib.sha256(b"picture").hexdigest()))
    again = ResultsFile.read(tmp_path, overwrite=False)
    assert again.finished("a", "key") == results.records["a"]
    assert again.finished("a", "another key") is None
    assert again.finished("b", "key") is None
    file.unlink()
    assert again.finished("a", "key") is None


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"format": 9, "results": []}', '{"format": 1, "results": [1]}']
)
def test_a_damaged_results_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "results.json").write_text(text)
    with pytest.raises(OutputError, match="cannot be read"):
        ResultsFile.read(tmp_path, overwrite=False)
    assert ResultsFile.read(tmp_path, overwrite=True).records == {}


def test_a_results_file_s_pictures_stay_in_its_folder(tmp_path: Path) -> None:
    results = ResultsFile(tmp_path)
    results.keep(_record("a", None, "key", None))
    text = (tmp_path / "results.json").read_text().replace('"file": null', '"file": "../../x"')
    (tmp_path / "results.json").write_text(text)
    with pytest.raises(OutputError, match="outside"):
        ResultsFile.read(tmp_path, overwrite=False)


def test_a_folder_with_other_things_is_refused(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    with pytest.raises(OutputError, match="holds files already"):
        ResultsFile.read(tmp_path, overwrite=False)
    with pytest.raises(OutputError, match="is a file"):
        ResultsFile.read(tmp_path / "letter.txt", overwrite=False)
    with pytest.raises(OutputError, match="does not exist"):
        ResultsFile.read(tmp_path / "no" / "where", overwrite=False)


def test_a_key_knows_bytes_and_settings(tmp_path: Path) -> None:
    pictures = Pictures(_picture(tmp_path / "c.png", 1), _picture(tmp_path / "s.png", 2))
    key = Task("a", pictures, Settings()).key({})
    assert Task("b", pictures, Settings(memory="4GiB")).key({}) == key, "memory decides nothing"
    assert Task("a", pictures, Settings(local_weight=7)).key({}) != key
    _picture(tmp_path / "s.png", 3)
    assert Task("a", pictures, Settings()).key({}) != key


# --- the sheet


def test_the_sheet_shows_each_picture_in_its_place(tmp_path: Path) -> None:
    colours = {(0, 0): (200, 30, 30), (0, 1): (30, 200, 30), (1, 0): (30, 30, 200)}
    rows: list[list[GalleryItem | None]] = [[None, None], [None, None]]
    for (row, column), colour in colours.items():
        file = tmp_path / f"{row}{column}.png"
        Image.new("RGB", (60, 40), colour).save(file)
        rows[row][column] = GalleryItem("x", file)
    rows[1][1] = GalleryItem("y", None, "failed: too large")
    gallery = Gallery("Title", ("r1", "r2"), ("c1", "c2"), tuple(map(tuple, rows)))
    sheet = draw_sheet(gallery)[0].permute(1, 2, 0)
    places = {}
    for place, colour in colours.items():
        found = (sheet == torch.tensor(colour).float()).all(dim=-1).nonzero()
        assert len(found) == 60 * 40
        places[place] = found.min(dim=0).values.tolist()
    assert places[0, 0][0] == places[0, 1][0]
    assert places[0, 0][1] == places[1, 0][1]
    assert places[0, 1][1] > places[0, 0][1] + 60
    assert places[1, 0][0] > places[0, 0][0] + 40


# --- the command


def _sweep(pair: tuple[str, str], folder: Path, *options: str) -> int:
    return main(["sweep", *pair, "-o", str(folder), "--iterations", "2", "--quiet", *options])


def test_a_sweep_paints_every_cell(
    pair: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "sweep"
    assert _sweep(pair, folder, "--local-weight", "10,100", "--scheme", "c,g", "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    table = json.loads((folder / "results.json").read_text())
    assert printed["results"] == table["results"]
    assert len(table["results"]) == 4
    for entry in table["results"]:
        recipe = json.loads(read_recipe(folder / entry["file"]) or "")
        assert recipe["settings"]["local_weight"] == entry["settings"]["local_weight"]
        assert recipe["losses"] == entry["losses"]
        assert (
            f"--scheme {entry['settings']['scheme']}" in entry["command"]
            or entry["settings"]["scheme"] == "g"
        )
    with Image.open(folder / "sheet.png") as sheet:
        assert sheet.width > 400
    page = (folder / "index.html").read_text()
    assert page.count("data:image/png;base64") == 6
    assert "http" not in page.replace("http-equiv", "")


@pytest.mark.long
def test_the_command_of_a_cell_paints_the_same_picture(pair: tuple[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    assert _sweep(pair, folder, "--local-weight", "10,100") == 0
    entry = json.loads((folder / "results.json").read_text())["results"][1]
    words = shlex.split(entry["command"])
    words[words.index("-o") + 1] = str(tmp_path / "again.png")
    assert main([*words[1:], "--quiet"]) == 0
    assert (tmp_path / "again.png").exists()
    with Image.open(tmp_path / "again.png") as again, Image.open(folder / entry["file"]) as cell:
        assert np.array_equal(np.asarray(again), np.asarray(cell))


@pytest.mark.long
def test_a_second_run_paints_only_what_is_missing(
    pair: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "sweep"
    assert _sweep(pair, folder, "--local-weight", "10,100") == 0
    painted: list[float] = []
    original = stylize

    def counted(*arguments: object, **options: object) -> object:
        settings = options["settings"]
        assert isinstance(settings, Settings)
        painted.append(settings.local_weight)
        return original(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(painting, "stylize", counted)
    assert _sweep(pair, folder, "--local-weight", "10,100") == 0
    assert painted == []
    (folder / "pictures" / "local_weight-100.png").write_bytes(b"damaged")
    assert _sweep(pair, folder, "--local-weight", "10,100,1000") == 0
    assert painted == [100.0, 1000.0]


@pytest.mark.long
def test_another_sweep_in_the_folder_is_refused(
    pair: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "sweep"
    assert _sweep(pair, folder, "--local-weight", "10,100") == 0
    assert _sweep(pair, folder, "--local-weight", "10,100", "--smoothness", "5") == 5
    assert "another sweep" in capsys.readouterr().err
    assert _sweep(pair, folder, "--scheme", "c,g") == 5
    assert _sweep(pair, folder, "--local-weight", "10,100", "--smoothness", "5", "--overwrite") == 0
    table = json.loads((folder / "results.json").read_text())
    assert {entry["settings"]["smoothness"] for entry in table["results"]} == {5.0}


def test_a_cell_that_fails_does_not_stop_the_others(
    pair: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "sweep"
    # At half the size the style is too small for patches.
    assert _sweep(pair, folder, "--style-scale", "0.5,1") == 7
    table = {entry["name"]: entry for entry in json.loads((folder / "results.json").read_text())["results"]}
    assert table["style_scale-0.5"]["error"]
    assert table["style_scale-1"]["error"] is None
    assert "style_scale-0.5" in capsys.readouterr().err
    assert "failed" in (folder / "index.html").read_text()


def test_wrong_calls_run_nothing(pair: tuple[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    assert _sweep(pair, folder) == 2
    assert _sweep(pair, folder, "--local-weight", "1,-2") == 2
    assert main(["sweep", pair[0], "-o", str(folder), "--local-weight", "1,2"]) == 2
    assert main(["sweep", *pair, "-o", str(folder), "--local-weight", "1,2", "--content-map", pair[0]]) == 2
    assert main(["sweep", str(tmp_path / "no.png"), pair[1], "-o", str(folder), "--local-weight", "1,2"]) == 3
    assert not folder.exists()


class _KilledError(BaseException):
    """What stands for SIGKILL: nothing handles it."""


@pytest.mark.long
@pytest.mark.parametrize("step", range(5))
def test_a_sweep_that_was_killed_goes_on(
    pair: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """Killed before each of its first files: the empty list, a picture, the list, the sheet, the page."""
    folder = tmp_path / "sweep"
    count = itertools.count()
    with monkeypatch.context() as patch:

        def killed(original: Callable[..., object]) -> Callable[..., object]:
            def write(*arguments: Any, **options: Any) -> object:
                if next(count) == step:
                    (folder / ".any.glstylenet-part").touch()
                    raise _KilledError
                return original(*arguments, **options)

            return write

        for module, name in (
            (results_file, "write_text"),
            (painting, "write_picture"),
            (sweep, "write_picture"),
            (sweep, "write_text"),
        ):
            patch.setattr(module, name, killed(getattr(module, name)))
        with pytest.raises(_KilledError):
            _sweep(pair, folder, "--seed", "1,2")
    assert _sweep(pair, folder, "--seed", "1,2") == 0
    assert len(json.loads((folder / "results.json").read_text())["results"]) == 2
    assert {path.name for path in folder.iterdir()} == {"pictures", "sheet.png", "index.html", "results.json"}


@pytest.mark.long
def test_an_interrupted_sweep_keeps_what_is_done(
    pair: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "sweep"
    original = write.write_picture
    calls: list[Path] = []

    def interrupted(path: Path, *arguments: object, **options: object) -> object:
        notes = original(path, *arguments, **options)  # type: ignore[arg-type]
        calls.append(path)
        if len(calls) == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return notes

    monkeypatch.setattr(painting, "write_picture", interrupted)
    assert _sweep(pair, folder, "--local-weight", "10,100,1000") == 130
    assert "2 of 3" in capsys.readouterr().err
    assert len(json.loads((folder / "results.json").read_text())["results"]) == 2
    assert "not painted yet" in (folder / "index.html").read_text()
    monkeypatch.undo()
