"""VGG: the first nine convolutions of VGG-19, conv1_1 to conv4_1, with average pooling.

Features F^l = relu(conv l_1), l = 1..4: 64, 128, 256, 512 channels at 1, 1/2, 1/4, 1/8 of the picture's
size (rounded down). Zero padding 1 everywhere, 2x2 average pooling between blocks: the paper follows
Gatys et al. in replacing the maximum, which gives smoother gradients to the pixels.

The network was trained on BGR pictures 0..255 minus a mean colour. The channels are swapped inside the
first convolution's weights, so everything outside this module sees RGB 0..255.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

from glstylenet.convolution import Convolution
from glstylenet.fusion import Contribution, layer_size

__all__ = ["CONVOLUTIONS", "DEEPER_CONVOLUTIONS", "MEAN_RGB", "Activations", "Network"]

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

DEEPER_CONVOLUTIONS: Mapping[str, tuple[int, int]] = {
    "conv4_2": (512, 512),
    "conv4_3": (512, 512),
    "conv4_4": (512, 512),
    "conv5_1": (512, 512),
}
"""The next ones, which no loss looks at: :mod:`glstylenet.metrics` does."""

MEAN_RGB = (123.68, 116.779, 103.939)
"""Mean colour of the training pictures, red, green, blue, 0..255."""


@dataclass
class Activations:
    """What one pass through the network leaves behind for the way back.

    ``features``: F^l by layer, as :meth:`Network.features` gives them. ``values``: the output of every
    convolution that was computed, after its ReLU, in order. :meth:`Network.backward` uses them up.
    ``origin``: where the pixels begin in the picture they were cut from.
    """

    features: dict[int, Tensor]
    values: list[Tensor]
    origin: tuple[int, int]


@dataclass(frozen=True)
class _Stage:
    """One convolution of the network. ``block`` and ``place``: conv3_2 is the second of block 3."""

    block: int
    place: int
    convolution: Convolution

    @property
    def opens_block(self) -> bool:
        """Whether F^l of its block is its output."""
        return self.place == 1

    @property
    def follows_pooling(self) -> bool:
        return self.opens_block and self.block > 1

    def origin(self, pixel: tuple[int, int]) -> tuple[int, int]:
        """The position here of a picture's ``pixel``."""
        return layer_size(pixel, self.block)


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
        self._weights = weights
        self._mean = torch.tensor(MEAN_RGB, device=self.device).view(1, 3, 1, 1)
        self._stages: list[_Stage] = []
        for name in CONVOLUTIONS:
            weight = weights[f"{name}.weight"]
            if name == "conv1_1":
                weight = weight.flip(1)  # BGR, as trained -> RGB, as everything else here
            block, place = int(name[4]), int(name[6])
            convolution = Convolution(
                weight.to(self.device, dtype),
                weights[f"{name}.bias"].to(self.device, dtype),
                # The gradient of a 2x2 mean is a quarter for each entry: a power of two, so no digit is lost.
                input_factor=0.25 if place == 1 and block > 1 else 1.0,
            )
            self._stages.append(_Stage(block, place, convolution))

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the weights: networks that share it, their device and type see alike."""
        digest = hashlib.sha256()
        for name in CONVOLUTIONS:
            for part in ("weight", "bias"):
                digest.update(self._weights[f"{name}.{part}"].contiguous().numpy().tobytes())
        return digest.hexdigest()

    def features(self, pixels: Tensor, layers: tuple[int, ...] = (1, 2, 3, 4)) -> dict[int, Tensor]:
        """F^l of ``pixels`` (1, 3, H, W), RGB 0..255 float32, for each l in ``layers``.

        Computes no further than the deepest layer asked for. The features have the network's type and
        are part of autograd's graph if ``pixels`` is.
        """
        return self._forward(pixels, layers, None, Convolution.differentiable, (0, 0))

    def forward(
        self,
        pixels: Tensor,
        layers: tuple[int, ...],
        *,
        keeping: bool = True,
        origin: tuple[int, int] = (0, 0),
    ) -> Activations:
        """The same features, and with ``keeping`` what :meth:`backward` needs. Autograd is not involved.

        ``origin``: row and column at which ``pixels`` begin in a picture they were cut from, multiples of 8:
        what a tile and the whole picture both see is then rounded alike.
        """
        values: list[Tensor] | None = [] if keeping else None
        with torch.no_grad():
            features = self._forward(pixels, layers, values, Convolution.forward, origin)
        return Activations(features, values or [], origin)

    def backward(
        self, activations: Activations, contributions: Mapping[int, Sequence[Contribution]]
    ) -> Tensor:
        """Gradient with respect to the pixels, (1, 3, H, W) float32.

        ``contributions`` maps a layer to the parts of the gradient with respect to its feature. The
        activations are used up: they are given free on the way, so that no more than two gradients are
        held beside them.

        By hand, since autograd takes two passes more over every feature: it keeps a ReLU's result and
        its gradient apart, and spreads a pooling's gradient entry by entry.
        """
        values = activations.values
        activations.features.clear()
        gradient: Tensor | None = None
        with torch.no_grad():
            for stage in reversed(self._stages[: len(values)]):
                value = values.pop()
                if gradient is None:
                    gradient = torch.zeros_like(value)
                if stage.opens_block:
                    for contribution in contributions.get(stage.block, ()):
                        contribution.add_to(gradient)
                gradient = stage.convolution.backward(gradient, value, stage.origin(activations.origin))
                if stage.follows_pooling:
                    gradient = _spread(gradient, values[-1])
        if gradient is None:
            raise ValueError("these activations are empty; a pass serves one way back")
        return gradient.to(torch.promote_types(self.dtype, torch.float32))

    def _forward(
        self,
        pixels: Tensor,
        layers: tuple[int, ...],
        values: list[Tensor] | None,
        convolved: Callable[[Convolution, Tensor, tuple[int, int]], Tensor],
        origin: tuple[int, int],
    ) -> dict[int, Tensor]:
        deepest = max(layers)
        # Centred in float32: 255 - 123.68 in bfloat16 would lose two digits before the network starts.
        value = (pixels - self._mean).to(self.dtype, memory_format=torch.channels_last)
        features: dict[int, Tensor] = {}
        for stage in self._stages:
            block = stage.block
            if block > deepest or (block == deepest and not stage.opens_block):
                break
            if stage.follows_pooling:
                value = F.avg_pool2d(value, 2)
            value = convolved(stage.convolution, value, stage.origin(origin))
            if values is not None:
                values.append(value)
            if stage.opens_block and block in layers:
                features[block] = value
        return features


def _spread(gradient: Tensor, pooled: Tensor) -> Tensor:
    """Give the gradient of each 2x2 mean to its four entries; the quarter is in the convolution's factor
    already.

    A last row or column that the pooling dropped, because the size is odd, gets none.
    """
    spread = torch.empty_like(pooled, dtype=gradient.dtype)
    source, target = (each[0].permute(1, 2, 0) for each in (gradient, spread))
    height, width = source.shape[:2]
    halves = target[: 2 * height, : 2 * width]
    blocks = torch.unflatten(torch.unflatten(halves, 0, (height, 2)), 2, (width, 2))
    blocks.copy_(source[:, None, :, None])
    target[2 * height :].zero_()
    target[:, 2 * width :].zero_()
    return spread
