"""Plausibility: is every patch like one of the style, and is all of the style there?

    P = mean over patches i of x of  min_j (1 - cos(Phi_i(x), Phi_j(a)))
    R = mean over patches j of a of  min_i (1 - cos(Phi_j(a), Phi_i(x)))

Phi are 3x3 patches of a layer that no loss compares, minus the style's mean of each channel. P is large if
there are patches that the style does not have, R if the style has patches that were not used. This is the
bidirectional similarity of Simakov, Caspi, Shechtman, Irani, *Summarizing Visual Data Using Bidirectional
Similarity* (2008), their coherence and completeness, with cosines of features in place of squared differences
of colours. Every pair is compared, block by block in bounded memory (:mod:`glstylenet.matching.exact`).

The mean is subtracted because features after a ReLU all point the same way: without that, noise was nearer to
a painting (0.26) than the photograph was (0.27); with it, 0.62 against 0.42 (docs/metrics.md).
"""

from torch import Tensor

from glstylenet.matching import match_patches

__all__ = ["patch_distance"]


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
    excluded = None if source_patches is None else ~source_patches
    similarity = match_patches(query - centre, source - centre, excluded=excluded).similarity
    if query_patches is not None:
        similarity = similarity[query_patches]
    return max(0.0, float((1.0 - similarity.double()).mean()))
