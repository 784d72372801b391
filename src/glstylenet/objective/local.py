"""Local: every patch of the picture looks like a patch of the style (Eqs. 3-4).

    L_local = beta mean (Phi_i(x) - Phi_NN(i)(a))^2                                           (Eq. 4)

i runs over the 3x3 patches Phi of a fused feature; NN(i) is the nearest style patch (Eq. 3) and a constant
for the gradient. The mean is taken over patches and their entries. The maps' channels steer the matching
only: they have no gradient.

**No patch is built.** With the neighbours fixed, every patch *votes* for the style features under its
neighbour (patch voting: Wexler, Shechtman and Irani 2004; Simakov et al. 2008). Position p lies under n_p
patches; with T_p the sum of their votes and m_p = T_p / n_p,

    sum over patches of |Phi_i(x) - Phi_NN(i)|^2
        = sum_p n_p |x_p - m_p|^2  +  sum_i |Phi_NN(i)|^2 - sum_p n_p |m_p|^2.

The last two sums are a constant. They cancel but for the spread of the votes, so they are computed relative
to the style's mean.

Shape letters: C channels, H x W positions (M = H W), (1, C, H, W) for a feature.
"""

import itertools
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from glstylenet.matching import PATCH, Matches, voted_positions
from glstylenet.numerics import (
    Rect,
    at_least_float32,
    compute_dtype,
    flatten_positions,
    interruption_point,
    whole,
)
from glstylenet.objective.loss_term import Loss, LossTargets, LossTerm, TileGradients
from glstylenet.objective.style_target import StyleStatistics
from glstylenet.objective.tile_features import TileFeatures
from glstylenet.pyramid import fused_size

__all__ = ["LocalTarget", "LocalTerm", "local_loss", "local_target", "patch_losses"]

_VOTED_AT_ONCE = 2**11
"""Positions whose votes are gathered at a time: they are converted for it."""

_NUMBERS_AT_ONCE = 2**22
"""Numbers of a feature that are compared patch by patch at a time."""


@dataclass(frozen=True)
class LocalTarget:
    """The votes of the patches of a matching.

    ``mean`` (1, C, H, W): m_p, the mean of the votes at each position. ``count`` (H, W): n_p, how many
    patches lie over a position (9, fewer at the border). ``constant``: the part of the sum that no picture
    can remove, 0-dimensional float64.
    """

    mean: Tensor
    count: Tensor
    constant: Tensor

    def copy_(self, other: "LocalTarget") -> None:
        """Overwrite this target with ``other``, of the same shapes, in place."""
        for own, others in zip(self._tensors, other._tensors, strict=True):
            own.copy_(others)

    @property
    def _tensors(self) -> tuple[Tensor, ...]:
        return self.mean, self.count, self.constant


def local_target(style: StyleStatistics, index: Tensor, window: Rect | None = None) -> LocalTarget:
    """Collect the votes for every position in ``window``, by default all of the picture's.

    ``index`` (H-2, W-2), whole numbers: the style patch of each patch of the whole picture. The constant's
    summands are counted at the position of a patch's first corner.
    """
    height, width = index.shape[0] + PATCH - 1, index.shape[1] + PATCH - 1
    window = window or whole((height, width))
    voted, is_valid = voted_positions(style.grid, index, window)
    valid = is_valid.to(torch.float32)
    corners = index[window.top : window.bottom, window.left : window.right].long()
    constant = style.patch_norms[corners].sum(dtype=torch.float64)
    channels = style.table.shape[1]
    mean = style.table.new_empty((len(voted), channels), dtype=compute_dtype(style.table.dtype))
    for start in range(0, len(voted), _VOTED_AT_ONCE):
        interruption_point()
        here = slice(start, start + _VOTED_AT_ONCE)
        mean[here], norms = _mean_vote(style, voted[here], valid[here])
        constant -= norms
    rows, columns = window.size
    return LocalTarget(
        mean=mean.view(rows, columns, -1).permute(2, 0, 1)[None],
        count=valid.sum(dim=1).view(rows, columns),
        constant=constant,
    )


def local_loss(
    feature: Tensor, target: LocalTarget, *, weight: float = 1.0, entries: int | None = None
) -> Loss:
    """Return Eq. 4 of ``feature`` (1, C, H, W) and its gradient (M, C), at least float32.

    ``entries``: how many numbers all patches have, patches times 9 C; that of the whole picture where the
    feature is a tile's. The value differs from the literal sum by rounding only.
    """
    channels, height, width = feature.shape[1:]
    share = weight / (entries or (height - PATCH + 1) * (width - PATCH + 1) * PATCH**2 * channels)
    difference = at_least_float32(flatten_positions(feature)) - at_least_float32(
        flatten_positions(target.mean)
    )
    count = target.count.view(-1)
    lengths = torch.linalg.vector_norm(difference, dim=1).double()
    value = share * (lengths.square() @ count.double() + target.constant)
    return Loss(value, difference.mul_((2.0 * share * count.to(difference.dtype))[:, None]))


def patch_losses(feature: Tensor, style: StyleStatistics, index: Tensor) -> Tensor:
    """Return |Phi_i(x) - Phi_NN(i)(a)|^2 of every patch i, the summands of Eq. 4: float64 (H-2, W-2).

    ``feature`` (1, C, H, W); ``index`` int64 (H-2, W-2): NN. :func:`local_loss` computes their mean over 9 C
    entries each in a ninth of the time.
    """
    channels, _, width = feature.shape[1:]
    total = torch.zeros(index.shape, dtype=torch.float64, device=feature.device)
    rows_at_once = max(1, _NUMBERS_AT_ONCE // (channels * width))
    for top in range(0, index.shape[0], rows_at_once):
        nearest = index[top : top + rows_at_once]
        rows, columns = nearest.shape
        corner, stride = style.grid.corners(nearest), style.grid.strides(nearest)
        for down, across in itertools.product(range(PATCH), repeat=2):
            here = feature[0, :, top + down : top + down + rows, across : across + columns].permute(1, 2, 0)
            neighbour = style.table[corner + (down * stride + across)]
            difference = at_least_float32(here) - at_least_float32(neighbour)
            total[top : top + rows_at_once] += difference.square_().sum(dim=-1, dtype=torch.float64)
    return total


class LocalTerm(LossTerm):
    """The local term of one objective, and the matches that it holds.

    Matches are found for a whole picture (:meth:`start_search`, :meth:`search`, :meth:`end_search`) and held
    until the next search, since the loss is smooth only between two.
    """

    name = "local"
    symbol = "beta"
    setting = "local_weight"
    label = "local"
    colour = "#d55e00"
    dark_colour = "#e69f00"
    compares_styles = True

    def __init__(self, weight: float, targets: LossTargets) -> None:
        super().__init__(weight, targets)
        self.matches: list[Matches] = []
        """The matches held, one for each fused feature; none before the first search."""
        self._found: list[Matches] = []
        self._votes: list[LocalTarget] = []

    def start_search(self, size: tuple[int, int], device: torch.device) -> None:
        """Make room for the matches of a picture of ``size`` (height, width)."""
        sizes = [fused_size(size, styles.group) for styles in self.targets.styles]
        self._found = [Matches.empty(each, device) for each in sizes]

    def search(self, features: TileFeatures) -> None:
        """Find the nearest style patch (Eq. 3) of each of the tile's patches."""
        for number, found in enumerate(self._found):
            part = self.find(number, features)
            found.put(part, features.tile.patches(self.targets.styles[number].layer))

    def find(self, number: int, features: TileFeatures) -> Matches:
        """Return the nearest style patches of the tile's own patches of one fused feature."""
        styles, window = self.targets.styles[number], features.windows[number]
        rows, columns = window.slices
        class_channels = self.targets.content_maps[number]
        return styles.search(
            features.fused[number],
            None if class_channels is None else class_channels[..., rows, columns],
            origin=(window.top, window.left),
        )

    def end_search(self, only_tile: TileFeatures | None) -> None:
        """Hold what was found.

        Where the picture is one tile, its votes are collected once for all evaluations.
        """
        self.matches, self._found = self._found, []
        votes = [] if only_tile is None else self._collected_votes(only_tile)
        if [each.mean.shape for each in votes] == [each.mean.shape for each in self._votes]:
            # A recorded CUDA graph reads the votes where the first ones were.
            for held, collected in zip(self._votes, votes, strict=True):
                held.copy_(collected)
        else:
            self._votes = votes

    def hold(self, matches: list[Matches], features: TileFeatures) -> None:
        """Hold ``matches`` of the whole picture that were found elsewhere, for evaluations of one tile."""
        self._found = matches
        self.end_search(features)

    def add_tile(self, features: TileFeatures, gradients: TileGradients) -> Tensor:
        """Compare the tile's own positions with the votes for them."""
        value: Tensor | None = None
        votes = self._votes or self._collected_votes(features)
        for number, styles in enumerate(self.targets.styles):
            entries = styles.patch_entries(features.tile.size)
            loss = local_loss(features.own(number), votes[number], weight=self.weight, entries=entries)
            gradients.add_fused(number, loss.gradient)
            value = loss.value if value is None else value + loss.value
        assert value is not None  # a scheme has a group
        return value

    def empty_maps(self) -> list[Tensor]:
        """Make room for each patch's share in the term: float64 (H-2, W-2) for each fused feature."""
        return [torch.zeros_like(matches.index, dtype=torch.float64) for matches in self.matches]

    def write_maps(self, features: TileFeatures, loss_maps: list[Tensor]) -> None:
        """Write the share of each of the tile's patches in the term."""
        for number, (styles, loss_map) in enumerate(zip(self.targets.styles, loss_maps, strict=True)):
            patches = features.tile.patches(styles.layer).slices
            share = self.weight / styles.patch_entries(features.tile.size)
            index = self.matches[number].index[patches]
            loss_map[patches] = share * patch_losses(features.fused[number], styles.statistics, index)

    def _collected_votes(self, features: TileFeatures) -> list[LocalTarget]:
        """Return the votes of the matches held for the tile's own positions."""
        return [
            local_target(styles.statistics, matches.index, features.tile.positions(styles.layer))
            for styles, matches in zip(self.targets.styles, self.matches, strict=True)
        ]


def _mean_vote(style: StyleStatistics, voted: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """Return m_p of some positions, (M, C), and their sum of n_p |m_p|^2, relative to the style's mean."""
    # One weighted sum of rows for each position; an invalid vote has weight 0.
    valid = valid.to(style.centre.dtype)
    count = valid.sum(dim=1)
    add_up = _sum_distinct_rows if style.table.device.type == "cpu" else _sum_all_rows
    mean = add_up(style, voted, valid / count[:, None])
    norms = count.double() @ torch.linalg.vector_norm(mean, dim=1).double().square()
    return mean.add_(style.centre), norms


def _sum_distinct_rows(style: StyleStatistics, voted: Tensor, shares: Tensor) -> Tensor:
    """Return sums of the rows ``voted`` (M, 9) of the table, centred, by ``shares``: (M, C).

    Every row that some position votes for is converted and centred once.
    """
    rows, voted = torch.unique(voted, return_inverse=True)
    votes = style.table.index_select(0, rows).to(style.centre.dtype).sub_(style.centre)
    return F.embedding_bag(voted, votes, mode="sum", per_sample_weights=shares)


def _sum_all_rows(style: StyleStatistics, voted: Tensor, shares: Tensor) -> Tensor:
    """Return the same sums on a GPU: it copies rows faster than it sorts them, and the host need not wait."""
    votes = style.table.index_select(0, voted.flatten()).to(style.centre.dtype).sub_(style.centre)
    return (shares[:, None] @ votes.view(*voted.shape, -1))[:, 0]
