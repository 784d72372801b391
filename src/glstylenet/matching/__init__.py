"""The nearest style patch of every patch (Eq. 3).

- ``patch_grid``: numbers the patches of one or several features.
- ``exact``: compares every patch with every patch without building one.
- ``coarse_to_fine``: searches a large style by cells first, then around the best of them.
- ``index``: holds the patches of a style, ready to be searched many times.
"""

from glstylenet.matching.exact import BLOCK_BYTES, Matches, match_patches, patch_sums, semantic_factor
from glstylenet.matching.index import EXACT_POSITIONS, StylePatchIndex
from glstylenet.matching.patch_grid import PATCH, PatchGrid

__all__ = [
    "BLOCK_BYTES",
    "EXACT_POSITIONS",
    "PATCH",
    "Matches",
    "PatchGrid",
    "StylePatchIndex",
    "match_patches",
    "patch_sums",
    "semantic_factor",
]
