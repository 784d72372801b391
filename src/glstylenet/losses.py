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

from glstylenet.patches import PATCH, patch_sums
from glstylenet.products import computing, computing_type, float32_product
from glstylenet.window import Window

__all__ = [
    "CentredStyle",
    "LocalTarget",
    "Loss",
    "content_loss",
    "global_gradient",
    "global_loss",
    "gram",
    "local_loss",
    "local_target",
    "patch_losses",
    "smoothness_loss",
]

_ROWS_AT_ONCE = 128
"""Rows of pixels that the smoothness term takes at a time: its temporaries stay small at any size."""

_STYLE_ROWS_AT_ONCE = 8
"""Rows of positions of a style that are widened at a time."""

_POSITIONS_AT_ONCE = 2**13
"""Positions that a Gram matrix takes at a time: they are widened for the product."""

_WISHERS_AT_ONCE = 2**11
"""Positions whose wishes are gathered at a time: they are widened for it."""

_NUMBERS_AT_ONCE = 2**22
"""Numbers of a feature that are compared patch by patch at a time."""

_GRAM_BANDS = 6
"""Bands of rows in which a Gram matrix is made on a CPU: 21/36 of its products, and large ones still."""


@dataclass(frozen=True)
class Loss:
    """A weighted term, 0-dimensional float64, and its gradient with respect to what was looked at."""

    value: Tensor
    gradient: Tensor


def content_loss(feature: Tensor, target: Tensor, *, weight: float = 1.0, entries: int | None = None) -> Loss:
    """Mean squared difference of F^4 of two pictures (Eq. 2).

    The paper prints a sum over positions and channels; the authors' code takes the mean, and the
    published weights belong to it.
    """
    share = weight / (entries or feature.numel())
    difference = _widened(feature) - _widened(target)
    value = share * _square_sum(difference)
    return Loss(value, difference.mul_(2.0 * share).to(feature.dtype))


def gram(feature: Tensor, *, positions: int | None = None) -> Tensor:
    """Gram matrix per position, FF FF^T / M, of (1, C, H, W): (C, C), at least float32  (Eq. 5).

    Divided by M here, before two of them are compared, so that pictures of different sizes have
    comparable matrices. The paper divides afterwards, which is the same when the sizes are equal.
    """
    lines = _lines(feature)
    channels = lines.shape[1]
    total = lines.new_zeros((channels, channels), dtype=_wide(lines.dtype))
    # The matrix is its own mirror image: of a band of its rows, what lies before the diagonal is known. Units
    # for bfloat16 and GPUs multiply so fast that one large product may serve better; not measured.
    is_slow = lines.device.type == "cpu" and lines.dtype != torch.bfloat16
    band = -(-channels // (_GRAM_BANDS if is_slow else 1))
    for strip in map(computing, torch.split(lines, _POSITIONS_AT_ONCE)):
        for top in range(0, channels, band):
            part, rows, columns = total[top : top + band, top:], strip[:, top : top + band].T, strip[:, top:]
            if strip.dtype == total.dtype:
                part.addmm_(rows, columns)
            else:
                part += float32_product(rows, columns)
    for top in range(0, channels, band):
        total[top + band :, top : top + band] = total[top : top + band, top + band :].T
    return total.div_(positions or lines.shape[0])


def global_loss(matrix: Tensor, target: Tensor, *, weight: float = 1.0) -> Tensor:
    """sum (G_x / M_x - G_a / M_a)^2 / (4 N^2)  (Eqs. 5-6) of two :func:`gram` matrices: float64."""
    return weight / (4.0 * matrix.shape[0] ** 2) * _square_sum(matrix - target)


def global_gradient(
    feature: Tensor,
    matrix: Tensor,
    target: Tensor,
    *,
    weight: float = 1.0,
    positions: int | None = None,
    onto: Tensor | None = None,
) -> Tensor:
    """Gradient of :func:`global_loss` with respect to ``feature`` (1, N, H, W): (M, N), at least float32.

    (G_x - G_a) FF / (N^2 M): one product, where differentiating the product FF FF^T takes two. Added to
    ``onto`` (M, N), which is overwritten, where one is given.
    """
    lines = _lines(feature)
    difference = (matrix - target) * (weight / (matrix.shape[0] ** 2 * (positions or lines.shape[0])))
    if lines.dtype == difference.dtype:
        return lines @ difference if onto is None else onto.addmm_(lines, difference)
    # The terms of this product cancel: rounded to bfloat16, the difference would end a descent early. What
    # rounding takes from it is multiplied apart.
    rounded = difference.to(feature.dtype)
    gradient = float32_product(lines, rounded)
    gradient += float32_product(lines, (difference - rounded).to(feature.dtype))
    return gradient if onto is None else onto.add_(gradient)


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
class CentredStyle:
    """The style as :func:`local_target` asks it: relative to its mean, so that sums of features keep what
    these differ by, however large they are.

    ``feature`` (1, C, A, B); ``centre`` (C,): the mean of its positions, at least float32; ``energies``
    (A-2, B-2): squared norms of the 3x3 patches of feature - centre.
    """

    feature: Tensor
    centre: Tensor
    energies: Tensor

    @classmethod
    def of(cls, feature: Tensor) -> "CentredStyle":
        """``feature``, with what is derived."""
        # A strip at a time: widened, a large style would be the largest thing in memory.
        rows, exact = _STYLE_ROWS_AT_ONCE, _exact(feature.dtype)
        strips = torch.split(feature[0], rows, dim=1)
        centre = feature.new_zeros(feature.shape[1], dtype=exact)
        lengths = feature.new_empty(feature.shape[-2:], dtype=exact)
        for strip in strips:
            centre += strip.sum(dim=(1, 2), dtype=exact)
        centre = (centre / lengths.numel()).to(_wide(feature.dtype))
        for strip, part in zip(strips, torch.split(lengths, rows), strict=True):
            torch.linalg.vector_norm(strip.to(exact) - centre[:, None, None], dim=0, out=part)
        return cls(feature, centre, patch_sums(lengths.square_()))


def local_target(style: CentredStyle, index: Tensor, window: Window | None = None) -> LocalTarget:
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
    window = window or Window(0, 0, height, width)
    table = _lines(style.feature)
    asked, wanted = _asked_positions(index, style.feature.shape[-1], window)
    corners = index[window.top : window.bottom, window.left : window.right]
    constant = style.energies.flatten()[corners].sum(dtype=torch.float64)
    mean = table.new_empty((len(asked), table.shape[1]), dtype=computing_type(table.dtype))
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
    """Sums of the rows ``asked`` (M, 9) of ``table`` - centre, by ``shares``: (M, C). Every row that some
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
    difference = _widened(_lines(feature)) - _widened(_lines(target.mean))
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
    table, style_width = _lines(style), style.shape[-1]
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
            difference = _widened(here) - _widened(wanted)
            total[top : top + rows_at_once] += difference.square_().sum(dim=-1, dtype=torch.float64)
    return total


def smoothness_loss(pixels: Tensor, *, weight: float = 1.0) -> Loss:
    """Mean of squared vertical plus mean of squared horizontal differences of (1, 3, H, W)  (Eq. 7).

    The paper prints a sum; the weight sigma = 1 belongs to the mean. A direction in which the picture is
    one pixel wide adds nothing.
    """
    gradient = torch.zeros_like(pixels)
    value = torch.zeros((), dtype=torch.float64, device=pixels.device)
    height, width = pixels.shape[-2:]
    down, across = 3 * (height - 1) * width, 3 * height * (width - 1)
    for top in range(0, height, _ROWS_AT_ONCE):
        bottom = top + _ROWS_AT_ONCE
        rows = slice(top, min(bottom + 1, height))  # one row more, to reach the next strip
        value += _squared_steps(pixels[..., rows, :], gradient[..., rows, :], 2, weight, down)
        rows = slice(top, min(bottom, height))
        value += _squared_steps(pixels[..., rows, :], gradient[..., rows, :], 3, weight, across)
    return Loss(value, gradient)


def _squared_steps(pixels: Tensor, gradient: Tensor, dimension: int, weight: float, count: int) -> Tensor:
    """Sum of squared steps along ``dimension``, over ``count``; its gradient is added to ``gradient``."""
    steps = pixels.shape[dimension] - 1
    if steps < 1:
        return torch.zeros((), dtype=torch.float64, device=pixels.device)
    difference = pixels.narrow(dimension, 1, steps) - pixels.narrow(dimension, 0, steps)
    value = weight / count * _square_sum(difference)
    difference.mul_(2.0 * weight / count)
    gradient.narrow(dimension, 0, steps).sub_(difference)
    gradient.narrow(dimension, 1, steps).add_(difference)
    return value


def _asked_positions(index: Tensor, style_width: int, window: Window) -> tuple[Tensor, Tensor]:
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


def _lines(feature: Tensor) -> Tensor:
    """(1, C, H, W) as (M, C), which is how it lies in memory."""
    return feature[0].permute(1, 2, 0).reshape(-1, feature.shape[1])


def _square_sum(values: Tensor) -> Tensor:
    return values.square().sum(dtype=torch.float64)


def _widened(values: Tensor) -> Tensor:
    """At least float32: statistics of bfloat16 features are summed with all their digits."""
    return values.to(_wide(values.dtype))


def _wide(dtype: torch.dtype) -> torch.dtype:
    return torch.promote_types(dtype, torch.float32)


def _exact(dtype: torch.dtype) -> torch.dtype:
    """The type with twice the digits of ``dtype``, or more."""
    return torch.float32 if dtype == torch.bfloat16 else torch.float64
