"""Atomic writing: a file is replaced by a complete one, or stays as it was.

The new content is written to a temporary file beside the target, flushed to the disk and then renamed. So a
reader finds the old file or the new one, even if the program is killed while it writes. The temporary name
follows from the target's name: what a killed writer left is removed by the next write of the same target.
"""

import contextlib
import hashlib
import os
import secrets
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from glstylenet.errors import OutputError
from glstylenet.files.lock import claim_output, target_of

__all__ = ["FILE_EXISTS", "replacing", "write_text"]


FILE_EXISTS = "{}: exists already. Choose another name, or give --overwrite to replace it."
"""The message for an output that exists and must not be replaced; takes the path."""


_LONGEST_NAME = 100
"""Bytes of a target's name that go into the temporary name; file systems take 255, some 143."""


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

    A symbolic link stays a link: the file behind it is replaced. A replaced file keeps its permission bits; a
    new one gets those that the umask leaves. Raises OutputError if ``path`` exists and ``overwrite`` is
    false, or if writing fails; the old file then stays as it was.
    """
    target = target_of(path)
    try:
        with _temporary_path(target) as part:
            try:
                with part.open("x+b") as file:
                    yield file
                    file.flush()
                    os.fsync(file.fileno())
                    written = os.fstat(file.fileno())
                if not os.path.samestat(written, part.stat()):  # possible only where there are no locks
                    raise OSError(f"{part} was replaced by another writer")
                _put_in_place(part, target, overwrite=overwrite)
            finally:  # whatever happens, Ctrl-C included
                part.unlink(missing_ok=True)
    except FileExistsError as error:
        raise OutputError(FILE_EXISTS.format(path)) from error
    except OSError as error:
        raise OutputError(
            f"{path}: writing failed ({error}); nothing was changed. Check the disk's space and permissions."
        ) from error


@contextlib.contextmanager
def _temporary_path(target: Path) -> Iterator[Path]:
    """Yield the path of a file that does not exist, beside ``target``, and hold it for this writer.

    While another thread or run writes the same target, the path is a random one instead.
    """
    name = target.name
    if len(os.fsencode(name)) > _LONGEST_NAME:
        name = hashlib.sha256(os.fsencode(name)).hexdigest()
    part = target.with_name(f".{name}.glstylenet-part")
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(claim_output(part))
            part.unlink(missing_ok=True)  # left by a writer that was killed
        except (OutputError, OSError):
            part = target.with_name(f".{secrets.token_hex(16)}.glstylenet-part")
        yield part


def _put_in_place(part: Path, target: Path, *, overwrite: bool) -> None:
    """Give the complete file its final name; raises FileExistsError if that is taken and must not be."""
    if overwrite:
        with contextlib.suppress(OSError):  # there is no old file, or the file system knows no modes
            part.chmod(stat.S_IMODE(target.stat().st_mode) & 0o777)
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
    if sys.platform != "win32":  # the new name must reach the disk as well
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
