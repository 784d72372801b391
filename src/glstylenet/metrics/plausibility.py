"""Plausibility: does every patch look like one of the style, and is all of the style there?

    P = mean over patches i of x of  min_j (1 - cos(Phi_i(x), Phi_j(a)))
    R = mean over patches j of a of  min_i (1 - cos(Phi_j(a), Phi_i(x)))

Phi are 3x3 patches of a layer that no loss looks at, less the style's mean of each channel. P is large where
there are patches that the style has not, R where the style has patches that were not used. It is the
bidirectional similarity of Simakov, Caspi, Shechtman, Irani, *Summarizing Visual Data Using Bidirectional
Similarity* (2008), their coherence and completeness, with cosines of features in place of squared differences
of colours. Every pair is compared, block by block in bounded memory (:mod:`glstylenet.matching.exact`).

The mean is taken off because features after a ReLU all point the same way: without that, noise was nearer to
a painting (0.26) than the photograph was (0.27); with it, 0.62 against 0.42 (docs/metrics.md).
"""

from torch import Tensor

from glstylenet.matching import match_patches

__all__ = ["patch_distance"]


def patch_distance(query: Tensor, source: Tensor, *, centre: Tensor) -> float:
    """Mean cosine distance of each patch of ``query`` (1, C, H, W) to the nearest of ``source`` (1, C, A, B).

    ``centre`` (1, C, 1, 1) is taken off both. 0..2, 0 where each patch is found; random ones lie near 1.
    """
    similarity = match_patches(query - centre, source - centre).similarity
    return max(0.0, float((1.0 - similarity.double()).mean()))
