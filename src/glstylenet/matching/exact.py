"""Exact search: nearest neighbours among 3x3 feature patches, without ever building a patch (Eq. 3).

    NN(i) = argmax_j  cos(Phi_i(x), Phi_j(a)) + (3 beta1 / 100) cos(M_i(x), M_j(a))           (Eq. 3)

Phi are 3x3 patches of a fused feature, M those of the semantic map; i runs over the patches of the generated
picture x, j over those of the style a. Feature and map patches are normalised separately, each over its whole
3x3xd vector, as in the authors' code. Patches lie wholly inside the picture
(:mod:`~glstylenet.matching.patch_grid`).

**Factorisation.** The inner product of two patches is the sum, over the nine offsets, of the products of the
positions under them. All position products are one matrix product; a patch's products are sums along its
diagonals. That is nine times less arithmetic than multiplying patch vectors, and exact. The product is
computed block by block (a rectangle of x times one of a), so memory stays within ``block_bytes`` at any size.

Shape letters: C channels, H x W positions of the query, A x B positions of the style.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from glstylenet.errors import InputError
from glstylenet.matching.patch_grid import PATCH
from glstylenet.numerics import Rect, matmul_f32

__all__ = [
    "BLOCK_BYTES",
    "Matches",
    "NormalisedPatches",
    "PatchCosines",
    "exact_search",
    "excluding",
    "match_patches",
    "patch_norm_squared",
    "patch_sums",
    "relative_to",
    "semantic_factor",
    "sum_over_offsets",
]

BLOCK_BYTES = 96 * 2**20
"""Default bound for one block of products with its partial sums, in bytes."""

_ROWS_AT_ONCE = 16
"""Rows of positions that are converted to float32 at a time."""

_TINY = 1e-12
"""Added to squared norms: an all-zero patch has cosine 0 with everything instead of NaN."""


@dataclass(frozen=True)
class Matches:
    """The nearest style patch of every query patch.

    ``index``: int64 (H-2, W-2), number of the style patch. ``similarity``: float32 (H-2, W-2), the maximised
    sum of Eq. 3, between -1 - w and 1 + w for map weight w.
    """

    index: Tensor
    similarity: Tensor

    @classmethod
    def empty(cls, size: tuple[int, int], device: torch.device) -> "Matches":
        """Make room for the matches of a feature of ``size`` (height, width), to be filled with
        :meth:`put`."""
        shape = (size[0] - PATCH + 1, size[1] - PATCH + 1)
        return cls(torch.zeros(shape, dtype=torch.int64, device=device), torch.zeros(shape, device=device))

    def better(self, other: "Matches") -> "Matches":
        """Return for every patch the more similar of two matches; of equals, this one's."""
        is_better = other.similarity > self.similarity
        return Matches(
            torch.where(is_better, other.index, self.index),
            torch.where(is_better, other.similarity, self.similarity),
        )

    def put(self, part: "Matches", window: Rect) -> None:
        """Write the matches of the patches in ``window``."""
        self.index[window.slices] = part.index
        self.similarity[window.slices] = part.similarity


def semantic_factor(semantic_weight: float) -> float:
    """Return the weight of the map's cosine in Eq. 3: 3 beta1 / 100.

    >>> semantic_factor(10.0)
    0.3
    """
    return 3.0 * semantic_weight / 100.0


def patch_sums(positions: Tensor) -> Tensor:
    """Return the sum of (..., H, W) over each 3x3 patch: (..., H-2, W-2).

    >>> patch_sums(torch.ones(3, 4))
    tensor([[9., 9.]])
    """
    height, width = positions.shape[-2:]
    flat = positions.reshape(-1, 1, height, width)
    sums = F.avg_pool2d(flat, PATCH, stride=1) * float(PATCH * PATCH)
    return sums.reshape(*positions.shape[:-2], height - 2, width - 2)


def patch_norm_squared(feature: Tensor, centre: Tensor | None = None) -> Tensor:
    """Return the squared norm of each 3x3 patch of (1, C, H, W) minus ``centre`` (C,): float32 (H-2, W-2)."""
    # Strip by strip: a converted copy of a large style would be the largest thing in memory. The result is
    # allocated first: a small tensor between the copies would keep each from reusing the memory of the last.
    lengths = torch.empty(feature.shape[-2:], dtype=torch.float32, device=feature.device)
    strips = torch.split(feature[0], _ROWS_AT_ONCE, dim=1)
    for strip, part in zip(strips, torch.split(lengths, _ROWS_AT_ONCE), strict=True):
        values = strip.float() if centre is None else strip.float() - centre.float()[:, None, None]
        torch.linalg.vector_norm(values, dim=0, out=part)
    return patch_sums(lengths.square_())


def relative_to(positions: Tensor, centre: Tensor | None) -> Tensor:
    """Return ``positions`` (..., C) minus ``centre`` (C,), in their own type; themselves without one."""
    return positions if centre is None else positions - centre.to(positions.dtype)


def excluding(excluded: Tensor | None) -> Tensor | None:
    """Return the penalty that keeps style patches from being found where ``excluded`` is True.

    >>> excluding(torch.tensor([True, False])).tolist()
    [inf, 0.0]
    """
    if excluded is None:
        return None
    return torch.zeros(excluded.shape, device=excluded.device).masked_fill_(excluded, math.inf)


def match_patches(
    query: Tensor,
    style: Tensor,
    *,
    query_map: Tensor | None = None,
    style_map: Tensor | None = None,
    map_factor: float = 0.0,
    excluded: Tensor | None = None,
    block_bytes: int = BLOCK_BYTES,
) -> Matches:
    """Find the nearest style patch of every query patch (Eq. 3) by comparing every pair.

    ``query`` (1, C, H, W) and ``style`` (1, C, A, B) are features of any float type; ``query_map``
    (1, K, H, W) and ``style_map`` (1, K, A, B) the class channels at the same positions, needed when
    ``map_factor`` (:func:`semantic_factor`) is not 0. Style patches that are ``excluded``, boolean
    (A-2, B-2), are not found; some must remain. Raises :class:`~glstylenet.errors.InputError` if a feature is
    smaller than one patch.

    >>> style = torch.eye(16).view(1, 16, 4, 4)
    >>> match_patches(style, style).index
    tensor([[0, 1],
            [2, 3]])
    """
    cosines = [NormalisedPatches(style, 1.0).cosines_with(query)]
    if query_map is not None and style_map is not None and map_factor != 0.0:
        cosines.append(NormalisedPatches(style_map, map_factor).cosines_with(query_map))
    return exact_search(cosines, block_bytes, excluding(excluded))


def _check_holds_patch(name: str, feature: Tensor) -> None:
    if min(feature.shape[-2:]) < PATCH:
        height, width = feature.shape[-2:]
        raise InputError(
            f"the {name}'s features have {height} x {width} positions, and one patch needs "
            f"{PATCH} x {PATCH}; use a larger picture (each position of the deepest layer is 8 pixels)"
        )


class NormalisedPatches:
    """The style's part of one of the two cosines of Eq. 3, of features or of maps, computed once.

    ``weight`` is that of the cosine. ``positions`` (A, B, C); ``inverse_norms`` (A-2, B-2): 1 / norm of each
    patch. With a ``centre`` (C,) the cosine is that of the features minus it, of both pictures. Raises
    :class:`~glstylenet.errors.InputError` if ``style`` (1, C, A, B) is smaller than one patch.
    """

    def __init__(self, style: Tensor, weight: float, centre: Tensor | None = None) -> None:
        _check_holds_patch("style", style)
        self.weight = weight
        self.centre = centre
        # (A, B, C): rows of positions lie together, so a block of rows is one matrix.
        self.positions = style[0].permute(1, 2, 0)
        self.inverse_norms = (patch_norm_squared(style, centre) + _TINY).rsqrt()

    def cosines_with(self, query: Tensor) -> "PatchCosines":
        """Return the weighted cosines with the patches of ``query`` (1, C, H, W), yet to be computed."""
        _check_holds_patch("picture", query)
        scale = self.weight * (patch_norm_squared(query, self.centre) + _TINY).rsqrt()
        return PatchCosines(self, query[0].permute(1, 2, 0), scale)


@dataclass(frozen=True)
class PatchCosines:
    """One of the two cosines of Eq. 3 between all patches of a query and of the style.

    ``query`` (H, W, C); ``query_scale`` (H-2, W-2): the cosine's weight / norm of each patch.
    """

    style: NormalisedPatches
    query: Tensor
    query_scale: Tensor

    def block(self, query_block: Rect, style_block: Rect) -> Tensor:
        """Compute the weighted cosines of the patches in one block with those in another:

        float32 (r, c, s, t).
        """
        centre = self.style.centre
        query = relative_to(self.query[query_block.expand(PATCH - 1).slices], centre)
        style = relative_to(self.style.positions[style_block.expand(PATCH - 1).slices], centre)
        channels = query.shape[-1]
        # Summed in float32 even for bfloat16 features: candidates often differ in the third digit only.
        shape = (*query.shape[:2], *style.shape[:2])
        # The products have no other name, so that their memory is free once they are summed.
        sums = sum_over_offsets(
            matmul_f32(query.reshape(-1, channels), style.reshape(-1, channels).T).view(shape)
        )
        sums *= self.style.inverse_norms[style_block.slices]
        sums *= self.query_scale[query_block.slices][:, :, None, None]
        return sums


def _blocks(height: int, width: int, rows: int, columns: int) -> Iterator[Rect]:
    """Cover height x width patches with blocks of at most rows x columns, row by row."""
    for top in range(0, height, rows):
        for left in range(0, width, columns):
            yield Rect(top, left, min(top + rows, height), min(left + columns, width))


def sum_over_offsets(products: Tensor) -> Tensor:
    """Sum position products (..., r+2, W, s+2, B) over the nine offsets: (..., r, W-2, s, B-2)."""
    across = products[..., :-2, :, :-2] + products[..., 1:-1, :, 1:-1]
    across += products[..., 2:, :, 2:]
    del products  # the largest tensor of a search
    down = across[..., :-2, :, :-2, :] + across[..., 1:-1, :, 1:-1, :]
    down += across[..., 2:, :, 2:, :]
    return down


def exact_search(cosines: list[PatchCosines], block_bytes: int, penalty: Tensor | None = None) -> Matches:
    """Find the style patch with the largest sum of ``cosines`` for every patch of the query.

    ``penalty`` float32 (A-2, B-2) is subtracted for each style patch; one of an infinite penalty is not
    found, and some must remain. Sums and comparisons are float32. Of equally good style patches the first,
    row by row, wins, whatever the block size.
    """
    height, width = cosines[0].query_scale.shape
    style_height, style_width = cosines[0].style.inverse_norms.shape
    device = cosines[0].query.device
    best = torch.full((height, width), -math.inf, device=device)
    index = torch.zeros((height, width), dtype=torch.int64, device=device)
    query_block_size, style_block_size = _block_sizes(
        (height, width), (style_height, style_width), block_bytes
    )
    for query_block in _blocks(height, width, *query_block_size):
        here = query_block.slices
        for block in _blocks(style_height, style_width, *style_block_size):
            score = cosines[0].block(query_block, block)
            for others in cosines[1:]:
                score += others.block(query_block, block)
            if penalty is not None:
                score -= penalty[block.slices]
            value, place = score.flatten(2).max(dim=2)
            columns = block.right - block.left
            number = (block.top + place // columns) * style_width + block.left + place % columns
            # Of equals the smaller number is taken, so that the answer does not depend on the blocks.
            better = (value > best[here]) | ((value == best[here]) & (number < index[here]))
            best[here] = torch.where(better, value, best[here])
            index[here] = torch.where(better, number, index[here])
    return Matches(index, best)


def _block_sizes(
    query: tuple[int, int], style: tuple[int, int], block_bytes: int
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return rows and columns of a query block and of a style block that fit ``block_bytes`` together.

    A style that leaves room for a fair number of query patches is taken whole; else both blocks are squares,
    whose overlap at the edges costs least. Blocks have at least 3 x 3 positions, whatever the bound.
    """
    # Two of products, sums across and sums down are alive together, each float32; with maps the features'
    # sums wait meanwhile.
    pairs = block_bytes // (3 * 4)
    edge = PATCH - 1
    whole_style = (style[0] + edge) * (style[1] + edge)
    positions = pairs // whole_style
    if positions >= 3 * (query[1] + edge):
        return (positions // (query[1] + edge) - edge, query[1]), style
    side = math.isqrt(positions)
    if side >= 16:
        return (side - edge, side - edge), style
    side = max(PATCH, math.isqrt(math.isqrt(pairs)))
    return (side - edge, side - edge), (side - edge, side - edge)
