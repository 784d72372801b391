"""Pictures of a sweep that are painted at once, in processes: the same pictures, and no process is left."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

import glstylenet
from glstylenet.cli import main
from tests.desk import desk

__all__ = ["desk"]  # fixtures


def pixels(file: Path) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
    with Image.open(file) as picture:
        return np.asarray(picture)


@pytest.mark.long
def test_pictures_painted_at_once_are_those_painted_in_turn(
    desk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One of three fails: at a third of the size the style is too small for patches."""
    entries = []
    for workers in (1, 2):
        folder = tmp_path / str(workers)
        words = ["sweep", "content.png", "style.png", "--style-scale", "0.3,1,1.1", "--iterations", "2"]
        words[1:3] = [str(desk / name) for name in words[1:3]]
        assert main([*words, "-o", str(folder), "--workers", str(workers), "--quiet", "--json"]) == 7
        printed = json.loads(capsys.readouterr().out)["results"]
        assert sorted(entry["name"] for entry in printed) == [
            "style_scale-0.3",
            "style_scale-1",
            "style_scale-1.1",
        ]
        assert (folder / "index.html").read_text().count("failed") == 1
        entries.append({entry["name"]: entry for entry in printed})
    for name, first in entries[0].items():
        second = entries[1][name]
        for key in ("key", "settings", "losses", "command", "error", "evaluations"):
            assert first[key] == second[key], (name, key)
        if first["file"] is not None:
            ours, theirs = (pixels(tmp_path / folder / first["file"]) for folder in ("1", "2"))
            assert np.array_equal(ours, theirs)


@pytest.fixture
def long_sweep(desk: Path, tmp_path: Path) -> Iterator[tuple["subprocess.Popen[str]", Path]]:
    """A sweep of a short picture and two that take minutes, two at once, once the short one is done."""
    folder = tmp_path / "sweep"
    words = ["sweep", "content.png", "style.png", "-o", str(folder), "--iterations", "1,100000,100001"]
    running = subprocess.Popen(
        [sys.executable, "-m", "glstylenet", *words, "--workers", "2"],
        cwd=desk,
        env={**os.environ, "PYTHONPATH": str(Path(glstylenet.__file__).parents[1])},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert running.stderr is not None
        while "done" not in (line := running.stderr.readline()):
            assert line, "the sweep ended"
        while "[3/3]" not in running.stderr.readline():
            pass
        yield running, folder
    finally:
        for process in group(running.pid):
            process.kill()
        running.communicate()


def group(leader: int) -> list[psutil.Process]:
    """Return the processes of the session that ``leader`` began, but for those that have ended."""
    found = []
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) == leader and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (OSError, psutil.Error):
            continue
    return found


def workers_of(leader: int) -> list[psutil.Process]:
    return [process for process in group(leader) if "spawn_main" in " ".join(process.cmdline())]


def wait_until(is_so: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sessions of processes are those of POSIX")


@pytest.mark.long
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_to_all_processes_keeps_what_is_done(
    long_sweep: tuple["subprocess.Popen[str]", Path], number: signal.Signals, code: int
) -> None:
    running, folder = long_sweep
    os.killpg(running.pid, number)
    _, told = running.communicate(timeout=60)
    assert running.returncode == code, told
    assert "Traceback" not in told
    assert "stopped; 1 of 3 pictures" in told
    wait_until(lambda: not group(running.pid))
    assert len(json.loads((folder / "results.json").read_text())["results"]) == 1
    assert "not painted yet" in (folder / "index.html").read_text()


@pytest.mark.long
def test_workers_end_with_a_program_that_was_killed(
    long_sweep: tuple["subprocess.Popen[str]", Path],
) -> None:
    running, _ = long_sweep
    assert len(workers_of(running.pid)) == 2
    running.kill()
    running.wait()
    wait_until(lambda: not group(running.pid))


@pytest.mark.long
def test_a_worker_that_was_killed_ends_the_sweep_in_words(
    long_sweep: tuple["subprocess.Popen[str]", Path],
) -> None:
    running, _ = long_sweep
    workers_of(running.pid)[0].kill()
    _, told = running.communicate(timeout=60)
    assert running.returncode == 6, told
    assert "a process that painted a picture died" in told
    assert "Traceback" not in told
    wait_until(lambda: not group(running.pid))
