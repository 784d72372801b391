"""TileFeatures: what the network saw of one tile, and what a first visit to all of them tells."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from glstylenet.network import Network, layer_channels, layer_sizes
from glstylenet.numerics import Rect
from glstylenet.pyramid import Pyramid, Tile, layers_of

__all__ = ["FirstPass", "TileFeatures", "tile_features"]


def tile_features(
    network: Network,
    picture: Tensor,
    tile: Tile,
    groups: Sequence[tuple[int, ...]],
    windows: Sequence[Rect],
    *,
    save_for_backward: bool,
) -> tuple[Any, list[Tensor]]:
    """Show ``tile`` of ``picture`` to the network: the fusion of each of ``groups`` at the positions in its
    window. ``save_for_backward``: with what the way back needs."""
    channels = layer_channels(network)
    layers = {network.layer_names[layer]: layer for layer in layers_of(groups)}
    pyramids = [
        Pyramid(group, layer_sizes(tile.size, group), channels=channels, origin=tile.origin, window=window)
        for group, window in zip(groups, windows, strict=True)
    ]

    def sink(name: str, feature: Tensor, rows: tuple[int, int]) -> None:
        for pyramid in pyramids:
            pyramid.write(layers[name], feature, rows)

    rows, columns = tile.crop.slices
    trail = network.forward(
        picture[..., rows, columns],
        tuple(layers),
        sink,
        save_for_backward=save_for_backward,
        origin=tile.origin,
    )
    return trail, [pyramid.fused for pyramid in pyramids]


@dataclass(frozen=True)
class TileFeatures:
    """What the network saw of one tile.

    ``fused``: each group's fusion at the positions in ``windows``: the tile's own, and those one further
    that its patches reach. ``trail``: for the way back, if it is kept.
    """

    tile: Tile
    trail: Any
    windows: list[Rect]
    fused: list[Tensor]

    def own(self, number: int, layer: int) -> Tensor:
        """The fused feature of group ``number``, whose deepest is ``layer``, at the tile's own positions."""
        rows, columns = self.tile.positions(layer).relative_to(self.windows[number]).slices
        return self.fused[number][..., rows, columns]


@dataclass(frozen=True)
class FirstPass:
    """What a first visit to every tile tells: each group's Gram matrix (none when the weight is 0).

    ``tiles_seen``: what was seen of the tiles and kept, by their number.
    """

    grams: list[Tensor]
    tiles_seen: dict[int, TileFeatures]
