"""Fusion: VGG features of several depths become one pyramid feature (paper, Section 3.1).

    FF^first = F^first,    FF^l = BR(FF^previous) + F^l                                   (Eq. 1)

where F^l are the features of layer l (the first convolution of block l), "+" concatenates channels and
BR resamples bilinearly to the size of the deeper layer. Which layers are fused is a *scheme*: the paper
compares eight of them, (a) to (h), in its Figures 10 and 11. Scheme (h) keeps two groups of layers apart,
as neural-doodle does; every other scheme is a single group.

Shapes: a feature is (1, channels, height, width).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["LAYER_CHANNELS", "SCHEMES", "Scheme", "fuse", "fused_size", "layer_size", "resample"]

LAYER_CHANNELS: Mapping[int, int] = MappingProxyType({1: 64, 2: 128, 3: 256, 4: 512})
"""Channels of F^l in VGG-19, l = 1..4."""


@dataclass(frozen=True)
class Scheme:
    """One of the paper's aggregation schemes.

    ``groups`` holds one tuple of layers, shallow to deep, for each fused feature. Each group has a local
    and a global loss of its own.
    """

    name: str
    groups: tuple[tuple[int, ...], ...]

    @property
    def layers(self) -> tuple[int, ...]:
        """Every layer that some group needs, shallow to deep."""
        return tuple(sorted({layer for group in self.groups for layer in group}))

    def shapes(self, size: tuple[int, int], classes: int = 0) -> list[tuple[int, int, int]]:
        """(height, width, channels) of each fused feature of a picture of ``size`` (height, width).

        With ``classes`` > 0 each layer is counted with that many map channels, as the paper's Figure 11
        does: there every layer carries the semantic map before fusion.
        """
        return [
            (
                *fused_size(size, group),
                sum(LAYER_CHANNELS[layer] + classes for layer in group),
            )
            for group in self.groups
        ]


SCHEMES: Mapping[str, Scheme] = MappingProxyType(
    {
        name: Scheme(name, groups)
        for name, groups in {
            "a": ((1, 2),),
            "b": ((3,),),
            "c": ((4,),),
            "d": ((3, 4),),
            "e": ((1, 2, 3),),
            "f": ((1, 2, 4),),
            "g": ((1, 2, 3, 4),),
            "h": ((3,), (4,)),
        }.items()
    }
)
"""The eight schemes of Figure 11 by their letter."""


def layer_size(size: tuple[int, int], layer: int) -> tuple[int, int]:
    """Height and width of F^layer for a picture of ``size``: each pooling halves, rounding down."""
    height, width = size
    return height >> (layer - 1), width >> (layer - 1)


def fused_size(size: tuple[int, int], layers: tuple[int, ...]) -> tuple[int, int]:
    """Height and width of the fusion of ``layers``: those of the deepest."""
    return layer_size(size, layers[-1])


def resample(feature: Tensor, size: tuple[int, int]) -> Tensor:
    """BR of Eq. 1: bilinear resampling of (1, C, H, W) to (1, C, *size), half-pixel centres.

    Where the size halves exactly, the bilinear sample point lies in the middle of a 2x2 block, so that
    the sample is the block's mean: average pooling gives the same numbers in a fraction of the time.
    """
    height, width = feature.shape[-2:]
    if (height, width) == size:
        return feature
    for factor in (2, 4):
        # At 1/4 the sample still is the mean of the four middle pixels of its block.
        if (height, width) == (factor * size[0], factor * size[1]):
            start = factor // 2 - 1
            return (
                F.avg_pool2d(feature, 2)
                if factor == 2
                else F.avg_pool2d(feature[..., start:, start:], 2, stride=factor)
            )
    return F.interpolate(feature, size=size, mode="bilinear", align_corners=False)


def fuse(features: Mapping[int, Tensor], layers: tuple[int, ...]) -> Tensor:
    """Eq. 1: fuse the features of ``layers`` (shallow to deep) into one, of the deepest layer's size.

    ``features`` maps a layer to F^layer (1, C_l, H_l, W_l). Returns (1, sum of C_l, H, W).
    """
    fused = features[layers[0]]
    for layer in layers[1:]:
        deeper = features[layer]
        height, width = deeper.shape[-2:]
        fused = torch.cat((resample(fused, (height, width)), deeper), dim=1)
    return fused
