"""What a run will need, and the refusal that says what would fit."""

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from glstylenet.errors import MemoryLimitError
from glstylenet.images import fitted_size
from glstylenet.memory import check_memory, estimate_bytes, format_bytes
from glstylenet.schedule import SMALLEST_SIDE

MIB, GIB = 2**20, 2**30


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 MiB"),
        (640 * MIB, "640 MiB"),
        (GIB - 1, "1024 MiB"),
        (GIB, "1.0 GiB"),
        (3 * GIB + 200 * MIB, "3.2 GiB"),
    ],
)
def test_format_bytes(count: int, words: str) -> None:
    assert format_bytes(count) == words


def test_the_estimate_grows_with_the_picture_and_the_precision() -> None:
    small, large = ((size, size) for size in (256, 512))
    assert estimate_bytes(small, small, "float32") < estimate_bytes(large, small, "float32")
    assert estimate_bytes(large, small, "bfloat16") < estimate_bytes(large, small, "float32")
    # A style that is far larger than the result counts too; one of the same size does not.
    assert estimate_bytes(small, small, "float32") == estimate_bytes(small, (1, 1), "float32")
    assert estimate_bytes(small, (1024, 1024), "float32") > estimate_bytes(small, small, "float32")


def test_the_estimate_is_linear_in_the_pixels() -> None:
    one, two, three = (estimate_bytes((1000 * n, 1000), (1, 1), "float32") for n in (1, 2, 3))
    assert three - two == two - one > 0


def test_what_fits_is_not_refused() -> None:
    needed = estimate_bytes((512, 352), (512, 352), "float32")
    check_memory(needed, needed, (512, 352))


def test_the_refusal_names_both_numbers_and_a_size() -> None:
    with pytest.raises(MemoryLimitError) as caught:
        check_memory(estimate_bytes((3000, 4000), (1, 1), "float32"), 4 * GIB, (3000, 4000))
    message = str(caught.value)
    assert caught.value.exit_code == 6
    assert "4000 x 3000 pixels" in message
    assert format_bytes(estimate_bytes((3000, 4000), (1, 1), "float32")) in message
    assert "4.0 GiB" in message
    assert re.search(r"--size \d+", message)
    assert "--memory" in message


def test_no_size_is_advised_where_none_would_fit() -> None:
    with pytest.raises(MemoryLimitError) as caught:
        check_memory(estimate_bytes((3000, 4000), (1, 1), "float32"), 64 * MIB, (3000, 4000))
    assert "--size" not in str(caught.value)
    assert "more memory" in str(caught.value)


@given(
    size=st.tuples(st.integers(32, 9000), st.integers(32, 9000)),
    share=st.floats(0.1, 8.0),
    precision=st.sampled_from(["float32", "bfloat16"]),
    allowed=st.integers(64 * MIB, 64 * GIB),
)
def test_the_advised_size_fits(size: tuple[int, int], share: float, precision: str, allowed: int) -> None:
    """A style of ``share`` times the result shrinks with it, as a ``style_scale`` does."""

    def needed(result: tuple[int, int]) -> int:
        return estimate_bytes(result, fitted_size(result, max(1, round(max(result) * share))), precision)

    assume(needed(size) > allowed)
    with pytest.raises(MemoryLimitError) as caught:
        check_memory(needed(size), allowed, size)
    advised = re.search(r"--size (\d+)", str(caught.value))
    if advised is None:
        assert "more memory" in str(caught.value)
        return
    longest = int(advised[1])
    assume(min(fitted_size(size, longest)) >= SMALLEST_SIDE)  # narrower ones are no results
    assert longest < max(size)
    check_memory(needed(fitted_size(size, longest)), allowed, size)
    # And it is not needlessly small: a tenth more would not fit.
    assert needed(fitted_size(size, round(1.1 * longest) + 2)) > allowed
