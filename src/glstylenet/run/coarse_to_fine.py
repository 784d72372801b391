"""CoarseToFine: the way of a run through its scales, coarse to fine.

    for each scale, coarse to fine:          schedule
        for each round:
            find the nearest neighbours      objective             (Eq. 3)
            lower the loss for ~10 steps     optimize over objective.evaluate   (Eq. 8)

Every scale has a plan of its own for the memory it takes. Where a precision or a plan fails, the scale
goes on from its best picture with a safer one.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from torch import Tensor

from glstylenet.errors import MemoryLimitError, OptimizationError
from glstylenet.machine import Device, Stopwatch, memory_pool, out_of_memory
from glstylenet.memory import MemoryEstimate, MemoryPlan, plan_memory, smaller_tiles
from glstylenet.network import VGG19, LoadedWeights
from glstylenet.objective import Objective, TargetStore
from glstylenet.optim import Adam, Lbfgs, Optimizer, OptimizerState, Preconditioner
from glstylenet.pictures import resize
from glstylenet.run.assembly import make_objective, smaller_tiles_warning
from glstylenet.run.canvas import with_margin, without_margin
from glstylenet.run.checkpoint import Recorder, State
from glstylenet.run.events import Event, Matched, ScaleStarted, Step, Warned
from glstylenet.run.inputs import Inputs
from glstylenet.run.rounds import Evaluated, Rematched, optimise_in_rounds
from glstylenet.run.scales import Scale
from glstylenet.settings import Settings

__all__ = ["CoarseToFine"]


_GUESS = 2.0
"""Of L-BFGS: nearly every step of length 1 is accepted, and one of twice the initial_scale takes a tenth fewer
(docs/performance.md)."""


@dataclass
class CoarseToFine:
    """One run through ``scales``. ``plans``: each scale's demand and how it is met, in ``allowed`` bytes.

    ``store`` may have targets of other runs. ``recorder`` saves the state before every round of matching and
    at the end; ``resumed`` is such a state to go on from. ``evaluations``, ``stopped`` (asked to stop early)
    and ``stopwatch`` tell afterwards how it went.
    """

    inputs: Inputs
    settings: Settings
    weights: LoadedWeights
    chosen: Device
    scales: list[Scale]
    plans: list[tuple[MemoryEstimate, MemoryPlan]]
    allowed: int
    emit: Callable[[Event], None]
    should_stop: Callable[[], bool]
    store: TargetStore
    recorder: Recorder | None = None
    resumed: State | None = None

    def __post_init__(self) -> None:
        self.evaluations = 0 if self.resumed is None else self.resumed.evaluations
        self.stopped = False
        self.stopwatch = Stopwatch()
        self.place = self.chosen
        self._network = self._network_for(self.chosen)
        self._began = time.perf_counter()
        self._paid_before = 0.0

    def paint(self) -> Tensor:
        """Through the scales, each starting from the enlarged result of the one before; (1, 3, H, W)."""
        self._began = time.perf_counter()
        state, self.resumed = self.resumed, None
        if state is not None and state.complete:
            return resize(without_margin(state.canvas.to(self.chosen.torch_device)), self.inputs.size)
        if state is None:
            start = self.inputs.start(self.settings.init, self.scales[0].size, self.settings.seed)
            first, attempt = 0, self._begin_scale(0, start.to(self.chosen.torch_device))
            del start
        else:
            first, attempt = state.scale, self._go_on(state)
            del state  # its history is taken over and then let go
        for number in range(first, len(self.scales)):
            self.emit(ScaleStarted(number + 1, len(self.scales), self.scales[number]))
            if number > first:
                attempt = self._begin_scale(number, without_margin(attempt.canvas))
            self._paint_scale(number, attempt)
            if self.stopped:
                break
        else:
            self._save(number, attempt, OptimizerState({}, {}), complete=True)
        return resize(without_margin(attempt.canvas), self.inputs.size)

    def _begin_scale(self, number: int, pixels: Tensor) -> "_ScaleState":
        """Scale ``number`` from the ``pixels`` of the one before."""
        if self.place != self.chosen:
            self._compute_in(self.chosen)
        return _ScaleState(with_margin(resize(pixels, self.scales[number].size)), self.plans[number][1])

    def _go_on(self, state: State) -> "_ScaleState":
        """A scale in the middle of which ``state`` was saved."""
        if self.place.precision != state.precision:
            self._compute_in(Device(self.chosen.torch_device, state.precision))
        self._paid_before = self._cost(state.scale, state.spent)
        canvas = state.canvas.to(self.chosen.torch_device)
        return _ScaleState(
            canvas, state.plan, state.spent, state.has_shrunk, state.rounds, state.optimizer_state
        )

    def _paint_scale(self, number: int, attempt: "_ScaleState") -> None:
        """Bring ``attempt`` as far down as the evaluations of its scale go."""
        scale = self.scales[number]
        demand = replace(self.plans[number][0], precision=self.place.precision)
        while attempt.spent < scale.evaluations and not self.stopped:
            try:
                self._descend(number, scale, attempt)
            except OptimizationError:
                if self.place.precision == "float32":
                    raise
            except (MemoryError, RuntimeError) as error:
                if attempt.has_shrunk or not out_of_memory(error):
                    raise
                attempt.has_shrunk, attempt.plan = True, smaller_tiles(attempt.plan, demand)
                self.emit(Warned(smaller_tiles_warning("this size goes on", attempt.plan)))
                continue
            if attempt.spent < scale.evaluations and not self.stopped:
                if self.place.precision == "float32":
                    break  # no way down is left at this size
                # bfloat16 rounds the loss to steps that can hide the last of a descent; float32 sees it.
                self.emit(Warned("bfloat16 found no further way down; this size goes on in float32"))
                self._compute_in(Device(self.place.torch_device, "float32"))
                demand = replace(demand, precision="float32")
                attempt.plan = (
                    smaller_tiles(attempt.plan, demand)
                    if attempt.has_shrunk  # the machine has less than was planned with
                    else self._replanned(demand, attempt.plan)
                )

    def _replanned(self, demand: MemoryEstimate, plan: MemoryPlan) -> MemoryPlan:
        """``plan`` for a ``demand`` that has grown meanwhile; as near as may be, where it cannot be met."""
        try:
            return plan_memory(demand, self.allowed)
        except MemoryLimitError:
            return smaller_tiles(plan, demand)

    def _descend(self, number: int, scale: Scale, attempt: "_ScaleState") -> None:
        """Spend what is left of the scale's evaluations, as long as there is a way down."""
        left = scale.evaluations - attempt.spent
        objective = self._objective(scale, attempt.plan)
        optimizer = self._optimizer(attempt.plan)
        rounds_before, attempt.rounds = attempt.rounds, 0
        if attempt.optimizer_state is not None:
            optimizer.load_state_dict(attempt.optimizer_state, attempt.canvas)
            attempt.optimizer_state = None

        def save(rounds: int, _pixels: Tensor) -> None:
            self._save(number, attempt, optimizer.state_dict(), rounds=rounds)

        length = self.settings.round_length
        for step in optimise_in_rounds(
            objective, optimizer, attempt.canvas, left, length, rounds_before, save
        ):
            if isinstance(step, Rematched):
                self.emit(Matched(step.round, step.seconds))
                continue
            attempt.canvas = step.pixels
            attempt.spent += 1
            self._tell_step(number, attempt.spent, step)
            if self.should_stop():
                self.stopped = True
                return

    def _save(
        self,
        number: int,
        attempt: "_ScaleState",
        optimizer_state: OptimizerState,
        *,
        rounds: int = 0,
        complete: bool = False,
    ) -> None:
        if self.recorder is not None:
            state = State(
                scale=number,
                plan=attempt.plan,
                precision=self.place.precision,
                has_shrunk=attempt.has_shrunk,
                spent=attempt.spent,
                rounds=rounds,
                evaluations=self.evaluations,
                complete=complete,
                canvas=attempt.canvas,
                optimizer_state=optimizer_state,
            )
            self.recorder.save(state)

    def _objective(self, scale: Scale, plan: MemoryPlan) -> Objective:
        scaled = self.inputs.scaled(scale.size, scale.factor, self.place.torch_device).on_canvas()
        objective = make_objective(
            self._network,
            self.settings,
            scaled,
            plan=plan,
            allowed=self.allowed,
            content_factor=1.0 if scale.factor == 1.0 else self.settings.coarse_content,
            store=self.store,
            stopwatch=self.stopwatch,
        )
        # Targets are made without a way back, in other blocks than evaluations need.
        memory_pool(self.place.torch_device).give_back()
        return objective

    def _optimizer(self, plan: MemoryPlan) -> Optimizer:
        if self.settings.optimizer == "adam":
            return Adam()
        form = Preconditioner()
        return Lbfgs(
            history=plan.history,
            half_history=plan.half_history,
            precondition=form,
            initial_scale=_GUESS,
            update_preconditioner=form.fit,
        )

    def _compute_in(self, place: Device) -> None:
        self.place = place
        self._network = self._network_for(place)

    def measuring_network(self) -> VGG19:
        """In float32, to measure the result with: the one at hand, if it is such."""
        if self.place.precision != "float32":
            self._compute_in(Device(self.place.torch_device, "float32"))
        return self._network

    def _network_for(self, place: Device) -> VGG19:
        return VGG19(self.weights.tensors, device=place.torch_device, dtype=place.dtype)

    def _tell_step(self, number: int, spent: int, step: Evaluated) -> None:
        self.evaluations += 1
        done = sum(s.evaluations for s in self.scales[:number]) + spent
        total = sum(s.evaluations for s in self.scales)
        paid, whole = self._cost(number, spent), self._cost(len(self.scales), 0)
        elapsed = time.perf_counter() - self._began
        seconds_left = elapsed * (whole - paid) / (paid - self._paid_before)
        pixels = without_margin(step.pixels)
        self.emit(Step(done, total, number + 1, step.round, step.terms, pixels, seconds_left))

    def _cost(self, number: int, spent: int) -> float:
        """What ``spent`` evaluations of scale ``number`` and all of those before cost together.

        An evaluation costs about as many seconds as it has pixels, whatever the scale.
        """
        before = sum(scale.evaluations * scale.factor**2 for scale in self.scales[:number])
        return before + (spent * self.scales[number].factor ** 2 if spent else 0.0)


@dataclass
class _ScaleState:
    """How far a scale has come: its best pixels with their margin, and the evaluations spent.

    ``has_shrunk``: it ran out of memory once. ``rounds`` and ``optimizer_state``, of the optimiser: what a resumed
    descent goes on from.
    """

    canvas: Tensor
    plan: MemoryPlan
    spent: int = 0
    has_shrunk: bool = False
    rounds: int = 0
    optimizer_state: OptimizerState | None = None
