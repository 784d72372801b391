"""Texture: the distance of the features' distribution from the style's, regardless of where features are.

    T = mean over layers l of  SW(features of x at l, features of a at l) / s_l

SW is the sliced Wasserstein distance of :mod:`~glstylenet.metrics.wasserstein`, as Heitz, Vanhoey, Chambon,
Belcour, *A Sliced Wasserstein Loss for Neural Texture Synthesis* (2021) compare textures. Dividing
by s_l, the standard deviation of the style's projected features, gives all layers the same weight.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from glstylenet.maps import map_at
from glstylenet.metrics.features import TEXTURE_LAYERS
from glstylenet.metrics.style_part import StylePart
from glstylenet.metrics.wasserstein import mixed_distance, random_directions
from glstylenet.numerics import picture_size

__all__ = ["FEWEST_POSITIONS", "class_positions", "mixed_texture_distance", "texture_distance"]

FEWEST_POSITIONS = 16
"""A class with fewer positions than this in either picture has no distribution to compare."""

_TINY = 1e-6


def texture_distance(
    image: Mapping[str, Tensor],
    style: Mapping[str, Tensor],
    *,
    image_class: Tensor | None = None,
    style_class: Tensor | None = None,
    style_present: Tensor | None = None,
) -> float | None:
    """Return T of features by layer, (1, C, H, W) each: 0 or more, 0 for the style's own distribution.

    ``image_class`` and ``style_class`` (1, 1, H, W), 0..1, restrict each picture to one map class; ``None``
    is returned if a layer has too few positions of it. ``style_present`` (1, 1, H, W): where the style is
    there at all, by default everywhere.
    """
    return mixed_texture_distance(
        image, [StylePart(style, style_class, style_present)], image_class=image_class
    )


def mixed_texture_distance(
    image: Mapping[str, Tensor],
    parts: Sequence[StylePart[Mapping[str, Tensor]]],
    *,
    image_class: Tensor | None = None,
) -> float | None:
    """Return T of features by layer to those of several styles, mixed by their weights.

    A part with too few positions at a layer is left out there; ``None`` if none is left. The unit is the root
    of the styles' mean variance.
    """
    distances = []
    for name in TEXTURE_LAYERS:
        ours = class_positions(image[name], image_class)
        theirs = [(class_positions(part.values[name], part.counted), part.weight) for part in parts]
        theirs = [(points, weight) for points, weight in theirs if len(points) >= FEWEST_POSITIONS]
        if len(ours) < FEWEST_POSITIONS or not theirs:
            return None
        directions = random_directions(ours.shape[1]).to(ours.device)
        # The whole styles' deviation for every class: classes then add up in one unit.
        wholes = [class_positions(part.values[name], part.present) @ directions for part in parts]
        variances = torch.stack([whole.var(dim=0, correction=0).mean() for whole in wholes])
        weights = variances.new_tensor([part.weight for part in parts])
        scale = float(((variances * weights).sum() / weights.sum()).sqrt())
        distances.append(mixed_distance(ours, theirs, directions) / (scale + _TINY))
    return sum(distances) / len(distances)


def class_positions(feature: Tensor, class_channel: Tensor | None) -> Tensor:
    """Return the positions of ``feature`` (1, C, H, W) of which the class covers more than half: (N, C).

    ``class_channel`` (1, 1, any size), 0..1; ``None``: all positions.

    >>> feature = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    >>> class_positions(feature, torch.tensor([[[[1.0, 0.0], [0.0, 1.0]]]])).tolist()
    [[1.0], [4.0]]
    """
    points = feature[0].flatten(1).T
    if class_channel is None:
        return points
    shares = map_at(class_channel, picture_size(feature)).flatten()
    return points[torch.as_tensor(shares > 0.5, device=points.device)]
