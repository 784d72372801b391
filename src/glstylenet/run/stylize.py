"""Transfer: the public entry, :func:`stylize`. Two pictures become one.

Pictures are read and checked, memory is planned, :mod:`glstylenet.run.coarse_to_fine` paints from coarse to fine, and
the result is finished and measured. The paper works at full size only and matches at every evaluation:
``scales=1, round_length=1`` is that.
"""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from glstylenet.errors import MemoryLimitError, UsageError
from glstylenet.machine import (
    Device,
    available_memory,
    choose_device,
    memory_pool,
    out_of_memory,
    peak_memory,
)
from glstylenet.maps import resize_labels
from glstylenet.memory import DEFAULT_SHARE, MemoryEstimate, MemoryPlan
from glstylenet.network import VGG19, LoadedWeights, load_weights
from glstylenet.objective import LossMaps, LossTerms, TargetStore
from glstylenet.pictures import PictureSource, photo_finish
from glstylenet.run.assembly import choose_scales, plan_scale_memory
from glstylenet.run.checkpoint import Identity, Recorder, State, open_checkpoint
from glstylenet.run.coarse_to_fine import CoarseToFine
from glstylenet.run.events import Event, Finished, Started, Warned
from glstylenet.run.final_losses import FinalLosses, plan_final_losses
from glstylenet.run.inputs import (
    Inputs,
    Sources,
    class_count,
    effective_settings,
    prepare_inputs,
    read_result,
    read_sources,
)
from glstylenet.run.scales import Scale
from glstylenet.settings import Settings

__all__ = ["Listener", "Result", "Timings", "picture_losses", "plan_run", "result_loss_maps", "stylize"]


Listener = Callable[[Event], None]


@dataclass(frozen=True)
class Timings:
    """Seconds of a run: ``total`` of everything, ``optimisation`` without reading, checking and the
    final measurement. ``parts`` divides the optimisation: "network" (with fusion and content), "matching",
    "local", "global", "smoothness", and "optimizer", which is all the rest."""

    total: float
    optimisation: float
    parts: Mapping[str, float]


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
    targets: TargetStore | None = None,
    checkpoint: Path | None = None,
    resume: bool = False,
) -> Result:
    """Repaint ``content`` with the brushwork of ``style``.

    Pictures are paths, PIL images or arrays ((H, W), (H, W, 3) or (H, W, 4); uint8, uint16 or float in
    0..1). Without a content picture the ``content_map`` alone is painted (a doodle): the content weight
    is then 0 and the start is noise. ``on_event`` hears what happens (:mod:`glstylenet.events`);
    ``should_stop`` is asked after every evaluation, and True ends the run with the best so far. ``targets``
    is shared between runs on the same pictures, which then compute them once; what it holds comes beside
    ``settings.memory``.

    ``checkpoint`` is a folder, made if only it is missing, where the state of the run is saved before each
    round of matching (:mod:`glstylenet.run.checkpoint`), in place of what an earlier run left there; it stays.
    With ``resume`` the run goes on from that state, to the same picture; steps are numbered on, timings are
    those of the rest. A state that is missing, damaged or of other inputs, settings, weights or another
    version is an :class:`~glstylenet.errors.InputError`.

    Raises the errors of :mod:`glstylenet.errors`: what is wrong with the call, a picture, a map, the
    weights, or the memory.
    """
    if resume and checkpoint is None:
        raise UsageError("asked to resume without a checkpoint; name the folder of the interrupted run's")
    run = _Run(settings or Settings(), on_event or _ignore, should_stop or _never)
    run.store, run.resume = targets or run.store, resume
    run.folder = None if checkpoint is None else Path(checkpoint)
    with _telling_out_of_memory():
        stages = run.prepare(content, style, content_map, style_map)
        del content, style, content_map, style_map  # arrays that nobody else holds are given free
        return run.result(stages)


def plan_run(
    content: PictureSource | None,
    style: PictureSource,
    *,
    content_map: PictureSource | None = None,
    style_map: PictureSource | None = None,
    settings: Settings | None = None,
) -> Started:
    """What :func:`stylize` would do: its first event, without anything being computed.

    Raises what :func:`stylize` would raise before it computes.
    """
    heard: list[Event] = []
    _Run(settings or Settings(), heard.append).prepare(content, style, content_map, style_map)
    return next(event for event in heard if isinstance(event, Started))


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
    chosen = effective_settings(settings or Settings(), content)
    with _telling_out_of_memory():
        sources = read_sources(content, style, content_map=content_map, style_map=style_map, settings=chosen)
        shown = read_result(picture, sources, chosen)
        inputs = prepare_inputs(sources, chosen)
        del sources
        measurement, network = _measurement_of(inputs, chosen)
        return measurement.losses(shown.pixels, network, _ignore, store=TargetStore())


def result_loss_maps(result: Result) -> LossMaps:
    """The loss terms of ``result`` as :func:`picture_losses` measures them, and where they arise.

    Within the memory that the result's settings allow; raises
    :class:`~glstylenet.errors.MemoryLimitError` if that is not enough.
    """
    with _telling_out_of_memory():
        measurement, network = _measurement_of(result.inputs, result.settings, result.weights)
        return measurement.objective(network).breakdown(result.pixels.to(network.device))


def _ignore(_event: Event) -> None:
    return None


def _never() -> bool:
    return False


@contextlib.contextmanager
def _telling_out_of_memory() -> Iterator[None]:
    """Turn every way of running out of memory into :class:`~glstylenet.errors.MemoryLimitError`."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not out_of_memory(error):
            raise
        raise MemoryLimitError(
            "the machine ran out of memory; use --memory with less than it has, a smaller --size or "
            "--style-scale, or close other programs"
        ) from error


def _allowed_memory(settings: Settings, place: Device) -> int:
    """Bytes a run may use: what was asked for, if there is so much, or a fair share of what is free."""
    free = available_memory(place.torch_device)
    return int(DEFAULT_SHARE * free) if settings.memory is None else min(settings.memory, free)


@dataclass
class _Run:
    """One call of :func:`stylize`: what its steps share. ``folder``: of the checkpoint."""

    settings: Settings
    emit: Listener = _ignore
    should_stop: Callable[[], bool] = _never
    store: TargetStore = field(default_factory=TargetStore)
    folder: Path | None = None
    resume: bool = False

    def __post_init__(self) -> None:
        self.started = time.perf_counter()

    def prepare(
        self,
        content: PictureSource | None,
        style: PictureSource,
        content_map: PictureSource | None,
        style_map: PictureSource | None,
    ) -> CoarseToFine:
        """Read, check and plan; nothing is computed yet."""
        self.settings = settings = effective_settings(self.settings, content)
        place = choose_device(settings.device, settings.precision)
        sources = read_sources(
            content, style, content_map=content_map, style_map=style_map, settings=settings
        )
        classes = class_count(sources, settings)
        allowed = _allowed_memory(settings, place)
        # Before anything of the pictures' full size is made.
        self._plan(choose_scales(sources.size, settings), sources, place, allowed, classes)
        self.inputs = inputs = prepare_inputs(sources, settings)
        smallest = None if inputs.semantics is None else inputs.semantics.smallest_share
        scales = choose_scales(inputs.size, settings, smallest)
        plans = self._plan(scales, sources, place, allowed, classes)
        # What is measured in the end must fit too, and is refused now rather than when all is painted.
        self._measurement = plan_final_losses(inputs, settings, place, allowed)
        style_size = sources.style_size
        del sources
        self.weights = load_weights(settings.weights)
        for warning in inputs.warnings:
            self.emit(Warned(warning))
        recorder, state, plans = self._open_checkpoint(plans, place, allowed)
        self.emit(
            Started(
                device=str(place.torch_device),
                precision=place.precision,
                scales=tuple(scales),
                plans=tuple(plan for _, plan in plans),
                style_size=style_size,
                classes="" if inputs.semantics is None else inputs.semantics.describe(),
                weights=self.weights.origin,
                memory_bytes=max(plan.needed_bytes for _, plan in plans),
            )
        )
        return CoarseToFine(
            inputs=inputs,
            settings=settings,
            weights=self.weights,
            chosen=place,
            scales=scales,
            plans=plans,
            allowed=allowed,
            emit=self.emit,
            should_stop=self.should_stop,
            store=self.store,
            recorder=recorder,
            resumed=state,
        )

    def _open_checkpoint(
        self, plans: list[tuple[MemoryEstimate, MemoryPlan]], place: Device, allowed: int
    ) -> tuple[Recorder | None, State | None, list[tuple[MemoryEstimate, MemoryPlan]]]:
        """What saves the run, the state it goes on from, and the plans it goes on with."""
        if self.folder is None:
            return None, None, plans
        return open_checkpoint(
            self.folder,
            Identity.of(self.settings, place.precision, self.inputs.origins, self.weights.digest),
            plans,
            resume=self.resume,
            device=place.torch_device,
            allowed=allowed,
            emit=self.emit,
        )

    def result(self, stages: CoarseToFine) -> Result:
        """Optimise, finish, measure."""
        began = time.perf_counter()
        pixels = stages.paint()
        optimisation = time.perf_counter() - began
        pixels = self._finish(pixels)
        network = stages.measuring_network()
        memory_pool(network.device).give_back()
        losses = self._measurement.losses(pixels, network, self.emit, store=self.store)
        total = time.perf_counter() - self.started
        self.emit(Finished(total, stages.stopped))
        return Result(
            pixels=pixels.cpu(),
            alpha=self.inputs.alpha,
            losses=losses,
            settings=self.settings,
            timings=Timings(total, optimisation, _parts(stages.stopwatch.seconds, optimisation)),
            evaluations=stages.evaluations,
            device=str(stages.chosen.torch_device),
            precision=stages.chosen.precision,
            peak_memory_bytes=peak_memory(stages.chosen.torch_device),
            weights=self.weights,
            inputs=self.inputs,
            interrupted=stages.stopped,
        )

    def _plan(
        self, scales: list[Scale], sources: Sources, place: Device, allowed: int, classes: int
    ) -> list[tuple[MemoryEstimate, MemoryPlan]]:
        return plan_scale_memory(scales, sources, self.settings, place, allowed, classes=classes)

    def _finish(self, pixels: Tensor) -> Tensor:
        if self.settings.finish == "none":
            return pixels
        content = self.inputs.content
        if content is None:
            self.emit(Warned("a doodle has no photograph to take lines from; the finish is left out"))
            return pixels
        semantics = self.inputs.semantics
        class_channels = None
        if semantics is not None:
            class_channels = resize_labels(semantics.content, self.inputs.size).to(pixels.device)
        return photo_finish(pixels, content.to(pixels.device), class_channels=class_channels)


def _parts(seconds: Mapping[str, float], optimisation: float) -> dict[str, float]:
    names = ("network", "matching", "local", "global", "smoothness")
    parts = {name: seconds.get(name, 0.0) for name in names}
    return {**parts, "optimizer": max(0.0, optimisation - sum(parts.values()))}


def _measurement_of(
    inputs: Inputs, settings: Settings, weights: LoadedWeights | None = None
) -> tuple[FinalLosses, VGG19]:
    """What measures as a run does in the end, outside of one, and what it looks with."""
    place = choose_device(settings.device, "float32")
    measurement = plan_final_losses(inputs, settings, place, _allowed_memory(settings, place))
    weights = weights or load_weights(settings.weights)
    return measurement, VGG19(weights.tensors, device=place.torch_device)
