"""The start of a run: the pixels from which the optimisation begins."""

import torch
from torch import Tensor

from glstylenet.maps import resize_labels
from glstylenet.pictures import match_colours, resize
from glstylenet.run.inputs import Inputs

__all__ = ["start_pixels"]


def start_pixels(inputs: Inputs, kind: str, size: tuple[int, int], seed: int) -> Tensor:
    """Return the pixels (1, 3, H, W), 0..255, that a run starts from at ``size`` (height, width).

    ``kind`` is the setting ``init``: content, tinted, style, noise or the path of a picture. ``tinted`` is
    the content with the style's colours, class by class where there are maps. ``seed`` decides the noise,
    which also replaces the content that a doodle does not have.
    """
    if (picture := inputs.init) is not None:
        return resize(picture, size)
    if kind == "style":
        # The paper's init for portraits. The authors' script puts it in 0..1, almost black; here 0..255.
        return resize(inputs.style, size, alpha=inputs.style_alpha)
    content = inputs.content
    if kind == "noise" or content is None:
        generator = torch.Generator().manual_seed(seed)
        return 255.0 * torch.rand((1, 3, *size), generator=generator)
    content = resize(content, size, alpha=inputs.alpha)
    if kind != "tinted":
        return content
    # From the content's own colours, a descent spends most of its steps on hue and light; from the style's
    # colours it starts with the brushwork.
    content_map = style_map = None
    if inputs.semantics is not None:
        content_map, style_map = inputs.semantics.channels
        content_map = resize_labels(content_map, size)
    return match_colours(
        content,
        inputs.style,
        picture_map=content_map,
        source_map=style_map,
        picture_alpha=inputs.alpha_at(size),
        source_alpha=inputs.style_alpha,
    )
