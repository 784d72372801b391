"""Numbers that judge a picture and that the optimiser does not minimise.

- ``evaluation``: computes all metrics of one picture.
- ``catalogue``: lists the metrics with their names, units and directions.
- ``features``: computes the layers of VGG-19 that no loss compares.
- ``structure``: measures how much of the content's structure is kept.
- ``texture``: measures the distance of textures by class.
- ``colour``: measures the distance of colours by class.
- ``colourfulness``: compares how rich the colours are.
- ``plausibility``: measures how far patches are from the style's, and whether neighbours come from one piece.
- ``style_part``: defines what a picture is compared with of one style.
- ``measured_styles``: mixes the parts of several styles.
- ``leaks``: measures how many patches are painted from another class.
- ``sharpness``: compares the gradients of two pictures.
- ``glitches``: measures speckle that the style does not have.
- ``lines``: measures how far straight lines moved.
- ``symmetry``: measures how much of a mirror symmetry is kept.
- ``luminance``: converts a picture to grey.
- ``wasserstein``: computes the sliced Wasserstein distance.
- ``optional_dependency``: says how to install what the metrics need.
"""

from glstylenet.metrics.catalogue import METRICS, Metric
from glstylenet.metrics.evaluation import ClassMetrics, Metrics, StyleMetrics, evaluate_picture
from glstylenet.metrics.optional_dependency import require_scikit_image

__all__ = [
    "METRICS",
    "ClassMetrics",
    "Metric",
    "Metrics",
    "StyleMetrics",
    "evaluate_picture",
    "require_scikit_image",
]
