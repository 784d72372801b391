"""The memory of L-BFGS: its direction is the textbook's, whatever the chunks, the ring and the precision."""

import math
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from glstylenet.numerics.chunks import CACHED_ENTRIES
from glstylenet.optim import lbfgs_memory as module
from glstylenet.optim.lbfgs import Lbfgs
from glstylenet.optim.lbfgs_memory import LbfgsMemory, Precondition, SecantPair, history_bytes, secant_pair
from glstylenet.optim.preconditioner import Preconditioner
from tests.allocations import peak_of, recorded
from tests.long_cases import rest_is_long

Pair = tuple[Tensor, Tensor]
SHAPE = (1, 3, 11, 13)
TIGHT = 2e-5
HALF = 2e-3
"""Relative to the direction's length: 11 bits round an entry by up to 5e-4, and the recursion adds some."""


def _pairs(count: int, *, size: float = 1.0, rise: float = 1.0, seed: int = 0) -> list[Pair]:
    """Steps of lengths about ``size`` in a bowl of curvatures from 1 to 100 times ``rise``."""
    generator = torch.Generator().manual_seed(seed)
    curvatures = torch.logspace(0, 2, math.prod(SHAPE)).view(SHAPE) * rise
    steps = [torch.randn(SHAPE, generator=generator) * size for _ in range(count)]
    return [(step, curvatures * step) for step in steps]


def _add(history: LbfgsMemory, pairs: Sequence[Pair]) -> list[bool]:
    """Each pair as a step from the origin, where the gradient is 0: the pair is stored as it is."""
    origin = torch.zeros(SHAPE)
    return [history.add(secant_pair(origin, origin, s, y), origin, origin, s, y) for s, y in pairs]


def _gradient(seed: int = 1) -> Tensor:
    return torch.randn(SHAPE, generator=torch.Generator().manual_seed(seed))


def _free(share: float = 0.7) -> Tensor:
    return torch.rand(math.prod(SHAPE), generator=torch.Generator().manual_seed(2)) < share


def _matrix() -> Tensor:
    """Some symmetric positive definite P with eigenvalues from 1 to 30: (entries, entries), float64."""
    entries = math.prod(SHAPE)
    generator = torch.Generator().manual_seed(3)
    axes = torch.linalg.qr(torch.randn(entries, entries, generator=generator, dtype=torch.float64)).Q
    matrix: Tensor = axes @ torch.diag(torch.linspace(1.0, 30.0, entries, dtype=torch.float64)) @ axes.T
    return matrix


def _by(matrix: Tensor) -> Precondition:
    def multiply(vector: Tensor) -> None:
        vector.view(-1).copy_(matrix.float() @ vector.view(-1))

    return multiply


def _textbook(
    pairs: Sequence[Pair], gradient: Tensor, free: Tensor | None, matrix: Tensor | None = None
) -> Tensor:
    """-H g by the two-loop recursion (Nocedal and Wright 2006, Algorithm 7.4), on vectors in float64.

    From H_0 = s.y / y.Py P, restricted to the free entries like the pairs; P is the identity if ``None``.
    """
    mask = torch.ones(gradient.numel(), dtype=torch.float64) if free is None else free.double()
    cut = [(s.double().flatten() * mask, y.double().flatten() * mask) for s, y in pairs]
    q = gradient.double().flatten() * mask
    alphas = []
    for s, y in reversed(cut):
        alphas.append(s @ q / (s @ y))
        q = q - alphas[-1] * y
    s, y = cut[-1]
    initial_scale = mask.diag() if matrix is None else mask[:, None] * matrix * mask
    r = s @ y / (y @ initial_scale @ y) * (initial_scale @ q)
    for (s, y), alpha in zip(cut, reversed(alphas), strict=True):
        r = r + s * (alpha - y @ r / (s @ y))
    return -r.view_as(gradient)


def _error(found: Tensor | None, expected: Tensor) -> float:
    assert found is not None
    assert found.dtype == torch.float32
    assert found.shape == expected.shape
    return float((found.double() - expected).norm() / expected.norm())


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize(("half", "tolerance"), [(False, TIGHT), (True, HALF)])
@pytest.mark.parametrize("count", [1, 4, 7])
def test_the_direction_is_the_textbooks(masked: bool, half: bool, tolerance: float, count: int) -> None:
    history, pairs = LbfgsMemory(7, half=half), _pairs(count)
    assert _add(history, pairs) == [True] * count
    free = _free() if masked else None
    found = history.direction(_gradient(), free)
    assert _error(found, _textbook(pairs, _gradient(), free)) < tolerance
    if free is not None:
        assert found is not None
        assert bool((found.flatten()[~free] == 0).all())


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize(("half", "tolerance"), [(False, TIGHT), (True, HALF)])
@pytest.mark.parametrize("count", [1, 4, 9])
def test_a_preconditioned_direction_is_the_textbooks(
    masked: bool, half: bool, tolerance: float, count: int
) -> None:
    """Also through the ring of seven pairs, whose newest is then not the last row."""
    matrix = _matrix()
    history, pairs = LbfgsMemory(7, half=half, precondition=_by(matrix)), _pairs(count)
    _add(history, pairs)
    free = _free() if masked else None
    found = history.direction(_gradient(), free)
    assert _error(found, _textbook(pairs[-7:], _gradient(), free, matrix)) < tolerance
    plain = _textbook(pairs[-7:], _gradient(), free)
    assert _error(found, plain) > 0.1, "P changes nothing, so nothing is tested"
    if free is not None:
        assert found is not None
        assert bool((found.flatten()[~free] == 0).all())


def test_a_preconditioned_direction_satisfies_the_secant_condition() -> None:
    """The secant condition H y = s, for the newest pair."""
    history, pairs = LbfgsMemory(4, precondition=_by(_matrix())), _pairs(6)
    _add(history, pairs)
    s, y = pairs[-1]
    assert _error(history.direction(y), -s.double()) < TIGHT


def test_twice_the_initial_scale_is_the_textbooks_of_twice_h_0() -> None:
    """The newest step stays as it was, and what no pair says anything about moves twice as far."""
    s, y = _pairs(1)[0]
    found = []
    for initial_scale in (1.0, 2.0):
        history = LbfgsMemory(1, initial_scale=initial_scale)
        _add(history, [(s, y)])
        assert _error(history.direction(y), -s.double()) < TIGHT
        unknown = _gradient()
        for known in (s, y - s * ((y * s).sum() / (s * s).sum())):
            unknown = unknown - known * ((unknown * known).sum() / (known * known).sum())
        found.append(history.direction(unknown))
    once, twice = found
    assert once is not None
    assert _error(twice, 2 * once.double()) < TIGHT


def test_a_multiple_of_the_preconditioner_changes_nothing() -> None:
    found = []
    for factor in (1.0, 1e-3):
        history = LbfgsMemory(3, precondition=_by(factor * _matrix()))
        _add(history, _pairs(3))
        found.append(history.direction(_gradient()))
    first, second = found
    assert first is not None
    assert _error(second, first.double()) < TIGHT


def test_half_precision_is_exact_for_the_pairs_as_they_are_stored() -> None:
    """Pairs that float16 holds exactly, up to a power of two, give the direction of float32."""
    pairs = [(s.half().float(), y.half().float() * 2.0**-9) for s, y in _pairs(5)]
    history = LbfgsMemory(5, half=True)
    _add(history, pairs)
    assert _error(history.direction(_gradient()), _textbook(pairs, _gradient(), None)) < TIGHT


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("count", [3, 4, 5, 8])
def test_the_ring_keeps_the_newest(half: bool, count: int) -> None:
    history, pairs = LbfgsMemory(3, half=half), _pairs(count)
    _add(history, pairs)
    assert len(history) == 3
    error = _error(history.direction(_gradient()), _textbook(pairs[-3:], _gradient(), None))
    assert error < (HALF if half else TIGHT)


def test_after_a_reset_only_new_pairs_count() -> None:
    history, pairs = LbfgsMemory(3), _pairs(6)
    _add(history, pairs[:4])
    history.reset()
    assert len(history) == 0
    assert history.direction(_gradient()) is None
    _add(history, pairs[4:])
    assert _error(history.direction(_gradient()), _textbook(pairs[4:], _gradient(), None)) < TIGHT


@pytest.mark.parametrize("half", [False, True])
def test_a_pair_without_curvature_is_refused(half: bool) -> None:
    """Refused before it is written: the oldest pair, whose place it would take, is still whole."""
    history, pairs = LbfgsMemory(2, half=half), _pairs(2)
    s, y = pairs[0]
    _add(history, pairs)
    before = history.direction(_gradient())
    flat, across = torch.zeros(SHAPE), _gradient(5)
    across = across - s * ((across * s).sum() / (s * s).sum())
    assert _add(history, [(s, -y), (s, flat), (flat, y), (s, across * -1e-3)]) == [False] * 4
    after = history.direction(_gradient())
    assert before is not None
    assert after is not None
    assert torch.equal(before, after)


def test_a_pair_without_curvature_among_the_free_is_left_out() -> None:
    """Curved on the whole, bent down on the face: the face's model is that of the other pairs."""
    pairs, free = _pairs(3), _free()
    s, y = pairs[1]
    bent = y * torch.where(free, -0.1, 5.0).view(SHAPE)
    history = LbfgsMemory(3)
    assert _add(history, [pairs[0], (s, bent), pairs[2]]) == [True] * 3
    expected = _textbook([pairs[0], pairs[2]], _gradient(), free)
    assert _error(history.direction(_gradient(), free), expected) < TIGHT
    alone = LbfgsMemory(1)
    _add(alone, [(s, bent)])
    assert alone.direction(_gradient(), free) is None


def test_the_initial_scale_is_that_of_the_newest_pair_that_is_curved_among_the_free() -> None:
    pairs, free, matrix = _pairs(3), _free(), _matrix()
    s, y = pairs[-1]
    bent = y * torch.where(free, -0.1, 5.0).view(SHAPE)
    history = LbfgsMemory(3, precondition=_by(matrix))
    _add(history, [*pairs[:2], (s, bent)])
    expected = _textbook(pairs[:2], _gradient(), free, matrix)
    assert _error(history.direction(_gradient(), free), expected) < TIGHT


def test_a_preconditioner_that_is_none_gives_no_direction() -> None:
    """One that is not positive definite, here negative or 0: refused, and no division by 0."""
    for factor in (-1.0, 0.0):
        history = LbfgsMemory(3, precondition=_by(factor * _matrix()))
        _add(history, _pairs(2))
        assert history.direction(_gradient()) is None


def test_a_history_of_no_pairs_has_no_direction() -> None:
    history = LbfgsMemory(0)
    assert _add(history, _pairs(1)) == [False]
    assert history.direction(_gradient()) is None


def test_products_that_overflow_give_no_direction() -> None:
    history = LbfgsMemory(2)
    _add(history, _pairs(2))
    assert history.direction(_gradient() * 1e25) is None


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("length", rest_is_long([37, 1], short=1))
@pytest.mark.parametrize("precondition", [None, Preconditioner()], ids=["plain", "preconditioned"])
def test_chunks_change_nothing(
    monkeypatch: pytest.MonkeyPatch,
    half: bool,
    masked: bool,
    length: int,
    precondition: Preconditioner | None,
) -> None:
    free = _free() if masked else None
    found = []
    for patched in (False, True):
        if patched:
            monkeypatch.setattr("glstylenet.numerics.chunks.chunk_length", lambda _device, _rows: length)
        history = LbfgsMemory(4, half=half, precondition=precondition)
        _add(history, _pairs(6))
        found.append(history.direction(_gradient(), free))
    whole, parts = found
    assert whole is not None
    assert _error(parts, whole.double()) < TIGHT


@pytest.mark.parametrize("size", [1e-12, 1e-3, 1e6])
@pytest.mark.parametrize("rise", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("preconditioned", [False, True])
def test_tiny_and_huge_rows_survive_half_precision(size: float, rise: float, preconditioned: bool) -> None:
    """Unscaled, float16 would round the tiny to 0 and the huge to infinity."""
    matrix = _matrix() if preconditioned else None
    history = LbfgsMemory(4, half=True, precondition=None if matrix is None else _by(matrix))
    pairs = _pairs(5, size=size, rise=rise)
    assert _add(history, pairs) == [True] * 5
    assert _error(history.direction(_gradient()), _textbook(pairs[1:], _gradient(), None, matrix)) < HALF


def test_small_entries_beside_a_large_one_survive_half_precision() -> None:
    """One entry a million times the others: they keep their digits, which the free ones need."""
    pairs = _pairs(3)
    for s, y in pairs:
        s.view(-1)[5] *= 1e6
        y.view(-1)[5] *= 1e6
    free = torch.ones(math.prod(SHAPE), dtype=torch.bool)
    free[5] = False
    history = LbfgsMemory(3, half=True)
    _add(history, pairs)
    assert _error(history.direction(_gradient(), free), _textbook(pairs, _gradient(), free)) < HALF


@pytest.mark.parametrize("largest", [1e-44, 1e-30, 1.0, 65504.0, 3e38])
def test_a_scale_is_a_power_of_two_and_fits(largest: float) -> None:
    scale = module._scale(largest)
    assert math.frexp(scale)[0] == 0.5
    assert largest / scale < 2**15
    assert math.isfinite(float(torch.tensor(1.0 / scale)))
    if largest > 1e-29:
        assert largest / scale >= 2**14


@pytest.mark.parametrize("half", [False, True])
def test_history_bytes_are_the_storages(half: bool) -> None:
    history = LbfgsMemory(6, half=half)
    assert history.nbytes == 0
    _add(history, _pairs(1))
    assert history._rows is not None
    assert history.nbytes == history._rows.untyped_storage().nbytes()
    assert history.nbytes == history_bytes(6, math.prod(SHAPE), half)
    _add(history, _pairs(8))
    assert history.nbytes == history_bytes(6, math.prod(SHAPE), half)


@pytest.mark.parametrize(
    "other", [torch.ones(1, 3, 13, 11), torch.ones(1, 3, 5, 5), torch.ones(SHAPE, dtype=torch.float64)]
)
def test_another_kind_of_vector_starts_empty(other: Tensor) -> None:
    history = LbfgsMemory(3)
    _add(history, _pairs(3))
    history.match_layout(torch.ones(SHAPE))
    assert len(history) == 3
    history.match_layout(other)
    assert (len(history), history.nbytes) == (0, 0)
    assert history.direction(other) is None


@pytest.mark.parametrize("length", [None, 1, 37])
def test_a_pair_is_measured(monkeypatch: pytest.MonkeyPatch, length: int | None) -> None:
    if length is not None:
        monkeypatch.setattr("glstylenet.numerics.chunks.chunk_length", lambda _device, _rows: length)
    x, gradient, new_x, new_gradient = (_gradient(seed) for seed in range(4))
    s, y = (new_x - x).double(), (new_gradient - gradient).double()
    found = secant_pair(x, gradient, new_x, new_gradient)
    expected = SecantPair(
        *(float(v) for v in ((s * y).sum(), s.norm(), y.norm(), s.abs().max(), y.abs().max()))
    )
    for name, value in vars(expected).items():
        assert getattr(found, name) == pytest.approx(value, rel=1e-5), name
    assert found.finite


@pytest.mark.parametrize("poison", [math.nan, math.inf, -math.inf])
def test_a_pair_that_is_not_finite(poison: float) -> None:
    x, new_gradient = torch.zeros(SHAPE), torch.ones(SHAPE)
    new_gradient[0, 2, 10, 12] = poison
    pair = secant_pair(x, torch.zeros(SHAPE), torch.ones(SHAPE), new_gradient)
    assert not pair.finite
    assert not pair.curved


ENTRIES = 3 * 512 * 512


@pytest.mark.filterwarnings("ignore")  # the profiler's own
@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_a_direction_allocates_one_vector(half: bool, masked: bool) -> None:
    """The direction itself is the only allocation that is not a chunk's."""
    generator = torch.Generator().manual_seed(0)
    x, gradient = torch.zeros(ENTRIES), torch.randn(ENTRIES, generator=generator)
    free = torch.rand(ENTRIES, generator=generator) < 0.7 if masked else None
    history = LbfgsMemory(3, half=half)
    for _ in range(3):
        s = torch.randn(ENTRIES, generator=generator)
        history.add(secant_pair(x, x, s, 2 * s), x, x, s, 2 * s)
    with recorded() as changes:
        direction = history.direction(gradient, free)
        pair = secant_pair(x, x, s, gradient)
        history.add(pair, x, x, s, s)
    assert direction is not None
    made = sorted(size for size in changes if size > 0)
    assert made[-1] == 4 * ENTRIES
    assert made[-2] <= 4 * CACHED_ENTRIES


@pytest.mark.filterwarnings("ignore")  # the profiler's own
@pytest.mark.parametrize("masked", [False, True])
def test_a_preconditioned_direction_holds_two_vectors(masked: bool) -> None:
    """The newest y and Py, then the direction; a channel's transform beside them."""
    generator = torch.Generator().manual_seed(0)
    shape = (1, 3, 512, 512)
    x, gradient = torch.zeros(shape), torch.randn(shape, generator=generator)
    free = torch.rand(ENTRIES, generator=generator) < 0.7 if masked else None
    history = LbfgsMemory(2, precondition=Preconditioner())
    s = torch.randn(shape, generator=generator)
    history.add(secant_pair(x, x, s, 2 * s), x, x, s, 2 * s)
    history.direction(gradient, free)  # makes the factors, which are kept
    with recorded() as changes:
        direction = history.direction(gradient, free)
    assert direction is not None
    peak, vector = peak_of(changes), 4 * ENTRIES
    # Of one channel: complex waves, half as many and twice as large, and what they become.
    assert vector <= peak <= 2 * vector + 4 * CACHED_ENTRIES


@pytest.mark.long
@pytest.mark.filterwarnings("ignore")  # the profiler's own
@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize(("preconditioned", "updates"), [(True, True), (False, False), (True, False)])
def test_a_run_holds_four_vectors_beside_its_history(half: bool, preconditioned: bool, updates: bool) -> None:
    """x, its gradient, a candidate and its gradient; the rest are chunks, and factors of P."""
    shape = (1, 3, 512, 512)
    target = torch.linspace(-100.0, 300.0, ENTRIES).view(shape)
    curvatures = torch.logspace(0, 1, ENTRIES).view(shape)

    def evaluate(x: Tensor) -> tuple[float, Tensor]:
        gradient = (x - target).mul_(curvatures)
        return 0.5 * float((x - target).flatten() @ gradient.flatten()), gradient

    vector, calls, pairs, form = 4 * ENTRIES, 14, 3, Preconditioner()
    optimizer = Lbfgs(
        history=pairs,
        half_history=half,
        precondition=form if preconditioned else None,
        update_preconditioner=form.fit if updates else None,
    )
    with recorded() as changes:
        accepted = 0
        for step in optimizer.run(evaluate, torch.full(shape, 128.0), calls):
            accepted += step.accepted
            del step
    assert accepted > (10 if updates else 4)
    # The start, x and the history; three for each call of evaluate, candidate included; the directions, and
    # Py for each.
    made = (calls - 1) * (2 if preconditioned else 1)
    assert sum(size >= vector // 2 for size in changes) <= 3 + 3 * calls - 1 + made
    peak = peak_of(changes)
    # The peak is in evaluate, whose own temporary vector is a sixth.
    factors = (4 * 512 * 257 if preconditioned else 0) + (4 * 512 * 512 if updates else 0)
    expected = history_bytes(pairs, ENTRIES, half) + 5 * vector + factors
    assert expected <= peak <= expected + 4 * CACHED_ENTRIES
