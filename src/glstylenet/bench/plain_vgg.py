"""PlainVGG19: VGG-19 in PyTorch's own operations, for autograd.

This is what the literal method computes with, and the bare network that a run's time is compared with. It
shares nothing with :mod:`glstylenet.network.vgg` but the weights and the table of layers, so it is also what
the tests compare that one with.
"""

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from glstylenet.network import LAYER_NAMES, LAYERS, MEAN_RGB

__all__ = ["PlainVGG19"]


class PlainVGG19:
    """VGG-19 with average pooling, up to the layer that is asked for.

    ``weights`` are those of :class:`~glstylenet.network.vgg.VGG19`: trained on BGR, which is swapped here.
    """

    def __init__(
        self,
        weights: Mapping[str, Tensor],
        *,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.device = torch.device(device)
        self.dtype = dtype
        self._mean = torch.tensor(MEAN_RGB, device=self.device).view(1, 3, 1, 1)
        self._weights = {name: tensor.to(self.device, dtype) for name, tensor in weights.items()}
        self._weights["conv1_1.weight"] = self._weights["conv1_1.weight"].flip(1)
        for name, tensor in self._weights.items():
            if tensor.dim() == 4:  # the faster layout
                self._weights[name] = tensor.contiguous(memory_format=torch.channels_last)

    def features(self, pixels: Tensor, layers: Sequence[int] = (1, 2, 3, 4)) -> dict[int, Tensor]:
        """Return F^l of ``pixels`` (1, 3, H, W), RGB 0..255, for each l in ``layers``."""
        found = self.outputs(pixels, [LAYER_NAMES[layer] for layer in layers])
        return {layer: found[LAYER_NAMES[layer]] for layer in layers}

    def outputs(self, pixels: Tensor, names: Sequence[str]) -> dict[str, Tensor]:
        """Return the outputs of the layers ``names``, such as "conv3_4", after their ReLU."""
        found: dict[str, Tensor] = {}
        value = (pixels - self._mean).to(self.dtype, memory_format=torch.channels_last)
        for layer in LAYERS.values():
            if len(found) == len(set(names)):
                break
            if layer.follows_pooling:
                value = F.avg_pool2d(value, 2)
            weight, bias = self._weights[f"{layer.name}.weight"], self._weights[f"{layer.name}.bias"]
            value = F.relu(F.conv2d(value, weight, bias, padding=1), inplace=True)
            if layer.name in names:
                found[layer.name] = value
        return found
