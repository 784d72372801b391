"""A folder with two small pictures, for tests that start the program as a process of its own."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

__all__ = ["desk"]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``content.png`` and ``style.png``, 36 x 36 pixels."""
    folder = tmp_path_factory.mktemp("desk")
    for seed, name in enumerate(("content.png", "style.png")):
        values = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
        Image.fromarray(values).resize((36, 36)).save(folder / name)
    return folder
