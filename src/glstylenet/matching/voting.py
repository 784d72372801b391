"""Voting: the style's pixels under the nearest neighbours of a picture's patches become a picture.

*Patch voting* (Wexler, Shechtman and Irani 2004; Simakov et al. 2008): once every patch of the picture has
its nearest style patch, the pixels under that patch are copied, and overlapping copies are averaged. The
result has the style's own brush strokes, without an evaluation of the loss. It is not a part of the paper.

A patch of 3x3 feature positions lies over 3x3 *cells* of pixels, the pixels of one position: 24 x 24 pixels
in the deepest layer. Every cell of the picture lies under nine patches, and each votes for a cell of the
style. The votes of a cell are averaged, each weighted by

- a window, which falls from the centre of the patch to its border, so that copies have no seams, and
- the patch's *coherence*: how many of the patches around it continue it in the style. Copies that continue
  each other win, and stay sharp. A patch has one coherence for all its pixels: one for each cell would leave
  steps where cells meet.

:func:`use_penalty` keeps few patches from being copied over and over.

Shape letters: H x W positions of the picture, A x B positions of the style, c pixels a side of a cell.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from glstylenet.matching.patch_grid import PATCH, PatchGrid
from glstylenet.numerics import Rect, interruption_point, whole

__all__ = ["use_penalty", "vote", "voted_positions"]

_WINDOW = 0.5
"""Standard deviation of the window, in cells: at the corner of a patch a copy has a hundredth of the weight
that it has at the centre."""

_POSITIONS_AT_ONCE = 2**12
"""Cells whose votes are gathered at a time."""

_NOWHERE = -(2**62)
"""A position that no patch has, nor one beside it."""

_MOST_OVERUSE = 16.0
"""Use beyond this many times the expected one costs no more."""


def voted_positions(grid: PatchGrid, index: Tensor, window: Rect | None = None) -> tuple[Tensor, Tensor]:
    """Return the nine style positions voted for at each position in ``window``, and which of them are valid.

    ``index`` (H-2, W-2), whole numbers: that in ``grid`` of each patch's neighbour; ``window`` is the whole
    picture by default. Position p lies under the patches i = p - d for the nine offsets d, and patch i votes
    for NN(i) + d. Both results are (M, 9), int64 and boolean. At the border some of the nine patches do not
    exist: their votes are 0 and not valid.

    >>> index = torch.tensor([[3, 0]])  # two patches, of a picture of 3 x 4 positions
    >>> voted, valid = voted_positions(PatchGrid(((4, 4),)), index)
    >>> voted[0][valid[0]], voted[1][valid[1]]  # the first column has one vote, the second two
    (tensor([5]), tensor([0, 6]))
    """
    height, width = index.shape[0] + PATCH - 1, index.shape[1] + PATCH - 1
    window = window or whole((height, width))
    steps = torch.arange(PATCH, device=index.device)
    down, across = steps.repeat_interleave(PATCH), steps.repeat(PATCH)
    # Of a large picture only the patches over the window are read.
    reach = Rect(
        max(0, window.top - PATCH + 1),
        max(0, window.left - PATCH + 1),
        min(index.shape[0], window.bottom),
        min(index.shape[1], window.right),
    )
    near, window = index[reach.slices].long().contiguous(), window.relative_to(reach)
    over = _patches_over(grid.corners(near), window, missing=-1)
    stride = grid.strides(near)
    strides = stride if isinstance(stride, int) else _patches_over(stride, window, missing=0)
    valid = over >= 0
    return (over + (down * strides + across)).mul_(valid), valid


def vote(pictures: Sequence[Tensor], grid: PatchGrid, index: Tensor, cell: int) -> Tensor:
    """Return the picture (1, 3, H c, W c) that the neighbours ``index`` vote for.

    ``pictures``: a picture (1, 3, at least A c, at least B c) for each feature that ``grid`` numbers, of any
    range; ``index`` int64 (H-2, W-2): the style patch of each patch; ``cell``: c, the pixels of a position,
    those of a finer size of the style where ``pictures`` are that. Memory beyond the result is bounded.

    >>> style = torch.rand(1, 3, 40, 48)
    >>> index = torch.arange(3 * 4).view(3, 4)                  # every patch is its own neighbour
    >>> torch.allclose(vote([style], PatchGrid(((5, 6),)), index, 8), style)
    True
    """
    height, width = index.shape[0] + PATCH - 1, index.shape[1] + PATCH - 1
    first = pictures[0]
    cells = [_cells(picture, size, cell) for picture, size in zip(pictures, grid.sizes, strict=True)]
    window = _window(cell, first.device)
    picture = first.new_empty((1, first.shape[1], height * cell, width * cell))
    coherence = _coherence(grid, index)
    rows_at_once = max(1, _POSITIONS_AT_ONCE // width)
    for top in range(0, height, rows_at_once):
        interruption_point()
        bottom = min(top + rows_at_once, height)
        rows_here = Rect(top, 0, bottom, width)
        voted, _valid = voted_positions(grid, index, rows_here)
        weights = _patches_over(coherence, rows_here, missing=0)  # a patch that does not exist weighs nothing
        mean = _weighted_mean(cells, grid, voted, weights, window)
        rows = mean.view(bottom - top, width, -1, cell, cell).permute(2, 0, 3, 1, 4)
        picture[0, :, top * cell : bottom * cell] = rows.reshape(first.shape[1], -1, width * cell)
    return picture


def use_penalty(grid: PatchGrid, index: Tensor, expected: Sequence[Tensor], weight: float) -> list[Tensor]:
    """Return a penalty (A-2, B-2) for the patches of each style, by how often they are used.

    ``index`` int64 (H-2, W-2): the present neighbours. ``expected`` (A-2, B-2) for each style: how often a
    patch would be used if all were used alike. The penalty is ``weight`` for each doubling of the use beyond
    that, and 0 up to it. The use of a patch is the mean over its positions of how often each is voted for, a
    ninth for each vote: the neighbours of a patch that is used become dearer too.

    >>> index = torch.zeros(4, 4, dtype=torch.int64)            # 16 patches have the same neighbour
    >>> [penalty] = use_penalty(PatchGrid(((5, 3),)), index, [torch.ones(3, 1)], weight=0.1)
    >>> penalty.flatten()[0] > penalty.flatten()[1] > penalty.flatten()[2]
    tensor(True)
    """
    counts = torch.bincount(index.flatten(), minlength=grid.patches).to(torch.float32)
    ones = torch.ones(1, 1, PATCH, PATCH, device=index.device)
    penalties = []
    for number, of_style in enumerate(expected):
        first = grid.first_patch(number)
        used = counts[first : first + of_style.numel()].view(1, 1, *of_style.shape)
        votes = F.conv_transpose2d(used, ones) / PATCH**2
        use = F.avg_pool2d(votes, PATCH, stride=1)[0, 0] / of_style
        penalties.append(weight * torch.log2(use.clamp(1.0, _MOST_OVERUSE)))
    return penalties


def _patches_over(values: Tensor, window: Rect, *, missing: int) -> Tensor:
    """Return the ``values`` (H-2, W-2) of the nine patches over each position in ``window``: (M, 9).

    The order is that of the offsets d, row by row.
    """
    edge = PATCH - 1
    padded = F.pad(values, (edge, edge, edge, edge), value=missing)
    rows, columns = window.size
    # In `padded` everything lies `edge` further: the nine patches over a position begin with the last of
    # them.
    around = padded[window.top : window.top + rows + edge, window.left : window.left + columns + edge]
    return around.unfold(0, PATCH, 1).unfold(1, PATCH, 1).flip(2, 3).reshape(rows * columns, PATCH**2)


def _cells(picture: Tensor, size: tuple[int, int], cell: int) -> Tensor:
    """Return ``picture`` (1, C, ...) cut into cells, (A, B, C, c, c), without a copy."""
    height, width = size
    cut = picture[0, :, : height * cell, : width * cell].unfold(1, cell, cell).unfold(2, cell, cell)
    return cut.permute(1, 2, 0, 3, 4)


def _window(cell: int, device: torch.device) -> Tensor:
    """Return the weights (9, c, c) of the pixels of the nine cells under a patch."""
    places = (torch.arange(PATCH * cell, device=device) + 0.5) / cell - PATCH / 2
    bell = torch.exp(-0.5 * (places / _WINDOW) ** 2)
    weights = bell[:, None] * bell
    return weights.view(PATCH, cell, PATCH, cell).transpose(1, 2).reshape(PATCH**2, cell, cell)


def _coherence(grid: PatchGrid, index: Tensor) -> Tensor:
    """Return how many of the 3x3 patches around each continue it in the style: float32 (H-2, W-2), 1 to 9."""
    corners, strides = grid.corners(index), grid.strides(index)
    height, width = index.shape
    around = F.pad(corners, (1, 1, 1, 1), value=_NOWHERE)
    coherence = torch.zeros(height, width, device=index.device)
    for down in range(PATCH):
        for across in range(PATCH):
            there = around[down : down + height, across : across + width]
            coherence += there == corners + (down - 1) * strides + (across - 1)
    return coherence


def _weighted_mean(
    cells: Sequence[Tensor], grid: PatchGrid, voted: Tensor, weights: Tensor, window: Tensor
) -> Tensor:
    """Return the mean of the cells ``voted`` for, (M, C, c, c), by ``weights`` (M, 9) and ``window``."""
    channels, cell = cells[0].shape[2], cells[0].shape[-1]
    total = window.new_zeros(len(voted), channels, cell, cell)
    weight = window.new_zeros(len(voted), 1, cell, cell)
    for number in range(PATCH**2):
        here = weights[:, number, None, None, None] * window[number]
        total.addcmul_(_gathered(cells, grid, voted[:, number]), here)
        weight += here
    return total / weight


def _gathered(cells: Sequence[Tensor], grid: PatchGrid, positions: Tensor) -> Tensor:
    """Return the cells (M, C, c, c) at the numbered ``positions`` of all styles."""
    found = cells[0].new_empty((len(positions), *cells[0].shape[2:]))
    for number, of_style in enumerate(cells):
        within = positions - grid.first_position(number)
        height, width = of_style.shape[:2]
        inside = within.clamp(0, height * width - 1)
        there = of_style[inside // width, inside % width]
        found = torch.where((within == inside)[:, None, None, None], there, found)
    return found
