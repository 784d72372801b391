"""Damaged checkpoints: whatever is wrong in the file is an input error, before anything of it is used.

Each case changes a whole checkpoint and gives it a valid checksum, so only its contents can tell.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import glstylenet
from glstylenet.errors import InputError, OutputError
from glstylenet.events import Event, Started, Step, Warned
from glstylenet.run.checkpoint import State
from glstylenet.run.preparation import prepare
from glstylenet.run.recorder import open_checkpoint
from tests.fuzz.checkpoints import Tensors, pack, unpack

NAME = "checkpoint.safetensors"
SETTINGS = {"iterations": 8, "scales": 1, "round_length": 3, "precision": "float32", "device": "cpu"}
PICTURE = np.random.default_rng(5).integers(0, 256, (32, 40, 3), dtype=np.uint8)

Damage = Callable[[dict[str, Any], Tensors], None]
Resume = Callable[[Path, str], State | None]


def _read(path: Path) -> tuple[dict[str, Any], Tensors]:
    return unpack(path.read_bytes())


def _write(path: Path, facts: dict[str, Any] | str, tensors: Tensors) -> None:
    path.write_bytes(pack(facts, tensors))


def _run(folder: Path, optimizer: str, *, resume: bool, stop_after: int = 0) -> glstylenet.Result:
    events: list[object] = []

    def should_stop() -> bool:
        steps = sum(isinstance(event, Step) for event in events)
        return steps == stop_after > 0

    return glstylenet.stylize(
        PICTURE,
        PICTURE[:, ::-1],
        settings=glstylenet.Settings(**SETTINGS, optimizer=optimizer),
        on_event=events.append,
        should_stop=should_stop,
        checkpoint=folder,
        resume=resume,
    )


@pytest.fixture(scope="module")
def resume() -> Resume:
    """Read a checkpoint as a run does that is to go on with an optimiser, and no more of the run."""
    prepared = {
        optimizer: prepare(
            PICTURE, PICTURE[:, ::-1], None, None, glstylenet.Settings(**SETTINGS, optimizer=optimizer)
        )
        for optimizer in ("lbfgs", "adam")
    }

    def read(folder: Path, optimizer: str) -> State | None:
        _, state, _ = open_checkpoint(folder, prepared[optimizer], resume=True, emit=lambda _event: None)
        return state

    return read


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Checkpoints with a history, of both optimisers, and a complete one."""
    folders = {name: tmp_path_factory.mktemp(name) for name in ("lbfgs", "adam", "complete")}
    for optimizer in ("lbfgs", "adam"):
        _run(folders[optimizer], optimizer, resume=False, stop_after=5)
    _run(folders["complete"], "lbfgs", resume=False)
    return folders


def put(*place: str | int, value: object) -> Damage:
    """Set one fact to ``value``."""

    def damage(facts: dict[str, Any], _tensors: Tensors) -> None:
        target: Any = facts
        for key in place[:-1]:
            target = target[key]
        target[place[-1]] = value

    return damage


def drop(*place: str | int) -> Damage:
    """Leave one fact out."""

    def damage(facts: dict[str, Any], _tensors: Tensors) -> None:
        target: Any = facts
        for key in place[:-1]:
            target = target[key]
        del target[place[-1]]

    return damage


def tensor(name: str, change: Callable[[NDArray[Any]], NDArray[Any]]) -> Damage:
    """Change one tensor."""

    def damage(_facts: dict[str, Any], tensors: Tensors) -> None:
        tensors[name] = change(tensors[name])

    return damage


def both(*damages: Damage) -> Damage:
    def damage(facts: dict[str, Any], tensors: Tensors) -> None:
        for each in damages:
            each(facts, tensors)

    return damage


def extra(name: str) -> Damage:
    return lambda _facts, tensors: tensors.update({name: np.zeros(3, np.float32)})


def without(name: str) -> Damage:
    def damage(_facts: dict[str, Any], tensors: Tensors) -> None:
        del tensors[name]

    return damage


def filled(value: float) -> Callable[[NDArray[Any]], NDArray[Any]]:
    """Return a change that gives the last entry of a tensor this value."""

    def change(array: NDArray[Any]) -> NDArray[Any]:
        array.flat[-1] = value
        return array

    return change


STATE_NUMBERS = ("scale", "spent", "rounds")
WRONG_NUMBERS: tuple[object, ...] = (-1, 10**9, 10**30, 1.5, "1", None, [], float("nan"), float("inf"))

WRONG_EARLIER: tuple[object, ...] = (3, [3], [[]], "1", None, [-1], [10**9])

PLAN_VALUES: dict[str, tuple[object, ...]] = {
    "tile_side": (0, -256, 1, 10**12, "512"),
    "tiles": (0, -1, 10**9, None),
    "history": (0, -1, 10**9, 2.5),
    "half_history": (None, "yes"),
    "needed_bytes": (-1, 10**40, "much"),
    "tile_bytes": (-1, 10**40),
    "cached_tiles": (-1, 2),
}

NO_FACTORS: tuple[object, ...] = (0.0, -1.0, float("inf"), float("nan"), "1", None, [])

CASES: list[tuple[str, Damage]] = [
    *[("lbfgs", drop(name)) for name in ("run", "state", "optimizer_state")],
    *[("lbfgs", put(name, value=[])) for name in ("run", "state", "optimizer_state", "algorithm_version")],
    *[("lbfgs", drop("run", name)) for name in ("identity", "machine", "plans")],
    ("lbfgs", put("run", "plans", value=[])),
    ("lbfgs", put("run", "identity", "inputs", value={"content": 3})),
    ("lbfgs", put("run", "identity", "settings", value=None)),
    ("lbfgs", put("run", "machine", value={"device": {}})),
    ("lbfgs", put("state", "sparkle", value=1)),
    *[("lbfgs", put("state", name, value=wrong)) for name in STATE_NUMBERS for wrong in WRONG_NUMBERS],
    *[("lbfgs", put("state", "earlier", value=wrong)) for wrong in WRONG_EARLIER],
    ("lbfgs", put("state", "precision", value="float8")),
    ("lbfgs", put("state", "precision", value="bfloat16")),
    ("lbfgs", put("state", "complete", value=True)),
    ("lbfgs", put("state", "has_shrunk", value="no")),
    ("lbfgs", put("state", "has_voted", value="no")),
    *[
        ("lbfgs", put(*place, name, value=value))
        for place in (("state", "plan"), ("run", "plans", 0))
        for name, plan_values in PLAN_VALUES.items()
        for value in plan_values
    ],
    *[("lbfgs", drop("optimizer_state", name)) for name in ("size", "half", "next", "scales", "lengths")],
    ("lbfgs", put("optimizer_state", "size", value=3)),
    ("lbfgs", put("optimizer_state", "half", value=True)),
    *[("lbfgs", put("optimizer_state", "next", value=value)) for value in (-1, 0, 99, 1.5, None)],
    *[
        ("lbfgs", put("optimizer_state", name, 0, value=value))
        for name in ("scales", "lengths")
        for value in NO_FACTORS
    ],
    *[("lbfgs", put("optimizer_state", name, value=[])) for name in ("scales", "lengths")],
    ("lbfgs", put("optimizer_state", "extra", value=1)),
    ("lbfgs", tensor("canvas", lambda array: array[..., 1:])),
    ("lbfgs", tensor("canvas", lambda array: array[0])),
    ("lbfgs", tensor("canvas", lambda array: array[..., :0])),
    ("lbfgs", tensor("canvas", lambda array: array.astype(np.float16))),
    ("lbfgs", tensor("canvas", lambda array: array.astype(np.float64))),
    ("lbfgs", tensor("canvas", lambda array: array.astype(np.int32))),
    *[("lbfgs", tensor("canvas", filled(value))) for value in (np.nan, np.inf, -1.0, 256.0)],
    ("lbfgs", tensor("optimizer.rows", lambda array: array[:, 1:])),
    ("lbfgs", tensor("optimizer.rows", lambda array: array[1:])),
    ("lbfgs", tensor("optimizer.rows", lambda array: array[:0])),
    ("lbfgs", tensor("optimizer.rows", lambda array: array.ravel())),
    ("lbfgs", tensor("optimizer.rows", lambda array: array.astype(np.float16))),
    *[("lbfgs", tensor("optimizer.rows", filled(value))) for value in (np.nan, -np.inf)],
    *[("lbfgs", extra(name)) for name in ("more", "optimizer.more")],
    *[("lbfgs", without(name)) for name in ("canvas", "optimizer.rows")],
    *[
        ("adam", put("optimizer_state", "rate", value=value))
        for value in (0.0, -3.0, 99.0, float("nan"), "3")
    ],
    *[("adam", put("optimizer_state", "step", value=value)) for value in (0.0, -1.0, 1.5, 1e30, "3", None)],
    *[("adam", drop("optimizer_state", name)) for name in ("rate", "step")],
    *[
        ("adam", tensor(f"optimizer.{name}", change))
        for name in ("exp_avg", "exp_avg_sq")
        for change in (filled(np.nan), lambda array: array[..., 1:], lambda array: array.astype(np.float16))
    ],
    ("adam", tensor("optimizer.exp_avg_sq", filled(-1.0))),
    ("adam", without("optimizer.exp_avg")),
    ("adam", both(without("optimizer.exp_avg"), without("optimizer.exp_avg_sq"))),
    ("complete", put("state", "complete", value=False)),
    ("complete", put("state", "scale", value=1)),
    ("complete", put("optimizer_state", value={"size": 10})),
    ("complete", tensor("canvas", lambda array: array[..., :8, :8])),
]


@pytest.mark.long
def test_a_rewritten_checkpoint_is_as_good_as_the_first(
    checkpoints: dict[str, Path], tmp_path: Path, resume: Resume
) -> None:
    """Else the tests below would pass for any file."""
    for name, folder in checkpoints.items():
        facts, tensors = _read(folder / NAME)
        _write(tmp_path / NAME, facts, tensors)
        state = resume(tmp_path, "adam" if name == "adam" else "lbfgs")
        assert state is not None
        assert (state.earlier, state.complete) == ((), name == "complete")
        assert state.spent == (8 if name == "complete" else 3)
        assert np.array_equal(state.canvas.numpy(), tensors["canvas"])


@pytest.mark.long
def test_every_damage_is_an_input_error(checkpoints: dict[str, Path], tmp_path: Path, resume: Resume) -> None:
    wrong = []
    for number, (name, damage) in enumerate(CASES):
        facts, tensors = _read(checkpoints[name] / NAME)
        damage(facts, tensors)
        _write(tmp_path / NAME, facts, tensors)
        try:
            resume(tmp_path, "adam" if name == "adam" else "lbfgs")
            wrong.append((number, name, "was accepted"))
        except InputError as error:
            message = str(error)
            if NAME not in message or "begin anew" not in message or len(message) > 600 or "\n" in message:
                wrong.append((number, name, message))
        except Exception as error:
            wrong.append((number, name, f"{type(error).__name__}: {error}"))
    assert not wrong, f"{len(wrong)} of {len(CASES)}"


@pytest.mark.parametrize(
    "facts",
    [
        "",
        "3",
        "[" * 100_000,
        '{"algorithm_version": ' + "9" * 5000 + "}",
        '{"algorithm_version": ' + "9" * 4000 + "}",
        '{"algorithm_version": "\\ud800"}',
        '{"a":' * 500 + "1" + "}" * 500,
    ],
    ids=["nothing", "number", "nesting", "digits", "fewer digits", "half surrogate", "objects"],
)
def test_facts_that_are_no_facts_are_an_input_error(tmp_path: Path, resume: Resume, facts: str) -> None:
    _write(tmp_path / NAME, facts, {"canvas": np.zeros((1, 3, 48, 56), np.float32)})
    with pytest.raises(InputError, match="begin anew") as caught:
        resume(tmp_path, "lbfgs")
    assert len(str(caught.value)) < 600


# The file itself


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no such pipes")
@pytest.mark.timeout(60)  # a pipe would be waited for
def test_a_pipe_in_its_place_is_refused_at_once(tmp_path: Path, resume: Resume) -> None:
    os.mkfifo(tmp_path / NAME)
    with pytest.raises(InputError, match="is a device, a pipe or a socket"):
        resume(tmp_path, "lbfgs")


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
@pytest.mark.parametrize("resume", [False, True])
def test_a_link_in_its_place_is_refused_and_not_followed(
    checkpoints: dict[str, Path], tmp_path: Path, resume: bool
) -> None:
    """For the file behind it would be overwritten."""
    behind = tmp_path / "behind"
    behind.write_bytes((checkpoints["lbfgs"] / NAME).read_bytes())
    before = behind.read_bytes()
    folder = tmp_path / "state"
    folder.mkdir()
    (folder / NAME).symlink_to(behind)
    with pytest.raises(OutputError, match="symbolic link") as caught:
        _run(folder, "lbfgs", resume=resume, stop_after=1)
    assert str(folder / NAME) in str(caught.value)
    assert behind.read_bytes() == before


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_a_link_that_is_planted_during_the_run_is_not_followed(tmp_path: Path) -> None:
    behind = tmp_path / "behind"
    behind.write_bytes(b"precious")
    folder = tmp_path / "state"
    folder.mkdir()
    warnings: list[str] = []

    def listen(event: Event) -> None:
        if isinstance(event, Started):
            (folder / NAME).symlink_to(behind)
        elif isinstance(event, Warned):
            warnings.append(event.message)

    glstylenet.stylize(
        PICTURE,
        PICTURE[:, ::-1],
        settings=glstylenet.Settings(**{**SETTINGS, "iterations": 2}),
        on_event=listen,
        checkpoint=folder,
    )
    assert behind.read_bytes() == b"precious"
    assert [warning for warning in warnings if "symbolic link" in warning]
