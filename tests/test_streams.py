"""Streams that fail: a full disk, a closed stream, a reader that has gone. The work is done all the same."""

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image

import glstylenet
from glstylenet.cli.console import Stream
from tests.desk import desk
from tests.long_cases import rest_is_long

__all__ = ["desk"]  # fixtures

pytestmark = pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")

BROKEN = ("full", "closed", "gone")


@contextmanager
def broken_pipe() -> Iterator[int]:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        yield writing
    finally:
        os.close(writing)


def run(folder: Path, *words: str, out: str = "read", err: str = "read") -> tuple[int, str, str]:
    """Run the program with its streams in the states ``out`` and ``err``; return its code and its words."""
    shell = {"read": "", "gone": "", "full": "/dev/full", "closed": "&-"}
    redirections = "".join(
        f" {number}>{shell[state]}" for number, state in ((1, out), (2, err)) if shell[state]
    )
    with broken_pipe() as pipe:
        done = subprocess.run(
            ["/bin/sh", "-c", f'exec "$@"{redirections}', "sh", sys.executable, "-m", "glstylenet", *words],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(Path(glstylenet.__file__).parents[1])},
            stdout=pipe if out == "gone" else subprocess.PIPE,
            stderr=pipe if err == "gone" else subprocess.PIPE,
            text=True,
            check=False,
        )
    return done.returncode, done.stdout or "", done.stderr or ""


def size_of(path: Path) -> tuple[int, int]:
    with Image.open(path) as picture:
        picture.load()
        return picture.size


@pytest.mark.parametrize("out", rest_is_long(BROKEN, short=1))
def test_help_that_cannot_be_printed_is_5(desk: Path, out: str) -> None:
    code, _, error = run(desk, "--help", out=out)
    if out == "gone":  # the reader has what it wanted, as with `| head`
        assert (code, error) == (0, "")
    else:
        assert code == 5
        assert error.startswith("glstylenet: standard output could not be written (")
        assert len(error.splitlines()) == 1


@pytest.mark.parametrize("err", rest_is_long(BROKEN, short=1))
def test_a_message_that_cannot_be_printed_does_not_change_the_code(desk: Path, err: str) -> None:
    assert run(desk, "stylize", "content.png", err=err) == (2, "", "")


# Each state of each stream once; both standard streams are broken in each run.
PAIRS = [
    pytest.param("closed", "full"),
    pytest.param("full", "gone", marks=pytest.mark.long),
    pytest.param("gone", "closed", marks=pytest.mark.long),
]


@pytest.mark.long
@pytest.mark.parametrize(("out", "err"), PAIRS)
def test_a_picture_is_worth_more_than_messages(desk: Path, out: str, err: str) -> None:
    place = desk / f"{out}-{err}.png"
    paint = ("stylize", "content.png", "style.png", "-o", place.name, "--iterations", "2", "--json")
    assert run(desk, *paint, out=out, err=err)[0] == (0 if out == "gone" else 5)
    assert size_of(place) == (36, 36)


@pytest.mark.long
@pytest.mark.parametrize("err", BROKEN)
def test_lost_messages_alone_are_no_failure(desk: Path, err: str) -> None:
    place = desk / f"{err}.png"
    paint = ("stylize", "content.png", "style.png", "-o", place.name, "--iterations", "2")
    assert run(desk, *paint, err=err) == (0, "", "")
    assert size_of(place) == (36, 36)


@pytest.mark.long
@pytest.mark.parametrize(("out", "err"), PAIRS)
def test_a_sweep_is_worth_more_than_messages(desk: Path, out: str, err: str) -> None:
    folder = desk / f"{out}-{err}"
    paint = (
        "sweep",
        "content.png",
        "style.png",
        "-o",
        folder.name,
        "--seed",
        "1,2",
        "--iterations",
        "1",
        "--json",
    )
    assert run(desk, *paint, out=out, err=err)[0] == (0 if out == "gone" else 5)
    assert len(list((folder / "pictures").iterdir())) == 2


@pytest.mark.long
@pytest.mark.parametrize(("out", "err"), PAIRS)
def test_metrics_that_cannot_be_printed_are_5(desk: Path, out: str, err: str) -> None:
    words = ("evaluate", "content.png", "content.png", "style.png")
    assert run(desk, *words, out=out, err=err)[0] == (0 if out == "gone" else 5)


class Failing(io.StringIO):
    """A stream whose every call fails."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def write(self, _text: str) -> int:
        raise self.error

    def flush(self) -> None:
        raise self.error

    def close(self) -> None:
        pass


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left"), OSError(5, "Input/output error"), ValueError("closed")]
)
def test_no_error_of_a_stream_comes_through(error: Exception) -> None:
    stream = Stream(Failing(error))
    print("lost", file=stream, flush=True)
    stream.settle()
    assert stream.failure is error


def test_a_reader_that_has_gone_is_no_failure() -> None:
    stream = Stream(Failing(BrokenPipeError(32, "Broken pipe")))
    print("lost", file=stream, flush=True)
    stream.settle()
    assert stream.failure is None


def test_characters_that_the_encoding_lacks_are_escaped() -> None:
    raw = io.BytesIO()
    stream = Stream(io.TextIOWrapper(raw, encoding="latin-1"))
    print("Größe 齐 \udcff", file=stream, flush=True)
    assert raw.getvalue() == "Größe ".encode("latin-1") + rb"\u9f50 \udcff" + b"\n"
    assert stream.failure is None


def test_a_closed_stream_loses_its_descriptor_to_no_file(desk: Path, tmp_path: Path) -> None:
    """Else what is written to standard error would end in the file that was opened next."""
    code = (
        "import os; from glstylenet.cli.console import open_streams\n"
        "with open_streams():\n"
        "    file = open('picture', 'wb'); os.write(2, b'a message'); assert file.fileno() > 2"
    )
    done = subprocess.run(
        ["/bin/sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(glstylenet.__file__).parents[1])},
        check=False,
    )
    assert done.returncode == 0
    assert (tmp_path / "picture").read_bytes() == b""
