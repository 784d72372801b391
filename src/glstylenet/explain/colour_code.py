"""Colour code: every place in the style has its own colour, and near places have similar colours.

The code is a plane in Oklab (B. Ottosson, 2020), where equal steps look about equally large: green turns to
magenta from left to right, and yellow to blue from top to bottom. Lightness falls from the top right to the
bottom left as well, so that red-green blind people can tell both directions apart.
"""

import numpy as np
import numpy.typing as npt

__all__ = ["coded_colours"]

_Plane = npt.NDArray[np.float32]

_MIDDLE, _DOWN, _ACROSS = 0.70, 0.10, 0.05
"""Lightness in the middle, and how far it changes to either border."""
_CHROMA = 0.13
"""Reach of the two colour axes: near the largest that a screen can show all around."""
_SHADING = 0.22
"""How strongly the lightness of a picture changes the colours over it."""

_TO_CUBE_ROOTS = np.array(
    [
        [1.0, 0.3963377774, 0.2158037573],
        [1.0, -0.1055613458, -0.0638541728],
        [1.0, -0.0894841775, -1.2914855480],
    ],
    np.float32,
)
_TO_LINEAR = np.array(
    [
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.7076147010],
    ],
    np.float32,
)


def coded_colours(down: _Plane, across: _Plane, light: _Plane | None = None) -> npt.NDArray[np.uint8]:
    """Return the RGB colours (H, W, 3) of places in the style.

    ``down`` and ``across`` (H, W): the places as parts of the style's height and width, 0..1. ``light``
    (H, W), 0..1, shades the colours, so that the shapes of a picture stay visible.

    >>> corners = np.array([[0.0, 1.0]], np.float32)
    >>> coded_colours(corners, corners).shape
    (1, 2, 3)
    """
    vertical, horizontal = 1.0 - 2.0 * down, 2.0 * across - 1.0
    lightness = _MIDDLE + _DOWN * vertical + _ACROSS * horizontal
    if light is not None:
        lightness = lightness + _SHADING * (light - 0.5)
    # The square is bent to a disc: in its corners a screen could not show the colours.
    green_to_magenta = _CHROMA * horizontal * np.sqrt(1.0 - 0.5 * vertical**2)
    blue_to_yellow = _CHROMA * vertical * np.sqrt(1.0 - 0.5 * horizontal**2)
    oklab = np.stack((lightness, green_to_magenta, blue_to_yellow), axis=-1)
    linear = ((oklab @ _TO_CUBE_ROOTS.T) ** 3 @ _TO_LINEAR.T).clip(0.0, 1.0)
    srgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1.0 / 2.4) - 0.055)
    colours: npt.NDArray[np.uint8] = (255.0 * srgb).round().astype(np.uint8)
    return colours
