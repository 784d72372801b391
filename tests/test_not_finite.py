"""Evaluations that are not finite, at any place of a run: a run that painted nothing is never called done."""

import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from glstylenet.errors import OptimizationError
from glstylenet.objective.objective import Objective
from glstylenet.objective.terms import Evaluation
from glstylenet.run.events import Event, Step
from glstylenet.run.result import Result
from glstylenet.run.stylize import stylize
from glstylenet.settings.model import Settings
from tests.long_cases import rest_is_long
from tests.losses import loss_terms
from tests.stripes import Picture, content, style

__all__ = ["content", "style"]  # fixtures

EVALUATIONS = 4


def _poison(monkeypatch: pytest.MonkeyPatch, bad: range, what: str) -> None:
    """Make the evaluations of the run whose numbers, from 1, are in ``bad`` not finite."""
    real = Objective.evaluate
    numbers = itertools.count(1)

    def evaluate(objective: Objective, pixels: Tensor, *, rematch: bool = False) -> Evaluation:
        evaluation = real(objective, pixels, rematch=rematch)
        if next(numbers) not in bad:
            return evaluation
        if what == "gradient":
            gradient = evaluation.gradient.clone()
            gradient[0, 0, 0, 0] = math.nan
            return Evaluation(evaluation.terms, gradient)
        value = math.nan if what == "loss" else math.inf
        return Evaluation(loss_terms(value, 0.0, 0.0, 0.0), evaluation.gradient * value)

    monkeypatch.setattr(Objective, "evaluate", evaluate)


def _settings(**changes: Any) -> Settings:
    return Settings(
        **{"iterations": EVALUATIONS, "scales": 1, "device": "cpu", "precision": "float32", **changes}
    )


FIRST_AND_FOR_GOOD = [(first, for_good) for first in range(1, EVALUATIONS + 1) for for_good in (False, True)]
CASES = [
    *[("loss", {}, *where) for where in FIRST_AND_FOR_GOOD],
    ("gradient", {}, 2, True),
    ("infinity", {"round_length": 2}, 2, True),
    ("loss", {"round_length": 2}, 4, True),
    ("loss", {"round_length": 1}, 2, True),
    ("loss", {"optimizer": "adam"}, 2, True),
    ("loss", {"precision": "bfloat16"}, 2, True),
    ("loss", {"precision": "bfloat16"}, 4, False),
]


@pytest.mark.parametrize(("what", "changes", "first", "for_good"), rest_is_long(reversed(CASES), short=1))
def test_a_run_paints_or_says_that_it_could_not(
    monkeypatch: pytest.MonkeyPatch,
    content: Picture,
    style: Picture,
    what: str,
    changes: dict[str, Any],
    first: int,
    for_good: bool,
) -> None:
    _poison(monkeypatch, range(first, 10**6 if for_good else first + 1), what)
    events: list[Event] = []

    def paint() -> Result:
        return stylize(content, style, settings=_settings(**changes), on_event=events.append)

    # The first evaluation measures the start, and the second takes the first step.
    if first == 1 or (for_good and first == 2):
        with pytest.raises(OptimizationError, match=r"finite.*precision float32"):
            paint()
        return
    result = paint()
    assert bool(result.pixels.isfinite().all())
    assert math.isfinite(result.losses.total)
    # It began with the content, and ended with another picture of a lower loss.
    begin = torch.from_numpy(content).permute(2, 0, 1)[None].float()
    assert float((result.pixels - begin).abs().max()) > 1.0
    totals = [event.terms.total for event in events if isinstance(event, Step)]
    assert totals[-1] < totals[0]


@pytest.mark.parametrize(
    ("evaluations", "precision"), rest_is_long([(2, "float32"), (2, "bfloat16"), (24, "float32")], short=1)
)
def test_nothing_painted_is_an_error_however_short_the_run(
    monkeypatch: pytest.MonkeyPatch, content: Picture, style: Picture, evaluations: int, precision: str
) -> None:
    _poison(monkeypatch, range(2, 10**6), "loss")
    events: list[Event] = []
    with pytest.raises(OptimizationError, match="not finite"):
        stylize(
            content,
            style,
            settings=_settings(iterations=evaluations, precision=precision),
            on_event=events.append,
        )
    # Who called has the best picture of the run, which is finite.
    steps = [event for event in events if isinstance(event, Step)]
    assert steps
    assert bool(steps[-1].pixels.isfinite().all())


@pytest.mark.long
def test_a_size_that_only_enlarged_the_one_before_is_no_result(
    monkeypatch: pytest.MonkeyPatch, style: Picture
) -> None:
    """The coarse size is painted, in 18 evaluations; at full size every one but the first fails."""
    rows, columns = np.mgrid[0:72, 0:80]
    large = np.stack((3 * rows, 255 - 3 * columns, rows + columns), axis=2).astype(np.uint8)
    _poison(monkeypatch, range(20, 10**6), "loss")
    with pytest.raises(OptimizationError, match="not finite"):
        stylize(large, style, settings=_settings(iterations=24, scales=2))


@pytest.mark.parametrize("evaluations", [1, 24])
def test_a_picture_that_is_its_own_style_is_done(content: Picture, evaluations: int) -> None:
    """The start is the minimum: there is nothing to lower, and nothing has failed."""
    only_content = {"local_weight": 0.0, "global_weight": 0.0, "smoothness": 0.0}
    result = stylize(content, content, settings=_settings(iterations=evaluations, **only_content))
    assert torch.equal(result.pixels, torch.from_numpy(content).permute(2, 0, 1)[None].float())
