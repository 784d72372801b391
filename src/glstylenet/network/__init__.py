"""The convolutional network, forward and backward.

- ``layers``: lists VGG-19's layers with their channels, strides, receptive fields and halos.
- ``protocol``: defines what a network must offer, and collects features by layer name.
- ``vgg``: computes VGG-19's features and the gradient with respect to the pixels.
- ``banded_block``: computes two convolutions and their pooling in bands of rows.
- ``conv_relu``: computes one convolution with its ReLU in the fastest way the machine has.
- ``winograd``: convolves float32 on a CPU with a quarter of the multiplications.
- ``matmul_conv``: convolves float32 on a GPU as nine matrix products.
- ``relu_mask``: stores where the output of a ReLU is positive.
- ``pooling``: averages blocks of positions, and distributes their gradient.
- ``windowed_grad``: holds a part of the gradient with respect to a feature.
- ``pickles``: looks at the words of a pickled state dict before PyTorch parses it.
- ``weights``: loads, checks and fetches the network's weights.
"""

from glstylenet.network.layers import (
    CONTENT_LAYER,
    DEEPEST_LAYER,
    LAYER_CHANNELS,
    LAYER_NAMES,
    LAYERS,
    layer_size,
    layer_sizes,
)
from glstylenet.network.pooling import avg_pool
from glstylenet.network.protocol import Network, features, layer_channels
from glstylenet.network.vgg import MEAN_RGB, VGG19
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
    "DEEPEST_LAYER",
    "EMBEDDED",
    "FULL",
    "LAYERS",
    "LAYER_CHANNELS",
    "LAYER_NAMES",
    "MEAN_RGB",
    "VGG19",
    "LoadedWeights",
    "Network",
    "WindowedGrad",
    "avg_pool",
    "cache_directory",
    "features",
    "fetch_weights",
    "is_offline",
    "layer_channels",
    "layer_size",
    "layer_sizes",
    "load_deeper_weights",
    "load_weights",
]
