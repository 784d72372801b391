"""Evaluation: every metric of one picture, :func:`evaluate_picture`."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from glstylenet.machine import choose_device
from glstylenet.metrics.catalogue import METRICS
from glstylenet.metrics.colour import colour_distance, lab_colours
from glstylenet.metrics.features import (
    FUSED_LAYERS,
    PATCH_LAYER,
    STRUCTURE_LAYER,
    TEXTURE_LAYERS,
    DeepNetwork,
    fused_feature,
)
from glstylenet.metrics.leaks import leak_share
from glstylenet.metrics.lines import line_deviation
from glstylenet.metrics.luminance import luminance
from glstylenet.metrics.optional_dependency import require_scikit_image
from glstylenet.metrics.plausibility import patch_distance
from glstylenet.metrics.sharpness import sharpness_ratio
from glstylenet.metrics.structure import self_similarity_distance, structural_similarity
from glstylenet.metrics.texture import texture_distance
from glstylenet.pictures import PictureSource, resize
from glstylenet.run import SMALLEST_SIDE, Inputs, ScaledInputs, prepare_inputs, read_result, read_sources
from glstylenet.settings import Settings

__all__ = ["LONGEST_SIDE", "USED_SETTINGS", "ClassMetrics", "Metrics", "evaluate_picture"]

LONGEST_SIDE = 512
"""Pictures are reduced together until the result's longest side is this, for all metrics but sharpness."""

USED_SETTINGS = ("size", "style_scale", "max_pixels", "classes", "strict", "device")
"""The settings that an evaluation heeds; the others belong to painting."""


@dataclass(frozen=True)
class ClassMetrics:
    """Within one map class: ``colour`` as web pages write it, ``share`` of the content, 0..1, and the
    distances to the same class of the style, ``None`` where there is too little of it to compare."""

    colour: str
    share: float
    texture_distance: float | None
    colour_distance: float | None


@dataclass(frozen=True)
class Metrics:
    """The numbers of one picture; :data:`~glstylenet.metrics.catalogue.METRICS` tells what each means.

    ``None`` stands where a metric has nothing to measure: no maps, no straight lines, a flat picture.
    ``classes``: the distances within each map class, the largest class first.
    """

    ssim: float
    self_similarity_distance: float | None
    texture_distance: float
    texture_distance_by_class: float | None
    plausibility_distance: float
    coverage_distance: float
    colour_distance: float
    colour_distance_by_class: float | None
    leaks: float | None
    sharpness: float | None
    line_deviation: float | None
    classes: tuple[ClassMetrics, ...] = ()

    def as_dict(self) -> dict[str, float | None]:
        """Values by name, in the order of ``METRICS``, without those of single classes."""
        return {metric.name: getattr(self, metric.name) for metric in METRICS}


def evaluate_picture(
    image: PictureSource,
    content: PictureSource,
    style: PictureSource,
    *,
    content_map: PictureSource | None = None,
    style_map: PictureSource | None = None,
    settings: Settings | None = None,
) -> Metrics:
    """Measure ``image`` as a result of ``content`` and ``style``, whoever made it.

    Sources are paths, PIL images or arrays, as in :func:`glstylenet.stylize`; of ``settings``,
    ``USED_SETTINGS`` are heeded. Equal pictures give equal numbers on one machine.

    Raises :class:`~glstylenet.errors.UsageError` if scikit-image (extra ``report``) is missing or a map has
    no partner, :class:`~glstylenet.errors.InputError` if a picture cannot be used or ``image`` has not the
    result's size, and :class:`~glstylenet.errors.WeightsError`.
    """
    require_scikit_image()
    # A start, which may be a picture's path, is of no interest here.
    chosen = (settings or Settings()).replace(init="content")
    sources = read_sources(content, style, content_map=content_map, style_map=style_map, settings=chosen)
    shown = read_result(image, sources, chosen).pixels
    device = choose_device(chosen.device, "float32").torch_device
    return _Judgement(shown, prepare_inputs(sources, chosen), device).metrics()


class _Judgement:
    """The pictures of one evaluation at full and at working size."""

    def __init__(self, image: Tensor, inputs: Inputs, device: torch.device) -> None:
        height, width = inputs.size
        # Never below what the network needs, however long and narrow the picture is.
        factor = min(1.0, max(LONGEST_SIDE / max(height, width), SMALLEST_SIDE / min(height, width)))
        size = (round(height * factor), round(width * factor))
        self.full_image, self.inputs, self.device = image, inputs, device
        self.image = resize(image, size)
        self.scaled: ScaledInputs = inputs.scaled(size, factor, torch.device("cpu"))
        if self.scaled.content is None:
            raise ValueError("an evaluation needs a content; only a doodle has none")
        self.content = self.scaled.content

    def metrics(self) -> Metrics:
        """All of them; the network sees each picture once."""
        scaled = self.scaled
        network = DeepNetwork(self.device)
        names = (*FUSED_LAYERS, *TEXTURE_LAYERS, PATCH_LAYER, STRUCTURE_LAYER)
        ours = network.features(self.image, names)
        theirs = network.features(scaled.style, (*FUSED_LAYERS, *TEXTURE_LAYERS, PATCH_LAYER))
        contents = network.features(self.content, (STRUCTURE_LAYER,))
        colours = lab_colours(self.image), lab_colours(scaled.style)
        classes = self._classes(ours, theirs, *colours)
        centre = theirs[PATCH_LAYER].mean(dim=(2, 3), keepdim=True)
        grey, content_grey = luminance(self.image), luminance(self.content)
        leaks = None
        if scaled.content_map is not None and scaled.style_map is not None:
            leaks = leak_share(
                fused_feature(ours), fused_feature(theirs), scaled.content_map, scaled.style_map
            )
        return Metrics(
            ssim=structural_similarity(grey, content_grey),
            self_similarity_distance=self_similarity_distance(
                ours[STRUCTURE_LAYER], contents[STRUCTURE_LAYER]
            ),
            texture_distance=_known(texture_distance(ours, theirs)),
            texture_distance_by_class=_mean_over([(each.share, each.texture_distance) for each in classes]),
            plausibility_distance=patch_distance(ours[PATCH_LAYER], theirs[PATCH_LAYER], centre=centre),
            coverage_distance=patch_distance(theirs[PATCH_LAYER], ours[PATCH_LAYER], centre=centre),
            colour_distance=_known(colour_distance(*colours)),
            colour_distance_by_class=_mean_over([(each.share, each.colour_distance) for each in classes]),
            leaks=leaks,
            sharpness=sharpness_ratio(luminance(self.full_image), luminance(self.inputs.style)),
            line_deviation=line_deviation(grey, content_grey),
            classes=classes,
        )

    def _classes(
        self, ours: dict[str, Tensor], theirs: dict[str, Tensor], colours: Tensor, style_colours: Tensor
    ) -> tuple[ClassMetrics, ...]:
        semantics, here, there = self.inputs.semantics, self.scaled.content_map, self.scaled.style_map
        if semantics is None or here is None or there is None:
            return ()
        found = []
        for number, each in enumerate(semantics.classes):
            image_class, style_class = here[:, number : number + 1], there[:, number : number + 1]
            texture = texture_distance(ours, theirs, image_class=image_class, style_class=style_class)
            colour = colour_distance(colours, style_colours, image_class=image_class, style_class=style_class)
            found.append(ClassMetrics(each.colour_name, each.content_share, texture, colour))
        return tuple(found)


def _mean_over(values: list[tuple[float, float | None]]) -> float | None:
    """Mean of the values that are known, weighted by their shares."""
    known = [(share, value) for share, value in values if value is not None]
    if not known:
        return None
    shares, distances = zip(*known, strict=True)
    return float(np.average(distances, weights=shares))


def _known(value: float | None) -> float:
    """A distance between whole pictures: even the smallest has positions enough at every layer."""
    if value is None:
        raise ValueError("a picture is smaller than the smallest side that is accepted")
    return value
