"""Sharpness: is there as much fine detail as in the style, or has it been blurred away?

    S = E(x) / E(a),   E(y) = mean (Laplacian y)^2 / var y

of luminances y, with the five-point Laplacian. The energy of the Laplacian measures focus (Pech-Pacheco,
Cristobal, Chamorro-Martinez, Fernandez-Valdivia, *Diatom Autofocusing in Brightfield Microscopy*,
2000); the variance is divided out, since a picture of less contrast is no more blurred. Blur cannot
be seen in a reduced picture, so this is measured at full size.
"""

import numpy as np
from scipy import ndimage

from glstylenet.metrics.luminance import FloatArray

__all__ = ["high_frequency_energy", "sharpness_ratio"]

_FLAT = 1e-6
"""Grey levels squared: less variance than this is rounding."""


def high_frequency_energy(grey: FloatArray) -> float | None:
    """E of a luminance (H, W), 3 x 3 at least: 0 or more, about 64 for a one-pixel chequerboard;
    ``None`` for a flat picture.

    The border is left out: the Laplacian would see beyond it.
    """
    variance = float(np.var(grey))
    if variance < _FLAT:
        return None
    return float(np.mean(ndimage.laplace(grey)[1:-1, 1:-1] ** 2)) / variance


def sharpness_ratio(image: FloatArray, style: FloatArray) -> float | None:
    """S: 0 or more, 1 as sharp as the style, less is blurred; ``None`` if either picture has no detail."""
    ours, theirs = high_frequency_energy(image), high_frequency_energy(style)
    return None if ours is None or theirs is None or theirs <= 0.0 else ours / theirs
