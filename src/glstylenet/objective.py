"""Objective: the paper's total loss as a function of the pixels, ``evaluate(x) -> terms and gradient``.

    L(x) = alpha L_content + beta L_local + gamma L_global + sigma L_smoothness               (Eq. 8)

What does not depend on x (the content's F^4, the style's fused features and Gram matrices, the maps at
feature size) is computed once. The nearest neighbours of Eq. 3 are found by :meth:`Objective.match` and
held until it is called again: within such a *round* the loss is smooth, which L-BFGS needs.

The paper matches at every evaluation; calling ``match`` before each ``evaluate`` is exactly that.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from glstylenet.fusion import Scheme, fuse, fused_size
from glstylenet.losses import (
    LocalTarget,
    content_loss,
    global_loss,
    gram,
    local_loss,
    local_target,
    smoothness_loss,
)
from glstylenet.patches import BLOCK_BYTES, Matches, match_patches, semantic_factor
from glstylenet.vgg import Network

__all__ = ["CONTENT_LAYER", "Evaluation", "LossTerms", "LossWeights", "Objective", "map_at"]

CONTENT_LAYER = 4
"""Eq. 2 compares F^4."""


@dataclass(frozen=True)
class LossWeights:
    """The five weights of Eqs. 2-8. A term whose weight is 0 is not computed."""

    content: float  # alpha
    local: float  # beta
    semantic: float  # beta1
    global_: float  # gamma
    smoothness: float  # sigma


@dataclass(frozen=True)
class LossTerms:
    """The weighted terms of Eq. 8."""

    content: float
    local: float
    global_: float
    smoothness: float

    @property
    def total(self) -> float:
        """The objective: the sum of the four."""
        return self.content + self.local + self.global_ + self.smoothness

    def as_dict(self) -> dict[str, float]:
        """``content``, ``local``, ``global``, ``smoothness`` and ``total``."""
        return {
            "content": self.content,
            "local": self.local,
            "global": self.global_,
            "smoothness": self.smoothness,
            "total": self.total,
        }


@dataclass(frozen=True)
class Evaluation:
    """Loss terms at some pixels, and the gradient of their sum: (1, 3, H, W) float32."""

    terms: LossTerms
    gradient: Tensor


class Objective:
    """The total loss for one content, one style and one size.

    ``content`` (1, 3, H, W) or ``None`` when the content weight is 0, ``style`` (1, 3, A, B): RGB 0..255.
    ``content_map`` (1, K, H, W) and ``style_map`` (1, K, A, B): class channels, both or neither.
    """

    def __init__(
        self,
        network: Network,
        scheme: Scheme,
        weights: LossWeights,
        content: Tensor | None,
        style: Tensor,
        *,
        content_map: Tensor | None = None,
        style_map: Tensor | None = None,
        block_bytes: int = BLOCK_BYTES,
    ) -> None:
        self._network = network
        self._scheme = scheme
        self._weights = weights
        self._block_bytes = block_bytes
        self._targets: list[LocalTarget] = []
        self._uses_pyramid = weights.local > 0 or weights.global_ > 0
        layers = set(scheme.layers) if self._uses_pyramid else set()
        self._content: Tensor | None = None
        with torch.no_grad():
            if weights.content > 0 and content is not None:
                layers.add(CONTENT_LAYER)
                self._content = network.features(content, (CONTENT_LAYER,))[CONTENT_LAYER]
            self._layers = tuple(sorted(layers))
            self._style = self._pyramids(network.features(style, scheme.layers)) if self._uses_pyramid else []
            self._grams = [gram(feature) for feature in self._style] if weights.global_ > 0 else []
        self._maps: list[tuple[Tensor, Tensor] | None] = [None for _ in scheme.groups]
        if content_map is not None and style_map is not None and weights.semantic > 0:
            self._maps = [
                (
                    map_at(content_map, fused_size(_size(content_map), group)),
                    map_at(style_map, fused_size(_size(style_map), group)),
                )
                for group in scheme.groups
            ]

    def match(self, pixels: Tensor) -> list[Matches]:
        """Find the nearest neighbours for ``pixels`` (Eq. 3) and hold them for the evaluations to come.

        Returns them, one for each fused feature of the scheme; empty when the local weight is 0.
        """
        if self._weights.local == 0:
            return []
        factor = semantic_factor(self._weights.semantic)
        found: list[Matches] = []
        self._targets = []
        with torch.no_grad():
            pyramids = self._pyramids(self._network.features(pixels, self._scheme.layers))
            for feature, style, maps in zip(pyramids, self._style, self._maps, strict=True):
                query_map, style_map = maps if maps is not None else (None, None)
                matches = match_patches(
                    feature,
                    style,
                    query_map=query_map,
                    style_map=style_map,
                    map_factor=factor,
                    block_bytes=self._block_bytes,
                )
                found.append(matches)
                self._targets.append(local_target(style, matches))
        return found

    def evaluate(self, pixels: Tensor) -> Evaluation:
        """Loss terms and gradient at ``pixels`` (1, 3, H, W) float32, with the matches held now."""
        if self._weights.local > 0 and not self._targets:
            self.match(pixels)
        variable = pixels.detach().requires_grad_()
        with torch.enable_grad():
            terms = self._terms(variable)
            if terms.requires_grad:
                (gradient,) = torch.autograd.grad(terms.sum(), variable)
            else:  # every weight is 0: nothing to lower
                gradient = torch.zeros_like(pixels)
        content, local, global_, smoothness = terms.tolist()
        return Evaluation(LossTerms(content, local, global_, smoothness), gradient)

    def terms(self, pixels: Tensor) -> LossTerms:
        """The loss terms alone, with fresh matches: what the paper's objective is at ``pixels``."""
        self.match(pixels)
        with torch.no_grad():
            content, local, global_, smoothness = self._terms(pixels).tolist()
        return LossTerms(content, local, global_, smoothness)

    def _terms(self, pixels: Tensor) -> Tensor:
        """The four weighted terms as one tensor (4,), so that a device is asked for them once."""
        weights = self._weights
        nothing = pixels.new_zeros(())
        content = local = global_ = smoothness = nothing
        if self._layers:
            features = self._network.features(pixels, self._layers)
            if self._content is not None:
                content = weights.content * content_loss(features[CONTENT_LAYER], self._content)
            pyramids = self._pyramids(features) if self._uses_pyramid else []
            # With several groups (scheme h) each has its own local and global loss, and they add up.
            if weights.local > 0:
                for feature, target in zip(pyramids, self._targets, strict=True):
                    local = local + weights.local * local_loss(feature, target)
            if weights.global_ > 0:
                for feature, target_gram in zip(pyramids, self._grams, strict=True):
                    global_ = global_ + weights.global_ * global_loss(feature, target_gram)
        if weights.smoothness > 0:
            smoothness = weights.smoothness * smoothness_loss(pixels)
        return torch.stack((content, local, global_, smoothness))

    def _pyramids(self, features: dict[int, Tensor]) -> list[Tensor]:
        return [fuse(features, group) for group in self._scheme.groups]


def map_at(class_channels: Tensor, size: tuple[int, int]) -> Tensor:
    """Class channels (1, K, H, W) at feature ``size``: the share of each class under a position.

    The paper gives every layer a copy of the map, resampled to the layer, before fusion. These copies are
    the same map once fused, and a cosine does not change when its vectors are repeated: one copy serves.
    """
    height, width = _size(class_channels)
    if height % size[0] == 0 and width % size[1] == 0:
        return F.avg_pool2d(class_channels, (height // size[0], width // size[1]))
    return F.adaptive_avg_pool2d(class_channels, size)


def _size(picture: Tensor) -> tuple[int, int]:
    return picture.shape[-2], picture.shape[-1]
