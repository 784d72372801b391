"""The optimisers: known minima, bounds that bind, NaN survived, never above the start."""

import functools
import itertools
import math
import weakref
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from glstylenet.errors import OptimizationError
from glstylenet.optim.adam import Adam
from glstylenet.optim.base import Evaluate, Optimizer, Step
from glstylenet.optim.lbfgs import Lbfgs
from glstylenet.optim.lbfgs_memory import StoredPairs

LBFGS_IN_HALF = functools.partial(Lbfgs, half_history=True)
KINDS = [Lbfgs, LBFGS_IN_HALF, Adam]


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


@pytest.mark.parametrize("half", [False, True])
def test_lbfgs_finds_the_minimum_of_a_quadratic(half: bool) -> None:
    evaluate, minimum = _quadratic()
    last = _last(Lbfgs(half_history=half).run(evaluate, torch.zeros(40), 80))
    torch.testing.assert_close(last.x, minimum, atol=0.05, rtol=0)


def test_adam_finds_the_minimum_of_a_quadratic() -> None:
    evaluate, minimum = _quadratic(condition=3.0)
    last = _last(Adam(rate=5.0).run(evaluate, torch.full((40,), 128.0), 600))
    torch.testing.assert_close(last.x, minimum, atol=0.5, rtol=0)


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("coupling", [0.0, 0.6])
def test_bounds_bind(coupling: float, half: bool) -> None:
    """Minimum outside the box: the solution of the coupled bounded problem, known by hand."""
    matrix = torch.tensor([[1.0, coupling], [coupling, 1.0]])
    unbounded = torch.tensor([-50.0, 100.0])

    def evaluate(x: Tensor) -> tuple[float, Tensor]:
        gradient = matrix @ (x - unbounded)
        return float(0.5 * (x - unbounded) @ gradient), gradient

    last = _last(Lbfgs(half_history=half).run(evaluate, torch.tensor([200.0, 200.0]), 40))
    # At x0 = 0 the second gradient entry vanishes where x1 = 100 - coupling * 50.
    torch.testing.assert_close(last.x, torch.tensor([0.0, 100.0 - 50.0 * coupling]), atol=1e-3, rtol=0)


@pytest.mark.parametrize("half", [False, True])
def test_bounds_bind_in_many_dimensions(half: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    factor = torch.randn(30, 30, generator=generator) / 5
    matrix = factor @ factor.T + torch.eye(30)
    target = torch.randn(30, generator=generator) * 300

    def evaluate(x: Tensor) -> tuple[float, Tensor]:
        gradient = matrix @ (x - target)
        return float(0.5 * (x - target) @ gradient), gradient

    last = _last(Lbfgs(half_history=half).run(evaluate, torch.full((30,), 128.0), 300))
    _, gradient = evaluate(last.x)
    inside = (last.x > 0) & (last.x < 255)
    assert 3 < int(inside.sum()) < 27  # both kinds occur
    # Optimality: no slope inside, and at a bound the slope points outward.
    assert float(gradient[inside].abs().max()) < 0.5
    assert bool((gradient[last.x <= 0] > -0.5).all())
    assert bool((gradient[last.x >= 255] < 0.5).all())


@pytest.mark.parametrize("kind", KINDS)
def test_every_x_lies_in_the_box(kind: Callable[[], Optimizer]) -> None:
    seen: list[Tensor] = []

    def evaluate(x: Tensor) -> tuple[float, Tensor]:
        seen.append(x.clone())
        return float((x - 1000.0).square().sum()), 2 * (x - 1000.0)

    last = _last(kind().run(evaluate, torch.tensor([-30.0, 100.0, 400.0]), 30))
    assert all(float(x.min()) >= 0 and float(x.max()) <= 255 for x in seen)
    if kind is not Adam:
        assert last.x.tolist() == [255.0, 255.0, 255.0]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("poison", [math.nan, math.inf])
def test_a_step_that_is_not_finite_is_survived(kind: Callable[[], Optimizer], poison: float) -> None:
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


@pytest.mark.parametrize("kind", KINDS)
def test_never_above_the_start(kind: Callable[[], Optimizer]) -> None:
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


@pytest.mark.parametrize("poison", [math.nan, math.inf])
def test_a_gradient_that_is_not_finite_is_refused_whatever_the_loss(poison: float) -> None:
    evaluate, _ = _quadratic()
    calls = itertools.count(1)

    def sometimes(x: Tensor) -> tuple[float, Tensor]:
        loss, gradient = evaluate(x)
        if next(calls) in (2, 6):
            gradient[7] = poison
        return loss, gradient

    steps = list(Lbfgs().run(sometimes, torch.zeros(40), 30))
    assert not steps[1].accepted
    assert not steps[5].accepted
    assert all(bool(step.x.isfinite().all()) for step in steps)
    assert steps[-1].loss < 0.1 * steps[6].loss


@pytest.mark.parametrize("half", [False, True])
def test_the_history_outlives_a_run(half: bool) -> None:
    """Two runs of 15 on one optimiser get as far as one of 30 would, not as two cold ones."""
    evaluate, _ = _quadratic(condition=1000.0)
    warm = Lbfgs(half_history=half)
    middle = _last(warm.run(evaluate, torch.zeros(40), 15))
    end_warm = _last(warm.run(evaluate, middle.x, 15))
    end_cold = _last(Lbfgs(half_history=half).run(evaluate, middle.x, 15))
    assert end_warm.loss < end_cold.loss


def test_another_size_starts_anew() -> None:
    """Variables of another number share no history, and of another shape neither."""
    optimizer = Lbfgs()
    for shape in ((40,), (20,), (4, 5)):
        evaluate, minimum = _quadratic(math.prod(shape))
        storage: list[int] = []

        def shaped(
            x: Tensor, evaluate: Evaluate = evaluate, storage: list[int] = storage
        ) -> tuple[float, Tensor]:
            storage.append(optimizer._memory.nbytes)
            loss, gradient = evaluate(x.flatten())
            return loss, gradient.view_as(x)

        told = list(optimizer.run(shaped, torch.zeros(shape), 80))
        assert storage[0] == 0  # the old pairs are let go before the first evaluation
        cold = list(Lbfgs().run(shaped, torch.zeros(shape), 80))
        assert [step.loss for step in told] == [step.loss for step in cold]
        torch.testing.assert_close(told[-1].x.flatten(), minimum, atol=0.05, rtol=0)


def test_a_gradient_in_another_memory_format_is_read_rightly() -> None:
    """Also where some variables rest at a bound from the start."""
    minimum = torch.linspace(-40.0, 200.0, 60).view(1, 3, 4, 5)
    scales = torch.logspace(0, 1, 60).view(1, 3, 4, 5)

    def channels_last(x: Tensor) -> tuple[float, Tensor]:
        gradient = scales * (x - minimum)
        loss = float(0.5 * (gradient * (x - minimum)).sum())
        return loss, gradient.contiguous(memory_format=torch.channels_last)

    last = _last(Lbfgs().run(channels_last, torch.zeros(1, 3, 4, 5), 100))
    torch.testing.assert_close(last.x, minimum.clamp(min=0), atol=0.05, rtol=0)


def test_the_first_step_is_that_of_the_largest_free_entry() -> None:
    """A variable that rests at its bound has no say in it, however steep its slope."""
    slope = torch.tensor([1e6, -2.0, 1.0])
    steps = list(Lbfgs().run(lambda x: (float(x @ slope), slope), torch.tensor([0.0, 100.0, 100.0]), 2))
    torch.testing.assert_close(steps[-1].x, torch.tensor([0.0, 108.0, 96.0]))


def test_the_first_step_goes_where_the_preconditioner_says() -> None:
    """Without a history: against P g, here P = diag(4, 1, 2) times the gradient, and no further than 8."""
    factors = torch.tensor([4.0, 1.0, 2.0])
    slope = torch.tensor([1.0, 2.0, -1.0])

    def evaluate(x: Tensor) -> tuple[float, Tensor]:
        return float(slope @ x), slope

    def multiply(vector: Tensor) -> None:
        vector.mul_(factors)

    optimizer = Lbfgs(first_step=8.0, precondition=multiply)
    *_, step = optimizer.run(evaluate, torch.tensor([100.0, 100.0, 255.0]), 2)
    # The last rests at its bound; the others go as 4 to 2.
    torch.testing.assert_close(step.x, torch.tensor([92.0, 96.0, 255.0]))


def test_the_preconditioner_is_updated_at_every_start_and_each_tenth_step() -> None:
    evaluate, _ = _quadratic()
    counts: list[int] = []

    def fit(pairs: StoredPairs, like: Tensor) -> None:
        assert like.shape == (40,)
        counts.append(len(pairs))

    optimizer = Lbfgs(history=4, update_preconditioner=fit)
    *_, last = optimizer.run(evaluate, torch.zeros(40), 3)
    assert counts == [0]
    steps = list(optimizer.run(evaluate, last.x, 24))
    assert all(step.accepted for step in steps)
    assert counts == [0, 2, 4, 4]


def test_the_preconditioner_is_updated_when_the_pairs_are_dropped() -> None:
    """After six evaluations no step goes down any more, neither that of the pairs nor the gradient's."""
    evaluate, _ = _quadratic()
    calls = itertools.count(1)

    def jumping(x: Tensor) -> tuple[float, Tensor]:
        loss, gradient = evaluate(x)
        return (loss if next(calls) <= 6 else 1e9), gradient

    counts: list[int] = []
    optimizer = Lbfgs(update_preconditioner=lambda pairs, _like: counts.append(len(pairs)))
    assert sum(step.accepted for step in optimizer.run(jumping, torch.zeros(40), 200)) == 6
    assert counts == [0, 0]
    list(optimizer.run(evaluate, torch.zeros(40), 8))
    list(optimizer.run(evaluate, torch.zeros(40), 1))
    assert counts == [0, 0, 0, 7]


def test_the_preconditioner_is_updated_when_no_pair_helps() -> None:
    """The only pair lies along the first variable, which rests at its bound when the second moves."""
    counts: list[int] = []
    optimizer = Lbfgs(first_step=1.0, update_preconditioner=lambda pairs, _like: counts.append(len(pairs)))

    def bowl(x: Tensor) -> tuple[float, Tensor]:
        gradient = (x - torch.tensor([100.0, 50.0])) * torch.tensor([1.0, 0.0])
        return 0.5 * float(gradient @ gradient), gradient

    def slope(x: Tensor) -> tuple[float, Tensor]:
        return float(x[0] - x[1]), torch.tensor([1.0, -1.0])

    list(optimizer.run(bowl, torch.tensor([90.0, 10.0]), 2))
    list(optimizer.run(slope, torch.tensor([0.0, 10.0]), 2))
    assert counts == [0, 1, 0]


def test_no_mask_where_all_are_free() -> None:
    optimizer, x = Lbfgs(), torch.tensor([0.0, 100.0, 255.0])
    assert optimizer._free(x, torch.tensor([-1.0, 1.0, 1.0])) == (None, False)
    assert optimizer._free(x, torch.tensor([0.0, 0.0, 0.0])) == (None, True)
    free, stationary = optimizer._free(x, torch.tensor([1.0, 0.0, -1.0]))
    assert free is not None
    assert (free.tolist(), stationary) == ([False, True, False], True)
    free, stationary = optimizer._free(x, torch.tensor([1.0, 1e-30, 1.0]))
    assert free is not None
    assert (free.tolist(), stationary) == ([False, True, True], False)


def test_a_loss_of_minus_infinity_is_refused() -> None:
    evaluate, _ = _quadratic()
    calls = itertools.count(1)

    def sometimes(x: Tensor) -> tuple[float, Tensor]:
        loss, gradient = evaluate(x)
        return (-math.inf if next(calls) == 3 else loss), gradient

    steps = list(Lbfgs().run(sometimes, torch.zeros(40), 20))
    assert [step.accepted for step in steps[:4]] == [True, True, False, True]
    assert all(math.isfinite(step.loss) for step in steps)


@pytest.mark.parametrize("half", [False, True])
def test_what_was_yielded_stays_as_it_was_and_is_let_go(half: bool) -> None:
    """Nothing writes into a yielded x; and one that the caller drops is not kept."""
    evaluate, _ = _quadratic()
    kept: list[tuple[Tensor, Tensor]] = []
    dropped: list[weakref.ref[Tensor]] = []
    for step in Lbfgs(half_history=half).run(evaluate, torch.zeros(40), 40):
        in_use = {id(step.x), *(id(x) for x, _ in kept)}
        alive = [reference() for reference in dropped]
        assert all(x is None or id(x) in in_use for x in alive)
        if step.evaluations % 2:
            kept.append((step.x, step.x.clone()))
        elif step.accepted:
            dropped.append(weakref.ref(step.x))
        del alive
    assert len(dropped) > 5
    assert all(torch.equal(x, copy) for x, copy in kept)
