"""Targets: what the losses compare with; computed once from the content and the style, tile by tile.

A :class:`TargetStore` shares them between runs on the same pictures.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from glstylenet.maps import map_at
from glstylenet.matching import BLOCK_BYTES, PATCH, StylePatchIndex
from glstylenet.network import CONTENT_LAYER, Network, layer_channels, layer_size
from glstylenet.numerics import Rect, picture_size, to_half
from glstylenet.objective.gram import gram
from glstylenet.objective.local import StyleStatistics
from glstylenet.objective.tile_features import tile_features
from glstylenet.pyramid import cut_into_tiles, fused_size

__all__ = ["StyleTarget", "content_target", "nothing", "style_targets"]


@dataclass(frozen=True)
class StyleTarget:
    """The style as one fused feature of the scheme sees it; what is derived is computed when first asked for.

    ``layers``: the scheme's group. ``feature`` (1, C, A, B). ``class_channels`` (1, K, A, B): the map at the
    feature's size, weighed by ``map_factor`` in the search.
    """

    layers: tuple[int, ...]
    feature: Tensor
    class_channels: Tensor | None
    map_factor: float
    block_bytes: int

    @property
    def nbytes(self) -> int:
        """Memory that it takes with all that is derived."""
        return self.feature.nbytes + 4 * self.feature.shape[1] ** 2

    @property
    def layer(self) -> int:
        """The deepest layer, whose positions the feature has."""
        return self.layers[-1]

    @cached_property
    def gram(self) -> Tensor:
        """The Gram matrix (C, C) of Eq. 5."""
        return gram(self.feature)

    @cached_property
    def patches(self) -> StylePatchIndex:
        """The patches, to be searched."""
        return StylePatchIndex(
            self.feature,
            self.class_channels,
            map_factor=self.map_factor,
            block_bytes=self.block_bytes,
        )

    @cached_property
    def centred(self) -> StyleStatistics:
        """The feature as the local loss asks it."""
        return StyleStatistics.of(self.feature)

    def entries(self, size: tuple[int, int]) -> int:
        """Numbers in all patches of a generated picture of ``size``: what Eq. 4's mean is taken over."""
        height, width = fused_size(size, self.layers)
        return (height - PATCH + 1) * (width - PATCH + 1) * PATCH**2 * self.feature.shape[1]


def nothing() -> None:
    """What is done between tiles by default."""


def content_target(
    network: Network,
    content: Tensor,
    tile_side: int | None,
    between_tiles: Callable[[], None] = nothing,
    *,
    half: bool = False,
) -> Tensor:
    """F^4 of ``content`` (1, 3, H, W), made from tiles of at most ``tile_side`` pixels; in at most 16 bits an
    entry for ``half``."""
    size = picture_size(content)
    channels = layer_channels(network)[CONTENT_LAYER]
    target = _blank(network, channels, layer_size(size, CONTENT_LAYER), half=half)
    for tile in cut_into_tiles(size, tile_side):
        between_tiles()
        own = tile.positions(CONTENT_LAYER)
        _, [seen] = tile_features(network, content, tile, ((CONTENT_LAYER,),), [own], save_for_backward=False)
        _write(target, own, seen)
    return target


def style_targets(
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
    """One for each of a scheme's ``groups``, of ``style`` (1, 3, A, B) and its ``style_map`` (1, K, A, B);
    features in at most 16 bits an entry for ``half``."""
    if not groups:
        return []
    size = picture_size(style)
    channels = layer_channels(network)
    features = [
        _blank(network, sum(channels[layer] for layer in group), fused_size(size, group), half=half)
        for group in groups
    ]
    for tile in cut_into_tiles(size, tile_side):
        between_tiles()
        windows = [tile.positions(group[-1]) for group in groups]
        _, seen = tile_features(network, style, tile, groups, windows, save_for_backward=False)
        for feature, window, part in zip(features, windows, seen, strict=True):
            _write(feature, window, part)
    maps = [None if style_map is None else map_at(style_map, fused_size(size, group)) for group in groups]
    return [
        StyleTarget(group, feature, class_channels, map_factor, block_bytes)
        for group, feature, class_channels in zip(groups, features, maps, strict=True)
    ]


def _blank(network: Network, channels: int, size: tuple[int, int], *, half: bool) -> Tensor:
    """Room for a feature of the whole picture: of the network's type, or float16 for float32 if ``half``."""
    dtype = torch.float16 if half and network.dtype == torch.float32 else network.dtype
    feature = torch.empty((1, channels, *size), dtype=dtype, device=network.device)
    return feature.to(memory_format=torch.channels_last)


def _write(feature: Tensor, window: Rect, part: Tensor) -> None:
    """Write ``part`` where ``window`` lies in ``feature``."""
    feature[..., *window.slices] = to_half(part) if feature.dtype == torch.float16 else part
