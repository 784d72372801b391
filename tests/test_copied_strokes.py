"""Runs that have a picture before any evaluation: what the command line keeps of them, and says."""

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from glstylenet.cli import main, painting
from glstylenet.explain import LossCurve
from glstylenet.explain.charts import curve_chart
from glstylenet.memory.plan import MemoryPlan
from glstylenet.pictures.write import read_recipe
from glstylenet.run.events import ScaleStarted, Started, Step, Voted
from glstylenet.run.scales import Scale
from glstylenet.run.stylize import stylize
from tests.losses import loss_terms

SCALES = (Scale(0.5, (32, 32), 1), Scale(1.0, (64, 64), 1))
WORDS = ("stylize", "content.png", "style.png", "-o", "out.png", "--precision", "float32")


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder with content.png and style.png, 72 x 64 pixels."""
    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate(("content.png", "style.png")):
        values = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
        Image.fromarray(values).resize((72, 64), Image.Resampling.BICUBIC).save(tmp_path / name)
    return tmp_path


def broken_after(*events: object) -> Callable[..., None]:
    """Work that emits ``events`` and then fails."""

    def work(*_arguments: object, on_event: Callable[[object], None], **_options: object) -> None:
        plans = (MemoryPlan(None, 1, 10, False, 0),) * 2
        on_event(Started("cpu", "float32", SCALES, plans, (64, 64), "", "embedded", 0))
        for event in events:
            on_event(event)
        raise RuntimeError("broken")

    return work


def plain(side: int, value: float) -> torch.Tensor:
    return torch.full((1, 3, side, side), value)


@pytest.mark.parametrize(
    "events",
    [
        (Voted(1, plain(32, 120.0)),),
        (Step(1, 2, 1, 1, loss_terms(1.0, 1.0, 1.0, 1.0), plain(32, 9.0), 0.0), Voted(2, plain(64, 120.0))),
    ],
    ids=["before any evaluation", "after those of a coarser size"],
)
def test_a_run_that_fails_after_its_strokes_were_copied_keeps_them(
    desk: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    events: tuple[object, ...],
) -> None:
    monkeypatch.setattr(painting, "stylize", broken_after(*events))
    assert main([*WORDS]) == 1
    assert "the best picture so far is in out.png" in capsys.readouterr().err
    with Image.open("out.png") as picture:
        assert picture.size == (64, 64)
        assert picture.getpixel((5, 5)) == (120, 120, 120)


def test_a_rescued_copy_of_strokes_is_as_transparent(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alpha = torch.full((1, 1, 32, 32), 0.2)
    monkeypatch.setattr(painting, "stylize", broken_after(Voted(1, plain(32, 120.0), alpha)))
    assert main([*WORDS]) == 1
    with Image.open("out.png") as picture:
        assert picture.getpixel((5, 5)) == (120, 120, 120, 51)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
def test_a_signal_after_the_strokes_were_copied_keeps_them(
    desk: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The signal comes when the first of two sizes is copied; the second is copied and then saved."""

    def signalled(*arguments: Any, on_event: Callable[[object], None], **options: Any) -> object:
        def listen(event: object) -> None:
            on_event(event)
            if isinstance(event, Voted) and event.scale == 1:
                os.kill(os.getpid(), signal.SIGTERM)

        return stylize(*arguments, on_event=listen, **options)

    monkeypatch.setattr(painting, "stylize", signalled)
    assert main([*WORDS, "--quality", "preview", "--scales", "2", "--json"]) == 143
    streams = capsys.readouterr()
    assert json.loads(streams.out)["interrupted"] is True
    assert (
        "stopped after the style's strokes were copied; the best picture so far is in out.png" in streams.err
    )
    with Image.open("out.png") as picture:
        assert picture.size == (72, 64)


def test_a_preview_is_told_without_evaluations(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*WORDS, "--quality", "preview", "--json"]) == 0
    streams = capsys.readouterr()
    assert json.loads(streams.out)["evaluations"] == 0
    lines = streams.err.splitlines()
    assert lines[:2] == ["scale 1/1: 72 x 64 pixels, no evaluations", "scale 1/1: strokes copied"]
    assert lines[2].startswith("out.png: 72 x 64 pixels, strokes copied in ")
    assert json.loads(read_recipe(desk / "out.png") or "{}")["settings"]["quality"] == "preview"


@pytest.mark.long
def test_a_preview_is_explained_without_evaluations(desk: Path) -> None:
    pytest.importorskip("matplotlib")
    assert main([*WORDS, "--quality", "preview", "--explain", "--json"]) == 0
    told = json.loads((desk / "out.explain" / "explanation.json").read_text())
    assert told["curve"]["points"] == []
    assert told["losses"]["total"] > 0
    page = (desk / "out.explain" / "index.html").read_text()
    assert "72 × 64 pixels · strokes copied" in page
    assert "0 evaluations" not in page


@pytest.mark.long
def test_the_chart_of_no_evaluations_is_a_line_of_words() -> None:
    pytest.importorskip("matplotlib")
    curve = LossCurve()
    curve(ScaleStarted(1, 1, Scale(1.0, (64, 64), 0)))
    curve(Voted(1, plain(64, 0.0)))
    chart = curve_chart(curve)
    assert chart.width > 5 * chart.height
    dark = np.asarray(chart.convert("L")) < 128
    assert dark.any(axis=0).mean() > 0.2, "there are no words"
    assert not dark[0].any()
