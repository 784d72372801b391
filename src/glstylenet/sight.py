"""Sight: what the network saw of one tile, and what a first visit to all of them tells."""

from dataclasses import dataclass

from torch import Tensor

from glstylenet.tiling import Tile
from glstylenet.vgg import Trail
from glstylenet.window import Window

__all__ = ["Sight", "Survey"]


@dataclass(frozen=True)
class Sight:
    """What the network saw of one tile.

    ``fused``: each group's fusion at the positions in ``windows``: the tile's own, and those one further
    that its patches reach. ``trail``: for the way back, if it is kept.
    """

    tile: Tile
    trail: Trail
    windows: list[Window]
    fused: list[Tensor]

    def own(self, number: int, layer: int) -> Tensor:
        """The fused feature of group ``number``, whose deepest is ``layer``, at the tile's own positions."""
        rows, columns = self.tile.positions(layer).inside(self.windows[number]).slices
        return self.fused[number][..., rows, columns]


@dataclass(frozen=True)
class Survey:
    """What a first visit to every tile tells: each group's Gram matrix (none when the weight is 0).

    ``sights``: what was seen of the tiles and kept, by their number.
    """

    grams: list[Tensor]
    sights: dict[int, Sight]
