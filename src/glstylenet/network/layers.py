"""Layers: TODO-DOC."""

from collections.abc import Mapping
from types import MappingProxyType

__all__ = [
    "CONTENT_LAYER",
    "CONVOLUTIONS",
    "DEEPER_CONVOLUTIONS",
    "LAYER_CHANNELS",
    "layer_size",
    "layer_sizes",
]


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


LAYER_CHANNELS: Mapping[int, int] = MappingProxyType({1: 64, 2: 128, 3: 256, 4: 512})
"""Channels of F^l in VGG-19, l = 1..4."""


def layer_size(size: tuple[int, int], layer: int) -> tuple[int, int]:
    """Height and width of F^layer for a picture of ``size``: each pooling halves, rounding down."""
    height, width = size
    return height >> (layer - 1), width >> (layer - 1)


def layer_sizes(size: tuple[int, int], layers: tuple[int, ...]) -> list[tuple[int, int]]:
    """Those of each of ``layers``."""
    return [layer_size(size, layer) for layer in layers]


CONTENT_LAYER = 4
"""The content term compares F^4 (Eq. 2)."""
