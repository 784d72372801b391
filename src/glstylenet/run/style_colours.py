"""Style colours: pictures of a run get the colours of its style, class by class where there are maps.

Where a run starts, mean and covariance are moved: the content keeps its own light and shade. Where a size
begins with copies of detail alone, forms are still in colours that only resemble the style's, and so few
evaluations follow that they would stay: the whole distribution of the colours is moved.
"""

from collections.abc import Callable

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
    content_map = style_map = None
    if inputs.semantics is not None:
        content_map, style_map = (each.to(picture.device) for each in inputs.semantics.channels)
        content_map = resize_labels(content_map, picture_size(picture))
    style_alpha = inputs.style_alpha
    return match(
        picture,
        inputs.style.to(picture.device),
        picture_map=content_map,
        source_map=style_map,
        picture_alpha=None if alpha is None else alpha.to(picture.device),
        source_alpha=None if style_alpha is None else style_alpha.to(picture.device),
    )
