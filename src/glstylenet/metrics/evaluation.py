"""Evaluation: all metrics of one picture, :func:`evaluate_picture`."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from glstylenet.errors import ImageError
from glstylenet.machine import choose_device, default_modes
from glstylenet.matching import PATCH
from glstylenet.metrics.catalogue import METRICS
from glstylenet.metrics.colour import colour_distance, lab_colours
from glstylenet.metrics.colourfulness import colourfulness_ratio
from glstylenet.metrics.features import (
    FUSED_LAYERS,
    PATCH_LAYER,
    STRUCTURE_LAYER,
    TEXTURE_LAYERS,
    fused_feature,
    load_metric_network,
)
from glstylenet.metrics.glitches import glitch_ratio
from glstylenet.metrics.leaks import leak_share
from glstylenet.metrics.lines import line_deviation
from glstylenet.metrics.luminance import luminance
from glstylenet.metrics.optional_dependency import require_scikit_image
from glstylenet.metrics.plausibility import coherence, mean_distance, nearest_patches, patch_distance
from glstylenet.metrics.sharpness import sharpness_ratio
from glstylenet.metrics.structure import self_similarity_distance, structural_similarity
from glstylenet.metrics.texture import texture_distance
from glstylenet.network import features
from glstylenet.numerics import picture_size
from glstylenet.objective import counted_patches, counted_positions
from glstylenet.pictures import PictureSource, over_white, present_pixels, resize
from glstylenet.run import SMALLEST_SIDE, Inputs, ScaledInputs, prepare_inputs, read_result, read_sources
from glstylenet.settings import Settings

__all__ = ["LONGEST_SIDE", "USED_SETTINGS", "ClassMetrics", "Metrics", "evaluate_picture"]

LONGEST_SIDE = 512
"""Pictures are reduced together until the result's longest side is this, for all metrics but sharpness."""

USED_SETTINGS = ("size", "style_scale", "max_pixels", "maps", "classes", "seed", "strict", "device")
"""The settings that an evaluation uses; the others belong to painting."""


@dataclass(frozen=True)
class ClassMetrics:
    """The metrics within one map class.

    ``colour`` is written as web pages do, ``share`` is that of the content, 0..1. The distances are to the
    same class of the style, ``None`` where either picture has too little of it to compare.
    """

    colour: str
    share: float
    texture_distance: float | None
    colour_distance: float | None


@dataclass(frozen=True)
class Metrics:
    """The metrics of one picture; :data:`~glstylenet.metrics.catalogue.METRICS` says what each means.

    A metric is ``None`` if there is nothing to measure: no maps, no straight lines, a flat picture.
    ``classes``: the distances within each map class, the largest class first.
    """

    ssim: float
    self_similarity_distance: float | None
    texture_distance: float
    texture_distance_by_class: float | None
    plausibility_distance: float
    coverage_distance: float
    coherence: float | None
    colour_distance: float
    colour_distance_by_class: float | None
    colourfulness: float | None
    leaks: float | None
    sharpness: float | None
    glitches: float
    line_deviation: float | None
    classes: tuple[ClassMetrics, ...] = ()

    def as_dict(self) -> dict[str, float | None]:
        """Return the values by name, in the order of ``METRICS``, without those of single classes."""
        return {metric.name: getattr(self, metric.name) for metric in METRICS}


@default_modes()
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
    ``USED_SETTINGS`` count. Equal pictures have equal metrics on one machine.

    Raises :class:`~glstylenet.errors.UsageError` if scikit-image (extra ``report``) is missing or a map has
    no partner, :class:`~glstylenet.errors.InputError` if a picture cannot be used or ``image`` has not the
    result's size, and :class:`~glstylenet.errors.WeightsError`.
    """
    require_scikit_image()
    # A start, which may be the path of a picture, would be read in vain.
    chosen = (settings or Settings()).replace(init="content")
    sources = read_sources(content, style, content_map=content_map, style_map=style_map, settings=chosen)
    shown = read_result(image, sources, chosen).pixels
    device = choose_device(chosen.device, "float32").torch_device
    return _Evaluation(shown, prepare_inputs(sources, chosen), device).metrics()


class _Evaluation:
    """The pictures of one evaluation, at full and at working size."""

    def __init__(self, image: Tensor, inputs: Inputs, device: torch.device) -> None:
        height, width = inputs.size
        # Never below the smallest side of a run, however long and narrow the picture is.
        factor = min(1.0, max(LONGEST_SIDE / max(height, width), SMALLEST_SIDE / min(height, width)))
        size = (round(height * factor), round(width * factor))
        self.full_image, self.inputs, self.device = image, inputs, device
        self.image = resize(image, size)
        self.scaled: ScaledInputs = inputs.scaled(size, factor, torch.device("cpu"))
        if self.scaled.content is None:
            raise ValueError("an evaluation needs a content; only a doodle has none")
        self.content = self.scaled.content
        # Where a picture is transparent there is nothing to compare.
        alpha, style_alpha = inputs.alpha_at(size), self.scaled.style_alpha
        self.present = None if alpha is None else present_pixels(alpha)
        self.style_present = None if style_alpha is None else present_pixels(style_alpha)
        self.seen, self.seen_content = (over_white(each, alpha) for each in (self.image, self.content))

    def metrics(self) -> Metrics:
        """Compute all metrics, with one forward pass for each picture."""
        scaled = self.scaled
        network = load_metric_network(self.device)
        image, style, content = (each.to(self.device) for each in (self.image, scaled.style, self.content))
        names = (*FUSED_LAYERS, *TEXTURE_LAYERS, PATCH_LAYER)
        ours = features(network, image, (*names, STRUCTURE_LAYER))
        theirs = features(network, style, names)
        contents = features(network, content, (STRUCTURE_LAYER,))
        colours = lab_colours(self.image), lab_colours(scaled.style)
        classes = self._classes(ours, theirs, *colours)
        patches = _patches(self.present, ours[PATCH_LAYER])
        style_patches = _patches(self.style_present, theirs[PATCH_LAYER])
        centre = _mean_feature(theirs[PATCH_LAYER], counted_positions(style_patches))
        nearest = nearest_patches(
            ours[PATCH_LAYER], theirs[PATCH_LAYER], centre=centre, source_patches=style_patches
        )
        grey, content_grey = luminance(self.seen), luminance(self.seen_content)
        leaks = None
        if scaled.content_map is not None and scaled.style_map is not None:
            fused = fused_feature(theirs)
            leaks = leak_share(
                fused_feature(ours),
                fused,
                scaled.content_map,
                scaled.style_map,
                style_patches=_patches(self.style_present, fused),
            )
        return Metrics(
            ssim=structural_similarity(grey, content_grey),
            self_similarity_distance=self_similarity_distance(
                ours[STRUCTURE_LAYER], contents[STRUCTURE_LAYER]
            ),
            texture_distance=_known(
                texture_distance(ours, theirs, image_class=self.present, style_present=self.style_present)
            ),
            texture_distance_by_class=_mean_over([(each.share, each.texture_distance) for each in classes]),
            plausibility_distance=mean_distance(nearest, patches),
            coverage_distance=patch_distance(
                theirs[PATCH_LAYER],
                ours[PATCH_LAYER],
                centre=centre,
                query_patches=style_patches,
                source_patches=patches,
            ),
            coherence=coherence(nearest, theirs[PATCH_LAYER].shape[-1] - PATCH + 1, patches),
            colour_distance=_known(
                colour_distance(*colours, image_class=self.present, style_class=self.style_present)
            ),
            colour_distance_by_class=_mean_over([(each.share, each.colour_distance) for each in classes]),
            colourfulness=colourfulness_ratio(*colours),
            leaks=leaks,
            sharpness=sharpness_ratio(luminance(self.full_image), luminance(self.inputs.style)),
            glitches=glitch_ratio(*colours),
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
            if self.present is not None:
                image_class = image_class * self.present
            if self.style_present is not None:
                style_class = style_class * self.style_present
            texture = texture_distance(
                ours,
                theirs,
                image_class=image_class,
                style_class=style_class,
                style_present=self.style_present,
            )
            colour = colour_distance(colours, style_colours, image_class=image_class, style_class=style_class)
            found.append(ClassMetrics(each.colour_name, each.shares[0], texture, colour))
        return tuple(found)


def _patches(present: Tensor | None, feature: Tensor) -> Tensor | None:
    """Return which patches of ``feature`` count, of a picture that is ``present`` (1, 1, H, W) in part."""
    counted = counted_patches(present, picture_size(feature))
    return None if counted is None else counted.to(feature.device)


def _mean_feature(feature: Tensor, positions: Tensor | None) -> Tensor:
    """Return the mean (1, C, 1, 1) of ``feature``, over the ``positions`` (H, W) that count."""
    if positions is None:
        return feature.mean(dim=(2, 3), keepdim=True)
    return feature[:, :, positions].mean(dim=2)[..., None, None]


def _mean_over(values: list[tuple[float, float | None]]) -> float | None:
    """Return the mean of the values that are not ``None``, weighted by their shares."""
    known = [(share, value) for share, value in values if value is not None]
    if not known:
        return None
    shares, distances = zip(*known, strict=True)
    return float(np.average(distances, weights=shares))


def _known(value: float | None) -> float:
    """Return a distance between pictures: even the smallest has enough positions if it is opaque.

    Raises :class:`~glstylenet.errors.ImageError` if too little of a picture is.
    """
    if value is None:
        raise ImageError(
            "too little of the content or of the style is opaque to compare the picture with it; use "
            "pictures with larger opaque parts"
        )
    return value
