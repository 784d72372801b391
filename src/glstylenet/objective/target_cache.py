"""TargetCache: targets shared between runs on the same pictures."""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import TypeVar

from torch import Tensor

from glstylenet.matching import BLOCK_BYTES
from glstylenet.network import CONTENT_LAYER
from glstylenet.objective.style_target import StyleTarget, style_targets
from glstylenet.objective.tile_features import FusedFeatures

__all__ = ["TargetCache"]

_Target = TypeVar("_Target", Tensor, list[StyleTarget])


class TargetCache:
    """Targets by what they were computed from: pictures and maps by their bytes, network, layers, tiles.

    At most ``most_bytes`` of memory are held, the latest used; with 0 every call computes.
    """

    def __init__(self, most_bytes: int = 0) -> None:
        self._most_bytes = most_bytes
        self._contents: OrderedDict[Hashable, Tensor] = OrderedDict()
        self._styles: OrderedDict[Hashable, list[StyleTarget]] = OrderedDict()

    def content(self, extractor: FusedFeatures, content: Tensor) -> Tensor:
        """Return F^4 of ``content`` (1, 3, H, W)."""

        def compute() -> Tensor:
            [feature] = extractor.fused(content, ((CONTENT_LAYER,),))
            return feature

        return self._cached(self._contents, lambda: (extractor.key, _digest(content)), compute)

    def style(
        self,
        extractor: FusedFeatures,
        groups: tuple[tuple[int, ...], ...],
        style: Tensor,
        style_map: Tensor | None,
        style_alpha: Tensor | None = None,
        *,
        map_factor: float,
        regions: bool = False,
        block_bytes: int = BLOCK_BYTES,
    ) -> list[StyleTarget]:
        """Return what :func:`~.style_target.style_targets` computes of the same arguments."""

        def key() -> Hashable:
            map_key = (None if style_map is None else _digest(style_map), map_factor, regions)
            alpha_key = None if style_alpha is None else _digest(style_alpha)
            return extractor.key, groups, _digest(style), map_key, alpha_key, block_bytes

        def compute() -> list[StyleTarget]:
            return style_targets(
                extractor,
                groups,
                style,
                style_map,
                style_alpha,
                map_factor=map_factor,
                regions=regions,
                block_bytes=block_bytes,
            )

        return self._cached(self._styles, key, compute) if groups else []

    @property
    def nbytes(self) -> int:
        """The memory that is held now."""
        styles = sum(target.nbytes for targets in self._styles.values() for target in targets)
        return styles + sum(content.nbytes for content in self._contents.values())

    def _cached(
        self,
        held: OrderedDict[Hashable, _Target],
        key: Callable[[], Hashable],
        compute: Callable[[], _Target],
    ) -> _Target:
        if not self._most_bytes:
            return compute()
        made_from = key()
        if made_from not in held:
            held[made_from] = compute()
        held.move_to_end(made_from)
        target = held[made_from]
        # What was used longest ago goes; a style before a content, which is smaller.
        while self.nbytes > self._most_bytes:
            (self._styles or self._contents).popitem(last=False)
        return target


def _digest(picture: Tensor) -> str:
    """Return the shape and the SHA-256 of what a picture or its channels hold."""
    values = picture.detach().cpu().contiguous()
    return f"{tuple(values.shape)} {hashlib.sha256(values.numpy().data).hexdigest()}"
