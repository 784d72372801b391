"""Neighbours: the nearest patches of one style, searched many times."""

from functools import cached_property

from torch import Tensor

from glstylenet.matching.coarse_to_fine import cell_means, coarse_to_fine_search
from glstylenet.matching.exact import BLOCK_BYTES, Matches, NormalisedPatches, exact_search

__all__ = ["EXACT_POSITIONS", "StylePatchIndex"]


EXACT_POSITIONS = 16384
"""The largest style, in positions of the fused feature, of which every patch is compared with every patch of
the picture: 1024 x 1024 pixels where F^4 is the deepest layer, 512 x 512 where F^3 is, 256 x 256 in scheme
(a)."""


class StylePatchIndex:
    """The patches of one style, made ready to be searched.

    ``style`` (1, C, A, B) are features of any float type, ``style_map`` (1, K, A, B) the class channels at
    the same positions; ``map_factor`` (:func:`~glstylenet.matching.exact.semantic_factor`) weighs the maps' cosine.
    Raises :class:`~glstylenet.errors.InputError` if a feature is smaller than one patch.
    """

    def __init__(
        self,
        style: Tensor,
        style_map: Tensor | None = None,
        *,
        map_factor: float = 0.0,
        block_bytes: int = BLOCK_BYTES,
    ) -> None:
        self._block_bytes = block_bytes
        self._is_large = style.shape[-2] * style.shape[-1] > EXACT_POSITIONS
        self._features = NormalisedPatches(style, 1.0)
        self._map = (
            NormalisedPatches(style_map, map_factor) if style_map is not None and map_factor != 0.0 else None
        )

    @cached_property
    def _means(self) -> list[Tensor]:
        """Of the cells of the style's features and map, a sixteenth of them."""
        return [cell_means(side.positions) for side in (self._features, self._map) if side is not None]

    def search(
        self, query: Tensor, query_map: Tensor | None = None, *, origin: tuple[int, int] = (0, 0)
    ) -> Matches:
        """Nearest style patch of every patch of ``query`` (1, C, H, W) (Eq. 3).

        ``origin``: row and column of the first patch, where ``query`` is a part of a picture. Exact for a
        style of up to ``EXACT_POSITIONS``; a larger one is searched with :mod:`~glstylenet.matching.coarse_to_fine`.
        """
        sides = [self._features.compared(query)]
        if self._map is not None and query_map is not None:
            sides.append(self._map.compared(query_map))
        if self._is_large:
            return coarse_to_fine_search(sides, self._means[: len(sides)], origin, self._block_bytes)
        return exact_search(sides, self._block_bytes)
