"""When ``stylize`` says that ``giant`` would be better."""

from dataclasses import replace
from pathlib import Path

import pytest

from glstylenet.cli.giant_advice import giant_advice
from glstylenet.cli.jobs import Job
from glstylenet.memory import MemoryPlan
from glstylenet.run import Scale, Started
from glstylenet.settings import FurtherStyles, Settings

JOB = Job(Path("content.png"), Path("style.png"), None, None, Path("out.png"))


def _started(width: int, tiles: int) -> Started:
    plan = MemoryPlan(512, tiles, 10, half_history=False, needed_bytes=0)
    scale = Scale(size=(4000, width), factor=1.0, evaluations=10)
    return Started("cpu", "float32", (scale,), (plan,), (100, 100), "", "", 0)


def test_tiles_of_sixteen_megapixels_are_better_painted_by_areas() -> None:
    advice = giant_advice(JOB, Settings(), _started(4000, 9))
    assert advice is not None
    assert advice.startswith(
        "4000 x 4000 pixels do not fit into memory as a whole; 'glstylenet giant' paints"
    )


@pytest.mark.parametrize(("width", "tiles"), [(3999, 9), (8000, 1)])
def test_smaller_pictures_and_whole_ones_are_not(width: int, tiles: int) -> None:
    assert giant_advice(JOB, Settings(), _started(width, tiles)) is None


@pytest.mark.parametrize(
    ("job", "settings"),
    [
        (JOB, Settings(colours="keep")),
        (JOB, Settings(finish="photo")),
        (JOB, Settings(maps="auto")),
        (JOB, Settings(iterations=30)),
        (replace(JOB, content=None), Settings()),
        (replace(JOB, further=FurtherStyles(pictures=(Path("b.png"),), maps=(None,))), Settings()),
    ],
)
def test_nothing_is_advised_that_giant_cannot_paint(job: Job, settings: Settings) -> None:
    assert giant_advice(job, settings, _started(9000, 20)) is None
