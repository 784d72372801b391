"""Atomic writing: a file or folder is replaced by a complete one, or stays as it was.

The new content is written to a temporary file or folder beside the target, flushed to the disk and then
renamed. So a reader finds the old content or the new one, even if the program is killed while it writes.
"""

import contextlib
import os
import shutil
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from glstylenet.errors import OutputError
from glstylenet.files.lock import target_of
from glstylenet.files.temporary import hidden_path, hold, restore, temporary_file, temporary_folder

__all__ = ["FILE_EXISTS", "replacing", "replacing_folder", "write_text"]


FILE_EXISTS = "{}: exists already. Choose another name, or give --overwrite to replace it."
"""The message for an output that exists and must not be replaced; takes the path."""


def write_text(path: Path, text: str, *, overwrite: bool = False) -> None:
    """Write ``text`` as UTF-8; raises :class:`~glstylenet.errors.OutputError` if that fails.

    Names of files may hold bytes that are no UTF-8; in a text they are escaped, as in ``caf\\udce9``.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_text(Path(folder, "note.txt"), "Größe")
    ...     Path(folder, "note.txt").read_text(encoding="utf-8")
    'Größe'
    """
    with replacing(path, overwrite=overwrite) as file:
        file.write(text.encode("utf-8", "backslashreplace"))


@contextlib.contextmanager
def replacing(path: Path, *, overwrite: bool) -> Iterator[IO[bytes]]:
    """Yield a file to write to; it takes the place of ``path`` when the block ends without an error.

    A symbolic link stays a link: the file behind it is replaced. A replaced file keeps its permission bits,
    and until then only its owner can read the new one; a new file gets the bits that the umask leaves. Raises
    OutputError if ``path`` exists and ``overwrite`` is false, if it is a folder, a pipe or a device, or if
    writing fails; what was there then stays as it was.
    """
    target = target_of(path)
    try:
        if os.path.lexists(target) and not target.is_file():
            raise OSError("what is there is no file")
        mode = _creation_mode(target, 0o666, overwrite=overwrite)
        with temporary_file(target, mode) as file:
            part = Path(file.name)
            yield file
            file.flush()
            os.fsync(file.fileno())
            written = os.fstat(file.fileno())
            if sys.platform == "win32":  # which renames no file that is open
                file.close()
            if not os.path.samestat(written, part.stat()):  # possible only where there are no locks
                raise OSError(f"{part} was replaced by another writer")
            _put_in_place(part, target, overwrite=overwrite)
    except FileExistsError as error:
        raise OutputError(FILE_EXISTS.format(path)) from error
    except OSError as error:
        raise _failed(path, error) from error


@contextlib.contextmanager
def replacing_folder(folder: Path, *, overwrite: bool) -> Iterator[Path]:
    """Yield a folder for files; it takes the place of ``folder`` as :func:`replacing` says of a file.

    The old folder is removed with all that it holds. Folder and files keep the permission bits of those they
    replace.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     with replacing_folder(Path(place, "page"), overwrite=False) as new:
    ...         write_text(new / "index.html", "<p>")
    ...     os.listdir(Path(place, "page"))
    ['index.html']
    """
    try:
        restore(hidden_path(folder, "old"), folder)
        if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
            raise OSError("what is there is no folder")
        mode = _creation_mode(folder, 0o777, overwrite=overwrite)
        with temporary_folder(folder, mode) as part:
            yield part
            for path in part.rglob("*"):
                _flush(path)
            _flush(part)
            if overwrite and os.path.lexists(folder):
                for path in part.iterdir():
                    _keep_mode(path, folder / path.name)
                _keep_mode(part, folder)
                _exchange(part, folder)
            elif os.path.lexists(folder):
                raise FileExistsError(f"{folder} exists")
            else:
                part.rename(folder)
            _flush(folder.parent)
    except FileExistsError as error:
        raise OutputError(FILE_EXISTS.format(folder)) from error
    except OSError as error:
        raise _failed(folder, error) from error


def _failed(path: Path, error: OSError) -> OutputError:
    return OutputError(
        f"{path}: writing failed ({error}); nothing was changed. Check the disk's space and permissions."
    )


def _creation_mode(target: Path, usual: int, *, overwrite: bool) -> int:
    """Return the permission bits to make new content with: what it replaces may be private."""
    return usual & 0o700 if overwrite and os.path.lexists(target) else usual


def _keep_mode(part: Path, target: Path) -> None:
    """Give ``part`` the permission bits of ``target``, if there is one and the file system knows them."""
    with contextlib.suppress(OSError):
        part.chmod(stat.S_IMODE(target.stat().st_mode) & 0o777)


def _put_in_place(part: Path, target: Path, *, overwrite: bool) -> None:
    """Give the complete file its final name; raises FileExistsError if that is taken and must not be."""
    if overwrite:
        _keep_mode(part, target)
        os.replace(part, target)
    else:
        try:
            os.link(part, target)  # unlike a rename, this fails if the name is taken
        except FileExistsError:
            raise
        except OSError:  # a file system without links: reserve the name, then rename
            target.touch(exist_ok=False)
            try:
                os.replace(part, target)
            except BaseException:
                target.unlink()
                raise
    _flush(target.parent)  # the new name must reach the disk as well


def _exchange(part: Path, folder: Path) -> None:
    """Put the complete folder ``part`` in the place of ``folder``, which is locked while it has no name."""
    old = hidden_path(folder, "old")
    descriptor = None
    with contextlib.suppress(OSError):  # where there are no locks, nobody puts it back meanwhile
        descriptor = hold(folder)
    try:
        folder.rename(old)
        try:
            part.rename(folder)
        except BaseException:
            old.rename(folder)
            raise
        shutil.rmtree(old, ignore_errors=True)
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _flush(path: Path) -> None:
    """Wait until what was written to the file or folder ``path`` has reached the disk."""
    if sys.platform == "win32" and path.is_dir():
        return
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
