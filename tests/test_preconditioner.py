"""The preconditioner: a symmetric positive definite operator with the frequencies its docstring names."""

import math

import pytest
import torch
from torch import Tensor

from glstylenet.optim import preconditioner
from glstylenet.optim.base import OptimizerState
from glstylenet.optim.curvature import curvature
from glstylenet.optim.lbfgs import Lbfgs
from glstylenet.optim.lbfgs_memory import LbfgsMemory, measure
from glstylenet.optim.preconditioner import Preconditioner

SHAPES = [(1, 3, 8, 8), (1, 3, 9, 8), (1, 3, 8, 9), (1, 2, 7, 11), (1, 1, 1, 5), (1, 3, 1, 1)]


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


def _taught(like: Tensor) -> tuple[Preconditioner, Tensor]:
    """By a bowl that is nine times as steep on the right, and the factors that follow for each pixel."""
    bowl = torch.ones(like.shape)
    bowl[..., like.shape[-1] // 2 :] = 9.0
    history, origin = LbfgsMemory(3), torch.zeros(like.shape)
    for seed in range(3):
        s = _noise(tuple(like.shape), seed).float()
        history.add(measure(origin, origin, s, bowl * s), origin, origin, s, bowl * s)
    form = Preconditioner()
    form.fit(history.state_dict(), like)
    steepness = curvature(history.state_dict(), like)
    assert steepness is not None
    return form, steepness.double().rsqrt()


def test_steep_parts_move_less() -> None:
    """P = D W D: each pixel divided by the root of its curvature before the waves and after."""
    picture = _noise((1, 3, 16, 24), 5)
    form, factors = _taught(picture)
    assert float(factors[:, :8].mean() / factors[:, 16:].mean()) == pytest.approx(3.0, rel=0.05)
    found = picture.clone()
    form(found)
    expected = factors * _applied(factors * picture)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)  # the factors are float32
    form.fit(OptimizerState({}, {}), picture)
    form(picture_again := picture.clone())
    assert torch.equal(picture_again, _applied(picture)), "what was optimizer_state is not forgotten"


def test_what_was_learnt_is_symmetric_and_positive_definite() -> None:
    shape = (1, 2, 8, 9)
    form, _ = _taught(torch.empty(shape))
    columns = []
    for column in torch.eye(math.prod(shape), dtype=torch.float64):
        form(image := column.view(shape).clone())
        columns.append(image.flatten())
    matrix = torch.stack(columns)
    torch.testing.assert_close(matrix, matrix.T, rtol=0, atol=1e-6)
    assert float(torch.linalg.eigvalsh(matrix).min()) > 0.1


def test_what_was_learnt_of_one_size_says_nothing_of_another() -> None:
    form, _ = _taught(torch.empty(1, 3, 16, 24))
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
