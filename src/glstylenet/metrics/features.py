"""Features: the layers of VGG-19 that the metrics compare.

The losses compare conv1_1, conv2_1, conv3_1 and conv4_1. The metrics compare other layers of the same
network: these are not minimised, though not independent of what was, for conv2_2 follows from conv2_1.

The metrics always use the embedded weights, whichever the picture was painted with: a user's own file may end
at conv4_1, and only numbers measured with the same weights can be compared.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from glstylenet.network import (
    EMBEDDED,
    LAYER_NAMES,
    VGG19,
    load_deeper_weights,
    load_weights,
)
from glstylenet.pyramid import SCHEMES, fuse

__all__ = [
    "FUSED_LAYERS",
    "PATCH_LAYER",
    "STRUCTURE_LAYER",
    "TEXTURE_LAYERS",
    "fused_feature",
    "load_metric_network",
]

TEXTURE_LAYERS = ("conv2_2", "conv3_4", "conv4_4")
"""The last layer of the blocks 2 to 4: fine grain, strokes, and groups of strokes."""

PATCH_LAYER = "conv3_4"
"""A 3 x 3 patch here depends on 56 pixels along each axis: a brush stroke and what is around it."""

STRUCTURE_LAYER = "conv5_1"
"""A position here depends on 156 pixels along each axis: on what things are, not how they are painted."""

_FUSED = SCHEMES["g"].layers

FUSED_LAYERS = tuple(LAYER_NAMES[layer] for layer in _FUSED)
"""What scheme (g) fuses: the losses' own layers, needed for the leaks."""


def load_metric_network(device: torch.device | str = "cpu") -> VGG19:
    """Load VGG-19 up to conv5_1 with the embedded weights, float32, on ``device``."""
    return VGG19({**load_weights(EMBEDDED).tensors, **load_deeper_weights()}, device=device)


def fused_feature(features: Mapping[str, Tensor]) -> Tensor:
    """Return the fused feature of scheme (g), (1, 960, H/8, W/8), of ``features`` with ``FUSED_LAYERS``."""
    return fuse({layer: features[LAYER_NAMES[layer]] for layer in _FUSED}, _FUSED)
