"""Batches: every entry of a folder is painted, skipped with a word or counted as failed, and none twice."""

import json
import os
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from glstylenet.cli import dry_run, main, painting
from glstylenet.cli.jobs import BatchPlan, plan_jobs
from glstylenet.errors import ImageError, UsageError
from glstylenet.pictures.folder import list_pictures
from glstylenet.pictures.read import read_picture
from glstylenet.run.stylize import stylize

FAST = ("--iterations", "1", "--precision", "float32")
HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    draw(tmp_path / "style.png", seed=1)
    (tmp_path / "photos").mkdir()
    return tmp_path


@pytest.fixture
def painted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the contents that are painted; the painting itself costs nothing after the first."""
    names: list[str] = []
    made: list[object] = []

    def paint(content: Path, *arguments: object, **options: object) -> object:
        names.append(Path(content).name)
        read_picture(content)
        if not made:
            made.append(stylize(content, *arguments, **options))  # type: ignore[arg-type]
        return made[0]

    monkeypatch.setattr(painting, "stylize", paint)
    return names


def draw(path: Path, *, seed: int = 0, size: tuple[int, int] = (36, 36), kind: str | None = None) -> Path:
    values = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    Image.fromarray(values).resize(size).save(path, kind)
    return path


def batch(*words: str) -> int:
    return main(["stylize", "-o", "made", *FAST, *words, "style.png"])


def test_pictures_are_told_by_content_and_the_rest_is_told_apart(tmp_path: Path) -> None:
    pictures = {
        "a.jfif": "JPEG",
        "b.JPE": "JPEG",
        "c": "PNG",
        "d.png": "WEBP",
        "e.txt": "GIF",
        "f.tmp": "BMP",
    }
    for name, kind in pictures.items():
        draw(tmp_path / name, kind=kind)
    unreadable = {
        "g.HEIC": (HEIC, "a HEIC picture"),
        "h.avif": (b"\0\0\0\x1cftypavif", "an AVIF picture"),
        "i.jfif": (b"broken", "the content is text"),
        "j.svg": (b"<svg xmlns=''/>", "SVG"),
        "k.png": (b"", "is empty"),
    }
    for name, (data, _words) in unreadable.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "l.jpg").symlink_to("nowhere")
    os.mkfifo(tmp_path / "m.tif")
    for name in ("notes.txt", "Thumbs.db", "clip.mov", ".DS_Store", ".hidden.png"):
        (tmp_path / name).write_bytes(b"no picture")
    (tmp_path / "folder.png").mkdir()
    found = list_pictures(tmp_path)
    assert [path.name for path in found.pictures] == list(pictures)
    reasons = {path.name: str(error) for path, error in found.unreadable.items()}
    assert list(reasons) == [*unreadable, "l.jpg", "m.tif"]
    assert all(words in reasons[name] for name, (_data, words) in unreadable.items())
    assert [path.name for path in found.others] == ["Thumbs.db", "clip.mov", "folder.png", "notes.txt"]
    with pytest.raises(ImageError, match="cannot be listed"):
        list_pictures(tmp_path / "none")


def test_a_folder_is_painted_to_the_last_entry_that_can_be(
    desk: Path, painted: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    draw(desk / "photos" / "a.jfif", kind="JPEG")
    draw(desk / "photos" / ("b" * 246 + ".png"))
    (desk / "photos" / "c.HEIC").write_bytes(HEIC)
    draw(desk / "photos" / "d", kind="PNG")
    (desk / "photos" / "notes.txt").write_bytes(b"no picture")
    words = ["photos", "missing.png", "x" * 300 + ".png", "--json"]
    assert batch(*words) == 7
    streams = capsys.readouterr()
    report = json.loads(streams.out)
    assert painted == ["a.jfif", "d", "missing.png"]
    assert [Path(each["output"]).name for each in report["results"]] == ["a__style.png", "d__style.png"]
    failed = {each["content"]: (each["exit_code"], each["message"]) for each in report["failures"]}
    assert {Path(name).name[:5]: code for name, (code, _message) in failed.items()} == {
        "c.HEI": 3,
        "bbbbb": 5,
        "xxxxx": 3,
        "missi": 3,
    }
    assert "4 of 6 pictures failed" in streams.err
    assert "skipped 1 entry (no pictures): notes.txt" in streams.err
    assert report["skipped"] == []


def test_a_folder_without_pictures_is_an_input_error(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (desk / "photos" / "notes.txt").write_bytes(b"no picture")
    assert batch("photos") == 3
    assert "holds no picture" in capsys.readouterr().err
    (desk / "photos" / "c.HEIC").write_bytes(HEIC)
    assert batch("photos") == 3
    assert "c.HEIC: the content is a HEIC" in capsys.readouterr().err


def test_a_batch_goes_on_where_it_stopped(
    desk: Path, painted: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a.png", "b.png", "c.png"):
        draw(desk / "photos" / name)
    (desk / "made").mkdir()
    draw(desk / "made" / "b__style.png", seed=9)
    before = (desk / "made" / "b__style.png").read_bytes()
    assert batch("photos") == 5
    error = capsys.readouterr().err
    assert "1 of 3 results" in error
    assert "--skip-existing" in error
    assert painted == []
    assert batch("photos", "--skip-existing", "--json") == 0
    streams = capsys.readouterr()
    report = json.loads(streams.out)
    assert painted == ["a.png", "c.png"]
    assert len(report["results"]) == 2
    assert report["skipped"] == [{"content": "photos/b.png", "output": "made/b__style.png"}]
    assert "made/b__style.png: exists already; skipped" in streams.err
    assert (desk / "made" / "b__style.png").read_bytes() == before
    assert batch("photos", "--skip-existing") == 0
    assert painted == ["a.png", "c.png"]
    assert batch("photos", "--skip-existing", "--overwrite") == 2


@pytest.mark.long
def test_what_was_interrupted_is_not_skipped(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    draw(desk / "photos" / "a.png")
    stopping = pytest.MonkeyPatch()
    stopping.setattr(painting, "stylize", _stopped_at_once)
    assert batch("photos", "--iterations", "3") == 0  # of a single one nothing would be left to stop
    stopping.undo()
    place = desk / "made" / "a__style.png"
    half = place.read_bytes()
    assert batch("photos", "--skip-existing", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert (len(report["results"]), report["skipped"]) == (1, [])
    assert place.read_bytes() != half
    assert batch("photos", "--skip-existing", "--json") == 0
    assert len(json.loads(capsys.readouterr().out)["skipped"]) == 1


def _stopped_at_once(*arguments: object, **options: object) -> object:
    return stylize(*arguments, **{**options, "should_stop": lambda: True})  # type: ignore[arg-type]


def test_one_result_is_skipped_too(
    desk: Path, painted: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    draw(desk / "a.png")
    draw(desk / "out.png")
    words = ["stylize", "a.png", "style.png", "-o", "out.png", "--skip-existing", *FAST]
    assert main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"output": "out.png", "skipped": True}
    assert main([*words, "--dry-run"]) == 0
    assert painted == []


@pytest.mark.long
def test_results_in_the_folder_of_the_contents_are_no_contents(
    desk: Path, painted: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    draw(desk / "photos" / "a.png")
    words = ["stylize", "photos", "style.png", "-o", "photos", *FAST]
    assert main(words) == 0
    draw(desk / "photos" / "b.png")
    assert main([*words, "--skip-existing"]) == 0
    assert painted == ["a.png", "b.png"]
    assert "skipped 1 entry (results of this batch): a__style.png" in capsys.readouterr().err


COMPOSED, DECOMPOSED = unicodedata.normalize("NFC", "café.png"), unicodedata.normalize("NFD", "café.png")


@pytest.mark.parametrize(
    "names", [("IMG_2.png", "img_2.png"), (COMPOSED, DECOMPOSED), ("Straße.png", "STRASSE.png")]
)
def test_names_that_a_file_system_may_take_for_one_are_refused(desk: Path, names: tuple[str, str]) -> None:
    for name in names:
        draw(desk / "photos" / name)
    with pytest.raises(UsageError, match="would both become"):
        plan("photos")
    assert not (desk / "made").exists()


def plan(*words: str, content_map: Path | None = None, style_map: Path | None = None) -> BatchPlan:
    return plan_jobs([*words, "style.png"], "made", content_map=content_map, style_map=style_map)


def test_one_map_is_for_all_contents_and_a_folder_has_one_for_each(desk: Path) -> None:
    draw(desk / "photos" / "a.png")
    draw(desk / "photos" / "b.png")
    draw(desk / "map.png")
    (desk / "maps").mkdir()
    draw(desk / "maps" / "a.bmp")
    style_map = desk / "map.png"
    jobs = plan("photos", content_map=desk / "map.png", style_map=style_map).jobs
    assert [job.content_map for job in jobs] == [desk / "map.png"] * 2
    with_folder = plan("photos", content_map=desk / "maps", style_map=style_map)
    assert [(job.name, job.content_map) for job in with_folder.jobs] == [
        ("photos/a.png", desk / "maps" / "a.bmp")
    ]
    [refused] = with_folder.refused
    assert (refused.name, "holds 0 pictures named b" in str(refused.error)) == ("photos/b.png", True)


@pytest.mark.long
def test_a_map_for_all_fails_where_it_does_not_fit(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    draw(desk / "photos" / "a.png", size=(40, 34))
    draw(desk / "photos" / "b.png", size=(34, 40))
    halves = np.zeros((34, 40, 3), np.uint8)
    halves[:, 20:] = 255
    Image.fromarray(halves).save(desk / "map.png")
    Image.fromarray(halves).resize((36, 36), Image.Resampling.NEAREST).save(desk / "style_map.png")
    words = ["photos", "--content-map", "map.png", "--style-map", "style_map.png", "--json"]
    assert batch(*words) == 7
    report = json.loads(capsys.readouterr().out)
    assert [each["output"] for each in report["results"]] == ["made/a__style.png"]
    assert [each["content"] for each in report["failures"]] == ["photos/b.png"]


def test_a_dry_run_tells_what_would_fail(
    desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(dry_run, "measure_speed", lambda *_facts: None)
    monkeypatch.setattr(dry_run, "estimate_seconds", lambda *_facts: 1.0)
    draw(desk / "photos" / "a.png")
    (desk / "photos" / "c.HEIC").write_bytes(HEIC)
    assert batch("photos", "--dry-run") == 7
    streams = capsys.readouterr()
    assert "made/a__style.png" in streams.out
    assert "c.HEIC: the content is a HEIC" in streams.err
