"""The preconditioner: a symmetric positive definite operator with the frequencies its docstring names."""

import math

import pytest
import torch
from torch import Tensor

from glstylenet import preconditioner
from glstylenet.optimize import Lbfgs
from glstylenet.preconditioner import Preconditioner

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
