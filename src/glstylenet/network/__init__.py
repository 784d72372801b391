"""The convolutional network, forward and backward.

- ``layers``: lists the layers, and what each of their positions sees.
- ``vgg``: computes VGG-19's features and the gradient with respect to the pixels.
- ``banded_block``: computes two convolutions and their pooling in bands of rows.
- ``conv_relu``: computes one convolution with its ReLU in the fastest way the machine has.
- ``winograd``: convolves float32 on a CPU with a quarter of the multiplications.
- ``matmul_conv``: convolves float32 on a GPU as nine matrix products.
- ``relu_mask``: keeps where a ReLU let its input pass.
- ``pooling``: averages blocks of positions, and gives their gradient back.
- ``windowed_grad``: holds a part of the gradient with respect to a feature.
- ``weights``: loads, checks and fetches the network's weights.
"""

from glstylenet.network.layers import (
    CONTENT_LAYER,
    CONVOLUTIONS,
    DEEPER_CONVOLUTIONS,
    LAYER_CHANNELS,
    layer_size,
    layer_sizes,
)
from glstylenet.network.pooling import avg_pool
from glstylenet.network.vgg import MEAN_RGB, VGG19, SavedForBackward
from glstylenet.network.weights import (
    EMBEDDED,
    FULL,
    LoadedWeights,
    cache_directory,
    fetch_weights,
    is_offline,
    load_deeper_weights,
    load_weights,
)
from glstylenet.network.windowed_grad import WindowedGrad

__all__ = [
    "CONTENT_LAYER",
    "CONVOLUTIONS",
    "DEEPER_CONVOLUTIONS",
    "EMBEDDED",
    "FULL",
    "LAYER_CHANNELS",
    "MEAN_RGB",
    "VGG19",
    "LoadedWeights",
    "SavedForBackward",
    "WindowedGrad",
    "avg_pool",
    "cache_directory",
    "fetch_weights",
    "is_offline",
    "layer_size",
    "layer_sizes",
    "load_deeper_weights",
    "load_weights",
]
