"""Whole folder: the refusal, before a run computes, of a place for a folder that is written at once."""

import os
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from glstylenet.errors import OutputError
from glstylenet.files.file_set import FileSet
from glstylenet.files.temporary import remove_strays

__all__ = ["check_whole_folder"]


def check_whole_folder(
    folder: Path,
    *,
    holds: str,
    is_own: Callable[[str], bool],
    overwrite: bool,
    inputs: Iterable[Path] = (),
) -> None:
    """Raise :class:`~glstylenet.errors.OutputError` if ``folder`` cannot be written, or replaced, as a whole.

    ``holds`` names what it will hold, such as "explanation", and ``is_own`` tells the names in a folder that
    holds it. With ``overwrite`` such a folder may be replaced, but neither one with other files nor one with
    one of the ``inputs``.

    >>> check_whole_folder(Path("none/a"), holds="explanation", is_own=lambda name: True, overwrite=False)
    Traceback (most recent call last):
    glstylenet.errors.OutputError: none/a: the folder none does not exist. Create it, or choose another one.
    """
    remove_strays(folder.parent)  # a killed run may have left the folder under another name
    if not folder.parent.is_dir():
        found = "is a file, not a folder" if folder.parent.exists() else "does not exist"
        raise OutputError(f"{folder}: the folder {folder.parent} {found}. Create it, or choose another one.")
    if os.path.lexists(folder):
        _check_existing(folder, holds, is_own, overwrite=overwrite, inputs=inputs)
    try:
        # Permission bits do not tell the whole story (root, read-only disks, quotas): try it.
        with tempfile.TemporaryFile(dir=folder.parent):
            pass
    except OSError as error:
        raise OutputError(
            f"{folder}: the folder {folder.parent} cannot be written to ({error}). Choose another one."
        ) from error


def _check_existing(
    folder: Path, holds: str, is_own: Callable[[str], bool], *, overwrite: bool, inputs: Iterable[Path]
) -> None:
    if not overwrite:
        raise OutputError(
            f"{folder}: exists already. Choose another output, or give --overwrite to replace it."
        )
    if folder.is_symlink() or not folder.is_dir():
        raise OutputError(f"{folder}: is no folder, and the {holds} would go there. Move it away.")
    strange = sorted(path.name for path in folder.iterdir() if not is_own(path.name))
    if strange:
        raise OutputError(
            f"{folder}: holds {strange[0]}, which no {holds} wrote, and --overwrite would remove it. "
            f"Move it away, or choose another output."
        )
    if (path := FileSet(inputs).find_inside(folder)) is not None:
        raise OutputError(f"{folder}: holds the input {path}. Choose another output.")
