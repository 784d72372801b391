"""The preparation of a run: everything that is read, checked and planned before it computes."""

from dataclasses import dataclass

from glstylenet.machine import Device, choose_device
from glstylenet.network import LoadedWeights, load_weights
from glstylenet.pictures import PictureSource
from glstylenet.run.events import Started
from glstylenet.run.final_losses import FinalLosses, plan_final_losses
from glstylenet.run.inputs import Inputs, Sources, effective_settings, prepare_inputs, read_sources
from glstylenet.run.memory_budget import PlannedScale, allowed_bytes, plan_proposals, plan_scale_memory
from glstylenet.run.scales import ENOUGH, plan_scales
from glstylenet.run.styles import GivenStyle
from glstylenet.run.useless_settings import Situation, useless_settings
from glstylenet.settings import QUALITIES, Settings

__all__ = ["Preparation", "prepare"]


@dataclass(frozen=True)
class Preparation:
    """`Preparation` holds what a run needs to begin.

    ``settings`` are those that take effect, ``device`` is where and in which precision the run computes,
    ``allowed`` the bytes it may use; ``scales`` are its sizes from coarse to fine with their memory plans.
    ``proposal_bytes`` is what it needed before, to propose maps.
    ``warnings`` are sentences for the user.
    """

    settings: Settings
    device: Device
    allowed: int
    inputs: Inputs
    scales: list[PlannedScale]
    final_losses: FinalLosses
    weights: LoadedWeights
    warnings: tuple[str, ...]
    proposal_bytes: int = 0

    def started(self) -> Started:
        """Return the event that announces the run."""
        plans = tuple(each.plan for each in self.scales)
        semantics = self.inputs.semantics
        return Started(
            device=str(self.device.torch_device),
            precision=self.device.precision,
            scales=tuple(each.scale for each in self.scales),
            plans=plans,
            style_size=self.inputs.style_size,
            classes="" if semantics is None else semantics.describe(),
            weights=self.weights.origin,
            memory_bytes=max(self.proposal_bytes, *(plan.needed_bytes for plan in plans)),
            further_style_sizes=tuple(style.size for style in self.inputs.styles[1:]),
        )


def prepare(
    content: PictureSource | None,
    style: GivenStyle,
    content_map: PictureSource | None,
    style_map: PictureSource | None,
    settings: Settings,
) -> Preparation:
    """Read and check the pictures and the weights, and plan the sizes and the memory of a run.

    Raises the errors of :mod:`glstylenet.errors`: what is wrong with the call, a picture, a map, the weights,
    or the memory.
    """
    chosen, settings = settings, effective_settings(settings, content)
    device = choose_device(settings.device, settings.precision)
    sources = read_sources(content, style, content_map=content_map, style_map=style_map, settings=settings)
    allowed = allowed_bytes(settings, device)
    # A run that cannot fit is refused before anything of the pictures' full size is computed.
    _plan_scales(sources, settings, device, allowed)
    proposal_bytes = plan_proposals(sources, settings, device, allowed)
    inputs = prepare_inputs(sources, settings)
    smallest_class = None if inputs.semantics is None else inputs.semantics.smallest_share
    scales = _plan_scales(sources, settings, device, allowed, smallest_class)
    has_shades = inputs.semantics is not None and inputs.semantics.has_shades
    useless = useless_settings(Situation(chosen, settings, sources, has_shades))
    del sources  # the pictures as they were read
    # The final measurement must fit too, and is refused now rather than when the picture is painted.
    final_losses = plan_final_losses(inputs, settings, device, allowed)
    weights = load_weights(settings.weights)
    warnings = (*inputs.warnings, *useless, *_small_budget(settings))
    return Preparation(
        settings, device, allowed, inputs, scales, final_losses, weights, warnings, proposal_bytes
    )


def _small_budget(settings: Settings) -> list[str]:
    """Return a sentence about a run that was given too few evaluations."""
    evaluations = settings.iterations
    if evaluations is None or evaluations >= ENOUGH:
        return []
    are_few = "1 evaluation is" if evaluations == 1 else f"{evaluations} evaluations are"
    return [
        f"{are_few} too few to repaint a picture, so the result will be close to the start; "
        f"give --iterations {ENOUGH} or more"
    ]


def _plan_scales(
    sources: Sources,
    settings: Settings,
    device: Device,
    allowed: int,
    smallest_class: float | None = None,
) -> list[PlannedScale]:
    scales = plan_scales(
        sources.size,
        settings.iterations,
        quality=QUALITIES[settings.quality],
        coarsest=settings.coarsest,
        scales=settings.scales,
        smallest_class=smallest_class,
    )
    return plan_scale_memory(scales, sources, settings, device, allowed)
