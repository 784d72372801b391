"""Checkpoints: the state of a run in one file, from which it continues after an interruption.

The file holds the state *between two rounds of matching*: the best pixels, the state of the optimiser, and
how far the run has come. A round depends on nothing else, so on the same machine, in float32 on the CPU, a
resumed run computes exactly the picture of an undisturbed one. A run that is stopped within a round repeats
that round: at most ``round_length`` evaluations. Where ``round_length`` is 1 there is no state between two
rounds, and only the beginning of each scale is saved.

The format is safetensors with the facts as JSON in its metadata; nothing is pickled. The file is written
under another name and then renamed, so a process that is killed leaves the checkpoint before. Its largest
part is the history of L-BFGS, up to :func:`~glstylenet.optim.lbfgs_memory.history_bytes`.
"""

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import torch
from pydantic import TypeAdapter
from torch import Tensor

import glstylenet
from glstylenet.errors import InputError, OutputError
from glstylenet.files import replacing
from glstylenet.memory import MemoryPlan, refitted
from glstylenet.optim import OptimizerState
from glstylenet.run.events import Event, Warned
from glstylenet.run.memory_budget import PlannedScale
from glstylenet.run.preparation import Preparation
from glstylenet.settings import INIT_CHOICES

__all__ = [
    "ALGORITHM_VERSION",
    "Identity",
    "Recorder",
    "Run",
    "State",
    "checkpoint_file",
    "load",
    "open_checkpoint",
    "remove_checkpoint",
    "save",
]


_NAME = "checkpoint.safetensors"


ALGORITHM_VERSION = 6
"""The version of the numerics: raise it by one whenever the same settings come to compute another picture,
and whenever the layout of this file changes.

A checkpoint of another version is refused, because a run that continued from it would be neither the old run
nor a new one. ``tests/test_algorithm_version.py`` fails when the numbers of small runs change without it.
1 had another initial scale of L-BFGS and other shares of the sizes; 2 kept no tiles in half precision, and
its plans do not say so; 3 did not fit the preconditioner to the curvature; 4 fitted it to pixels that did not
move, too; 5 had other keys in this file."""


_PREFIX = "optimizer."


_DTYPES = {torch.float32: "F32", torch.float16: "F16"}


_BLOCK_ENTRIES = 2**22
"""Numbers that are written at a time, so that a large history is never in memory twice."""


_NOT_DECISIVE = frozenset({"device", "max_pixels", "memory", "strict", "weights"})
"""Settings that may differ in a resumed run: the state holds what memory and device decided, and the weights
are compared by their digest."""


@dataclass(frozen=True)
class Identity:
    """`Identity` holds what decides the picture of a run.

    That is the ``version`` of the program, the decisive ``settings``, the SHA-256 of the ``inputs`` by role,
    and that of the ``weights``.
    """

    version: str
    settings: Mapping[str, object]
    inputs: Mapping[str, str]
    weights: str

    @classmethod
    def of(cls, prepared: Preparation) -> "Identity":
        """Return the identity of a run with the precision that its settings were resolved to."""
        settings = prepared.settings.replace(precision=prepared.device.precision)
        table = settings.model_dump(mode="json")
        if settings.init not in INIT_CHOICES:
            table["init"] = "a picture"  # compared by its SHA-256; the file may have been moved
        return cls(
            version=glstylenet.__version__,
            settings={name: value for name, value in table.items() if name not in _NOT_DECISIVE},
            inputs={role: origin.sha256 for role, origin in prepared.inputs.origins.items()},
            weights=prepared.weights.digest,
        )

    def differences(self, saved: "Identity") -> list[str]:
        """Return in words what is different in a ``saved`` run; nothing if both compute the same picture."""
        found = []
        if self.version != saved.version:
            found.append(f"glstylenet is {self.version}, it was {saved.version}")
        for name in sorted({*self.settings, *saved.settings}):
            value, old_value = self.settings.get(name), saved.settings.get(name)
            if value != old_value:
                found.append(f"{name} is {value!r}, it was {old_value!r}")
        for role in sorted({*self.inputs, *saved.inputs}):
            digest, old_digest = self.inputs.get(role), saved.inputs.get(role)
            if digest != old_digest:
                found.append(f"the {role.replace('_', ' ')} is {_short(digest)}, it was {_short(old_digest)}")
        if self.weights != saved.weights:
            found.append(f"the weights are {_short(self.weights)}, they were {_short(saved.weights)}")
        return found


@dataclass(frozen=True)
class Run:
    """`Run` holds what stays the same during a run.

    That is its ``identity``, the facts about the ``machine`` that may change the last digits, by name, and
    the memory ``plans`` of all scales.
    """

    identity: Identity
    machine: Mapping[str, str]
    plans: tuple[MemoryPlan, ...]


@dataclass(frozen=True)
class State:
    """`State` holds how far a run has come, between two rounds.

    - ``scale`` (from 0) is in progress with ``plan`` and ``precision``; ``spent`` evaluations and ``rounds``
      rounds of it are done, and ``has_shrunk`` says whether it ran out of memory once.
    - ``evaluations`` counts those of the whole run; ``complete``: there are none left.
    - ``canvas``: the best pixels with their margin, (1, 3, h, w) float32, 0..255.
    - ``optimizer_state``: the state of the optimiser.
    """

    scale: int
    plan: MemoryPlan
    precision: str
    has_shrunk: bool
    spent: int
    rounds: int
    evaluations: int
    complete: bool
    canvas: Tensor
    optimizer_state: OptimizerState


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
    identity = Identity.of(prepared)
    machine = {
        "device": str(prepared.device.torch_device),
        "torch": str(torch.__version__),
        "threads": str(torch.get_num_threads()),
    }
    state: State | None = None
    if resume:
        saved, state = load(folder)
        _refuse_another_run(checkpoint_file(folder), identity, saved.identity)
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


_RUN_PARSER, _PLAN_PARSER = TypeAdapter(Run), TypeAdapter(MemoryPlan)


def checkpoint_file(folder: Path) -> Path:
    """Return the path of the checkpoint in ``folder``."""
    return folder / _NAME


def remove_checkpoint(folder: Path) -> None:
    """Remove the checkpoint in ``folder``, if there is one; the folder stays."""
    try:
        checkpoint_file(folder).unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(
            f"{checkpoint_file(folder)}: the checkpoint is done with and cannot be removed ({error.strerror})"
        ) from error


def save(folder: Path, run: Run, state: State) -> None:
    """Write ``run`` and its ``state`` into ``folder``, in place of the checkpoint before.

    Raises :class:`~glstylenet.errors.OutputError` if that fails; the checkpoint before then stays.
    """
    tensors = {"canvas": state.canvas.detach().contiguous()}
    tensors |= {_PREFIX + name: tensor.contiguous() for name, tensor in state.optimizer_state.tensors.items()}
    facts = _facts(run, state)
    header: dict[str, object] = {"__metadata__": {"state": facts, "sha256": _digest(facts, tensors)}}
    offset = 0
    for name, tensor in tensors.items():
        end = offset + tensor.nbytes
        header[name] = {
            "dtype": _DTYPES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [offset, end],
        }
        offset = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with replacing(checkpoint_file(folder), overwrite=True) as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for tensor in tensors.values():
            for block in _blocks(tensor):
                file.write(block)


def load(folder: Path) -> tuple[Run, State]:
    """Read the run and the state in ``folder``, with tensors on the CPU.

    Raises :class:`~glstylenet.errors.InputError` if there is none, it is damaged, or another
    ``ALGORITHM_VERSION`` wrote it.
    """
    path = checkpoint_file(folder)
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            # Copied: the file is replaced while the run continues.
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
        facts = metadata["state"]
        if _digest(facts, tensors) != metadata["sha256"]:
            raise ValueError("its checksum is wrong")
        table = json.loads(facts)
        version = table.get("algorithm_version", "before 6")  # those had it elsewhere in the file
        if version == ALGORITHM_VERSION:
            return _parsed(table, tensors)
    except FileNotFoundError as error:
        raise InputError(
            f"{path}: there is no checkpoint to go on from; name the folder of the run that was interrupted, "
            f"or begin it without resume"
        ) from error
    except (
        OSError,
        safetensors.SafetensorError,
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
    ) as error:
        raise InputError(
            f"{path}: the checkpoint is damaged or not one of glstylenet's ({error}); remove it and "
            f"begin anew"
        ) from error
    raise InputError(
        f"{path}: the checkpoint is of another version of glstylenet, in which the same settings compute "
        f"another picture (its algorithm version is {version}, expected {ALGORITHM_VERSION}); finish that "
        f"run with the program that began it, or begin anew without resume"
    )


def _refuse_another_run(path: Path, identity: Identity, saved: Identity) -> None:
    differences = identity.differences(saved)
    if differences:
        raise InputError(
            f"{path}: the checkpoint is of another run: {'; '.join(differences)}; give what that run was "
            f"given, or begin anew"
        )


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


def _facts(run: Run, state: State) -> str:
    """Return everything but the tensors, as JSON."""
    simple = {
        field.name: getattr(state, field.name)
        for field in fields(state)
        if field.name not in ("plan", "canvas", "optimizer_state")
    }
    table = {
        "algorithm_version": ALGORITHM_VERSION,
        "run": asdict(run),
        "state": {**simple, "plan": asdict(state.plan)},
        "optimizer_state": state.optimizer_state.numbers,
    }
    return json.dumps(table)


def _parsed(table: dict[str, Any], tensors: Mapping[str, Tensor]) -> tuple[Run, State]:
    """Return the run and the state from the JSON of :func:`_facts` and the tensors."""
    optimizer_tensors = {
        name.removeprefix(_PREFIX): tensor for name, tensor in tensors.items() if name.startswith(_PREFIX)
    }
    plan = _PLAN_PARSER.validate_python(table["state"].pop("plan"))
    state = State(
        **table["state"],
        plan=plan,
        canvas=tensors["canvas"],
        optimizer_state=OptimizerState(optimizer_tensors, table["optimizer_state"]),
    )
    return _RUN_PARSER.validate_python(table["run"]), state


def _blocks(tensor: Tensor) -> Iterator[memoryview]:
    """Yield the bytes of a contiguous ``tensor``, block by block."""
    flat = tensor.view(-1)
    for start in range(0, flat.numel(), _BLOCK_ENTRIES):
        yield flat[start : start + _BLOCK_ENTRIES].cpu().numpy().view(np.uint8).data


def _digest(facts: str, tensors: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 of the file's contents, whatever its layout."""
    digest = hashlib.sha256(facts.encode())
    for name in sorted(tensors):
        digest.update(f"{name} {tuple(tensors[name].shape)}".encode())
        for block in _blocks(tensors[name]):
            digest.update(block)
    return digest.hexdigest()


def _short(digest: str | None) -> str:
    return "none" if digest is None else f"SHA-256 {digest[:12]}"
