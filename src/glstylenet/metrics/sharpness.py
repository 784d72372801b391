"""Sharpness: the amount of fine detail relative to the style's.

    S = E(x) / E(a),   E(y) = mean (Laplacian y)^2 / var y

of luminances y, with the five-point Laplacian. The energy of the Laplacian measures focus (Pech-Pacheco,
Cristobal, Chamorro-Martinez, Fernandez-Valdivia, *Diatom Autofocusing in Brightfield Microscopy*,
2000); it is divided by the variance, since a picture of less contrast is no more blurred. Blur
disappears in a reduced picture, so this is measured at full size.
"""

import numpy as np
from scipy import ndimage

from glstylenet.metrics.luminance import FloatArray

__all__ = ["high_frequency_energy", "sharpness_ratio"]

_FLAT = 1e-6
"""Less variance than this, in grey levels squared, is rounding."""


def high_frequency_energy(grey: FloatArray) -> float | None:
    """Return E of a luminance (H, W), 3 x 3 at least: 0 or more; ``None`` for a flat picture.

    A one-pixel chequerboard has about 64. The border is left out: the Laplacian would reach beyond it.

    >>> round(high_frequency_energy(np.indices((9, 9)).sum(axis=0) % 2 * 255.0), 3)
    64.01
    """
    variance = float(np.var(grey))
    if variance < _FLAT:
        return None
    return float(np.mean(ndimage.laplace(grey)[1:-1, 1:-1] ** 2)) / variance


def sharpness_ratio(image: FloatArray, style: FloatArray) -> float | None:
    """Return S: 0 or more, 1 if as sharp as the style, less if blurred; ``None`` without any detail."""
    ours, theirs = high_frequency_energy(image), high_frequency_energy(style)
    return None if ours is None or theirs is None or theirs <= 0.0 else ours / theirs
