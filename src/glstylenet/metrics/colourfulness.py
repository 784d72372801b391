"""Colourfulness: how rich the colours are, relative to the style's.

    K = M(x) / M(a),   M = sqrt(var a* + var b*) + 0.94 mean sqrt(a*^2 + b*^2)

over all pixels in CIELAB: the measure that agreed best with the observers of Hasler and Suesstrunk,
*Measuring Colourfulness in Natural Images* (2003), among those in CIELAB.
"""

from torch import Tensor

__all__ = ["FAINTEST", "colourfulness", "colourfulness_ratio"]

_MEAN_CHROMA = 0.94
FAINTEST = 1e-3
"""A picture of less colourfulness is grey."""


def colourfulness(colours: Tensor) -> float:
    """Return M of CIELAB colours (1, 3, H, W): 0 for a grey picture, about 60 for a gaudy one.

    >>> import torch
    >>> colourfulness(torch.tensor([50.0, 3.0, 4.0]).reshape(1, 3, 1, 1).expand(1, 3, 8, 8))
    4.7
    """
    opponent = colours[0, 1:].double().flatten(1)
    spread = float(opponent.var(dim=1, correction=0).sum().sqrt())
    return round(spread + _MEAN_CHROMA * float(opponent.norm(dim=0).mean()), 9)


def colourfulness_ratio(image: Tensor, style: Tensor) -> float | None:
    """Return K: 0 or more, 1 if as rich as the style's colours; ``None`` for a grey style."""
    theirs = colourfulness(style)
    return None if theirs < FAINTEST else colourfulness(image) / theirs
