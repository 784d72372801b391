"""Transparency: the colours of a picture apart from how opaque it is.

Colours are kept *straight*, not multiplied by alpha and not laid over a ground: where a pixel is half
transparent, its own colour goes through a run and comes back with the same alpha. Where a pixel is wholly
transparent its colour means nothing, and programs leave black or white there. So that no edge of such a
hidden colour is painted or seen through resizing, it becomes that of the nearest pixel that is there.
"""

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from glstylenet.pictures.raster import FloatArray

__all__ = ["fill_hidden", "over_white", "present_pixels"]


_HIDDEN = 1 / 255
"""With less alpha than this, the smallest that 8 bits hold, a colour counts only in proportion."""


_PRESENT = 0.5
"""Share of a picture's largest alpha from which on a pixel counts as there: a wash is, as a whole."""


def fill_hidden(colour: FloatArray, alpha: FloatArray) -> FloatArray:
    """Return ``colour`` (H, W, C) with hidden colours replaced by those of the nearest pixels that are there.

    ``alpha`` (H, W), 0..1. A picture that is wholly transparent stays as it is.

    >>> colour = np.array([[[200.0], [7.0], [255.0]]], np.float32)
    >>> fill_hidden(colour, np.array([[1.0, 0.25, 0.0]], np.float32)).ravel().tolist()
    [200.0, 7.0, 200.0]
    """
    # A little less, since alpha of one level in 8 bits, rounded, may be a little less too.
    hidden = alpha < 0.999 * _HIDDEN
    if not hidden.any() or hidden.all():
        return colour
    there = alpha >= _PRESENT * alpha.max()
    places = ndimage.distance_transform_edt(~there, return_distances=False, return_indices=True)
    filled = colour.copy()
    for top in range(0, len(colour), 256):  # in strips, so that the intermediate values stay small
        strip = slice(top, top + 256)
        where = hidden[strip]
        rows, columns = (each[strip][where] for each in places)
        share = alpha[strip][where][:, None] / np.float32(_HIDDEN)
        filled[strip][where] = colour[strip][where] * share + colour[rows, columns] * (1 - share)
    return filled


def over_white(pixels: Tensor, alpha: Tensor | None) -> Tensor:
    """Lay ``pixels`` (1, 3, H, W), 0..255, with ``alpha`` (1, 1, H, W), 0..1, over white.

    >>> over_white(torch.full((1, 3, 1, 1), 55.0), torch.full((1, 1, 1, 1), 0.25)).flatten().tolist()
    [205.0, 205.0, 205.0]
    """
    return pixels if alpha is None else pixels * alpha + 255.0 * (1.0 - alpha)


def present_pixels(alpha: Tensor) -> Tensor:
    """Return where a picture of ``alpha`` (1, 1, H, W) is there at all: 1 or 0, float32, of the same shape.

    Pixels with at least half the opacity of the most opaque one are: a wash is a colour of its own.

    >>> present_pixels(torch.tensor([[[[0.0, 0.2, 0.6]]]])).flatten().tolist()
    [0.0, 0.0, 1.0]
    """
    return ((alpha > 0) & (alpha >= _PRESENT * alpha.max())).to(torch.float32)
