"""The optimiser: known minima, bounds that bind, NaN survived, never above the start."""

import math

import pytest
import torch
from torch import Tensor

from glstylenet.errors import OptimizationError
from glstylenet.optimize import Adam, Evaluate, Lbfgs, Optimizer, Step


def _quadratic(size: int = 40, condition: float = 100.0) -> tuple[Evaluate, Tensor]:
    """A bowl with its minimum at a known point inside the box."""
    scales = torch.logspace(0, math.log10(condition), size)
    minimum = torch.linspace(20.0, 230.0, size)

    def evaluate(x: Tensor) -> tuple[float, Tensor]:
        gradient = scales * (x - minimum)
        return float(0.5 * (gradient * (x - minimum)).sum()), gradient

    return evaluate, minimum


def _last(steps: object) -> Step:
    *_, last = list(steps)  # type: ignore[call-overload]
    assert isinstance(last, Step)
    return last


def test_lbfgs_finds_the_minimum_of_a_quadratic() -> None:
    evaluate, minimum = _quadratic()
    last = _last(Lbfgs().run(evaluate, torch.zeros(40), 80))
    torch.testing.assert_close(last.x, minimum, atol=0.05, rtol=0)


def test_adam_finds_the_minimum_of_a_quadratic() -> None:
    evaluate, minimum = _quadratic(condition=3.0)
    last = _last(Adam(rate=5.0).run(evaluate, torch.full((40,), 128.0), 600))
    torch.testing.assert_close(last.x, minimum, atol=0.5, rtol=0)


@pytest.mark.parametrize("coupling", [0.0, 0.6])
def test_bounds_bind(coupling: float) -> None:
    """Minimum outside the box: the solution of the coupled bounded problem, known by hand."""
    matrix = torch.tensor([[1.0, coupling], [coupling, 1.0]])
    unbounded = torch.tensor([-50.0, 100.0])

    def evaluate(x: Tensor) -> tuple[float, Tensor]:
        gradient = matrix @ (x - unbounded)
        return float(0.5 * (x - unbounded) @ gradient), gradient

    last = _last(Lbfgs().run(evaluate, torch.tensor([200.0, 200.0]), 40))
    # At x0 = 0 the second gradient entry vanishes where x1 = 100 - coupling * 50.
    torch.testing.assert_close(last.x, torch.tensor([0.0, 100.0 - 50.0 * coupling]), atol=1e-3, rtol=0)


def test_bounds_bind_in_many_dimensions() -> None:
    generator = torch.Generator().manual_seed(0)
    factor = torch.randn(30, 30, generator=generator) / 5
    matrix = factor @ factor.T + torch.eye(30)
    target = torch.randn(30, generator=generator) * 300

    def evaluate(x: Tensor) -> tuple[float, Tensor]:
        gradient = matrix @ (x - target)
        return float(0.5 * (x - target) @ gradient), gradient

    last = _last(Lbfgs().run(evaluate, torch.full((30,), 128.0), 300))
    _, gradient = evaluate(last.x)
    inside = (last.x > 0) & (last.x < 255)
    assert 3 < int(inside.sum()) < 27  # both kinds occur
    # Optimality: no slope inside, and at a bound the slope points outward.
    assert float(gradient[inside].abs().max()) < 0.5
    assert bool((gradient[last.x <= 0] > -0.5).all())
    assert bool((gradient[last.x >= 255] < 0.5).all())


@pytest.mark.parametrize("kind", [Lbfgs, Adam])
def test_every_x_lies_in_the_box(kind: type[Optimizer]) -> None:
    seen: list[Tensor] = []

    def evaluate(x: Tensor) -> tuple[float, Tensor]:
        seen.append(x.clone())
        return float((x - 1000.0).square().sum()), 2 * (x - 1000.0)

    last = _last(kind().run(evaluate, torch.tensor([-30.0, 100.0, 400.0]), 30))
    assert all(float(x.min()) >= 0 and float(x.max()) <= 255 for x in seen)
    if kind is Lbfgs:
        assert last.x.tolist() == [255.0, 255.0, 255.0]


@pytest.mark.parametrize("kind", [Lbfgs, Adam])
@pytest.mark.parametrize("poison", [math.nan, math.inf])
def test_a_step_that_is_not_finite_is_survived(kind: type[Optimizer], poison: float) -> None:
    evaluate, _ = _quadratic()
    calls = 0

    def sometimes(x: Tensor) -> tuple[float, Tensor]:
        nonlocal calls
        calls += 1
        loss, gradient = evaluate(x)
        if calls in (3, 4, 9):
            return poison, gradient * poison
        return loss, gradient

    steps = list(kind().run(sometimes, torch.zeros(40), 60))
    assert all(math.isfinite(step.loss) and bool(step.x.isfinite().all()) for step in steps)
    assert steps[-1].loss < steps[9].loss < steps[0].loss
    assert not steps[2].accepted


@pytest.mark.parametrize("kind", [Lbfgs, Adam])
def test_never_above_the_start(kind: type[Optimizer]) -> None:
    """A rough function: many local minima, far from quadratic."""

    def evaluate(x: Tensor) -> tuple[float, Tensor]:
        loss = float((x / 20).sin().sum() * 50 + (x - 60).abs().sum())
        return loss, (x / 20).cos() * 2.5 + (x - 60).sign()

    steps = list(kind().run(evaluate, torch.linspace(0, 255, 50), 60))
    losses = [step.loss for step in steps]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < losses[0]
    for step in steps:
        assert evaluate(step.x)[0] == step.loss


def test_budget_counts_calls() -> None:
    evaluate, _ = _quadratic()
    calls = 0

    def counted(x: Tensor) -> tuple[float, Tensor]:
        nonlocal calls
        calls += 1
        return evaluate(x)

    steps = list(Lbfgs().run(counted, torch.zeros(40), 7))
    assert calls == len(steps) == 7
    assert [step.evaluations for step in steps] == list(range(1, 8))


def test_stops_at_a_stationary_point() -> None:
    steps = list(Lbfgs().run(lambda x: (1.0, torch.zeros_like(x)), torch.ones(5), 50))
    assert len(steps) == 1


def test_a_start_that_is_not_finite_is_an_error() -> None:
    with pytest.raises(OptimizationError, match="nan"):
        list(Lbfgs().run(lambda x: (math.nan, x), torch.ones(5), 5))


def test_the_history_outlives_a_run() -> None:
    """Two runs of 15 on one optimiser get as far as one of 30 would, not as two cold ones."""
    evaluate, _ = _quadratic(condition=1000.0)
    warm = Lbfgs()
    middle = _last(warm.run(evaluate, torch.zeros(40), 15))
    end_warm = _last(warm.run(evaluate, middle.x, 15))
    end_cold = _last(Lbfgs().run(evaluate, middle.x, 15))
    assert end_warm.loss < end_cold.loss
