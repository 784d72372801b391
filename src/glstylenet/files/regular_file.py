"""Regular files: what somebody names as input is opened only if it is an ordinary file.

A pipe, a device or a socket would let the program wait for ever, or have effects of its own when it is
opened. A name may also be none that any file can have.
"""

import errno
import os
import stat
from io import BufferedReader

__all__ = ["check_name", "open_regular"]


def check_name(path: str) -> None:
    """Raise ``ValueError`` if no file can have the name ``path``, on any disk.

    >>> check_name("a.png")
    >>> check_name("a\\0.png")
    Traceback (most recent call last):
    ValueError: is no possible name of a file (embedded null byte)
    """
    try:
        if b"\0" in os.fsencode(path):
            raise ValueError("is no possible name of a file (embedded null byte)")
    except UnicodeEncodeError as error:
        raise ValueError(f"is no possible name of a file ({error.reason})") from error


def open_regular(path: str | os.PathLike[str]) -> BufferedReader:
    """Open the regular file at ``path``, or behind a link there, for reading bytes.

    Raises ``OSError``, and no other exception: for what the system refuses, for a folder, a device, a pipe or
    a socket, and for a name that no file can have. Its ``strerror`` says in words what was found.

    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "note.txt").write_bytes(b"one")
    ...     with open_regular(Path(folder, "note.txt")) as file:
    ...         file.read()
    b'one'
    >>> open_regular("/")
    Traceback (most recent call last):
    IsADirectoryError: [Errno 21] is a folder, expected an ordinary file: '/'
    """
    try:
        check_name(os.fspath(path))
    except ValueError as error:
        raise OSError(errno.EINVAL, str(error), str(path)) from error
    _refuse_irregular(os.stat(path), path)  # before it is opened: opening some devices has effects
    return open(path, "rb", opener=_open_at_once)


def _open_at_once(path: str, flags: int) -> int:
    """Return a descriptor of a regular file, whatever became of ``path`` since it was looked at."""
    # Without waiting for the other end of a pipe. Windows opens no pipe by a path.
    descriptor = os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
    try:
        _refuse_irregular(os.fstat(descriptor), path)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _refuse_irregular(found: os.stat_result, path: str | os.PathLike[str]) -> None:
    """Raise ``OSError`` if ``found``, at ``path``, is not a regular file."""
    if stat.S_ISDIR(found.st_mode):
        raise OSError(errno.EISDIR, "is a folder, expected an ordinary file", str(path))
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "is a device, a pipe or a socket, expected an ordinary file", str(path))
