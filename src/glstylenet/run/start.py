"""The start of a run: the pixels from which the optimisation begins."""

import torch
from torch import Tensor

from glstylenet.pictures import resize
from glstylenet.run.inputs import Inputs
from glstylenet.run.style_colours import in_style_colours

__all__ = ["smooth_noise", "start_pixels"]


_COARSEST_CELLS = 4
"""Cells of the coarsest octave along the longest side."""


_SHORTEST_CELL = 16
"""Pixels of the finest octave's cells: with 16 a finished doodle is about as smooth as its style
(docs/notebook.md)."""


_TAPS = 4
"""Lattice values that a cubic B-spline combines."""


def start_pixels(inputs: Inputs, kind: str, size: tuple[int, int], seed: int) -> Tensor:
    """Return the pixels (1, 3, H, W), 0..255, that a run starts from at ``size`` (height, width).

    ``kind`` is the setting ``init``: content, tinted, style, noise or the path of a picture. ``tinted`` is
    the content and ``noise`` is :func:`smooth_noise` with the style's colours, class by class where there are
    maps. ``seed`` decides the noise, which also replaces the content that a doodle does not have.
    """
    if (picture := inputs.init) is not None:
        return resize(picture, size)
    if kind == "style":
        # The paper's init for portraits. The authors' script puts it in 0..1, almost black; here 0..255.
        return resize(inputs.style, size, alpha=inputs.style_alpha)
    content = inputs.content
    if kind == "noise" or content is None:
        return in_style_colours(smooth_noise(size, seed), inputs)
    content = resize(content, size, alpha=inputs.alpha)
    # From the content's own colours, a descent spends most of its steps on hue and light; from the style's
    # colours it starts with the brushwork.
    return in_style_colours(content, inputs, alpha=inputs.alpha_at(size)) if kind == "tinted" else content


def smooth_noise(size: tuple[int, int], seed: int) -> Tensor:
    """Return noise (1, 3, H, W) of ``size`` (height, width) whose shortest waves span several pixels.

    The network hardly responds to shorter waves, so that a run would leave them in the picture: grain in
    colours that the style does not have. The noise is a sum of octaves: random values on a square lattice,
    interpolated by cubic B-splines, each octave with twice the values along the longest side and half the
    amplitude of the one before. The values depend on ``seed`` alone, not on the size: a larger picture of the
    same proportions has the same large shapes, and further octaves.

    >>> small, large = smooth_noise((40, 60), seed=1), smooth_noise((80, 120), seed=1)
    >>> import torch.nn.functional as F
    >>> float((F.avg_pool2d(large, 2) - small).std() / small.std()) < 0.01
    True
    """
    longest = max(size)
    generator = torch.Generator().manual_seed(seed)
    noise = torch.zeros(1, 3, *size, dtype=torch.float32, device="cpu")
    cells, amplitude = _COARSEST_CELLS, 1.0
    while cells == _COARSEST_CELLS or longest / cells >= _SHORTEST_CELL:
        octave_seed = int(torch.randint(2**62, (), generator=generator, device="cpu"))
        noise += amplitude * _octave(size, cells, octave_seed)
        cells, amplitude = 2 * cells, amplitude / 2
    return noise


def _octave(size: tuple[int, int], cells: int, seed: int) -> Tensor:
    """Return noise (1, 3, H, W) of one wavelength: ``cells`` cells along the longest side."""
    cell = max(size) / cells
    short_side = 2 if size[0] <= size[1] else 3
    # Drawn row by row along the longest side: a narrower picture takes the first rows of a wider one.
    rows = int(min(size) / cell) + _TAPS
    values = torch.rand(
        (rows, cells + _TAPS, 3),
        generator=torch.Generator().manual_seed(seed),
        dtype=torch.float32,
        device="cpu",
    )
    lattice = values.permute(2, 0, 1)[None] - 0.5
    if short_side == 3:
        lattice = lattice.transpose(2, 3)
    for axis, pixels in ((2, size[0]), (3, size[1])):
        places = (torch.arange(pixels, dtype=torch.float32, device="cpu") + 0.5) / cell
        lattice = _interpolate(lattice, places, axis)
    return lattice


def _interpolate(lattice: Tensor, places: Tensor, axis: int) -> Tensor:
    """Return the cubic B-spline through ``lattice`` along ``axis``, at ``places`` in cells."""
    first = places.floor()
    t = places - first
    weights = (
        (1 - t) ** 3 / 6,
        (3 * t**3 - 6 * t**2 + 4) / 6,
        (-3 * t**3 + 3 * t**2 + 3 * t + 1) / 6,
        t**3 / 6,
    )
    shape = [-1 if axis == each else 1 for each in range(lattice.dim())]
    below = first.long()
    result = weights[0].view(shape) * lattice.index_select(axis, below)
    for number in range(1, _TAPS):
        result += weights[number].view(shape) * lattice.index_select(axis, below + number)
    return result
