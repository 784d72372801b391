"""The command line: what it accepts, prints and writes, and the code it ends with."""

import inspect
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import typer
from PIL import Image

import glstylenet
from glstylenet import errors
from glstylenet.cli import app, main, painting, repetition, reproduce, saving
from glstylenet.cli.exit_codes import EXIT_CODES, exit_code_of
from glstylenet.cli.options import resolve_settings
from glstylenet.cli.stylize import stylize_command
from glstylenet.errors import MemoryLimitError, OptimizationError, OutputError
from glstylenet.files.lock import claim_output
from glstylenet.maps.labels import PictureMap, label_maps
from glstylenet.memory.plan import MemoryPlan
from glstylenet.pictures.read import read_picture
from glstylenet.pictures.write import read_recipe, write_picture
from glstylenet.report.experiments import EXPERIMENTS
from glstylenet.run.events import Event, Finished, ScaleStarted, Started, Step
from glstylenet.run.result import Result
from glstylenet.run.scales import Scale
from glstylenet.run.stylize import stylize
from glstylenet.settings.command_line import option_name
from glstylenet.settings.model import GROUPS, Settings, field_help
from glstylenet.settings.presets import PRESETS, Preset
from tests.losses import loss_terms

FAST = ("--iterations", "2", "--precision", "float32")
RESULT_KEYS = {
    "output",
    "size",
    "seconds",
    "evaluations",
    "full_size_evaluations",
    "device",
    "precision",
    "peak_memory_bytes",
    "losses",
    "settings",
}


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder with content.png, style.png and their maps."""
    monkeypatch.chdir(tmp_path)
    draw(tmp_path / "content.png", seed=0, width=40, height=34)
    draw(tmp_path / "style.png", seed=1, width=36, height=36)
    draw_map(tmp_path / "content_map.png", width=40, height=34)
    draw_map(tmp_path / "style_map.png", width=36, height=36)
    return tmp_path


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], None]:
    """Make the work itself raise an error."""

    def set_error(error: BaseException) -> None:
        def fail(*_arguments: object, **_options: object) -> None:
            raise error

        monkeypatch.setattr(painting, "stylize", fail)

    return set_error


def draw(path: Path, *, seed: int, width: int, height: int, mode: str = "RGB") -> Path:
    values = np.random.default_rng(seed).integers(0, 256, (4, 4, len(mode)), dtype=np.uint8)
    Image.fromarray(values).resize((width, height)).save(path)
    return path


def draw_map(path: Path, *, width: int, height: int) -> None:
    values = np.zeros((height, width, 3), np.uint8)
    values[:, width // 2 :] = (255, 0, 0)
    Image.fromarray(values).save(path)


def run(*words: str) -> int:
    return main([*words, *FAST] if words[0] == "stylize" else [*words])


def error_of(capsys: pytest.CaptureFixture[str]) -> str:
    streams = capsys.readouterr()
    assert streams.out == ""
    return streams.err


def size_of(path: str | Path) -> tuple[int, int]:
    with Image.open(path) as picture:
        return picture.size


def alpha_of(path: str) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    with Image.open(path) as picture:
        return np.asarray(picture.getchannel("A"), np.float64)


def subprocess_environment() -> dict[str, str]:
    """The package that is tested, from whatever folder the process starts in."""
    return {**os.environ, "PYTHONPATH": str(Path(glstylenet.__file__).parents[1])}


def stray_files(folder: Path, *expected: str) -> set[str]:
    known = {"content.png", "style.png", "content_map.png", "style_map.png", *expected}
    return {path.name for path in folder.rglob("*")} - known


# Options and settings


def test_every_setting_is_an_option_with_its_own_help() -> None:
    command: Any = typer.main.get_group(app).commands["stylize"]
    options = {parameter.name: parameter for parameter in command.params}
    for name in Settings.model_fields:
        about = field_help(name)
        option = options[name]
        assert option.opts == [option_name(name)]
        assert option.default is None
        assert option.rich_help_panel == about.group
        assert about.description in option.help
        assert about.symbol in option.help
        if about.default not in (None, False):
            shown = f"{about.default:g}" if isinstance(about.default, float) else str(about.default)
            assert f"default {shown}" in option.help
        if str(Settings.model_fields[name].annotation).startswith("typing.Literal"):
            assert option.metavar == about.limits.replace(", ", "|")
        else:
            assert about.limits in option.help


def test_help_is_ordered_by_the_groups() -> None:
    panels: list[str] = []
    for parameter in inspect.signature(stylize_command).parameters.values():
        [option] = get_args(parameter.annotation)[1:]
        if option.rich_help_panel not in [None, *panels]:
            panels.append(option.rich_help_panel)
    assert panels == list(GROUPS)


def test_option_beats_environment_beats_config_beats_preset_beats_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    presets = {"bold": Preset("for this test", {"device": "cuda:4", "smoothness": 4.0, "seed": 4})}
    monkeypatch.setattr("glstylenet.settings.presets.PRESETS", {**PRESETS, **presets})
    config = tmp_path / "own.toml"
    config.write_text('preset = "bold"\ndevice = "cuda:3"\nsmoothness = 3.0\n')

    def resolved(preset: str | None = None, file: Path | None = None, **options: object) -> Settings:
        return resolve_settings(options, preset=preset, config=file)

    assert resolved().device == "auto"
    assert (resolved("bold").device, resolved("bold").smoothness) == ("cuda:4", 4.0)
    from_config = resolved(file=config)
    assert (from_config.device, from_config.smoothness, from_config.seed) == ("cuda:3", 3.0, 4)
    assert resolved("artistic", config).seed == 0
    monkeypatch.setenv("GLSTYLENET_DEVICE", "cuda:2")
    monkeypatch.setenv("GLSTYLENET_WEIGHTS", "full")
    assert (resolved(file=config).device, resolved(file=config).weights) == ("cuda:2", "full")
    assert resolved(file=config, device="cuda:1", smoothness=None).device == "cuda:1"


def test_the_users_own_config_file_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "glstylenet").mkdir()
    (tmp_path / "glstylenet" / "config.toml").write_text("seed = 5\n")
    assert resolve_settings({}, preset=None, config=None).seed == 5


def test_underscores_and_aliases_are_accepted(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = "stylize content.png style.png -o out.png --content_weight 3 --style_mask style_map.png"
    assert run(*words.split(), "--content-mask", "content_map.png", "--json", "--no_metadata") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["settings"]["content_weight"] == 3.0
    assert read_recipe(desk / "out.png") is None


# Results


def test_json_is_one_object_and_alone_on_standard_output(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("stylize", "content.png", "style.png", "-o", "out.png", "--json", "--seed", "8") == 0
    streams = capsys.readouterr()
    report = json.loads(streams.out)
    assert set(report) == RESULT_KEYS
    assert report["output"] == "out.png"
    assert report["size"] == [40, 34]
    assert report["evaluations"] == 2
    assert report["full_size_evaluations"] == 2.0
    assert report["precision"] == "float32"
    assert set(report["losses"]) == {"content", "local", "global", "smoothness", "total"}
    assert report["losses"]["total"] == pytest.approx(sum(report["losses"].values()) / 2)
    assert set(report["settings"]) == set(Settings.model_fields)
    assert report["settings"]["seed"] == 8
    assert report["seconds"] > 0
    assert report["peak_memory_bytes"] > 2**20
    assert size_of("out.png") == (40, 34)
    assert stray_files(desk, "out.png") == set()


def test_a_pipe_gets_plain_lines_without_control_codes(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--content-map", "content_map.png", "--style-map", "style_map.png", "-v"]
    words += ["--device", "cpu", "--precision", "float32"]
    assert run("stylize", "content.png", "style.png", "-o", "out.png", *words) == 0
    error = error_of(capsys)
    assert "scale 1/1: 40 x 34 pixels, 2 evaluations" in error
    assert "evaluation 2/2, round 1: loss " in error
    assert "out.png: 40 x 34 pixels, 2 evaluations in" in error
    for told in ("map classes:", "weights: embedded", "peak memory "):
        assert told in error
    assert re.search(r"device cpu, precision float32, about [\d.]+ [MG]iB of memory", error)
    assert "\x1b" not in error
    assert "\r" not in error


def test_quiet_says_nothing(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["stylize", "content.png", "style.png", "-o", "out.png", "--quiet", "--precision", "float32"]
    assert main([*words, "--iterations", "10"]) == 0  # with fewer, it warns
    assert error_of(capsys) == ""


@pytest.mark.long
def test_previews_are_kept_and_replaced_when_asked(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["stylize", "content.png", "style.png", "-o", "out.jpg", "--save-every", "3", "--quiet"]
    words += ["--iterations", "7", "--precision", "float32"]
    (desk / "out.0006.png").write_text("old")
    (desk / "out.0005.png").write_text("of no evaluation that counts")
    assert main(words) == 5
    assert "out.0006.png: exists already" in error_of(capsys)
    assert (desk / "out.0006.png").read_text() == "old"
    assert stray_files(desk, "out.0005.png", "out.0006.png") == set()
    assert main([*words, "--overwrite"]) == 0
    assert stray_files(desk, "out.jpg", "out.0005.png") == {"out.0003.png", "out.0006.png"}
    assert size_of("out.0006.png") == (40, 34)


def test_a_jpeg_without_room_for_the_recipe_is_written_with_a_warning(
    desk: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saving, "make_recipe", lambda *_result, **_options: json.dumps({"a": "x" * 70_000}))
    assert run("stylize", "content.png", "style.png", "-o", "out.jpg", "--quiet") == 0
    assert "warning: out.jpg: the recipe was left out" in error_of(capsys)
    assert size_of("out.jpg") == (40, 34)


def test_transparency_and_depth_are_given_back(desk: Path) -> None:
    draw(desk / "glass.png", seed=3, width=40, height=36, mode="RGBA")
    assert run("stylize", "glass.png", "style.png", "-o", "out.png", "--bits", "16") == 0
    assert (desk / "out.png").read_bytes()[24:26] == bytes([16, 6])  # bits per channel; 6 is RGBA
    assert np.abs(alpha_of("glass.png") - alpha_of("out.png")).max() <= 1


def test_style_and_both_maps_paint_a_doodle(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = "stylize style.png --content-map content_map.png --style-map style_map.png -o made/ --json"
    assert run(*words.split()) == 0
    report = json.loads(capsys.readouterr().out)
    assert Path(report["output"]) == Path("made/content_map__style.png")
    assert size_of(report["output"]) == (40, 34)
    assert report["settings"]["init"] == "voted"


def test_an_existing_folder_takes_a_single_result(desk: Path) -> None:
    (desk / "made").mkdir()
    assert run("stylize", "content.png", "style.png", "-o", "made") == 0
    assert (desk / "made" / "content__style.png").is_file()


def test_a_batch_goes_on_past_a_bad_file_and_ends_in_7(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = desk / "contents"
    folder.mkdir()
    draw(folder / "a.png", seed=5, width=36, height=36)
    (folder / "b.png").write_bytes(b"")
    draw(folder / "c.png", seed=6, width=34, height=38)
    assert run("stylize", "contents", "content.png", "style.png", "-o", "made", "--json") == 7
    streams = capsys.readouterr()
    report = json.loads(streams.out)
    assert [Path(each["output"]).name for each in report["results"]] == [
        "a__style.png",
        "c__style.png",
        "content__style.png",
    ]
    assert [each["exit_code"] for each in report["failures"]] == [3]
    assert "b.png: is empty" in streams.err
    assert "1 of 4 pictures failed" in streams.err
    assert {path.name for path in (desk / "made").iterdir()} == {
        "a__style.png",
        "c__style.png",
        "content__style.png",
    }


def test_a_batch_takes_each_contents_map_from_a_folder(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (desk / "maps").mkdir()
    draw(desk / "other.png", seed=5, width=36, height=36)
    draw_map(desk / "maps" / "content.png", width=40, height=34)
    words = [
        "stylize",
        "content.png",
        "other.png",
        "style.png",
        "-o",
        "made",
        "--style-map",
        "style_map.png",
        "-v",
    ]
    assert run(*words, "--content-map", "maps") == 7
    streams = capsys.readouterr()
    assert streams.err.count("map classes:") == 1
    assert "holds 0 pictures named other" in streams.err


# Recipes


@pytest.mark.long
def test_statistics_by_region(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Another picture than with those of the whole, repeated by its recipe; without maps it is told."""
    for name, seed in (("content", 0), ("style", 1)):  # each half must have some positions
        draw(desk / f"{name}.png", seed=seed, width=88, height=72)
        draw_map(desk / f"{name}_map.png", width=88, height=72)
    pair = ["stylize", "content.png", "style.png"]
    words = [*pair, "--content-map", "content_map.png", "--style-map", "style_map.png", "-o"]
    assert run(*words, "whole.png") == 0
    assert run(*words, "regions.png", "--statistics", "regions", "--json") == 0
    assert json.loads(capsys.readouterr().out)["settings"]["statistics"] == "regions"
    with Image.open("whole.png") as whole, Image.open("regions.png") as regions:
        assert whole.tobytes() != regions.tobytes()
    assert main(["stylize", "--recipe", "regions.png", "-o", "again.png", "--quiet"]) == 0
    assert (desk / "again.png").read_bytes() == (desk / "regions.png").read_bytes()
    capsys.readouterr()
    assert run(*pair, "-o", "bare.png", "--statistics", "regions") == 0
    assert "statistics is regions and has no effect: there are no maps" in error_of(capsys)
    assert run(*words, "wrong.png", "--statistics", "classes") == 2


def test_a_recipe_repeats_the_run_to_the_same_bytes(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["stylize", "content.png", "style.png", "-o", "out.png", "--content-map", "content_map.png"]
    assert run(*words, "--style-map", "style_map.png", "--init", "noise", "--seed", "3") == 0
    assert main(["stylize", "--recipe", "out.png", "-o", "again.png"]) == 0
    assert (desk / "again.png").read_bytes() == (desk / "out.png").read_bytes()
    assert main(["stylize", "--recipe", "out.png", "-o", "other.png", "--seed", "4", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["settings"]["seed"], report["settings"]["init"]) == (4, "noise")
    assert (desk / "other.png").read_bytes() != (desk / "out.png").read_bytes()


@pytest.mark.long
@pytest.mark.parametrize("name", ["out.png", "out.tif"])
def test_a_recipe_with_paths_repeats_the_run_beside_its_picture(desk: Path, name: str) -> None:
    (desk / "made").mkdir()
    words = ["stylize", "content.png", "style.png", "-o", f"made/{name}", "--bits", "16", "--recipe-paths"]
    assert run(*words) == 0
    assert "../content.png" in (read_recipe(desk / "made" / name) or "")
    assert main(["stylize", "--recipe", f"made/{name}", "--recipe-paths"]) == 0
    again = (desk / "made" / name).with_suffix(f".again{Path(name).suffix}")
    assert again.read_bytes() == (desk / "made" / name).read_bytes()
    assert main(["stylize", "--recipe", f"made/{name}"]) == 5


@pytest.mark.long
def test_a_recipe_without_paths_is_told_where_the_pictures_are(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (desk / "made").mkdir()
    assert run("stylize", "content.png", "style.png", "-o", "made/out.png") == 0
    assert ".." not in (read_recipe(desk / "made" / "out.png") or "")
    assert main(["stylize", "--recipe", "made/out.png"]) == 3
    assert "made/content.png: the recipe's content cannot be read" in error_of(capsys)
    assert main(["stylize", "content.png", "style.png", "--recipe", "made/out.png"]) == 0
    assert (desk / "made" / "out.again.png").read_bytes() == (desk / "made" / "out.png").read_bytes()


@pytest.mark.long
def test_more_threads_than_processors_are_not_repeated(
    desk: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch  # noqa: PLC0415

    used: list[int] = []
    real: Callable[..., Result] = stylize

    def observed(*arguments: object, **options: object) -> Result:
        used.append(torch.get_num_threads())
        return real(*arguments, **options)

    monkeypatch.setattr(painting, "stylize", observed)
    assert run("stylize", "content.png", "style.png", "-o", "out.png") == 0
    table = json.loads(read_recipe(desk / "out.png") or "{}")
    monkeypatch.setattr(repetition, "read_recipe", lambda _file: json.dumps({**table, "threads": 1024}))
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    capsys.readouterr()
    assert main(["stylize", "--recipe", "out.png"]) == 0
    assert used[1:] == [1]
    assert "made with 1024 threads, and this machine has 1 processors" in error_of(capsys)


def test_a_recipe_refuses_a_changed_input(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("stylize", "content.png", "style.png", "-o", "out.png") == 0
    (desk / "style.png").rename(desk / "moved.png")
    draw(desk / "style.png", seed=9, width=36, height=36)
    capsys.readouterr()
    assert main(["stylize", "--recipe", "out.png", "-o", "again.png"]) == 3
    assert "style.png: the recipe's style has changed" in error_of(capsys)
    assert main(["stylize", "content.png", "moved.png", "--recipe", "out.png", "-o", "again.png"]) == 0


def test_a_recipe_stands_alone(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("stylize", "--recipe", "content.png", "-o", "out.png") == 3
    assert "holds no recipe" in error_of(capsys)
    assert run("stylize", "--recipe", "content.png", "-o", "out.png", "--preset", "artistic") == 2


# Exit codes


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ("stylize content.png style.png", 2, "give -o OUT"),
        ("stylize content.png -o out.png", 2, "got one picture, expected CONTENT and STYLE"),
        ("stylize content.png style.png -o out.png --sparkle", 2, "no such option: --sparkle"),
        ("stylize content.png style.png -o out.png --content-weight nan", 2, "content_weight is 'nan'"),
        ("stylize content.png style.png -o out.png --size 1e3", 2, "size is '1e3'"),
        ("stylize content.png style.png -o out.png --scheme z", 2, "allowed: a, b, c, d, e, f, g, h"),
        ("stylize content.png style.png -o out.png --preset none", 2, "no preset 'none'"),
        ("stylize content.png style.png -o out.png --config none.toml", 2, "none.toml cannot be used"),
        ("stylize content.png style.png -o out.png --bits 9", 2, "bits is 9"),
        ("stylize content.png style.png -o out.gif", 2, "has the suffix '.gif'"),
        ("stylize content.png style.png -o out.png --device cuda:77", 2, "asks for a CUDA device"),
        ("stylize content.png style.png -o out.png --content-map content_map.png", 2, "no style map"),
        ("stylize content.png content.png style.png -o out.png", 2, "give a folder"),
        ("stylize none.png style.png -o out.png", 3, "none.png: there is no such file"),
        ("stylize content.png . -o out.png", 3, "is a folder"),
        ("stylize content.png style.png -o out.png --weights none.pth", 4, "no weights file at none.pth"),
        ("stylize content.png style.png -o none/out.png", 5, "none does not exist"),
        ("stylize content.png style.png -o none/deeper/", 5, "none does not exist"),
        ("stylize content.png style.png -o content.png", 5, "is the input content.png itself"),
        ("stylize content.png style.png -o style_map.png", 5, "--overwrite"),
        ("stylize content.png style.png -o out.png --memory 64MiB", 6, "the run may use 64 MiB"),
        ("loss content.png content.png", 2, "expected IMAGE CONTENT STYLE"),
        ("loss style.png content.png style.png", 3, "a result of 40 x 34"),
        ("weights verify --weights none.pth", 4, "no weights file"),
        ("sing", 2, "no such command 'sing'"),
    ],
)
def test_exit_codes_and_messages(
    desk: Path, capsys: pytest.CaptureFixture[str], words: str, code: int, message: str
) -> None:
    assert run(*words.split()) == code
    error = error_of(capsys)
    assert message in error
    assert error.startswith("glstylenet: ")
    assert "Traceback" not in error
    assert stray_files(desk) == set()


def test_an_empty_name_is_not_the_current_folder(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stylize", "", "style.png", "-o", "out.png"]) == 2
    assert "name is empty" in error_of(capsys)


def test_equal_names_in_a_batch_are_refused(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    draw(desk / "content.jpg", seed=4, width=40, height=40)
    assert run("stylize", "content.png", "content.jpg", "style.png", "-o", "made") == 2
    assert "would both become content__style.png" in error_of(capsys)
    assert not (desk / "made").exists()


def test_too_long_a_side_is_refused_before_computing(
    desk: Path, capsys: pytest.CaptureFixture[str], failing: Callable[[BaseException], None]
) -> None:
    failing(AssertionError("computed"))
    assert run("stylize", "content.png", "style.png", "-o", "out.webp", "--size", "16384") == 5
    assert "at most 16383 a side" in error_of(capsys)


def test_a_preview_must_not_replace_an_input(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    draw(desk / "out.0002.png", seed=4, width=40, height=40)
    assert run("stylize", "out.0002.png", "style.png", "-o", "out.png", "--save-every", "2") == 5
    assert "has the name of a preview" in error_of(capsys)


def test_two_runs_of_one_output(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with claim_output(desk / "out.png"):
        assert run("stylize", "content.png", "style.png", "-o", "out.png") == 5
    assert "another run is writing it" in error_of(capsys)


def test_an_internal_error_is_one_line_unless_debug(
    desk: Path, capsys: pytest.CaptureFixture[str], failing: Callable[[BaseException], None]
) -> None:
    failing(ZeroDivisionError("by [bold]zero[/bold]\nsecond line"))
    assert run("stylize", "content.png", "style.png", "-o", "out.png") == 1
    error = error_of(capsys)
    assert error.splitlines() == [
        "glstylenet: internal error: ZeroDivisionError: by [bold]zero[/bold]; run again with --debug for the "
        "traceback"
    ]
    assert run("stylize", "content.png", "style.png", "-o", "out.png", "--debug") == 1
    assert "Traceback" in error_of(capsys)
    assert stray_files(desk) == set()


def test_debug_shows_the_traceback_of_an_expected_error(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("stylize", "none.png", "style.png", "-o", "out.png", "--debug") == 3
    assert "Traceback" in error_of(capsys)


def breaking_off(error: BaseException) -> Callable[..., None]:
    """Work that takes one step at half size and then fails."""

    def break_off(*_arguments: object, on_event: Callable[[object], None], **_options: object) -> None:
        import torch  # noqa: PLC0415

        scales = (Scale(0.5, (32, 32), 1), Scale(1.0, (64, 64), 1))
        plans = (MemoryPlan(None, 1, 10, False, 0),) * 2
        on_event(Started("cpu", "float32", scales, plans, (64, 64), "", "embedded", 0))
        pixels = torch.full((1, 3, 32, 32), 90.0)
        on_event(Step(1, 2, 1, 1, loss_terms(1.0, 1.0, 1.0, 1.0), pixels, 0.0))
        raise error

    return break_off


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (OptimizationError("the loss is nan"), 1, "the loss is nan; the best"),
        (MemoryLimitError("no room."), 6, "no room; the best"),
        (MemoryError(), 6, "ran out of memory; use a smaller --size"),
        (RuntimeError("broken"), 1, "internal error: RuntimeError: broken; the best"),
    ],
)
def test_a_run_that_breaks_off_leaves_its_best_picture(
    desk: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    code: int,
    message: str,
) -> None:
    monkeypatch.setattr(painting, "stylize", breaking_off(error))
    assert run("stylize", "content.png", "style.png", "-o", "out.png") == code
    told = error_of(capsys)
    assert message in told
    assert "the best picture so far is in out.png" in told
    with Image.open("out.png") as picture:
        assert picture.size == (64, 64)
        assert picture.getpixel((5, 5)) == (90, 90, 90)


def test_what_breaks_off_and_cannot_be_written_is_written_elsewhere(
    desk: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_off(*arguments: object, **options: Any) -> None:
        (desk / "out.png").write_text("appeared meanwhile")
        breaking_off(RuntimeError("broken"))(*arguments, **options)

    monkeypatch.setattr(painting, "stylize", break_off)
    assert run("stylize", "content.png", "style.png", "-o", "out.png") == 1
    assert "RuntimeError: broken; the picture is in out.rescued.png" in error_of(capsys)
    assert (desk / "out.png").read_text() == "appeared meanwhile"
    assert size_of("out.rescued.png") == (64, 64)


def test_a_result_whose_place_was_taken_meanwhile_is_kept_beside_it(
    desk: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real: Callable[..., Result] = stylize

    def taken(*arguments: object, **options: object) -> Result:
        (desk / "out.png").write_text("appeared meanwhile")
        return real(*arguments, **options)

    monkeypatch.setattr(painting, "stylize", taken)
    (desk / "out.rescued.png").write_text("of an earlier run")
    assert run("stylize", "content.png", "style.png", "-o", "out.png") == 5
    assert "; the picture is in out.rescued2.png" in error_of(capsys)
    assert size_of("out.rescued2.png") == (40, 34)
    assert read_recipe(desk / "out.rescued2.png") is not None
    assert (desk / "out.png").read_text() == "appeared meanwhile"
    assert (desk / "out.rescued.png").read_text() == "of an earlier run"


def test_a_result_whose_folder_is_full_is_kept_in_the_temporary_folder(
    desk: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = write_picture

    def full(place: Path, *arguments: Any, **options: Any) -> tuple[str, ...]:
        if place.absolute().parent == desk:
            raise OutputError(f"{place}: writing failed (No space left on device).")
        return real(place, *arguments, **options)

    (desk / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(desk / "temporary"))
    monkeypatch.setattr(saving, "write_picture", full)
    assert run("stylize", "content.png", "style.png", "-o", "out.png") == 5
    [place] = re.findall(r"No space left on device\); the picture is in (.*)", error_of(capsys))
    assert Path(place).is_relative_to(desk / "temporary")
    assert size_of(place) == (40, 34)
    shutil.rmtree(Path(place).parent)

    def full_everywhere(place: Path, *_arguments: object, **_options: object) -> None:
        raise OutputError(f"{place}: writing failed (No space left on device).")

    monkeypatch.setattr(saving, "write_picture", full_everywhere)
    assert run("stylize", "content.png", "style.png", "-o", "out.png") == 5
    assert "; the picture could not be saved (" in error_of(capsys)
    assert list((desk / "temporary").iterdir()) == []


@pytest.mark.long
@pytest.mark.parametrize(("error", "code"), [(ZeroDivisionError("odd"), 1), (MemoryError(), 6)])
def test_a_batch_goes_on_past_any_error(
    desk: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    code: int,
) -> None:
    real: Callable[..., Result] = stylize

    def fail_on_the_first(content: Path, *arguments: object, **options: object) -> Result:
        if content.name == "content.png":
            raise error
        return real(content, *arguments, **options)

    monkeypatch.setattr(painting, "stylize", fail_on_the_first)
    draw(desk / "other.png", seed=5, width=36, height=36)
    assert run("stylize", "content.png", "other.png", "style.png", "-o", "made", "--json") == 7
    report = json.loads(capsys.readouterr().out)
    assert [failure["exit_code"] for failure in report["failures"]] == [code]
    assert [Path(result["output"]).name for result in report["results"]] == ["other__style.png"]


def test_no_memory_is_6_wherever_it_ends(capsys: pytest.CaptureFixture[str]) -> None:
    def greedy() -> None:
        raise MemoryError

    assert exit_code_of(greedy, debug=False) == 6
    assert "out of memory; use a smaller --size" in capsys.readouterr().err


# Interruption


@pytest.fixture
def long_run(desk: Path) -> Iterator[subprocess.Popen[str]]:
    """A run in a process of its own that has begun to optimise and would take very long."""
    words = [sys.executable, "-m", "glstylenet", "stylize", "content.png", "style.png", "-o", "out.png"]
    words += ["--iterations", "100000", "--round-length", "3", "--precision", "float32", "--json"]
    with subprocess.Popen(
        words,
        env=subprocess_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("evaluation 1/"):
                break
        yield process
        process.kill()


@pytest.mark.long
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_saves_the_best_picture_so_far(
    desk: Path, long_run: subprocess.Popen[str], number: signal.Signals, code: int
) -> None:
    long_run.send_signal(number)
    out, error = long_run.communicate(timeout=120)
    assert long_run.returncode == code
    again = "press Ctrl-C again to leave" if number == signal.SIGINT else "another signal ends the program"
    assert f"stopping as soon as the picture is saved; {again} at once" in error
    assert "the best picture so far is in out.png" in error
    assert json.loads(out)["interrupted"] is True
    assert size_of("out.png") == (40, 34)
    assert json.loads(read_recipe(desk / "out.png") or "{}")["interrupted"] is True
    assert stray_files(desk, "out.png") == set()


def test_a_signal_before_optimising_leaves_at_once(
    desk: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_arguments: object, on_event: Callable[[object], None], **_options: object) -> None:
        on_event(ScaleStarted(1, 1, Scale(1.0, (34, 40), 5)))
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(painting, "stylize", interrupted)
    assert run("stylize", "content.png", "style.png", "-o", "out.png") == 130
    assert stray_files(desk) == set()


def test_a_second_signal_leaves_at_once(
    desk: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch  # noqa: PLC0415

    reached: list[bool] = []

    def interrupted(
        *_arguments: object,
        on_event: Callable[[object], None],
        should_stop: Callable[[], bool],
        **_options: object,
    ) -> None:
        on_event(Step(1, 5, 1, 1, loss_terms(1.0, 1.0, 1.0, 1.0), torch.zeros(1, 3, 34, 40), 0.0))
        reached.append(should_stop())
        signal.raise_signal(signal.SIGTERM)
        reached.append(should_stop())
        signal.raise_signal(signal.SIGINT)
        reached.append(should_stop())

    monkeypatch.setattr(painting, "stylize", interrupted)
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    assert run("stylize", "content.png", "style.png", "-o", "out.png") == 130
    assert reached == [False, True]
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
    assert stray_files(desk) == set()


def test_a_batch_stops_at_the_first_signal(
    desk: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real: Callable[..., Result] = stylize
    calls: list[object] = []

    def signalled_at_the_end(*arguments: object, **options: object) -> Result:
        calls.append(arguments)
        result = real(*arguments, **options)
        signal.raise_signal(signal.SIGINT)
        return result

    monkeypatch.setattr(painting, "stylize", signalled_at_the_end)
    draw(desk / "other.png", seed=5, width=36, height=36)
    assert run("stylize", "content.png", "other.png", "style.png", "-o", "made", "--json") == 130
    streams = capsys.readouterr()
    assert len(calls) == 1
    assert len(json.loads(streams.out)["results"]) == 1
    assert "interrupted; 1 of 2 pictures are written" in streams.err


@pytest.mark.long
@pytest.mark.parametrize("moment", [Finished, None])
def test_a_signal_when_the_picture_is_whole_is_no_failure(
    desk: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, moment: type | None
) -> None:
    """When its losses are measured, and while writing."""
    real: Callable[..., Result] = stylize
    write = write_picture

    def signalled(*arguments: object, on_event: Callable[[Event], None], **options: object) -> Result:
        def hear(event: Event) -> None:
            on_event(event)
            if moment is not None and isinstance(event, moment):
                signal.raise_signal(signal.SIGINT)

        return real(*arguments, on_event=hear, **options)

    def written(*arguments: Any, **options: Any) -> tuple[str, ...]:
        notes = write(*arguments, **options)
        if moment is None:
            signal.raise_signal(signal.SIGTERM)
        return notes

    monkeypatch.setattr(painting, "stylize", signalled)
    monkeypatch.setattr(saving, "write_picture", written)
    assert run("stylize", "content.png", "style.png", "-o", "out.png", "--json") == 0
    assert "interrupted" not in json.loads(capsys.readouterr().out)
    draw(desk / "other.png", seed=5, width=36, height=36)
    assert run("stylize", "other.png", "content.png", "style.png", "-o", "made", "--json") in (130, 143)
    assert len(json.loads(capsys.readouterr().out)["results"]) == 1
    (desk / "one").mkdir()
    draw(desk / "one" / "a.png", seed=5, width=36, height=36)
    assert run("stylize", "one", "style.png", "-o", "made", "--json") == 0


@pytest.mark.long
@pytest.mark.skipif(sys.platform == "win32", reason="pipes behave otherwise there")
def test_a_reader_that_has_gone_is_no_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "glstylenet", "doctor", "--json"],
        env=subprocess_environment(),
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")


# The other commands


@pytest.mark.usefixtures("brightness_term")
def test_a_further_term_is_in_json_and_in_the_table(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = ["content", "local", "global", "smoothness", "brightness", "total"]
    assert run("stylize", "content.png", "style.png", "-o", "out.png", "--json") == 0
    assert list(json.loads(capsys.readouterr().out)["losses"]) == names
    assert main(["loss", "out.png", "content.png", "style.png"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == names


def test_loss_prints_terms_and_total(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["loss", "content.png", "content.png", "style.png"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["content", "local", "global", "smoothness", "total"]
    assert float(lines[0].split()[1]) == 0
    assert main(["loss", "content.png", "content.png", "style.png", "--json", "--global-weight", "0"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["losses"]["global"] == 0
    assert report["losses"]["local"] == pytest.approx(float(lines[1].split()[1]), rel=1e-4)


def test_loss_agrees_with_the_run(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("stylize", "content.png", "style.png", "-o", "out.png", "--bits", "16", "--json") == 0
    painted = json.loads(capsys.readouterr().out)
    assert main(["loss", "out.png", "content.png", "style.png", "--json"]) == 0
    judged = json.loads(capsys.readouterr().out)
    assert judged["losses"]["total"] == pytest.approx(painted["losses"]["total"], rel=1e-3)


def test_weights_tells_where_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["weights", "info"]) == 0
    assert os.environ["GLSTYLENET_CACHE_DIR"] in capsys.readouterr().out
    assert main(["weights", "verify"]) == 0
    assert capsys.readouterr().out.startswith("good: embedded")


def test_fetching_while_offline_is_4(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GLSTYLENET_OFFLINE", "1")
    assert main(["weights", "fetch"]) == 4
    assert "need no download" in error_of(capsys)


def test_fetching_says_beforehand_that_it_is_large(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("glstylenet.network.fetch_weights", lambda: Path("fetched"))
    assert main(["weights", "fetch"]) == 0
    assert "downloading several hundred MB\n" in capsys.readouterr().err


def test_doctor_tells_all_problems_and_the_rest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "glstylenet").mkdir()
    (tmp_path / "glstylenet" / "config.toml").write_text("sparkle = 1\n")
    monkeypatch.setenv("GLSTYLENET_DEVICE", "foo")
    monkeypatch.setenv("GLSTYLENET_WEIGHTS", "none.pth")
    assert main(["doctor"]) == 2
    text = capsys.readouterr().out
    problems = [line for line in text.splitlines() if line.startswith("problems: ")]
    for problem, told in zip(problems, ("'sparkle'", "device is 'foo'", "none.pth"), strict=True):
        assert told in problem
    assert "processors: " in text
    monkeypatch.delenv("GLSTYLENET_WEIGHTS")
    assert main(["doctor", "--json"]) == 2
    findings = json.loads(capsys.readouterr().out)
    assert len(findings["problems"]) == 2
    assert findings["weights"]["good"] is True


def test_doctor_tells_what_a_bug_report_needs(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["doctor", "--json"]) == 0
    findings = json.loads(capsys.readouterr().out)
    assert findings["versions"]["glstylenet"] == glstylenet.__version__
    assert findings["devices"]["cpu"]["fast bfloat16"] in (True, False)
    assert findings["weights"]["good"] is True
    assert findings["problems"] == []
    monkeypatch.setenv("GLSTYLENET_WEIGHTS", "none.pth")
    assert main(["doctor"]) == 4
    text = capsys.readouterr().out
    assert "good: no" in text
    assert "GLSTYLENET_WEIGHTS: none.pth" in text


@pytest.mark.long
def test_demo_paints_the_samples(
    desk: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.resources.files", lambda _package: desk.parent)
    desk.rename(desk.parent / "samples")
    monkeypatch.chdir(desk.parent / "samples")
    for _ in range(2):  # the default name may be painted again
        assert main(["demo", *FAST, "--json"]) == 0
        report = json.loads(capsys.readouterr().out)
        assert report["output"] == "glstylenet-demo.png"
        assert report["size"] == [40, 34]
        assert report["settings"]["init"] == PRESETS["portrait"].values["init"]
        assert report["settings"]["local_weight"] == PRESETS["portrait"].values["local_weight"]
    assert main(["demo", *FAST, "--json", "--preset", "photorealistic"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["settings"]["finish"] == PRESETS["photorealistic"].values["finish"]
    Path("kept.png").write_text("the user's own")
    assert main(["demo", *FAST, "-o", "kept.png"]) == 5
    assert Path("kept.png").read_text() == "the user's own"


def test_the_samples_are_there_and_fit() -> None:
    folder = Path(glstylenet.__file__).parent / "samples"
    pictures = {
        name: read_picture(folder / f"{name}.png")
        for name in ("content", "style", "content_map", "style_map")
    }
    for name in ("content", "style"):
        assert pictures[f"{name}_map"].size == pictures[name].size
    semantics = label_maps(
        [
            PictureMap(pictures[f"{role}_map"].pixels, role, pictures[role].size)
            for role in ("content", "style")
        ]
    )
    assert len(semantics.classes) == 7  # as SOURCES.md tells
    assert semantics.warnings == ()
    assert all(picture.notes == () for picture in pictures.values())


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_make_leaves_no_broken_environment(tmp_path: Path) -> None:
    shutil.copy(Path(__file__).parents[1] / "Makefile", tmp_path)
    python = tmp_path / "python"
    # Debian without python3-venv: the folder with its python is there, pip is not, and the command fails.
    python.write_text("#!/bin/sh\ntest $1 = -m || exit 0\nmkdir -p $3/bin\ntouch $3/bin/python\nexit 1\n")
    python.chmod(0o755)
    done = subprocess.run(
        ["make", "-C", str(tmp_path), f"PYTHON={python}", ".venv/bin/python"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "install your system's python3-venv package" in done.stderr
    assert not (tmp_path / ".venv").exists()


@pytest.mark.long
def test_the_demo_replaces_its_own_picture_and_nobody_elses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["demo", "--size", "48", "--iterations", "2", "--quiet"]
    mine = tmp_path / "glstylenet-demo.png"
    mine.write_text("my notes")
    assert main(words) == 5
    assert mine.read_text() == "my notes"
    assert "exists already" in capsys.readouterr().err
    mine.unlink()
    assert main(words) == main(words) == 0


def test_every_error_has_an_exit_code_that_the_help_explains(capsys: pytest.CaptureFixture[str]) -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    assert {kind.exit_code for kind in kinds if issubclass(kind, errors.GLStyleNetError)} <= set(EXIT_CODES)
    assert main(["--help"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert all(f"{code} {meaning}" in shown for code, meaning in EXIT_CODES.items())


def test_the_figures_in_the_help_of_reproduce_are_those_there_are() -> None:
    assert tuple(EXPERIMENTS) == reproduce._FIGURES
