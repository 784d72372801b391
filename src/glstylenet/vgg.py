"""VGG: the first nine convolutions of VGG-19, conv1_1 to conv4_1, with average pooling.

Features F^l = relu(conv l_1), l = 1..4: 64, 128, 256, 512 channels at 1, 1/2, 1/4, 1/8 of the picture's
size (rounded down). Zero padding 1 everywhere, 2x2 average pooling between blocks: the paper follows
Gatys et al. in replacing the maximum, which gives smoother gradients to the pixels.

The network was trained on BGR pictures 0..255 minus a mean colour. The channels are swapped inside the
first convolution's weights, so everything outside this module sees RGB 0..255.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from glstylenet.fusion import Contribution

__all__ = ["CONVOLUTIONS", "MEAN_RGB", "Activations", "Network"]

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


# What torch.compile emits for a convolution with its ReLU; not all builds of PyTorch have oneDNN.
_HAS_FUSED_RELU: bool = (
    torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    and hasattr(torch.ops.mkldnn, "_convolution_pointwise")
)


@dataclass
class Activations:
    """What one pass through the network leaves behind for the way back.

    ``features``: F^l by layer, as :meth:`Network.features` gives them. ``values``: the output of every
    convolution that was computed, after its ReLU, in order. :meth:`Network.backward` uses them up.
    """

    features: dict[int, Tensor]
    values: list[Tensor]


@dataclass(frozen=True)
class _Convolution:
    """One convolution with its ReLU. ``block`` and ``place``: conv3_2 is the second of block 3.

    ``adjoint`` is the weight with which a convolution carries gradients back: flipped in space, input and
    output channels exchanged; with the quarter of the pooling before it, where there is one.
    """

    block: int
    place: int
    weight: Tensor
    bias: Tensor
    adjoint: Tensor

    @property
    def opens_block(self) -> bool:
        """Whether F^l of its block is its output."""
        return self.place == 1

    @property
    def follows_pooling(self) -> bool:
        return self.opens_block and self.block > 1


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
        self._convolutions: list[_Convolution] = []
        for name in CONVOLUTIONS:
            weight = weights[f"{name}.weight"]
            if name == "conv1_1":
                weight = weight.flip(1)  # BGR, as trained -> RGB, as everything else here
            block, place = int(name[4]), int(name[6])
            # A quarter is a power of two: no digit of the weight is lost.
            adjoint = weight.flip(2, 3).transpose(0, 1) * (0.25 if place == 1 and block > 1 else 1.0)
            self._convolutions.append(
                _Convolution(
                    block,
                    place,
                    self._placed(weight),
                    weights[f"{name}.bias"].to(self.device, dtype),
                    self._placed(adjoint),
                )
            )

    def features(self, pixels: Tensor, layers: tuple[int, ...] = (1, 2, 3, 4)) -> dict[int, Tensor]:
        """F^l of ``pixels`` (1, 3, H, W), RGB 0..255 float32, for each l in ``layers``.

        Computes no further than the deepest layer asked for. The features have the network's type and
        are part of autograd's graph if ``pixels`` is.
        """
        return self._forward(pixels, layers, None, _convolved)

    def forward(self, pixels: Tensor, layers: tuple[int, ...], *, keeping: bool = True) -> Activations:
        """The same features, and with ``keeping`` what :meth:`backward` needs. Autograd is not involved."""
        values: list[Tensor] | None = [] if keeping else None
        with torch.no_grad():
            return Activations(self._forward(pixels, layers, values, _convolved_at_once), values or [])

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
            for convolution in reversed(self._convolutions[: len(values)]):
                value = values.pop()
                if gradient is None:
                    gradient = torch.zeros_like(value)
                if convolution.opens_block:
                    for contribution in contributions.get(convolution.block, ()):
                        contribution.add_to(gradient)
                # Where the ReLU cut off, nothing flows back.
                torch.ops.aten.threshold_backward.grad_input(gradient, value, 0, grad_input=gradient)
                gradient = F.conv2d(gradient, convolution.adjoint, padding=1)
                if convolution.follows_pooling:
                    gradient = _spread(gradient, values[-1])
        if gradient is None:
            raise ValueError("these activations are empty; a pass serves one way back")
        return gradient.to(torch.promote_types(self.dtype, torch.float32))

    def _forward(
        self,
        pixels: Tensor,
        layers: tuple[int, ...],
        values: list[Tensor] | None,
        convolved: Callable[[Tensor, Tensor, Tensor], Tensor],
    ) -> dict[int, Tensor]:
        deepest = max(layers)
        # Centred in float32: 255 - 123.68 in bfloat16 would lose two digits before the network starts.
        value = (pixels - self._mean).to(self.dtype, memory_format=torch.channels_last)
        features: dict[int, Tensor] = {}
        for convolution in self._convolutions:
            block = convolution.block
            if block > deepest or (block == deepest and not convolution.opens_block):
                break
            if convolution.follows_pooling:
                value = F.avg_pool2d(value, 2)
            value = convolved(value, convolution.weight, convolution.bias)
            if values is not None:
                values.append(value)
            if convolution.opens_block and block in layers:
                features[block] = value
        return features

    def _placed(self, weight: Tensor) -> Tensor:
        return weight.to(self.device, self.dtype).contiguous(memory_format=torch.channels_last)


def _convolved(value: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """A convolution and its ReLU."""
    return F.relu(F.conv2d(value, weight, bias, padding=1), inplace=True)


def _convolved_at_once(value: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """The same in one pass over the result, where oneDNN computes it; not for autograd.

    Its ReLU makes 0 of NaN, so whoever wants to find NaN takes :func:`_convolved`.
    """
    known_type = value.dtype in (torch.float32, torch.bfloat16)
    if value.device.type != "cpu" or not known_type or not _HAS_FUSED_RELU:
        return _convolved(value, weight, bias)
    one = [1, 1]
    fused: Tensor = torch.ops.mkldnn._convolution_pointwise(
        value, weight, bias, one, one, one, 1, "relu", [], ""
    )
    return fused


def _spread(gradient: Tensor, pooled: Tensor) -> Tensor:
    """Give the gradient of each 2x2 mean to its four entries; the quarter is in the weights already.

    A last row or column that the pooling dropped, because the size is odd, gets none.
    """
    spread = F.interpolate(gradient, scale_factor=2, mode="nearest")
    height, width = (whole - part for whole, part in zip(pooled.shape[-2:], spread.shape[-2:], strict=True))
    return F.pad(spread, (0, width, 0, height)) if height or width else spread
