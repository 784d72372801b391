"""Losses: the four terms of the paper's objective, one pure function each.

    L = alpha L_content + beta L_local + gamma L_global + sigma L_smoothness                  (Eq. 8)

Every function returns the term times its ``weight`` together with its gradient, written by hand: value
and gradient share their differences, and autograd would take several passes more. Values are summed over
positions in float64, so that the parts of a picture may be summed in any order.

Shape letters: C channels, H x W positions (M = H W), (1, C, H, W) for a feature. A feature may be the
part of a tile; then ``entries`` or ``positions`` tells how many the whole has, which is what means are
taken over.
"""

import itertools
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from glstylenet.matching import PATCH, patch_sums
from glstylenet.numerics import (
    Rect,
    at_least_float32,
    compute_dtype,
    exact_dtype,
    flatten_positions,
    sum_dtype,
)
from glstylenet.objective.loss import Loss

__all__ = ["LocalTarget", "StyleStatistics", "local_loss", "local_target", "patch_losses"]


_STYLE_ROWS_AT_ONCE = 8
"""Rows of positions of a style that are widened at a time."""


_WISHERS_AT_ONCE = 2**11
"""Positions whose wishes are gathered at a time: they are widened for it."""


_NUMBERS_AT_ONCE = 2**22
"""Numbers of a feature that are compared patch by patch at a time."""


@dataclass(frozen=True)
class LocalTarget:
    """What the local loss needs to know of a matching (see :func:`local_loss`).

    ``mean`` (1, C, H, W): at each position p the mean of the style features that the patches over p ask
    for. ``count`` (H, W): n_p, how many patches lie over p (9, fewer at the border). ``constant``: the
    sum that no picture can remove, 0-dimensional float64.
    """

    mean: Tensor
    count: Tensor
    constant: Tensor

    def take(self, other: "LocalTarget") -> None:
        """Become the ``other``, of the same shapes, in the same places of memory."""
        for own, others in zip(self._tensors, other._tensors, strict=True):
            if own is not others:
                own.copy_(others)

    @property
    def _tensors(self) -> tuple[Tensor, ...]:
        return self.mean, self.count, self.constant


@dataclass(frozen=True)
class StyleStatistics:
    """The style as :func:`local_target` asks it: relative to its mean, so that sums of features keep what
    these differ by, however large they are.

    ``feature`` (1, C, A, B); ``centre`` (C,): the mean of its positions, at least float32; ``energies``
    (A-2, B-2): squared norms of the 3x3 patches of feature - centre.
    """

    feature: Tensor
    centre: Tensor
    energies: Tensor

    @classmethod
    def of(cls, feature: Tensor) -> "StyleStatistics":
        """``feature``, with what is derived."""
        # A strip at a time: widened, a large style would be the largest thing in memory.
        rows, exact = _STYLE_ROWS_AT_ONCE, exact_dtype(feature.dtype)
        strips = torch.split(feature[0], rows, dim=1)
        centre = feature.new_zeros(feature.shape[1], dtype=exact)
        lengths = feature.new_empty(feature.shape[-2:], dtype=exact)
        for strip in strips:
            centre += strip.sum(dim=(1, 2), dtype=exact)
        centre = (centre / lengths.numel()).to(sum_dtype(feature.dtype))
        for strip, part in zip(strips, torch.split(lengths, rows), strict=True):
            torch.linalg.vector_norm(strip.to(exact) - centre[:, None, None], dim=0, out=part)
        return cls(feature, centre, patch_sums(lengths.square_()))


def local_target(style: StyleStatistics, index: Tensor, window: Rect | None = None) -> LocalTarget:
    """Collect what the patches matched in ``style`` (1, C, A, B) ask of every position in ``window``.

    ``index`` int64 (H-2, W-2): the style patch of each patch of the whole picture. Position p lies under the
    patches i = p - d for the nine offsets d, and patch i asks it to become style position NN(i) + d. With
    T_p the sum of these wishes and m_p = T_p / n_p,

        sum over patches of |Phi_i(x) - Phi_NN(i)|^2
            = sum_p n_p |x_p - m_p|^2  +  sum_i |Phi_NN(i)|^2 - sum_p n_p |m_p|^2.

    The last two sums are the constant, in which Phi and m are relative to the style's mean: they cancel but
    for the wishes' own spread. Their terms are counted at the position of a patch's corner.
    """
    height, width = index.shape[0] + PATCH - 1, index.shape[1] + PATCH - 1
    window = window or Rect(0, 0, height, width)
    table = flatten_positions(style.feature)
    asked, wanted = _asked_positions(index, style.feature.shape[-1], window)
    corners = index[window.top : window.bottom, window.left : window.right]
    constant = style.energies.flatten()[corners].sum(dtype=torch.float64)
    mean = table.new_empty((len(asked), table.shape[1]), dtype=compute_dtype(table.dtype))
    for start in range(0, len(asked), _WISHERS_AT_ONCE):
        here = slice(start, start + _WISHERS_AT_ONCE)
        mean[here], spent = _mean_wish(table, style.centre, asked[here], wanted[here])
        constant -= spent
    rows, columns = window.size
    return LocalTarget(
        mean=mean.view(rows, columns, -1).permute(2, 0, 1)[None],
        count=wanted.sum(dim=1).view(rows, columns),
        constant=constant,
    )


def _mean_wish(table: Tensor, centre: Tensor, asked: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """m_p of some positions, (M, C), and their sum of n_p |m_p|^2, relative to the centre."""
    # One weighted sum of rows for each position; a wish of weight 0 stands for a patch beyond the border.
    wanted = wanted.to(centre.dtype)
    count = wanted.sum(dim=1)
    gather = _sum_sparingly if table.device.type == "cpu" else _sum_at_once
    mean = gather(table, centre, asked, wanted / count[:, None])
    spent = count.double() @ torch.linalg.vector_norm(mean, dim=1).double().square()
    return mean.add_(centre), spent


def _sum_sparingly(table: Tensor, centre: Tensor, asked: Tensor, shares: Tensor) -> Tensor:
    """LossAccumulator of the rows ``asked`` (M, 9) of ``table`` - centre, by ``shares``: (M, C). Every row that some
    position asks for is widened and centred once."""
    rows, asked = torch.unique(asked, return_inverse=True)
    wishes = table.index_select(0, rows).to(centre.dtype).sub_(centre)
    return F.embedding_bag(asked, wishes, mode="sum", per_sample_weights=shares)


def _sum_at_once(table: Tensor, centre: Tensor, asked: Tensor, shares: Tensor) -> Tensor:
    """The same, for a GPU: it copies rows sooner than it has sorted them, and the host need not wait to learn
    how many there are."""
    wishes = table.index_select(0, asked.flatten()).to(centre.dtype).sub_(centre)
    return (shares[:, None] @ wishes.view(*asked.shape, -1))[:, 0]


def local_loss(
    feature: Tensor, target: LocalTarget, *, weight: float = 1.0, entries: int | None = None
) -> Loss:
    """Mean over patches and entries of (Phi_i(x) - Phi_NN(i)(a))^2  (Eq. 4), without building a patch.

    ``feature`` (1, C, H, W), ``entries``: patches times 9 C. Differs from the literal sum by rounding
    only. The nearest neighbours in ``target`` are constants for the gradient, (M, C), at least float32.
    The map's channels take no part: they have no gradient.
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


def patch_losses(feature: Tensor, style: Tensor, index: Tensor) -> Tensor:
    """|Phi_i(x) - Phi_NN(i)(a)|^2 of every patch i, the summands of Eq. 4: float64 (H-2, W-2), at least 0.

    ``feature`` (1, C, H, W), ``style`` (1, C, A, B); ``index`` int64 (H-2, W-2): NN. Their mean
    over 9 C entries each is the value of :func:`local_loss`, which is had in a ninth of the time.
    """
    channels, _, width = feature.shape[1:]
    table, style_width = flatten_positions(style), style.shape[-1]
    patch_columns = style_width - PATCH + 1
    corners = (index // patch_columns) * style_width + index % patch_columns
    total = torch.zeros(index.shape, dtype=torch.float64, device=feature.device)
    rows_at_once = max(1, _NUMBERS_AT_ONCE // (channels * width))
    for top in range(0, index.shape[0], rows_at_once):
        corner = corners[top : top + rows_at_once]
        rows, columns = corner.shape
        for down, across in itertools.product(range(PATCH), repeat=2):
            here = feature[0, :, top + down : top + down + rows, across : across + columns].permute(1, 2, 0)
            wanted = table[corner + (down * style_width + across)]
            difference = at_least_float32(here) - at_least_float32(wanted)
            total[top : top + rows_at_once] += difference.square_().sum(dim=-1, dtype=torch.float64)
    return total


def _asked_positions(index: Tensor, style_width: int, window: Rect) -> tuple[Tensor, Tensor]:
    """The nine style positions asked for at each position in ``window``, (M, 9), and 1 or 0: asked or not."""
    patch_columns = style_width - PATCH + 1
    corners = (index // patch_columns) * style_width + index % patch_columns
    edge = PATCH - 1
    padded = F.pad(corners, (edge, edge, edge, edge), value=-1)
    rows, columns = window.size
    # In `padded` everything is `edge` further: the nine patches over a position begin with the last of them.
    seen = padded[window.top : window.top + rows + edge, window.left : window.left + columns + edge]
    over = seen.unfold(0, PATCH, 1).unfold(1, PATCH, 1).flip(2, 3).reshape(rows * columns, PATCH**2)
    steps = torch.arange(PATCH, device=index.device)
    offsets = (steps[:, None] * style_width + steps).flatten()
    wanted = over >= 0
    return (over + offsets).mul_(wanted), wanted.to(torch.float32)
