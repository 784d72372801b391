"""Signals: while the program starts, those that are ignored, and the commands other than ``stylize``."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import glstylenet
from glstylenet.cli.signals import StopSignals
from tests.desk import desk

__all__ = ["desk"]  # fixtures

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")

SIGNALS = [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]

SIGNAL_AT_IMPORT = """
import signal, sys

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == sys.argv[1]:
            try:
                signal.raise_signal(int(sys.argv[2]))
            except BaseException:  # libraries written in C lose exceptions when they start
                pass

sys.meta_path.insert(0, Finder())
from glstylenet.cli import main
sys.exit(main(sys.argv[3:]))
"""


def end_at_import(folder: Path, module: str, number: int, *words: str) -> tuple[int, str, str]:
    """Run the program, which gets the signal when it begins to import ``module``."""
    done = subprocess.run(
        [sys.executable, "-c", SIGNAL_AT_IMPORT, module, str(int(number)), *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(glstylenet.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(("number", "code"), SIGNALS)
@pytest.mark.parametrize("module", ["json", "typer"])
def test_a_signal_while_the_program_starts_is_one_line(
    desk: Path, module: str, number: signal.Signals, code: int
) -> None:
    found = end_at_import(desk, module, number, "--help")
    assert found == (code, "", "\nglstylenet: interrupted; leaving at once\n")


COMMANDS = [
    ("stylize", "content.png", "style.png", "-o", "out.png"),
    ("sweep", "content.png", "style.png", "-o", "sweep", "--seed", "1,2"),
    ("studio", "--port", "0", "--data", "studio"),
]
MORE_COMMANDS = [
    ("evaluate", "content.png", "content.png", "style.png"),
    ("loss", "content.png", "content.png", "style.png"),
    ("demo",),
    ("weights", "verify"),
    ("bench",),
    ("reproduce", "fig6", "-o", "report"),
    ("tune", "content.png", "style.png", "-o", "tuned"),
    ("doctor",),
]


@pytest.mark.parametrize(
    "words", [*COMMANDS, *(pytest.param(words, marks=pytest.mark.long) for words in MORE_COMMANDS)]
)
def test_every_command_ends_at_once_while_it_loads(desk: Path, words: tuple[str, ...]) -> None:
    found = end_at_import(desk, "torch", signal.SIGINT, *words)
    assert found == (130, "", "\nglstylenet: interrupted; leaving at once\n")
    assert sorted(path.name for path in desk.iterdir()) == ["content.png", "style.png"]


def test_a_signal_while_python_ends_is_no_failure(desk: Path) -> None:
    code = (
        "import atexit, signal, sys; from glstylenet.cli import main\n"
        "atexit.register(signal.raise_signal, signal.SIGINT); sys.argv[1:] = ['--version']; sys.exit(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(Path(glstylenet.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("number", [number for number, _ in SIGNALS])
def test_a_signal_that_is_ignored_stays_ignored(number: signal.Signals) -> None:
    """``nohup`` ignores SIGHUP, and a script's background jobs ignore Ctrl-C."""
    before = signal.signal(number, signal.SIG_IGN)
    try:
        with StopSignals() as stop:
            signal.raise_signal(number)
            assert signal.getsignal(number) is signal.SIG_IGN
        assert not stop.should_stop()
        assert signal.getsignal(number) is signal.SIG_IGN
    finally:
        signal.signal(number, before)


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_a_signal_asks_a_graceful_run_to_stop(number: signal.Signals, code: int) -> None:
    before = signal.getsignal(number)
    with StopSignals() as stop:
        stop.graceful = True
        signal.raise_signal(number)
        assert stop.should_stop()
        with pytest.raises(SystemExit) as leaving:
            signal.raise_signal(number)
    assert (stop.exit_code, leaving.value.code) == (code, code)
    assert signal.getsignal(number) == before
