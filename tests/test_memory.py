"""What a run will need, how it is made to fit, and the refusal that says what would fit."""

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from glstylenet.errors import MemoryLimitError
from glstylenet.matching.exact import BLOCK_BYTES
from glstylenet.memory import estimate as estimate_module
from glstylenet.memory import plan as planner
from glstylenet.memory.estimate import HeldPictures, MemoryEstimate
from glstylenet.memory.plan import HISTORY, MemoryPlan, format_bytes, plan_memory, refitted, smaller_tiles
from glstylenet.pictures.resize import fitted_size
from glstylenet.pyramid.schemes import SCHEMES
from glstylenet.pyramid.tiles import cut_into_tiles
from glstylenet.run.canvas import canvas_size
from glstylenet.run.scales import SMALLEST_SIDE

MIB, GIB = 2**20, 2**30
LARGE = (4000, 6000)
PLENTY = 2**50


def fits(estimate: MemoryEstimate, allowed: int) -> bool:
    try:
        plan_memory(estimate, allowed)
    except MemoryLimitError:
        return False
    return True


def _estimate(
    size: tuple[int, int],
    style_size: tuple[int, int] | None = None,
    precision: str = "float32",
    scheme: str = "g",
) -> MemoryEstimate:
    """Of the only, and so the largest, stage of a run."""
    style_size = style_size or size
    held_pictures = HeldPictures(0, pixel_bytes=12).resized(size, style_size)
    return MemoryEstimate(size, style_size, size, style_size, precision, SCHEMES[scheme], held_pictures)


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


def test_fixed_bytes_by_hand() -> None:
    """512 x 352 pixels and as large a style, float32, scheme (g): 64 x 44 positions of 960 channels."""
    pixels = 512 * 352
    vectors = (4 * 12 + 2 + 4) * pixels  # of the preconditioner half a channel of waves, and a channel
    pictures = 12 * 2 * pixels
    base = estimate_module._BASE_BYTES + estimate_module._WINOGRAD_BYTES  # float32 on a CPU
    expected = base + BLOCK_BYTES + vectors + pictures
    estimate = _estimate((512, 352))
    assert estimate.fixed_bytes == expected
    assert replace(estimate, classes=5).fixed_bytes == expected + 4 * 5 * 2 * pixels
    # 3 matrices of 960 x 960 of each class and of those left to the whole; 8192 positions, twice.
    matrices = 3 * 6 * 4 * 960**2 + 2 * 8192 * 4 * 960
    regions = replace(estimate, classes=5, regions=True)
    assert regions.fixed_bytes == expected + 4 * 5 * 2 * pixels + matrices
    # Who only looks needs as much room, for the result, the pictures and the margin around the content.
    assert replace(estimate, optimizes=False).fixed_bytes == expected
    # As many bytes for a pixel in any precision, but no weights for Winograd's convolutions.
    assert replace(estimate, precision="bfloat16").fixed_bytes == expected - estimate_module._WINOGRAD_BYTES
    # Pictures that are at hand as bytes.
    as_bytes = replace(estimate, held_pictures=HeldPictures(6 * pixels, pixel_bytes=12))
    assert as_bytes.fixed_bytes == expected - 3 * 6 * pixels
    # On a GPU neither the program nor the pictures at hand count, but what its libraries take.
    libraries = estimate_module._GPU_BASE_BYTES
    assert replace(estimate, on_gpu=True).fixed_bytes == expected - base - pictures + libraries
    # At half the size the pictures at hand are as large as ever.
    half = replace(estimate, size=(256, 176), style_size=(256, 176))
    assert half.fixed_bytes - base - BLOCK_BYTES == vectors // 4 + pictures


def test_target_bytes_by_hand() -> None:
    """The same: F^4 of the content, the fused features of the style, and the means of every 16 of them."""
    estimate, positions = _estimate((512, 352)), 64 * 44
    content, style, means = 512 * positions, 960 * positions, 60 * positions
    assert estimate.target_bytes(half=False) == 4 * (content + style + means)
    assert replace(estimate, on_gpu=True).target_bytes(half=False) == 4 * (content + style + means)
    alone = replace(estimate, scheme=SCHEMES["c"])
    assert alone.target_bytes(half=False) == 4 * (content + 512 * positions + 32 * positions)
    assert estimate.target_bytes(half=True) == 2 * (content + style) + 4 * means
    # bfloat16 has 16 bits as it is.
    rough = replace(estimate, precision="bfloat16")
    assert rough.target_bytes(half=False) == rough.target_bytes(half=True) == 2 * (content + style + means)


def test_network_bytes_by_hand() -> None:
    estimate = _estimate((1024, 2048), (100, 100))
    # Of 960 channels at a 64th of the positions 60 bytes a pixel, four times.
    assert estimate.network_bytes(None) == (600 + 4 * 60) * 1024 * 2048
    # A size that does not halve exactly has gradients to write out, and so has a scheme that skips a layer.
    uneven = _estimate((1024, 2044), (100, 100))
    fused = 4 * 4 * 960 * 128 * 255
    assert uneven.network_bytes(None) == pytest.approx((600 + 600) * 1024 * 2044 + fused, abs=1)
    skipping = replace(estimate, scheme=SCHEMES["f"])
    assert skipping.network_bytes(None) == (600 + 4 * 44 + 600) * 1024 * 2048
    # Layers by themselves are not resampled, but large.
    apart = replace(uneven, scheme=SCHEMES["apart"], size=(1024, 2040))
    assert apart.network_bytes(None) == (600 + 4 * 4 * (64 + 32 + 16 + 8)) * 1024 * 2040
    # A tile of 512 x 512 pixels inside the picture's width, with 40 more left and right, and below or above.
    # Between tiles lies freed memory that does not fit.
    assert estimate.network_bytes(512) == (840 + 50) * (512 + 40) * (512 + 2 * 40)
    # A large style passes too, without a way back.
    assert _estimate((64, 64), (1024, 2048)).network_bytes(None) == 0.8 * 840 * 1024 * 2048
    # In tiles it counts as if they were as long as they can be.
    large_style = _estimate((64, 64), (300, 2048)).network_bytes(512)
    assert large_style == pytest.approx(0.8 * (840 + 50) * 300 * (512 + 31 + 2 * 40), abs=1)


def test_network_bytes_on_a_gpu_by_hand() -> None:
    """More for a pixel; and up to a megapixel twice, for a CUDA graph has memory of its own."""
    large, small = (replace(_estimate((1024, width), (100, 100)), on_gpu=True) for width in (1032, 1024))
    assert large.network_bytes(None) == (1010 + 4 * 60) * 1024 * 1032
    assert small.network_bytes(None) == 2 * (1010 + 4 * 60) * 1024 * 1024
    assert replace(small, precision="bfloat16").network_bytes(None) == 2 * (950 + 4 * 30) * 1024 * 1024
    # Who only looks replays nothing, and tiles are not replayed.
    assert replace(small, optimizes=False).network_bytes(None) == (1010 + 4 * 60) * 1024 * 1024
    assert small.network_bytes(512) == (1010 + 4 * 60 + 350) * (512 + 40) ** 2
    assert replace(small, precision="bfloat16").network_bytes(512) == (950 + 4 * 30 + 150) * (512 + 40) ** 2


@given(
    size=st.tuples(st.integers(32, 3000), st.integers(32, 3000)), side=st.sampled_from([256, 384, 512, 896])
)
def test_no_crop_is_longer_than_reckoned(size: tuple[int, int], side: int) -> None:
    for tile in cut_into_tiles(size, side):
        for found, length in zip(tile.crop.size, size, strict=True):
            assert found <= estimate_module._longest_crop(length, side)


def test_relu_masks_are_bytes_on_a_gpu() -> None:
    estimate = _estimate((1024, 2048), (100, 100))
    more = replace(estimate, on_gpu=True).cached_tile_bytes(512, half=False) - estimate.cached_tile_bytes(
        512, half=False
    )
    assert more == (264 - 33) * (512 + 40) * (512 + 2 * 40)


def test_cached_tile_bytes_by_hand() -> None:
    """Of 512 x 512 pixels with 40 more on three sides: 264 entries of ReLU masks for each; and fused
    features, of 960 channels at 64 x 64 positions and one more each way."""
    estimate = _estimate((1024, 2048), (100, 100))
    masks = 33 * (512 + 40) * (512 + 2 * 40)
    assert estimate.cached_tile_bytes(512, half=False) == masks + 4 * 960 * 66 * 66
    assert estimate.cached_tile_bytes(512, half=True) == masks + 2 * 960 * 66 * 66
    # Of scheme (a) 192 channels at half the size, and F^4 for the content.
    shallow = replace(estimate, scheme=SCHEMES["a"], precision="bfloat16")
    for half in (False, True):  # bfloat16 has 16 bits as it is
        assert shallow.cached_tile_bytes(512, half=half) == masks + 2 * (192 * 264 * 264 + 512 * 66 * 66)


def test_vote_bytes_by_hand() -> None:
    """The last fused feature of a style as soft as the picture; there is no history while it is compared."""
    estimate = replace(_estimate((512, 352), (256, 160), scheme="h"), copies_strokes=True)
    entries = 32 * 20 * 512  # scheme h: F^4 alone
    assert estimate.vote_bytes(half=False) == 4 * entries + 4 * entries // 16
    assert estimate.vote_bytes(half=True) == 2 * entries + 4 * entries // 16
    assert replace(estimate, copies_strokes=False).vote_bytes(half=False) == 0
    # Beside the history of a small picture, a large style decides.
    small, large = (replace(estimate, style_size=size) for size in ((256, 160), (2048, 2048)))
    needed = [
        planner._make_plan(each, None, 3, half_history=True).needed_bytes
        - each.fixed_bytes
        - each.target_bytes(half=False)
        - each.network_bytes(None)
        for each in (small, large)
    ]
    assert needed == [small.history_bytes(3, half=True), large.vote_bytes(half=False)]


def test_history_bytes_by_hand() -> None:
    estimate = _estimate((512, 352))
    assert estimate.history_bytes(10, half=False) == 20 * 3 * 512 * 352 * 4
    assert estimate.history_bytes(3, half=True) == 6 * 3 * 512 * 352 * 2
    assert replace(estimate, optimizes=False).history_bytes(10, half=False) == 0


def test_what_fits_is_done_whole() -> None:
    estimate = _estimate((512, 352))
    plan = plan_memory(estimate, PLENTY)
    needed = estimate.fixed_bytes + estimate.target_bytes(half=False) + estimate.network_bytes(None)
    needed += estimate.history_bytes(HISTORY, half=False)
    assert plan == MemoryPlan(None, 1, HISTORY, False, needed)
    assert plan_memory(estimate, needed) == plan
    assert plan_memory(estimate, needed - 1) != plan


def test_less_memory_means_half_a_history_then_tiles_then_smaller_ones_and_fewer_pairs() -> None:
    """Each plan in turn, from the bytes that the last one just lacked."""
    estimate, allowed = _estimate(LARGE, (1000, 1000)), PLENTY
    plans: list[MemoryPlan] = []
    while True:
        try:
            plans.append(plan_memory(estimate, allowed))
        except MemoryLimitError:
            break
        assert plans[-1].needed_bytes <= allowed
        assert plans[-1].tiles == len(cut_into_tiles(LARGE, plans[-1].tile_side))
        allowed = plans[-1].needed_bytes - 1
    assert [(plan.tile_side, plan.history, plan.half_history, plan.half_features) for plan in plans[:4]] == [
        (None, 10, False, False),
        (None, 10, True, False),
        (1536, 10, True, True),
        (1536, 10, True, True),
    ]
    assert (plans[-1].tile_side, plans[-1].history, plans[-1].cached_tiles) == (256, 3, 0)
    assert all(plan.half_history for plan in plans[1:])
    assert all(plan.half_features for plan in plans[2:])
    assert {plan.history for plan in plans} == {10, 3}
    # Smaller tiles that are all cached are less work than larger ones of which few are.
    assert [(plan.tile_side, plan.cached_tiles) for plan in plans[2:6]] == [
        (1536, 12),
        (1536, 11),
        (1024, 24),
        (1024, 23),
    ]
    # Work grows as memory shrinks.
    work = [planner._work(plan, estimate) for plan in plans]
    assert work == sorted(work)


@pytest.mark.parametrize(
    ("size", "gibibytes", "work"),
    [
        # What the best of 44 tiled plans took, before there were 12: 1.357, 2.560, 1.679 and 1.566.
        ((4000, 6000), 6.4, 1.36),
        ((4000, 6000), 4.066, 2.57),
        ((2000, 3000), 2.06, 1.68),
        ((1024, 1024), 1.044, 1.57),
    ],
)
def test_the_work_of_plans(size: tuple[int, int], gibibytes: float, work: float) -> None:
    """Predicted, relative to the whole picture with 10 pairs; a change that costs more is seen here."""
    held_pictures = HeldPictures(6 * size[0] * size[1], pixel_bytes=12)
    estimate = replace(_estimate(size), held_pictures=held_pictures)
    plan = plan_memory(estimate, int(gibibytes * GIB))
    assert planner._work(plan, estimate) / (size[0] * size[1]) < work


def test_a_plan_keeps_its_features_precision() -> None:
    estimate = _estimate(LARGE, (1000, 1000))
    plan = planner._cache_tiles(
        planner._make_plan(estimate, 896, 3, half_history=True, half_features=True), estimate, PLENTY
    )
    fewer = refitted(plan, estimate, plan.needed_bytes - 1)
    assert fewer is not None
    assert fewer.half_features
    assert smaller_tiles(plan, estimate).half_features


def test_a_measurement_takes_features_in_full_precision_where_they_fit() -> None:
    """Precision comes before time, because the numbers are reported; a run takes the faster plan."""
    measured = replace(_estimate(LARGE), optimizes=False)
    least = planner._make_plan(measured, 896, 3, half_history=True)
    allowed = least.needed_bytes + 5 * measured.cached_tile_bytes(896, half=False)
    plan = plan_memory(measured, allowed)
    assert not plan.half_features
    assert plan.cached_tiles < plan.tiles
    assert plan_memory(
        replace(measured, optimizes=True), allowed + measured.history_bytes(3, True)
    ).half_features
    assert plan_memory(
        measured, planner._make_plan(measured, 256, 3, half_history=True).needed_bytes - 1
    ).half_features


def test_bfloat16_features_have_16_bits_as_they_are() -> None:
    assert not planner._make_plan(
        _estimate(LARGE, precision="bfloat16"), 896, 3, half_history=True, half_features=True
    ).half_features


def test_the_advice_reckons_with_pictures_that_are_bytes_no_longer() -> None:
    """A content and a start of 8 bits at their own size, with transparency: resampled, 28 bytes a pixel."""
    size = (6000, 8000)
    held_pictures = HeldPictures(10 * size[0] * size[1] + 3 * 200 * 300, pixel_bytes=28)
    estimate = replace(_estimate(size, (200, 300)), held_pictures=held_pictures)
    with pytest.raises(MemoryLimitError) as caught:
        plan_memory(estimate, 2 * GIB)
    advised = re.search(r"--size (\d+)", str(caught.value))
    assert advised is not None
    smaller = fitted_size(size, int(advised[1]))
    plan_memory(
        replace(_estimate(smaller, (200, 300)), held_pictures=held_pictures.resized(smaller, (200, 300))),
        2 * GIB,
    )
    # Without the start and the transparency a larger one would do.
    with pytest.raises(MemoryLimitError) as caught:
        plan_memory(replace(estimate, held_pictures=replace(held_pictures, pixel_bytes=12)), 2 * GIB)
    larger = re.search(r"--size (\d+)", str(caught.value))
    assert larger is not None
    assert int(larger[1]) > int(advised[1])


def test_a_shorter_history_has_its_price() -> None:
    estimate = _estimate(LARGE)
    long, short = (planner._make_plan(estimate, 896, history, half_history=True) for history in (10, 3))
    assert planner._work(short, estimate) == pytest.approx(1.2 * planner._work(long, estimate))


def test_tiles_are_cached_in_what_is_left() -> None:
    estimate = _estimate(LARGE, (1000, 1000))
    least = planner._make_plan(estimate, 896, 10, half_history=True)
    each = estimate.cached_tile_bytes(896, half=False)
    assert (least.tiles, least.cached_tiles) == (35, 0)
    for kept in (0, 1, 34, 35):
        found = planner._cache_tiles(least, estimate, least.needed_bytes + kept * each + each // 2)
        assert found == replace(least, needed_bytes=least.needed_bytes + kept * each, cached_tiles=kept)
    assert planner._cache_tiles(least, estimate, PLENTY).cached_tiles == 35


def test_passes_by_hand() -> None:
    """A quarter of the tiles computed twice, the first time forward only, which is 0.49 of both passes."""
    assert MemoryPlan(512, 8, 10, True, 0, cached_tiles=6).passes == pytest.approx(1 + 0.49 / 4)
    assert MemoryPlan(512, 8, 10, True, 0, cached_tiles=8).passes == 1.0
    assert MemoryPlan(None, 1, 10, True, 0).passes == 1.0


def test_a_plan_is_refitted_with_fewer_cached_tiles() -> None:
    estimate = _estimate(LARGE, (1000, 1000))
    plan = planner._cache_tiles(planner._make_plan(estimate, 896, 10, half_history=True), estimate, PLENTY)
    each = estimate.cached_tile_bytes(896, half=False)
    assert refitted(plan, estimate, plan.needed_bytes) == plan
    fewer = refitted(plan, estimate, plan.needed_bytes - each - 1)
    assert fewer == replace(plan, cached_tiles=33, needed_bytes=plan.needed_bytes - 2 * each)
    assert refitted(plan, estimate, plan.needed_bytes - 35 * each - 1) is None
    whole = planner._make_plan(estimate, None, 10, half_history=True)
    assert refitted(whole, estimate, whole.needed_bytes - 1) is None


@pytest.mark.parametrize(
    ("precision", "classes", "style_size"),
    [
        ("bfloat16", 5, LARGE),
        ("float32", 0, LARGE),
        ("float32", 5, (2000, 3000)),  # with both maps at full size, five classes and float32 it is 6.7 GiB
    ],
)
def test_24_megapixels_fit_into_6_gibibytes(
    precision: str, classes: int, style_size: tuple[int, int]
) -> None:
    """DESIGN section 6."""
    estimate = replace(_estimate(LARGE, style_size, precision), classes=classes)
    plan = plan_memory(estimate, 6 * GIB)
    assert plan.needed_bytes <= 6 * GIB
    assert plan.tiles > 1


@given(
    size=st.tuples(st.integers(32, 3000), st.integers(32, 3000)),
    side=st.sampled_from([None, 256, 384, 1000, 2048]),
)
def test_the_largest_crop_is_that_of_all_tiles(size: tuple[int, int], side: int | None) -> None:
    tiles = cut_into_tiles(size, side)
    crops = [tile.crop.size for tile in tiles]
    estimate = _estimate(size, (32, 32))
    whole = estimate.network_bytes(None) / (size[0] * size[1]) + (0 if side is None else 50)
    largest = max(height * width for height, width in crops)
    assert estimate.network_bytes(side) == pytest.approx(whole * largest, abs=2)
    assert planner._make_plan(estimate, side, HISTORY, half_history=False).tiles == len(tiles)


def test_no_tile_is_larger_than_the_picture() -> None:
    """A plan in tiles has several: of a small picture the smallest tiles come right after the whole."""
    estimate = _estimate((500, 400))
    whole = plan_memory(estimate, PLENTY)
    halved = plan_memory(estimate, whole.needed_bytes - 1)
    tiled = plan_memory(estimate, halved.needed_bytes - 1)
    assert (whole.tiles, halved.tiles) == (1, 1)
    assert tiled.tile_side == 384
    assert tiled.tiles > 1


def test_smaller_tiles_have_half_the_side() -> None:
    estimate = _estimate(LARGE)
    whole = plan_memory(estimate, PLENTY)
    once = smaller_tiles(whole, estimate)
    assert (once.tile_side, once.history, once.half_history) == (3000, HISTORY, False)
    assert once.tiles == len(cut_into_tiles(LARGE, 3000))
    assert once.needed_bytes < whole.needed_bytes
    assert smaller_tiles(once, estimate).tile_side == 1500
    # Never so small that the halo is most of the work.
    assert smaller_tiles(replace(once, tile_side=300), estimate).tile_side == 256


def test_the_refusal_names_both_numbers_and_a_size() -> None:
    # Of the result, without the margin it is painted with.
    estimate = replace(_estimate((3016, 4016)), full_size=(3000, 4000))
    with pytest.raises(MemoryLimitError) as caught:
        plan_memory(estimate, GIB)
    message = str(caught.value)
    assert caught.value.exit_code == 6
    assert "a result of 4000 x 3000 pixels" in message
    needed = re.search(r"needs at least (.*?), and the run may use 1\.0 GiB", message)
    assert needed is not None
    assert re.search(r"--size \d+", message)
    assert "--memory" in message
    # And what it names is indeed the least: with so much it runs.
    smallest = planner._smallest_plan(estimate).needed_bytes
    assert needed[1] == format_bytes(smallest)
    assert plan_memory(estimate, smallest).needed_bytes == smallest


def test_a_style_that_keeps_its_size_counts_in_full() -> None:
    """One far smaller than the result does not shrink with it."""
    allowed = plan_memory(_estimate((2000, 2000), (1000, 1000)), PLENTY).needed_bytes // 3
    with pytest.raises(MemoryLimitError) as caught:
        plan_memory(_estimate((8000, 8000), (1000, 1000)), allowed)
    advised = re.search(r"--size (\d+)", str(caught.value))
    assert advised is not None
    assert 1000 < int(advised[1]) < 8000
    plan_memory(_estimate((int(advised[1]), int(advised[1])), (1000, 1000)), allowed)


def test_no_size_is_advised_where_none_would_fit() -> None:
    with pytest.raises(MemoryLimitError) as caught:
        plan_memory(_estimate((3000, 4000)), 64 * MIB)
    assert "--size" not in str(caught.value)
    assert "more memory" in str(caught.value)


@settings(deadline=None, max_examples=60)
# A style that shrinks to a single tile's length makes a longer crop than one of two tiles.
@example(size=(1000, 1000), share=0.877, precision="bfloat16", scheme="a", allowed=654889705)
# Smaller than the smallest tile: as a whole it would have a history of 10 pairs, as a tile it has 3.
@example(size=(500, 500), share=1.5, precision="float32", scheme="a", allowed=659029414)
# And one whose sides are rounded once more is a row higher than the result's proportions have it.
@pytest.mark.long
@example(size=(500, 2183), share=1.703125, precision="bfloat16", scheme="g", allowed=629145600)
@given(
    size=st.tuples(st.integers(500, 9000), st.integers(500, 9000)),
    share=st.floats(0.1, 2.0),
    precision=st.sampled_from(["float32", "bfloat16"]),
    scheme=st.sampled_from(sorted(SCHEMES)),
    allowed=st.integers(600 * MIB, 4 * GIB),
)
def test_the_advised_size_fits(
    size: tuple[int, int], share: float, precision: str, scheme: str, allowed: int
) -> None:
    """A style may shrink with the result, as one of a ``style_scale`` does, or keep its own size up to the
    result's. The advice does not know which, so it must do for both."""
    own_style = fitted_size(size, max(1, round(max(size) * share)))

    def estimate(result: tuple[int, int]) -> MemoryEstimate:
        style = fitted_size(result, max(1, round(max(result) * share)))
        return replace(_estimate(result, style, precision, scheme), size=canvas_size(result))

    def estimate_of_own_style(result: tuple[int, int]) -> MemoryEstimate:
        style = fitted_size(own_style, min(max(own_style), round(max(1.0, share) * max(result))))
        return replace(_estimate(result, style, precision, scheme), size=canvas_size(result))

    try:
        plan_memory(estimate(size), allowed)
    except MemoryLimitError as refusal:
        message = str(refusal)
    else:
        assume(False)
    advised = re.search(r"--size (\d+)", message)
    if advised is None:
        assert "more memory" in message
        return
    longest = int(advised[1])
    assume(min(fitted_size(size, longest)) >= SMALLEST_SIDE)  # narrower ones are no results
    assert longest < max(size)
    plan_memory(estimate(fitted_size(size, longest)), allowed)
    plan_memory(estimate_of_own_style(fitted_size(size, longest)), allowed)
    # And it is not needlessly small: half as much again and what comes above it would not fit beside a style
    # of its own size, but for a size here or there whose tiles come out small.
    larger = np.linspace(1.5 * longest, 1.6 * longest + 20, 20).round().astype(int)
    candidates = [int(each) for each in larger if each < max(size)]
    assert not candidates or not all(
        fits(estimate_of_own_style(fitted_size(size, each)), allowed) for each in candidates
    )
