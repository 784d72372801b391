"""Opening inputs: an ordinary file is opened, nothing else is, and nothing waits."""

import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from glstylenet.files import open_regular
from glstylenet.files.regular_file import _open_at_once

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")


def _fifo(folder: Path) -> Path:
    os.mkfifo(folder / "pipe.png")
    return folder / "pipe.png"


def _socket(folder: Path) -> Path:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "s"))
    return folder / "s"


def _folder(folder: Path) -> Path:
    (folder / "folder.png").mkdir()
    return folder / "folder.png"


def _link_to_device(folder: Path) -> Path:
    (folder / "link.png").symlink_to("/dev/zero")
    return folder / "link.png"


def _loop(folder: Path) -> Path:
    (folder / "loop.png").symlink_to("loop.png")
    return folder / "loop.png"


def _broken(folder: Path) -> Path:
    (folder / "broken.png").symlink_to("nothing.png")
    return folder / "broken.png"


@pytest.mark.timeout(60)  # a pipe would be waited for
@pytest.mark.parametrize(
    ("make", "words"),
    [
        (_fifo, "is a device, a pipe or a socket"),
        (_socket, "is a device, a pipe or a socket"),
        (_link_to_device, "is a device, a pipe or a socket"),
        (lambda _folder: Path("/dev/zero"), "is a device, a pipe or a socket"),
        (_folder, "is a folder"),
        (_loop, "symbolic links"),
        (_broken, "No such file"),
        (lambda folder: folder / ("x" * 300), "name too long"),
        (lambda folder: folder / "a\0b", "no possible name of a file"),
        (lambda folder: folder / "a\ud800b", "no possible name of a file"),
    ],
)
def test_what_is_no_ordinary_file_is_an_oserror_in_words(
    tmp_path: Path, make: Callable[[Path], Path], words: str
) -> None:
    path = make(tmp_path)
    with pytest.raises(OSError, match=words) as caught:
        open_regular(path)
    assert words in str(caught.value.strerror)
    assert str(caught.value.filename) == str(path)


@pytest.mark.timeout(60)  # a pipe would be waited for
def test_what_became_a_pipe_since_it_was_looked_at_is_refused(tmp_path: Path) -> None:
    pipe = _fifo(tmp_path)
    with pytest.raises(OSError, match="is a device, a pipe or a socket"):
        _open_at_once(str(pipe), os.O_RDONLY)


def test_ordinary_files_are_opened(tmp_path: Path) -> None:
    """Also one behind a link, one whose name is no UTF-8, and an empty one."""
    (tmp_path / "a.png").write_bytes(b"content")
    (tmp_path / "link.png").symlink_to("a.png")
    odd = os.fsdecode(os.fsencode(tmp_path) + b"/\xff.png")
    Path(odd).write_bytes(b"")
    for path, content in (
        (tmp_path / "a.png", b"content"),
        (str(tmp_path / "link.png"), b"content"),
        (odd, b""),
    ):
        with open_regular(path) as file:
            assert file.read() == content
