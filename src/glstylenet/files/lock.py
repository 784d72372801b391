"""Locks: an output belongs to one run at a time, until that run ends, however it ends."""

import contextlib
import hashlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from glstylenet.errors import OutputError

if sys.platform != "win32":
    import fcntl

__all__ = ["claim_output", "target_of"]


def target_of(path: Path) -> Path:
    """Return where bytes written to ``path`` go: behind symbolic links, so that a link stays a link."""
    return Path(os.path.realpath(path))


@contextlib.contextmanager
def claim_output(path: Path) -> Iterator[None]:
    """Hold ``path`` for this run: another run, or another thread, that claims it meanwhile fails at once.

    The claim is a lock on a file in the temporary folder, and ends with the process, however that ends. Where
    the system grants no locks there is no claim. Raises OutputError if the output is claimed already.

    >>> with claim_output(Path("a.png")), claim_output(Path("a.png")):
    ...     pass
    Traceback (most recent call last):
    glstylenet.errors.OutputError: a.png: another run is writing it. Wait for it, or choose another name.
    """
    try:
        descriptor = _open_locked(lock := _lock_path(path))
    except BlockingIOError as error:
        raise OutputError(
            f"{path}: another run is writing it. Wait for it, or choose another name."
        ) from error
    except OSError:
        descriptor = None
    try:
        yield
    finally:
        if descriptor is not None:
            # Removed before it is unlocked: a run that waits for the lock then finds that it is of no file.
            if sys.platform != "win32":
                lock.unlink(missing_ok=True)
            os.close(descriptor)


def _lock_path(path: Path) -> Path:
    """Return the file whose lock claims ``path``: not beside it, where a killed run would leave it."""
    user = "" if sys.platform == "win32" else f"-{os.getuid()}"
    folder = Path(tempfile.gettempdir()) / f"glstylenet-locks{user}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder / hashlib.sha256(os.fsencode(os.path.normcase(target_of(path)))).hexdigest()


def _open_locked(lock: Path) -> int:
    """Return a descriptor that holds ``lock``; raises BlockingIOError if another one does."""
    if sys.platform == "win32":
        try:  # the system removes the file with its last descriptor, even after a crash
            return os.open(lock, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_TEMPORARY)
        except FileExistsError as error:
            raise BlockingIOError(str(error)) from error
    while True:
        descriptor = os.open(lock, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(descriptor), os.stat(lock)):
                    return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # the run before removed the file between opening and locking: once more
