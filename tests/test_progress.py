"""Progress: what listeners make of events."""

import io
from pathlib import Path

import pytest
import torch
from rich.console import Console

from glstylenet.cli.durations import duration
from glstylenet.cli.progress import BarProgress, PlainProgress, Verbosity, open_progress
from glstylenet.memory.plan import MemoryPlan
from glstylenet.run.events import Event, Finished, ScaleStarted, Started, Step, Voted, Warned
from glstylenet.run.scales import Scale
from tests.losses import loss_terms

SCALES = (Scale(0.5, (32, 48), 30), Scale(1.0, (64, 96), 15))
# The coarse size fits in one piece, the fine one does not.
PLANS = (MemoryPlan(None, 1, 10, False, 2**29), MemoryPlan(512, 6, 3, True, 2**30, half_features=True))
TERMS = loss_terms(content=1.0, local=20.0, global_=300.0, smoothness=4.0)


def step(evaluation: int, *, scale: int = 1) -> Step:
    return Step(evaluation, 45, scale, 2, TERMS, torch.zeros(1, 3, 32, 48), seconds_left=65.0)


def run_events() -> list[Event]:
    steps: list[Event] = [step(number) for number in range(1, 31)]
    more: list[Event] = [step(number, scale=2) for number in range(31, 46)]
    return [
        Started(
            "cpu", "float32", SCALES, PLANS, (60, 90), "class  colour\n    1  #000000", "embedded", 2**30
        ),
        ScaleStarted(1, 2, SCALES[0]),
        *steps,
        ScaleStarted(2, 2, SCALES[1]),
        *more,
        Finished(3.0, False),
    ]


def test_plain_lines_come_at_scales_and_every_tenth_evaluation() -> None:
    lines: list[str] = []
    listener = PlainProgress(lines.append, Verbosity(), clock=lambda: 0.0)
    for event in run_events():
        listener(event)
    assert [line.split(",")[0] for line in lines] == [
        "scale 1/2: 48 x 32 pixels",
        "evaluation 1/45",
        "evaluation 11/45",
        "evaluation 21/45",
        "scale 2/2: 96 x 64 pixels",
        "evaluation 31/45",
        "evaluation 41/45",
        "evaluation 45/45",
    ]
    assert lines[1] == (
        "evaluation 1/45, round 2: loss 325 (content 1, local 20, global 300, smoothness 4); 1 min 05 s left"
    )


def test_slow_evaluations_get_a_line_every_few_seconds() -> None:
    lines: list[str] = []
    now = [0.0]
    listener = PlainProgress(lines.append, Verbosity(), clock=lambda: now[0])
    for number in range(1, 7):
        now[0] += 3.0
        listener(step(number))
    assert [line.split(",")[0] for line in lines] == ["evaluation 1/45", "evaluation 3/45", "evaluation 5/45"]


def voted(scale: int) -> Voted:
    return Voted(scale, torch.zeros(1, 3, 32, 48))


def copied_only() -> list[Event]:
    """The events of a run without evaluations."""
    scales = (Scale(0.5, (32, 48), 0), Scale(1.0, (64, 96), 0))
    return [
        Started("cpu", "float32", scales, PLANS, (60, 90), "", "embedded", 2**30),
        ScaleStarted(1, 2, scales[0]),
        voted(1),
        ScaleStarted(2, 2, scales[1]),
        voted(2),
    ]


def test_plain_lines_say_where_strokes_are_copied() -> None:
    lines: list[str] = []
    listener = PlainProgress(lines.append, Verbosity(), clock=lambda: 0.0)
    events = run_events()
    for event in [*events[:2], step(1), events[32], voted(2), step(31, scale=2)]:
        listener(event)
    assert [line.split(",")[0] for line in lines] == [
        "scale 1/2: 48 x 32 pixels",
        "evaluation 1/45",
        "scale 2/2: 96 x 64 pixels",
        "scale 2/2: strokes copied",
        "evaluation 31/45",
    ]


def test_plain_lines_of_a_run_without_evaluations() -> None:
    lines: list[str] = []
    listener = PlainProgress(lines.append, Verbosity(verbose=True), clock=lambda: 0.0)
    for event in copied_only():
        listener(event)
    assert lines[2] == "scale 48 x 32: no evaluations in one piece, 512 MiB"
    assert lines[4:] == [
        "scale 1/2: 48 x 32 pixels, no evaluations",
        "scale 1/2: strokes copied",
        "scale 2/2: 96 x 64 pixels, no evaluations",
        "scale 2/2: strokes copied",
    ]


def test_bar_counts_the_scales_of_a_run_without_evaluations() -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=120, markup=False, highlight=False)
    shown: list[tuple[str, float, float | None]] = []
    with BarProgress(console, Verbosity()) as listener:
        for event in copied_only():
            listener(event)
            [task] = listener._bar.tasks
            shown.append((task.description, task.completed, task.total))
    assert shown[1:] == [
        ("scale 1/2", 0, 2),
        ("scale 1/2, strokes copied", 1, 2),
        ("scale 2/2", 1, 2),
        ("scale 2/2, strokes copied", 2, 2),
    ]
    assert "scale 2/2, strokes copied" in screen.getvalue()
    assert "2/2" in screen.getvalue().rsplit("strokes copied")[-1]


def test_bar_of_a_run_with_evaluations_counts_them_after_the_strokes() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=120)
    with BarProgress(console, Verbosity()) as listener:
        for event in [*run_events()[:33], voted(2)]:
            listener(event)
        [task] = listener._bar.tasks
        assert (task.description, task.completed, task.total) == ("scale 2/2, strokes copied", 30, 45)


def test_verbose_tells_plan_and_classes() -> None:
    lines: list[str] = []
    listener = PlainProgress(lines.append, Verbosity(verbose=True))
    listener(run_events()[0])
    assert lines == [
        "device cpu, precision float32, about 1.0 GiB of memory",
        "weights: embedded",
        "scale 48 x 32: 30 evaluations in one piece, 512 MiB",
        "scale 96 x 64: 15 evaluations in 6 tiles of up to 512 pixels, history of 3 and features in half "
        "precision, 1.0 GiB",
        "map classes:",
        "class  colour",
        "    1  #000000",
    ]


def test_bar_shows_scale_round_evaluation_losses_and_time_left() -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=120, markup=False, highlight=False)
    with BarProgress(console, Verbosity()) as listener:
        for event in run_events():
            listener(event)
        listener(Warned("a [bold]name[/bold] is no markup"))
    shown = screen.getvalue()
    for text in (
        "scale 2/2, round 2",
        "45/45",
        "1 min 05 s left",
        "loss 325 (content 1, local 20, global 300, smoothness 4)",
        "glstylenet: warning: a [bold]name[/bold] is no markup",
    ):
        assert text in shown


def test_bar_has_no_colours_with_no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    def shown() -> str:
        screen = io.StringIO()
        with BarProgress(
            Console(file=screen, force_terminal=True, color_system="256", width=120), Verbosity()
        ) as bar:
            bar(step(20))
        return screen.getvalue()

    assert "\x1b[38;5;" in shown()
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[38;5;" not in shown()


def test_the_stream_decides_between_bar_and_lines(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("FORCE_COLOR", "1")
    with open_progress(Verbosity()) as listener:
        assert isinstance(listener, PlainProgress)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with open_progress(Verbosity()) as listener:
        assert isinstance(listener, BarProgress)
    capsys.readouterr()
    monkeypatch.setenv("TERM", "dumb")
    with open_progress(Verbosity()) as listener:
        assert isinstance(listener, PlainProgress)


def test_quiet_leaves_warnings_only(capsys: pytest.CaptureFixture[str]) -> None:
    with open_progress(Verbosity(quiet=True)) as listener:
        for event in [*run_events(), Warned(f"{Path('map.png')} is odd")]:
            listener(event)
    assert capsys.readouterr().err == "glstylenet: warning: map.png is odd\n"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-1.0, "0 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (3599.0, "59 min 59 s"), (7260.0, "2 h 01 min")],
)
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words
