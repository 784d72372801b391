"""Locks: an output belongs to one run at a time, until that run ends, however it ends."""

import contextlib
import os
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from glstylenet.errors import OutputError
from glstylenet.files.temporary import hidden_path, remove_strays

if sys.platform != "win32":
    import fcntl

__all__ = ["claim_output", "target_of"]

_PATIENCE = 0.1
"""Seconds that a lock may be held by a program that only looks whether its owner lives."""


def target_of(path: Path) -> Path:
    """Return where bytes written to ``path`` go: behind symbolic links, so that a link stays a link."""
    return Path(os.path.realpath(path))


@contextlib.contextmanager
def claim_output(path: Path, *, make_folder: bool = False) -> Iterator[None]:
    """Hold ``path`` for this run: another run, or another thread, that claims it meanwhile fails at once.

    The claim is the lock of a hidden file beside the output, and ends with the process, however that ends.
    There is none where the system grants no locks, or where no file can be made: there the output cannot be
    written either. What killed runs left in the folder is removed. With ``make_folder`` the folder of the
    output is made if only it is missing, and removed if the block fails and leaves it empty. Raises
    OutputError if the output is claimed already.

    >>> with claim_output(Path("a.png")), claim_output(Path("a.png")):
    ...     pass
    Traceback (most recent call last):
    glstylenet.errors.OutputError: a.png: another run is writing it. Wait for it, or choose another name.
    """
    target = target_of(path)
    with contextlib.ExitStack() as made:
        if make_folder:
            made.enter_context(_made(target.parent))
        with _claim(path, target):
            yield


@contextlib.contextmanager
def _made(folder: Path) -> Iterator[None]:
    """Make ``folder`` where that is possible; remove it again if the block fails and leaves it empty."""
    try:
        folder.mkdir()
    except OSError:  # it exists; or the run will say what is wrong with it
        yield
        return
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):
            folder.rmdir()
        raise


@contextlib.contextmanager
def _claim(path: Path, target: Path) -> Iterator[None]:
    lock = hidden_path(target, "lock")
    remove_strays(target.parent)
    try:
        descriptor = _locked(lock)
    except BlockingIOError as error:
        raise OutputError(
            f"{path}: another run is writing it. Wait for it, or choose another name."
        ) from error
    except OSError as error:
        if os.path.lexists(lock):
            raise OutputError(
                f"{path}: {lock} is in the way and cannot be used as a lock ({error.strerror}). Remove it, "
                f"or choose another name."
            ) from error
        descriptor = None
    try:
        yield
    finally:
        if descriptor is not None:
            # Removed before it is unlocked: a run that waits for the lock then finds that it is of no file.
            if sys.platform != "win32":
                with contextlib.suppress(OSError):
                    lock.unlink()
            os.close(descriptor)


def _locked(lock: Path) -> int | None:
    """Return a descriptor that holds ``lock``, None where there are no locks.

    Raises BlockingIOError if another one holds it, and another OSError if it cannot be opened.
    """
    if sys.platform == "win32":
        try:  # the system removes the file with its last descriptor, even after a crash
            return os.open(lock, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_TEMPORARY)
        except FileExistsError as error:
            raise BlockingIOError(str(error)) from error
    end = time.monotonic() + _PATIENCE
    while True:
        descriptor = _open_lock(lock)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(descriptor), lock.lstat()):
                    return descriptor
            os.close(descriptor)  # the run before removed the file between opening and locking: once more
        except BlockingIOError:
            os.close(descriptor)
            if time.monotonic() > end:
                raise
            time.sleep(_PATIENCE / 10)
        except OSError:
            os.close(descriptor)
            lock.unlink(missing_ok=True)
            return None


def _open_lock(lock: Path) -> int:
    """Open or make the file ``lock``; OSError for anything but a regular file."""
    flags = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(lock, flags | os.O_CREAT | os.O_RDWR, 0o644)
    except PermissionError:  # the lock of another user, which may be read
        descriptor = os.open(lock, flags | os.O_RDONLY)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(None, "it is no regular file")
    return descriptor
