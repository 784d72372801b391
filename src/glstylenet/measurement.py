"""Measurement: the losses of a result that are reported, at full size, in float32 and with fresh matches.

However the run computed: so results of any two machines can be compared.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from torch import Tensor

from glstylenet.demand import Demand
from glstylenet.device import Device, out_of_memory
from glstylenet.events import Event, Warned
from glstylenet.inputs import Inputs
from glstylenet.memory import Plan, plan_memory, smaller_tiles
from glstylenet.objective import Objective
from glstylenet.settings import Settings
from glstylenet.stages import make_objective, smaller_tiles_warning, stage_demand
from glstylenet.targets import TargetStore
from glstylenet.terms import LossTerms
from glstylenet.vgg import Network

__all__ = ["Measurement", "plan_measurement"]


@dataclass(frozen=True)
class Measurement:
    """Of a result of ``inputs``, as ``settings`` weigh the losses. ``demand``: what it asks of memory, and
    ``plan``: how that is met."""

    inputs: Inputs
    settings: Settings
    demand: Demand
    plan: Plan

    def objective(self, network: Network, *, store: TargetStore | None = None) -> Objective:
        """What measures, with a ``network`` of float32. ``store`` may have the targets."""
        scaled = self.inputs.scaled(self.inputs.size, 1.0, network.device)
        return make_objective(network, self.settings, scaled, plan=self.plan, store=store)

    def losses(
        self, pixels: Tensor, network: Network, tell: Callable[[Event], None], *, store: TargetStore
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
        tell(Warned(smaller_tiles_warning("the result is measured", smaller.plan)))
        return smaller.objective(network, store=store).terms(pixels.to(network.device))


def plan_measurement(inputs: Inputs, settings: Settings, place: Device, allowed: int) -> Measurement:
    """How a measurement of the result fits into ``allowed`` bytes; it needs no history, and float32 twice a
    bfloat16 run's features. Raises :class:`~glstylenet.errors.MemoryLimitError` if it does not."""
    demand = stage_demand(
        settings,
        Device(place.device, "float32"),
        size=inputs.size,
        factor=1.0,
        full_size=inputs.size,
        full_style_size=inputs.style_size,
        at_hand=inputs.at_hand,
        classes=0 if inputs.semantics is None else len(inputs.semantics.classes),
        optimizes=False,
    )
    return Measurement(inputs, settings, demand, plan_memory(demand, allowed))
