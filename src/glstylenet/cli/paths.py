"""Paths: every path of the command line is looked at once, before anything else is done with it.

A name can be too long or impossible, its folders can be locked, links can lead in a circle. What comes out of
these functions can be looked up without such an error.
"""

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
    return _checked(
        text,
        InputError,
        impossible="check the name and the folders in it",
        irregular="expected an ordinary file; save its content as one",
    )


def output_path(text: str) -> Path:
    """Return ``text`` as the path of a file or folder to write, which may exist.

    Raises :class:`~glstylenet.errors.UsageError` for an empty name and
    :class:`~glstylenet.errors.OutputError` for one that cannot be looked up, and for a device or a pipe.

    >>> output_path("painted.png").name
    'painted.png'
    """
    return _checked(
        text,
        OutputError,
        impossible="choose another name or folder",
        irregular="expected a place for an ordinary file; choose another name",
    )


def _checked(
    text: str, kind: type[InputError] | type[OutputError], *, impossible: str, irregular: str
) -> Path:
    """Return ``text`` as a path; raise ``kind``, with what to do, if it cannot be one of a file or folder."""
    if not text:
        raise UsageError("a picture's or the output's name is empty; is a variable of your script not set?")
    try:
        status = status_of(text)
    except OSError as error:
        raise kind(f"{text!r}: cannot be looked up ({error.strerror}); {impossible}") from error
    if status is not None and not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
        raise kind(f"{text!r}: is a device, a pipe or a socket, {irregular}")
    return Path(text)
