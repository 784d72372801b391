"""Layers: the convolutions of VGG-19, with what follows from their kernels and poolings.

VGG-19 has blocks of 3x3 convolutions with zero padding 1, each followed by a ReLU, and a 2x2 pooling before
every block but the first. A layer is the output of one convolution after its ReLU, named "conv3_2" for the
second of block 3. Position p of a layer depends, along each axis, on the pixels

    s p - before .. s p + after

where a convolution adds s to both ends, and a pooling adds s to the second and doubles the stride s.

The paper numbers the features it compares: F^l, l = 1..4, is the output of conv l_1. Everything outside this
package counts layers this way; :data:`LAYER_NAMES` is the one place where numbers become names.
"""

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

__all__ = [
    "CONTENT_LAYER",
    "CONVOLUTIONS",
    "DEEPER_CONVOLUTIONS",
    "DEEPEST_LAYER",
    "LAYERS",
    "LAYER_CHANNELS",
    "LAYER_NAMES",
    "Layer",
    "ReceptiveField",
    "layer_size",
    "layer_sizes",
]


@dataclass(frozen=True)
class ReceptiveField:
    """The pixels that position p depends on: from ``stride * p - before`` to ``stride * p + after``.

    >>> ReceptiveField().convolved().pooled()
    ReceptiveField(stride=2, before=1, after=2)
    """

    stride: int = 1
    before: int = 0
    after: int = 0

    def convolved(self) -> "ReceptiveField":
        """Return the receptive field after a 3x3 convolution with padding 1."""
        return ReceptiveField(self.stride, self.before + self.stride, self.after + self.stride)

    def pooled(self) -> "ReceptiveField":
        """Return the receptive field after a 2x2 pooling."""
        return ReceptiveField(2 * self.stride, self.before, self.after + self.stride)

    @property
    def halo(self) -> int:
        """Pixels that must surround a tile for its own positions, and one more around them, to be exact.

        The one more is for 3x3 patches that straddle two tiles. The halo is a multiple of the stride.
        """
        # A position covers `stride` pixels, from its first one: what lies beyond them on either side counts.
        beyond = max(self.before, self.after - (self.stride - 1))
        return self.stride * (math.ceil(beyond / self.stride) + 1)


@dataclass(frozen=True)
class Layer:
    """One convolution of VGG-19 with its ReLU: the ``place``-th of its ``block``, both counted from 1."""

    block: int
    place: int
    in_channels: int
    out_channels: int
    receptive_field: ReceptiveField

    @property
    def name(self) -> str:
        """The layer's name, such as "conv4_1"."""
        return f"conv{self.block}_{self.place}"

    @property
    def follows_pooling(self) -> bool:
        """Whether a pooling lies between the layer and the one before it."""
        return self.block > 1 and self.place == 1

    @property
    def stride(self) -> int:
        """Pixels from one position to the next, along each axis."""
        return self.receptive_field.stride

    def scale_down(self, pixels: tuple[int, int]) -> tuple[int, int]:
        """Convert (rows, columns) of pixels, a picture's size or a place in it, to positions, rounding down.

        >>> LAYERS["conv4_1"].scale_down((101, 64))
        (12, 8)
        """
        return pixels[0] // self.stride, pixels[1] // self.stride


_BLOCKS = ((64, 2), (128, 2), (256, 4), (512, 4), (512, 1))
"""Channels and number of convolutions of each block. The last has three more, which nothing here uses."""


def _layers() -> Iterator[Layer]:
    field, channels = ReceptiveField(), 3
    for block, (out_channels, convolutions) in enumerate(_BLOCKS, start=1):
        if block > 1:
            field = field.pooled()
        for place in range(1, convolutions + 1):
            field = field.convolved()
            yield Layer(block, place, channels, out_channels, field)
            channels = out_channels


LAYERS: Mapping[str, Layer] = MappingProxyType({layer.name: layer for layer in _layers()})
"""Every layer by its name, in the order in which the network computes them."""


LAYER_NAMES: Mapping[int, str] = MappingProxyType({1: "conv1_1", 2: "conv2_1", 3: "conv3_1", 4: "conv4_1"})
"""The name of the layer whose output is F^l."""


DEEPEST_LAYER = max(LAYER_NAMES)
"""The deepest F^l that any loss compares."""


CONTENT_LAYER = 4
"""The content term compares F^4 (Eq. 2)."""


LAYER_CHANNELS: Mapping[int, int] = MappingProxyType(
    {layer: LAYERS[name].out_channels for layer, name in LAYER_NAMES.items()}
)
"""Channels of F^l in VGG-19: 64, 128, 256, 512."""


_COUNT = 1 + list(LAYERS).index(LAYER_NAMES[DEEPEST_LAYER])


CONVOLUTIONS: tuple[str, ...] = tuple(itertools.islice(LAYERS, _COUNT))
"""Names of the nine convolutions up to conv4_1, which painting needs."""


DEEPER_CONVOLUTIONS: tuple[str, ...] = tuple(itertools.islice(LAYERS, _COUNT, None))
"""Names of the next ones, up to conv5_1. No loss compares them, but :mod:`glstylenet.metrics` does."""


def layer_size(size: tuple[int, int], layer: int) -> tuple[int, int]:
    """Return height and width of F^layer for a picture of ``size``: each pooling halves, rounding down.

    >>> layer_size((101, 64), 3)
    (25, 16)
    """
    return LAYERS[LAYER_NAMES[layer]].scale_down(size)


def layer_sizes(size: tuple[int, int], layers: Iterable[int]) -> list[tuple[int, int]]:
    """Return :func:`layer_size` of each of ``layers``."""
    return [layer_size(size, layer) for layer in layers]
