"""Stages: the way of a run through its scales, coarse to fine.

    for each scale, coarse to fine:          schedule
        for each round:
            find the nearest neighbours      objective             (Eq. 3)
            lower the loss for ~20 steps     optimize over objective.evaluate   (Eq. 8)

Every scale has a plan of its own for the memory it takes. Where a precision or a plan fails, the scale
goes on from its best picture with a safer one.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from torch import Tensor

from glstylenet.allocator import MemoryValve, return_freed_memory
from glstylenet.descent import Descent, Matching, descend
from glstylenet.device import Device, out_of_memory
from glstylenet.errors import MemoryLimitError, OptimizationError
from glstylenet.events import Event, Matched, ScaleStarted, Step, Warned
from glstylenet.fusion import EVERY_SCHEME
from glstylenet.images import resize
from glstylenet.inputs import Inputs, ScaledInputs, canvas_size, with_margin, without_margin
from glstylenet.memory import Demand, Plan, plan_memory, smaller_tiles
from glstylenet.objective import Objective
from glstylenet.optimize import Adam, Lbfgs, Optimizer
from glstylenet.schedule import Scale
from glstylenet.settings import Settings
from glstylenet.stopwatch import Stopwatch
from glstylenet.targets import TargetStore, nothing
from glstylenet.terms import LossWeights
from glstylenet.vgg import Network
from glstylenet.weights import LoadedWeights

__all__ = ["Stages", "make_objective", "plan_stages", "stage_demand"]


def stage_demand(
    settings: Settings,
    place: Device,
    *,
    size: tuple[int, int],
    factor: float,
    full_size: tuple[int, int],
    full_style_size: tuple[int, int],
    classes: int,
    optimizes: bool = True,
) -> Demand:
    """What optimising (or only measuring) at ``size``, ``factor`` times the result's, asks of memory."""
    height, width = full_style_size
    return Demand(
        size=canvas_size(size),
        style_size=(max(1, round(height * factor)), max(1, round(width * factor))),
        full_size=full_size,
        full_style_size=full_style_size,
        precision=place.precision,
        scheme=EVERY_SCHEME[settings.scheme],
        classes=classes,
        optimizes=optimizes,
        on_gpu=place.device.type != "cpu",
    )


def plan_stages(
    scales: list[Scale],
    style_size: tuple[int, int],
    settings: Settings,
    place: Device,
    allowed: int,
    *,
    classes: int,
) -> list[tuple[Demand, Plan]]:
    """How each scale fits into ``allowed`` bytes; raises
    :class:`~glstylenet.errors.MemoryLimitError` if one does not."""
    demands = [
        stage_demand(
            settings,
            place,
            size=scale.size,
            factor=scale.factor,
            full_size=scales[-1].size,
            full_style_size=style_size,
            classes=classes,
        )
        for scale in scales
    ]
    # The largest first: if one is refused, then in the numbers of the result.
    plans = [plan_memory(demand, allowed) for demand in reversed(demands)]
    return list(zip(demands, reversed(plans), strict=True))


def make_objective(
    network: Network,
    settings: Settings,
    scaled: ScaledInputs,
    *,
    plan: Plan,
    content_factor: float = 1.0,
    store: TargetStore | None = None,
    stopwatch: Stopwatch | None = None,
) -> Objective:
    """The objective that ``settings`` name, at one scale, in the memory that ``plan`` tells."""
    # A whole picture's blocks fit the next evaluation, which would have to fetch them from the system again.
    tight = plan.tile_side is not None and network.device.type == "cpu"
    return Objective(
        network,
        EVERY_SCHEME[settings.scheme],
        LossWeights.of(settings, content_factor=content_factor),
        scaled.content,
        scaled.style,
        content_map=scaled.content_map,
        style_map=scaled.style_map,
        tile_side=plan.tile_side,
        between_tiles=MemoryValve(plan.needed_bytes - plan.tile_bytes) if tight else nothing,
        store=store,
        stopwatch=stopwatch,
    )


@dataclass
class Stages:
    """One run through ``scales``. ``plans``: each scale's demand and how it is met, in ``allowed`` bytes.

    ``store`` may have targets of other runs. ``evaluations``, ``stopped`` (asked to stop early) and
    ``stopwatch`` tell afterwards how it went.
    """

    inputs: Inputs
    settings: Settings
    weights: LoadedWeights
    chosen: Device
    scales: list[Scale]
    plans: list[tuple[Demand, Plan]]
    allowed: int
    tell: Callable[[Event], None]
    should_stop: Callable[[], bool]
    store: TargetStore

    def __post_init__(self) -> None:
        self.evaluations = 0
        self.stopped = False
        self.stopwatch = Stopwatch()
        self.place = self.chosen
        self._network = self._network_for(self.chosen)
        self._began = time.perf_counter()

    def paint(self) -> Tensor:
        """Through the scales, each starting from the enlarged result of the one before; (1, 3, H, W)."""
        self._began = time.perf_counter()
        pixels = self.inputs.start(self.settings.init, self.scales[0].size, self.settings.seed)
        pixels = pixels.to(self.chosen.device)
        for number, scale in enumerate(self.scales):
            self.tell(ScaleStarted(number + 1, len(self.scales), scale))
            pixels = self._paint_scale(number, scale, resize(pixels, scale.size))
            if self.stopped:
                break
        return resize(pixels, self.inputs.size)

    def _paint_scale(self, number: int, scale: Scale, pixels: Tensor) -> Tensor:
        if self.place != self.chosen:
            self._compute_in(self.chosen)
        demand, plan = self.plans[number]
        attempt = _Attempt(with_margin(pixels), plan)
        del pixels
        has_shrunk = False
        while attempt.spent < scale.evaluations and not self.stopped:
            try:
                self._descend(number, scale, attempt)
            except OptimizationError:
                if self.place.precision == "float32":
                    raise
            except (MemoryError, RuntimeError) as error:
                if has_shrunk or not out_of_memory(error):
                    raise
                has_shrunk, attempt.plan = True, smaller_tiles(attempt.plan, demand)
                self.tell(Warned(_memory_warning(attempt.plan)))
                continue
            if attempt.spent < scale.evaluations and not self.stopped:
                if self.place.precision == "float32":
                    break  # no way down is left at this size
                # bfloat16 rounds the loss to steps that can hide the last of a descent; float32 sees it.
                self.tell(Warned("bfloat16 found no further way down; this size goes on in float32"))
                self._compute_in(Device(self.place.device, "float32"))
                demand = replace(demand, precision="float32")
                attempt.plan = (
                    smaller_tiles(attempt.plan, demand)
                    if has_shrunk  # the machine has less than was planned with
                    else self._replanned(demand, attempt.plan)
                )
        return without_margin(attempt.canvas)

    def _replanned(self, demand: Demand, plan: Plan) -> Plan:
        """``plan`` for a ``demand`` that has grown meanwhile; as near as may be, where it cannot be met."""
        try:
            return plan_memory(demand, self.allowed)
        except MemoryLimitError:
            return smaller_tiles(plan, demand)

    def _descend(self, number: int, scale: Scale, attempt: "_Attempt") -> None:
        """Spend what is left of the scale's evaluations, as long as there is a way down."""
        left = scale.evaluations - attempt.spent
        objective = self._objective(scale, attempt.plan)
        optimizer = self._optimizer(attempt.plan)
        for step in descend(objective, optimizer, attempt.canvas, left, self.settings.round_length):
            if isinstance(step, Matching):
                self.tell(Matched(step.round, step.seconds))
                continue
            attempt.canvas = step.pixels
            attempt.spent += 1
            self._tell_step(number, scale, attempt.spent, step)
            if self.should_stop():
                self.stopped = True
                return

    def _objective(self, scale: Scale, plan: Plan) -> Objective:
        scaled = self.inputs.scaled(scale.size, scale.factor, self.place.device).on_canvas()
        objective = make_objective(
            self._network,
            self.settings,
            scaled,
            plan=plan,
            content_factor=1.0 if scale.factor == 1.0 else self.settings.coarse_content,
            store=self.store,
            stopwatch=self.stopwatch,
        )
        return_freed_memory()  # targets are made without a way back, in other blocks than evaluations need
        return objective

    def _optimizer(self, plan: Plan) -> Optimizer:
        if self.settings.optimizer == "adam":
            return Adam()
        return Lbfgs(history=plan.history, half_history=plan.half_history)

    def _compute_in(self, place: Device) -> None:
        self.place = place
        self._network = self._network_for(place)

    def measuring_network(self) -> Network:
        """In float32, to measure the result with: the one at hand, if it is such."""
        if self.place.precision != "float32":
            self._compute_in(Device(self.place.device, "float32"))
        return self._network

    def _network_for(self, place: Device) -> Network:
        return Network(self.weights.tensors, device=place.device, dtype=place.dtype)

    def _tell_step(self, number: int, scale: Scale, spent: int, step: Descent) -> None:
        self.evaluations += 1
        done = sum(s.evaluations for s in self.scales[:number]) + spent
        total = sum(s.evaluations for s in self.scales)
        # An evaluation costs about as many seconds as it has pixels, whatever the scale.
        cost = [s.evaluations * s.factor**2 for s in self.scales]
        paid = sum(cost[:number]) + spent * scale.factor**2
        elapsed = time.perf_counter() - self._began
        seconds_left = elapsed * (sum(cost) / paid - 1.0)
        pixels = without_margin(step.pixels)
        self.tell(Step(done, total, number + 1, step.round, step.terms, pixels, seconds_left))


@dataclass
class _Attempt:
    """How far a scale has come: its best pixels with their margin, and the evaluations spent."""

    canvas: Tensor
    plan: Plan
    spent: int = 0


def _memory_warning(plan: Plan) -> str:
    return (
        f"the machine ran out of memory; this size goes on in tiles of {plan.tile_side} pixels "
        f"({plan.tiles} of them)"
    )
