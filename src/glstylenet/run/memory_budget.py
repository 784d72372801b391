"""The memory budget of a run: the bytes it may use, and how each of its sizes fits into them.

All of it is known before a picture is brought to size, so a run that cannot fit is refused at once.
"""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from glstylenet.errors import MemoryLimitError
from glstylenet.machine import Device, available_memory, out_of_memory
from glstylenet.memory import (
    DEFAULT_SHARE,
    HeldPictures,
    MemoryEstimate,
    MemoryPlan,
    ProposalEstimate,
    plan_memory,
)
from glstylenet.proposals import DEFAULT_CLASSES
from glstylenet.pyramid import SCHEMES
from glstylenet.run.canvas import canvas_size
from glstylenet.run.inputs import Sources
from glstylenet.run.scales import Scale
from glstylenet.settings import Settings

__all__ = [
    "PlannedScale",
    "allowed_bytes",
    "estimate_memory",
    "estimate_scales",
    "out_of_memory_as_error",
    "plan_proposals",
    "plan_scale_memory",
    "smaller_tiles_warning",
]


_UNKNOWN_CLASSES = 8
"""Map classes to count with before the maps are read, where the settings name no number."""


@dataclass(frozen=True)
class PlannedScale:
    """`PlannedScale` holds one size of a run, the memory it needs, and the plan that provides it."""

    scale: Scale
    estimate: MemoryEstimate
    plan: MemoryPlan


def allowed_bytes(settings: Settings, device: Device) -> int:
    """Return how many bytes a run may use on ``device``.

    That is ``settings.memory``, but never more than is free; without that setting, a share of what is free.
    """
    free = available_memory(device.torch_device)
    return int(DEFAULT_SHARE * free) if settings.memory is None else min(settings.memory, free)


def estimate_memory(
    settings: Settings,
    device: Device,
    *,
    size: tuple[int, int],
    factor: float,
    full_size: tuple[int, int],
    full_style_sizes: Sequence[tuple[int, int]],
    held_pictures: HeldPictures,
    classes: int,
    optimizes: bool = True,
) -> MemoryEstimate:
    """Return the memory that optimising at ``size`` needs; that of measuring alone, unless ``optimizes``.

    Sizes are (height, width). ``size`` is ``factor`` times the result's ``full_size``, and the styles shrink
    by the same factor from ``full_style_sizes``. ``classes``: the number of map classes, 0 without maps.
    """
    first, *further = [
        (max(1, round(height * factor)), max(1, round(width * factor))) for height, width in full_style_sizes
    ]
    return MemoryEstimate(
        size=canvas_size(size),
        style_size=first,
        full_size=full_size,
        full_style_size=full_style_sizes[0],
        further_style_sizes=tuple(further),
        further_full_style_sizes=tuple(full_style_sizes[1:]),
        precision=device.precision,
        scheme=SCHEMES[settings.scheme],
        held_pictures=held_pictures,
        classes=classes,
        regions=settings.statistics == "regions" and settings.global_weight > 0 and classes > 0,
        optimizes=optimizes,
        copies_strokes=optimizes and settings.voting != "none",
        on_gpu=device.torch_device.type != "cpu",
    )


def estimate_scales(
    scales: Sequence[Scale],
    full_style_sizes: Sequence[tuple[int, int]],
    held_pictures: HeldPictures,
    settings: Settings,
    device: Device,
    *,
    has_maps: bool,
) -> list[MemoryEstimate]:
    """Return the memory that each scale of a run needs; see :func:`estimate_memory`."""
    classes = (settings.classes or _UNKNOWN_CLASSES) if has_maps else 0
    return [
        estimate_memory(
            settings,
            device,
            size=scale.size,
            factor=scale.factor,
            full_size=scales[-1].size,
            full_style_sizes=full_style_sizes,
            held_pictures=held_pictures,
            classes=classes,
        )
        for scale in scales
    ]


def plan_scale_memory(
    scales: list[Scale], sources: Sources, settings: Settings, device: Device, allowed: int
) -> list[PlannedScale]:
    """Plan the memory of every scale within ``allowed`` bytes.

    Raises :class:`~glstylenet.errors.MemoryLimitError` if one of them does not fit.
    """
    style_sizes = [style.size for style in sources.styles]
    estimates = estimate_scales(
        scales, style_sizes, sources.held_pictures, settings, device, has_maps=sources.has_maps
    )
    # The full size first: a refusal then names the size and the bytes of the result.
    plans = [plan_memory(estimate, allowed) for estimate in reversed(estimates)]
    return [PlannedScale(*each) for each in zip(scales, estimates, reversed(plans), strict=True)]


def plan_proposals(sources: Sources, settings: Settings, device: Device, allowed: int) -> int:
    """Return the bytes that proposing maps needs; 0 where none are proposed, or a GPU's memory is planned.

    Raises :class:`~glstylenet.errors.MemoryLimitError` if they are more than ``allowed``.
    """
    if not sources.proposes_maps or device.torch_device.type != "cpu":
        return 0
    estimate = ProposalEstimate(
        sum(picture.pixels.nbytes for picture in sources.pictures.values()),
        [sources.size, *(style.size for style in sources.styles)],
        settings.classes or DEFAULT_CLASSES,
    )
    estimate.check(allowed)
    return estimate.needed_bytes


def smaller_tiles_warning(what: str, plan: MemoryPlan) -> str:
    """Return the warning that ``what`` now happens in the smaller tiles of ``plan``."""
    return f"the machine ran out of memory; {what} in tiles of {plan.tile_side} pixels ({plan.tiles} of them)"


@contextlib.contextmanager
def out_of_memory_as_error() -> Iterator[None]:
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
