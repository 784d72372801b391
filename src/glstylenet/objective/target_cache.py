"""Target cache: TODO-DOC."""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Hashable

from torch import Tensor

from glstylenet.matching import BLOCK_BYTES
from glstylenet.network import Network
from glstylenet.objective.style_target import StyleTarget, content_target, nothing, style_targets

__all__ = ["TargetStore"]


class TargetStore:
    """Targets by what they were made from: pictures and maps by their bytes, network, layers, tiles.

    At most ``most_bytes`` of memory are held, the latest used; with 0, nothing is, and every call computes.
    """

    def __init__(self, most_bytes: int = 0) -> None:
        self._most_bytes = most_bytes
        self._contents: OrderedDict[Hashable, Tensor] = OrderedDict()
        self._styles: OrderedDict[Hashable, list[StyleTarget]] = OrderedDict()

    def content(
        self,
        network: Network,
        content: Tensor,
        tile_side: int | None,
        between_tiles: Callable[[], None] = nothing,
        *,
        half: bool = False,
    ) -> Tensor:
        """What :func:`content_target` makes of the same arguments."""
        if not self._most_bytes:
            return content_target(network, content, tile_side, between_tiles, half=half)
        key = (_identity(network), _digest(content), tile_side, half)
        if key not in self._contents:
            self._contents[key] = content_target(network, content, tile_side, between_tiles, half=half)
        self._contents.move_to_end(key)
        target = self._contents[key]
        self._forget()
        return target

    def style(
        self,
        network: Network,
        groups: tuple[tuple[int, ...], ...],
        style: Tensor,
        style_map: Tensor | None,
        *,
        tile_side: int | None,
        map_factor: float,
        block_bytes: int = BLOCK_BYTES,
        between_tiles: Callable[[], None] = nothing,
        half: bool = False,
    ) -> list[StyleTarget]:
        """What :func:`style_targets` makes of the same arguments."""

        def make() -> list[StyleTarget]:
            return style_targets(
                network,
                groups,
                style,
                style_map,
                tile_side=tile_side,
                map_factor=map_factor,
                block_bytes=block_bytes,
                between_tiles=between_tiles,
                half=half,
            )

        if not self._most_bytes or not groups:
            return make()
        map_key = None if style_map is None else (_digest(style_map), map_factor)
        key = (_identity(network), groups, _digest(style), map_key, tile_side, block_bytes, half)
        if key not in self._styles:
            self._styles[key] = make()
        self._styles.move_to_end(key)
        targets = self._styles[key]
        self._forget()
        return targets

    @property
    def nbytes(self) -> int:
        """What is held now."""
        styles = sum(target.nbytes for targets in self._styles.values() for target in targets)
        return styles + sum(target.nbytes for target in self._contents.values())

    def _forget(self) -> None:
        """Let go of what was used longest ago; of a style before a content, which is smaller."""
        while self.nbytes > self._most_bytes:
            (self._styles or self._contents).popitem(last=False)


def _identity(network: Network) -> tuple[str, str, str]:
    return network.digest, str(network.device), str(network.dtype)


def _digest(picture: Tensor) -> str:
    """Shape and SHA-256 of what a picture or its channels hold."""
    values = picture.detach().cpu().contiguous()
    return f"{tuple(values.shape)} {hashlib.sha256(values.numpy().data).hexdigest()}"
