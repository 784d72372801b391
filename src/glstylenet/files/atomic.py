"""Replacement: a file takes another's place at once, or not at all.

It is written beside its place, flushed to the disk and then named: an old file stays whole until the new one
is, and a program that is stopped leaves nothing behind.
"""

import contextlib
import os
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from glstylenet.errors import OutputError

__all__ = ["TAKEN", "replacing", "target_of", "write_text"]


TAKEN = "{}: exists already. Choose another name, or give --overwrite to replace it."
"""What is said of a file that is in the way."""


def target_of(path: Path) -> Path:
    """Where the bytes go: behind symbolic links, so that a link stays a link."""
    return Path(os.path.realpath(path))


def write_text(path: Path, text: str, *, overwrite: bool = False) -> None:
    """Write ``text`` as UTF-8; raises :class:`~glstylenet.errors.OutputError` if that fails."""
    with replacing(path, overwrite=overwrite) as file:
        file.write(text.encode("utf-8"))


@contextlib.contextmanager
def replacing(path: Path, *, overwrite: bool) -> Iterator[IO[bytes]]:
    """A file to write to that takes the place of ``path`` once it is complete, and vanishes otherwise."""
    target = target_of(path)
    beside = target.parent / f".glstylenet-{secrets.token_hex(8)}.part"
    try:
        try:
            nameless = _nameless_file(target.parent)
            with beside.open("xb") if nameless is None else nameless as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
                if nameless is not None:
                    _name(file, beside)
            _put_in_place(beside, target, overwrite=overwrite)
        finally:  # whatever happens, Ctrl-C included
            beside.unlink(missing_ok=True)
    except FileExistsError as error:
        raise OutputError(TAKEN.format(path)) from error
    except OSError as error:
        raise OutputError(
            f"{path}: writing failed ({error}); nothing was changed. Check the disk's space and permissions."
        ) from error


def _nameless_file(folder: Path) -> IO[bytes] | None:
    """A file without a name, which even SIGKILL cannot leave behind; None where the system has none."""
    if sys.platform != "linux" or not Path("/proc/self/fd").exists():
        return None
    flags = os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC
    try:
        return open(folder, "w+b", opener=lambda name, _: os.open(name, flags, 0o666))
    except OSError:  # the file system knows no such files; a real fault will show with the named file
        return None


def _name(file: IO[bytes], path: Path) -> None:
    """Give a nameless file the name ``path``."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:  # with a folder's descriptor, the call follows the symbolic link in /proc to the file itself
        os.link(f"/proc/self/fd/{file.fileno()}", path.name, dst_dir_fd=folder, follow_symlinks=True)
    finally:
        os.close(folder)


def _put_in_place(beside: Path, target: Path, *, overwrite: bool) -> None:
    """Give the complete file its final name; FileExistsError if that is taken and must not be."""
    if overwrite:
        os.replace(beside, target)
    else:
        try:
            os.link(beside, target)  # unlike a rename, this fails if the name is taken
        except FileExistsError:
            raise
        except OSError:  # a file system without links: reserve the name, then rename
            target.touch(exist_ok=False)
            try:
                os.replace(beside, target)
            except BaseException:
                target.unlink()
                raise
    if sys.platform != "win32":  # the new name must reach the disk as well
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
