"""Inputs that would be written: nothing that a call reads is replaced by it; it is refused with 5."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from PIL import Image

from glstylenet.cli import main, painting
from glstylenet.errors import OutputError
from glstylenet.report import painting as report_painting
from glstylenet.report.results_file import Task
from glstylenet.report.runner import refuse_written_inputs
from glstylenet.run.named_files import named_files
from glstylenet.run.stylize import stylize
from glstylenet.settings.model import Settings
from glstylenet.settings.roles import Pictures

FAST = ("--iterations", "1", "--precision", "float32")


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of inputs, where whatever is computed is a failure of the test, and every byte must stay."""
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(("a.png", "b.png", "style.png", "map.png", "style_map.png", "start.png")):
        values = np.random.default_rng(number).integers(0, 256, (4, 4, 3), dtype=np.uint8)
        Image.fromarray(values).resize((36, 36)).save(tmp_path / name)

    def fail(*_arguments: object, **_options: object) -> None:
        raise AssertionError("something was computed")

    monkeypatch.setattr(painting, "stylize", fail)
    monkeypatch.setattr(report_painting, "stylize", fail)
    yield tmp_path
    monkeypatch.undo()


def lay_result_as_input(desk: Path, place: str, source: str = "b.png") -> str:
    (desk / place).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(desk / source, desk / place)
    return place


def a_later_content(desk: Path) -> list[str]:
    later = lay_result_as_input(desk, "made/a__style.png")
    return ["stylize", "a.png", later, "style.png", "-o", "made"]


def an_earlier_content(desk: Path) -> list[str]:
    earlier = lay_result_as_input(desk, "made/b__style.png")
    return ["stylize", earlier, "b.png", "style.png", "-o", "made"]


def a_map_in_a_folder_of_maps(desk: Path) -> list[str]:
    """The map of the second content lies where the first one's result goes."""
    lay_result_as_input(desk, "made/a.png", "map.png")
    lay_result_as_input(desk, "made/a__style.png", "map.png")
    lay_result_as_input(desk, "c/a__style.png")
    words = ["stylize", "a.png", "c/a__style.png", "style.png", "-o", "made", "--content-map", "made"]
    return [*words, "--style-map", "style_map.png"]


def the_picture_to_start_from(desk: Path) -> list[str]:
    return ["stylize", "a.png", "style.png", "-o", "start.png", "--init", "start.png"]


def the_weights(desk: Path) -> list[str]:
    (desk / "state").mkdir()
    safetensors.torch.save_file({"a": torch.zeros(1)}, desk / "state" / "checkpoint.safetensors")
    weights = ["--weights", "state/checkpoint.safetensors"]
    return ["stylize", "a.png", "style.png", "-o", "out.png", "--checkpoint", "state", *weights]


def the_weights_behind_a_link(desk: Path) -> list[str]:
    (desk / "vgg.pth").write_bytes(b"weights")
    (desk / "state").mkdir()
    (desk / "state" / "checkpoint.safetensors").symlink_to(desk / "vgg.pth")
    return ["stylize", "a.png", "style.png", "-o", "o.png", "--checkpoint", "state", "--weights", "vgg.pth"]


def the_config_file(desk: Path) -> list[str]:
    (desk / "config.png").write_text("iterations = 1\n")
    return ["stylize", "a.png", "style.png", "-o", "config.png", "--config", "config.png"]


def a_preview(desk: Path) -> list[str]:
    second = lay_result_as_input(desk, "made/a__style.0001.png")
    return ["stylize", "a.png", second, "style.png", "-o", "made", "--save-every", "1"]


def a_file_of_an_explanation(desk: Path) -> list[str]:
    start = lay_result_as_input(desk, "made/a__style.explain/curve.png")
    return ["stylize", "a.png", "b.png", "style.png", "-o", "made", "--explain", "--init", start]


def a_picture_of_a_sweep(desk: Path) -> list[str]:
    start = lay_result_as_input(desk, "swept/pictures/local_weight-2.png")
    return ["sweep", "a.png", "style.png", "-o", "swept", "--local-weight", "1,2", "--init", start]


def the_sheet_of_a_sweep(desk: Path) -> list[str]:
    content = lay_result_as_input(desk, "swept/sheet.png")
    return ["sweep", content, "style.png", "-o", "swept", "--local-weight", "1,2"]


def the_page_of_a_sweep_behind_a_link(desk: Path) -> list[str]:
    (desk / "swept").mkdir()
    (desk / "swept" / "index.html").symlink_to(desk / "a.png")
    return ["sweep", "a.png", "style.png", "-o", "swept", "--local-weight", "1,2"]


def the_config_file_of_a_sweep(desk: Path) -> list[str]:
    (desk / "swept").mkdir()
    (desk / "swept" / "results.json").write_text("iterations = 1\n")
    words = ["sweep", "a.png", "style.png", "-o", "swept", "--local-weight", "1,2"]
    return [*words, "--config", "swept/results.json"]


def the_plot_of_a_benchmark(desk: Path) -> list[str]:
    return ["bench", "--content", "a.png", "--style", "style.png", "--plot", "a.png"]


@pytest.mark.parametrize(
    "case",
    [
        a_later_content,
        an_earlier_content,
        a_map_in_a_folder_of_maps,
        the_picture_to_start_from,
        the_weights,
        the_weights_behind_a_link,
        the_config_file,
        a_preview,
        a_file_of_an_explanation,
        a_picture_of_a_sweep,
        the_sheet_of_a_sweep,
        the_page_of_a_sweep_behind_a_link,
        the_config_file_of_a_sweep,
        the_plot_of_a_benchmark,
    ],
    ids=lambda case: case.__name__,
)
def test_a_call_that_would_write_what_it_reads_is_refused(
    case: Callable[[Path], list[str]], desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = case(desk)
    before = contents(desk)
    fast = () if words[0] == "bench" else FAST
    assert main([*words, "--overwrite", *fast]) == 5
    assert "input" in capsys.readouterr().err
    assert contents(desk) == before


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_picture_whose_recipe_is_repeated_stays(
    desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(painting, "stylize", stylize)
    assert main(["stylize", "a.png", "style.png", "-o", "old.png", *FAST]) == 0
    before = contents(desk)
    assert main(["stylize", "--recipe", "old.png", "-o", "old.png", "--overwrite"]) == 5
    assert "is the input old.png itself" in capsys.readouterr().err
    assert contents(desk) == before


def test_a_report_writes_no_file_that_it_reads(tmp_path: Path) -> None:
    """What a reproduction checks as well: pictures of its tasks, its page, and the files it reads besides."""
    folder = tmp_path / "report"
    task = Task("fig6", Pictures(tmp_path / "a.png", tmp_path / "b.png"), Settings())
    refuse_written_inputs(folder, [task], ["index.html"], [tmp_path / "c.png"])
    for place in ("pictures/fig6.png", "results.json", "index.html"):
        with pytest.raises(OutputError, match=r"is the input .* itself, and would be replaced"):
            refuse_written_inputs(folder, [task], ["index.html"], [folder / place])
    inside = Task(
        "fig6", Pictures(None, tmp_path / "b.png", folder / "index.html", tmp_path / "m.png"), Settings()
    )
    with pytest.raises(OutputError, match="is the input"):
        refuse_written_inputs(folder, [inside], ["index.html"], [])


def test_settings_name_the_picture_to_start_from_and_the_weights() -> None:
    assert named_files(Settings()) == named_files(Settings(init="tinted", weights="full")) == []
    both = Settings(init="start.png", weights="vgg.pth")
    assert named_files(both) == [Path("start.png"), Path("vgg.pth")]


def test_a_checkpoint_of_the_library_replaces_no_input(tmp_path: Path) -> None:
    content = tmp_path / "checkpoint.safetensors"
    Image.fromarray(np.zeros((36, 36, 3), np.uint8)).save(content, "PNG")
    before = content.read_bytes()
    with pytest.raises(OutputError, match="is the input"):
        stylize(content, np.zeros((36, 36, 3), np.uint8), checkpoint=tmp_path)
    assert content.read_bytes() == before
