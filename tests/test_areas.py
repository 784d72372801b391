"""Areas of a giant picture: how they are cut, and windows of resized pictures."""

import itertools

import pytest
import torch

from glstylenet.giant.areas import SMALLEST_AREA, Area, cut_into_areas
from glstylenet.numerics import Rect
from glstylenet.pictures import resize, resized_window

SIZES = [(128, 128), (130, 700), (655, 1017), (1039, 400), (2000, 161)]


def _meet(one: Rect, other: Rect) -> bool:
    rows = one.top < other.bottom and other.top < one.bottom
    return rows and one.left < other.right and other.left < one.right


@pytest.mark.parametrize("side", [SMALLEST_AREA, 160, 256])
@pytest.mark.parametrize("size", SIZES)
def test_areas_of_a_colour_do_not_touch(size: tuple[int, int], side: int) -> None:
    """No region overlaps another's, and what one reads no other of its colour changes."""
    areas = cut_into_areas(size, side)
    for one, other in itertools.permutations(areas, 2):
        if one.colour == other.colour:
            assert not _meet(one.region.cells, other.region.cells)
            assert not _meet(one.region.crop, other.painted)


@pytest.mark.parametrize("size", SIZES)
def test_areas_are_the_picture_each_pixel_once(size: tuple[int, int]) -> None:
    count = torch.zeros(size)
    for area in cut_into_areas(size, SMALLEST_AREA):
        count[area.core.slices] += 1
    assert torch.equal(count, torch.ones(size))


def test_a_region_is_what_the_painted_pixels_reach() -> None:
    """Of three areas of 128 pixels, the outer two leave 128, of which 80 are halos: 24 for each band."""
    middle = cut_into_areas((128, 384), 128)[1]
    assert middle == Area(1, 1, middle.tile, band=24)
    assert middle.core == Rect(0, 128, 128, 256)
    assert middle.painted == Rect(0, 104, 128, 280)
    assert middle.region.cells == Rect(0, 8, 16, 40)
    assert middle.region.crop == Rect(0, 24, 128, 360)


@pytest.mark.parametrize("size", SIZES)
def test_windows_add_up_to_one_and_end_at_nothing(size: tuple[int, int]) -> None:
    total = torch.zeros(size)
    for area in cut_into_areas(size, 256):
        window = area.window[0, 0]
        assert window.shape == area.painted.size
        assert area.painted.top == 0 or float(window[0].max()) < 0.001
        assert area.painted.right == size[1] or float(window[:, -1].max()) < 0.001
        total[area.painted.slices] += window
    torch.testing.assert_close(total, torch.ones(size))


@pytest.mark.parametrize("target", [(80, 60), (33, 47), (20, 15), (40, 30)])
def test_a_window_of_a_resized_picture_is_that_of_the_whole(target: tuple[int, int]) -> None:
    picture = torch.rand(1, 3, 40, 30, generator=torch.Generator().manual_seed(1)) * 255
    whole = resize(picture, target)
    height, width = target
    for window in (Rect(0, 0, height, width), Rect(3, 5, 9, 12), Rect(height - 4, 0, height, 7)):
        part = resized_window(lambda r: picture[..., *r.slices], (40, 30), target, window)
        torch.testing.assert_close(part, whole[..., *window.slices], rtol=0, atol=1e-3)


def test_a_window_reads_only_what_it_needs() -> None:
    read: list[Rect] = []

    def source(window: Rect) -> torch.Tensor:
        read.append(window)
        return torch.zeros(1, 1, *window.size)

    resized_window(source, (4000, 4000), (1000, 1000), Rect(100, 200, 110, 210))
    [window] = read
    assert window == Rect(394, 794, 446, 846)
