"""A content of smooth colours and a style of stripes, as small as a run takes them."""

import numpy as np
import pytest
from numpy.typing import NDArray

__all__ = ["Picture", "content", "style"]

Picture = NDArray[np.uint8]


@pytest.fixture(scope="module")
def content() -> Picture:
    """A gradient in each channel."""
    rows, columns = np.mgrid[0:32, 0:40]
    return np.stack((5 * rows, 255 - 6 * columns, 3 * (rows + columns)), axis=2).astype(np.uint8)


@pytest.fixture(scope="module")
def style() -> Picture:
    """Slanted stripes of two colours."""
    rows, columns = np.mgrid[0:36, 0:32]
    stripes = np.sin((rows + 2 * columns) / 2.5) > 0
    return np.where(stripes[..., None], (200, 120, 30), (40, 60, 150)).astype(np.uint8)
