"""VGG: the first nine convolutions of VGG-19, conv1_1 to conv4_1, with average pooling.

Features F^l = relu(conv l_1), l = 1..4: 64, 128, 256, 512 channels at 1, 1/2, 1/4, 1/8 of the picture's
size (rounded down). Zero padding 1 everywhere, 2x2 average pooling between blocks: the paper follows
Gatys et al. in replacing the maximum, which gives smoother gradients to the pixels.

The network was trained on BGR pictures 0..255 minus a mean colour. The channels are swapped inside the
first convolution's weights, so everything outside this module sees RGB 0..255.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial

import torch
import torch.nn.functional as F
from torch import Tensor

from glstylenet.network.banded_block import BandedBlock, SavedBlock
from glstylenet.network.conv_relu import ConvRelu
from glstylenet.network.layers import CONVOLUTIONS, layer_size
from glstylenet.network.pooling import avg_pool, avg_pool_backward
from glstylenet.network.relu_mask import ReluMask, relu_mask
from glstylenet.network.windowed_grad import WindowedGrad
from glstylenet.numerics import empty_feature

__all__ = ["MEAN_RGB", "VGG19", "FeatureSink", "SavedForBackward"]


FeatureSink = Callable[[int, Tensor, tuple[int, int]], None]
"""Is given a layer, rows of its feature (1, C, h, W), from the first to before the last of (first, last) and
one more where there is one; band after band, from above, which meet at multiples of 8."""


MEAN_RGB = (123.68, 116.779, 103.939)
"""Mean colour of the training pictures, red, green, blue, 0..255."""


@dataclass
class SavedForBackward:
    """What one pass through the network leaves behind for the way back.

    ``blocks``: of the blocks that are computed in bands. ``signs``: those of the output of every later
    convolution, in order; pooling by the mean needs nothing. :meth:`VGG19.backward` uses them up.
    ``origin``: where the pixels begin in the picture they were cut from.
    """

    blocks: list[SavedBlock]
    signs: list[ReluMask]
    origin: tuple[int, int]


@dataclass(frozen=True)
class _Stage:
    """One convolution of the network. ``block`` and ``place``: conv3_2 is the second of block 3."""

    block: int
    place: int
    convolution: ConvRelu

    @property
    def opens_block(self) -> bool:
        """Whether F^l of its block is its output."""
        return self.place == 1

    @property
    def follows_pooling(self) -> bool:
        return self.opens_block and self.block > 1

    def is_beyond(self, layer: int) -> bool:
        """Whether F^layer is there without it."""
        return self.block > layer or (self.block == layer and not self.opens_block)

    def origin(self, pixel: tuple[int, int]) -> tuple[int, int]:
        """The position here of a picture's ``pixel``."""
        return layer_size(pixel, self.block)


class VGG19:
    """The part of VGG-19 that the method looks at; its weights never change.

    ``weights`` maps ``conv1_1.weight`` (out, in, 3, 3), ``conv1_1.bias`` (out) and so on to float32
    tensors in the order the network was trained with (BGR); see :mod:`glstylenet.network.weights`.
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
            convolution = ConvRelu(
                weight.to(self.device, dtype),
                weights[f"{name}.bias"].to(self.device, dtype),
                # The gradient of a 2x2 mean is a quarter for each entry: a power of two, so no digit is lost.
                input_factor=0.25 if place == 1 and block > 1 else 1.0,
            )
            self._stages.append(_Stage(block, place, convolution))
        # The later ones are smaller, and computed as a whole.
        self._blocks = [
            BandedBlock(first.convolution, second.convolution, CONVOLUTIONS[f"conv{first.block}_1"][1])
            for first, second in (self._stages[0:2], self._stages[2:4])
        ]

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
        deepest = max(layers)
        features: dict[int, Tensor] = {}
        value = self._centred(pixels)
        for stage in self._stages:
            if stage.is_beyond(deepest):
                break
            if stage.follows_pooling:
                value = F.avg_pool2d(value, 2)
            value = stage.convolution.differentiable(value)
            if stage.opens_block and stage.block in layers:
                features[stage.block] = value
        return features

    def forward(
        self,
        pixels: Tensor,
        layers: tuple[int, ...],
        take: FeatureSink,
        *,
        save_for_backward: bool = True,
        origin: tuple[int, int] = (0, 0),
    ) -> SavedForBackward:
        """Give ``take`` F^l for each l in ``layers``, shallow to deep, as soon as it is there.

        Who keeps no feature lets the pass go on in the memory of the largest two. Autograd is not involved.
        ``save_for_backward``: with what :meth:`backward` needs. ``origin``: row and column at which ``pixels`` begin in
        a picture they were cut from, multiples of 8: what a tile and the whole picture both see is then
        rounded alike.
        """
        deepest = max(layers)
        trail = SavedForBackward([], [], origin)
        value = self._centred(pixels)
        with torch.no_grad():
            for number, block in enumerate(self._blocks, start=1):
                hear = partial(take, number) if number in layers else _ignore
                place = layer_size(origin, number)
                pooled, signs = block.forward(
                    value, hear, place, save_for_backward=save_for_backward, through=number < deepest
                )
                if save_for_backward:
                    trail.blocks.append(signs)
                if pooled is None:
                    return trail
                value = pooled
                del pooled
            for stage in self._later:
                if stage.is_beyond(deepest):
                    break
                if stage.block > 3:
                    value = avg_pool(value, 2)
                value = stage.convolution.forward(value, stage.origin(origin))
                if save_for_backward:
                    trail.signs.append(relu_mask(value))
                if stage.opens_block and stage.block in layers:
                    take(stage.block, value, (0, value.shape[-2]))
        return trail

    def backward(self, trail: SavedForBackward, contributions: dict[int, list[WindowedGrad]]) -> Tensor:
        """Gradient with respect to the pixels, (1, 3, H, W) float32.

        ``contributions`` maps a layer to the parts of the gradient with respect to its feature. Both they and
        the trail are used up: they are given free on the way.

        By hand, since autograd keeps every feature where its signs suffice, takes two passes more over it, as
        it keeps a ReLU's result and its gradient apart, and spreads a pooling's gradient entry by entry.
        """
        if not trail.blocks:
            raise ValueError("this trail is empty; a pass serves one way back")
        like = self._mean.to(self.dtype)
        gradient: Tensor | None = None
        with torch.no_grad():
            for stage in reversed(self._later[: len(trail.signs)]):
                signs = trail.signs.pop()
                if gradient is None:
                    gradient = empty_feature(like, signs.shape[1], (signs.shape[-2], signs.shape[-1])).zero_()
                if stage.opens_block:
                    for contribution in contributions.pop(stage.block, []):
                        contribution.add_to(gradient)
                gradient = stage.convolution.backward(signs.cut(gradient), stage.origin(trail.origin))
                if stage.block > 3:
                    shape = trail.signs[-1].shape
                    gradient = avg_pool_backward(gradient, (shape[-2], shape[-1]))
            for number in reversed(range(1, len(trail.blocks) + 1)):
                gradient = self._blocks[number - 1].backward(
                    gradient,
                    trail.blocks.pop(),
                    contributions.pop(number, []),
                    layer_size(trail.origin, number),
                    like,
                )
        assert gradient is not None
        return gradient.to(torch.promote_types(self.dtype, torch.float32))

    @property
    def _later(self) -> list[_Stage]:
        """The convolutions after the two blocks."""
        return self._stages[4:]

    def _centred(self, pixels: Tensor) -> Tensor:
        # In float32: 255 - 123.68 in bfloat16 would lose two digits before the network starts.
        return (pixels - self._mean).to(self.dtype, memory_format=torch.channels_last)


def _ignore(_feature: Tensor, _rows: tuple[int, int]) -> None:
    """Who does not ask for a layer."""
