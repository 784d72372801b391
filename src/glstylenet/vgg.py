"""VGG: the first nine convolutions of VGG-19, conv1_1 to conv4_1, with average pooling.

Features F^l = relu(conv l_1), l = 1..4: 64, 128, 256, 512 channels at 1, 1/2, 1/4, 1/8 of the picture's
size (rounded down). Zero padding 1 everywhere, 2x2 average pooling between blocks: the paper follows
Gatys et al. in replacing the maximum, which gives smoother gradients to the pixels.

The network was trained on BGR pictures 0..255 minus a mean colour. The channels are swapped inside the
first convolution's weights, so everything outside this module sees RGB 0..255.
"""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["CONVOLUTIONS", "MEAN_RGB", "Network"]

CONVOLUTIONS: Mapping[str, tuple[int, int]] = {
    "conv1_1": (3, 64),
    "conv1_2": (64, 64),
    "conv2_1": (64, 128),
    "conv2_2": (128, 128),
    "conv3_1": (128, 256),
    "conv3_2": (256, 256),
    "conv3_3": (256, 256),
    "conv3_4": (256, 256),
    "conv4_1": (256, 512),
}
"""Name of each convolution, with its input and output channels."""

MEAN_RGB = (123.68, 116.779, 103.939)
"""Mean colour of the training pictures, red, green, blue, 0..255."""


class Network:
    """The part of VGG-19 that the method looks at; its weights never change.

    ``weights`` maps ``conv1_1.weight`` (out, in, 3, 3), ``conv1_1.bias`` (out) and so on to float32
    tensors in the order the network was trained with (BGR); see :mod:`glstylenet.weights`.
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
        self._layers: list[tuple[str, Tensor, Tensor]] = []
        for name in CONVOLUTIONS:
            weight, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
            if name == "conv1_1":
                weight = weight.flip(1)  # BGR, as trained -> RGB, as everything else here
            self._layers.append(
                (
                    name,
                    weight.to(self.device, dtype).contiguous(memory_format=torch.channels_last),
                    bias.to(self.device, dtype),
                )
            )

    def features(self, pixels: Tensor, layers: tuple[int, ...] = (1, 2, 3, 4)) -> dict[int, Tensor]:
        """F^l of ``pixels`` (1, 3, H, W), RGB 0..255 float32, for each l in ``layers``.

        Computes no further than the deepest layer asked for. The features have the network's type and
        are part of autograd's graph if ``pixels`` is.
        """
        deepest = max(layers)
        # Centred in float32: 255 - 123.68 in bfloat16 would lose two digits before the network starts.
        value = (pixels - self._mean).to(self.dtype, memory_format=torch.channels_last)
        features: dict[int, Tensor] = {}
        for name, weight, bias in self._layers:
            block, place = int(name[4]), int(name[6])
            if block > deepest or (block == deepest and place > 1):
                break
            if place == 1 and block > 1:
                value = F.avg_pool2d(value, 2)
            value = F.relu(F.conv2d(value, weight, bias, padding=1), inplace=True)
            if place == 1 and block in layers:
                features[block] = value
        return features
