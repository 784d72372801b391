"""File set: files that must not be mistaken for others, under whatever names these are given."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from glstylenet.files.lock import target_of
from glstylenet.files.status import status_of

__all__ = ["FileSet"]


class FileSet:
    """`FileSet` holds files, and finds one of them under any of its names.

    Links, hard links and detours lead to the same file. A file that does not exist is told by its name.

    >>> files = FileSet([Path("a.png")])
    >>> files.find(Path("folder", "..", "a.png"))
    PosixPath('a.png')
    >>> files.find(Path("b.png")) is None
    True
    """

    def __init__(self, paths: Iterable[Path] = ()) -> None:
        self._paths = tuple(paths)
        self._by_identity: dict[tuple[int, int], Path] = {}
        self._by_name: dict[str, Path] = {}
        for path in self._paths:
            identity, name = _identity(path), _resolved(path)
            if identity is not None:
                self._by_identity.setdefault(identity, path)
            if name is not None:
                self._by_name.setdefault(name, path)

    def __iter__(self) -> Iterator[Path]:
        return iter(self._paths)

    def find(self, path: Path) -> Path | None:
        """Return the file of the set that ``path`` names too, as it was given; ``None`` if there is none."""
        identity, name = _identity(path), _resolved(path)
        found = None if identity is None else self._by_identity.get(identity)
        return found if found is not None or name is None else self._by_name.get(name)

    def find_inside(self, folder: Path) -> Path | None:
        """Return a file of the set that lies in ``folder`` or below it; ``None`` if there is none."""
        name = _resolved(folder)
        if name is None:
            return None
        start = os.path.join(name, "")
        return next((path for each, path in self._by_name.items() if each.startswith(start)), None)


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what tells the file at ``path`` from all others on this machine."""
    try:
        status = status_of(path)
    except OSError:
        return None
    return None if status is None else (status.st_dev, status.st_ino)


def _resolved(path: Path) -> str | None:
    """Return the name of ``path`` without links and detours; ``None`` for a name that no file can have."""
    try:
        return os.path.normcase(target_of(path))
    except (OSError, ValueError):
        return None
