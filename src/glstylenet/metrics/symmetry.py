"""Symmetry: how much of the content's mirror symmetry a picture keeps.

    y'   = G(1) * y - G(4) * y                             G(s) a Gaussian of s pixels, * a convolution
    S(a) = sum over r, c of  y'(r, c) y'(r, 2a - c)  /  sum over r, c of y'(r, c)^2
    M    = S_x(a) / S_p(a),   a = the axis with the largest S_p         x the picture, p the content

y is the luminance, r a row, c a column, a the column of an upright axis, in steps of half a pixel. Where
2a - c lies outside, nothing is added: a subject on one side of the picture is not its own mirror image. S is
1 for a picture that is. Between the two Gaussians only detail is left to compare: light that falls from one
side does not count against a subject. This measure is this project's own.
"""

import numpy as np
from scipy import ndimage

from glstylenet.metrics.luminance import FloatArray

__all__ = ["LEAST", "mirror_symmetry", "symmetry_ratio"]

LEAST = 0.2
"""A content whose S stays below this has no mirror symmetry to keep. Of the paper's contents only the bottle,
0.38, is above it; faces seen a little from one side have 0.1."""

_FINE, _COARSE = 1.0, 4.0
_FLAT = 1e-6
"""Less mean energy than this, in grey levels squared, is rounding."""


def mirror_symmetry(grey: FloatArray) -> FloatArray | None:
    """Return S of a luminance (H, W) for the axes 0, 1/2, 1 ... W - 1: (2 W - 1), each -1..1.

    ``None`` for a flat picture.

    >>> import numpy as np
    >>> picture = np.zeros((20, 41))
    >>> picture[:, 15:26] = 255.0
    >>> axes = mirror_symmetry(picture)
    >>> int(axes.argmax()) / 2, round(float(axes.max()), 3)
    (20.0, 1.0)
    """
    detail = ndimage.gaussian_filter(grey, _FINE) - ndimage.gaussian_filter(grey, _COARSE)
    energy = float((detail**2).sum())
    if energy <= _FLAT * detail.size:
        return None
    # The sum of products with the mirror image about a is the convolution of a row with itself at 2a. That
    # is computed here, since scipy.signal takes a second to load.
    length = 2 * detail.shape[1] - 1
    spectra = np.fft.rfft(detail, length, axis=1)
    sums: FloatArray = np.fft.irfft((spectra**2).sum(axis=0), length)
    return sums / energy


def symmetry_ratio(image: FloatArray, content: FloatArray) -> float | None:
    """Return M of two luminances (H, W): 1 for the content itself; ``None`` if that is not symmetric."""
    theirs = mirror_symmetry(content)
    if theirs is None or theirs.max() < LEAST:
        return None
    axis = int(theirs.argmax())
    ours = mirror_symmetry(image)
    return 0.0 if ours is None else float(ours[axis] / theirs[axis])
