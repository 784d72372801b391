"""Plausibility: is every patch like one of the style, is all of the style there, and do neighbours agree?

    P = mean over patches i of x of  min_j (1 - cos(Phi_i(x), Phi_j(a)))
    R = mean over patches j of a of  min_i (1 - cos(Phi_j(a), Phi_i(x)))
    H = share of neighbouring patches i, i' of x with  NN(i') - NN(i) = i' - i

Phi are 3x3 patches of a layer that no loss compares, minus the style's mean of each channel. P is large if
there are patches that the style does not have, R if the style has patches that were not used. This is the
bidirectional similarity of Simakov, Caspi, Shechtman, Irani, *Summarizing Visual Data Using Bidirectional
Similarity* (2008), their coherence and completeness, with cosines of features in place of squared differences
of colours. Every pair is compared, block by block in bounded memory (:mod:`glstylenet.matching.exact`).

H tells pieces of the style from crumbs: two neighbours whose nearest style patches NN are neighbours in the
same way belong to one piece. Ashikhmin, *Synthesizing Natural Textures* (2001), copies by this property.

The mean is subtracted because features after a ReLU all point the same way: without that, noise was nearer to
a painting (0.26) than the photograph was (0.27); with it, 0.62 against 0.42 (docs/metrics.md).
"""

import torch
from torch import Tensor

from glstylenet.matching import Matches, match_patches

__all__ = ["coherence", "mean_distance", "nearest_patches", "patch_distance"]


def nearest_patches(
    query: Tensor, source: Tensor, *, centre: Tensor, source_patches: Tensor | None = None
) -> Matches:
    """Find the nearest patch of ``source`` (1, C, A, B) for each patch of ``query`` (1, C, H, W).

    ``centre`` (1, C, 1, 1) is subtracted from both. With ``source_patches``, boolean (A-2, B-2), only these
    are found.
    """
    excluded = None if source_patches is None else ~source_patches
    return match_patches(query - centre, source - centre, excluded=excluded)


def patch_distance(
    query: Tensor,
    source: Tensor,
    *,
    centre: Tensor,
    query_patches: Tensor | None = None,
    source_patches: Tensor | None = None,
) -> float:
    """Return the mean cosine distance of the patches of ``query`` to the nearest of ``source``.

    Both are (1, C, any size). ``centre`` (1, C, 1, 1) is subtracted from both. With ``query_patches`` and
    ``source_patches``, boolean (H-2, W-2) of each, only these count. The distance is 0..2: 0 if every patch
    is found, near 1 for random features.
    """
    nearest = nearest_patches(query, source, centre=centre, source_patches=source_patches)
    return mean_distance(nearest, query_patches)


def mean_distance(nearest: Matches, query_patches: Tensor | None = None) -> float:
    """Return the mean cosine distance to the ``nearest`` patches, 0..2, of those ``query_patches``."""
    similarity = nearest.similarity
    if query_patches is not None:
        similarity = similarity[query_patches]
    return max(0.0, float((1.0 - similarity.double()).mean()))


def coherence(nearest: Matches, source_width: int, query_patches: Tensor | None = None) -> float | None:
    """Return H, the share of neighbouring patches whose ``nearest`` are neighbours in the same way: 0..1.

    ``source_width``: the patches in a row of the source. With ``query_patches``, boolean (H-2, W-2), pairs of
    these count. ``None`` if there is no pair.

    >>> import torch
    >>> from glstylenet.matching import match_patches
    >>> style = torch.rand(1, 8, 9, 9, generator=torch.Generator().manual_seed(1))
    >>> coherence(match_patches(style[..., 2:], style), 7)
    1.0
    """
    rows, columns = nearest.index // source_width, nearest.index % source_width
    counted = torch.ones_like(rows, dtype=torch.bool) if query_patches is None else query_patches
    agreed = pairs = 0
    for axis in (0, 1):
        row_step, column_step = rows.diff(dim=axis), columns.diff(dim=axis)
        is_next = (row_step == 1 - axis) & (column_step == axis)
        length = counted.shape[axis] - 1
        both = counted.narrow(axis, 0, length) & counted.narrow(axis, 1, length)
        agreed += int((is_next & both).sum())
        pairs += int(both.sum())
    return agreed / pairs if pairs else None
