"""Transfer: the public entry, :func:`stylize`. Two pictures become one, from coarse to fine.

    for each scale, coarse to fine:          schedule
        for each round:
            find the nearest neighbours      objective.match       (Eq. 3)
            lower the loss for ~20 steps     optimize over objective.evaluate   (Eq. 8)

The paper works at full size only and matches at every evaluation: ``scales=1, round_length=1`` is that.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from glstylenet.descent import Descent, Matching, descend
from glstylenet.device import Device, available_memory, choose_device, peak_memory
from glstylenet.errors import InputError, MemoryLimitError, OptimizationError
from glstylenet.events import Event, Finished, Matched, ScaleStarted, Started, Step, Warned
from glstylenet.finish import photo_finish
from glstylenet.fusion import SCHEMES
from glstylenet.images import PictureSource, read_picture, resize
from glstylenet.inputs import (
    Inputs,
    ScaledInputs,
    Sources,
    prepare_inputs,
    read_sources,
    with_margin,
    without_margin,
)
from glstylenet.memory import check_memory, estimate_bytes
from glstylenet.objective import LossTerms, LossWeights, Objective
from glstylenet.optimize import Adam, Lbfgs, Optimizer
from glstylenet.schedule import Scale, plan_scales
from glstylenet.semantics import resize_labels
from glstylenet.settings import Settings
from glstylenet.vgg import Network
from glstylenet.weights import LoadedWeights, load_weights

__all__ = ["Listener", "Result", "Timings", "picture_losses", "stylize"]

Listener = Callable[[Event], None]


@dataclass(frozen=True)
class Timings:
    """Seconds of a run: ``total`` of everything, ``optimisation`` without reading, checking and the
    final measurement."""

    total: float
    optimisation: float


@dataclass(frozen=True)
class Result:
    """What a run made.

    ``pixels`` (1, 3, H, W) float32 RGB 0..255; ``alpha`` (1, 1, H, W) 0..1 or ``None``; ``losses``: the
    weighted terms at ``pixels``, full size, float32, fresh matches; ``settings`` as they took effect;
    ``precision``: the one the run began with (it may have gone on in float32); ``interrupted``: asked to
    stop before the budget was spent.
    """

    pixels: Tensor
    alpha: Tensor | None
    losses: LossTerms
    settings: Settings
    timings: Timings
    evaluations: int
    device: str
    precision: str
    peak_memory_bytes: int
    weights: LoadedWeights
    inputs: Inputs
    interrupted: bool

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return self.pixels.shape[-2], self.pixels.shape[-1]

    @property
    def image(self) -> Image.Image:
        """The result as an 8-bit Pillow picture, RGB or RGBA."""
        channels = self.pixels if self.alpha is None else torch.cat((self.pixels, 255 * self.alpha), dim=1)
        array = channels[0].permute(1, 2, 0).round().clamp(0, 255).to(torch.uint8).cpu().numpy()
        return Image.fromarray(np.ascontiguousarray(array))


def stylize(
    content: PictureSource | None,
    style: PictureSource,
    *,
    content_map: PictureSource | None = None,
    style_map: PictureSource | None = None,
    settings: Settings | None = None,
    on_event: Listener | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Result:
    """Repaint ``content`` with the brushwork of ``style``.

    Pictures are paths, PIL images or arrays ((H, W), (H, W, 3) or (H, W, 4); uint8, uint16 or float in
    0..1). Without a content picture the ``content_map`` alone is painted (a doodle): the content weight
    is then 0 and the start is noise. ``on_event`` hears what happens (:mod:`glstylenet.events`);
    ``should_stop`` is asked after every evaluation, and True ends the run with the best so far.

    Raises the errors of :mod:`glstylenet.errors`: what is wrong with the call, a picture, a map, the
    weights, or the memory.
    """
    run = _Run(settings or Settings(), on_event or _ignore, should_stop or _never)
    with _telling_out_of_memory():
        return run.result(content, style, content_map, style_map)


def picture_losses(
    picture: PictureSource,
    content: PictureSource | None,
    style: PictureSource,
    *,
    content_map: PictureSource | None = None,
    style_map: PictureSource | None = None,
    settings: Settings | None = None,
) -> LossTerms:
    """The weighted loss terms of any ``picture`` at full size, in float32, with fresh matches.

    Its size must be the result's, that of the content (or ``settings.size``); raises
    :class:`~glstylenet.errors.InputError` otherwise.
    """
    chosen = _effective(settings or Settings(), content)
    with _telling_out_of_memory():
        sources = read_sources(content, style, content_map=content_map, style_map=style_map, settings=chosen)
        shown = read_picture(picture, max_pixels=chosen.max_pixels)
        if shown.size != sources.size:
            raise InputError(
                f"{shown.name} has {shown.size[1]} x {shown.size[0]} pixels, and losses of a result of "
                f"{sources.size[1]} x {sources.size[0]} were asked for; give a picture of that size, or "
                f"--size"
            )
        place = choose_device(chosen.device, "float32")
        _check_memory(sources, chosen, place)
        inputs = prepare_inputs(sources, chosen)
        return _measure(shown.pixels, inputs, chosen, load_weights(chosen.weights), place.device)


def _ignore(_event: Event) -> None:
    return None


def _never() -> bool:
    return False


def _effective(settings: Settings, content: PictureSource | None) -> Settings:
    """The settings that really apply: a doodle has no content to keep or to start from."""
    if content is None:
        init = "noise" if settings.init in ("content", "tinted") else settings.init
        return settings.replace(content_weight=0.0, init=init)
    return settings


@contextlib.contextmanager
def _telling_out_of_memory() -> Iterator[None]:
    """Turn every way of running out of memory into :class:`~glstylenet.errors.MemoryLimitError`."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        # Only CUDA's allocator has an error of its own; of the others the text is the only sign.
        signs = ("allocate memory", "not enough memory", "out of memory", "bad_alloc", "ALLOC_FAILED")
        if isinstance(error, RuntimeError) and not any(sign in str(error) for sign in signs):
            raise
        raise MemoryLimitError(
            "the machine ran out of memory; use a smaller --size or --style-scale, or close other programs"
        ) from error


def _check_memory(sources: Sources, settings: Settings, place: Device) -> int:
    """Estimated bytes of a run; refuses it if they are not to be had."""
    classes = (settings.classes or 8) if "content_map" in sources.pictures else 0
    needed = estimate_bytes(sources.size, sources.style_size, place.precision, classes=classes)
    free = available_memory(place.device)
    check_memory(needed, min(settings.memory or free, free), sources.size)
    return needed


class _Run:
    """One call of :func:`stylize`: what its steps share."""

    def __init__(self, settings: Settings, tell: Listener, should_stop: Callable[[], bool]) -> None:
        self.settings = settings
        self.tell = tell
        self.should_stop = should_stop
        self.started = time.perf_counter()
        self.stopped = False
        self.evaluations = 0

    def result(
        self,
        content: PictureSource | None,
        style: PictureSource,
        content_map: PictureSource | None,
        style_map: PictureSource | None,
    ) -> Result:
        """Read, optimise, finish, measure."""
        self.settings = settings = _effective(self.settings, content)
        self.place = self.chosen = choose_device(settings.device, settings.precision)
        sources = read_sources(
            content, style, content_map=content_map, style_map=style_map, settings=settings
        )
        needed = _check_memory(sources, settings, self.chosen)
        self.inputs = inputs = prepare_inputs(sources, settings)
        del sources
        self.weights = load_weights(settings.weights)
        self.network = Network(self.weights.tensors, device=self.place.device, dtype=self.place.dtype)
        smallest = None if inputs.semantics is None else inputs.semantics.smallest_share
        self.scales = plan_scales(
            inputs.size,
            settings.iterations,
            coarsest=settings.coarsest,
            scales=settings.scales,
            smallest_class=smallest,
        )
        for warning in inputs.warnings:
            self.tell(Warned(warning))
        classes = "" if inputs.semantics is None else inputs.semantics.describe()
        self.tell(
            Started(
                str(self.place.device),
                self.chosen.precision,
                tuple(self.scales),
                classes,
                self.weights.origin,
                needed,
            )
        )
        self.began = time.perf_counter()
        pixels = self._optimise()
        optimisation = time.perf_counter() - self.began
        pixels = self._finish(pixels)
        losses = _measure(pixels, inputs, settings, self.weights, self.place.device)
        total = time.perf_counter() - self.started
        self.tell(Finished(total, self.stopped))
        return Result(
            pixels=pixels.cpu(),
            alpha=inputs.alpha,
            losses=losses,
            settings=settings,
            timings=Timings(total, optimisation),
            evaluations=self.evaluations,
            device=str(self.place.device),
            precision=self.chosen.precision,
            peak_memory_bytes=peak_memory(self.place.device),
            weights=self.weights,
            inputs=inputs,
            interrupted=self.stopped,
        )

    def _optimise(self) -> Tensor:
        """Through the scales, each starting from the enlarged result of the one before."""
        settings = self.settings
        pixels = self.inputs.start(settings.init, self.scales[0].size, settings.seed).to(self.place.device)
        for number, scale in enumerate(self.scales, start=1):
            self.tell(ScaleStarted(number, len(self.scales), scale))
            pixels = self._optimise_scale(number, scale, resize(pixels, scale.size))
            if self.stopped:
                break
        return resize(pixels, self.inputs.size)

    def _optimise_scale(self, number: int, scale: Scale, pixels: Tensor) -> Tensor:
        if self.place != self.chosen:
            self._compute_in(self.chosen)
        canvas = with_margin(pixels)
        spent = 0
        while spent < scale.evaluations and not self.stopped:
            objective = self._objective(scale)
            steps = descend(
                objective, self._optimizer(), canvas, scale.evaluations - spent, self.settings.round_length
            )
            try:
                for step in steps:
                    if isinstance(step, Matching):
                        self.tell(Matched(step.round, step.seconds))
                        continue
                    canvas = step.pixels
                    spent += 1
                    self._tell_step(number, scale, spent, step)
                    if self.should_stop():
                        self.stopped = True
                        break
            except OptimizationError:
                if self.place.precision == "float32":
                    raise
            if spent < scale.evaluations and not self.stopped:
                if self.place.precision == "float32":
                    break  # no way down is left at this size
                # bfloat16 rounds the loss to steps that can hide the last of a descent; float32 sees it.
                self.tell(Warned("bfloat16 found no further way down; this size goes on in float32"))
                self._compute_in(Device(self.place.device, "float32"))
        return without_margin(canvas)

    def _objective(self, scale: Scale) -> Objective:
        scaled = self.inputs.scaled(scale.size, scale.factor, self.place.device)
        factor = 1.0 if scale.factor == 1.0 else self.settings.coarse_content
        return _objective(self.network, self.settings, scaled.on_canvas(), content_factor=factor)

    def _optimizer(self) -> Optimizer:
        return Adam() if self.settings.optimizer == "adam" else Lbfgs()

    def _compute_in(self, place: Device) -> None:
        self.place = place
        self.network = Network(self.weights.tensors, device=place.device, dtype=place.dtype)

    def _tell_step(self, number: int, scale: Scale, spent: int, step: Descent) -> None:
        self.evaluations += 1
        done = sum(s.evaluations for s in self.scales[: number - 1]) + spent
        total = sum(s.evaluations for s in self.scales)
        # An evaluation costs about as many seconds as it has pixels, whatever the scale.
        cost = [s.evaluations * s.factor**2 for s in self.scales]
        paid = sum(cost[: number - 1]) + spent * scale.factor**2
        elapsed = time.perf_counter() - self.began
        seconds_left = elapsed * (sum(cost) / paid - 1.0)
        pixels = without_margin(step.pixels)
        self.tell(Step(done, total, number, step.round, step.terms, pixels, seconds_left))

    def _finish(self, pixels: Tensor) -> Tensor:
        if self.settings.finish == "none":
            return pixels
        if self.inputs.content is None:
            self.tell(Warned("a doodle has no photograph to take lines from; the finish is left out"))
            return pixels
        semantics = self.inputs.semantics
        class_channels = None
        if semantics is not None:
            class_channels = resize_labels(semantics.content, self.inputs.size).to(pixels.device)
        return photo_finish(pixels, self.inputs.content.to(pixels.device), class_channels=class_channels)


def _objective(
    network: Network, settings: Settings, scaled: ScaledInputs, *, content_factor: float = 1.0
) -> Objective:
    return Objective(
        network,
        SCHEMES[settings.scheme],
        LossWeights(
            content=settings.content_weight * content_factor,
            local=settings.local_weight,
            semantic=settings.semantic_weight,
            global_=settings.global_weight,
            smoothness=settings.smoothness,
        ),
        scaled.content,
        scaled.style,
        content_map=scaled.content_map,
        style_map=scaled.style_map,
    )


def _measure(
    pixels: Tensor, inputs: Inputs, settings: Settings, weights: LoadedWeights, device: torch.device
) -> LossTerms:
    """The losses that are reported: full size, float32 and fresh matches, however the run computed."""
    network = Network(weights.tensors, device=device)
    scaled = inputs.scaled(inputs.size, 1.0, network.device)
    return _objective(network, settings, scaled).terms(pixels.to(device))
