"""Features: activations of VGG-19 that no loss looks at.

The losses compare conv1_1, conv2_1, conv3_1 and conv4_1. These are other layers of the same network, after
their ReLU: not minimised, though not independent of what was, for conv2_2 follows from conv2_1. The network
is the one of :mod:`glstylenet.network.vgg`: average pooling, zero padding, RGB 0..255 outside.

Always the embedded weights, whichever the picture was painted with: a file of the user's own may end at
conv4_1, and one yardstick for all pictures is what makes their numbers comparable.
"""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from glstylenet.network import (
    CONVOLUTIONS,
    DEEPER_CONVOLUTIONS,
    EMBEDDED,
    MEAN_RGB,
    load_deeper_weights,
    load_weights,
)
from glstylenet.pyramid import fuse

__all__ = ["FUSED_LAYERS", "PATCH_LAYER", "STRUCTURE_LAYER", "TEXTURE_LAYERS", "DeepNetwork", "fused_feature"]

TEXTURE_LAYERS = ("conv2_2", "conv3_4", "conv4_4")
"""The last layer of the blocks 2 to 4: fine grain, strokes, and groups of strokes."""

PATCH_LAYER = "conv3_4"
"""A 3 x 3 patch here sees 48 pixels each way: a brush stroke and what is around it."""

STRUCTURE_LAYER = "conv5_1"
"""Sees 100 pixels and more each way: what things are, rather than how they are painted."""

FUSED_LAYERS = ("conv1_1", "conv2_1", "conv3_1", "conv4_1")
"""What scheme (g) fuses: the losses' own layers, needed for the leaks."""


class DeepNetwork:
    """VGG-19 up to conv5_1, forward only, in float32 on ``device``."""

    def __init__(self, device: torch.device | str = "cpu") -> None:
        tensors = {**load_weights(EMBEDDED).tensors, **load_deeper_weights()}
        self._mean = torch.tensor(MEAN_RGB, device=device).view(1, 3, 1, 1)
        self._weights = {
            name: tensor.to(device).contiguous(memory_format=torch.channels_last)
            if tensor.dim() == 4
            else tensor.to(device)
            for name, tensor in tensors.items()
        }
        # Trained on BGR; the rest of the program sees RGB.
        self._weights["conv1_1.weight"] = self._weights["conv1_1.weight"].flip(1)

    def features(self, pixels: Tensor, names: tuple[str, ...]) -> dict[str, Tensor]:
        """Outputs, after the ReLU, of the convolutions ``names`` for ``pixels`` (1, 3, H, W), RGB 0..255.

        Block b has 1 / 2^(b-1) of the picture's size, rounded down.
        """
        found: dict[str, Tensor] = {}
        with torch.inference_mode():
            value = (pixels.to(self._mean.device) - self._mean).contiguous(memory_format=torch.channels_last)
            for name in (*CONVOLUTIONS, *DEEPER_CONVOLUTIONS):
                if name.endswith("_1") and name != "conv1_1":
                    value = F.avg_pool2d(value, 2)
                weight, bias = self._weights[f"{name}.weight"], self._weights[f"{name}.bias"]
                value = F.conv2d(value, weight, bias, padding=1).relu_()
                if name in names:
                    found[name] = value
                if len(found) == len(set(names)):
                    break
        return found


def fused_feature(features: Mapping[str, Tensor]) -> Tensor:
    """The fused feature of scheme (g), (1, 960, H/8, W/8), of ``features`` that hold ``FUSED_LAYERS``."""
    layers = {number: features[name] for number, name in enumerate(FUSED_LAYERS, start=1)}
    return fuse(layers, tuple(layers))
