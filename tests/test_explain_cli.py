"""``stylize --explain``: what it writes, refuses and tells."""

import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from glstylenet.cli import painting
from glstylenet.errors import MemoryLimitError
from glstylenet.explain.folder import FILES
from glstylenet.run.result import Result
from glstylenet.run.stylize import stylize
from tests.test_cli import desk, draw, error_of, failing, run, stray_files

__all__ = ["desk", "failing"]  # fixtures

WORDS = ("stylize", "content.png", "style.png", "-o", "out.png", "--explain")
MAPS = ("--content-map", "content_map.png", "--style-map", "style_map.png")


def test_the_explanation_lies_beside_the_picture(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*WORDS, *MAPS, "--json") == 0
    streams = capsys.readouterr()
    assert json.loads(streams.out)["explanation"] == "out.explain"
    assert {path.name for path in (desk / "out.explain").iterdir()} == set(FILES)
    assert stray_files(desk, "out.png", "out.explain", *FILES) == set()
    assert "out.explain" in streams.err
    table = json.loads((desk / "out.explain" / "explanation.json").read_text(encoding="utf-8"))
    assert len(table["curve"]["points"]) == 2
    assert sum(each["local"] for each in table["classes"]) == pytest.approx(
        table["losses"]["local"], rel=1e-5
    )


def test_without_the_option_there_is_none(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*WORDS[:-1], "--json") == 0
    assert "explanation" not in json.loads(capsys.readouterr().out)
    assert stray_files(desk, "out.png") == set()


@pytest.mark.long
def test_a_batch_is_explained(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    draw(desk / "second.png", seed=5, width=40, height=34)
    assert run("stylize", "content.png", "second.png", "style.png", "-o", "out", "--explain", "--json") == 0
    told = [each["explanation"] for each in json.loads(capsys.readouterr().out)["results"]]
    assert [Path(each) for each in told] == [
        Path("out", "content__style.explain"),
        Path("out", "second__style.explain"),
    ]
    for folder in told:
        assert {path.name for path in Path(folder).iterdir()} == set(FILES)


@pytest.mark.parametrize("more", [(), ("--dry-run",)])
def test_an_existing_explanation_is_refused_before_painting(
    desk: Path,
    capsys: pytest.CaptureFixture[str],
    failing: Callable[[BaseException], None],
    more: tuple[str, ...],
) -> None:
    failing(AssertionError("painted"))
    (desk / "out.explain").mkdir()
    assert run(*WORDS, *more) == 5
    assert "out.explain: exists already" in error_of(capsys)
    assert not (desk / "out.png").exists()


@pytest.mark.long
def test_an_existing_explanation_is_replaced_when_asked(desk: Path) -> None:
    (desk / "out.explain").mkdir()
    (desk / "out.explain" / "index.html").write_text("old", encoding="utf-8")
    assert run(*WORDS, "--overwrite") == 0
    assert (desk / "out.explain" / "index.html").read_text(encoding="utf-8") != "old"


def test_without_matplotlib_nothing_is_painted(
    desk: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    failing: Callable[[BaseException], None],
) -> None:
    failing(AssertionError("painted"))
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert run(*WORDS) == 2
    assert "pip install 'glstylenet[report]'" in error_of(capsys)
    assert stray_files(desk) == set()


def test_who_stops_a_run_gets_the_picture_only(
    desk: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*arguments: object, on_event: Callable[[object], None], **options: object) -> Result:
        def listen(event: object) -> None:
            on_event(event)
            if type(event).__name__ == "Step":
                signal.raise_signal(signal.SIGINT)

        return stylize(*arguments, on_event=listen, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(painting, "stylize", interrupted)
    assert run(*WORDS, "--json") == 130
    streams = capsys.readouterr()
    assert "asked to stop, so the explanation is left out" in streams.err
    assert "explanation" not in json.loads(streams.out)
    assert stray_files(desk, "out.png") == set()


def test_a_signal_during_the_explanation_leaves_at_once(
    desk: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_arguments: object) -> None:
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(painting, "explain", interrupted)
    assert run(*WORDS) == 130
    assert (desk / "out.png").exists()
    assert stray_files(desk, "out.png") == set()


def test_an_explanation_that_fails_names_the_picture(
    desk: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object) -> None:
        raise MemoryLimitError("too large")

    monkeypatch.setattr(painting, "explain", fail)
    assert run(*WORDS) == 6
    assert "too large; the picture itself is in out.png" in error_of(capsys)
    assert stray_files(desk, "out.png") == set()
