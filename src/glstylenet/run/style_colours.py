"""Style colours: pictures of a run get the colours of its styles, class by class where there are maps.

Several styles are mixed by weight; a class that is bound to a style has the colours of that one.

Where a run starts, mean and covariance are moved: the content keeps its own light and shade. Where a size
begins with copies of detail alone, forms are still in colours that only resemble the style's, and so few
evaluations follow that they would stay: the whole distribution of the colours is moved.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from glstylenet.maps import resize_labels
from glstylenet.numerics import picture_size
from glstylenet.pictures import match_colours, match_distribution
from glstylenet.run.inputs import Inputs

__all__ = ["in_style_colours", "in_style_distribution"]


def in_style_colours(picture: Tensor, inputs: Inputs, *, alpha: Tensor | None = None) -> Tensor:
    """Return ``picture`` (1, 3, H, W), 0..255, with the mean and covariance of the style's colours.

    ``alpha`` (1, 1, H, W), 0..1: transparent pixels do not count.
    """
    return _moved(match_colours, picture, inputs, alpha)


def in_style_distribution(picture: Tensor, inputs: Inputs, *, alpha: Tensor | None = None) -> Tensor:
    """Return ``picture`` (1, 3, H, W), 0..255, with nearly the distribution of the style's colours.

    ``alpha`` (1, 1, H, W), 0..1: transparent pixels do not count.
    """
    return _moved(match_distribution, picture, inputs, alpha)


def _moved(match: Callable[..., Tensor], picture: Tensor, inputs: Inputs, alpha: Tensor | None) -> Tensor:
    content_map = None
    if inputs.semantics is not None:
        content_map = inputs.semantics.channels[0].to(picture.device)
        content_map = resize_labels(content_map, picture_size(picture))
    source, source_map, source_alpha = inputs.style, inputs.styles[0].channels, inputs.style_alpha
    if len(inputs.styles) > 1:
        source, source_map, source_alpha = *_joined_styles(inputs), None
        content_map = torch.ones_like(picture[:, :1]) if content_map is None else content_map
    return match(
        picture,
        source.to(picture.device),
        picture_map=content_map,
        source_map=None if source_map is None else source_map.to(picture.device),
        picture_alpha=None if alpha is None else alpha.to(picture.device),
        source_alpha=None if source_alpha is None else source_alpha.to(picture.device),
    )


def _joined_styles(inputs: Inputs) -> tuple[Tensor, Tensor]:
    """Return the pixels of all styles as one picture (1, 3, 1, N), and how much each counts in a class.

    The latter, (1, K, 1, N), K = 1 without maps, adds up to N in each class, and to a style's share of that
    by its weight. Where a style's map lacks a class, and no other style has it, all of the style counts.
    """
    pictures = [inputs.pictures[style.role].pixels.flatten(2) for style in inputs.styles]
    pixels = torch.cat(pictures, dim=2)[:, :, None]
    count = 1 if inputs.semantics is None else len(inputs.semantics.classes)
    rows = [_shares_of_class(inputs, number) for number in range(count)]
    return pixels, torch.stack([pixels.shape[-1] * row for row in rows])[None, :, None]


def _shares_of_class(inputs: Inputs, number: int) -> Tensor:
    """Return how much each pixel of all styles counts in the class ``number``: (N,), which adds up to 1."""
    bound = any(number in style.classes for style in inputs.styles)
    whole, own, weights = [], [], []
    for style in inputs.styles:
        opaque = torch.ones(style.size) if style.alpha is None else style.alpha[0, 0]
        whole.append(opaque.flatten())
        own.append(whole[-1] if style.channels is None else (opaque * style.channels[0, number]).flatten())
        weights.append(float(number in style.classes) if bound else style.weight)
    has_class = any(weight > 0 and float(each.sum()) >= 1 for weight, each in zip(weights, own, strict=True))
    parts = own if has_class else whole
    weights = [weight if float(part.sum()) >= 1 else 0.0 for weight, part in zip(weights, parts, strict=True)]
    return torch.cat(
        [
            part * (weight / sum(weights) / max(1.0, float(part.sum())))
            for weight, part in zip(weights, parts, strict=True)
        ]
    )
