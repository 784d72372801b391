"""Paths: every path of the command line is looked at once, before anything else is done with it.

A name can be too long or impossible, its folders can be locked, links can lead in a circle. What comes out of
these functions can be looked up without such an error.
"""

import os
import stat
from pathlib import Path

from glstylenet.errors import InputError, OutputError, UsageError
from glstylenet.files import status_of

__all__ = ["input_path", "output_path"]


def input_path(text: str) -> Path:
    """Return ``text`` as the path of an input, which may be missing: whoever reads it says what it should be.

    Raises :class:`~glstylenet.errors.UsageError` for an empty name and
    :class:`~glstylenet.errors.InputError` for one that cannot be looked up, and for a device or a pipe.

    >>> input_path("painting.png").name
    'painting.png'
    """
    try:
        status = _status(text)
    except OSError as error:
        raise InputError(
            f"{text!r}: cannot be looked up ({error.strerror}); check the name and the folders in it"
        ) from error
    if status is not None and not _is_file_or_folder(status):
        raise InputError(
            f"{text!r}: is a device, a pipe or a socket, expected an ordinary file; save its content as one"
        )
    return Path(text)


def output_path(text: str) -> Path:
    """Return ``text`` as the path of a file or folder to write, which may exist.

    Raises :class:`~glstylenet.errors.UsageError` for an empty name and
    :class:`~glstylenet.errors.OutputError` for one that cannot be looked up, and for a device or a pipe.

    >>> output_path("painted.png").name
    'painted.png'
    """
    try:
        status = _status(text)
    except OSError as error:
        raise OutputError(
            f"{text!r}: cannot be looked up ({error.strerror}); choose another name or folder"
        ) from error
    if status is not None and not _is_file_or_folder(status):
        raise OutputError(
            f"{text!r}: is a device, a pipe or a socket, expected a place for an ordinary file; choose "
            f"another name"
        )
    return Path(text)


def _status(text: str) -> os.stat_result | None:
    if not text:
        raise UsageError("a picture's or the output's name is empty; is a variable of your script not set?")
    return status_of(text)


def _is_file_or_folder(status: os.stat_result) -> bool:
    return stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)
