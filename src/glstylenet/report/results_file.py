"""Results file: the list of the pictures that are already in a folder, its ``results.json``.

A picture is done if it is listed with the key of the present task (settings, the bytes of the inputs, the
program's version) and its file still has the listed bytes.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

import glstylenet
from glstylenet.errors import InputError, OutputError
from glstylenet.files import is_hidden, open_regular, parse_json, schema_finding, status_of, write_text
from glstylenet.report.inputs import Cut
from glstylenet.run import ALGORITHM_VERSION
from glstylenet.settings import INIT_CHOICES, Pictures, Settings

__all__ = ["RESULTS_NAME", "Record", "ResultsFile", "Task", "digest_of_file"]


RESULTS_NAME = "results.json"
"""The file's name in its folder."""

_FORMAT = 1

_Fact = TypeVar("_Fact")


@dataclass(frozen=True)
class Task:
    """`Task` is one picture to paint.

    ``name``: the stem of its file; ``pictures``: its inputs; ``preset``: the one that ``settings`` start
    from. With ``cut`` it is not painted: that part of a given picture takes its place, for comparison.
    """

    name: str
    pictures: Pictures
    settings: Settings
    preset: str | None = None
    cut: Cut | None = None

    def key(self, digests: Mapping[Path, str]) -> str:
        """Return the SHA-256 of everything that the picture depends on; ``digests``: of the input files."""
        inputs: dict[str, str] = {
            role: digests[path] if path in digests else digest_of_file(path)
            for role, path in self.pictures.as_dict().items()
        }
        settings = self.settings.model_dump(mode="json", exclude={"memory", "max_pixels", "strict"})
        if self.settings.init not in INIT_CHOICES:
            settings["init"] = digest_of_file(Path(self.settings.init))
        facts: dict[str, object] = {
            "version": glstylenet.__version__,
            "algorithm_version": ALGORITHM_VERSION,
            "inputs": inputs,
            "settings": settings,
        }
        further = self.pictures.further
        if further.weights or further.regions:
            facts["styles"] = {"weights": further.weights, "regions": further.regions}
        if self.cut is not None:
            facts["cut"] = [digest_of_file(self.cut.file), *self.cut.box]
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
    metrics: Mapping[str, float | None] = field(default_factory=dict)

    @property
    def is_done(self) -> bool:
        """Whether the task has a picture."""
        return self.error is None


class _Table(BaseModel):
    """`_Table` is the schema of the file; what else it holds are facts about all results."""

    model_config = ConfigDict(extra="allow")

    format: Literal[1]
    version: str
    results: list[Record]


_TABLE = TypeAdapter(_Table)


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
            with open_regular(file) as opened:
                table = parse_json(_TABLE, opened.read())
            for record in table.results:
                _check_record(record)
        except (OSError, ValueError) as error:
            if overwrite:
                return cls(folder)
            raise _unreadable(file, error) from error
        results = cls(folder, {record.name: record for record in table.results})
        results.about = dict(table.model_extra or {})
        return results

    def fact(self, name: str, schema: TypeAdapter[_Fact]) -> _Fact | None:
        """Return the fact ``name`` about all records as ``schema`` describes it, ``None`` if there is none.

        Raises :class:`~glstylenet.errors.OutputError` for another one: the file may have been edited.
        """
        if name not in self.about:
            return None
        try:
            return schema.validate_python(self.about[name])
        except ValidationError as error:
            reason = ValueError(f"{name}: {schema_finding(error)}")
            raise _unreadable(self.folder / RESULTS_NAME, reason) from error

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
        with open_regular(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the name") from error


def _check_record(record: Record) -> None:
    """Raise ``ValueError`` for a record that no program wrote: its parts do not fit each other."""
    file = record.file
    if file is not None and (Path(file).anchor or ".." in Path(file).parts):
        raise ValueError(f"the file {file!r} lies outside the folder")
    if record.is_done and None in (record.file, record.sha256, record.size, record.losses):
        raise ValueError(f"{record.name} is done, but its file, size or losses are missing")


def _unreadable(file: Path, reason: Exception) -> OutputError:
    return OutputError(
        f"{file}: cannot be read as the results of an earlier run ({reason}); choose another folder, or give "
        f"--overwrite to begin anew"
    )
