"""Colour: the distance of the colours' distribution from the style's, regardless of where colours are.

The sliced Wasserstein distance (:mod:`~glstylenet.metrics.wasserstein`) between the pixels' colours in
CIELAB (D65, 2 degrees), where a difference of about 2.3 is just noticeable. Projected on a direction, a shift
is half as long on average, so moving all colours by dE gives dE / 2.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from glstylenet.metrics.style_part import StylePart
from glstylenet.metrics.texture import FEWEST_POSITIONS, class_positions
from glstylenet.metrics.wasserstein import mixed_distance, random_directions

__all__ = ["colour_distance", "lab_colours", "mixed_colour_distance"]


def lab_colours(pixels: Tensor) -> Tensor:
    """Convert sRGB pixels (1, 3, H, W), 0..255, to CIELAB: float32 (1, 3, H, W), L 0..100, a and b signed."""
    from skimage.color import rgb2lab  # noqa: PLC0415 - an extra

    colours = rgb2lab(pixels[0].permute(1, 2, 0).detach().cpu().double().numpy() / 255.0)
    return torch.from_numpy(colours).permute(2, 0, 1)[None].float()


def colour_distance(
    image: Tensor, style: Tensor, *, image_class: Tensor | None = None, style_class: Tensor | None = None
) -> float | None:
    """Return the distance of two pictures of :func:`lab_colours`: 0 or more, in CIELAB units.

    ``image_class`` and ``style_class`` (1, 1, H, W), 0..1, restrict each picture to one map class; ``None``
    is returned if either has too few pixels of it.
    """
    return mixed_colour_distance(image, [StylePart(style, style_class)], image_class=image_class)


def mixed_colour_distance(
    image: Tensor, parts: Sequence[StylePart[Tensor]], *, image_class: Tensor | None = None
) -> float | None:
    """Return the distance to the colours of several styles, mixed by their weights.

    A part with too few pixels is left out; ``None`` if none is left.
    """
    ours = class_positions(image, image_class)
    theirs = [(class_positions(part.values, part.counted), part.weight) for part in parts]
    theirs = [(points, weight) for points, weight in theirs if len(points) >= FEWEST_POSITIONS]
    if len(ours) < FEWEST_POSITIONS or not theirs:
        return None
    return mixed_distance(ours, theirs, random_directions(3))
