"""Tuning: the front and the recipes by hand, the sampler on distances that are a formula, the command."""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from PIL import Image

from glstylenet.cli import main
from glstylenet.errors import OutputError, UsageError
from glstylenet.report.results_file import Record, ResultsFile, Task
from glstylenet.report.runner import Runner
from glstylenet.report.tuning import RECIPES, Trial, Tuning, chosen_recipes, front_of, open_tuning
from glstylenet.settings import Pictures, Settings, preset_settings, read_config


def record(name: str, **metrics: float) -> Record:
    return Record(name, "key", f"pictures/{name}.png", "", (8, 8), 1.0, 1, {}, {}, "", metrics=metrics)


def trial(structure: float, style: float, worst: float = 9.0) -> Trial:
    return Trial(record(f"{structure}-{style}"), {"content_weight": 1.0}, structure, style, worst)


def test_the_front_is_what_nothing_else_beats() -> None:
    best, middle, other, beaten, equal = (
        trial(*each) for each in ((0.5, 2.0), (1.0, 1.0), (2.0, 0.4), (1.5, 1.0), (1.0, 1.0))
    )
    assert front_of([other, beaten, middle, best]) == [best, middle, other]
    assert front_of([middle, equal]) == [middle, equal]


def test_recipes_are_extremes_that_are_no_copies_and_what_is_better_in_everything() -> None:
    preset, copy, content, balanced, style, painting = (
        trial(*each)
        for each in (
            (1.0, 1.0, 1.0),
            (0.1, 3.0),
            (0.7, 1.2, 1.3),
            (0.95, 0.9, 0.96),
            (0.85, 0.8, 1.1),
            (5.0, 0.1),
        )
    )
    found = chosen_recipes([preset, painting, style, balanced, content, copy])
    assert list(found) == list(RECIPES)
    assert [found[name] for name in RECIPES] == [content, balanced, style]
    # The preset's own is a recipe where nothing else keeps both.
    assert list(chosen_recipes([preset, painting, copy]).values()) == [preset] * 3


def test_the_balanced_recipe_is_the_preset_where_the_gain_may_be_chance() -> None:
    preset, hardly, clearly = trial(1.0, 1.0, 1.0), trial(0.98, 0.97, 0.98), trial(0.96, 0.9, 0.97)
    assert chosen_recipes([preset, hardly])["balanced"] == preset
    assert chosen_recipes([preset, hardly, clearly])["balanced"] == clearly


def test_the_worst_distance_counts(tmp_path: Path) -> None:
    """Nearer patches do not make up for colours that are farther away."""
    tuning = tuned(tmp_path, Formula(12, colour=0.5))
    for each in tuning.trials[1:]:
        colour = each.record.metrics["colour_distance"]
        assert colour is not None
        ratios = [each.structure, each.style, colour / 0.5]
        assert each.worst == pytest.approx(max(ratios))


@dataclass
class Formula:
    """A runner whose pictures are numbers: content weight keeps structure, local weight brings style."""

    stop_after: int
    fails: Sequence[int] = ()
    colour: float | None = None
    painted: list[Task] = field(default_factory=list)

    def should_stop(self) -> bool:
        return len(self.painted) >= self.stop_after

    def paint(self, tasks: Sequence[Task]) -> list[Record]:
        [task] = tasks
        number = len(self.painted)
        self.painted.append(task)
        if number in self.fails:
            return [record(task.name)]
        balance = math.log(task.settings.content_weight / 10) - math.log(task.settings.local_weight / 100)
        colours = {} if self.colour is None else {"colour_distance": self.colour * (1 + abs(balance))}
        return [
            record(
                task.name,
                **colours,
                self_similarity_distance=0.2 * math.exp(-balance),
                texture_distance=0.1 * math.exp(balance),
                plausibility_distance=0.3 * math.exp(balance),
            )
        ]


def tuned(tmp_path: Path, formula: Formula, *, base: Settings | None = None) -> Tuning:
    pictures = Pictures(tmp_path / "content.png", tmp_path / "style.png")
    for file in pictures.as_dict().values():
        Image.fromarray(np.full((32, 32, 3), 90, np.uint8)).save(file)
    tuning = Tuning(pictures, base or Settings(), None, ResultsFile(tmp_path))
    ticks = iter(range(10_000))
    assert tuning.run(cast(Runner, formula), seconds=5_000, clock=lambda: float(next(ticks)))
    return tuning


def test_the_preset_is_first_and_the_weights_stay_in_range(tmp_path: Path) -> None:
    formula = Formula(20)
    tuning = tuned(tmp_path, formula)
    first = tuning.trials[0]
    assert first.weights == {"content_weight": 10.0, "local_weight": 100.0, "global_weight": 0.1}
    assert (first.structure, first.style) == (1.0, 1.0)
    for each in formula.painted:
        assert 10 / 6 <= each.settings.content_weight <= 60
        assert each.settings.semantic_weight == 10  # there are no maps
    assert len({each.settings.content_weight for each in formula.painted}) > 15


def test_the_same_seed_suggests_the_same(tmp_path: Path) -> None:
    one, other = Formula(12), Formula(12)
    tuned(tmp_path, one)
    tuned(tmp_path, other)
    assert [task.settings for task in one.painted] == [task.settings for task in other.painted]


def test_a_picture_that_failed_is_left_out(tmp_path: Path) -> None:
    tuning = tuned(tmp_path, Formula(8, fails=(2, 5)))
    assert len(tuning.trials) == 6
    with pytest.raises(UsageError, match="preset's picture cannot be compared"):
        tuned(tmp_path, Formula(8, fails=(0,)))


def test_a_weight_of_nothing_stays_nothing(tmp_path: Path) -> None:
    tuning = tuned(tmp_path, Formula(4), base=preset_settings("neural-doodle"))
    assert all("global_weight" not in each.weights for each in tuning.trials)


# The command


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(("content", "style")):
        values = np.random.default_rng(number).integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(values).resize((64, 56), Image.Resampling.BICUBIC).save(f"{name}.png")
    return tmp_path


def stop_after(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the time be over once ``count`` pictures are painted."""
    run: Callable[..., bool] = Tuning.run

    def counted(tuning: Tuning, runner: Runner, *, seconds: float) -> bool:
        ticks = iter([0.0, *[1.0] * count, 1e9])
        return run(tuning, runner, seconds=seconds, clock=lambda: next(ticks))

    monkeypatch.setattr(Tuning, "run", counted)


CALL = ("tune", "content.png", "style.png", "-o", "tuned", "--size", "48", "--quality", "preview", "--quiet")


@pytest.mark.long
def test_the_command_writes_recipes_that_a_run_takes(
    desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stop_after(4, monkeypatch)
    assert main([*CALL, "--preset", "artistic", "--json"]) == 0
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert [each["name"] for each in told["recipes"]] == list(RECIPES)
    assert all(each["seconds"] > 0 for each in told["recipes"])
    for each in told["recipes"]:
        table = read_config(each["config"])
        assert table.pop("preset") == "artistic"
        assert table == pytest.approx(each["weights"], rel=1e-4)
    words = ["--config", told["recipes"][1]["config"], "--size", "48", "--quality", "preview", "--quiet"]
    assert main(["stylize", "content.png", "style.png", "-o", "out.png", *words]) == 0
    painted = {file: file.stat().st_mtime_ns for file in (desk / "tuned" / "pictures").iterdir()}
    assert len(painted) == 4
    assert main([*CALL, "--preset", "artistic"]) == 0
    assert {file: file.stat().st_mtime_ns for file in (desk / "tuned" / "pictures").iterdir()} == painted
    assert (desk / "tuned" / "index.html").is_file()
    assert main([*CALL, "--preset", "portrait"]) == 5


@pytest.mark.long
def test_too_few_pictures_are_told(
    desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stop_after(2, monkeypatch)
    assert main([*CALL]) == 7
    assert "only 2 pictures" in capsys.readouterr().err


def test_wrong_calls_try_nothing(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*CALL, "--content-map", "content.png"]) == 2
    assert "--style-map" in capsys.readouterr().err
    assert main([*CALL, "--minutes", "0"]) == 2
    assert main(["tune", "content.png", "none.png", "-o", "tuned"]) == 3
    assert not (desk / "tuned").exists()


def test_a_folder_of_something_else_is_refused(desk: Path) -> None:
    (desk / "tuned").mkdir()
    (desk / "tuned" / "mine.txt").write_text("x")
    with pytest.raises(OutputError, match="holds files already"):
        open_tuning(
            Pictures(desk / "content.png", desk / "style.png"),
            Settings(),
            None,
            desk / "tuned",
            overwrite=False,
        )
