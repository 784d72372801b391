"""Checkpoints: a run that was interrupted continues to the very picture of one that was not."""

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import save_file

import glstylenet
from glstylenet.cli import main, painting
from glstylenet.errors import InputError, OutputError, UsageError
from glstylenet.memory.estimate import HeldPictures, MemoryEstimate
from glstylenet.memory.plan import MemoryPlan, plan_memory
from glstylenet.optim import OptimizerState
from glstylenet.pyramid.schemes import PAPER_SCHEMES
from glstylenet.run.checkpoint import (
    ALGORITHM_VERSION,
    Run,
    State,
    checkpoint_file,
    load,
    save,
)
from glstylenet.run.events import Event, Started, Step
from glstylenet.run.memory_budget import PlannedScale
from glstylenet.run.preparation import prepare
from glstylenet.run.recorder import open_checkpoint
from glstylenet.run.result import Result
from glstylenet.run.stylize import stylize
from glstylenet.settings.model import Settings
from tests.told import warnings_of

Picture = NDArray[np.uint8]


def _drawn(seed: int) -> Picture:
    values = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(values).resize((64, 64)))


CONTENT, STYLE = _drawn(0), _drawn(1)
# Two scales of 13 and 5 evaluations, in rounds of three.
BASE: dict[str, Any] = {
    "iterations": 18,
    "scales": 2,
    "round_length": 3,
    "precision": "float32",
    "device": "cpu",
}
WHOLE: dict[str, Result] = {}


def _whole(optimizer: str) -> Result:
    """An undisturbed run."""
    if optimizer not in WHOLE:
        WHOLE[optimizer] = stylize(CONTENT, STYLE, settings=Settings(**BASE, optimizer=optimizer))
    return WHOLE[optimizer]


def _stopped(folder: Path, after: int, **changes: Any) -> Result:
    """A run that was asked to stop ``after`` so many evaluations."""
    steps: list[Event] = []
    return stylize(
        CONTENT,
        STYLE,
        settings=Settings(**{**BASE, **changes}),
        on_event=lambda event: steps.append(event) if isinstance(event, Step) else None,
        should_stop=lambda: len(steps) == after,
        checkpoint=folder,
    )


def _resumed(folder: Path, events: list[Event] | None = None, **changes: Any) -> Result:
    return stylize(
        CONTENT,
        STYLE,
        settings=Settings(**{**BASE, **changes}),
        on_event=None if events is None else events.append,
        checkpoint=folder,
        resume=True,
    )


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint of a run stopped at its fifth evaluation; read it only."""
    folder = tmp_path_factory.mktemp("interrupted")
    _stopped(folder, 5)
    return folder


# The same picture


@pytest.mark.long
@pytest.mark.parametrize(
    ("optimizer", "after", "first"),
    [
        ("lbfgs", 2, 1),  # within the first round: from the beginning
        ("lbfgs", 7, 7),  # with a history, at a round's first evaluation
        ("lbfgs", 13, 13),  # at the end of the first scale
        ("lbfgs", 17, 17),  # with a history at the second scale
        ("lbfgs", 18, 19),  # after the last evaluation: nothing is left to do
        ("adam", 6, 4),
        ("adam", 17, 17),
        ("adam", 18, 19),
    ],
)
def test_a_resumed_run_ends_with_the_picture_of_an_undisturbed_one(
    tmp_path: Path, optimizer: str, after: int, first: int
) -> None:
    cut = _stopped(tmp_path, after, optimizer=optimizer)
    assert cut.interrupted
    whole = _whole(optimizer)
    # After 17 evaluations L-BFGS has the picture that it ends with: the last one gains nothing.
    is_whole = after == 18 or (optimizer, after) == ("lbfgs", 17)
    assert torch.equal(cut.pixels, whole.pixels) == is_whole
    events: list[Event] = []
    done = _resumed(tmp_path, events, optimizer=optimizer)
    assert torch.equal(done.pixels, whole.pixels)
    assert done.losses == whole.losses
    assert (done.evaluations, done.interrupted) == (18, False)
    assert isinstance(events[0], Started)
    steps = [event for event in events if isinstance(event, Step)]
    assert [step.evaluation for step in steps] == list(range(first, 19))
    assert all(step.seconds_left >= 0 for step in steps)


@pytest.mark.long
def test_what_the_optimiser_knew_matters(tmp_path: Path) -> None:
    """Else the test above would pass without it."""
    _stopped(tmp_path, 7)
    run, state = load(tmp_path)
    assert state.optimizer_state.tensors["rows"].abs().sum() > 0
    save(tmp_path, run, _without_knowledge(state))
    assert not torch.equal(_resumed(tmp_path).pixels, _whole("lbfgs").pixels)


def _without_knowledge(state: State) -> State:
    numbers = {**state.optimizer_state.numbers, "next": 0, "scales": [], "lengths": []}
    return replace(state, optimizer_state=OptimizerState({}, numbers))


@pytest.mark.long
def test_a_run_may_be_interrupted_twice(tmp_path: Path) -> None:
    _stopped(tmp_path, 5)
    steps: list[Event] = []
    stylize(
        CONTENT,
        STYLE,
        settings=Settings(**BASE),
        on_event=lambda event: steps.append(event) if isinstance(event, Step) else None,
        should_stop=lambda: len(steps) == 4,
        checkpoint=tmp_path,
        resume=True,
    )
    assert torch.equal(_resumed(tmp_path).pixels, _whole("lbfgs").pixels)


@pytest.mark.long
def test_a_complete_run_is_only_measured(tmp_path: Path) -> None:
    stylize(CONTENT, STYLE, settings=Settings(**BASE), checkpoint=tmp_path)
    assert load(tmp_path)[1].complete
    events: list[Event] = []
    done = _resumed(tmp_path, events)
    assert not any(isinstance(event, Step) for event in events)
    assert torch.equal(done.pixels, _whole("lbfgs").pixels)
    assert (done.evaluations, done.losses) == (18, _whole("lbfgs").losses)


@pytest.mark.long
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_killed_run_goes_on(tmp_path: Path) -> None:
    for name, picture in (("content.png", CONTENT), ("style.png", STYLE)):
        Image.fromarray(picture).save(tmp_path / name)
    words = ["stylize", "content.png", "style.png", "-o", "out.png", "--checkpoint", "state"]
    words += ["--iterations", "18", "--scales", "2", "--round-length", "3", "--precision", "float32"]
    environment = {**os.environ, "PYTHONPATH": str(Path(glstylenet.__file__).parents[1])}
    command = [sys.executable, "-m", "glstylenet", *words]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith(("evaluation 5/", "scale 2/")):
                process.send_signal(signal.SIGKILL)
                break
    assert process.returncode == -signal.SIGKILL
    left = {path.name for path in tmp_path.rglob("*") if not path.name.endswith(".glstylenet-lock")}
    assert left == {"content.png", "style.png", "state", checkpoint_file(tmp_path).name}
    done = stylize(
        tmp_path / "content.png",
        tmp_path / "style.png",
        settings=Settings(**BASE),
        checkpoint=tmp_path / "state",
        resume=True,
    )
    whole = stylize(tmp_path / "content.png", tmp_path / "style.png", settings=Settings(**BASE))
    assert torch.equal(done.pixels, whole.pixels)


# What is refused


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"content_weight": 11.0}, "content_weight is 11.0, it was 10.0"),
        ({"iterations": 13}, "iterations is 13, it was 18"),
        ({"precision": "bfloat16"}, "precision is 'bfloat16', it was 'float32'"),
        ({"optimizer": "adam"}, "optimizer is 'adam', it was 'lbfgs'"),
    ],
)
def test_other_settings_are_refused_by_name(interrupted: Path, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match="of another run") as caught:
        _resumed(interrupted, **changes)
    assert words in str(caught.value)
    assert caught.value.exit_code == 3


def test_another_input_is_refused_by_name(interrupted: Path) -> None:
    with pytest.raises(InputError, match=r"the style is SHA-256 \w+, it was SHA-256 \w+; give"):
        stylize(CONTENT, CONTENT, settings=Settings(**BASE), checkpoint=interrupted, resume=True)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("weights", "0000", r"the weights are SHA-256 \w+, they were SHA-256 0000"),
        ("version", "0000", "it was 0000"),
    ],
)
def test_other_weights_and_versions_are_refused(
    interrupted: Path, tmp_path: Path, field: str, value: object, words: str
) -> None:
    run, state = load(interrupted)
    identity = type(run.identity)(**{**run.identity.__dict__, field: value})
    save(tmp_path, Run(identity, run.machine, run.plans), state)
    with pytest.raises(InputError, match=words):
        _resumed(tmp_path)


# The facts in a checkpoint of algorithm version 5, which had other keys.
OLD_FACTS = """
{"run": {"identity": {"version": "0.1.0", "settings": {"iterations": 4, "seed": 0}, "inputs": {"content":
"b3bf"}, "weights": "0bbe", "method": 5}, "machine": {"device": "cpu", "torch": "2.13.0+cpu", "threads":
"1"}, "plans": [{"tile_side": null, "tiles": 1, "history": 10, "half_history": false, "needed_bytes":
638711296, "tile_bytes": 4736000, "kept_tiles": 0, "half_features": false}]}, "state": {"scale": 0,
"precision": "float32", "has_shrunk": false, "spent": 2, "rounds": 1, "evaluations": 2, "complete":
false, "plan": {"tile_side": null, "tiles": 1, "history": 10, "half_history": false, "needed_bytes":
638711296, "tile_bytes": 4736000, "kept_tiles": 0, "half_features": false}}, "learnt": {"size": 10,
"half": false, "next": 1, "scales": [1.0, 1.0], "lengths": [214.547525329471]}}
"""


def test_a_checkpoint_of_an_older_version_is_refused_in_words(tmp_path: Path) -> None:
    tensors = {"canvas": torch.zeros(1, 3, 80, 80), "optimizer.rows": torch.zeros(2, 19200)}
    digest = hashlib.sha256(OLD_FACTS.encode())
    for name, tensor in tensors.items():
        digest.update(f"{name} {tuple(tensor.shape)}".encode() + tensor.numpy().tobytes())
    metadata = {"state": OLD_FACTS, "sha256": digest.hexdigest()}
    save_file(tensors, checkpoint_file(tmp_path), metadata)
    with pytest.raises(InputError, match="of another version of glstylenet") as caught:
        _resumed(tmp_path)
    assert f"algorithm version is before 6, expected {ALGORITHM_VERSION}" in str(caught.value)
    assert "begin anew without resume" in str(caught.value)
    assert caught.value.exit_code == 3


def test_a_checkpoint_of_a_newer_version_is_refused_in_words(
    interrupted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, state = load(interrupted)
    with monkeypatch.context() as newer:
        newer.setattr("glstylenet.run.checkpoint.ALGORITHM_VERSION", ALGORITHM_VERSION + 1)
        save(tmp_path, run, state)
    with pytest.raises(InputError, match=f"is {ALGORITHM_VERSION + 1}, expected {ALGORITHM_VERSION}"):
        _resumed(tmp_path)


@pytest.mark.long
def test_settings_that_do_not_show_in_the_picture_may_change(interrupted: Path, tmp_path: Path) -> None:
    save(tmp_path, *load(interrupted))
    done = _resumed(tmp_path, memory=2**31, strict=True, max_pixels=10**6)
    assert torch.equal(done.pixels, _whole("lbfgs").pixels)


@pytest.mark.long
def test_another_machine_is_a_warning(interrupted: Path, tmp_path: Path) -> None:
    run, state = load(interrupted)
    save(tmp_path, Run(run.identity, {**run.machine, "threads": "99"}, run.plans), state)
    events: list[Event] = []
    _resumed(tmp_path, events)
    warnings = warnings_of(events)
    assert [warning for warning in warnings if "threads 99 (here" in warning]


def test_with_a_little_less_memory_fewer_tiles_are_kept(interrupted: Path, tmp_path: Path) -> None:
    """Which changes no number; other tiles would. Only where that does not suffice, the plan is another."""
    run, state = load(interrupted)
    size, style_size = (4000, 6000), (1000, 1000)
    held_pictures = HeldPictures(0, pixel_bytes=12).resized(size, style_size)
    estimate = MemoryEstimate(
        size, style_size, size, style_size, "float32", PAPER_SCHEMES["g"], held_pictures
    )
    then, now = (plan_memory(estimate, gibibytes * 2**30) for gibibytes in (12, 5))
    assert then.cached_tiles == then.tiles > 1
    assert now.history != then.history
    prepared = prepare(CONTENT, STYLE, None, None, Settings(**BASE))
    scales = [PlannedScale(each.scale, estimate, now) for each in prepared.scales]
    empty = {"size": then.history, "half": then.half_history, "next": 0, "scales": [], "lengths": []}
    state = replace(state, plan=then, optimizer_state=OptimizerState({}, empty))
    save(tmp_path, Run(run.identity, run.machine, (then,) * len(scales)), state)

    def opened(allowed: int) -> tuple[State | None, list[MemoryPlan]]:
        _, found, resumed = open_checkpoint(
            tmp_path,
            replace(prepared, scales=scales, allowed=allowed),
            resume=True,
            emit=lambda _event: None,
        )
        return found, [each.plan for each in resumed.scales]

    found, plans = opened(then.needed_bytes - 1)
    assert plans[0].cached_tiles == then.cached_tiles - 1
    assert plans[0] == replace(then, cached_tiles=then.tiles - 1, needed_bytes=plans[0].needed_bytes)
    assert found is not None
    assert found.plan == plans[0]
    found, plans = opened(now.needed_bytes)
    assert found is not None
    assert found.plan == plans[0] == now


def test_no_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no checkpoint to go on from"):
        _resumed(tmp_path)
    with pytest.raises(UsageError, match="without a checkpoint"):
        stylize(CONTENT, STYLE, settings=Settings(**BASE), resume=True)


@pytest.mark.parametrize("damage", ["empty", "short", "flipped", "text"])
def test_a_damaged_file_is_refused(interrupted: Path, tmp_path: Path, damage: str) -> None:
    data = bytearray(checkpoint_file(interrupted).read_bytes())
    if damage == "flipped":
        data[-5] ^= 1  # a bit of a tensor, which the format itself does not notice
    changed = {"empty": b"", "short": bytes(data[:-100]), "text": b"not safetensors at all"}.get(
        damage, bytes(data)
    )
    checkpoint_file(tmp_path).write_bytes(changed)
    with pytest.raises(InputError, match="is damaged or not one of glstylenet's"):
        _resumed(tmp_path)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be used"):
        stylize(CONTENT, STYLE, settings=Settings(**BASE), checkpoint=tmp_path / "a" / "b")


# Writing


@pytest.mark.long
def test_a_disk_that_is_full_costs_the_checkpoint_not_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _stopped(tmp_path, 5)
    before = checkpoint_file(tmp_path).read_bytes()

    @contextlib.contextmanager
    def full(path: Path, *, overwrite: bool) -> Iterator[None]:
        raise OutputError(f"{path}: writing failed (No space left on device)")
        yield

    monkeypatch.setattr("glstylenet.run.checkpoint.replacing", full)
    events: list[Event] = []
    done = _resumed(tmp_path, events)
    assert torch.equal(done.pixels, _whole("lbfgs").pixels)
    warnings = warnings_of(events)
    assert len([warning for warning in warnings if "No space left" in warning]) == 1
    assert checkpoint_file(tmp_path).read_bytes() == before


# The command line


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Image.fromarray(CONTENT).save("content.png")
    Image.fromarray(STYLE).save("style.png")
    return tmp_path


WORDS = ["stylize", "content.png", "style.png", "-o", "out.png", "--checkpoint", "state", "--json"]
WORDS += ["--precision", "float32", "--scales", "1", "--iterations", "7", "--round-length", "3"]


@pytest.mark.long
def test_the_command_line_goes_on(
    desk: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def signalled(*arguments: Any, on_event: Any, **options: Any) -> Result:
        def hear(event: Event) -> None:
            on_event(event)
            if isinstance(event, Step) and event.evaluation == 5:
                signal.raise_signal(signal.SIGINT)

        return stylize(*arguments, on_event=hear, **options)

    with monkeypatch.context() as patched:
        patched.setattr(painting, "stylize", signalled)
        assert main(WORDS) == 130
    error = capsys.readouterr().err
    assert f"state is in {checkpoint_file(Path('state'))}: to go on" in error
    assert "--resume --overwrite" in error
    assert main([*WORDS, "--overwrite", "--resume", "--seed", "1"]) == 3
    assert "seed is 1, it was 0" in capsys.readouterr().err
    Path("out.png").unlink()
    assert main(WORDS) == 5
    assert "continue it with --resume" in capsys.readouterr().err
    capsys.readouterr()
    assert main([*WORDS, "--resume"]) == 0
    resumed = json.loads(capsys.readouterr().out)
    assert list(Path("state").iterdir()) == []
    whole = [word if word != "out.png" else "whole.png" for word in WORDS]
    assert main(whole) == 0
    undisturbed = json.loads(capsys.readouterr().out)
    assert (resumed["evaluations"], resumed["losses"]) == (undisturbed["evaluations"], undisturbed["losses"])
    assert np.array_equal(np.asarray(Image.open("out.png")), np.asarray(Image.open("whole.png")))


def test_calls_that_make_no_sense_are_2(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stylize", "content.png", "style.png", "-o", "out.png", "--resume"]) == 2
    assert "name its folder with --checkpoint" in capsys.readouterr().err
    assert (
        main(["stylize", "content.png", "content.png", "style.png", "-o", "made", "--checkpoint", "a"]) == 2
    )
    assert not Path("a").exists()
