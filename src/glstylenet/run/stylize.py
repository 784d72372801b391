"""The public entry, :func:`stylize`: two pictures become one.

Its steps, and where they are::

    prepare     read, check and plan                  preparation
    optimise    from coarse to fine, strokes copied   coarse_to_fine
    finish      keep the content's colours and lines  pictures.cielab, pictures.local_colour_transfer
    measure     the losses of the result              final_losses

The paper works at full size only and matches at every evaluation: ``scales=1, round_length=1`` is that.
"""

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from torch import Tensor

from glstylenet.errors import OutputError, UsageError
from glstylenet.files import FileSet
from glstylenet.machine import default_modes, memory_pool, peak_memory
from glstylenet.maps import resize_labels
from glstylenet.numerics import Interrupted, interruptible
from glstylenet.objective import TERMS, LossTerms, TargetCache
from glstylenet.pictures import PictureSource, photo_finish, with_chroma_of
from glstylenet.run.checkpoint import checkpoint_file
from glstylenet.run.coarse_to_fine import CoarseToFine
from glstylenet.run.events import Event, Finished, Started, Warned
from glstylenet.run.grey import all_grey, make_grey
from glstylenet.run.memory_budget import out_of_memory_as_error
from glstylenet.run.named_files import named_files
from glstylenet.run.preparation import Preparation, prepare
from glstylenet.run.recorder import open_checkpoint
from glstylenet.run.result import Result, Timings
from glstylenet.run.styles import GivenStyle
from glstylenet.settings import Settings

__all__ = ["Listener", "plan_run", "stylize"]


Listener = Callable[[Event], None]


@default_modes()
def stylize(
    content: PictureSource | None,
    style: GivenStyle,
    *,
    content_map: PictureSource | None = None,
    style_map: PictureSource | None = None,
    settings: Settings | None = None,
    on_event: Listener | None = None,
    should_stop: Callable[[], bool] | None = None,
    targets: TargetCache | None = None,
    checkpoint: Path | None = None,
    resume: bool = False,
) -> Result:
    """Repaint ``content`` with the brushwork of ``style``.

    Pictures are paths, files that are open for reading bytes, PIL images or arrays ((H, W), (H, W, 3) or
    (H, W, 4); uint8, uint16 or float in 0..1). Without a content picture the ``content_map`` alone is painted
    (a doodle): the content weight is then 0 and the start is noise.

    ``style`` may be a list of :class:`~glstylenet.Style`, each with a map and a weight of its own, and with
    classes of the content's map that are painted from it alone. The start ``style`` is the first of them.

    ``on_event`` is called with every event (:mod:`glstylenet.events`). ``should_stop`` is called after every
    evaluation but the last, and True ends the run with the best pixels so far. Once there is a first picture
    it is also called ten times a second within evaluations and while the result is measured: what is then
    computed is given up. The losses of a stopped run are those of its last evaluation. Both are called in
    PyTorch's and NumPy's default modes, in which everything is computed: autocast, for example, is off, and
    ``should_stop`` in the midst of a computation, so it must return soon. ``targets`` is shared
    between runs on the same pictures, so that these compute them once; its memory is not counted in
    ``settings.memory``.

    ``checkpoint`` is a folder where the state of the run is saved before each round of matching
    (:mod:`glstylenet.run.checkpoint`); it is made if only its last part is missing, replaces what an earlier
    run left there, and stays. With ``resume`` the run continues from that state, to the same picture; its
    evaluations are numbered on, its timings count the rest alone. A state that is missing, damaged or of
    other inputs, settings, weights or another version is an :class:`~glstylenet.errors.InputError`.

    Raises the errors of :mod:`glstylenet.errors`: what is wrong with the call, a picture, a map, the
    weights, or the memory.
    """
    if resume and checkpoint is None:
        raise UsageError("asked to resume without a checkpoint; name the folder of the interrupted run's")
    began = time.perf_counter()
    emit = on_event or _ignore
    store = targets or TargetCache()
    with out_of_memory_as_error():
        prepared = prepare(content, style, content_map, style_map, settings or Settings())
        del content, style, content_map, style_map  # frees arrays that nothing else refers to
        for warning in prepared.warnings:
            emit(Warned(warning))
        recorder = resumed = None
        if checkpoint is not None:
            _refuse_checkpoint_in_place_of_input(Path(checkpoint), prepared)
            recorder, resumed, prepared = open_checkpoint(
                Path(checkpoint), prepared, resume=resume, emit=emit
            )
        emit(prepared.started())
        loop = CoarseToFine(prepared, emit, should_stop or _never, store, recorder, resumed)
        del resumed  # the optimiser takes its history over and frees it
        loop_began = time.perf_counter()
        pixels = loop.optimise()
        optimisation = time.perf_counter() - loop_began
        pixels = _finish(pixels, prepared)
        losses = None if loop.stopped else _measured(pixels, loop)
        interrupted = losses is None
        # Who stops a run does not wait for minutes to learn its losses at full size.
        losses = losses or loop.terms or LossTerms({})
    total = time.perf_counter() - began
    emit(Finished(total, interrupted))
    return Result(
        pixels=pixels.cpu(),
        alpha=prepared.inputs.alpha,
        losses=losses,
        settings=prepared.settings,
        timings=Timings(total, optimisation, _parts(loop.stopwatch.seconds, optimisation)),
        evaluations=sum(loop.evaluations),
        full_size_evaluations=sum(
            count * planned.scale.factor**2
            for count, planned in zip(loop.evaluations, prepared.scales, strict=False)
        ),
        device=str(prepared.device.torch_device),
        precision=prepared.device.precision,
        peak_memory_bytes=peak_memory(prepared.device.torch_device),
        weights=prepared.weights,
        inputs=prepared.inputs,
        interrupted=interrupted,
    )


@default_modes()
def plan_run(
    content: PictureSource | None,
    style: GivenStyle,
    *,
    content_map: PictureSource | None = None,
    style_map: PictureSource | None = None,
    settings: Settings | None = None,
) -> Started:
    """Return what :func:`stylize` would do, as its event, without computing anything.

    Raises what :func:`stylize` would raise before it computes.
    """
    return prepare(content, style, content_map, style_map, settings or Settings()).started()


def _refuse_checkpoint_in_place_of_input(folder: Path, prepared: Preparation) -> None:
    origins = (origin.path for origin in prepared.inputs.origins.values())
    inputs = FileSet([*(path for path in origins if path is not None), *named_files(prepared.settings)])
    if (source := inputs.find(file := checkpoint_file(folder))) is not None:
        raise OutputError(f"{file}: is the input {source} itself; choose another folder for the checkpoint")


def _measured(pixels: Tensor, loop: CoarseToFine) -> LossTerms | None:
    """Return the losses of a picture that went through all its evaluations; ``None`` if stopped meanwhile."""
    network = loop.float32_network()
    memory_pool(network.device).give_back()
    try:
        with interruptible(loop.should_stop):
            return loop.prepared.final_losses.losses(pixels, network, loop.emit, store=loop.store)
    except Interrupted:
        return None


def _finish(pixels: Tensor, prepared: Preparation) -> Tensor:
    """Return ``pixels`` with the chroma and the finish that the settings name."""
    inputs, settings = prepared.inputs, prepared.settings
    content, is_grey = inputs.content, inputs.are_grey
    if content is not None and settings.colours == "keep" and not is_grey:
        pixels = with_chroma_of(content.to(pixels.device), pixels)
        is_grey = all_grey([content])
    if content is not None and settings.finish != "none":
        content_map = None
        if inputs.semantics is not None:
            content_map = resize_labels(inputs.semantics.channels[0], inputs.size).to(pixels.device)
        pixels = photo_finish(pixels, content.to(pixels.device), class_channels=content_map)
    return make_grey(pixels) if is_grey else pixels


def _parts(seconds: Mapping[str, float], optimisation: float) -> dict[str, float]:
    """Divide the seconds of the optimisation; what no stopwatch counted belongs to the optimiser."""
    parts = {name: seconds.get(name, 0.0) for name in ("network", "matching", *(term.name for term in TERMS))}
    return {**parts, "optimizer": max(0.0, optimisation - sum(parts.values()))}


def _ignore(_event: Event) -> None:
    return None


def _never() -> bool:
    return False
