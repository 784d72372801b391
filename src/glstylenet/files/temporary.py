"""Temporary files and folders beside an output: their names, and the removal of what killed programs left.

The hidden name ``.NAME.glstylenet-KIND`` stands beside the output ``NAME``. The kind is ``part`` for new
content that is not complete, ``old`` for a folder that is being replaced, and ``lock`` for a claim. Whoever
makes such a file or folder locks it as long as it is needed, so one that is not locked belongs to a program
that was killed.
"""

import contextlib
import hashlib
import os
import re
import secrets
import shutil
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Literal

if sys.platform != "win32":
    import fcntl

__all__ = [
    "Kind",
    "hidden_path",
    "hold",
    "is_hidden",
    "remove_strays",
    "restore",
    "temporary_file",
    "temporary_folder",
]

Kind = Literal["lock", "old", "part"]
"""What a hidden file or folder is for."""

_HIDDEN = re.compile(r"\.(?P<name>.+)\.glstylenet-(?P<kind>lock|old|part)", re.DOTALL)

_LONGEST_NAME = 100
"""Bytes of an output's name that go into a hidden name; file systems take 255, some 143."""

_DIGEST_MARK = "#"
"""What a hidden name has before the SHA-256 of a longer name."""


def hidden_path(path: Path, kind: Kind) -> Path:
    """Return the hidden path of that ``kind`` beside ``path``.

    >>> hidden_path(Path("out/a.png"), "part").as_posix()
    'out/.a.png.glstylenet-part'
    """
    name = path.name
    if len(os.fsencode(name)) > _LONGEST_NAME:
        name = _DIGEST_MARK + hashlib.sha256(os.fsencode(name)).hexdigest()
    return path.with_name(f".{name}.glstylenet-{kind}")


def is_hidden(name: str) -> bool:
    """Return whether ``name`` is one that :func:`hidden_path` makes.

    >>> is_hidden(".a.png.glstylenet-part"), is_hidden(".profile")
    (True, False)
    """
    return _HIDDEN.fullmatch(name) is not None


def hold(path: Path) -> int:
    """Return a descriptor that locks the file or folder at ``path`` until it is closed.

    Links are not followed. Raises BlockingIOError if it is locked already, and another OSError if it is gone
    or cannot be locked.
    """
    if sys.platform == "win32":
        raise OSError(f"{path}: this system does not lock files and folders by themselves")
    flags = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags | os.O_RDWR)  # network file systems lock only what may be written
    except (IsADirectoryError, PermissionError):
        descriptor = os.open(path, flags | os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not os.path.samestat(os.fstat(descriptor), path.lstat()):
            raise FileNotFoundError(f"{path}: was replaced meanwhile")
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def remove_strays(folder: Path) -> None:
    """Remove what killed programs left in ``folder``, and put a folder back that one of them was replacing.

    What a living program holds stays, and so does everything where the system has no locks to tell by.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Path(folder, ".a.png.glstylenet-part").touch()
    ...     remove_strays(Path(folder))
    ...     os.listdir(folder)
    []
    """
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):
            if found := _HIDDEN.fullmatch(name):
                with contextlib.suppress(OSError):
                    if found["kind"] != "old":
                        _remove_dead(folder / name)
                    # Of a digest only its own writer knows the name.
                    elif not found["name"].startswith(_DIGEST_MARK):
                        restore(folder / name, folder / found["name"])


def restore(old: Path, folder: Path) -> None:
    """Give the folder ``old``, which a killed program left, its name ``folder`` again.

    Removes it if that name is taken, and does nothing if there is no ``old``. Raises OSError if it is in use.
    """
    with contextlib.suppress(FileNotFoundError):
        descriptor = hold(old)
        try:
            if os.path.lexists(folder):
                shutil.rmtree(old)
            else:
                old.rename(folder)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def temporary_file(target: Path, mode: int = 0o666) -> Iterator[IO[bytes]]:
    """Yield a new file beside ``target``, which is removed at the end unless it was renamed.

    ``name`` of the file is its path; ``mode`` are its permission bits, less those of the umask. What a killed
    program leaves of it is removed by the next one that writes into the same folder.
    """
    remove_strays(target.parent)
    part, file = _create_file(target, mode)
    made = os.fstat(file.fileno())
    with file:
        try:
            yield file
        finally:  # whatever happens, Ctrl-C included
            if sys.platform == "win32":  # which removes no file that is open
                file.close()
            _remove_own(part, made)


@contextlib.contextmanager
def temporary_folder(target: Path, mode: int = 0o777) -> Iterator[Path]:
    """Yield a new folder beside ``target``, as :func:`temporary_file` does a file."""
    remove_strays(target.parent)
    part, descriptor = _create_folder(target, mode)
    made = part.stat()
    try:
        yield part
    finally:
        _remove_own(part, made)
        if descriptor is not None:
            os.close(descriptor)


def _create_file(target: Path, mode: int) -> tuple[Path, IO[bytes]]:
    """Create and lock a file beside ``target``, under a hidden name that no living writer uses."""
    part = hidden_path(target, "part")
    if not _is_free(part):
        part = _random_part(target)
    while True:
        with contextlib.suppress(FileExistsError):
            # The caller closes it.
            file = open(part, "x+b", opener=lambda name, flags: os.open(name, flags, mode))  # noqa: SIM115
            if _is_locked(part, file):
                return part, file
            file.close()  # another program took it for a stray before it was locked, and removes it
        part = _random_part(target)


def _create_folder(target: Path, mode: int) -> tuple[Path, int | None]:
    """Create a folder as :func:`_create_file` does; return what locks it, None where there are no locks."""
    part = hidden_path(target, "part")
    while True:
        with contextlib.suppress(FileExistsError):
            part.mkdir(mode)
            try:
                return part, hold(part)
            except (BlockingIOError, FileNotFoundError):
                pass  # another program took it for a stray before it was locked, and removes it
            except OSError:
                return part, None
        part = _random_part(target)


def _random_part(target: Path) -> Path:
    return target.with_name(f".{secrets.token_hex(16)}.glstylenet-part")


def _is_free(part: Path) -> bool:
    """Remove what a killed writer of the same target left, and return whether the name is free then."""
    try:
        _remove_dead(part)
    except FileNotFoundError:
        return True
    except BlockingIOError:
        return False
    except OSError:  # no locks here: the quicker of two writers wins
        try:
            part.unlink(missing_ok=True)
        except OSError:  # another user's, or open on Windows
            return False
    return True


def _is_locked(part: Path, file: IO[bytes]) -> bool:
    """Lock a new ``file`` where there are locks; return whether it is still the one at ``part``."""
    if sys.platform == "win32":
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    try:
        return os.path.samestat(os.fstat(file.fileno()), part.lstat())
    except FileNotFoundError:
        return False


def _remove_dead(path: Path) -> None:
    """Remove a hidden file or folder whose program was killed.

    Raises BlockingIOError if it lives, and another OSError if that cannot be told.
    """
    mode = path.lstat().st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        path.unlink()  # a link or a pipe, which this program does not make
        return
    descriptor = hold(path)
    try:
        _remove(path, mode)
    finally:
        os.close(descriptor)


def _remove_own(part: Path, made: os.stat_result) -> None:
    """Remove a file or folder of this writer, unless it was renamed and the name is another's now."""
    with contextlib.suppress(OSError):
        if os.path.samestat(made, part.lstat()):
            _remove(part, made.st_mode)


def _remove(path: Path, mode: int) -> None:
    if stat.S_ISDIR(mode):
        shutil.rmtree(path)
    else:
        path.unlink()
