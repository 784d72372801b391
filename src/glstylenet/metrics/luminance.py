"""Luminance: the grey picture that structure, sharpness and lines are measured in."""

import numpy as np
import numpy.typing as npt
from torch import Tensor

__all__ = ["FloatArray", "luminance"]

FloatArray = npt.NDArray[np.float64]

_RED, _GREEN, _BLUE = 0.2126, 0.7152, 0.0722


def luminance(pixels: Tensor) -> FloatArray:
    """Return the luminance (H, W), 0..255, of sRGB pixels (1, 3, H, W), 0..255.

    Y' = 0.2126 R' + 0.7152 G' + 0.0722 B' of the gamma-encoded values (ITU-R BT.709), which are nearer to
    perceived lightness than linear light is.
    """
    red, green, blue = pixels[0].detach().cpu().double().numpy()
    grey: FloatArray = _RED * red + _GREEN * green + _BLUE * blue
    return grey
