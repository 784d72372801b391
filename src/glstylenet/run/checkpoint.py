"""Checkpoint: the state of a run in one file, from which it goes on after an interruption.

What is kept is the state *between two rounds of matching*: the best pixels, what the optimiser has optimizer_state,
and how far the run has come. A round depends on nothing else, so on the same machine, in float32 on the CPU,
a resumed run paints exactly the picture of an undisturbed one. A run that is stopped within a round keeps
nothing newer and repeats that round: at most ``round_length`` evaluations. Where ``round_length`` is 1 the
optimiser is never between two rounds, and only the beginning of each scale is kept.

The file is safetensors with the facts as JSON in its metadata; nothing is pickled. It is written block by
block beside its place and then named, so a process that is killed leaves the checkpoint before. Its largest
part is the history of L-BFGS, up to :func:`~glstylenet.optim.lbfgs_memory.history_bytes`.
"""

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import numpy as np
import safetensors
import torch
from pydantic import TypeAdapter
from torch import Tensor

import glstylenet
from glstylenet.errors import InputError, OutputError
from glstylenet.files import replacing
from glstylenet.memory import MemoryEstimate, MemoryPlan, refitted
from glstylenet.optim import OptimizerState
from glstylenet.run.events import Event, Warned
from glstylenet.run.inputs import Origin
from glstylenet.settings import INIT_CHOICES, Settings

__all__ = [
    "ALGORITHM_VERSION",
    "Identity",
    "Recorder",
    "Run",
    "State",
    "checkpoint_file",
    "load",
    "open_checkpoint",
    "remove",
    "save",
]


_NAME = "checkpoint.safetensors"


ALGORITHM_VERSION = 5
"""Raised where the same settings of one version come to paint another picture: 1 had another first initial_scale of
L-BFGS and other shares of the sizes; 2 kept no tiles in half precision, and its plans do not say so; 3 did
not learn where the objective is steep; 4 optimizer_state of pixels that did not move, too."""


_PREFIX = "optimizer."


_KINDS = {torch.float32: "F32", torch.float16: "F16"}


_BLOCK_ENTRIES = 2**22  # written at a time, so that a large history is never in memory twice


_NOT_DECISIVE = frozenset({"device", "max_pixels", "memory", "strict", "weights"})
"""Settings that may change: the state tells what memory and device decided, a digest the weights."""


@dataclass(frozen=True)
class Identity:
    """What decides the picture of a run: the program's ``version`` and ``method``, the decisive ``settings``,
    the SHA-256 of the ``inputs`` by role, and that of the ``weights``."""

    version: str
    settings: Mapping[str, object]
    inputs: Mapping[str, str]
    weights: str
    algorithm_version: int = 1  # of files that do not tell

    @classmethod
    def of(
        cls, settings: Settings, precision: str, origins: Mapping[str, Origin], weights_digest: str
    ) -> "Identity":
        """``settings`` as they took effect, with the ``precision`` that was resolved from them."""
        table = settings.replace(precision=precision).model_dump(mode="json")
        if settings.init not in INIT_CHOICES:
            table["init"] = "a picture"  # which one, its hash tells; it may have been moved
        return cls(
            version=glstylenet.__version__,
            settings={name: value for name, value in table.items() if name not in _NOT_DECISIVE},
            inputs={role: origin.sha256 for role, origin in origins.items()},
            weights=weights_digest,
            algorithm_version=ALGORITHM_VERSION,
        )

    def differences(self, saved: "Identity") -> list[str]:
        """In words, what is different in a ``saved`` run; nothing if the runs paint the same picture."""
        found = []
        if self.version != saved.version:
            found.append(f"glstylenet is {self.version}, it was {saved.version}")
        if self.algorithm_version != saved.algorithm_version:
            found.append(
                f"the same settings paint another picture (method {self.algorithm_version}, it was {saved.algorithm_version})"
            )
        for name in sorted({*self.settings, *saved.settings}):
            now, then = self.settings.get(name), saved.settings.get(name)
            if now != then:
                found.append(f"{name} is {now!r}, it was {then!r}")
        for role in sorted({*self.inputs, *saved.inputs}):
            here, there = self.inputs.get(role), saved.inputs.get(role)
            if here != there:
                found.append(f"the {role.replace('_', ' ')} is {_short(here)}, it was {_short(there)}")
        if self.weights != saved.weights:
            found.append(f"the weights are {_short(self.weights)}, they were {_short(saved.weights)}")
        return found


@dataclass(frozen=True)
class Run:
    """What stays the same during a run: its ``identity``, the ``machine`` (what may change the last digits,
    by name) and the ``plans`` of all scales."""

    identity: Identity
    machine: Mapping[str, str]
    plans: tuple[MemoryPlan, ...]


@dataclass(frozen=True)
class State:
    """Where a run is, between two rounds.

    ``scale`` (from 0) is under way with ``plan`` and ``precision``, ``spent`` evaluations and ``rounds``
    rounds into it; ``has_shrunk``: it ran out of memory once. ``evaluations``: of the whole run.
    ``complete``: nothing is left to paint. ``canvas``: the best pixels, (1, 3, h, w) with margin, float32,
    0..255. ``optimizer_state``: what the optimiser knows.
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
    """Saves the states of ``run`` into ``folder``. A state that cannot be written is not worth the run:
    ``emit`` hears a warning, once, and the checkpoint before stays."""

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
    folder: Path,
    identity: Identity,
    planned: list[tuple[MemoryEstimate, MemoryPlan]],
    *,
    resume: bool,
    device: torch.device,
    allowed: int,
    emit: Callable[[Event], None],
) -> tuple[Recorder, State | None, list[tuple[MemoryEstimate, MemoryPlan]]]:
    """What saves a run into ``folder``, the state it goes on from if it is to ``resume``, and its plans.

    A resumed run keeps the plans it began with, for other ones sum in another order and may have a shorter
    history; only where they do not fit into ``allowed`` bytes any more, it gets those ``planned`` now. Raises
    :class:`~glstylenet.errors.InputError` if there is no state, it is damaged or another run's, naming what
    differs, and :class:`~glstylenet.errors.OutputError` if the folder cannot be used.
    """
    machine = {
        "device": str(device),
        "torch": str(torch.__version__),
        "threads": str(torch.get_num_threads()),
    }
    state: State | None = None
    if resume:
        saved, state = load(folder)
        _refuse_another_run(checkpoint_file(folder), identity, saved.identity)
        changes = [
            f"{name} {saved.machine.get(name)} (here {here})"
            for name, here in machine.items()
            if saved.machine.get(name) != here
        ]
        if changes:
            emit(Warned(f"the checkpoint was made with {', '.join(changes)}; the last digits may differ"))
        planned = [
            (demand, refitted(then, demand, allowed) or now)
            for (demand, now), then in zip(planned, saved.plans, strict=True)
        ]
        if not state.has_shrunk:
            demand, now = planned[state.scale]
            demand = replace(demand, precision=state.precision)
            state = replace(state, plan=refitted(state.plan, demand, allowed) or now)
    _make_folder(folder)
    return Recorder(folder, Run(identity, machine, tuple(plan for _, plan in planned)), emit), state, planned


_RUN, _PLAN = TypeAdapter(Run), TypeAdapter(MemoryPlan)


def checkpoint_file(folder: Path) -> Path:
    """The file in ``folder`` that holds the state."""
    return folder / _NAME


def remove(folder: Path) -> None:
    """Remove the checkpoint in ``folder``, if there is one; the folder stays."""
    try:
        checkpoint_file(folder).unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(
            f"{checkpoint_file(folder)}: the checkpoint is done with and cannot be removed ({error.strerror})"
        ) from error


def save(folder: Path, run: Run, state: State) -> None:
    """Write ``run`` and its ``state`` into ``folder`` in place of the one before, at once or not at all.

    Raises :class:`~glstylenet.errors.OutputError` if that fails; the one before stays.
    """
    tensors = {"canvas": state.canvas.detach().contiguous()}
    tensors |= {_PREFIX + name: tensor.contiguous() for name, tensor in state.optimizer_state.tensors.items()}
    facts = _facts(run, state)
    header: dict[str, object] = {"__metadata__": {"state": facts, "sha256": _digest(facts, tensors)}}
    offset = 0
    for name, tensor in tensors.items():
        end = offset + tensor.nbytes
        header[name] = {
            "dtype": _KINDS[tensor.dtype],
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
    """The run and the state in ``folder``, tensors on the CPU.

    Raises :class:`~glstylenet.errors.InputError` if there is none or it is damaged.
    """
    path = checkpoint_file(folder)
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            # Copied: the file is replaced while the run goes on.
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
        facts = metadata["state"]
        if _digest(facts, tensors) != metadata["sha256"]:
            raise ValueError("its checksum is wrong")
        return _parsed(facts, tensors)
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


def _refuse_another_run(path: Path, identity: Identity, saved: Identity) -> None:
    differences = identity.differences(saved)
    if differences:
        raise InputError(
            f"{path}: the checkpoint is of another run: {'; '.join(differences)}; give what that run was "
            f"given, or begin anew"
        )


def _make_folder(folder: Path) -> None:
    """Make ``folder`` if only it is missing, and see whether it can be written to."""
    try:
        folder.mkdir(exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OutputError(
            f"{folder}: the folder for the checkpoint cannot be used ({error.strerror}); choose another one"
        ) from error


def _facts(run: Run, state: State) -> str:
    """All but the tensors, as JSON."""
    simple = {
        field.name: getattr(state, field.name)
        for field in fields(state)
        if field.name not in ("plan", "canvas", "optimizer_state")
    }
    table = {
        "run": asdict(run),
        "state": {**simple, "plan": asdict(state.plan)},
        "optimizer_state": state.optimizer_state.numbers,
    }
    return json.dumps(table)


def _parsed(facts: str, tensors: Mapping[str, Tensor]) -> tuple[Run, State]:
    """What :func:`_facts` and the tensors were made from."""
    table = json.loads(facts)
    optimizer_state = {
        name.removeprefix(_PREFIX): tensor for name, tensor in tensors.items() if name.startswith(_PREFIX)
    }
    plan = _PLAN.validate_python(table["state"].pop("plan"))
    state = State(
        **table["state"],
        plan=plan,
        canvas=tensors["canvas"],
        optimizer_state=OptimizerState(optimizer_state, table["optimizer_state"]),
    )
    return _RUN.validate_python(table["run"]), state


def _blocks(tensor: Tensor) -> Iterator[memoryview]:
    """The bytes of a contiguous ``tensor``, block by block."""
    flat = tensor.view(-1)
    for start in range(0, flat.numel(), _BLOCK_ENTRIES):
        yield flat[start : start + _BLOCK_ENTRIES].cpu().numpy().view(np.uint8).data


def _digest(facts: str, tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 of everything in the file that is not layout."""
    digest = hashlib.sha256(facts.encode())
    for name in sorted(tensors):
        digest.update(f"{name} {tuple(tensors[name].shape)}".encode())
        for block in _blocks(tensors[name]):
            digest.update(block)
    return digest.hexdigest()


def _short(digest: str | None) -> str:
    return "none" if digest is None else f"SHA-256 {digest[:12]}"
