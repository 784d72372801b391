"""The nearest style patch of every patch (Eq. 3), and the pictures that such patches make.

- ``patch_grid``: numbers the patches of one or several features.
- ``exact``: compares every patch with every patch without building one.
- ``coarse_to_fine``: searches a large style by cells first, then around the best of them.
- ``index``: holds the patches of a style, ready to be searched many times.
- ``map_guides``: finds nearest patches by semantic maps alone.
- ``voting``: copies the style's pixels under the nearest patches.
"""

from glstylenet.matching.exact import BLOCK_BYTES, Matches, match_patches, patch_sums, semantic_factor
from glstylenet.matching.index import EXACT_POSITIONS, StylePatchIndex
from glstylenet.matching.map_guides import map_guides, match_guides
from glstylenet.matching.patch_grid import PATCH, PatchGrid
from glstylenet.matching.voting import use_penalty, vote, voted_positions

__all__ = [
    "BLOCK_BYTES",
    "EXACT_POSITIONS",
    "PATCH",
    "Matches",
    "PatchGrid",
    "StylePatchIndex",
    "map_guides",
    "match_guides",
    "match_patches",
    "patch_sums",
    "semantic_factor",
    "use_penalty",
    "vote",
    "voted_positions",
]
