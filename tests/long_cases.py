"""Long cases: of many cases of one test, all but a few are left to ``make all-tests``."""

from collections.abc import Iterable
from typing import Any

import pytest

__all__ = ["rest_is_long"]


def rest_is_long(cases: Iterable[Any], short: int) -> list[Any]:
    """Return the ``cases`` of a parametrised test, all but the first ``short`` of them marked as long.

    A tuple holds the values of several parameters.
    """
    return [
        pytest.param(
            *(case if isinstance(case, tuple | list) else (case,)),
            marks=pytest.mark.long if number >= short else (),
        )
        for number, case in enumerate(cases)
    ]
