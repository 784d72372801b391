"""Assembly of the parts that optimise one size: the objective and the optimiser that the settings name."""

from functools import partial

from glstylenet.machine import Stopwatch, memory_pool, trim_freed_memory
from glstylenet.memory import MemoryPlan
from glstylenet.network import VGG19
from glstylenet.objective import LossWeights, Objective, TargetCache
from glstylenet.optim import Adam, Lbfgs, Optimizer, Preconditioner
from glstylenet.pyramid import SCHEMES
from glstylenet.run.inputs import ScaledInputs
from glstylenet.settings import Settings

__all__ = ["INITIAL_SCALE", "make_objective", "make_optimizer"]


INITIAL_SCALE = 2.0
"""Factor on the initial inverse Hessian of L-BFGS: nearly every step of length 1 is accepted, and steps twice
as long need a tenth fewer evaluations (docs/notebook.md)."""


def make_objective(
    network: VGG19,
    settings: Settings,
    scaled: ScaledInputs,
    *,
    plan: MemoryPlan,
    allowed: int = 0,
    content_factor: float = 1.0,
    store: TargetCache | None = None,
    stopwatch: Stopwatch | None = None,
) -> Objective:
    """Return the objective that ``settings`` name, for the pictures of one size.

    It keeps to the memory of ``plan``, or to ``allowed`` bytes where these are more. ``content_factor``
    multiplies the content weight; ``store`` may hold targets that were computed before.
    """
    # A whole picture's blocks fit the next evaluation, which would have to fetch them from the system again.
    in_tiles = plan.tile_side is not None
    pool = memory_pool(network.device)
    limit = max(allowed, plan.needed_bytes)
    trim = partial(trim_freed_memory, pool, limit, int(pool.growth * plan.tile_bytes))
    if in_tiles:
        pool.give_back()  # what the size before has freed does not fit the first tile
    return Objective(
        network,
        SCHEMES[settings.scheme],
        LossWeights.of(settings, content_factor=content_factor),
        scaled.content,
        scaled.styles,
        content_map=scaled.content_map,
        regions=settings.statistics == "regions",
        tile_side=plan.tile_side,
        cached_tiles=plan.cached_tiles,
        half_features=plan.half_features,
        between_tiles=trim if in_tiles else None,
        after_tiles=pool.give_back if in_tiles else None,
        targets=store,
        stopwatch=stopwatch,
    )


def make_optimizer(settings: Settings, plan: MemoryPlan) -> Optimizer:
    """Return the optimiser that ``settings`` name; the history of L-BFGS is as long as ``plan`` allows."""
    if settings.optimizer == "adam":
        return Adam()
    preconditioner = Preconditioner()
    return Lbfgs(
        history=plan.history,
        half_history=plan.half_history,
        precondition=preconditioner,
        initial_scale=INITIAL_SCALE,
        update_preconditioner=preconditioner.fit,
    )
