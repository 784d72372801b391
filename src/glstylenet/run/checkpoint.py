"""Checkpoints: the state of a run in one file, from which it continues after an interruption.

The file holds the state *between two rounds of matching*: the best pixels, the state of the optimiser, and
how far the run has come. A round depends on nothing else, so on the same machine, in float32 on the CPU, a
resumed run computes exactly the picture of an undisturbed one. A run that is stopped within a round repeats
that round: at most ``round_length`` evaluations. Where ``round_length`` is 1 there is no state between two
rounds, and only the beginning of each scale is saved.

The format is safetensors with the facts as JSON in its metadata; nothing is pickled. The file is written
under another name and then renamed, so a process that is killed leaves the checkpoint before. Its largest
part is the history of L-BFGS, up to :func:`~glstylenet.optim.lbfgs_memory.history_bytes`.

A file that is read may hold anything. Its facts are parsed by a schema, and the caller compares them and the
tensors with the run that is to continue, before anything of them is used.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import safetensors
import torch
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    StringConstraints,
    TypeAdapter,
    ValidationError,
)
from torch import Tensor

from glstylenet.errors import InputError, OutputError
from glstylenet.files import open_regular, replacing, schema_finding
from glstylenet.memory import MemoryPlan
from glstylenet.numerics import interruption_point
from glstylenet.optim import OptimizerState
from glstylenet.run.identity import Identity

__all__ = [
    "ALGORITHM_VERSION",
    "Run",
    "State",
    "checkpoint_file",
    "load",
    "refuse_link",
    "remove_checkpoint",
    "save",
]


_NAME = "checkpoint.safetensors"


ALGORITHM_VERSION = 11
"""The version of the numerics: raise it by one whenever the same settings come to compute another picture,
and whenever the layout of this file changes.

A checkpoint of another version is refused, because a run that continued from it would be neither the old run
nor a new one. ``tests/test_algorithm_version.py`` fails when the numbers of small runs change without it.
1 had another initial scale of L-BFGS and other shares of the sizes; 2 kept no tiles in half precision, and
its plans do not say so; 3 did not fit the preconditioner to the curvature; 4 fitted it to pixels that did not
move, too; 5 had other keys in this file; 6 started from white noise, gave small budgets to more sizes, found
other classes in soft maps, laid transparent colours over white, and decoded long JPEG files at full size;
7 copied no strokes, gave all sizes the same number of evaluations, finished photographs with the guided
filter, and had other keys in this file; 8 weighed copies cell by cell, and copied detail into forms in
whatever colours they had; 9 proposed maps without looking at colours; 10 compared an enlarged picture with
the sharp style to copy strokes."""


_PREFIX = "optimizer."


_DTYPES = {torch.float32: "F32", torch.float16: "F16"}


_BLOCK_ENTRIES = 2**22
"""Numbers that are written at a time, so that a large history is never in memory twice."""


@dataclass(frozen=True)
class Run:
    """`Run` holds what stays the same during a run.

    That is its ``identity``, the facts about the ``machine`` that may change the last digits, by name, and
    the memory ``plans`` of all scales.
    """

    identity: Identity
    machine: Mapping[str, Annotated[str, StringConstraints(max_length=200)]]
    plans: tuple[MemoryPlan, ...]


@dataclass(frozen=True)
class State:
    """`State` holds how far a run has come, between two rounds.

    - ``scale`` (from 0) is in progress with ``plan`` and ``precision``; ``spent`` evaluations and ``rounds``
      rounds of it are done; ``has_shrunk`` says whether it ran out of memory once, ``has_voted`` whether the
      style's strokes are copied.
    - ``earlier``: the evaluations of each scale before; ``complete``: there are none left.
    - ``canvas``: the best pixels with their margin, (1, 3, h, w) float32, 0..255.
    - ``optimizer_state``: the state of the optimiser.
    """

    scale: int
    plan: MemoryPlan
    precision: str
    has_shrunk: bool
    has_voted: bool
    spent: int
    rounds: int
    earlier: tuple[int, ...]
    complete: bool
    canvas: Tensor
    optimizer_state: OptimizerState


_Count = Annotated[int, Field(ge=0)]


class _Progress(BaseModel):
    """`_Progress` is the schema of a :class:`State` without its tensors."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    scale: _Count
    plan: MemoryPlan
    precision: Literal["float32", "bfloat16"]
    has_shrunk: bool
    has_voted: bool
    spent: _Count
    rounds: _Count
    earlier: tuple[_Count, ...]
    complete: bool


class _Facts(BaseModel):
    """`_Facts` is the schema of everything in the file but the tensors."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    algorithm_version: int
    run: Run
    state: _Progress
    optimizer_state: dict[str, JsonValue]


class _Version(BaseModel):
    """`_Version` is the schema of what every version of the file has had since version 6."""

    algorithm_version: Annotated[int, Field(ge=0, lt=1_000_000)] | None = None


_FACTS, _VERSION = TypeAdapter(_Facts), TypeAdapter(_Version)


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


def refuse_link(folder: Path) -> None:
    """Raise :class:`~glstylenet.errors.OutputError` if the checkpoint in ``folder`` is a symbolic link.

    The program itself writes none, and the file behind one that was planted would be overwritten.
    """
    path = checkpoint_file(folder)
    if path.is_symlink():
        raise OutputError(
            f"{path}: is a symbolic link, expected the checkpoint itself; remove the link, or choose another "
            f"folder"
        )


def save(folder: Path, run: Run, state: State) -> None:
    """Write ``run`` and its ``state`` into ``folder``, in place of the checkpoint before.

    Raises :class:`~glstylenet.errors.OutputError` if that fails; the checkpoint before then stays.
    """
    refuse_link(folder)
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


def load(folder: Path, check: Callable[[Run, State], None] | None = None) -> tuple[Run, State]:
    """Read the run and the state in ``folder``, with tensors on the CPU.

    ``check`` is called with both before anything is copied into memory; it raises ``ValueError`` for what is
    impossible in the run that is to continue. Raises :class:`~glstylenet.errors.InputError` if there is no
    checkpoint, it is damaged, or another ``ALGORITHM_VERSION`` wrote it.
    """
    path = checkpoint_file(folder)
    try:
        with open_regular(path), safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if not {"state", "sha256"} <= set(metadata):
                raise ValueError("it has no state")
            facts, tensors = metadata["state"], _mapped_tensors(file)
            if _digest(facts, tensors) != metadata["sha256"]:
                raise ValueError("its checksum is wrong")
            version = _VERSION.validate_json(facts).algorithm_version
            if version == ALGORITHM_VERSION:
                run, state = _parsed(_FACTS.validate_json(facts, strict=True), tensors)
                if check is not None:
                    check(run, state)
                return run, _copied(state)
    except FileNotFoundError as error:
        raise InputError(
            f"{path}: there is no checkpoint to go on from; name the folder of the run that was interrupted, "
            f"or begin it without resume"
        ) from error
    except (OSError, safetensors.SafetensorError, ValueError) as error:
        reason = schema_finding(error) if isinstance(error, ValidationError) else error
        raise InputError(
            f"{path}: the checkpoint is damaged or not one of glstylenet's ({reason}); remove it and "
            f"begin anew"
        ) from error
    found = "before 6" if version is None else version  # those had it elsewhere in the file
    raise InputError(
        f"{path}: the checkpoint is of another version of glstylenet, in which the same settings compute "
        f"another picture (its algorithm version is {found}, expected {ALGORITHM_VERSION}); finish that "
        f"run with the program that began it, or begin anew without resume"
    )


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


def _parsed(facts: _Facts, tensors: Mapping[str, Tensor]) -> tuple[Run, State]:
    """Return the run and the state from the parsed JSON of :func:`_facts` and the tensors."""
    optimizer_tensors = {
        name.removeprefix(_PREFIX): tensor for name, tensor in tensors.items() if name.startswith(_PREFIX)
    }
    if set(tensors) != {"canvas", *(_PREFIX + name for name in optimizer_tensors)}:
        raise ValueError(f"its tensors are {', '.join(sorted(tensors)) or 'none'}")
    return facts.run, State(
        **dict(facts.state),
        canvas=tensors["canvas"],
        optimizer_state=OptimizerState(optimizer_tensors, facts.optimizer_state),
    )


def _mapped_tensors(file: Any) -> dict[str, Tensor]:
    """Return the tensors of an open safetensors file as views of it; they have types that we write."""
    tensors = {}
    for name in file.keys():  # noqa: SIM118 - the file is no mapping
        dtype = file.get_slice(name).get_dtype()
        if dtype not in _DTYPES.values():
            raise ValueError(f"{name} has entries of type {dtype}")
        tensors[name] = file.get_tensor(name)
    return tensors


def _copied(state: State) -> State:
    """Return ``state`` with tensors of its own: the file is replaced while the run continues."""
    saved = state.optimizer_state
    tensors = {name: tensor.clone() for name, tensor in saved.tensors.items()}
    return replace(state, canvas=state.canvas.clone(), optimizer_state=OptimizerState(tensors, saved.numbers))


def _blocks(tensor: Tensor) -> Iterator[memoryview]:
    """Yield the bytes of a contiguous ``tensor``, block by block."""
    flat = tensor.view(-1)
    for start in range(0, flat.numel(), _BLOCK_ENTRIES):
        interruption_point()
        yield flat[start : start + _BLOCK_ENTRIES].cpu().numpy().view(np.uint8).data


def _digest(facts: str, tensors: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 of the file's contents, whatever its layout."""
    digest = hashlib.sha256(facts.encode())
    for name in sorted(tensors):
        digest.update(f"{name} {tuple(tensors[name].shape)}".encode())
        for block in _blocks(tensors[name]):
            digest.update(block)
    return digest.hexdigest()
