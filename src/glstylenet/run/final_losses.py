"""FinalLosses: the losses of a result that are reported, at full size, in float32 and with fresh matches.

However the run computed: so results of any two machines can be compared.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from torch import Tensor

from glstylenet.machine import Device, out_of_memory
from glstylenet.memory import MemoryEstimate, MemoryPlan, plan_memory, smaller_tiles
from glstylenet.network import VGG19
from glstylenet.objective import LossTerms, Objective, TargetStore
from glstylenet.run.assembly import estimate_memory, make_objective, smaller_tiles_warning
from glstylenet.run.events import Event, Warned
from glstylenet.run.inputs import Inputs
from glstylenet.settings import Settings

__all__ = ["FinalLosses", "plan_final_losses"]


@dataclass(frozen=True)
class FinalLosses:
    """Of a result of ``inputs``, as ``settings`` weigh the losses. ``demand``: what it asks of memory, and
    ``plan``: how that is met."""

    inputs: Inputs
    settings: Settings
    demand: MemoryEstimate
    plan: MemoryPlan

    def objective(self, network: VGG19, *, store: TargetStore | None = None) -> Objective:
        """What measures, with a ``network`` of float32. ``store`` may have the targets."""
        scaled = self.inputs.scaled(self.inputs.size, 1.0, network.device)
        return make_objective(network, self.settings, scaled, plan=self.plan, store=store)

    def losses(
        self, pixels: Tensor, network: VGG19, emit: Callable[[Event], None], *, store: TargetStore
    ) -> LossTerms:
        """The weighted terms of ``pixels`` (1, 3, H, W).

        What is painted is not lost because the first way to measure it was more than the machine had: then
        smaller tiles are tried, once.
        """
        try:
            return self.objective(network, store=store).terms(pixels.to(network.device))
        except (MemoryError, RuntimeError) as error:
            if not out_of_memory(error):
                raise
        smaller = replace(self, plan=smaller_tiles(self.plan, self.demand))
        emit(Warned(smaller_tiles_warning("the result is measured", smaller.plan)))
        return smaller.objective(network, store=store).terms(pixels.to(network.device))


def plan_final_losses(inputs: Inputs, settings: Settings, place: Device, allowed: int) -> FinalLosses:
    """How a measurement of the result fits into ``allowed`` bytes; it needs no history, and float32 twice a
    bfloat16 run's features. Raises :class:`~glstylenet.errors.MemoryLimitError` if it does not."""
    demand = estimate_memory(
        settings,
        Device(place.torch_device, "float32"),
        size=inputs.size,
        factor=1.0,
        full_size=inputs.size,
        full_style_size=inputs.style_size,
        held_pictures=inputs.held_pictures,
        classes=0 if inputs.semantics is None else len(inputs.semantics.classes),
        optimizes=False,
    )
    return FinalLosses(inputs, settings, demand, plan_memory(demand, allowed))
