"""Evaluation: all metrics of one picture, :func:`evaluate_picture`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from glstylenet.errors import ImageError
from glstylenet.machine import choose_device, default_modes
from glstylenet.metrics.catalogue import METRICS
from glstylenet.metrics.colour import lab_colours, mixed_colour_distance
from glstylenet.metrics.colourfulness import FAINTEST, colourfulness
from glstylenet.metrics.features import (
    FUSED_LAYERS,
    PATCH_LAYER,
    STRUCTURE_LAYER,
    TEXTURE_LAYERS,
    fused_feature,
    load_metric_network,
)
from glstylenet.metrics.glitches import glitch_threshold, glitches_above
from glstylenet.metrics.leaks import mixed_leak_share
from glstylenet.metrics.lines import line_deviation
from glstylenet.metrics.luminance import luminance
from glstylenet.metrics.measured_styles import MeasuredStyle, MeasuredStyles
from glstylenet.metrics.optional_dependency import require_scikit_image
from glstylenet.metrics.plausibility import coherence, mean_distance, patch_distance
from glstylenet.metrics.sharpness import high_frequency_energy
from glstylenet.metrics.structure import self_similarity_distance, structural_similarity
from glstylenet.metrics.symmetry import symmetry_ratio
from glstylenet.metrics.texture import mixed_texture_distance
from glstylenet.network import VGG19, features
from glstylenet.numerics import picture_size
from glstylenet.objective import counted_patches
from glstylenet.pictures import PictureSource, over_white, present_pixels, resize
from glstylenet.run import (
    SMALLEST_SIDE,
    Event,
    GivenStyle,
    Inputs,
    ScaledInputs,
    Warned,
    prepare_inputs,
    read_result,
    read_sources,
)
from glstylenet.settings import Settings

__all__ = ["LONGEST_SIDE", "USED_SETTINGS", "ClassMetrics", "Metrics", "StyleMetrics", "evaluate_picture"]

LONGEST_SIDE = 512
"""Pictures are reduced together until the result's longest side is this, for all metrics but sharpness."""

USED_SETTINGS = ("size", "style_scale", "max_pixels", "maps", "classes", "seed", "strict", "device")
"""The settings that an evaluation uses; the others belong to painting."""

_STYLE_LAYERS = (*FUSED_LAYERS, *TEXTURE_LAYERS, PATCH_LAYER)
"""The layers of a style that are compared."""


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
class StyleMetrics:
    """`StyleMetrics` holds the metrics of one of several styles.

    ``name``: that of its file, or "style 2". ``weight``: the share that it was given, 0..1: that of the
    classes bound to it, and its part of the others by the weights. ``share``: of the picture's patches, how
    many are nearest to one of this style, 0..1. The distances compare all classes that may be painted from it
    with these classes of the style, or with all of it where it has no map; ``None`` where there is too little
    to compare.
    """

    name: str
    weight: float
    share: float
    texture_distance: float | None
    colour_distance: float | None


@dataclass(frozen=True)
class Metrics:
    """The metrics of one picture; :data:`~glstylenet.metrics.catalogue.METRICS` says what each means.

    A metric is ``None`` if there is nothing to measure: no maps, no straight lines, a flat picture.
    ``classes``: the distances within each map class, the largest class first. ``styles``: what belongs to
    each of several styles; none for a single one.
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
    symmetry: float | None
    classes: tuple[ClassMetrics, ...] = ()
    styles: tuple[StyleMetrics, ...] = ()

    def as_dict(self) -> dict[str, float | None]:
        """Return the values by name, in the order of ``METRICS``, without those of classes and styles."""
        return {metric.name: getattr(self, metric.name) for metric in METRICS}


@default_modes()
def evaluate_picture(
    image: PictureSource,
    content: PictureSource,
    style: GivenStyle,
    *,
    content_map: PictureSource | None = None,
    style_map: PictureSource | None = None,
    settings: Settings | None = None,
    on_event: Callable[[Event], None] | None = None,
) -> Metrics:
    """Measure ``image`` as a result of ``content`` and ``style``, whoever made it.

    Sources are paths, PIL images or arrays, as in :func:`glstylenet.stylize`; of ``settings``,
    ``USED_SETTINGS`` count. Equal pictures have equal metrics on one machine. ``style`` may be a list of
    :class:`~glstylenet.Style`; the picture is then compared with their mixture (docs/metrics.md).
    ``on_event`` receives what is to be said of the pictures.

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
    inputs = prepare_inputs(sources, chosen)
    if on_event is not None:
        for warning in inputs.warnings:
            on_event(Warned(warning))
    return _Evaluation(shown, inputs, device).metrics()


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
        alpha = inputs.alpha_at(size)
        self.present = None if alpha is None else present_pixels(alpha)
        self.seen, self.seen_content = (over_white(each, alpha) for each in (self.image, self.content))

    def metrics(self) -> Metrics:
        """Compute all metrics, with one forward pass for each picture."""
        network = load_metric_network(self.device)
        image, content = (each.to(self.device) for each in (self.image, self.content))
        ours = features(network, image, (*_STYLE_LAYERS, STRUCTURE_LAYER))
        contents = features(network, content, (STRUCTURE_LAYER,))
        colours = lab_colours(self.image)
        styles = self._styles(network)
        patches = _patches(self.present, ours[PATCH_LAYER])
        nearest = styles.nearest_patches(ours[PATCH_LAYER])
        grey, content_grey = luminance(self.seen), luminance(self.seen_content)
        content_map = self.scaled.content_map
        leaks = None
        if content_map is not None and styles.know_classes:
            leaks = mixed_leak_share(fused_feature(ours), content_map, styles.regions())
        classes = self._classes(ours, colours, styles)
        everywhere = {"image_class": self.present}
        theirs_colourful = styles.mean([colourfulness(each.colours) for each in styles.styles])
        energy = high_frequency_energy(luminance(self.full_image))
        theirs_energy = styles.mean(
            [high_frequency_energy(luminance(picture)) for picture in self._full_styles()]
        )
        return Metrics(
            ssim=structural_similarity(grey, content_grey),
            self_similarity_distance=self_similarity_distance(
                ours[STRUCTURE_LAYER], contents[STRUCTURE_LAYER]
            ),
            texture_distance=_known(mixed_texture_distance(ours, styles.features(), **everywhere)),
            texture_distance_by_class=_mean_over([(each.share, each.texture_distance) for each in classes]),
            plausibility_distance=mean_distance(nearest.matches, patches),
            coverage_distance=_known(
                styles.mean(
                    [
                        patch_distance(
                            each.features[PATCH_LAYER],
                            ours[PATCH_LAYER],
                            centre=styles.centre,
                            query_patches=each.patches(PATCH_LAYER),
                            source_patches=patches,
                        )
                        for each in styles.styles
                    ]
                )
            ),
            coherence=coherence(nearest.matches, nearest.width, patches),
            colour_distance=_known(mixed_colour_distance(colours, styles.colours(), **everywhere)),
            colour_distance_by_class=_mean_over([(each.share, each.colour_distance) for each in classes]),
            colourfulness=(
                None
                if theirs_colourful is None or theirs_colourful < FAINTEST
                else colourfulness(colours) / theirs_colourful
            ),
            leaks=leaks,
            sharpness=None if energy is None or not theirs_energy else energy / theirs_energy,
            glitches=glitches_above(
                colours, _known(styles.mean([glitch_threshold(each.colours) for each in styles.styles]))
            ),
            line_deviation=line_deviation(grey, content_grey),
            symmetry=symmetry_ratio(grey, content_grey),
            classes=classes,
            styles=self._style_metrics(ours, colours, styles, nearest.shares(patches)),
        )

    def _full_styles(self) -> list[Tensor]:
        return [self.inputs.pictures[style.role].pixels for style in self.inputs.styles]

    def _styles(self, network: VGG19) -> MeasuredStyles:
        measured = []
        for guide in self.scaled.styles:
            measured.append(
                MeasuredStyle(
                    features=features(network, guide.picture.to(self.device), _STYLE_LAYERS),
                    colours=lab_colours(guide.picture),
                    present=None if guide.alpha is None else present_pixels(guide.alpha),
                    channels=guide.class_channels,
                    weight=guide.weight,
                    bound=guide.classes,
                )
            )
        semantics = self.inputs.semantics
        shares = () if semantics is None else tuple(each.shares[0] for each in semantics.classes)
        return MeasuredStyles(tuple(measured), shares)

    def _where(self, classes: Sequence[int]) -> Tensor:
        """Return where the picture has one of ``classes``, (1, 1, H, W)."""
        assert self.scaled.content_map is not None  # classes come from there
        where = self.scaled.content_map[:, list(classes)].sum(dim=1, keepdim=True)
        return where if self.present is None else where * self.present

    def _classes(
        self, ours: dict[str, Tensor], colours: Tensor, styles: MeasuredStyles
    ) -> tuple[ClassMetrics, ...]:
        semantics = self.inputs.semantics
        if semantics is None or self.scaled.content_map is None:
            return ()
        found = []
        for number, each in enumerate(semantics.classes):
            where = self._where([number])
            of_features, of_colours = styles.class_features(number), styles.class_colours(number)
            texture = mixed_texture_distance(ours, of_features, image_class=where)
            colour = mixed_colour_distance(colours, of_colours, image_class=where)
            found.append(ClassMetrics(each.colour_name, each.shares[0], texture, colour))
        return tuple(found)

    def _style_metrics(
        self, ours: dict[str, Tensor], colours: Tensor, styles: MeasuredStyles, shares: Sequence[float]
    ) -> tuple[StyleMetrics, ...]:
        if len(styles.styles) == 1:
            return ()
        found = []
        for number, (style, share) in enumerate(zip(self.inputs.styles, shares, strict=True)):
            where = self.present if styles.paints_all(number) else self._where(styles.painted_by(number))
            origin = self.inputs.origins[style.role]
            found.append(
                StyleMetrics(
                    name=style.role.replace("_", " ") if origin.path is None else origin.path.name,
                    weight=styles.expected[number],
                    share=share,
                    texture_distance=mixed_texture_distance(
                        ours, [styles.own_features(number)], image_class=where
                    ),
                    colour_distance=mixed_colour_distance(
                        colours, [styles.own_colours(number)], image_class=where
                    ),
                )
            )
        return tuple(found)


def _patches(present: Tensor | None, feature: Tensor) -> Tensor | None:
    """Return which patches of ``feature`` count, of a picture that is ``present`` (1, 1, H, W) in part."""
    counted = counted_patches(present, picture_size(feature))
    return None if counted is None else counted.to(feature.device)


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
