"""Guidance: a large style is searched cell by cell, and what it finds is a real similarity."""

import pytest
import torch
from torch import Tensor

from glstylenet.guidance import guided_search
from glstylenet.patches import BLOCK_BYTES, Side, exact_search


def _feature(seed: int, size: tuple[int, int]) -> Tensor:
    """Positive, as after a ReLU, and alike from position to position."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand((1, 12, 7, 6), generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, size=size, mode="bilinear", align_corners=False)
    return smooth + 0.1 * torch.rand((1, 12, *size), generator=generator)


@pytest.mark.parametrize("size", [(21, 18), (24, 24), (8, 31)])
def test_the_style_itself_is_found_position_by_position(size: tuple[int, int]) -> None:
    feature = _feature(0, size)
    found = guided_search([Side(feature, 1.0).compared(feature)], (0, 0), BLOCK_BYTES)
    height, width = size[0] - 2, size[1] - 2
    assert torch.equal(found.index, torch.arange(height * width).view(height, width))
    torch.testing.assert_close(found.similarity, torch.ones(height, width))


@pytest.mark.parametrize("block_bytes", [1, 10**5, BLOCK_BYTES])
def test_what_is_found_has_the_similarity_that_is_told(block_bytes: int) -> None:
    """That of the exact search where both found the same patch, and never above the best there is."""
    query, style = _feature(1, (22, 19)), _feature(2, (26, 17))
    query_map, style_map = _feature(3, (22, 19)), _feature(4, (26, 17))
    sides = [Side(style, 1.0).compared(query), Side(style_map, 0.6).compared(query_map)]
    found, best = guided_search(sides, (0, 0), block_bytes), exact_search(sides, BLOCK_BYTES)
    same = found.index == best.index
    assert float(same.double().mean()) > 0.3
    torch.testing.assert_close(found.similarity[same], best.similarity[same])
    assert bool((found.similarity <= best.similarity + 1e-5).all())


def test_a_style_smaller_than_a_window_is_searched_whole() -> None:
    query, style = _feature(5, (9, 10)), _feature(6, (5, 6))
    sides = [Side(style, 1.0).compared(query)]
    found, best = guided_search(sides, (0, 0), BLOCK_BYTES), exact_search(sides, BLOCK_BYTES)
    assert torch.equal(found.index, best.index)
