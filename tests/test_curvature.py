"""Where the objective is steep: hand-worked cells, bowls whose curvature is known, and what it saves."""

import pytest
import torch
from torch import Tensor

from glstylenet.optim import curvature as module
from glstylenet.optim.base import Evaluate
from glstylenet.optim.curvature import CELL_SIDE, curvature
from glstylenet.optim.lbfgs import Lbfgs
from glstylenet.optim.lbfgs_memory import LbfgsMemory, measure
from glstylenet.optim.preconditioner import Preconditioner

SHAPE = (1, 3, 24, 32)


def _history(*pairs: tuple[Tensor, Tensor], half: bool = False, size: int = 5) -> LbfgsMemory:
    """Of steps from the origin, where the gradient is 0: pairs as they are."""
    history = LbfgsMemory(size, half=half)
    for s, y in pairs:
        origin = torch.zeros_like(s)
        assert history.add(measure(origin, origin, s, y), origin, origin, s, y)
    return history


def _noise(seed: int, shape: tuple[int, ...] = SHAPE) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def _curvature(history: LbfgsMemory, shape: tuple[int, ...] = SHAPE) -> Tensor:
    found = curvature(history.state_dict(), torch.empty(shape))
    assert found is not None
    assert found.shape == shape[-2:]
    return found


def _halves(left: float, right: float, shape: tuple[int, ...] = SHAPE) -> Tensor:
    halves = torch.full(shape[-2:], left)
    halves[:, shape[-1] // 2 :] = right
    return halves


def test_a_cell_by_hand() -> None:
    """Two cells, steps of 1 in both, answered by 1 and 3: energies 1 and 9 of a mean of 5."""
    s = torch.ones(1, 1, CELL_SIDE, 2 * CELL_SIDE)
    found = _curvature(_history(*[(s, s * _halves(1.0, 3.0, s.shape))] * 3), s.shape)
    flat, steep = ((energy / 5 + 0.001) ** 0.5 / 1.001**0.5 for energy in (1.0, 9.0))
    # The middles of the cells lie at 1.5 and 5.5, beyond which nothing changes.
    weights = torch.tensor([0, 0, 1 / 8, 3 / 8, 5 / 8, 7 / 8, 1, 1])
    torch.testing.assert_close(found, (flat + (steep - flat) * weights).expand(CELL_SIDE, -1))


@pytest.mark.parametrize("half", [False, True])
def test_it_is_that_of_a_bowl(half: bool) -> None:
    """The right half is four times as steep; whichever way the steps went, and however large they were."""
    bowl = _halves(2.0, 8.0)
    steps = [_noise(seed) * 10.0**-seed for seed in range(5)]
    found = _curvature(_history(*((s, bowl * s) for s in steps), half=half))
    ratio = found[:, 20:].mean() / found[:, :12].mean()
    assert float(ratio) == pytest.approx(4.0, rel=0.02)


@pytest.mark.parametrize("half", [False, True])
def test_a_late_short_step_counts_as_much(half: bool) -> None:
    """Of six, three long ones saw the left half steep and three short ones the right: they are even."""
    long = [(100 * _noise(seed), 100 * _noise(seed) * _halves(4.0, 1.0)) for seed in range(3)]
    short = [(_noise(seed) / 100, _noise(seed) / 100 * _halves(1.0, 4.0)) for seed in range(3)]
    found = _curvature(_history(*long, *short, half=half, size=6))
    assert float(found[:, 20:].mean() / found[:, :12].mean()) == pytest.approx(1.0, rel=0.02)


def test_where_nothing_moved_the_whole_counts() -> None:
    moved = _halves(1.0, 0.0)
    found = _curvature(_history(*((s * moved, 7 * s * moved) for s in map(_noise, range(3)))))
    torch.testing.assert_close(found[:, 24:], torch.ones(24, 8))


def test_what_answers_where_nothing_moved_does_not_count() -> None:
    """Pixels at a bound rest, and their slopes change with their neighbours'."""
    moved = _halves(1.0, 0.0)
    still = _curvature(_history(*((s * moved, 7 * s * moved) for s in map(_noise, range(3)))))
    answered = _curvature(_history(*((s * moved, 7 * s) for s in map(_noise, range(3)))))
    torch.testing.assert_close(answered, still)


def test_no_part_is_beyond_the_limits() -> None:
    bowl = _halves(1e-6, 1.0)
    found = _curvature(_history(*((s, bowl * s) for s in map(_noise, range(3)))))
    assert float(found.min()) == pytest.approx(1 / 8)
    found = _curvature(_history(*((s * bowl, s) for s in map(_noise, range(3)))))
    assert float(found.max()) == pytest.approx(8.0)


def test_too_few_pairs_tell_nothing() -> None:
    pairs = [(s, s) for s in map(_noise, range(2))]
    assert curvature(_history().state_dict(), torch.empty(SHAPE)) is None
    assert curvature(_history(*pairs).state_dict(), torch.empty(SHAPE)) is None


@pytest.mark.parametrize("shape", [(1, 3, 24, 32), (1, 3, 23, 31), (3, 5, 9), (1, 1, 2, 3)])
def test_bands_change_nothing(shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    history = _history(
        *((_noise(seed, shape), _noise(seed, shape).exp() * _noise(seed, shape)) for seed in range(4))
    )
    whole = _curvature(history, shape)
    monkeypatch.setattr(module, "chunk_length", lambda _device, _rows: 1)
    torch.testing.assert_close(_curvature(history, shape), whole)


def _patchy(shape: tuple[int, ...]) -> Evaluate:
    """A bowl with a steep middle, coupled between neighbours."""
    steepness = torch.ones(shape[-2:])
    steepness[shape[-2] // 4 : -shape[-2] // 4, shape[-1] // 4 : -shape[-1] // 4] = 30.0
    target = 128 + 20 * _noise(0, shape)

    def evaluate(x: Tensor) -> tuple[float, Tensor]:
        offset = (x - target).requires_grad_()
        with torch.enable_grad():
            smooth = offset + 0.5 * offset.roll(1, -1) + 0.5 * offset.roll(1, -2)
            loss = 0.5 * (steepness * smooth.square()).sum()
            (gradient,) = torch.autograd.grad(loss, offset)
        return float(loss.detach()), gradient

    return evaluate


def test_it_saves_evaluations_where_parts_are_steeper() -> None:
    """Three runs of ten evaluations each, the first of which can only teach, come to half the loss."""
    evaluate, found = _patchy((1, 1, 64, 64)), []
    for learns in (False, True):
        form = Preconditioner()
        optimizer = Lbfgs(history=5, precondition=form, update_preconditioner=form.fit if learns else None)
        x = torch.full((1, 1, 64, 64), 100.0)
        for _ in range(3):
            *_, last = optimizer.run(evaluate, x, 10)
            x = last.x
        found.append(last.loss)
    assert found[1] < 0.5 * found[0]
