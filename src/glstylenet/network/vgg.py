"""VGG19: the features of VGG-19 and the gradient with respect to the pixels.

F^l = relu(conv l_1), l = 1..4: 64, 128, 256, 512 channels at 1, 1/2, 1/4, 1/8 of the picture's size,
rounded down; :mod:`~glstylenet.network.layers` lists all layers. Every convolution has zero padding 1. Blocks
are separated by 2x2 *average* pooling: the paper follows Gatys et al. in replacing VGG-19's maximum, which
gives smoother gradients to the pixels.

The network was trained on BGR pictures 0..255 minus a mean colour. The channels are swapped inside the
first convolution's weights, so everything outside this module uses RGB 0..255.
"""

import hashlib
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import torch
from torch import Tensor

from glstylenet.network.banded_block import BandedBlock, BandSink, SavedBlock
from glstylenet.network.conv_relu import ConvRelu
from glstylenet.network.layers import LAYER_NAMES, LAYERS, Layer
from glstylenet.network.pooling import avg_pool, avg_pool_backward
from glstylenet.network.protocol import FeatureSink
from glstylenet.network.relu_mask import ReluMask, relu_mask
from glstylenet.network.windowed_grad import WindowedGrad
from glstylenet.numerics import empty_feature

__all__ = ["MEAN_RGB", "VGG19", "SavedForBackward"]


MEAN_RGB = (123.68, 116.779, 103.939)
"""Mean colour of the training pictures, red, green, blue, 0..255."""


_BANDED_BLOCKS = 2
"""Blocks that are computed in bands. The later ones are smaller, and computed as a whole."""


@dataclass
class SavedForBackward:
    """`SavedForBackward` holds what :meth:`VGG19.forward` saves for one :meth:`VGG19.backward`, which uses it
    up.

    ``blocks``: of the blocks computed in bands. ``masks``: the ReLU masks of every later convolution, in
    order; pooling by the mean needs nothing. ``origin``: where the pixels begin in the picture they were cut
    from.
    """

    blocks: list[SavedBlock]
    masks: list[ReluMask]
    origin: tuple[int, int]


@dataclass(frozen=True)
class _Stage:
    """One layer of the network with its convolution."""

    layer: Layer
    convolution: ConvRelu


class VGG19:
    """VGG-19 as far as there are ``weights`` for it, with fixed weights.

    ``weights`` maps ``conv1_1.weight`` (out, in, 3, 3), ``conv1_1.bias`` (out) and so on to float32
    tensors in the order the network was trained with (BGR); see :mod:`glstylenet.network.weights`. The
    network ends before the first layer that has none; two blocks at least are needed.

    Implements :class:`~glstylenet.network.protocol.Network`.
    """

    layer_names = LAYER_NAMES

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
        layers = itertools.takewhile(lambda layer: f"{layer.name}.weight" in weights, LAYERS.values())
        stages = [_Stage(layer, self._convolution(layer)) for layer in layers]
        self.channels: Mapping[str, int] = {
            stage.layer.name: stage.convolution.weight.shape[0] for stage in stages
        }
        blocks = [
            [stage for stage in stages if stage.layer.block == number]
            for number in range(1, _BANDED_BLOCKS + 1)
        ]
        self._blocks = [
            BandedBlock(conv1.convolution, conv2.convolution, self.channels[conv1.layer.name])
            for conv1, conv2 in blocks
        ]
        self._later = [stage for stage in stages if stage.layer.block > _BANDED_BLOCKS]

    def _convolution(self, layer: Layer) -> ConvRelu:
        weight = self._weights[f"{layer.name}.weight"]
        if layer.name == "conv1_1":
            weight = weight.flip(1)  # BGR, as trained -> RGB, as everything else here
        return ConvRelu(
            weight.to(self.device, self.dtype),
            self._weights[f"{layer.name}.bias"].to(self.device, self.dtype),
            # The gradient of a 2x2 mean is a quarter for each entry: a power of two, so no digit is lost.
            gradient_factor=0.25 if layer.follows_pooling else 1.0,
        )

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the weights: networks that share it, device and type compute the same features."""
        digest = hashlib.sha256()
        for name in self.channels:
            for part in ("weight", "bias"):
                digest.update(self._weights[f"{name}.{part}"].contiguous().numpy().tobytes())
        return digest.hexdigest()

    def forward(
        self,
        pixels: Tensor,
        layers: Sequence[str],
        sink: FeatureSink,
        *,
        save_for_backward: bool = True,
        origin: tuple[int, int] = (0, 0),
    ) -> SavedForBackward:
        """Compute ``layers`` of ``pixels`` (1, 3, H, W), RGB 0..255, and give each to ``sink`` at once.

        Layers come from shallow to deep, and nothing beyond the deepest is computed. If ``sink`` keeps no
        reference to them, the pass takes the memory of the largest two. ``origin`` as in
        :class:`~glstylenet.network.protocol.Network`: a tile's features are then rounded like the whole
        picture's. Raises ``ValueError`` for a layer that the network does not have.
        """
        if missing := [name for name in layers if name not in self.channels]:
            raise ValueError(f"this network has no layer {missing[0]!r}; it has {', '.join(self.channels)}")
        last = max((LAYERS[name] for name in layers), key=lambda layer: (layer.block, layer.place))
        saved = SavedForBackward([], [], origin)
        value = self._centred(pixels)

        def band_sink(name: str) -> BandSink | None:
            return partial(sink, name) if name in layers else None

        with torch.no_grad():
            for number, block in enumerate(self._blocks, start=1):
                pooled, saved_block = block.forward(
                    value,
                    (band_sink(f"conv{number}_1"), band_sink(f"conv{number}_2")),
                    LAYERS[f"conv{number}_1"].scale_down(origin),
                    save_for_backward=save_for_backward,
                    pool=number < last.block,
                )
                if save_for_backward:
                    saved.blocks.append(saved_block)
                if pooled is None:
                    return saved
                value = pooled
                del pooled
            for number, stage in enumerate(self._later):
                if number and stage.layer.follows_pooling:  # the first one's input is pooled by the block
                    value = avg_pool(value, 2)
                value = stage.convolution.forward(value, stage.layer.scale_down(origin))
                if save_for_backward:
                    saved.masks.append(relu_mask(value))
                if stage.layer.name in layers:
                    sink(stage.layer.name, value, (0, value.shape[-2]))
                if stage.layer == last:
                    break
        return saved

    def backward(self, saved: SavedForBackward, gradients: dict[str, list[WindowedGrad]]) -> Tensor:
        """Return the gradient with respect to the pixels, (1, 3, H, W): float32, float64 for float64.

        ``saved`` and ``gradients``, parts of the gradients with respect to the layers by name, are used up:
        their memory is freed on the way.

        Written by hand because autograd keeps every feature where its mask suffices, passes over it twice
        more, since it keeps a ReLU's result apart from its gradient, and distributes a pooling's
        gradient entry by entry.

        Raises ``ValueError`` if ``saved`` was used before, or for a layer that was not computed.
        """
        if not saved.blocks:
            raise ValueError("nothing is saved here; what one forward pass saves serves one backward pass")
        gradient: Tensor | None = None
        with torch.no_grad():
            for stage in reversed(self._later[: len(saved.masks)]):
                mask = saved.masks.pop()
                if gradient is None:
                    gradient = empty_feature(stage.convolution.weight, mask.shape[1], mask.shape[2:]).zero_()
                for part in gradients.pop(stage.layer.name, []):
                    part.add_to(gradient)
                gradient = stage.convolution.backward(
                    mask.apply(gradient), stage.layer.scale_down(saved.origin)
                )
                if saved.masks and stage.layer.follows_pooling:
                    gradient = avg_pool_backward(gradient, saved.masks[-1].shape[2:])
            for number in reversed(range(1, len(saved.blocks) + 1)):
                conv1, conv2 = f"conv{number}_1", f"conv{number}_2"
                saved_block = saved.blocks.pop()
                gradient = self._blocks[number - 1].backward(
                    gradient,
                    saved_block,
                    (
                        gradients.pop(conv1, []),
                        gradients.pop(conv2, []) if saved_block.conv2_masks else [],
                    ),
                    LAYERS[conv1].scale_down(saved.origin),
                )
        if left := [name for name, parts in gradients.items() if parts]:
            raise ValueError(f"there is a gradient for {left[0]}, which the forward pass did not compute")
        assert gradient is not None
        return gradient.to(torch.promote_types(self.dtype, torch.float32))

    def _centred(self, pixels: Tensor) -> Tensor:
        # In float32: 255 - 123.68 in bfloat16 would lose two digits before the network starts.
        return (pixels - self._mean).to(self.dtype, memory_format=torch.channels_last)
