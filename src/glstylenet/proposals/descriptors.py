"""Descriptors: what every place of a picture shows, comparable between a photograph and a painting.

Deep features tell kinds of things apart. Each channel is standardised within its picture, which takes away
most of what differs between photographs and paintings as a whole. Colours tell apart what is of one kind, as
hair and skin or trees and earth. Shapes: C channels, h and w the picture's
height and width in places of `STRIDE` pixels at the working size.
"""

from collections.abc import Mapping
from types import MappingProxyType

import torch
from torch import Tensor
from torch.nn import functional as F

from glstylenet.network import LAYERS, Network, features
from glstylenet.numerics import picture_size
from glstylenet.pictures import fitted_size, lab_from_rgb, resize

__all__ = ["STRIDE", "describe", "working_size"]


STRIDE = 8
"""Pixels from one place to the next, at the working size."""


_LAYERS: Mapping[str, float] = MappingProxyType({"conv3_3": 0.5, "conv4_3": 1.0, "conv5_1": 1.0})
"""The weight of each layer, the length of its vector. The colours tell some of what conv3_3 tells."""


_WORKING_SIDE = 448
"""Longest side in pixels of the pictures that are described."""


_LARGEST_ENLARGEMENT = 2
"""Small pictures are enlarged, so that more than a few deep features describe them, but not at any cost."""


_DEEPEST_STRIDE = 16


_SMALLEST_SIDE = 2 * _DEEPEST_STRIDE


_MARGIN = 64
"""Pixels that are mirrored at each side: zero padding makes a frame that looks like a class of its own."""


_POSITION_WEIGHT = 0.7
"""Weight of a place's row and column, -1..1. On five pairs with maps drawn by hand 0.7 agrees best; 0.4 and
1.0 agree by 0.01 less."""


_COLOUR_WEIGHT = 0.6
"""Weight of a place's colour, which has length 1 on average. On these pairs 0.5 to 0.8 agree by 0.01 to 0.02
more than no colour does."""


_COLOUR_NOISE = 2.0
"""In CIELAB, a difference that is hardly noticeable: one-coloured pictures have no colours to tell apart."""


_RELATIVE_NOISE = 1e-3
"""A channel whose deviation is below this share of the layer's hardly responds to the picture."""


def working_size(size: tuple[int, int]) -> tuple[int, int]:
    """Return the (height, width) at which a picture of ``size`` is described: multiples of 16.

    >>> working_size((3000, 4000)), working_size((100, 4000))
    ((336, 448), (32, 448))
    """
    height, width = (
        max(_SMALLEST_SIDE, _DEEPEST_STRIDE * round(side / _DEEPEST_STRIDE))
        for side in fitted_size(size, min(_WORKING_SIDE, _LARGEST_ENLARGEMENT * max(size)))
    )
    return height, width


def describe(pixels: Tensor, network: Network) -> Tensor:
    """Return the descriptors (1, C, h, w) of a picture ``pixels`` (1, 3, H, W), RGB 0..255, as float32.

    The network must have conv5_1. Places are those of `STRIDE` pixels at :func:`working_size`.
    """
    height, width = size = working_size(picture_size(pixels))
    # Reflection cannot reach beyond the picture.
    rows, columns = (min(_MARGIN, side - _DEEPEST_STRIDE) for side in size)
    # One channel at a time, so that a large picture of bytes needs no large temporary.
    small = torch.cat([resize(plane.float(), size) for plane in torch.split(pixels, 1, dim=1)], dim=1)
    mirrored = F.pad(small, (columns, columns, rows, rows), mode="reflect")
    places = height // STRIDE, width // STRIDE
    parts = []
    for name, values in features(network, mirrored.to(network.device), tuple(_LAYERS)).items():
        stride = LAYERS[name].stride
        top, left = rows // stride, columns // stride
        inner = values[..., top : top + height // stride, left : left + width // stride].float().contiguous()
        at_places = F.interpolate(inner, places, mode="area" if stride < STRIDE else "bilinear")
        parts.append(_LAYERS[name] * _standardised(at_places).cpu())
    return torch.cat([*parts, _COLOUR_WEIGHT * _colours(small), _POSITION_WEIGHT * _positions(places)], dim=1)


def _standardised(values: Tensor) -> Tensor:
    """Return ``values`` (1, C, h, w), not negative, with channels of mean 0 and deviation 1, then length 1.

    The square root comes first: few large activations would decide everything.
    """
    values = values.sqrt()
    deviation = values.std(dim=(2, 3), keepdim=True, correction=0)
    noise = _RELATIVE_NOISE * deviation.mean() + torch.finfo(values.dtype).tiny
    return F.normalize((values - values.mean(dim=(2, 3), keepdim=True)) / (deviation + noise), dim=1)


def _colours(pixels: Tensor) -> Tensor:
    """Return the colour of each place of ``pixels`` (1, 3, H, W): (1, 3, h, w), of length 1 on average.

    In CIELAB, as the difference from the picture's mean, so that a tint of all of it is no difference; one
    factor for all channels, so that those of a grey picture are not noise made large.
    """
    height, width = picture_size(pixels)
    colours = lab_from_rgb(pixels[0].flatten(1)).float().view(1, 3, height, width)
    averaged = F.avg_pool2d(colours, STRIDE)
    centred = averaged - averaged.mean(dim=(2, 3), keepdim=True)
    return centred / (centred.square().sum(dim=1).mean().sqrt() + _COLOUR_NOISE)


def _positions(places: tuple[int, int]) -> Tensor:
    """Return the row and the column, -1..1, of each place: (1, 2, h, w)."""
    rows, columns = (torch.linspace(-1.0, 1.0, count) for count in places)
    return torch.stack(torch.meshgrid(rows, columns, indexing="ij"))[None]
