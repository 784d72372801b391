"""StylePatchIndex: the patches of one style, searched many times."""

from functools import cached_property

from torch import Tensor

from glstylenet.matching.coarse_to_fine import cell_means, coarse_to_fine_search
from glstylenet.matching.exact import BLOCK_BYTES, Matches, NormalisedPatches, exact_search, excluding

__all__ = ["EXACT_POSITIONS", "StylePatchIndex"]

EXACT_POSITIONS = 16384
"""The largest style, in positions of the fused feature, whose every patch is compared with every patch of the
picture: 1024 x 1024 pixels where F^4 is the deepest layer, 512 x 512 where F^3 is, 256 x 256 in scheme
(a)."""


class StylePatchIndex:
    """The patches of one style, ready to be searched.

    ``style`` (1, C, A, B) are features of any float type, ``style_map`` (1, K, A, B) the class channels at
    the same positions; ``map_factor`` (:func:`.semantic_factor`) weighs the maps' cosine. Patches that are
    ``excluded``, boolean (A-2, B-2), are never found; some must remain. With a ``centre`` (C,) the features
    are compared by how they differ from it. Raises :class:`~glstylenet.errors.InputError` if a feature is
    smaller than one patch.
    """

    def __init__(
        self,
        style: Tensor,
        style_map: Tensor | None = None,
        *,
        map_factor: float = 0.0,
        excluded: Tensor | None = None,
        centre: Tensor | None = None,
        block_bytes: int = BLOCK_BYTES,
    ) -> None:
        self._block_bytes = block_bytes
        self._excluding = excluding(excluded)
        self._is_large = style.shape[-2] * style.shape[-1] > EXACT_POSITIONS
        self._features = NormalisedPatches(style, 1.0, centre)
        has_map = style_map is not None and map_factor != 0.0
        self._map = NormalisedPatches(style_map, map_factor) if has_map and style_map is not None else None

    @cached_property
    def _cell_means(self) -> list[Tensor]:
        """The means of the cells of the style's features and map."""
        return [
            cell_means(patches.positions, patches.centre)
            for patches in (self._features, self._map)
            if patches is not None
        ]

    def search(
        self,
        query: Tensor,
        query_map: Tensor | None = None,
        *,
        origin: tuple[int, int] = (0, 0),
        penalty: Tensor | None = None,
    ) -> Matches:
        """Find the nearest style patch of every patch of ``query`` (1, C, H, W) (Eq. 3).

        ``query_map`` (1, K, H, W): class channels, or ``None``. ``origin``: row and column of the first
        patch, where ``query`` is a part of a picture. ``penalty`` float32 (A-2, B-2) is subtracted from the
        similarity of each style patch. The search is exact for a style of up to
        ``EXACT_POSITIONS`` and goes from coarse to fine in a larger one.
        """
        cosines = [self._features.cosines_with(query)]
        if self._map is not None and query_map is not None:
            cosines.append(self._map.cosines_with(query_map))
        if self._excluding is not None:
            penalty = self._excluding if penalty is None else penalty + self._excluding
        if self._is_large:
            means = self._cell_means[: len(cosines)]
            return coarse_to_fine_search(cosines, means, origin, self._block_bytes, penalty)
        return exact_search(cosines, self._block_bytes, penalty)
