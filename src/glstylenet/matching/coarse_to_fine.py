"""Coarse-to-fine search: nearest patches in a style too large to compare every patch with every other.

The exact search costs as many products as there are pairs of patches: at 24 megapixels a hundred times an
evaluation. So the patches of a large style are found in two steps.

1. Positions are averaged over *cells* of 4x4, and every cell of the picture is compared with every cell of
the
   style (Eq. 3 for the cells' means, features and maps apart): the whole style is still searched, at a
   sixteenth of its positions.
2. The patches centred in a cell are compared exactly, by Eq. 3, with all patches of small windows of the
style:
   those around the cell's best matches of step 1. The best of all windows wins.

The matches of neighbouring cells are not used: a cell at the edge of a tile has no neighbour on one side, and
the result would depend on the tiles.

The search is approximate: a patch whose surroundings resemble another cell more may get a good neighbour
instead of the best. docs/notebook.md says how near the sums of similarities come.
"""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from glstylenet.matching.exact import Matches, PatchCosines, relative_to, sum_over_offsets
from glstylenet.matching.patch_grid import PATCH
from glstylenet.numerics import compute_dtype, matmul_f32, upcast

__all__ = ["CELL_POSITIONS", "cell_means", "coarse_to_fine_search"]

CELL_POSITIONS = 4
"""Side of a cell in feature positions."""

_BEST = 5
"""How many matching cells are followed up for each cell."""

_REACH = 2
"""How many patches beyond a matching cell, each way, are compared."""

_CELLS_AT_ONCE = 1024

_ROWS_AT_ONCE = 4 * CELL_POSITIONS


def coarse_to_fine_search(
    cosines: list[PatchCosines],
    style_means: list[Tensor],
    origin: tuple[int, int],
    block_bytes: int,
    penalty: Tensor | None = None,
) -> Matches:
    """Find a near style patch for every patch of the query, by the sum of ``cosines``.

    ``style_means``: the :func:`cell_means` of the style for each of the cosines; they serve every query.
    ``origin``: row and column of the first patch in the whole picture. Cells are counted from there, by the
    patches' centres, so that they do not depend on the tiles, provided that tiles end where cells do.
    ``penalty`` float32 (A-2, B-2) is subtracted for each style patch; one of an infinite penalty is not
    found, and some must remain.
    """
    height, width = cosines[0].query_scale.shape
    top, left = ((first + 1) % CELL_POSITIONS for first in origin)
    rows, columns = -(-(top + height) // CELL_POSITIONS), -(-(left + width) // CELL_POSITIONS)
    shape = top, left, rows, columns
    cells = [_Cells(each, means, shape) for each, means in zip(cosines, style_means, strict=True)]
    candidates = _find_candidates(cells, penalty)
    index = torch.zeros(
        (rows * columns, CELL_POSITIONS, CELL_POSITIONS), dtype=torch.int64, device=candidates.device
    )
    similarity = torch.full(index.shape, -torch.inf, device=candidates.device)
    for chunk, number in _batches(cells[0], candidates, block_bytes):
        value, place = _compare_windows(cells, chunk, candidates[chunk, number], penalty)
        better = value > similarity[chunk]
        similarity[chunk] = torch.where(better, value, similarity[chunk])
        index[chunk] = torch.where(better, place, index[chunk])
    inside = slice(top, top + height), slice(left, left + width)
    return Matches(*(_joined(part, rows, columns)[inside].contiguous() for part in (index, similarity)))


class _Cells:
    """The cells of the query of one of the cosines.

    The query is continued with zeros to whole cells, ``top`` rows and ``left`` columns before its first
    patch: their patches have scale 0 and are cut off in the end.
    """

    def __init__(self, cosines: PatchCosines, style_means: Tensor, shape: tuple[int, int, int, int]) -> None:
        top, left, rows, columns = shape
        self.style = cosines.style
        height, width = rows * CELL_POSITIONS, columns * CELL_POSITIONS
        edge = PATCH - 1
        patches = cosines.query_scale.shape
        after = height - top - patches[0], width - left - patches[1]
        # The centre is subtracted first, so that the zeros around are the mean.
        query = relative_to(cosines.query, cosines.style.centre)
        self.query = F.pad(query, (0, 0, left, after[1], top, after[0]))
        self.scale = F.pad(cosines.query_scale, (left, after[1], top, after[0]))
        self.rows, self.columns = rows, columns
        # A patch's centre is one position further than its corner.
        centres = self.query[1 : height + 1, 1 : width + 1]
        self.means = cell_means(centres)
        self.style_means = style_means
        self.weight = cosines.style.weight
        self.window = tuple(
            min(CELL_POSITIONS + 2 * _REACH + edge, length) for length in cosines.style.positions.shape[:2]
        )

    def query_of(self, cells: Tensor) -> tuple[Tensor, Tensor]:
        """Return the positions (n, 6, 6, C) under the patches of ``cells``, and the patches' scales (n, 4,
        4)."""
        row = cells // self.columns * CELL_POSITIONS
        column = cells % self.columns * CELL_POSITIONS
        side = CELL_POSITIONS + PATCH - 1
        return _gather(self.query, row, column, (side, side)), _gather(
            self.scale[..., None], row, column, (CELL_POSITIONS, CELL_POSITIONS)
        )[..., 0]

    def style_of(self, row: Tensor, column: Tensor) -> tuple[Tensor, Tensor]:
        """Return the positions (n, h, w, C) of the windows that begin at ``row`` and ``column``.

        The second result are their patches' inverse norms (n, h-2, w-2).
        """
        height, width = self.window
        edge = PATCH - 1
        positions = relative_to(
            _gather(self.style.positions, row, column, (height, width)), self.style.centre
        )
        scale = _gather(self.style.inverse_norms[..., None], row, column, (height - edge, width - edge))
        return positions, scale[..., 0]


def _compare_windows(
    cells: list[_Cells], chunk: Tensor, candidates: Tensor, penalty: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Carry out step 2 for the cells in ``chunk`` and one window each.

    Returns the best similarity and the number of the style patch that has it, (n, 4, 4) each.
    """
    first = cells[0]
    style_height, style_width = first.style.inverse_norms.shape
    height, width = (length - PATCH + 1 for length in first.window)
    # The corner of the patch centred on the candidate cell's first position, and _REACH before it.
    top = (candidates[:, 0] * CELL_POSITIONS - 1 - _REACH).clamp(0, style_height - height)
    left = (candidates[:, 1] * CELL_POSITIONS - 1 - _REACH).clamp(0, style_width - width)
    score: Tensor | None = None
    for each in cells:
        query, query_scale = each.query_of(chunk)
        style, style_scale = each.style_of(top, left)
        products = matmul_f32(query.flatten(1, 2), style.flatten(1, 2).transpose(1, 2))
        sums = sum_over_offsets(products.view(len(chunk), *query.shape[1:3], *style.shape[1:3]))
        sums *= query_scale[..., None, None] * style_scale[:, None, None]
        score = sums if score is None else score.add_(sums)
    assert score is not None
    if penalty is not None:
        score -= _gather(penalty[..., None], top, left, (height, width))[:, None, None, ..., 0]
    value, place = score.flatten(3).max(dim=3)
    row = top[:, None, None] + place // width
    return value, row * style_width + left[:, None, None] + place % width


def _batches(cells: _Cells, candidates: Tensor, block_bytes: int) -> Iterator[tuple[Tensor, int]]:
    """Yield the numbers of cells that are compared at once and which of their candidates.

    Every window is compared once with a cell.
    """
    height, width = cells.window
    # Features of a window in their own type and converted, and their products.
    length = max(1, block_bytes // (height * width * (8 * cells.query.shape[-1] + 4 * 36 * 3)))
    for number in range(candidates.shape[1]):
        known = (candidates[:, :number] == candidates[:, number : number + 1]).all(dim=2).any(dim=1)
        for chunk in torch.split((~known).nonzero()[:, 0], length):
            if len(chunk):  # splitting nothing gives one part, with nothing in it
                yield chunk, number


def cell_means(positions: Tensor, centre: Tensor | None = None) -> Tensor:
    """Return (H, W, C), minus ``centre`` (C,), averaged over cells, as unit vectors.

    The result is (rows, columns, C) of the type to compute in.

    A cell cut off by the border is averaged over what there is of it; zeros beside it change the length of
    its mean, but not the direction.
    """
    # A strip at a time, for which float16 is widened, into room made before (see patch_norm_squared).
    height, width, channels = positions.shape
    shape = (-(-height // CELL_POSITIONS), -(-width // CELL_POSITIONS), channels)
    means = positions.new_empty(shape, dtype=compute_dtype(positions.dtype))
    strips = torch.split(positions, _ROWS_AT_ONCE)
    for strip, part in zip(strips, torch.split(means, _ROWS_AT_ONCE // CELL_POSITIONS), strict=True):
        part.copy_(_strip_means(relative_to(upcast(strip), centre)))
    return means


def _strip_means(positions: Tensor) -> Tensor:
    feature = positions.permute(2, 0, 1)[None]
    means = F.avg_pool2d(feature, CELL_POSITIONS, ceil_mode=True, count_include_pad=False)
    lines = means[0].permute(1, 2, 0).float()
    return F.normalize(lines, dim=-1).to(positions.dtype)


def _find_candidates(cells: list[_Cells], penalty: Tensor | None) -> Tensor:
    """Carry out step 1:

    return the style cells to follow up for each cell, their rows and columns (n, k, 2). A cell of which all
    patches have an infinite ``penalty`` comes last.
    """
    first = cells[0]
    empty = None if penalty is None else _empty_cells(penalty.isinf()).flatten()
    lines = [(each.means.flatten(0, 1), each.style_means.flatten(0, 1).T, each.weight) for each in cells]
    found = []
    for start in range(0, first.rows * first.columns, _CELLS_AT_ONCE):
        score: Tensor | None = None
        for query, style, weight in lines:
            cosines = matmul_f32(query[start : start + _CELLS_AT_ONCE], style).mul_(weight)
            score = cosines if score is None else score.add_(cosines)
        assert score is not None
        if empty is not None:
            score.masked_fill_(empty, -torch.inf)
        found.append(score.topk(min(_BEST, score.shape[1]), dim=1).indices)
    best = torch.cat(found)
    style_columns = first.style_means.shape[1]
    return torch.stack((best // style_columns, best % style_columns), dim=-1)


def _empty_cells(excluded: Tensor) -> Tensor:
    """Return which cells (rows, columns) of the style are the centre of ``excluded`` (A-2, B-2) patches only.

    >>> _empty_cells(torch.tensor([[True] * 3 + [False] * 3]))  # centres in columns 1 to 6
    tensor([[ True, False]])
    """
    centres = F.pad((~excluded)[None, None].float(), (1, 1, 1, 1))
    return F.max_pool2d(centres, CELL_POSITIONS, ceil_mode=True)[0, 0] == 0


def _gather(plane: Tensor, row: Tensor, column: Tensor, size: tuple[int, int]) -> Tensor:
    """Return rectangles of ``size`` out of ``plane`` (H, W, C), by first row and column: (n, *size, C)."""
    height, width = size
    down = torch.arange(height, device=row.device)[:, None] * plane.shape[1]
    offsets = down + torch.arange(width, device=row.device)
    places = (row * plane.shape[1] + column)[:, None, None] + offsets
    lines = plane.reshape(-1, plane.shape[-1]).index_select(0, places.flatten())
    return lines.view(len(row), height, width, -1)


def _joined(part: Tensor, rows: int, columns: int) -> Tensor:
    """Join cells (n, 4, 4), row by row, to one plane."""
    grid = part.view(rows, columns, CELL_POSITIONS, CELL_POSITIONS)
    return grid.permute(0, 2, 1, 3).reshape(rows * CELL_POSITIONS, columns * CELL_POSITIONS)
