"""Content: the picture keeps the content's deepest features (Eq. 2).

    L_content = alpha mean (F^4(x) - F^4(p))^2                                                (Eq. 2)

Deviation from the paper, which prints a sum over positions and channels: the authors' code takes the mean,
and the published weights belong to it.
"""

from typing import ClassVar

import torch
from torch import Tensor

from glstylenet.network import CONTENT_LAYER, layer_size
from glstylenet.numerics import at_least_float32, sum_of_squares
from glstylenet.objective.loss_term import Loss, LossTerm, TileGradients
from glstylenet.objective.tile_features import TileFeatures
from glstylenet.pyramid import fuse_backward

__all__ = ["ContentTerm", "content_loss"]


def content_loss(feature: Tensor, target: Tensor, *, weight: float = 1.0, entries: int | None = None) -> Loss:
    """Return the mean squared difference of F^4 of two pictures (Eq. 2) and its gradient.

    ``feature`` and ``target`` (1, C, H, W). Where they are those of a tile, ``entries`` is how many numbers
    the whole feature has.

    >>> import torch
    >>> one, other = torch.zeros(1, 2, 1, 1), torch.ones(1, 2, 1, 1)
    >>> float(content_loss(one, other, weight=10.0).value)
    10.0
    """
    share = weight / (entries or feature.numel())
    difference = at_least_float32(feature) - at_least_float32(target)
    value = share * sum_of_squares(difference)
    return Loss(value, difference.mul_(2.0 * share).to(feature.dtype))


class ContentTerm(LossTerm):
    """The content term of one objective."""

    name = "content"
    symbol = "alpha"
    setting = "content_weight"
    label = "content"
    colour = "#0072b2"
    dark_colour = "#56b4e9"
    compares_content: ClassVar[bool] = True

    def add_tile(self, features: TileFeatures, gradients: TileGradients) -> Tensor:
        """Compare the tile's own positions of F^4."""
        feature, target = self._own(features)
        loss = content_loss(feature, target, weight=self.weight, entries=self._entries(features))
        tile, group = features.tile, (CONTENT_LAYER,)
        own = tile.positions(CONTENT_LAYER)
        parts = fuse_backward(
            loss.gradient, group, crop=tile.crop, size=tile.size, window=own, channels=features.channels
        )
        gradients.layers.setdefault(CONTENT_LAYER, []).append(parts[CONTENT_LAYER])
        return loss.value

    def empty_map(self) -> Tensor:
        """Make room for each position's share in the term: float64 (h, w)."""
        return self._target.new_zeros(self._target.shape[-2:], dtype=torch.float64)

    def write_map(self, features: TileFeatures, loss_map: Tensor) -> None:
        """Write the share of each of the tile's positions in the term into ``loss_map`` (h, w)."""
        feature, target = self._own(features)
        difference = feature.to(loss_map.dtype) - target.to(loss_map.dtype)
        share = self.weight / self._entries(features)
        own = features.tile.positions(CONTENT_LAYER).slices
        loss_map[own] = share * difference.square_().sum(dim=(0, 1), dtype=loss_map.dtype)

    @property
    def _target(self) -> Tensor:
        assert self.targets.content is not None  # the term is left out without a content
        return self.targets.content

    def _own(self, features: TileFeatures) -> tuple[Tensor, Tensor]:
        own = features.tile.positions(CONTENT_LAYER)
        if self.targets.content_window is not None:
            own = own.relative_to(self.targets.content_window)
        return features.layer(CONTENT_LAYER), self._target[..., *own.slices]

    def _entries(self, features: TileFeatures) -> int:
        """Return how many numbers F^4 of the whole picture has."""
        height, width = layer_size(features.tile.size, CONTENT_LAYER)
        return self._target.shape[1] * height * width
