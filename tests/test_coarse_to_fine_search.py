"""A large style is searched cell by cell, and what is found is a real similarity."""

import itertools

import pytest
import torch
from torch import Tensor

from glstylenet.matching import index
from glstylenet.matching.coarse_to_fine import cell_means, coarse_to_fine_search
from glstylenet.matching.exact import BLOCK_BYTES, Matches, NormalisedPatches, PatchCosines, exact_search


def _feature(seed: int, size: tuple[int, int]) -> Tensor:
    """Positive, as after a ReLU, and alike from position to position."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand((1, 12, 7, 6), generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, size=size, mode="bilinear", align_corners=False)
    return smooth + 0.1 * torch.rand((1, 12, *size), generator=generator)


def _guided(sides: list[PatchCosines], block_bytes: int = BLOCK_BYTES) -> Matches:
    means = [cell_means(side.style.positions) for side in sides]
    return coarse_to_fine_search(sides, means, (0, 0), block_bytes)


@pytest.mark.parametrize("size", [(21, 18), (24, 24), (8, 31)])
def test_the_style_itself_is_found_position_by_position(size: tuple[int, int]) -> None:
    feature = _feature(0, size)
    found = _guided([NormalisedPatches(feature, 1.0).cosines_with(feature)])
    height, width = size[0] - 2, size[1] - 2
    assert torch.equal(found.index, torch.arange(height * width).view(height, width))
    torch.testing.assert_close(found.similarity, torch.ones(height, width))


@pytest.mark.parametrize("block_bytes", [1, 10**5, BLOCK_BYTES])
def test_what_is_found_has_the_similarity_that_is_told(block_bytes: int) -> None:
    """That of the exact search where both found the same patch, and never above the best there is."""
    query, style = _feature(1, (22, 19)), _feature(2, (26, 17))
    query_map, style_map = _feature(3, (22, 19)), _feature(4, (26, 17))
    sides = [
        NormalisedPatches(style, 1.0).cosines_with(query),
        NormalisedPatches(style_map, 0.6).cosines_with(query_map),
    ]
    found, best = _guided(sides, block_bytes), exact_search(sides, BLOCK_BYTES)
    same = found.index == best.index
    assert float(same.double().mean()) > 0.3
    torch.testing.assert_close(found.similarity[same], best.similarity[same])
    assert bool((found.similarity <= best.similarity + 1e-5).all())


def test_a_style_smaller_than_a_window_is_searched_whole() -> None:
    query, style = _feature(5, (9, 10)), _feature(6, (5, 6))
    sides = [NormalisedPatches(style, 1.0).cosines_with(query)]
    found, best = _guided(sides), exact_search(sides, BLOCK_BYTES)
    assert torch.equal(found.index, best.index)


def test_a_style_s_cells_are_averaged_once_for_all_searches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each tile of a picture is a search, and the style may be larger than all of them."""
    calls = 0

    def counted(positions: Tensor, centre: Tensor | None) -> Tensor:
        nonlocal calls
        calls += 1
        return cell_means(positions, centre)

    monkeypatch.setattr(index, "EXACT_POSITIONS", 50)
    monkeypatch.setattr(index, "cell_means", counted)
    style = _feature(0, (21, 18))
    patches = index.StylePatchIndex(style)
    first, second = (patches.search(_feature(seed, (12, 10))) for seed in (1, 1))
    assert torch.equal(first.index, second.index)
    assert calls == 1


@pytest.mark.parametrize(("height", "width"), [(131, 30), (16, 5), (17, 4), (3, 3)])
def test_cells_are_averaged_by_hand_however_high_the_style_is(height: int, width: int) -> None:
    """Strips of it are looked at, and no cell lies in two of them."""
    style = _feature(9, (height, width))
    found = cell_means(style[0].permute(1, 2, 0))
    for row, column in itertools.product(range(found.shape[0]), range(found.shape[1])):
        cell = style[0, :, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4].sum(dim=(1, 2))
        torch.testing.assert_close(found[row, column], cell / cell.norm())
    assert found.shape == (-(-height // 4), -(-width // 4), 12)


@pytest.mark.parametrize("height", [40, 131])
def test_a_style_kept_as_float16_is_searched_in_float32(height: int) -> None:
    """As its own numbers widened are, to the last digit."""
    query, style = _feature(7, (21, 18)), _feature(8, (height, 30)).half()
    kept, widened = (
        _guided([NormalisedPatches(each, 1.0).cosines_with(query)]) for each in (style, style.float())
    )
    assert kept.similarity.dtype == torch.float32
    assert torch.equal(kept.index, widened.index)
    assert torch.equal(kept.similarity, widened.similarity)
