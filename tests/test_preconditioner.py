"""The preconditioner: symmetric, positive definite, with the frequencies and curvatures of its docstring."""

import math

import pytest
import torch
from torch import Tensor

from glstylenet.optim import preconditioner
from glstylenet.optim.base import Evaluate
from glstylenet.optim.lbfgs import Lbfgs
from glstylenet.optim.lbfgs_memory import LbfgsMemory, secant_pair
from glstylenet.optim.preconditioner import CELL_SIDE, Preconditioner, relative_curvature

SHAPES = [(1, 3, 8, 8), (1, 3, 9, 8), (1, 3, 8, 9), (1, 2, 7, 11), (1, 1, 1, 5), (1, 3, 1, 1)]
SHAPE = (1, 3, 24, 32)


def _applied(vector: Tensor) -> Tensor:
    result = vector.clone()
    Preconditioner()(result)
    return result


def _noise(shape: tuple[int, ...], seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _wave(height: int, width: int, rows: int, columns: int) -> Tensor:
    """A cosine of that many periods down and across."""
    y, x = torch.arange(height).double() / height, torch.arange(width).double() / width
    return torch.cos(2 * math.pi * (rows * y[:, None] + columns * x[None, :])).expand(1, 1, -1, -1).clone()


@pytest.mark.parametrize(
    ("height", "width", "rows", "columns", "factor"),
    [
        (64, 48, 0, 0, 25.0),  # a constant: 1 / 0.04
        (100, 50, 3, 0, 1 / (0.04 + 0.25**1.5)),  # 0.03 = 0.12 / 4: 1 / (0.04 + 1/8) = 6.06
        (50, 100, 0, 3, 1 / 0.165),  # the same across
        (100, 100, 3, 4, 1 / (0.04 + (0.05 / 0.12) ** 1.5)),  # slanting: 0.03, 0.04 -> 0.05
        (100, 101, -3, 0, 1 / 0.165),
        (8, 8, 1, 0, 1 / 1.04),  # 0.125, beyond the corner
        (8, 9, 4, 0, 1 / 1.04),  # every other row
        (8, 8, 4, 4, 1 / 1.04),
    ],
)
def test_a_wave_is_multiplied_by_its_factor(
    height: int, width: int, rows: int, columns: int, factor: float
) -> None:
    wave = _wave(height, width, rows, columns)
    torch.testing.assert_close(_applied(wave), factor * wave, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
def test_it_is_symmetric_and_positive_definite(shape: tuple[int, ...]) -> None:
    size = math.prod(shape)
    columns = [_applied(column.view(shape)).flatten() for column in torch.eye(size, dtype=torch.float64)]
    matrix = torch.stack(columns)
    torch.testing.assert_close(matrix, matrix.T, rtol=0, atol=1e-6)
    values = torch.linalg.eigvalsh(matrix)
    assert float(values.min()) > 1 / 1.04 - 1e-5
    assert float(values.max()) < 25 + 1e-4


def _fitted(like: Tensor) -> tuple[Preconditioner, Tensor]:
    """Return P fitted to a bowl nine times as steep on the right, and the expected factors of each pixel."""
    bowl = torch.ones(like.shape)
    bowl[..., like.shape[-1] // 2 :] = 9.0
    history, origin = LbfgsMemory(3), torch.zeros(like.shape)
    for seed in range(3):
        s = _noise(tuple(like.shape), seed).float()
        history.add(secant_pair(origin, origin, s, bowl * s), origin, origin, s, bowl * s)
    form = Preconditioner()
    form.fit(history.secant_pairs(), like)
    steepness = relative_curvature(history.secant_pairs(), like)
    assert steepness is not None
    return form, steepness.double().rsqrt()


def test_steep_parts_move_less() -> None:
    """P = D W D: each pixel divided by the root of its curvature before the waves and after."""
    picture = _noise((1, 3, 16, 24), 5)
    form, factors = _fitted(picture)
    assert float(factors[:, :8].mean() / factors[:, 16:].mean()) == pytest.approx(3.0, rel=0.05)
    found = picture.clone()
    form(found)
    expected = factors * _applied(factors * picture)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)  # the factors are float32
    form.fit(LbfgsMemory(3).secant_pairs(), picture)
    form(picture_again := picture.clone())
    assert torch.equal(picture_again, _applied(picture)), "D is not discarded"


def test_with_d_it_is_symmetric_and_positive_definite() -> None:
    shape = (1, 2, 8, 9)
    form, _ = _fitted(torch.empty(shape))
    columns = []
    for column in torch.eye(math.prod(shape), dtype=torch.float64):
        form(image := column.view(shape).clone())
        columns.append(image.flatten())
    matrix = torch.stack(columns)
    torch.testing.assert_close(matrix, matrix.T, rtol=0, atol=1e-6)
    assert float(torch.linalg.eigvalsh(matrix).min()) > 0.1


def test_d_of_one_size_is_left_out_at_another() -> None:
    form, _ = _fitted(torch.empty(1, 3, 16, 24))
    other = _noise((1, 3, 24, 16), 0)
    expected = _applied(other)
    form(other)
    assert torch.equal(other, expected)


def test_channels_keep_apart() -> None:
    picture = torch.zeros(1, 3, 16, 16, dtype=torch.float64)
    picture[:, 1] = _noise((16, 16), 0)
    result = _applied(picture)
    assert bool((result[:, [0, 2]] == 0).all())
    assert torch.equal(result[:, 1:2], _applied(picture[:, 1:2].contiguous()))


def test_one_serves_pictures_of_any_size() -> None:
    """The factors that are kept are those of the last size."""
    one = Preconditioner()
    for shape in [(1, 3, 8, 9), (1, 3, 9, 8), (1, 3, 9, 9), (1, 3, 8, 9)]:
        vector = _noise(shape, 1)
        expected = _applied(vector)
        one(vector)
        assert torch.equal(vector, expected)


def test_it_saves_evaluations_where_long_waves_are_flat() -> None:
    """A bowl like the objective's: flat for long waves and noise over it. Counted, not timed."""
    size = 48
    rows, columns = torch.fft.fftfreq(size), torch.fft.rfftfreq(size)
    frequency = torch.hypot(rows[:, None], columns[None, :])
    steepness = 0.02 + torch.clamp(frequency / 0.15, max=1.0) ** 2
    generator = torch.Generator().manual_seed(0)
    target = torch.randn((1, 1, size, size), generator=generator) * 20 + 128

    def evaluate(x: Tensor) -> tuple[float, Tensor]:
        offset = x - target
        gradient = torch.fft.irfft2(torch.fft.rfft2(offset) * steepness, s=(size, size))
        return 0.5 * float((offset * gradient).sum()), gradient

    start = torch.full_like(target, 60.0)
    plain, preconditioned = (
        list(Lbfgs(history=5, precondition=form).run(evaluate, start, 12))[-1].loss
        for form in (None, Preconditioner())
    )
    assert preconditioned < 0.1 * plain


@pytest.mark.parametrize("at_once", [1, 2, 3])
def test_channels_may_be_transformed_together(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a GPU."""
    vector = _noise((1, 3, 9, 8), 0)
    expected = _applied(vector)
    monkeypatch.setattr(preconditioner, "_channels_at_once", lambda _pictures: at_once)
    torch.testing.assert_close(_applied(vector), expected)


def _history(*pairs: tuple[Tensor, Tensor], half: bool = False, size: int = 5) -> LbfgsMemory:
    """Of steps from the origin, where the gradient is 0: pairs as they are."""
    history = LbfgsMemory(size, half=half)
    for s, y in pairs:
        origin = torch.zeros_like(s)
        assert history.add(secant_pair(origin, origin, s, y), origin, origin, s, y)
    return history


def _noise32(seed: int, shape: tuple[int, ...] = SHAPE) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def _curvature(history: LbfgsMemory, shape: tuple[int, ...] = SHAPE) -> Tensor:
    found = relative_curvature(history.secant_pairs(), torch.empty(shape))
    assert found is not None
    assert found.shape == shape[-2:]
    return found


def _halves(left: float, right: float, shape: tuple[int, ...] = SHAPE) -> Tensor:
    halves = torch.full(shape[-2:], left)
    halves[:, shape[-1] // 2 :] = right
    return halves


def test_the_curvature_of_a_cell_by_hand() -> None:
    """Two cells, steps of 1 in both, answered by 1 and 3: energies 1 and 9 of a mean of 5."""
    s = torch.ones(1, 1, CELL_SIDE, 2 * CELL_SIDE)
    found = _curvature(_history(*[(s, s * _halves(1.0, 3.0, s.shape))] * 3), s.shape)
    flat, steep = ((energy / 5 + 0.001) ** 0.5 / 1.001**0.5 for energy in (1.0, 9.0))
    # The middles of the cells lie at 1.5 and 5.5, beyond which nothing changes.
    weights = torch.tensor([0, 0, 1 / 8, 3 / 8, 5 / 8, 7 / 8, 1, 1])
    torch.testing.assert_close(found, (flat + (steep - flat) * weights).expand(CELL_SIDE, -1))


@pytest.mark.parametrize("half", [False, True])
def test_the_curvature_is_that_of_a_bowl(half: bool) -> None:
    """The right half is four times as steep; whichever way the steps went, and however large they were."""
    bowl = _halves(2.0, 8.0)
    steps = [_noise32(seed) * 10.0**-seed for seed in range(5)]
    found = _curvature(_history(*((s, bowl * s) for s in steps), half=half))
    ratio = found[:, 20:].mean() / found[:, :12].mean()
    assert float(ratio) == pytest.approx(4.0, rel=0.02)


@pytest.mark.parametrize("half", [False, True])
def test_of_the_curvature_a_late_short_step_counts_as_much(half: bool) -> None:
    """Three long ones met a steep left half, three short ones a steep right half: they are even."""
    long = [(100 * _noise32(seed), 100 * _noise32(seed) * _halves(4.0, 1.0)) for seed in range(3)]
    short = [(_noise32(seed) / 100, _noise32(seed) / 100 * _halves(1.0, 4.0)) for seed in range(3)]
    found = _curvature(_history(*long, *short, half=half, size=6))
    assert float(found[:, 20:].mean() / found[:, :12].mean()) == pytest.approx(1.0, rel=0.02)


def test_where_nothing_moved_the_mean_counts() -> None:
    moved = _halves(1.0, 0.0)
    found = _curvature(_history(*((s * moved, 7 * s * moved) for s in map(_noise32, range(3)))))
    torch.testing.assert_close(found[:, 24:], torch.ones(24, 8))


def test_what_answers_where_nothing_moved_does_not_count() -> None:
    """Pixels at a bound rest, and their slopes change with their neighbours'."""
    moved = _halves(1.0, 0.0)
    still = _curvature(_history(*((s * moved, 7 * s * moved) for s in map(_noise32, range(3)))))
    answered = _curvature(_history(*((s * moved, 7 * s) for s in map(_noise32, range(3)))))
    torch.testing.assert_close(answered, still)


def test_no_part_is_beyond_the_limits() -> None:
    bowl = _halves(1e-6, 1.0)
    found = _curvature(_history(*((s, bowl * s) for s in map(_noise32, range(3)))))
    assert float(found.min()) == pytest.approx(1 / 8)
    found = _curvature(_history(*((s * bowl, s) for s in map(_noise32, range(3)))))
    assert float(found.max()) == pytest.approx(8.0)


def test_too_few_pairs_give_no_curvature() -> None:
    pairs = [(s, s) for s in map(_noise32, range(2))]
    assert relative_curvature(_history().secant_pairs(), torch.empty(SHAPE)) is None
    assert relative_curvature(_history(*pairs).secant_pairs(), torch.empty(SHAPE)) is None


@pytest.mark.parametrize("shape", [(1, 3, 24, 32), (1, 3, 23, 31), (3, 5, 9), (1, 1, 2, 3)])
def test_bands_change_no_curvature(shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    history = _history(
        *((_noise32(seed, shape), _noise32(seed, shape).exp() * _noise32(seed, shape)) for seed in range(4))
    )
    whole = _curvature(history, shape)
    monkeypatch.setattr(preconditioner, "chunk_length", lambda _device, _rows: 1)
    torch.testing.assert_close(_curvature(history, shape), whole)


def _patchy(shape: tuple[int, ...]) -> Evaluate:
    """A bowl with a steep middle, coupled between neighbours."""
    steepness = torch.ones(shape[-2:])
    steepness[shape[-2] // 4 : -shape[-2] // 4, shape[-1] // 4 : -shape[-1] // 4] = 30.0
    target = 128 + 20 * _noise32(0, shape)

    def evaluate(x: Tensor) -> tuple[float, Tensor]:
        offset = (x - target).requires_grad_()
        with torch.enable_grad():
            smooth = offset + 0.5 * offset.roll(1, -1) + 0.5 * offset.roll(1, -2)
            loss = 0.5 * (steepness * smooth.square()).sum()
            (gradient,) = torch.autograd.grad(loss, offset)
        return float(loss.detach()), gradient

    return evaluate


def test_d_saves_evaluations_where_parts_are_steeper() -> None:
    """Three runs of ten evaluations each, the first without pairs to start from, come to half the loss."""
    evaluate, found = _patchy((1, 1, 64, 64)), []
    for updates in (False, True):
        form = Preconditioner()
        optimizer = Lbfgs(history=5, precondition=form, update_preconditioner=form.fit if updates else None)
        x = torch.full((1, 1, 64, 64), 100.0)
        for _ in range(3):
            *_, last = optimizer.run(evaluate, x, 10)
            x = last.x
        found.append(last.loss)
    assert found[1] < 0.5 * found[0]
