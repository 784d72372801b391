"""Tiles: every position and every patch belongs to exactly one, and its crop has all that it needs."""

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from torch import Tensor

from glstylenet.network.layers import LAYER_CHANNELS, layer_size
from glstylenet.numerics.rectangle import Rect
from glstylenet.pyramid.tiles import CELL, HALO, Tile, cut_into_tiles

LAYERS = tuple(LAYER_CHANNELS)

SIZES = st.tuples(st.integers(32, 300), st.integers(32, 300))
SIDES = st.one_of(st.none(), st.integers(1, 400))


def test_by_hand() -> None:
    """101 x 70 pixels, 12 x 8 positions of the deepest layer, in 3 x 2 tiles of 4 x 4 positions."""
    tiles = cut_into_tiles((101, 70), 32)
    assert [tile.cells for tile in tiles] == [
        Rect(0, 0, 4, 4),
        Rect(0, 4, 4, 8),
        Rect(4, 0, 8, 4),
        Rect(4, 4, 8, 8),
        Rect(8, 0, 12, 4),
        Rect(8, 4, 12, 8),
    ]
    middle, last = tiles[2], tiles[5]
    assert middle.positions(4) == Rect(4, 0, 8, 4)
    assert middle.positions(3) == Rect(8, 0, 16, 8)
    assert middle.positions(1) == Rect(32, 0, 64, 32)
    # 40 pixels more where the picture goes on.
    assert middle.crop == Rect(0, 0, 101, 70)
    assert tiles[0].crop == Rect(0, 0, 72, 70)
    assert last.crop == Rect(24, 0, 101, 70)
    assert last.origin == (24, 0)
    # The last tile also has what is left over: rows 96-100, columns 64-69.
    assert last.positions(1) == Rect(64, 32, 101, 70)
    assert last.positions(2) == Rect(32, 16, 50, 35)
    # 10 x 6 patches of the deepest layer: the corner is one before the centre, borders are no centres.
    assert tiles[0].patches(4) == Rect(0, 0, 3, 3)
    assert middle.patches(4) == Rect(3, 0, 7, 3)
    assert last.patches(4) == Rect(7, 3, 10, 6)
    assert [tile.is_first for tile in tiles] == [True] + [False] * 5


def test_far_from_the_border_a_crop_goes_beyond_on_every_side() -> None:
    tile = cut_into_tiles((512, 512), 128)[5]
    assert tile.positions(1) == Rect(128, 128, 256, 256)
    assert tile.crop == Rect(88, 88, 296, 296)


@pytest.mark.parametrize("side", [None, 512, 4000])
def test_the_whole_is_one_tile(side: int | None) -> None:
    [tile] = cut_into_tiles((101, 70), side)
    assert tile.crop == Rect(0, 0, 101, 70)
    assert tile.positions(4) == Rect(0, 0, 12, 8)
    assert tile.patches(4) == Rect(0, 0, 10, 6)
    assert tile.is_first


def _count(windows: list[Rect], size: tuple[int, int]) -> Tensor:
    """How many of ``windows`` hold each position."""
    count = torch.zeros(size, dtype=torch.int64)
    for window in windows:
        assert 0 <= window.top <= window.bottom <= size[0]
        assert 0 <= window.left <= window.right <= size[1]
        count[window.slices] += 1
    return count


@given(size=SIZES, side=SIDES)
@example(size=(211, 173), side=32)
@example(size=(32, 39), side=32)
def test_every_position_and_every_patch_has_one_tile(size: tuple[int, int], side: int | None) -> None:
    tiles = cut_into_tiles(size, side)
    assert [tile.is_first for tile in tiles] == [True] + [False] * (len(tiles) - 1)
    for layer in LAYERS:
        height, width = layer_size(size, layer)
        positions = _count([tile.positions(layer) for tile in tiles], (height, width))
        patches = _count([tile.patches(layer) for tile in tiles], (height - 2, width - 2))
        assert bool((positions == 1).all())
        assert bool((patches == 1).all())


@given(size=SIZES, side=st.integers(32, 400))
def test_tiles_are_about_equal_and_as_few_as_possible(size: tuple[int, int], side: int) -> None:
    """In units of four positions of the deepest layer; the last tile also has what is left over."""
    tiles = cut_into_tiles(size, side)
    for length, extents in (
        (size[0] // CELL, {(tile.cells.top, tile.cells.bottom) for tile in tiles}),
        (size[1] // CELL, {(tile.cells.left, tile.cells.right) for tile in tiles}),
    ):
        assert all(start % 4 == 0 and (end % 4 == 0 or end == length) for start, end in extents)
        units = [end // 4 - start // 4 for start, end in extents]
        assert max(units) - min(units) <= 1
        assert max(units) <= side // CELL // 4
        assert len(units) == -(-(length // 4) // (side // CELL // 4))


@given(size=SIZES, side=SIDES)
def test_every_tile_has_patches(size: tuple[int, int], side: int | None) -> None:
    """So that there is something to be searched at each."""
    for tile in cut_into_tiles(size, side):
        assert all(min(tile.patches(layer).size) >= 1 for layer in LAYERS)


@given(size=SIZES, side=SIDES)
def test_a_crop_has_all_that_positions_and_patches_need(size: tuple[int, int], side: int | None) -> None:
    """Position p of conv4_1 depends on rows 8p - 30 to 8p + 37; the patches reach one position further."""
    for tile in cut_into_tiles(size, side):
        crop, reach = tile.crop, tile.patches(4).expand(2)
        assert crop.top % CELL == crop.left % CELL == 0
        assert crop.top <= max(0, CELL * reach.top - 30)
        assert crop.left <= max(0, CELL * reach.left - 30)
        assert crop.bottom >= min(size[0], CELL * (reach.bottom - 1) + 37 + 1)
        assert crop.right >= min(size[1], CELL * (reach.right - 1) + 37 + 1)
        # A crop that is cut off before the border leaves what the poolings average as it is: even lengths.
        for end, length in ((crop.bottom, size[0]), (crop.right, size[1])):
            assert end == length or end % CELL == 0


@given(size=SIZES, side=SIDES)
def test_a_crop_is_no_larger_than_the_halo_asks(size: tuple[int, int], side: int | None) -> None:
    for tile in cut_into_tiles(size, side):
        own, crop = tile.positions(1), tile.crop
        assert own.top - crop.top <= HALO
        assert own.left - crop.left <= HALO
        assert crop.bottom - own.bottom <= HALO
        assert crop.right - own.right <= HALO


def test_a_tile_knows_nothing_of_its_neighbours() -> None:
    """Its geometry follows from the picture's size and its own cells alone."""
    tile = Tile((101, 70), Rect(4, 4, 8, 8))
    assert tile in cut_into_tiles((101, 70), 32)
