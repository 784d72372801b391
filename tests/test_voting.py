"""Voting: copies of the style's pixels, against cases worked by hand and a plain loop over patches."""

import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from glstylenet.matching import (
    PATCH,
    PatchGrid,
    StylePatchIndex,
    map_guides,
    match_guides,
    match_patches,
    use_penalty,
    vote,
)
from glstylenet.matching.voting import voted_positions


def _noise(seed: int, *shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def _own_neighbours(height: int, width: int) -> Tensor:
    """The neighbours of a picture that is the style itself, in positions."""
    return torch.arange((height - 2) * (width - 2)).view(height - 2, width - 2)


@pytest.mark.parametrize("cell", [1, 2, 8, 16])
def test_a_picture_voted_from_itself_is_itself(cell: int) -> None:
    style = 255 * _noise(0, 1, 3, 6 * cell, 9 * cell)
    voted = vote([style], PatchGrid(((6, 9),)), _own_neighbours(6, 9), cell)
    assert torch.allclose(voted, style, rtol=0, atol=1e-4)


def test_a_shifted_style_gives_the_shifted_picture() -> None:
    """The picture is the part of the style that begins 2 rows and 3 columns later."""
    style = 255 * _noise(1, 1, 3, 8 * 10, 8 * 12)
    index = _own_neighbours(10, 12)[2:7, 3:9]
    voted = vote([style], PatchGrid(((10, 12),)), index, 8)
    assert torch.allclose(voted, style[..., 16:72, 24:88], rtol=0, atol=1e-4)


def test_pixels_of_a_finer_style_are_copied_at_their_size() -> None:
    """Matched at 8 pixels a position, copied at 16: the picture is the finer style."""
    fine = 255 * _noise(2, 1, 3, 16 * 5, 16 * 6)
    voted = vote([fine], PatchGrid(((5, 6),)), _own_neighbours(5, 6), 16)
    assert torch.allclose(voted, fine, rtol=0, atol=1e-4)


def test_two_styles_are_one_pool_of_cells() -> None:
    grid = PatchGrid(((4, 5), (3, 6)))
    styles = [255 * _noise(3, 1, 3, 32, 40), 255 * _noise(4, 1, 3, 24, 48)]
    first, second = _own_neighbours(4, 5), grid.first_patch(1) + _own_neighbours(3, 6)
    assert torch.allclose(vote(styles, grid, first, 8), styles[0], rtol=0, atol=1e-4)
    assert torch.allclose(vote(styles, grid, second, 8), styles[1], rtol=0, atol=1e-4)


def _literal_vote(style: Tensor, columns: int, index: Tensor, cell: int) -> Tensor:
    """The same votes, one after another: a bell over each patch, times how many around it continue it."""
    height, width = index.shape[0] + 2, index.shape[1] + 2
    copied = {
        (y, x): divmod(int(index[y, x]), columns - 2)
        for y, x in itertools.product(range(height - 2), range(width - 2))
    }
    votes: dict[tuple[int, int], list[tuple[int, int, int, int, int]]] = {}
    for (y, x), (top, left) in copied.items():
        continuing = sum(
            copied.get((y + down, x + across)) == (top + down, left + across)
            for down, across in itertools.product((-1, 0, 1), (-1, 0, 1))
        )
        for down, across in itertools.product(range(3), range(3)):
            of_cell = votes.setdefault((y + down, x + across), [])
            of_cell.append((top + down, left + across, down, across, continuing))
    picture = torch.zeros(3, height * cell, width * cell, dtype=torch.float64)
    for (row, column), of_cell in votes.items():
        for i, j in itertools.product(range(cell), range(cell)):
            total, weight = torch.zeros(3, dtype=torch.float64), 0.0
            for top, left, down, across, continuing in of_cell:
                places = (down + (i + 0.5) / cell - 1.5, across + (j + 0.5) / cell - 1.5)
                here = continuing * np.exp(-0.5 * (places[0] ** 2 + places[1] ** 2) / 0.5**2)
                total += here * style[0, :, top * cell + i, left * cell + j].double()
                weight += here
            picture[:, row * cell + i, column * cell + j] = total / weight
    return picture[None].float()


def test_the_vote_is_the_loop_over_all_patches(monkeypatch: pytest.MonkeyPatch) -> None:
    # One row of positions at a time, so that what is gathered at once does not matter.
    monkeypatch.setattr("glstylenet.matching.voting._POSITIONS_AT_ONCE", 7)
    style = 255 * _noise(5, 1, 3, 4 * 6, 4 * 5)
    index = torch.randint(4 * 3, (5, 7), generator=torch.Generator().manual_seed(6))
    expected = _literal_vote(style, 5, index, 4)
    assert torch.allclose(vote([style], PatchGrid(((6, 5),)), index, 4), expected, rtol=0, atol=1e-3)


def test_neighbours_that_continue_each_other_outvote_a_lone_one() -> None:
    """All patches but the middle one copy the style in place; its copy has a ninth of the votes, not more."""
    style = torch.zeros(1, 1, 8 * 7, 8 * 7)
    style[..., :24, :24] = 255.0  # what the lone patch copies
    index = _own_neighbours(7, 7)
    index[2, 2] = 0
    voted = vote([style], PatchGrid(((7, 7),)), index, 8)
    middle = voted[0, 0, 24:32, 24:32]
    alone = vote([style], PatchGrid(((7, 7),)), torch.zeros_like(index), 8)[0, 0, 24:32, 24:32]
    # At its own centre it has the largest weight of the window; the eight others agree with each other.
    assert 0 < float(middle.mean()) < 0.15 * 255
    assert float(alone.mean()) == pytest.approx(255.0)


def test_copies_that_disagree_blend_without_steps() -> None:
    """Patches copy black or white in blots: where the blots meet, grey levels change as within a cell."""
    style = torch.zeros(1, 1, 8 * 20, 8 * 40)
    style[..., 8 * 20 :] = 255.0
    blots = F.avg_pool2d(_noise(11, 1, 1, 22, 22), 5, stride=1)[0, 0] > 0.5
    black = _own_neighbours(20, 40)[:, :18]
    index = torch.where(blots, black + 20, black)
    assert 0.2 < float(blots.float().mean()) < 0.8
    voted = vote([style], PatchGrid(((20, 40),)), index, 8)[0, 0]
    steps = voted.diff(dim=0).abs().amax(dim=1)
    at_borders = torch.arange(len(steps)) % 8 == 7
    assert float(steps[~at_borders].max()) > 10.0  # a blot's border takes several pixels
    assert float(steps[at_borders].max()) < 1.1 * float(steps[~at_borders].max())


def test_the_positions_voted_for_are_those_under_the_neighbours() -> None:
    grid = PatchGrid(((5, 6),))
    voted, valid = voted_positions(grid, _own_neighbours(5, 6))
    positions = torch.arange(30)
    assert bool((voted == positions[:, None])[valid].all())
    assert valid.sum(dim=1).view(5, 6)[2, 2] == PATCH**2
    assert valid.sum(dim=1)[0] == 1


def test_a_penalty_doubles_with_the_use_beyond_the_expected() -> None:
    """The only patch of a style is used by 8: its nine positions get 8 votes each, a ninth for each vote."""
    index = torch.zeros(2, 4, dtype=torch.int64)
    [penalty] = use_penalty(PatchGrid(((3, 3),)), index, [torch.full((1, 1), 2.0)], 0.05)
    assert float(penalty) == pytest.approx(0.0)  # 8/9 where 2 are expected
    [penalty] = use_penalty(PatchGrid(((3, 3),)), index, [torch.full((1, 1), 2.0 / 9)], 0.05)
    assert float(penalty) == pytest.approx(0.05 * 2)


def test_use_counts_spread_copies() -> None:
    """Forty near-equal patches of the style, one a little better: without a penalty it is taken always."""
    generator = torch.Generator().manual_seed(7)
    base = torch.rand(1, 24, 1, 1, generator=generator)
    style = base + 0.05 * torch.rand(1, 24, 12, 12, generator=generator)
    query = base + 0.05 * torch.rand(1, 24, 12, 12, generator=generator)
    style[..., 4:7, 4:7] = base + 0.025  # near the mean of all queries
    index = StylePatchIndex(style)
    before = index.search(query).index
    expected = [torch.ones(10, 10)]
    penalty, found = torch.zeros(10, 10), before
    for _ in range(2):
        [fresh] = use_penalty(PatchGrid(((12, 12),)), found, expected, 0.05)
        penalty = (penalty + fresh) / 2
        found = index.search(query, penalty=penalty).index
    most_before, most_after = (int(torch.bincount(each.flatten()).max()) for each in (before, found))
    assert most_before > 80
    assert most_after < most_before / 4


def test_a_penalty_is_subtracted_and_excludes_where_it_is_infinite() -> None:
    style, query = _noise(8, 1, 5, 6, 7), _noise(9, 1, 5, 5, 6)
    penalty = 0.2 * _noise(10, 4, 5)
    penalty[1] = torch.inf
    windows = [
        each[0].unfold(1, 3, 1).unfold(2, 3, 1).permute(1, 2, 0, 3, 4).flatten(2) for each in (query, style)
    ]
    unit = [torch.nn.functional.normalize(each.flatten(0, 1), dim=1) for each in windows]
    expected = (unit[0] @ unit[1].T - penalty.flatten()).max(dim=1)
    found = StylePatchIndex(style).search(query, penalty=penalty)
    assert torch.equal(found.index.flatten(), expected.indices)
    assert torch.allclose(found.similarity.flatten(), expected.values, atol=1e-5)


@pytest.mark.parametrize("is_large", [False, True])
def test_features_are_compared_relative_to_a_centre(is_large: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if it had been subtracted from both pictures before."""
    if is_large:
        monkeypatch.setattr("glstylenet.matching.index.EXACT_POSITIONS", 0)
    style, query, centre = _noise(11, 1, 6, 17, 18), _noise(12, 1, 6, 9, 11), _noise(13, 6)
    subtracted = [each - centre[None, :, None, None] for each in (style, query)]
    found = StylePatchIndex(style, centre=centre).search(query)
    expected = StylePatchIndex(subtracted[0]).search(subtracted[1])
    assert torch.equal(found.index, expected.index)
    assert torch.allclose(found.similarity, expected.similarity, atol=1e-5)
    assert not torch.equal(found.index, match_patches(query, style).index)


def test_guides_are_matched_by_distance() -> None:
    query, style = _noise(14, 1, 4, 6, 7), _noise(15, 1, 4, 8, 5)
    windows = [
        each[0].unfold(1, 3, 1).unfold(2, 3, 1).permute(1, 2, 0, 3, 4).flatten(2) for each in (query, style)
    ]
    distances = torch.cdist(windows[0].flatten(0, 1), windows[1].flatten(0, 1))
    assert torch.equal(match_guides(query, style).index.flatten(), distances.argmin(dim=1))


def test_guides_say_class_depth_and_place() -> None:
    """A bar of class 1 in columns 4 to 8 of a row of 16: its middle is 3 deep, capped at 3."""
    channels = torch.zeros(1, 2, 16, 16)
    channels[:, 1, :, 4:9] = 1.0
    channels[:, 0] = 1.0 - channels[:, 1]
    guides = map_guides(channels)[0]
    assert torch.equal(guides[:2], 1.5 * channels[0])
    assert guides[3, 8].tolist()[3:10] == pytest.approx([0, 0.7 / 3, 1.4 / 3, 0.7, 1.4 / 3, 0.7 / 3, 0])
    assert guides[4, :, 0].tolist() == pytest.approx([0.7 * (row + 0.5) / 16 for row in range(16)])
    assert guides[5, 0].tolist() == pytest.approx([0.7 * (column + 0.5) / 16 for column in range(16)])


def test_a_region_is_painted_from_its_own_class_and_side() -> None:
    """Two maps of left and right halves, of different sizes: left is painted from left, low from low."""

    def halves(height: int, width: int) -> Tensor:
        left = torch.zeros(height, width)
        left[:, : width // 2] = 1.0
        return torch.stack([left, 1 - left])[None]

    found = match_guides(map_guides(halves(12, 16)), map_guides(halves(9, 20))).index
    rows, columns = found // 18, found % 18
    assert bool((columns[:, :6] < 9).all() & (columns[:, 8:] >= 8).all())
    assert bool((rows[1:] >= rows[:-1]).all())
