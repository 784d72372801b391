"""The losses that are reported for a picture: at full size, in float32, with fresh matches.

They do not depend on how a run computed, so results of different machines can be compared.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from torch import Tensor

from glstylenet.machine import Device, choose_device, default_modes, out_of_memory
from glstylenet.memory import MemoryEstimate, MemoryPlan, plan_memory, smaller_tiles
from glstylenet.network import VGG19, LoadedWeights, load_weights
from glstylenet.objective import LossMaps, LossTerms, Objective, TargetCache
from glstylenet.pictures import PictureSource
from glstylenet.run.assembly import make_objective
from glstylenet.run.events import Event, Warned
from glstylenet.run.inputs import Inputs, effective_settings, prepare_inputs, read_result, read_sources
from glstylenet.run.memory_budget import (
    allowed_bytes,
    estimate_memory,
    out_of_memory_as_error,
    smaller_tiles_warning,
)
from glstylenet.run.result import Result
from glstylenet.run.styles import GivenStyle
from glstylenet.settings import Settings

__all__ = ["FinalLosses", "picture_losses", "plan_final_losses", "result_loss_maps"]


@dataclass(frozen=True)
class FinalLosses:
    """`FinalLosses` measures pictures as results of ``inputs``, with the weights of ``settings``.

    ``estimate`` is the memory that this needs, and ``plan`` how it is provided.
    """

    inputs: Inputs
    settings: Settings
    estimate: MemoryEstimate
    plan: MemoryPlan

    def objective(self, network: VGG19, *, store: TargetCache | None = None) -> Objective:
        """Return the objective at full size; ``network`` computes in float32, ``store`` may hold targets."""
        scaled = self.inputs.scaled(self.inputs.size, 1.0, network.device)
        return make_objective(network, self.settings, scaled, plan=self.plan, store=store)

    def losses(
        self, pixels: Tensor, network: VGG19, emit: Callable[[Event], None], *, store: TargetCache
    ) -> LossTerms:
        """Return the weighted terms of ``pixels`` (1, 3, H, W).

        If the machine runs out of memory, the measurement is repeated once in smaller tiles, with a warning:
        a painted picture must not be lost because it could not be measured.
        """
        try:
            return self.objective(network, store=store).terms(pixels.to(network.device))
        except (MemoryError, RuntimeError) as error:
            if not out_of_memory(error):
                raise
        smaller = replace(self, plan=smaller_tiles(self.plan, self.estimate))
        emit(Warned(smaller_tiles_warning("the result is measured", smaller.plan)))
        return smaller.objective(network, store=store).terms(pixels.to(network.device))


def plan_final_losses(inputs: Inputs, settings: Settings, device: Device, allowed: int) -> FinalLosses:
    """Plan the measurement of a result within ``allowed`` bytes.

    It needs no history of the optimiser, and twice the features of a bfloat16 run. Raises
    :class:`~glstylenet.errors.MemoryLimitError` if it does not fit.
    """
    estimate = estimate_memory(
        settings,
        Device(device.torch_device, "float32"),
        size=inputs.size,
        factor=1.0,
        full_size=inputs.size,
        full_style_sizes=[style.size for style in inputs.styles],
        held_pictures=inputs.held_pictures,
        classes=0 if inputs.semantics is None else len(inputs.semantics.classes),
        optimizes=False,
    )
    return FinalLosses(inputs, settings, estimate, plan_memory(estimate, allowed))


@default_modes()
def picture_losses(
    picture: PictureSource,
    content: PictureSource | None,
    style: GivenStyle,
    *,
    content_map: PictureSource | None = None,
    style_map: PictureSource | None = None,
    settings: Settings | None = None,
    on_event: Callable[[Event], None] | None = None,
) -> LossTerms:
    """Return the weighted loss terms of any ``picture`` at full size, in float32, with fresh matches.

    Its size must be the result's, that of the content (or ``settings.size``); raises
    :class:`~glstylenet.errors.InputError` otherwise. With several styles the local term is that of the
    nearest patch among all of them, and the global term that of their mixed statistics. ``on_event`` receives
    what is to be said of the pictures.
    """
    emit = on_event or (lambda _event: None)
    settings = effective_settings(settings or Settings(), content)
    with out_of_memory_as_error():
        sources = read_sources(
            content, style, content_map=content_map, style_map=style_map, settings=settings
        )
        measured = read_result(picture, sources, settings)
        inputs = prepare_inputs(sources, settings)
        del sources
        for warning in inputs.warnings:
            emit(Warned(warning))
        final_losses, network = _outside_a_run(inputs, settings)
        return final_losses.losses(measured.pixels, network, emit, store=TargetCache())


@default_modes()
def result_loss_maps(result: Result) -> LossMaps:
    """Return the loss terms of ``result``, as :func:`picture_losses` does, and where they arise in it.

    This keeps to the memory that the result's settings allow; raises
    :class:`~glstylenet.errors.MemoryLimitError` if that is not enough.
    """
    with out_of_memory_as_error():
        final_losses, network = _outside_a_run(result.inputs, result.settings, result.weights)
        return final_losses.objective(network).loss_maps(result.pixels.to(network.device))


def _outside_a_run(
    inputs: Inputs, settings: Settings, weights: LoadedWeights | None = None
) -> tuple[FinalLosses, VGG19]:
    """Plan the measurement for where no run has planned it, and build a network of float32 for it."""
    device = choose_device(settings.device, "float32")
    final_losses = plan_final_losses(inputs, settings, device, allowed_bytes(settings, device))
    weights = weights or load_weights(settings.weights)
    return final_losses, VGG19(weights.tensors, device=device.torch_device)
