"""Results file: the list of the pictures that are already in a folder, its ``results.json``.

A picture is done if it is listed with the key of the present task (settings, the bytes of the inputs, the
program's version) and its file still has the listed bytes.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import glstylenet
from glstylenet.errors import InputError, OutputError
from glstylenet.files import is_hidden, status_of, write_text
from glstylenet.settings import INIT_CHOICES, Pictures, Settings

__all__ = ["RESULTS_NAME", "Record", "ResultsFile", "Task", "digest_of_file"]


RESULTS_NAME = "results.json"
"""The file's name in its folder."""

_FORMAT = 1
_OWN = ("format", "version", "results")


@dataclass(frozen=True)
class Task:
    """`Task` is one picture to paint.

    ``name``: the stem of its file; ``pictures``: its inputs; ``preset``: the one that ``settings`` start
    from.
    """

    name: str
    pictures: Pictures
    settings: Settings
    preset: str | None = None

    def key(self, digests: Mapping[Path, str]) -> str:
        """Return the SHA-256 of everything that the picture depends on; ``digests``: of the input files."""
        inputs: dict[str, str] = {
            role: digests[path] if path in digests else digest_of_file(path)
            for role, path in self.pictures.as_dict().items()
        }
        settings = self.settings.model_dump(mode="json", exclude={"memory", "max_pixels", "strict"})
        if self.settings.init not in INIT_CHOICES:
            settings["init"] = digest_of_file(Path(self.settings.init))
        facts = {"version": glstylenet.__version__, "inputs": inputs, "settings": settings}
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Record:
    """`Record` is the result of one task; a failed one has an ``error`` and no ``file``.

    ``file``: its name in the folder, ``sha256`` of its bytes, ``size`` (width, height), ``losses`` weighted,
    ``metrics``: other measurements. ``command``: the equivalent command line.
    """

    name: str
    key: str
    file: str | None
    sha256: str | None
    size: tuple[int, int] | None
    seconds: float
    evaluations: int
    losses: Mapping[str, float] | None
    settings: Mapping[str, Any]
    command: str
    error: str | None = None
    metrics: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_done(self) -> bool:
        """Whether the task has a picture."""
        return self.error is None


class ResultsFile:
    """`ResultsFile` holds the records of one folder, by name; ``about``: facts about all of them."""

    def __init__(self, folder: Path, records: Mapping[str, Record] | None = None) -> None:
        self.folder = folder
        self.records: dict[str, Record] = dict(records or {})
        self.about: dict[str, object] = {}

    @classmethod
    def read(cls, folder: Path, *, overwrite: bool) -> "ResultsFile":
        """Read the results file in ``folder``; an empty one if it does not exist.

        Raises :class:`~glstylenet.errors.OutputError` for a folder that holds other files, and for a results
        file that cannot be read, unless ``overwrite``.
        """
        file = folder / RESULTS_NAME
        try:
            status = status_of(file)
        except OSError as error:
            raise OutputError(
                f"{file}: cannot be looked up ({error.strerror}); choose another folder"
            ) from error
        if folder.exists() and not folder.is_dir():
            raise OutputError(f"{folder}: is a file, expected a folder for the results; choose another name")
        if not folder.parent.is_dir():
            raise OutputError(
                f"{folder}: the folder {folder.parent} does not exist; create it, or choose another one"
            )
        if status is None:
            if _holds_files(folder) and not overwrite:
                raise OutputError(
                    f"{folder}: holds files already, and no {RESULTS_NAME} of an earlier run; choose another "
                    f"folder, or give --overwrite to write among them"
                )
            return cls(folder)
        try:
            table = json.loads(file.read_text(encoding="utf-8"))
            if table["format"] != _FORMAT:
                raise ValueError(f"format {table['format']}, expected {_FORMAT}")
            records = {entry["name"]: _record(entry) for entry in table["results"]}
        except (OSError, ValueError, LookupError, TypeError) as error:
            if overwrite:
                return cls(folder)
            raise OutputError(
                f"{file}: cannot be read as the results of an earlier run ({error}); choose another folder, "
                f"or give --overwrite to begin anew"
            ) from error
        results = cls(folder, records)
        results.about = {name: value for name, value in table.items() if name not in _OWN}
        return results

    def finished(self, name: str, key: str) -> Record | None:
        """Return the record of ``name`` if it is done, has the same ``key``, and its file is unchanged."""
        record = self.records.get(name)
        if record is None or not record.is_done or record.key != key or record.file is None:
            return None
        file = self.folder / record.file
        is_whole = file.is_file() and digest_of_file(file) == record.sha256
        return record if is_whole else None

    def keep(self, record: Record) -> None:
        """Add ``record`` and write the file, completely or not at all."""
        self.records[record.name] = record
        self.write()

    def write(self) -> None:
        """Write the file; raise :class:`~glstylenet.errors.OutputError` if that fails."""
        results = [asdict(record) for record in self.records.values()]
        table = {"format": _FORMAT, "version": glstylenet.__version__, **self.about, "results": results}
        write_text(self.folder / RESULTS_NAME, json.dumps(table, indent=1) + "\n", overwrite=True)


def _holds_files(folder: Path) -> bool:
    """Return whether something is in ``folder`` that no writer or run has left on its way."""
    return folder.is_dir() and not all(is_hidden(path.name) for path in folder.iterdir())


def digest_of_file(path: Path) -> str:
    """Return the SHA-256 of a file; raise :class:`~glstylenet.errors.InputError` if it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read ({os.strerror(error.errno or 0)}); check the name"
        ) from error


def _record(entry: Mapping[str, Any]) -> Record:
    """Read one entry of the file; raises ``TypeError``, ``LookupError`` or ``ValueError`` for another one."""
    file = entry["file"]
    if file is not None and (Path(file).is_absolute() or ".." in Path(file).parts):
        raise ValueError(f"the file {file!r} lies outside the folder")
    size = entry["size"]
    return Record(**{**entry, "size": None if size is None else (int(size[0]), int(size[1]))})
