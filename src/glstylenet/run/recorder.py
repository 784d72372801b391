"""Recorder: it saves the states of a run while that computes, and finds the one to resume from."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from glstylenet.errors import InputError, OutputError
from glstylenet.memory import MemoryPlan, check_plan, refitted
from glstylenet.optim import check_tensors
from glstylenet.run.assembly import make_optimizer
from glstylenet.run.canvas import canvas_size
from glstylenet.run.checkpoint import Run, State, checkpoint_file, load, refuse_link, save
from glstylenet.run.events import Event, Warned
from glstylenet.run.identity import Identity
from glstylenet.run.memory_budget import PlannedScale
from glstylenet.run.preparation import Preparation

__all__ = ["Recorder", "open_checkpoint"]


@dataclass
class Recorder:
    """`Recorder` saves the states of ``run`` into ``folder``.

    A state that cannot be written does not end the run: there is one warning, and the checkpoint before
    stays.
    """

    folder: Path
    run: Run
    emit: Callable[[Event], None]
    has_failed: bool = False

    def save(self, state: State) -> None:
        """Save ``state`` in place of the one before."""
        try:
            save(self.folder, self.run, state)
        except OutputError as error:
            if not self.has_failed:
                self.emit(Warned(f"the checkpoint could not be saved, and the run goes on: {error}"))
            self.has_failed = True


def open_checkpoint(
    folder: Path, prepared: Preparation, *, resume: bool, emit: Callable[[Event], None]
) -> tuple[Recorder, State | None, Preparation]:
    """Prepare ``folder`` for the checkpoints of a run, and read the one to ``resume`` from.

    Returns the recorder, the state to continue from (``None`` without ``resume``), and the run with the
    plans it continues with. A resumed run keeps the memory plans it began with, because other tiles sum in
    another order and a history may be shorter; those that no longer fit are replaced by the prepared ones.

    Raises :class:`~glstylenet.errors.InputError` if there is no state, it is damaged or another run's, naming
    the differences, and :class:`~glstylenet.errors.OutputError` if the folder cannot be used.
    """
    refuse_link(folder)
    identity = Identity.of(prepared)
    machine = {
        "device": str(prepared.device.torch_device),
        "torch": str(torch.__version__),
        "threads": str(torch.get_num_threads()),
    }
    state: State | None = None
    if resume:

        def check(saved: Run, state: State) -> None:
            _refuse_another_run(checkpoint_file(folder), identity, saved.identity)
            _check_state(saved, state, prepared)

        saved, state = load(folder, check)
        changes = [
            f"{name} {saved.machine.get(name)} (here {value})"
            for name, value in machine.items()
            if saved.machine.get(name) != value
        ]
        if changes:
            emit(Warned(f"the checkpoint was made with {', '.join(changes)}; the last digits may differ"))
        prepared = replace(
            prepared,
            scales=[
                _keep_plan(plan, planned, prepared.allowed)
                for planned, plan in zip(prepared.scales, saved.plans, strict=True)
            ],
        )
        if not state.has_shrunk:
            planned = prepared.scales[state.scale]
            estimate = replace(planned.estimate, precision=state.precision)
            plan = refitted(state.plan, estimate, prepared.allowed) or planned.plan
            state = replace(state, plan=plan)
    _make_folder(folder)
    plans = tuple(planned.plan for planned in prepared.scales)
    return Recorder(folder, Run(identity, machine, plans), emit), state, prepared


def _keep_plan(plan: MemoryPlan, planned: PlannedScale, allowed: int) -> PlannedScale:
    """Return ``planned`` with the earlier ``plan`` if that fits into ``allowed`` bytes."""
    return replace(planned, plan=refitted(plan, planned.estimate, allowed) or planned.plan)


def _refuse_another_run(path: Path, identity: Identity, saved: Identity) -> None:
    differences = identity.differences(saved)
    if differences:
        raise InputError(
            f"{path}: the checkpoint is of another run: {'; '.join(differences)}; give what that run was "
            f"given, or begin anew"
        )


def _check_state(saved: Run, state: State, prepared: Preparation) -> None:
    """Raise ``ValueError`` if ``state`` is impossible in the run ``prepared``, which is the ``saved`` one."""
    scales = prepared.scales
    if len(saved.plans) != len(scales):
        raise ValueError(f"it has {len(saved.plans)} plans, expected {len(scales)}")
    if state.scale >= len(scales):
        raise ValueError(f"it is at size {state.scale + 1} of {len(scales)}")
    for planned, plan in zip(scales, saved.plans, strict=True):
        check_plan(plan, planned.estimate)
    check_plan(state.plan, scales[state.scale].estimate)
    scale = scales[state.scale].scale
    if not state.rounds <= state.spent <= scale.evaluations:
        raise ValueError(
            f"{state.rounds} rounds with {state.spent} evaluations of {scale.evaluations} cannot be"
        )
    most = [each.scale.evaluations for each in scales[: state.scale]]
    if len(state.earlier) != len(most) or any(map(int.__gt__, state.earlier, most)):
        raise ValueError(f"the sizes before had {list(state.earlier)} evaluations, at most {most}")
    if state.precision not in ("float32", prepared.device.precision):
        raise ValueError(f"it computes in {state.precision}, expected {prepared.device.precision}")
    shape = torch.Size((1, 3, *canvas_size(scale.size)))
    check_tensors({"canvas": state.canvas}, {"canvas": (shape, torch.float32)})
    low, high = torch.stack(state.canvas.aminmax()).tolist()
    if low < 0.0 or high > 255.0:
        raise ValueError(f"its pixels are {low:g} to {high:g}, expected 0 to 255")
    if not state.complete:
        make_optimizer(prepared.settings, state.plan).check_state(state.optimizer_state, shape)
    elif state.scale != len(scales) - 1 or state.optimizer_state.tensors or state.optimizer_state.numbers:
        raise ValueError("it is complete, but holds what a run needs to continue")


def _make_folder(folder: Path) -> None:
    """Make ``folder`` if only it is missing, and check that files can be written there."""
    try:
        folder.mkdir(exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OutputError(
            f"{folder}: the folder for the checkpoint cannot be used ({error.strerror}); choose another one"
        ) from error
