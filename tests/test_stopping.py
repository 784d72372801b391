"""A run that is stopped ends at once: within an evaluation, and without measuring its picture again."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from glstylenet.numerics import interruption
from glstylenet.numerics.interruption import Interrupted, interruptible, interruption_point, uninterrupted
from glstylenet.objective.objective import Objective
from glstylenet.objective.terms import LossTerms
from glstylenet.run.events import Finished, Step, Voted
from glstylenet.run.result import Result
from glstylenet.run.stylize import stylize
from glstylenet.settings.model import Settings
from tests.long_cases import rest_is_long

CONTENT, STYLE = np.random.default_rng(8).integers(0, 256, (2, 40, 48, 3), dtype=np.uint8)
ONE_SIZE = {"precision": "float32", "device": "cpu", "iterations": 6, "scales": 1, "round_length": 3}


@pytest.fixture(autouse=True)
def asked_at_every_point(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interruption, "_SECONDS_BETWEEN_QUESTIONS", 0.0)


class Watcher:
    """It stops a run ``points`` questions after event ``number`` of a ``kind``."""

    def __init__(self, kind: type, number: int, points: int) -> None:
        self.kind, self.number, self.points = kind, number, points
        self.events: list[object] = []
        self.asked_since = 0

    def on_event(self, event: object) -> None:
        self.events.append(event)
        self.asked_since = 0

    def should_stop(self) -> bool:
        self.asked_since += 1
        reached = sum(isinstance(event, self.kind) for event in self.events)
        return reached == self.number and self.asked_since > self.points

    def paint(self, *, checkpoint: Path | None = None, **settings: object) -> Result:
        return stylize(
            CONTENT,
            STYLE,
            settings=Settings(**{**ONE_SIZE, **settings}),
            on_event=self.on_event,
            should_stop=self.should_stop,
            checkpoint=checkpoint,
        )


@pytest.fixture
def unmeasured(monkeypatch: pytest.MonkeyPatch) -> None:
    def measured(_self: Objective, _pixels: torch.Tensor) -> LossTerms:
        raise AssertionError("the picture was measured")

    monkeypatch.setattr(Objective, "terms", measured)


@pytest.mark.usefixtures("unmeasured")
@pytest.mark.parametrize("points", rest_is_long([30, 0, 5], short=1))
def test_a_run_stopped_within_an_evaluation_reports_the_one_before(points: int) -> None:
    watcher = Watcher(Step, 2, points)
    result = watcher.paint()
    steps = [event for event in watcher.events if isinstance(event, Step)]
    assert (result.interrupted, result.evaluations, len(steps)) == (True, 2, 2)
    assert result.losses == steps[-1].terms
    assert torch.equal(result.pixels, steps[-1].pixels)
    assert watcher.events[-1] == Finished(result.timings.total, True)


def test_the_first_evaluation_is_always_completed() -> None:
    watcher = Watcher(object, 0, 0)
    watcher.should_stop = lambda: True  # type: ignore[method-assign]
    assert watcher.paint().evaluations == 1


@pytest.mark.usefixtures("unmeasured")
def test_a_run_stopped_before_any_evaluation_has_no_losses() -> None:
    result = Watcher(Voted, 1, 0).paint(init="voted")
    assert (result.interrupted, result.evaluations, result.losses.as_dict()) == (True, 0, {})


@pytest.mark.long
def test_a_run_stopped_while_it_is_measured_keeps_its_picture() -> None:
    watcher = Watcher(Step, 6, 3)
    stopped, whole = watcher.paint(), Watcher(Step, 7, 0).paint()
    assert (stopped.interrupted, whole.interrupted) == (True, False)
    assert torch.equal(stopped.pixels, whole.pixels)
    last = watcher.events[-2]
    assert isinstance(last, Step)
    assert stopped.losses == last.terms != whole.losses


@pytest.mark.parametrize("points", rest_is_long([40, 3], short=1))
def test_a_run_stopped_within_an_evaluation_goes_on_to_the_same_picture(tmp_path: Path, points: int) -> None:
    Watcher(Step, 4, points).paint(checkpoint=tmp_path)
    settings = Settings(**ONE_SIZE)
    resumed = stylize(CONTENT, STYLE, settings=settings, checkpoint=tmp_path, resume=True)
    whole = stylize(CONTENT, STYLE, settings=settings)
    assert torch.equal(resumed.pixels, whole.pixels)
    assert resumed.losses == whole.losses


@pytest.mark.long
@pytest.mark.parametrize("points", [100, 300, 0, 50, 150, 200, 250, 350])
def test_a_checkpoint_that_is_interrupted_leaves_the_one_before(tmp_path: Path, points: int) -> None:
    """Whatever is given up, saving included, what is in the folder can be gone on from."""
    Watcher(Step, 3, points).paint(checkpoint=tmp_path)
    settings = Settings(**ONE_SIZE)
    assert stylize(CONTENT, STYLE, settings=settings, checkpoint=tmp_path, resume=True).evaluations == 6
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.safetensors"]


def test_what_must_be_whole_is_not_interrupted() -> None:
    with interruptible(lambda: True):
        with uninterrupted():
            interruption_point()
        with pytest.raises(Interrupted):
            interruption_point()
    interruption_point()  # nobody asks any more


def test_an_enclosing_block_is_asked_too() -> None:
    with interruptible(lambda: True), interruptible(lambda: False), pytest.raises(Interrupted):
        interruption_point()


def test_it_is_asked_ten_times_a_second_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(interruption, "_SECONDS_BETWEEN_QUESTIONS", 0.1)
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    asked: list[float] = []

    def never() -> bool:
        asked.append(now[0])
        return False

    ask: Callable[[], None] = interruption_point
    with interruptible(never):
        for now[0] in (0.0, 0.05, 0.125, 0.2, 0.25):
            ask()
    assert asked == [0.125, 0.25]
