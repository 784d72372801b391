"""Lines: how far the straight lines of a photograph have moved.

Straight segments are found in the content: Canny's edges, then the probabilistic Hough transform (Matas,
Galambos, Kittler, *Robust Detection of Lines Using the Progressive Probabilistic Hough Transform*, 2000) with
a fixed seed. From every pixel p of a segment with unit normal n, an edge is searched for along the normal:

    t_y(p) = argmax over t in -R..R of  | n . grad y (p + t n) |
    D      = mean over p of  min(R, | t_x(p) - t_c(p) |)          c the content, x the image

grad y is the gradient of the luminance after a Gaussian of sigma 1.5; t is refined to fractions of a pixel by
a parabola through the maximum and its neighbours, and of equal edges the nearest counts. Only
edges parallel to the segment are strong in that product; the distance to the nearest edge of any kind would
call every picture faithful that is full of strokes. Pixels where the content's own strongest edge is not the
segment's, |t_c| > 1, are left out, as in fur and foliage. Where the image has no edge at all, R counts.
This measure is this project's own.
"""

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from glstylenet.metrics.luminance import FloatArray

__all__ = ["REACH", "BoolArray", "Gradient", "Segment", "line_deviation", "straight_segments"]

REACH = 8
"""R, in pixels: how far from the line its edge is searched for, and the largest deviation."""

BoolArray = npt.NDArray[np.bool_]

Gradient = tuple[FloatArray, FloatArray]
"""The derivatives by row and by column, each (H, W)."""

Segment = tuple[tuple[float, float], tuple[float, float]]
"""Two ends, each (row, column)."""

_SIGMA = 1.5
_SHORTEST_SHARE = 0.1
_SHORTEST_PIXELS = 16
_GAP = 2
_VOTES = 10
_WEAKEST = 1.0
"""Grey levels per pixel: a smaller gradient is no edge."""


def straight_segments(content: FloatArray) -> list[Segment]:
    """Return the straight edges of a luminance (H, W) at least a tenth of its longest side long."""
    from skimage.feature import canny  # noqa: PLC0415 - an extra
    from skimage.transform import probabilistic_hough_line  # noqa: PLC0415

    shortest = max(_SHORTEST_PIXELS, round(_SHORTEST_SHARE * max(content.shape)))
    edges = canny(content / 255.0, sigma=_SIGMA)
    found = probabilistic_hough_line(edges, threshold=_VOTES, line_length=shortest, line_gap=_GAP, rng=0)
    # scikit-image gives (column, row).
    return [((float(y0), float(x0)), (float(y1), float(x1))) for (x0, y0), (x1, y1) in found]


def line_deviation(image: FloatArray, content: FloatArray) -> float | None:
    """Return D of two luminances (H, W): 0..R pixels, 0 for the content itself; ``None`` without lines."""
    ours, theirs = _gradient(image), _gradient(content)
    distances = []
    for segment in straight_segments(content):
        expected, _ = _offsets(theirs, segment)
        found, has_edge = _offsets(ours, segment)
        distance = np.where(has_edge, np.minimum(np.abs(found - expected), REACH), float(REACH))
        distances.append(distance[np.abs(expected) <= 1])
    counted = np.concatenate(distances) if distances else np.zeros(0)
    return float(counted.mean()) if counted.size else None


def _gradient(grey: FloatArray) -> Gradient:
    smooth = ndimage.gaussian_filter(grey, _SIGMA)
    return np.asarray(np.gradient(smooth, axis=0)), np.asarray(np.gradient(smooth, axis=1))


def _offsets(gradient: Gradient, segment: Segment) -> tuple[FloatArray, BoolArray]:
    """Return t for each pixel of one segment, and whether there is an edge at all."""
    # One step more at either end, for the parabola.
    steps = np.arange(-REACH - 1.0, REACH + 2.0)
    begin, end = np.array(segment[0]), np.array(segment[1])
    length = float(np.hypot(*(end - begin)))
    along = (end - begin) / max(length, 1.0)
    normal = np.array([-along[1], along[0]])
    places = begin + np.arange(int(length) + 1)[:, None] * along
    # (2, pixels, steps): the rows and columns that are sampled.
    samples = places.T[:, :, None] + normal[:, None, None] * steps
    rows, columns = (ndimage.map_coordinates(part, samples, order=1, mode="nearest") for part in gradient)
    strength = np.abs(normal[0] * rows + normal[1] * columns)
    # Beyond the border there is no edge.
    height, width = gradient[0].shape
    inside = (samples[0] >= 0) & (samples[0] <= height - 1)
    inside &= (samples[1] >= 0) & (samples[1] <= width - 1)
    strength = np.where(inside, strength, 0.0)
    # argmax takes the first of equals: the nearest.
    nearest_first = np.array(sorted(range(1, len(steps) - 1), key=lambda place: abs(steps[place])))
    best = nearest_first[strength[:, nearest_first].argmax(axis=1)]
    before, here, after = (np.take_along_axis(strength, best[:, None] + i, 1)[:, 0] for i in (-1, 0, 1))
    # An edge between two pixels is equally strong at both. The vertex of the parabola through three values
    # lies half-way, whichever of the two the last digits chose.
    curve = before - 2.0 * here + after
    vertex = np.divide(0.5 * (before - after), curve, out=np.zeros_like(here), where=curve < 0.0)
    return steps[best] + vertex.clip(-0.5, 0.5), here >= _WEAKEST
