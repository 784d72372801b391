"""Assembly: TODO-DOC."""

from functools import partial

from glstylenet.machine import Device, Stopwatch, memory_pool, trim_freed_memory
from glstylenet.memory import HeldPictures, MemoryEstimate, MemoryPlan, plan_memory
from glstylenet.network import VGG19
from glstylenet.objective import LossWeights, Objective, TargetStore, nothing
from glstylenet.pyramid import SCHEMES
from glstylenet.run.canvas import canvas_size
from glstylenet.run.inputs import ScaledInputs, Sources
from glstylenet.run.scales import Scale, plan_scales
from glstylenet.settings import Settings

__all__ = ["choose_scales", "estimate_memory", "make_objective", "plan_scale_memory", "smaller_tiles_warning"]


def choose_scales(
    size: tuple[int, int], settings: Settings, smallest_class: float | None = None
) -> list[Scale]:
    """The scales of a run to a result of ``size`` (height, width), as ``settings`` have them."""
    return plan_scales(
        size,
        settings.iterations,
        coarsest=settings.coarsest,
        scales=settings.scales,
        smallest_class=smallest_class,
    )


def estimate_memory(
    settings: Settings,
    place: Device,
    *,
    size: tuple[int, int],
    factor: float,
    full_size: tuple[int, int],
    full_style_size: tuple[int, int],
    held_pictures: HeldPictures,
    classes: int,
    optimizes: bool = True,
) -> MemoryEstimate:
    """What optimising (or only measuring) at ``size``, ``factor`` times the result's, asks of memory."""
    height, width = full_style_size
    return MemoryEstimate(
        size=canvas_size(size),
        style_size=(max(1, round(height * factor)), max(1, round(width * factor))),
        full_size=full_size,
        full_style_size=full_style_size,
        precision=place.precision,
        scheme=SCHEMES[settings.scheme],
        held_pictures=held_pictures,
        classes=classes,
        optimizes=optimizes,
        on_gpu=place.torch_device.type != "cpu",
    )


def plan_scale_memory(
    scales: list[Scale],
    sources: Sources,
    settings: Settings,
    place: Device,
    allowed: int,
    *,
    classes: int,
) -> list[tuple[MemoryEstimate, MemoryPlan]]:
    """How each scale fits into ``allowed`` bytes; raises
    :class:`~glstylenet.errors.MemoryLimitError` if one does not."""
    demands = [
        estimate_memory(
            settings,
            place,
            size=scale.size,
            factor=scale.factor,
            full_size=scales[-1].size,
            full_style_size=sources.style_size,
            held_pictures=sources.held_pictures,
            classes=classes,
        )
        for scale in scales
    ]
    # The largest first: if one is refused, then in the numbers of the result.
    plans = [plan_memory(demand, allowed) for demand in reversed(demands)]
    return list(zip(demands, reversed(plans), strict=True))


def make_objective(
    network: VGG19,
    settings: Settings,
    scaled: ScaledInputs,
    *,
    plan: MemoryPlan,
    allowed: int = 0,
    content_factor: float = 1.0,
    store: TargetStore | None = None,
    stopwatch: Stopwatch | None = None,
) -> Objective:
    """The objective that ``settings`` name, at one scale, in the memory that ``plan`` tells, or in
    ``allowed`` bytes where these are more."""
    # A whole picture's blocks fit the next evaluation, which would have to fetch them from the system again.
    tight = plan.tile_side is not None
    pool = memory_pool(network.device)
    limit = max(allowed, plan.needed_bytes)
    trim = partial(trim_freed_memory, pool, limit, int(pool.growth * plan.tile_bytes))
    if tight:
        pool.give_back()  # what the size before has freed does not fit the first tile
    return Objective(
        network,
        SCHEMES[settings.scheme],
        LossWeights.of(settings, content_factor=content_factor),
        scaled.content,
        scaled.style,
        content_map=scaled.content_map,
        style_map=scaled.style_map,
        tile_side=plan.tile_side,
        cached_tiles=plan.cached_tiles,
        half_features=plan.half_features,
        between_tiles=trim if tight else nothing,
        after_tiles=pool.give_back if tight else nothing,
        store=store,
        stopwatch=stopwatch,
    )


def smaller_tiles_warning(what: str, plan: MemoryPlan) -> str:
    """``what`` is done by ``plan`` now."""
    return f"the machine ran out of memory; {what} in tiles of {plan.tile_side} pixels ({plan.tiles} of them)"
