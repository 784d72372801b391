"""Contents: the pictures that a command line names as contents, one by one or as folders of them."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from glstylenet.cli.paths import input_path
from glstylenet.errors import GLStyleNetError, InputError
from glstylenet.pictures import list_pictures, readable_names

__all__ = ["Contents", "Refused", "describe_skipped", "gather_contents"]

_NAMED_AT_MOST = 5
"""Files that a sentence names before it only counts."""


@dataclass(frozen=True)
class Refused:
    """`Refused` is a picture of a batch of which is known beforehand that it cannot be painted, and why."""

    name: str
    error: GLStyleNetError


@dataclass
class Contents:
    """`Contents` holds the ``paths`` of the pictures that words of a command line name, in their order.

    ``listed`` are those that were found in a folder, ``refused`` those that cannot be used, and ``skipped``
    the entries of folders that are no pictures. ``is_batch``: whether the words can name several pictures.
    """

    is_batch: bool
    paths: list[Path] = field(default_factory=list)
    listed: set[Path] = field(default_factory=set)
    refused: list[Refused] = field(default_factory=list)
    skipped: list[Path] = field(default_factory=list)


def gather_contents(words: Sequence[str]) -> Contents:
    """Return the contents that ``words`` name.

    Raises :class:`~glstylenet.errors.UsageError` for an empty word and
    :class:`~glstylenet.errors.InputError` if no picture is left.
    """
    contents = Contents(is_batch=len(words) > 1 or any(os.path.isdir(word) for word in words))
    for word in words:
        try:
            path = input_path(word)
            if path.is_dir():
                _add_folder(path, contents)
            else:
                contents.paths.append(path)
        except InputError as error:
            contents.refused.append(Refused(word, error))
    if not contents.paths:
        raise contents.refused[0].error
    return contents


def describe_skipped(paths: Sequence[Path], reason: str) -> str:
    """Return a sentence that ``paths``, entries of a folder, were skipped for ``reason``.

    >>> describe_skipped([Path("notes.txt"), Path("list.txt")], "no pictures")
    'skipped 2 entries (no pictures): notes.txt, list.txt'
    """
    names = ", ".join(path.name for path in paths[:_NAMED_AT_MOST])
    more = ", ..." if len(paths) > _NAMED_AT_MOST else ""
    entries = "entry" if len(paths) == 1 else "entries"
    return f"skipped {len(paths)} {entries} ({reason}): {names}{more}"


def _add_folder(folder: Path, contents: Contents) -> None:
    found = list_pictures(folder)
    contents.paths.extend(found.pictures)
    contents.listed.update(found.pictures)
    contents.refused.extend(Refused(str(path), error) for path, error in found.unreadable.items())
    contents.skipped.extend(found.others)
    if not found.pictures and not found.unreadable:
        raise InputError(f"{folder}: the folder holds no picture; expected {readable_names()}")
