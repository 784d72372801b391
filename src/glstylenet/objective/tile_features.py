"""TileFeatures: the fused features of one tile, and of whole pictures tile by tile."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import torch
from torch import Tensor

from glstylenet.network import Network, layer_channels, layer_sizes
from glstylenet.numerics import Rect, picture_size, to_half
from glstylenet.pyramid import Pyramid, Tile, cut_into_tiles, fused_size, layers_of

__all__ = ["FeatureExtractor", "FusedFeatures", "TileFeatures", "crop_features", "tile_features"]


@dataclass(frozen=True)
class TileFeatures:
    """`TileFeatures` holds what the network computed of one tile.

    ``groups``: the layers of each fused feature. ``fused``: each fused feature at the positions in
    ``windows``, the tile's own and those one further that its patches reach. ``saved``: for the backward
    pass, if kept.
    """

    tile: Tile
    groups: Sequence[tuple[int, ...]]
    windows: Sequence[Rect]
    saved: Any
    fused: list[Tensor]
    channels: Mapping[int, int]

    @cached_property
    def layers(self) -> tuple[int, ...]:
        """All layers of the groups."""
        return layers_of(self.groups)

    def own(self, number: int) -> Tensor:
        """Return fused feature ``number`` at the tile's own positions."""
        own = self.tile.positions(self.groups[number][-1])
        rows, columns = own.relative_to(self.windows[number]).slices
        return self.fused[number][..., rows, columns]

    def layer(self, layer: int) -> Tensor:
        """Return F^layer at the tile's own positions: the last channels of what is fused down to its size."""
        number = next(number for number, group in enumerate(self.groups) if group[-1] == layer)
        return self.own(number)[:, -self.channels[layer] :]


def tile_features(
    network: Network,
    picture: Tensor,
    tile: Tile,
    groups: Sequence[tuple[int, ...]],
    windows: Sequence[Rect],
    *,
    save_for_backward: bool,
) -> TileFeatures:
    """Compute the fusion of each of ``groups`` at the positions in its window, for one ``tile`` of a
    picture."""
    crop = picture[..., *tile.crop.slices]
    return crop_features(network, crop, tile, groups, windows, save_for_backward=save_for_backward)


def crop_features(
    network: Network,
    crop: Tensor,
    tile: Tile,
    groups: Sequence[tuple[int, ...]],
    windows: Sequence[Rect],
    *,
    save_for_backward: bool,
) -> TileFeatures:
    """Compute what :func:`tile_features` does from the pixels of the tile's crop alone: (1, 3, h, w)."""
    channels = layer_channels(network)
    layers = {network.layer_names[layer]: layer for layer in layers_of(groups)}
    pyramids = [
        Pyramid(group, layer_sizes(tile.size, group), channels=channels, origin=tile.origin, window=window)
        for group, window in zip(groups, windows, strict=True)
    ]

    def sink(name: str, feature: Tensor, rows: tuple[int, int]) -> None:
        for pyramid in pyramids:
            pyramid.write(layers[name], feature, rows)

    saved = network.forward(
        crop,
        tuple(layers),
        sink,
        save_for_backward=save_for_backward,
        origin=tile.origin,
    )
    return TileFeatures(tile, groups, windows, saved, [pyramid.fused for pyramid in pyramids], channels)


class FusedFeatures(Protocol):
    """`FusedFeatures` returns fused features of whole pictures that are only compared with."""

    @property
    def key(self) -> Hashable:
        """What the features depend on besides the picture."""

    def fused(self, picture: Tensor, groups: Sequence[tuple[int, ...]]) -> list[Tensor]:
        """Return the fusion (1, C, A, B) of each of ``groups`` for ``picture`` (1, 3, H, W)."""


@dataclass(frozen=True)
class FeatureExtractor:
    """Computes fused features of whole pictures that are only compared with, tile by tile.

    ``tile_side``: longest side of a tile in pixels, ``None`` for the whole picture at once. ``half``:
    features are kept in at most 16 bits an entry. ``between_tiles`` is called before each tile.
    """

    network: Network
    tile_side: int | None = None
    half: bool = False
    between_tiles: Callable[[], None] | None = None

    def fused(self, picture: Tensor, groups: Sequence[tuple[int, ...]]) -> list[Tensor]:
        """Return the fusion of each of ``groups`` for ``picture`` (1, 3, H, W)."""
        size = picture_size(picture)
        features = [self._empty(size, group) for group in groups]
        for tile in cut_into_tiles(size, self.tile_side):
            if self.between_tiles is not None:
                self.between_tiles()
            windows = [tile.positions(group[-1]) for group in groups]
            found = tile_features(self.network, picture, tile, groups, windows, save_for_backward=False)
            for feature, window, part in zip(features, windows, found.fused, strict=True):
                feature[..., *window.slices] = to_half(part) if feature.dtype == torch.float16 else part
        return features

    @property
    def key(self) -> tuple[str, str, str, int | None, bool]:
        """What the features depend on besides the picture."""
        network = self.network
        return network.digest, str(network.device), str(network.dtype), self.tile_side, self.half

    def _empty(self, size: tuple[int, int], group: tuple[int, ...]) -> Tensor:
        """Make room for a feature of the whole picture, in the network's type or float16 instead of
        float32."""
        network = self.network
        dtype = torch.float16 if self.half and network.dtype == torch.float32 else network.dtype
        channels = layer_channels(network)
        shape = (1, sum(channels[layer] for layer in group), *fused_size(size, group))
        feature = torch.empty(shape, dtype=dtype, device=network.device)
        return feature.to(memory_format=torch.channels_last)
