"""The loop of a run: it optimises from coarse to fine, each size from the result of the one before.

    for each scale, coarse to fine:          scales
        copy the style's strokes             strokes, objective.copy_strokes
        for each round:                      rounds
            find the nearest neighbours      objective.match                    (Eq. 3)
            lower the loss for ~12 steps     optim, over objective.evaluate     (Eq. 8)

Working at several sizes is a deviation from the paper, which works at full size only: ``scales=1`` is that.
Every scale has a memory plan of its own. Where a precision or a plan fails, the scale continues from its best
pixels with a safer one.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from torch import Tensor

from glstylenet.errors import MemoryLimitError, OptimizationError
from glstylenet.machine import Device, Stopwatch, memory_pool, out_of_memory
from glstylenet.memory import MemoryEstimate, MemoryPlan, plan_memory, smaller_tiles
from glstylenet.network import VGG19
from glstylenet.numerics import Interrupted, interruptible
from glstylenet.objective import LossTerms, Objective, TargetCache
from glstylenet.optim import OptimizerState
from glstylenet.pictures import resize
from glstylenet.run.assembly import make_objective, make_optimizer
from glstylenet.run.canvas import with_margin, without_margin
from glstylenet.run.checkpoint import State
from glstylenet.run.events import Event, Matched, ScaleStarted, Step, Voted, Warned
from glstylenet.run.grey import make_grey
from glstylenet.run.memory_budget import PlannedScale, smaller_tiles_warning
from glstylenet.run.preparation import Preparation
from glstylenet.run.recorder import Recorder
from glstylenet.run.rounds import NO_FINITE_STEP, Evaluated, Rematched, Settled, optimise_in_rounds
from glstylenet.run.start import start_pixels
from glstylenet.run.strokes import copy_strokes, copy_strokes_by_maps, votes_before
from glstylenet.run.style_colours import in_style_distribution

__all__ = ["CoarseToFine"]


_LEAST_GAIN = 0.005
"""Share of the loss that a round must lower it by for another to follow at the same size, where no number of
evaluations was asked for."""


@dataclass
class CoarseToFine:
    """`CoarseToFine` optimises a prepared run through its scales.

    ``store`` may hold targets of other runs. ``recorder`` saves the state before every round and at the end,
    ``resumed`` is such a state to continue from. Afterwards ``evaluations`` counts those of each size in the
    whole run, ``terms`` are those of the last, ``None`` if this run has done none, ``stopped`` says whether
    ``should_stop`` ended it, and ``stopwatch`` holds the seconds of each part.
    """

    prepared: Preparation
    emit: Callable[[Event], None]
    should_stop: Callable[[], bool]
    store: TargetCache
    recorder: Recorder | None = None
    resumed: State | None = None

    def __post_init__(self) -> None:
        self.evaluations: list[int] = []
        if self.resumed is not None:
            self.evaluations = [*self.resumed.earlier, self.resumed.spent]
        self.stopped = False
        self.terms: LossTerms | None = None
        self._has_picture = self.resumed is not None
        self.stopwatch = Stopwatch()
        self._use(self.prepared.device)
        self._began = time.perf_counter()
        self._work_before = 0.0

    def optimise(self) -> Tensor:
        """Optimise all scales; return the pixels (1, 3, H, W) of the result, 0..255."""
        self._began = time.perf_counter()
        prepared, scales = self.prepared, self.prepared.scales
        saved, self.resumed = self.resumed, None
        if saved is not None and saved.complete:
            return resize(without_margin(saved.canvas.to(self._device.torch_device)), prepared.inputs.size)
        if saved is None:
            settings = prepared.settings
            start = start_pixels(prepared.inputs, settings.init, scales[0].scale.size, settings.seed)
            if prepared.inputs.are_grey:
                start = make_grey(start)
            first, state = 0, self._start_scale(scales[0], start.to(self._device.torch_device))
            del start
        else:
            first, state = saved.scale, self._resume_scale(saved)
            del saved  # the optimiser takes its history over and frees it
        for number in range(first, len(scales)):
            self.emit(ScaleStarted(number + 1, len(scales), scales[number].scale))
            if number > first:
                state = self._start_scale(scales[number], without_margin(state.canvas))
            self.evaluations = [*self.evaluations[:number], state.spent]
            self._optimise_scale(number, state)
            if self.stopped:
                break
        else:
            self._save(number, state, OptimizerState({}, {}), complete=True)
        return resize(without_margin(state.canvas), prepared.inputs.size)

    def float32_network(self) -> VGG19:
        """Return a network that computes in float32: the current one, if it does."""
        if self._device.precision != "float32":
            self._use(Device(self._device.torch_device, "float32"))
        return self._network

    def _use(self, device: Device) -> None:
        """Compute on ``device``, in its precision, from now on."""
        self._device = device
        self._network = VGG19(self.prepared.weights.tensors, device=device.torch_device, dtype=device.dtype)

    def _start_scale(self, planned: PlannedScale, pixels: Tensor) -> "_ScaleState":
        """Return the state in which a scale starts from ``pixels`` of any size."""
        if self._device != self.prepared.device:  # the scale before ended in float32
            self._use(self.prepared.device)
        return _ScaleState(with_margin(resize(pixels, planned.scale.size)), planned.plan)

    def _resume_scale(self, saved: State) -> "_ScaleState":
        """Return the state of the scale that was ``saved`` half-way."""
        if self._device.precision != saved.precision:
            self._use(Device(self._device.torch_device, saved.precision))
        self._work_before = self._work(saved.scale, saved.spent)
        return _ScaleState(
            canvas=saved.canvas.to(self._device.torch_device),
            plan=saved.plan,
            spent=saved.spent,
            has_shrunk=saved.has_shrunk,
            rounds=saved.rounds,
            has_voted=saved.has_voted,
            lowered=saved.rounds > 0,  # a round that lowers nothing is a scale's last
            optimizer_state=saved.optimizer_state,
        )

    def _optimise_scale(self, number: int, state: "_ScaleState") -> None:
        """Spend the evaluations of a scale, with smaller tiles or in float32 where that is necessary.

        Raises :class:`~glstylenet.errors.OptimizationError` if evaluations were not finite and no other one
        lowered the loss: such pixels are not a result.
        """
        planned = self.prepared.scales[number]
        evaluations = planned.scale.evaluations
        estimate = replace(planned.estimate, precision=self._device.precision)
        while (state.spent < evaluations or not state.has_voted) and not (state.has_settled or self.stopped):
            try:
                with interruptible(self._should_stop_within_an_evaluation):
                    self._optimise(number, state)
            except Interrupted:
                self.stopped = True
            except OptimizationError:
                if self._device.precision == "float32" or state.spent >= evaluations:
                    raise
            except (MemoryError, RuntimeError) as error:
                if state.has_shrunk or not out_of_memory(error):
                    raise
                state.has_shrunk, state.plan = True, smaller_tiles(state.plan, estimate)
                self.emit(Warned(smaller_tiles_warning("this size goes on", state.plan)))
                continue
            if state.spent < evaluations and not (state.has_settled or self.stopped):
                if self._device.precision == "float32":
                    break  # the loss cannot be lowered further at this size
                # bfloat16 rounds the loss to steps that can hide the last of a descent; float32 resolves it.
                self.emit(Warned("bfloat16 found no further way down; this size goes on in float32"))
                self._use(Device(self._device.torch_device, "float32"))
                estimate = replace(estimate, precision="float32")
                state.plan = self._plan_again(state, estimate)
        if state.failed and not state.lowered and not self.stopped:
            raise OptimizationError(NO_FINITE_STEP)

    def _should_stop_within_an_evaluation(self) -> bool:
        """Return whether to stop before the present evaluation is done.

        The first one is always completed, because there would be no picture but the start.
        """
        return self._has_picture and self.should_stop()

    def _plan_again(self, state: "_ScaleState", estimate: MemoryEstimate) -> MemoryPlan:
        """Return a plan for an ``estimate`` that has grown; the smallest tiles if it cannot be met."""
        if not state.has_shrunk:  # else the machine has less memory than was planned with
            try:
                return plan_memory(estimate, self.prepared.allowed)
            except MemoryLimitError:
                pass
        return smaller_tiles(state.plan, estimate)

    def _optimise(self, number: int, state: "_ScaleState") -> None:
        """Spend the evaluations that are left to a scale, for as long as the loss can be lowered."""
        settings = self.prepared.settings
        scale = self.prepared.scales[number].scale
        objective = self._objective(number, state.plan)
        alpha = self.prepared.inputs.alpha_at(scale.size)
        optimizer = make_optimizer(settings, state.plan)
        if not state.has_voted:
            self._save(number, state, optimizer.state_dict())  # a vote that is stopped is cast anew
            self._copy_strokes(number, state, objective, alpha)
        if self.stopped or state.spent >= scale.evaluations:
            return
        rounds_before, state.rounds = state.rounds, 0
        if state.optimizer_state is not None:
            optimizer.load_state_dict(state.optimizer_state, state.canvas)
            state.optimizer_state = None
        for step in optimise_in_rounds(
            objective,
            optimizer,
            state.canvas,
            evaluations=scale.evaluations - state.spent,
            round_length=settings.round_length,
            rounds_before=rounds_before,
            project=make_grey if self.prepared.inputs.are_grey else None,
            before_round=lambda rounds: self._save(number, state, optimizer.state_dict(), rounds=rounds),
            least_gain=_LEAST_GAIN if settings.iterations is None else 0.0,
        ):
            if isinstance(step, Settled):
                state.has_settled = True
                return
            if isinstance(step, Rematched):
                self.emit(Matched(step.round, step.seconds))
                continue
            state.canvas = step.pixels
            state.spent += 1
            state.lowered |= step.lowered
            state.failed |= not step.finite
            self.evaluations[number] = state.spent
            self.terms, self._has_picture = step.terms, True
            self._emit_step(number, state.spent, step, alpha)
            if not self._is_last(number, state.spent) and self.should_stop():
                self.stopped = True
                return

    def _copy_strokes(
        self, number: int, state: "_ScaleState", objective: Objective, alpha: Tensor | None
    ) -> None:
        """Repaint the canvas with copies of the style's strokes, as often as this scale asks for."""
        settings, inputs = self.prepared.settings, self.prepared.inputs
        votes = votes_before(settings, number, has_maps=inputs.semantics is not None)
        # A doodle's start has no forms to keep, and its first patches are found by the maps.
        is_doodle_start = number == 0 and inputs.content is None
        keep_forms = settings.voting == "detail" and not is_doodle_start
        canvas = state.canvas
        scales = [each.scale for each in self.prepared.scales]
        enlargement = scales[number].factor / scales[number - 1].factor if number else 1.0
        if votes and number > 0 and keep_forms and inputs.content is not None:
            # Forms keep their colours too. Those of the content's that are left would stay to the end.
            canvas = with_margin(in_style_distribution(without_margin(canvas), inputs, alpha=alpha))
        for nth in range(votes):
            if nth == 0 and is_doodle_start:
                canvas = copy_strokes_by_maps(objective, canvas)
            else:
                canvas = copy_strokes(objective, canvas, keep_forms=keep_forms, enlargement=enlargement)
            canvas = make_grey(canvas) if inputs.are_grey else canvas
        state.canvas, state.has_voted = canvas, True
        if not votes:
            return
        self._has_picture = True
        self.emit(Voted(number + 1, without_margin(canvas), alpha))
        self.stopped = not self._is_last(number, 0) and self.should_stop()

    def _is_last(self, number: int, spent: int) -> bool:
        """Return whether the optimisation ends with ``spent`` evaluations of a scale."""
        scales = self.prepared.scales
        return number == len(scales) - 1 and spent == scales[-1].scale.evaluations

    def _objective(self, number: int, plan: MemoryPlan) -> Objective:
        settings, scale = self.prepared.settings, self.prepared.scales[number].scale
        scaled = self.prepared.inputs.scaled(scale.size, scale.factor, self._device.torch_device)
        objective = make_objective(
            self._network,
            settings,
            scaled.on_canvas(),
            plan=plan,
            allowed=self.prepared.allowed,
            content_factor=1.0 if scale.factor == 1.0 else settings.coarse_content,
            store=self.store,
            stopwatch=self.stopwatch,
        )
        # Targets are computed without a backward pass, in blocks of other sizes than evaluations allocate.
        memory_pool(self._device.torch_device).give_back()
        return objective

    def _save(
        self,
        number: int,
        state: "_ScaleState",
        optimizer_state: OptimizerState,
        *,
        rounds: int = 0,
        complete: bool = False,
    ) -> None:
        if self.recorder is None:
            return
        self.recorder.save(
            State(
                scale=number,
                plan=state.plan,
                precision=self._device.precision,
                has_shrunk=state.has_shrunk,
                has_voted=state.has_voted,
                spent=state.spent,
                rounds=rounds,
                earlier=tuple(self.evaluations[:number]),
                complete=complete,
                canvas=state.canvas,
                optimizer_state=optimizer_state,
            )
        )

    def _emit_step(self, number: int, spent: int, step: Evaluated, alpha: Tensor | None) -> None:
        """Emit the event of one evaluation, with the seconds that the work left will take at this speed."""
        budgets = [each.scale.evaluations for each in self.prepared.scales]
        done, total = self._work(number, spent), self._work(len(budgets), 0)
        elapsed = time.perf_counter() - self._began
        self.emit(
            Step(
                evaluation=sum(budgets[:number]) + spent,
                evaluations=sum(budgets),
                scale=number + 1,
                round=step.round,
                terms=step.terms,
                pixels=without_margin(step.pixels),
                seconds_left=elapsed * (total - done) / (done - self._work_before),
                alpha=alpha,
            )
        )

    def _work(self, number: int, spent: int) -> float:
        """Return the work of ``spent`` evaluations of a scale and of all scales before it.

        The unit is an evaluation at full size; its seconds are about proportional to its pixels.
        """
        scales = [each.scale for each in self.prepared.scales]
        before = sum(scale.evaluations * scale.factor**2 for scale in scales[:number])
        return before + (spent * scales[number].factor ** 2 if spent else 0.0)


@dataclass
class _ScaleState:
    """`_ScaleState` holds how far a scale has come: its best pixels on the canvas, and the evaluations spent.

    ``has_shrunk``: it ran out of memory once. ``has_voted``: the strokes are copied. ``has_settled``: its
    last round gained too little for another. ``lowered``: an evaluation found a lower loss. ``failed``: an
    evaluation was not finite. ``rounds`` and ``optimizer_state``: what a resumed scale continues from, of its
    optimiser.
    """

    canvas: Tensor
    plan: MemoryPlan
    spent: int = 0
    has_shrunk: bool = False
    has_voted: bool = False
    has_settled: bool = False
    lowered: bool = False
    failed: bool = False
    rounds: int = 0
    optimizer_state: OptimizerState | None = None
