"""Screening: the same nearest patches with fewer products, where channels say the same again.

What shallow layers say at a position of the deepest is a mean over many of their own, and such means vary in
few directions. Turned to the style's main directions (which changes no inner product) most of them say next
to nothing: the *rest*. Every pair of patches is compared without it, and by Cauchy and Schwarz

    |cos(Phi_i, Phi_j) - cos without the rest| <= r_i r_j,

r: the norm of a patch's rest over that of the whole patch. Where that leaves more than one style patch in
question, these are compared with the rest too, so that the neighbours are those of Eq. 3.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from glstylenet.patches import PATCH, Comparison, Side, patch_energy
from glstylenet.products import float32_product
from glstylenet.window import Window

__all__ = ["Screen", "ScreenedComparison"]

_REST = 1 / 48
"""The norm of the rest over that of all channels, at most, over the whole style: so small that few pairs are
in question, so large that a seventh to a third of the products is saved."""

_GRANULE = 16
"""What is kept is a multiple of it."""

_LEAST_SAVING = 1 / 16
"""Of the channels; below, turning takes longer than it saves."""

_ROWS_AT_ONCE = 256
"""Patches in question that are looked at at a time."""

_MOST_GATHERED = 1 / 4
"""Of as many numbers as a block has scores: what is gathered for single pairs, offset by offset. Where it
would be more, as in pictures that are flat, all pairs get theirs in one product."""

_ROUNDING = 2.0**-18
"""Well above what another order of sums changes in a score (3e-7 was the most that was seen) and, relative to
it, in an energy."""


@dataclass(frozen=True)
class Screen:
    """The positions of a style with the first n of its C channels turned to ``directions`` (n, k), of length
    1 and at right angles.

    ``main`` (A, B, k + C - n): along the directions, and the channels that are not turned; ``rest`` (A, B,
    n): what the directions leave of the first n. ``share`` (A-2, B-2): the norm of each patch's rest over
    that of the patch.
    """

    style: Side
    directions: Tensor
    main: Tensor
    rest: Tensor
    share: Tensor

    @classmethod
    def of(cls, style: Side, turned: int) -> "Screen | None":
        """With the first ``turned`` channels of a float32 style; ``None`` where it would save too little."""
        positions = style.positions
        height, width, channels = positions.shape
        # Of a style with fewer positions than channels a block holds more of the query than of products, and
        # a copy would be the largest thing there.
        if turned < _LEAST_SAVING * channels or height * width < channels:
            return None
        energy = float(torch.linalg.vector_norm(positions).double().square())
        shallow = positions[..., :turned]
        directions = _main_directions(shallow.reshape(-1, turned), energy * _REST**2)
        if turned - directions.shape[1] < _LEAST_SAVING * channels:
            return None
        along = _product(shallow, directions)
        rest = shallow - _product(along, directions.T)
        share = patch_energy(rest.permute(2, 0, 1)[None]).sqrt_() * style.scale
        return cls(style, directions, torch.cat((along, positions[..., turned:]), dim=-1), rest, share)

    @property
    def turned(self) -> int:
        """n, of the channels."""
        return len(self.directions)

    def compared(self, query: Tensor) -> "ScreenedComparison":
        """With the patches of ``query`` (1, C, H, W)."""
        plain = self.style.compared(query)
        along = _product(plain.query[..., : self.turned], self.directions)
        energy = patch_energy(query[:, : self.turned])
        rest = (energy - patch_energy(along.permute(2, 0, 1)[None])).clamp_(min=0.0)
        bound = rest.add_(energy, alpha=_ROUNDING).sqrt_() * plain.query_scale
        return ScreenedComparison(plain.style, plain.query, plain.query_scale, self, along, bound)


@dataclass(frozen=True)
class ScreenedComparison(Comparison):
    """A :class:`~glstylenet.patches.Comparison` whose ``cosines`` lack the rest, which ``best`` takes in
    where it may decide. The best score of a patch about which there is no question may lack it too.

    ``along`` (H, W, k): the query's first channels along the directions; ``bound`` (H-2, W-2): the weighted
    share of each patch's rest, at least.
    """

    screen: Screen
    along: Tensor
    bound: Tensor

    def cosines(self, query_block: Window, style_block: Window) -> Tensor:
        """Weighted cosines of the patches in one block with those in another, without the rest."""
        here = query_block.grown(PATCH - 1).slices
        query = torch.cat((self.along[here], self.query[here][..., self.screen.turned :]), dim=-1)
        style = self.screen.main[style_block.grown(PATCH - 1).slices]
        return self.weighted(query, style, query_block, style_block)

    def best(self, score: Tensor, query_block: Window, style_block: Window) -> tuple[Tensor, Tensor]:
        """The largest of ``score`` (r, c, s, t) with the rest, and which it is: (r, c) each."""
        # The query's own rest is not needed: with a rest its main part has no product.
        query = self.query[query_block.grown(PATCH - 1).slices][..., : self.screen.turned]
        rest = self.screen.rest[style_block.grown(PATCH - 1).slices]
        # Of several blocks the best will be compared with each other, and none may lack the rest.
        if style_block.size == tuple(self.style.scale.shape):
            value, place = super().best(score, query_block, style_block)
            flat, share = score.flatten(2).flatten(0, 1), self.screen.share.flatten()
            bound = self.bound[query_block.slices].flatten()
            most = _MOST_GATHERED * score.numel() / self.screen.turned
            pairs = _in_question(flat, value.flatten(), place.flatten(), bound, share, most=most)
            if pairs is not None:
                row, column = pairs.unbind(dim=1)
                weight = self.query_scale[query_block.slices].flatten()[row]
                weight = weight * self.style.scale.flatten()[column]
                settled = flat[row, column] + weight * _patch_products(query, row, rest, column)
                _put_largest(value.view(-1), place.view(-1), settled, row, column)
                return value, place
        score += self.weighted(query, rest, query_block, style_block)
        return super().best(score, query_block, style_block)


def _main_directions(rows: Tensor, spare: float) -> Tensor:
    """As many of the directions (n, k) of ``rows`` (M, n), those with most energy, as leave no more than
    ``spare`` energy, rounded up to a multiple of ``_GRANULE``."""
    energies, directions = torch.linalg.eigh((rows.T @ rows).double())
    left = int((energies.cumsum(0) <= spare).sum())
    kept = _GRANULE * max(1, math.ceil((rows.shape[1] - left) / _GRANULE))
    main: Tensor = directions.flip(1)[:, :kept].to(rows.dtype)
    return main.contiguous()


def _product(positions: Tensor, matrix: Tensor) -> Tensor:
    """``positions`` (H, W, C) times ``matrix`` (C, m): (H, W, m)."""
    height, width, channels = positions.shape
    product = float32_product(positions.reshape(-1, channels), matrix)
    return product.view(height, width, -1)


def _in_question(
    score: Tensor, value: Tensor, place: Tensor, bound: Tensor, share: Tensor, *, most: float
) -> Tensor | None:
    """Pairs (P, 2), row and column of ``score`` (n, m), of which one may be its row's largest with the rest:
    of the rows for which that need not be ``value`` (n,) at ``place`` (n,). ``None`` if they are more than
    ``most``.

    The rest adds up to ``bound`` (n,) times ``share`` (m,), either way.
    """
    score.scatter_(1, place[:, None], -math.inf)
    second = score.amax(dim=1)
    score.scatter_(1, place[:, None], value[:, None])
    rows = (second >= value - 2.0 * bound * share.max() - _ROUNDING).nonzero()[:, 0]
    least = value - bound * share[place] - _ROUNDING
    pairs: list[Tensor] = []
    for some in torch.split(rows, _ROWS_AT_ONCE):
        possible = score.index_select(0, some).addcmul_(bound[some, None], share) >= least[some, None]
        number, column = possible.nonzero(as_tuple=True)
        most -= len(number)
        if most < 0:
            return None
        pairs.append(torch.stack((some[number], column), dim=1))
    return torch.cat(pairs)


def _patch_products(query: Tensor, number: Tensor, style: Tensor, other: Tensor) -> Tensor:
    """Inner products of the patches of ``query`` (H, W, C) of each ``number`` (P,) with those of ``style``
    (A, B, C) of each ``other``: (P,)."""
    corners, other_corners = _corners(query, number), _corners(style, other)
    rows, others = (positions.reshape(-1, positions.shape[-1]) for positions in (query, style))
    total = torch.zeros(len(number), dtype=query.dtype, device=query.device)
    for down in range(PATCH):
        for across in range(PATCH):
            left = rows.index_select(0, corners + (down * query.shape[1] + across))
            right = others.index_select(0, other_corners + (down * style.shape[1] + across))
            total += left.mul_(right).sum(dim=1)
    return total


def _corners(positions: Tensor, number: Tensor) -> Tensor:
    """Numbers of the positions at which patches begin."""
    width = positions.shape[1]
    columns = width - PATCH + 1
    return number // columns * width + number % columns


def _put_largest(value: Tensor, place: Tensor, score: Tensor, row: Tensor, column: Tensor) -> None:
    """Write into ``value`` and ``place`` (n,), where ``row`` (P,) says so, the largest ``score`` (P,) and the
    first ``column`` that has it."""
    value[row] = -math.inf
    value.scatter_reduce_(0, row, score, "amax")
    is_best = score == value[row]
    place[row] = torch.iinfo(place.dtype).max
    place.scatter_reduce_(0, row[is_best], column[is_best], "amin")
