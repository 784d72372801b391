"""Catalogue: all metrics with formula, range, direction and source, for help texts, tables and documents."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["METRICS", "Direction", "Metric"]

Direction = Literal["lower", "higher", "near 1"]
"""Which values are better."""


@dataclass(frozen=True)
class Metric:
    """One metric.

    ``name`` is that of the field of :class:`~glstylenet.metrics.evaluation.Metrics`, ``direction`` says which
    values are better, ``range`` which are possible. ``formula`` and ``source`` are in short, and ``sentence``
    explains a value to its reader.
    """

    name: str
    direction: Direction
    range: str
    formula: str
    source: str
    sentence: str


METRICS: tuple[Metric, ...] = (
    Metric(
        "ssim",
        "higher",
        "-1 to 1",
        "mean structural similarity of the luminances of image and content, Gaussian windows of sigma 1.5",
        "Wang et al. 2004",
        "how much of the content's light and dark is left; 1 is the content itself",
    ),
    Metric(
        "self_similarity_distance",
        "lower",
        "0 to 2",
        "mean over j of sum over i of |D_ij / sum_i D_ij of image - the same of content|, D cosine distances "
        "at conv5_1",
        "Kolkin et al. 2019",
        "how differently the content's parts relate to each other; 0 is the content itself",
    ),
    Metric(
        "texture_distance",
        "lower",
        "0 or more",
        "mean over conv2_2, conv3_4, conv4_4 of the sliced Wasserstein distance of features to the style, in "
        "the style's standard deviations",
        "Heitz et al. 2021",
        "how far the textures are from the style's; 0 is the style itself",
    ),
    Metric(
        "texture_distance_by_class",
        "lower",
        "0 or more",
        "texture_distance within each map class, averaged by the class's share of the content",
        "Heitz et al. 2021",
        "the same, each region compared with its own of the style",
    ),
    Metric(
        "plausibility_distance",
        "lower",
        "0 to 2",
        "mean over the image's 3x3 patches at conv3_4, centred, of 1 - cosine with the style's nearest",
        "Simakov et al. 2008",
        "how unlike the style the picture's patches are; 0: each is one of the style",
    ),
    Metric(
        "coverage_distance",
        "lower",
        "0 to 2",
        "mean over the style's 3x3 patches at conv3_4, centred, of 1 - cosine with the image's nearest",
        "Simakov et al. 2008",
        "how much of the style's repertoire is missing; 0: all of it is there",
    ),
    Metric(
        "coherence",
        "higher",
        "0 to 1",
        "share of neighbouring patches whose nearest style patches at conv3_4 are neighbours in the same way",
        "Ashikhmin 2001",
        "how much of the picture is made of whole pieces of the style; 1 is the style itself",
    ),
    Metric(
        "colour_distance",
        "lower",
        "0 or more",
        "sliced Wasserstein distance of the colours to the style's, CIELAB",
        "Rabin et al. 2011",
        "how far the colours are from the style's; 1 is hardly seen, 10 is another palette",
    ),
    Metric(
        "colour_distance_by_class",
        "lower",
        "0 or more",
        "colour_distance within each map class, averaged by the class's share of the content",
        "Rabin et al. 2011",
        "the same, each region compared with its own of the style",
    ),
    Metric(
        "colourfulness",
        "near 1",
        "0 or more",
        "sqrt(var a* + var b*) + 0.94 mean chroma in CIELAB, relative to the style's",
        "Hasler and Suesstrunk 2003",
        "how rich the colours are beside the style's; below 1 is duller, above 1 is gaudier",
    ),
    Metric(
        "leaks",
        "lower",
        "0 to 1",
        "share of patches whose nearest style patch by features alone (Eq. 3 without maps) has another class",
        "Wang et al. 2020, Eq. 3",
        "share of the picture that looks painted from another region than its own",
    ),
    Metric(
        "sharpness",
        "near 1",
        "0 or more",
        "mean squared Laplacian of luminance over its variance, relative to the style's, at full size",
        "Pech-Pacheco et al. 2000",
        "fine detail relative to the style's; below 1 is blurred, above 1 is noisy",
    ),
    Metric(
        "glitches",
        "lower",
        "0 to 100",
        "share of pixels that differ from their 3x3 median in CIELAB by more than 99 % of the style's do, "
        "over 1 %",
        "this project's own",
        "how much speckle there is; 1 is as much as in the style",
    ),
    Metric(
        "line_deviation",
        "lower",
        "0 to 8 pixels",
        "mean shift, along the normal, of the strongest edge parallel to the content's straight segments",
        "this project's own",
        "how far straight lines have moved, in pixels; matters for photographs",
    ),
    Metric(
        "symmetry",
        "near 1",
        "-1 or more",
        "correlation of the luminance's detail with its mirror image about the content's best upright axis, "
        "relative to the content's",
        "this project's own",
        "how much is left of the content's mirror symmetry; only for subjects that have one",
    ),
)
"""All metrics, in the order in which they are shown."""
