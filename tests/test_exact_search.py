"""Factorised matching against literal patch vectors, and hand-built patches whose match is known."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from glstylenet.bench.literal import (
    literal_map_similarity,
    literal_similarity,
    patch_vectors,
    unit_vectors,
)
from glstylenet.errors import InputError
from glstylenet.matching.exact import (
    NormalisedPatches,
    _block_sizes,
    exact_search,
    match_patches,
    patch_norm_squared,
    patch_sums,
    semantic_factor,
)
from tests.allocations import peak_of, recorded
from tests.long_cases import rest_is_long


def _features(seed: int, channels: int, *sizes: tuple[int, int]) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.rand((1, channels, *size), generator=generator) for size in sizes]


def _class_maps(seed: int, classes: int, *sizes: tuple[int, int]) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    maps = []
    for size in sizes:
        labels = torch.randint(classes, size, generator=generator)
        maps.append(torch.nn.functional.one_hot(labels, classes).permute(2, 0, 1)[None].float())
    return maps


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 2**16),
    channels=st.integers(1, 9),
    size=st.tuples(st.integers(3, 11), st.integers(3, 11)),
    style_size=st.tuples(st.integers(3, 11), st.integers(3, 11)),
    semantic_weight=st.sampled_from([0.0, 10.0, 50.0]),
    block_bytes=st.sampled_from([1, 5_000, 20_000, 100_000_000]),
)
def test_equals_literal_patch_vectors(
    seed: int,
    channels: int,
    size: tuple[int, int],
    style_size: tuple[int, int],
    semantic_weight: float,
    block_bytes: int,
) -> None:
    query, style = _features(seed, channels, size, style_size)
    query_map, style_map = _class_maps(seed, 3, size, style_size)
    similarity = literal_similarity(
        unit_vectors(patch_vectors(query)),
        unit_vectors(patch_vectors(style)),
        literal_map_similarity(query_map, style_map, semantic_weight),
    ).amax(dim=1)
    found = match_patches(
        query,
        style,
        query_map=query_map,
        style_map=style_map,
        map_factor=semantic_factor(semantic_weight),
        block_bytes=block_bytes,
    )
    assert found.index.shape == (size[0] - 2, size[1] - 2)
    torch.testing.assert_close(found.similarity.flatten(), similarity, rtol=1e-5, atol=1e-5)
    # Where two candidates tie up to rounding, either is right: the one found must be as good.
    literal = _similarity_of(query, style, query_map, style_map, semantic_weight, found.index.flatten())
    torch.testing.assert_close(literal, similarity, rtol=1e-5, atol=1e-5)


def _similarity_of(
    query: torch.Tensor,
    style: torch.Tensor,
    query_map: torch.Tensor,
    style_map: torch.Tensor,
    semantic_weight: float,
    index: torch.Tensor,
) -> torch.Tensor:
    """Similarity of each query patch with the style patch of number ``index``, by the definition."""
    total = torch.zeros(index.shape)
    for left, right, factor in ((query, style, 1.0), (query_map, style_map, 0.03 * semantic_weight)):
        patches = torch.nn.functional.unfold(left, 3)[0].T
        chosen = torch.nn.functional.unfold(right, 3)[0].T[index]
        total += factor * torch.nn.functional.cosine_similarity(patches, chosen, dim=1)
    return total


@pytest.mark.parametrize("block_bytes", rest_is_long([4096, 1, 30_000, 10**9], short=1))
def test_same_neighbours_for_any_block_size(block_bytes: int) -> None:
    query, style = _features(3, 16, (13, 9), (8, 17))
    similarity = literal_similarity(unit_vectors(patch_vectors(query)), unit_vectors(patch_vectors(style)))
    found = match_patches(query, style, block_bytes=block_bytes)
    assert torch.equal(found.index.flatten(), similarity.argmax(dim=1))


@pytest.mark.parametrize(
    ("query", "style"),
    [((40, 30), (50, 60)), ((3, 4000), (60, 60)), ((500, 700), (400, 800)), ((9, 9), (3, 9))],
)
def test_blocks_stay_within_their_bytes(query: tuple[int, int], style: tuple[int, int]) -> None:
    for block_bytes in (2**18, 2**22, 2**27):
        rows_and_columns = _block_sizes(query, style, block_bytes)
        sides = [
            (min(block[0], whole[0]) + 2) * (min(block[1], whole[1]) + 2)
            for block, whole in zip(rows_and_columns, (query, style), strict=True)
        ]
        assert 12 * sides[0] * sides[1] <= block_bytes
        assert min(*rows_and_columns[0], *rows_and_columns[1]) >= 1


@pytest.mark.filterwarnings("ignore")  # the profiler's own
@pytest.mark.parametrize("maps", [False, True])
def test_a_search_holds_no_more_than_its_blocks(maps: bool) -> None:
    """One block here: two of products, sums across and sums down, and the features' sums beside the map's."""
    query, style = _features(5, 4, (40, 30), (28, 33))
    query_map, style_map = _class_maps(6, 3, (40, 30), (28, 33))
    sides = [NormalisedPatches(style, 1.0).cosines_with(query)]
    if maps:
        sides.append(NormalisedPatches(style_map, 0.6).cosines_with(query_map))
    with recorded() as changes:
        exact_search(sides, 2**30)
    products = 4 * 40 * 30 * 28 * 33
    assert (2.5 if maps else 1.7) * products < peak_of(changes) < (3.0 if maps else 2.0) * products


def test_a_copied_patch_finds_its_origin() -> None:
    (style,) = _features(1, 6, (10, 12))
    # Query = the style moved by 2 rows and 3 columns: patch (y, x) comes from (y + 2, x + 3).
    query = style[:, :, 2:9, 3:11] * 7.0  # a cosine does not see the brightness
    found = match_patches(query, style)
    rows, columns = torch.meshgrid(torch.arange(5), torch.arange(6), indexing="ij")
    assert torch.equal(found.index, (rows + 2) * 10 + columns + 3)
    torch.testing.assert_close(found.similarity, torch.ones(5, 6))


def test_maps_decide_between_equal_features() -> None:
    style = torch.ones(1, 2, 3, 8)
    style_map = torch.zeros(1, 2, 3, 8)
    style_map[:, 0, :, :4] = 1.0  # class 0 left, class 1 right
    style_map[:, 1, :, 4:] = 1.0
    query = torch.ones(1, 2, 3, 3)
    right = torch.zeros(1, 2, 3, 3)
    right[:, 1] = 1.0
    found = match_patches(query, style, query_map=right, style_map=style_map, map_factor=0.3)
    assert found.index.item() == 4  # the first patch that lies wholly in class 1
    assert found.similarity.item() == pytest.approx(1.3)
    assert match_patches(query, style).index.item() == 0  # without maps: the first of equals


def test_repeating_map_channels_changes_no_cosine() -> None:
    """The paper gives each of four layers a copy of the map; one copy serves."""
    query, style = _features(5, 8, (7, 9), (9, 6))
    query_map, style_map = _class_maps(5, 5, (7, 9), (9, 6))
    once = match_patches(query, style, query_map=query_map, style_map=style_map, map_factor=0.9)
    four = match_patches(
        query,
        style,
        query_map=query_map.repeat(1, 4, 1, 1),
        style_map=style_map.repeat(1, 4, 1, 1),
        map_factor=0.9,
    )
    assert torch.equal(once.index, four.index)
    torch.testing.assert_close(once.similarity, four.similarity)


def test_all_zero_patches_have_cosine_zero() -> None:
    found = match_patches(torch.zeros(1, 3, 4, 4), torch.rand(1, 3, 4, 4))
    assert torch.equal(found.similarity, torch.zeros(2, 2))


def test_semantic_factor_is_the_papers() -> None:
    assert semantic_factor(10.0) == pytest.approx(0.3)


def test_patch_sums_by_hand() -> None:
    grid = torch.arange(12.0).view(3, 4)
    torch.testing.assert_close(patch_sums(grid), torch.tensor([[45.0, 54.0]]))
    two_channels = torch.stack((grid, grid))[None]
    expected = 2.0 * torch.tensor([[(grid[:, :3] ** 2).sum(), (grid[:, 1:] ** 2).sum()]])
    torch.testing.assert_close(patch_norm_squared(two_channels), expected)


@pytest.mark.parametrize(("query", "style"), [((2, 9), (5, 5)), ((5, 5), (9, 2))])
def test_too_small_for_a_patch(query: tuple[int, int], style: tuple[int, int]) -> None:
    with pytest.raises(InputError, match="3 x 3"):
        match_patches(torch.ones(1, 2, *query), torch.ones(1, 2, *style))


@pytest.mark.parametrize("block_bytes", [10**4, 10**8])
def test_a_style_kept_as_float16_is_compared_in_float32(block_bytes: int) -> None:
    query, style = _features(0, 5, (12, 9), (10, 14))
    style = style.half()
    kept, widened = (match_patches(query, each, block_bytes=block_bytes) for each in (style, style.float()))
    assert kept.similarity.dtype == torch.float32
    assert torch.equal(kept.index, widened.index)
    assert torch.equal(kept.similarity, widened.similarity)
