"""Campaign: reads mutants, one after the other, and collects what must not be.

A mutant is read, or refused by an error of the library with the exit code of its kind. Any other exception, a
wait of seconds and a demand for memory beyond measure are findings. A case has a number of its own, from
which it can be made again.
"""

import contextlib
import random
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from glstylenet.errors import GLStyleNetError
from tests.fuzz.subjects import Subject

__all__ = ["Finding", "mutant", "run"]

SECONDS = 10
"""The longest that a small file may take, on a busy machine."""

MORE_MEMORY = 1024 * 2**20
"""Bytes of addresses that a case may ask for beyond those that the process has."""


@dataclass(frozen=True)
class Finding:
    """`Finding` is a case that must not be; ``reason``: what happened, ``trace``: where."""

    kind: str
    whole: str
    seed: int
    number: int
    reason: str
    trace: str


class _Hang(BaseException):
    """A case took too long; no library catches this."""


def mutant(subject: Subject, seed: int, number: int) -> tuple[str, bytes]:
    """Return the name of a whole file and the bytes of its mutant ``number``."""
    rng = random.Random(f"{seed} {subject.kind} {number}")
    name = rng.choice(sorted(subject.wholes))
    data = subject.wholes[name]
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        with contextlib.suppress(Exception):  # so damaged already that this mutator cannot take it apart
            data = rng.choice(subject.mutators)(rng, data)
    return name, data


def run(
    subjects: Sequence[Subject],
    cases: int,
    seed: int,
    *,
    report: Callable[[int, Finding | None], None] = lambda _number, _finding: None,
) -> list[Finding]:
    """Read ``cases`` mutants of each kind; return the findings, the first of each place in the code only."""
    found: dict[tuple[str, str], Finding] = {}
    with tempfile.TemporaryDirectory() as folder, _bounded_memory():
        for number in range(cases):
            for subject in subjects:
                finding = _read(subject, seed, number, Path(folder))
                if finding is not None:
                    place = finding.trace.strip().rsplit("File ", 1)[-1]
                    finding = None if (subject.kind, place) in found else finding
                if finding is not None:
                    found[subject.kind, place] = finding
                report(number, finding)
    return list(found.values())


def _read(subject: Subject, seed: int, number: int, folder: Path) -> Finding | None:
    name, data = mutant(subject, seed, number)
    path = folder / (subject.name_in_folder or name)
    path.write_bytes(data)
    try:
        with _alarm(), warnings.catch_warnings(action="ignore"):
            subject.read(path)
        return None
    except GLStyleNetError as error:
        message = str(error)
        wrong = (
            f"exit code {error.exit_code}"
            if error.exit_code not in range(2, 7)
            else f"a message of {len(message)} characters"
            if len(message) > 3000
            else ""
        )
        if not wrong:
            return None
        reason, trace = f"{wrong}: {message[:200]}", traceback.format_exc()
    except _Hang:
        reason, trace = f"more than {SECONDS} seconds", traceback.format_exc()
    except Exception as error:
        reason, trace = f"{type(error).__name__}: {str(error)[:200]}", traceback.format_exc()
    finally:
        path.unlink()
    return Finding(subject.kind, name, seed, number, reason, trace)


@contextlib.contextmanager
def _alarm() -> Iterator[None]:
    """Raise :class:`_Hang` in this context once the time is over, where the system has alarms."""
    if sys.platform == "win32":
        yield
        return

    def ring(_number: int, _frame: object) -> None:
        raise _Hang

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextlib.contextmanager
def _bounded_memory() -> Iterator[None]:
    """Let the process have no more than ``MORE_MEMORY`` in this context, where that can be known."""
    if not sys.platform.startswith("linux"):
        yield
        return
    import resource  # noqa: PLC0415 - Windows has none

    pages = int(Path("/proc/self/statm").read_text().split()[0])
    before, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MORE_MEMORY, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (before, hard))


def seed_of_today() -> int:
    """Return a seed that differs from run to run; the command prints it."""
    return time.time_ns() % 10**9
