"""The nearest style patch of every patch (Eq. 3).

- ``exact``: compares every patch with every patch without building one.
- ``coarse_to_fine``: searches a large style by cells first, then around the best of them.
- ``index``: holds the patches of a style, ready to be searched many times.
"""

from glstylenet.matching.exact import BLOCK_BYTES, PATCH, Matches, match_patches, patch_sums, semantic_factor
from glstylenet.matching.index import EXACT_POSITIONS, StylePatchIndex

__all__ = [
    "BLOCK_BYTES",
    "EXACT_POSITIONS",
    "PATCH",
    "Matches",
    "StylePatchIndex",
    "match_patches",
    "patch_sums",
    "semantic_factor",
]
