"""Rounds of matching and optimisation, with objectives that follow a script."""

import itertools
import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from glstylenet.errors import OptimizationError
from glstylenet.machine.stopwatch import Stopwatch
from glstylenet.objective.objective import Objective
from glstylenet.objective.terms import Evaluation
from glstylenet.optim.adam import Adam
from glstylenet.optim.base import Optimizer
from glstylenet.optim.lbfgs import Lbfgs
from glstylenet.run.rounds import Evaluated, Rematched, Settled, optimise_in_rounds
from tests.losses import loss_terms

Function = Callable[[Tensor, int], tuple[float, Tensor]]


class Scripted(Objective):
    """An objective that is ``function(pixels, number of matchings so far)``, and a diary of its calls.

    Each matching takes ``seconds`` by its stopwatch.
    """

    def __init__(self, function: Function, seconds: float = 0.25) -> None:
        self._function = function
        self._seconds = seconds
        self.stopwatch = Stopwatch()
        self.diary: list[str] = []
        self.matched_at: list[Tensor] = []

    def evaluate(self, pixels: Tensor, *, rematch: bool = False) -> Evaluation:
        if rematch:
            self.diary.append("match")
            self.matched_at.append(pixels.clone())
            self.stopwatch.seconds["matching"] += self._seconds
        self.diary.append("evaluate")
        loss, gradient = self._function(pixels, len(self.matched_at))
        return Evaluation(loss_terms(loss, 0.0, 0.0, 0.0), gradient)


def _bowl(condition: float = 100.0) -> Function:
    scales = torch.logspace(0, math.log10(condition), 12).view(1, 3, 2, 2)
    minimum = torch.linspace(30.0, 220.0, 12).view(1, 3, 2, 2)

    def function(x: Tensor, _matchings: int) -> tuple[float, Tensor]:
        gradient = scales * (x - minimum)
        return float(0.5 * (gradient * (x - minimum)).sum()), gradient

    return function


def _start() -> Tensor:
    return torch.full((1, 3, 2, 2), 128.0)


def _run(
    objective: Objective,
    evaluations: int,
    round_length: int,
    optimizer: Optimizer | None = None,
    least_gain: float = 0.0,
) -> list[Rematched | Evaluated | Settled]:
    steps = optimise_in_rounds(
        objective,
        optimizer or Lbfgs(),
        _start(),
        evaluations=evaluations,
        round_length=round_length,
        least_gain=least_gain,
    )
    return list(steps)


def _rounds(diary: list[str]) -> list[int]:
    """How many evaluations followed each matching."""
    text = "".join(word[0] for word in diary)
    assert text.startswith("m")
    return [len(part) for part in text.split("m")[1:]]


@pytest.mark.parametrize(
    ("evaluations", "length", "expected"), [(20, 5, [5] * 4), (12, 5, [5, 5, 2]), (4, 9, [4]), (1, 5, [1])]
)
def test_the_budget_is_spent_in_rounds_with_one_matching_each(
    evaluations: int, length: int, expected: list[int]
) -> None:
    objective = Scripted(_bowl(1000.0))
    found = _run(objective, evaluations, length)
    assert _rounds(objective.diary) == expected
    assert [one.round for one in found if isinstance(one, Rematched)] == list(range(1, len(expected) + 1))
    steps = [one for one in found if isinstance(one, Evaluated)]
    assert [len(list(group)) for _, group in itertools.groupby(step.round for step in steps)] == expected
    assert all(one.seconds == 0.25 for one in found if isinstance(one, Rematched))


def test_a_round_that_gains_too_little_is_the_last() -> None:
    """The loss is 1000 over a small bowl: it falls by a thousandth at most, however long the rounds are."""

    def on_a_plain(x: Tensor, matchings: int) -> tuple[float, Tensor]:
        loss, gradient = _bowl(1000.0)(x, matchings)
        return 1000.0 + 1e-7 * loss, 1e-7 * gradient

    found = _run(Scripted(on_a_plain), 20, 5, least_gain=0.01)
    assert isinstance(found[-1], Settled)
    assert found[-1].round == 1
    assert sum(isinstance(one, Evaluated) for one in found) == 5
    # As long as each round gains enough, all evaluations are spent; without a least gain, too.
    steep = _run(Scripted(_bowl(1000.0)), 10, 5, least_gain=0.01)
    for steps in (steep, _run(Scripted(_bowl(1000.0)), 10, 5)):
        assert not isinstance(steps[-1], Settled)
        assert sum(isinstance(one, Evaluated) for one in steps) == 10


def test_every_round_is_announced_before_its_steps() -> None:
    found = _run(Scripted(_bowl()), 9, 3)
    kinds = ["M" if isinstance(one, Rematched) else "E" for one in found]
    assert "".join(kinds) == "MEEE" * 3


@pytest.mark.parametrize("optimizer", [Lbfgs, Adam])
def test_the_minimum_is_found_over_rounds(optimizer: type[Optimizer]) -> None:
    found = _run(Scripted(_bowl(4.0)), 400, 40, optimizer())
    steps = [one for one in found if isinstance(one, Evaluated)]
    assert steps[-1].terms.total < 1e-2 * steps[0].terms.total


def test_a_round_starts_where_the_last_one_ended() -> None:
    objective = Scripted(_bowl(1000.0))
    found = _run(objective, 12, 4)
    assert torch.equal(objective.matched_at[0], _start())
    ends = [
        one.pixels
        for one, after in zip(found, [*found[1:], None], strict=True)
        if isinstance(one, Evaluated) and not isinstance(after, Evaluated)
    ]
    for matched, end in zip(objective.matched_at[1:], ends[:-1], strict=True):
        assert torch.equal(matched, end)
        assert not torch.equal(matched, _start())


def test_terms_belong_to_the_pixels_beside_them() -> None:
    """A valley with steep walls: some steps fail, and the best pixels are yielded again after those."""

    def valley(x: Tensor, _matchings: int) -> tuple[float, Tensor]:
        return float((x - 60).abs().sum() + (x / 9).sin().sum() * 20), (x - 60).sign() + (
            x / 9
        ).cos() * 20 / 9

    found = _run(Scripted(valley), 40, 10)
    steps = [one for one in found if isinstance(one, Evaluated)]
    for step in steps:
        assert valley(step.pixels, 0)[0] == step.terms.total
    assert len({step.terms.total for step in steps}) < len(steps)  # a step failed indeed


def test_within_a_round_the_loss_never_rises_even_if_matching_raises_it() -> None:
    """Each matching adds 1000: the next round's first loss is the new one, not the old best."""

    def rising(x: Tensor, matchings: int) -> tuple[float, Tensor]:
        loss, gradient = _bowl(1000.0)(x, matchings)
        return loss + 1000.0 * matchings, gradient

    steps = [one for one in _run(Scripted(rising), 12, 4) if isinstance(one, Evaluated)]
    for number, group in itertools.groupby(steps, key=lambda step: step.round):
        losses = [step.terms.total for step in group]
        assert losses == sorted(losses, reverse=True)
        assert losses[0] >= 1000.0 * number


def test_the_history_is_warm_in_the_second_round() -> None:
    """Two rounds on one optimiser get further than two cold starts from the same places."""
    scales = torch.logspace(0, 3, 48).view(1, 3, 4, 4)

    def bowl(x: Tensor, _matchings: int) -> tuple[float, Tensor]:
        gradient = scales * (x - 100.0)
        return float(0.5 * (gradient * (x - 100.0)).sum()), gradient

    start = torch.linspace(0, 255, 48).view(1, 3, 4, 4)
    found = list(optimise_in_rounds(Scripted(bowl), Lbfgs(), start, evaluations=30, round_length=15))
    steps = [one for one in found if isinstance(one, Evaluated)]
    middle = steps[14].pixels
    cold = list(optimise_in_rounds(Scripted(bowl), Lbfgs(), middle, evaluations=15, round_length=15))[-1]
    assert isinstance(cold, Evaluated)
    assert steps[-1].terms.total < 0.9 * cold.terms.total


@pytest.mark.parametrize("slope", [0.0, 1.0])
def test_ends_early_when_stuck(slope: float) -> None:
    """With a gradient of zero, or a wrong one, the loss cannot be lowered: the budget is not used up."""
    objective = Scripted(lambda x, _matchings: (5.0, torch.full_like(x, slope)))
    found = _run(objective, 1000, 200)
    assert objective.diary.count("match") == 1
    assert objective.diary.count("evaluate") < 30
    steps = [one for one in found if isinstance(one, Evaluated)]
    assert torch.equal(steps[-1].pixels, _start())
    assert steps[-1].terms.total == 5.0


def test_stuck_only_in_the_second_round_keeps_the_first() -> None:
    def function(x: Tensor, matchings: int) -> tuple[float, Tensor]:
        loss, gradient = _bowl()(x, matchings)
        return (loss, gradient) if matchings == 1 else (7.0, torch.zeros_like(x))

    objective = Scripted(function)
    steps = [one for one in _run(objective, 100, 6) if isinstance(one, Evaluated)]
    assert _rounds(objective.diary) == [6, 1]
    assert not torch.equal(steps[-1].pixels, _start())
    assert steps[-1].terms.total == 7.0


def test_a_start_that_is_not_finite_is_an_error() -> None:
    with pytest.raises(OptimizationError, match="nan"):
        _run(Scripted(lambda x, _matchings: (math.nan, x)), 10, 5)


def test_a_step_to_nan_is_undone() -> None:
    calls = 0

    def sometimes(x: Tensor, matchings: int) -> tuple[float, Tensor]:
        nonlocal calls
        calls += 1
        loss, gradient = _bowl()(x, matchings)
        return (math.nan, gradient) if calls in (3, 5) else (loss, gradient)

    steps = [one for one in _run(Scripted(sometimes), 30, 10) if isinstance(one, Evaluated)]
    assert all(math.isfinite(step.terms.total) and bool(step.pixels.isfinite().all()) for step in steps)
    assert steps[-1].terms.total < steps[0].terms.total


@pytest.mark.parametrize("optimizer", [Lbfgs, Adam])
def test_a_round_of_one_matches_at_every_evaluation_and_still_descends(optimizer: type[Optimizer]) -> None:
    """``round_length=1`` is the paper's method: fresh matches for every evaluation, in the line search."""
    objective = Scripted(_bowl(30.0))
    found = _run(objective, 25, 1, optimizer())
    assert objective.diary == ["match", "evaluate"] * 25
    assert ["M" if isinstance(one, Rematched) else "E" for one in found] == ["M", "E"] * 25
    assert [one.round for one in found if isinstance(one, Evaluated)] == list(range(1, 26))
    steps = [one for one in found if isinstance(one, Evaluated)]
    assert steps[-1].terms.total < 0.5 * steps[0].terms.total


def test_a_path_that_the_box_bends_uphill_is_not_taken() -> None:
    """The part of the step that goes down is cut off by the bound at 0; what is left goes up."""
    slope = torch.tensor([10.0, -1.0]).repeat(6).view(1, 3, 2, 2)

    class Bent(Lbfgs):
        def _direction(self, x: Tensor, gradient: Tensor) -> Tensor:
            return torch.tensor([-10.0, -50.0]).repeat(6).view(1, 3, 2, 2)

    calls = itertools.count()
    objective = Scripted(lambda _x, _matchings: (100.0 + 1e-6 * next(calls), slope))
    start = torch.tensor([0.5, 100.0]).repeat(6).view(1, 3, 2, 2)
    found = optimise_in_rounds(objective, Bent(), start, evaluations=8, round_length=8)
    steps = [one for one in found if isinstance(one, Evaluated)]
    assert [step.terms.total for step in steps] == [100.0] * 8
    assert torch.equal(steps[-1].pixels, start)
