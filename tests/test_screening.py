"""Screening: the neighbours of every pair compared, with bounds that hold, and what it does when they do not
help."""

import itertools

import pytest
import torch
from torch import Tensor

from benchmarks.literal import literal_matches
from glstylenet import screening
from glstylenet.patches import Comparison, Matches, Side, exact_search, match_patches, patch_energy
from glstylenet.screening import Screen
from glstylenet.window import Window, whole
from tests.allocations import peak_of, recorded

SHALLOW, DEEP, KEPT = 48, 20, 16


def _feature(seed: int, size: tuple[int, int], factors: int = 3, noise: float = 0.02) -> Tensor:
    """Shallow channels that are mixed from few factors, alike for every seed, with some noise; deep ones."""
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.rand((SHALLOW, factors), generator=torch.Generator().manual_seed(99))
    shallow = torch.einsum("cf,fhw->chw", mixing, torch.rand((factors, *size), generator=generator))
    shallow += noise * torch.rand((SHALLOW, *size), generator=generator)
    return torch.cat((shallow, torch.rand((DEEP, *size), generator=generator)))[None]


def _screen(style: Tensor) -> Screen:
    screen = Screen.of(Side(style, 1.0), SHALLOW)
    assert screen is not None
    return screen


def _search(style: Tensor, query: Tensor, block_bytes: int = 2**27) -> Matches:
    return exact_search([_screen(style).compared(query)], block_bytes)


@pytest.fixture
def no_last_resort(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the cosines of all pairs may be summed, not their rest."""
    real = Comparison.weighted

    def weighted(
        self: Comparison, query: Tensor, style: Tensor, query_block: Window, style_block: Window
    ) -> Tensor:
        assert query.shape[-1] != SHALLOW
        return real(self, query, style, query_block, style_block)

    monkeypatch.setattr(Comparison, "weighted", weighted)


@pytest.mark.usefixtures("no_last_resort")
@pytest.mark.parametrize("seed", range(6))
def test_neighbours_are_those_of_every_pair(seed: int) -> None:
    query, style = _feature(seed, (19, 14)), _feature(seed + 50, (16, 21))
    found = _search(style, query)
    index, similarity = literal_matches(query, style, None, None, 0.0)
    assert torch.equal(found.index.flatten(), index)
    torch.testing.assert_close(found.similarity.flatten(), similarity, rtol=0, atol=2e-3)


def test_few_directions_are_multiplied() -> None:
    screen = _screen(_feature(0, (16, 21)))
    assert screen.directions.shape == (SHALLOW, KEPT)  # three, and the mean of the noise, rounded up
    assert screen.main.shape == (16, 21, KEPT + DEEP)
    assert screen.rest.shape == (16, 21, SHALLOW)
    lengths = screen.directions.T @ screen.directions
    torch.testing.assert_close(lengths, torch.eye(KEPT), rtol=0, atol=1e-6)


def test_main_and_rest_are_the_whole() -> None:
    """Their products add up, and the share is the rest's norm over the whole's."""
    style = _feature(0, (16, 21), noise=0.06)
    screen = _screen(style)
    main, rest = screen.main.flatten(0, 1), screen.rest.flatten(0, 1)
    positions = style[0].flatten(1).T
    torch.testing.assert_close(main @ main.T + rest @ rest.T, positions @ positions.T)
    energies = [patch_energy(each.permute(2, 0, 1)[None]) for each in (screen.main, screen.rest)]
    torch.testing.assert_close(screen.share, (energies[1] / (energies[0] + energies[1])).sqrt())


@pytest.mark.parametrize("noise", [0.06, 0.6, 6.0])
def test_the_rest_stays_within_its_bound(noise: float) -> None:
    query, style = _feature(1, (9, 12), noise=noise), _feature(2, (16, 21), noise=0.06)
    screen = _screen(style)
    compared = screen.compared(query)
    windows = Window(0, 0, *compared.query_scale.shape), Window(0, 0, *screen.share.shape)
    plain = screen.style.compared(query).cosines(*windows)
    missing = (plain - compared.cosines(*windows)).abs()
    assert (missing <= compared.bound[:, :, None, None] * screen.share + 1e-6).all()
    assert missing.max() > 1e-5


def _twins(lead: float, first: float, second: float) -> tuple[Tensor, Tensor]:
    """A style whose patch at column 10 is there again at 50, with deep channels that are off by ``lead``, and
    a query that has it at 10: without the rest column 10 of the style is nearer. The rest is ``first`` and
    ``second`` in the style and 0.05 in the query, along a direction nothing else has: with it 50 is nearer.
    """
    generator = torch.Generator().manual_seed(0)
    basis, _ = torch.linalg.qr(torch.randn((SHALLOW, SHALLOW), generator=generator))
    style = torch.rand((1, SHALLOW + DEEP, 3, 80), generator=generator)
    style[:, :SHALLOW] = torch.einsum("cf,bfhw->bchw", basis[:, :KEPT], style[:, :KEPT])
    style[..., 50:53] = style[..., 10:13]
    query = style[..., 40:].clone()
    rest = basis[:, KEPT, None, None]
    query[:, :SHALLOW, :, 10:13] += 0.05 * rest
    style[:, :SHALLOW, :, 10:13] += first * rest
    style[:, :SHALLOW, :, 50:53] += second * rest
    style[:, SHALLOW:, :, 50:53] += lead * torch.randn((DEEP, 3, 3), generator=generator)
    return query, style


@pytest.mark.usefixtures("no_last_resort")
@pytest.mark.parametrize(("lead", "first", "second"), [(0.01, 0.0, 0.05), (0.015, -0.05, 0.0)])
def test_what_is_in_question_is_compared_with_the_rest(lead: float, first: float, second: float) -> None:
    query, style = _twins(lead, first, second)
    compared = _screen(style).compared(query)
    without = compared.cosines(whole((1, 38)), whole((1, 78)))[0, 10, 0]
    assert without.argmax() == 10
    assert without[50] < without[10] - 1e-5
    found, expected = exact_search([compared], 2**27), match_patches(query, style)
    assert found.index[0, 10] == 50
    assert torch.equal(found.index, expected.index)
    torch.testing.assert_close(found.similarity[0, 10], expected.similarity[0, 10])


@pytest.mark.usefixtures("no_last_resort")
def test_maps_have_their_say_in_what_is_in_question() -> None:
    """Here they outweigh the rest: of the twins the first is of the query's class."""
    query, style = _twins(0.01, 0.0, 0.05)
    maps = [torch.zeros(1, 2, *each.shape[-2:]) for each in (query, style)]
    maps[0][:, 0] = 1.0
    maps[1][:, 0, :, :20] = 1.0
    maps[1][:, 1, :, 20:] = 1.0
    sides: list[Comparison] = [_screen(style).compared(query), Side(maps[1], 1e-3).compared(maps[0])]
    assert exact_search(sides, 2**27).index[0, 10] == 10
    sides[1] = Side(maps[1], 1e-5).compared(maps[0])
    assert exact_search(sides, 2**27).index[0, 10] == 50


@pytest.mark.parametrize("rows_at_once", [1, 3, 100])
def test_pairs_in_question_by_the_definition(rows_at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose score, with all the rest may add, is the best's with all that it may take away."""
    monkeypatch.setattr(screening, "_ROWS_AT_ONCE", rows_at_once)
    generator = torch.Generator().manual_seed(0)
    score, bound = torch.rand((40, 7), generator=generator), 0.4 * torch.rand(40, generator=generator)
    share = torch.rand(7, generator=generator)
    value, place = score.max(dim=1)
    expected = []
    for row in range(40):
        second = score[row].topk(2).values[1]
        if second >= value[row] - 2 * bound[row] * share.max():
            least = value[row] - bound[row] * share[place[row]]
            expected += [
                [row, column]
                for column in range(7)
                if score[row, column] + bound[row] * share[column] >= least
            ]
    before = score.clone()
    found = screening._in_question(score, value, place, bound, share, most=len(expected))
    assert found is not None
    assert found.tolist() == expected
    assert 3 < len({row for row, _ in expected}) < 40
    assert torch.equal(score, before)
    assert screening._in_question(score, value, place, bound, share, most=len(expected) - 1) is None


@pytest.mark.usefixtures("no_last_resort")
def test_the_first_of_equals() -> None:
    style = _feature(3, (16, 36))
    style[..., 18:] = style[..., :18]
    found = _search(style, style[..., :5, :9].clone())
    rows, columns = torch.meshgrid(torch.arange(3), torch.arange(7), indexing="ij")
    assert torch.equal(found.index, rows * 34 + columns)


@pytest.mark.parametrize("alike", [True, False])
def test_too_many_in_question(alike: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a flat style all pairs are; where the query is unlike the style, the bound is wide. Then all are
    compared with the rest at once, and none singly."""
    monkeypatch.delattr(screening, "_patch_products")
    if alike:
        style = torch.ones(1, SHALLOW + DEEP, 16, 21) + 1e-4 * _feature(5, (16, 21))
        query = torch.ones(1, SHALLOW + DEEP, 12, 9) + 1e-4 * _feature(6, (12, 9))
    else:
        style, query = _feature(5, (16, 21), noise=0.06), _feature(6, (12, 9), noise=40.0)
    found, expected = _search(style, query), match_patches(query, style)
    torch.testing.assert_close(found.similarity, expected.similarity)
    best = torch.nn.functional.unfold(style, 3)[0].T[found.index.flatten()]
    own = torch.nn.functional.unfold(query, 3)[0].T
    reached = torch.nn.functional.cosine_similarity(own, best, dim=1)
    torch.testing.assert_close(reached, expected.similarity.flatten())


@pytest.mark.parametrize("block_bytes", [4096, 30_000, 300_000, 10**9])
def test_same_neighbours_for_any_block_size(block_bytes: int) -> None:
    query, style = _feature(7, (13, 9)), _feature(8, (14, 17))
    found, expected = _search(style, query, block_bytes), match_patches(query, style)
    assert torch.equal(found.index, expected.index)


def test_maps_steer_as_they_do() -> None:
    query, style = _feature(9, (12, 10)), _feature(10, (14, 17))
    maps = [torch.zeros(1, 2, *each.shape[-2:]) for each in (query, style)]
    for class_channels in maps:
        class_channels[:, 0, :, :5] = 1.0
        class_channels[:, 1, :, 5:] = 1.0
    sides: list[Comparison] = [_screen(style).compared(query), Side(maps[1], 0.3).compared(maps[0])]
    found = exact_search(sides, 2**27)
    expected = match_patches(query, style, query_map=maps[0], style_map=maps[1], map_factor=0.3)
    assert torch.equal(found.index, expected.index)
    assert not torch.equal(found.index, match_patches(query, style).index)


def test_where_nothing_is_saved_there_is_no_screen() -> None:
    full = Side(_feature(0, (16, 21), noise=0.3), 1.0)
    assert Screen.of(full, SHALLOW) is None
    few = Side(_feature(0, (16, 21)), 1.0)
    assert Screen.of(few, 0) is None
    assert Screen.of(few, 3) is None
    assert Screen.of(few, SHALLOW) is not None
    assert Screen.of(Side(_feature(0, (6, 11)), 1.0), SHALLOW) is None  # 66 positions of 68 channels
    assert Screen.of(Side(_feature(0, (4, 17)), 1.0), SHALLOW) is not None


def test_all_zero_patches() -> None:
    """A black picture in a black style: cosine 0 with everything, and the first of equals."""
    style = torch.zeros(1, SHALLOW + DEEP, 16, 21)
    found = _search(style, torch.zeros(1, SHALLOW + DEEP, 5, 5))
    assert torch.equal(found.similarity, torch.zeros(3, 3))
    assert torch.equal(found.index, torch.zeros(3, 3, dtype=torch.int64))


def test_single_pairs_by_hand() -> None:
    query, style = _feature(1, (4, 5)), _feature(2, (6, 4))
    patches = [torch.nn.functional.unfold(each, 3)[0].T for each in (query, style)]
    pairs = torch.tensor(list(itertools.product(range(2 * 3), range(4 * 2))))
    found = screening._patch_products(
        query[0].permute(1, 2, 0), pairs[:, 0], style[0].permute(1, 2, 0), pairs[:, 1]
    )
    torch.testing.assert_close(found, (patches[0] @ patches[1].T).flatten())


@pytest.mark.filterwarnings("ignore")  # the profiler's own
@pytest.mark.parametrize(("gathered", "most"), [(0.25, 2.2), (0.0, 3.2)])
def test_a_search_holds_little_more_than_its_blocks(
    gathered: float, most: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With single pairs, and where all get the rest beside the scores."""
    monkeypatch.setattr(screening, "_MOST_GATHERED", gathered)
    query, style = _feature(5, (40, 30)), _feature(6, (33, 32))
    compared = _screen(style).compared(query)
    with recorded() as changes:
        exact_search([compared], 2**30)
    products = 4 * 40 * 30 * 33 * 32
    assert (most - 0.6) * products < peak_of(changes) < most * products
