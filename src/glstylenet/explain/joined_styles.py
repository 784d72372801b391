"""Joined styles: several styles side by side as one picture, in which a match has one place."""

from dataclasses import dataclass

import torch
from torch import Tensor

from glstylenet.run import Inputs

__all__ = ["JoinedStyles", "join_styles", "style_lefts"]


@dataclass(frozen=True)
class JoinedStyles:
    """`JoinedStyles` is the picture (1, 3, A, B) of all styles, and its ``alpha`` (1, 1, A, B).

    The alpha is 0 where there is no style, and ``None`` where all is opaque. One style is its own picture.
    """

    picture: Tensor
    alpha: Tensor | None

    @property
    def size(self) -> tuple[int, int]:
        """The (height, width) of the picture."""
        return self.picture.shape[-2], self.picture.shape[-1]


def style_lefts(inputs: Inputs, cell: int) -> list[int]:
    """Return the column at which each style begins in the joined picture, in positions of ``cell`` pixels.

    There is a gap of at least one position between two styles.
    """
    lefts = [0]
    for style in inputs.styles[:-1]:
        lefts.append(lefts[-1] + -(-style.size[1] // cell) + 1)
    return lefts


def join_styles(inputs: Inputs, cell: int) -> JoinedStyles:
    """Put the styles of ``inputs`` side by side, with their upper edges in line."""
    if len(inputs.styles) == 1:
        return JoinedStyles(inputs.style, inputs.style_alpha)
    lefts = [cell * left for left in style_lefts(inputs, cell)]
    height = max(style.size[0] for style in inputs.styles)
    width = lefts[-1] + inputs.styles[-1].size[1]
    picture, alpha = torch.zeros(1, 3, height, width), torch.zeros(1, 1, height, width)
    for style, left in zip(inputs.styles, lefts, strict=True):
        rows, columns = style.size
        picture[..., :rows, left : left + columns] = inputs.pictures[style.role].pixels
        alpha[..., :rows, left : left + columns] = 1.0 if style.alpha is None else style.alpha
    return JoinedStyles(picture, alpha)
