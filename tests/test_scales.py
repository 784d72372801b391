"""The plan of sizes: the rules its docstring states, whatever numbers the module chooses."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from glstylenet.run.scales import (
    FEWEST,
    SMALLEST_CLASS,
    SMALLEST_SIDE,
    Scale,
    most_evaluations,
    plan_scales,
)
from glstylenet.settings import QUALITIES, QualityName, Settings

SIZES = st.tuples(st.integers(SMALLEST_SIDE, 6000), st.integers(SMALLEST_SIDE, 6000))
BUDGETS = st.integers(1, 2000)
SHARES = st.none() | st.floats(1e-6, 1.0)
COUNTS = st.none() | st.integers(1, 8)
COARSEST = st.integers(1, 3000)
WORDS = st.sampled_from(sorted(QUALITIES))


def _plan(
    size: tuple[int, int],
    evaluations: int | None = 100_000,
    *,
    quality: QualityName = "standard",
    coarsest: int = 200,
    scales: int | None = None,
    smallest_class: float | None = None,
) -> list[Scale]:
    return plan_scales(
        size,
        evaluations,
        quality=QUALITIES[quality],
        coarsest=coarsest,
        scales=scales,
        smallest_class=smallest_class,
    )


def _scaled(size: tuple[int, int], factor: float) -> tuple[int, int]:
    return round(size[0] * factor), round(size[1] * factor)


@given(size=SIZES, evaluations=BUDGETS, quality=WORDS, coarsest=COARSEST, scales=COUNTS, share=SHARES)
def test_every_plan(
    size: tuple[int, int],
    evaluations: int,
    quality: QualityName,
    coarsest: int,
    scales: int | None,
    share: float | None,
) -> None:
    plan = _plan(size, evaluations, quality=quality, coarsest=coarsest, scales=scales, smallest_class=share)
    assert sum(scale.evaluations for scale in plan) == evaluations
    assert all(scale.evaluations > 0 for scale in plan)
    # The last is the result itself; each factor is a power of two, and they rise.
    assert plan[-1].factor == 1.0
    assert plan[-1].size == size
    factors = [scale.factor for scale in plan]
    assert factors == sorted(set(factors))
    assert all(factor in [0.5**n for n in range(8)] for factor in factors)
    for scale in plan:
        assert scale.size == _scaled(size, scale.factor)
        assert min(scale.size) >= SMALLEST_SIDE


def _positions(scale: Scale) -> int:
    """Of the deepest layer."""
    return (scale.size[0] // 8) * (scale.size[1] // 8)


@given(size=SIZES, coarsest=COARSEST)
def test_the_chosen_scales_halve_as_far_as_they_may(size: tuple[int, int], coarsest: int) -> None:
    plan = _plan(size, coarsest=coarsest)
    assert all(max(scale.size) >= coarsest for scale in plan[:-1])
    next_size = _scaled(size, plan[0].factor / 2)
    assert max(next_size) < coarsest or min(next_size) < SMALLEST_SIDE


@example(size=(200, 6000), coarsest=200, share=0.0005)  # a strip, whose shortest side ends the halving
@given(size=SIZES, coarsest=COARSEST, share=st.floats(1e-6, 1.0))
def test_one_scale_is_given_up_for_a_class_that_would_vanish(
    size: tuple[int, int], coarsest: int, share: float
) -> None:
    without = _plan(size, coarsest=coarsest)
    vanishes = share * _positions(without[0]) < SMALLEST_CLASS
    expected = without[1:] if vanishes and len(without) > 1 else without
    plan = _plan(size, coarsest=coarsest, smallest_class=share)
    assert [scale.factor for scale in plan] == [scale.factor for scale in expected]


@given(size=SIZES, coarsest=COARSEST, share=st.floats(1e-6, 1.0))
def test_a_smaller_class_never_means_a_coarser_start(
    size: tuple[int, int], coarsest: int, share: float
) -> None:
    starts = [
        _plan(size, coarsest=coarsest, smallest_class=value)[0].factor for value in (None, share, share / 10)
    ]
    assert starts == sorted(starts)


@given(size=SIZES, scales=st.integers(1, 8))
def test_scales_asked_for_are_given_down_to_the_smallest_side(size: tuple[int, int], scales: int) -> None:
    """The user's number holds, even where the plan made here would stop: a tiny class does not matter."""
    possible = [n for n in range(scales) if n == 0 or min(_scaled(size, 0.5**n)) >= SMALLEST_SIDE]
    plan = _plan(size, 1000, scales=scales, smallest_class=1e-9)
    assert [scale.factor for scale in plan] == [0.5**n for n in reversed(possible)]


@given(size=SIZES, evaluations=BUDGETS, scales=COUNTS)
def test_a_plan_does_not_depend_on_the_orientation(
    size: tuple[int, int], evaluations: int, scales: int | None
) -> None:
    height, width = size
    turned = _plan((width, height), evaluations, scales=scales, smallest_class=0.01)
    plan = _plan(size, evaluations, scales=scales, smallest_class=0.01)
    assert turned == [Scale(s.factor, (s.size[1], s.size[0]), s.evaluations) for s in plan]


def test_one_scale_is_the_paper() -> None:
    assert _plan((700, 500), 500, scales=1) == [Scale(1.0, (700, 500), 500)]


@pytest.mark.parametrize("scales", [1, 2, 3, 4])
def test_a_budget_of_one_is_spent_on_the_result(scales: int) -> None:
    assert _plan((512, 512), 1, scales=scales) == [Scale(1.0, (512, 512), 1)]


@given(size=SIZES, evaluations=BUDGETS, coarsest=COARSEST, scales=COUNTS)
def test_no_size_gets_so_few_evaluations_that_its_result_is_useless(
    size: tuple[int, int], evaluations: int, coarsest: int, scales: int | None
) -> None:
    plan = _plan(size, evaluations, coarsest=coarsest, scales=scales)
    fewest = FEWEST if scales is None else 2
    assert len(plan) == 1 or min(scale.evaluations for scale in plan) >= fewest
    # No size is left out for another reason: one more would get too few.
    most = _plan(size, 100_000, coarsest=coarsest, scales=scales)
    assert len(plan) == len(most) or evaluations // (len(plan) + 1) < fewest
    assert [scale.factor for scale in plan] == [scale.factor for scale in most][-len(plan) :]


@pytest.mark.parametrize(("scales", "shares"), [(1, [208]), (2, [160, 48]), (3, [90, 90, 28])])
def test_given_evaluations_are_shared_as_the_quality_shares_its_own(scales: int, shares: list[int]) -> None:
    """80 and 24 of 104: of 208, twice as many; 80, 80 and 24 of 184, and the result gets the rest."""
    plan = _plan((2000, 1500), 208, scales=scales)
    assert [scale.evaluations for scale in plan] == shares


def test_without_evaluations_the_quality_decides() -> None:
    for name, quality in QUALITIES.items():
        for scales in (1, 2, 4):
            plan = _plan((2000, 1500), None, quality=name, scales=scales)
            assert [scale.evaluations for scale in plan] == quality.evaluations(scales)


def test_the_words_cost_what_they_promise_at_512_pixels() -> None:
    """Weighed by pixels: the default at most 45 evaluations of full size, each word more than the last."""
    costs = {
        name: sum(scale.evaluations * scale.factor**2 for scale in _plan((512, 352), None, quality=name))
        for name in QUALITIES
    }
    assert costs["preview"] == 0
    assert costs["preview"] < costs["draft"] < costs["standard"] <= 45 < costs["fine"] <= 125


@given(size=SIZES, quality=WORDS, coarsest=st.integers(32, 3000), scales=COUNTS)
def test_no_plan_has_more_evaluations_than_are_possible(
    size: tuple[int, int], quality: QualityName, coarsest: int, scales: int | None
) -> None:
    plan = _plan(size, None, quality=quality, coarsest=coarsest, scales=scales)
    assert sum(s.evaluations for s in plan) <= most_evaluations(Settings(quality=quality, scales=scales))


@pytest.mark.parametrize("size", [(1, 1), (SMALLEST_SIDE, SMALLEST_SIDE), (SMALLEST_SIDE, 4000)])
@pytest.mark.parametrize("scales", [None, 3])
def test_the_smallest_pictures_have_their_own_size_only(size: tuple[int, int], scales: int | None) -> None:
    assert _plan(size, 100, scales=scales) == [Scale(1.0, size, 100)]


def test_an_eye_must_be_a_position_at_the_coarsest_scale() -> None:
    """Shares just above and just below what one position of the deepest layer is there."""
    sizes = [scale.size for scale in _plan((1600, 1600), 100)]
    coarsest = sizes[0][0] // 8
    assert sizes[0][0] < 1600
    enough, too_little = 1.01 * SMALLEST_CLASS / coarsest**2, 0.99 * SMALLEST_CLASS / coarsest**2
    assert _plan((1600, 1600), 100, smallest_class=enough)[0].size == sizes[0]
    assert _plan((1600, 1600), 100, smallest_class=too_little)[0].size == sizes[1]
