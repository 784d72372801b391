"""The studio's qualities, and its runs that show a picture before any evaluation, or have none."""

import io
import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from glstylenet.errors import UsageError
from glstylenet.memory.plan import MemoryPlan
from glstylenet.pictures.write import read_recipe
from glstylenet.run.events import ScaleStarted, Started, Step, Voted
from glstylenet.run.scales import Scale
from glstylenet.settings.quality import QUALITIES
from glstylenet.studio.setting_schema import MOST_ITERATIONS, page_schema
from tests.losses import loss_terms
from tests.test_studio import Studio, _events, idle, samples, studio

__all__ = ["idle", "samples", "studio"]  # fixtures


def test_the_schema_has_the_qualities_in_their_words() -> None:
    table: Any = page_schema(upload_bytes=1, max_pixels=2)
    assert [each["name"] for each in table["qualities"]] == ["preview", "draft", "standard", "fine"]
    assert [each["meaning"] for each in table["qualities"]] == [each.meaning for each in QUALITIES.values()]
    by_name = {each["name"]: each for each in table["settings"]}
    assert by_name["quality"]["choices"] == [each["name"] for each in table["qualities"]]
    assert by_name["quality"]["default"] == "standard"
    assert by_name["iterations"]["default"] is None
    assert by_name["iterations"]["maximum"] == MOST_ITERATIONS


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"quality": "superb"}, "quality is"),
        ({"quality": "fine", "iterations": MOST_ITERATIONS + 1}, "at most 100,000 here"),
    ],
)
def test_a_wrong_amount_of_work_is_refused(idle: Studio, settings: dict[str, object], says: str) -> None:
    answer = idle.job(settings=settings)
    assert answer.status_code == 400
    assert says in answer.json()["error"]


def test_iterations_may_be_left_to_the_quality(idle: Studio) -> None:
    job = idle.job(settings={"quality": "draft", "iterations": None}).json()
    assert (job["settings"]["quality"], job["settings"]["iterations"]) == ("draft", None)
    assert "--quality draft" in job["command"]
    assert "--iterations" not in job["command"]


def test_a_preview_is_painted_without_evaluations(studio: Studio) -> None:
    """Its copies are shown, then its result; it has no point of a curve."""
    settings = {"size": 48, "quality": "preview", "scales": 1}
    job = studio.job(settings=settings).json()["id"]
    events = _events(studio.ask("GET", f"/api/jobs/{job}/events").text)
    progress: dict[str, object] = {
        "evaluation": 0,
        "evaluations": 0,
        "scale": 1,
        "scales": 1,
        "seconds_left": None,
        "losses": {},
    }
    told = [(kind, content) for _, kind, content in events if kind not in ("state", "warning")]
    assert [kind for kind, _ in told] == ["curve", "strokes", "preview", "preview", "end"]
    assert told[1][1] == progress
    done = studio.wait(job, "done")
    assert done["progress"] == progress
    assert done["losses"]["total"] > 0
    assert done["thumbnail"]
    assert "--quality preview" in done["command"]
    place = studio.storage.folder(job)
    assert place is not None
    recipe = json.loads(read_recipe(place / "result.png") or "")
    assert recipe["settings"]["quality"] == "preview"
    assert studio.ask("GET", f"/api/jobs/{job}/curve").json() == {"points": []}


def painting(*events: object) -> Callable[..., None]:
    """Work at two sizes, of 4 and 2 evaluations, that emits ``events`` and then fails."""

    def work(*_arguments: object, on_event: Callable[[object], None], **_options: object) -> None:
        scales = (Scale(0.5, (20, 24), 4), Scale(1.0, (40, 48), 2))
        plans = (MemoryPlan(None, 1, 10, False, 0),) * 2
        on_event(Started("cpu", "float32", scales, plans, (40, 48), "", "embedded", 0))
        for event in events:
            on_event(event)
        raise UsageError("enough")

    return work


def plain(value: float) -> torch.Tensor:
    return torch.full((1, 3, 40, 48), value)


def shown_level(studio: Studio, address: str) -> int:
    """The grey level of a preview of one colour."""
    with Image.open(io.BytesIO(studio.ask("GET", address).content)) as image:
        levels = np.unique(np.asarray(image.convert("L")))
    assert levels.size == 1
    return int(levels[0])


def test_copied_strokes_are_always_shown(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    """A preview of an evaluation waits for half a second to pass; one of copied strokes does not.

    The run then fails, and its latest picture is still there.
    """
    terms = loss_terms(1.0, 2.0, 3.0, 4.0)
    steps = [Step(number, 6, 1, 1, terms, plain(10.0 * number), 1.0) for number in (1, 2)]
    scale = Scale(1.0, (40, 48), 2)
    work = painting(Voted(1, plain(100.0)), *steps, ScaleStarted(2, 2, scale), Voted(2, plain(200.0)))
    monkeypatch.setattr("glstylenet.studio.runner.stylize", work)
    failed = studio.wait(studio.job().json()["id"], "failed")
    assert failed["error"] == "enough"
    while (told := studio.runner.messages(failed["id"], 0))[-1].kind != "end":
        time.sleep(0.01)  # it follows the state
    kinds = [each.kind for each in told if each.kind != "state"]
    assert kinds == ["strokes", "preview", "progress", "progress", "strokes", "preview", "end"]
    strokes = [each.content for each in told if each.kind == "strokes"]
    assert [(each["evaluation"], each["evaluations"]) for each in strokes] == [(0, 6), (4, 6)]
    assert [(each["scale"], each["scales"]) for each in strokes] == [(1, 2), (2, 2)]
    addresses = [each.content["url"] for each in told if each.kind == "preview"]
    assert len(set(addresses)) == 2, "a browser would show the first picture again"
    assert failed["preview"] == addresses[-1]
    assert shown_level(studio, failed["preview"]) == 200
    assert shown_level(studio, failed["thumbnail"]) == 200
    assert [point[0] for point in studio.runner.curve(failed["id"])] == [1, 2]


def test_a_run_that_fails_before_any_evaluation_shows_its_copied_strokes(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("glstylenet.studio.runner.stylize", painting(Voted(1, plain(100.0))))
    failed = studio.wait(studio.job().json()["id"], "failed")
    assert failed["result"] is None
    assert shown_level(studio, failed["preview"]) == 100
    assert failed["progress"]["losses"] == {}
    assert studio.runner.curve(failed["id"]) == []
