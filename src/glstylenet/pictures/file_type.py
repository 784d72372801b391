"""File types: what a file is by its first bytes, whatever its name, and what is refused."""

import re
import zipfile
from io import BytesIO
from pathlib import Path

from glstylenet.errors import ImageError
from glstylenet.pictures.formats import PictureFormat, format_of_content, readable_names

__all__ = ["expected", "file_format", "format_of_bytes", "read_bytes"]


_LOOKED_AT = 4096
"""Bytes from which the type of a file is told."""


_OTHER_FILE_TYPES = {
    "an SVG drawing": rb"(\xef\xbb\xbf)?\s*(<\?xml.*)?<svg",
    "an HTML page": rb"(\xef\xbb\xbf)?\s*<(!doctype|html|head|body|script)",
    "an XML document": rb"(\xef\xbb\xbf)?\s*<\?xml",
    "a PDF document": rb"%PDF-",
    "a PostScript file": rb"%!PS|\xc5\xd0\xd3\xc6",
    "a HEIC or AVIF picture or a film": rb"....ftyp",
    "a Photoshop document": rb"8BPS",
    "an OpenEXR picture": rb"v/1\x01",
    "a ZIP archive": rb"PK\x03\x04",
    "text": rb"[\t\n\r -~]+\Z",
}


# A file that is a picture and a page, script or document at once is made to fool whoever passes it on.
# The strings are long enough not to turn up in pixel data by chance.
_POLYGLOT_MARKS = {
    "an HTML page": (b"<script", b"<!doctype html", b"<html>", b"<html "),
    "an SVG drawing": (b"<svg xmlns",),
    "a PHP program": (b"<?php ", b"<?php\n"),
}


def expected() -> str:
    """Return the beginning of the advice in messages, which names the formats that are read."""
    return f"Expected a {readable_names()} picture"


def file_format(path: Path) -> PictureFormat:
    """Return the format of the file at ``path``, told by its first bytes.

    Raises ImageError for anything else, saying what it is.
    """
    try:
        if path.is_dir():
            raise ImageError(f"{path}: is a folder. {expected()}; name a file inside the folder.")
        if path.exists() and not path.is_file():
            raise ImageError(f"{path}: is a device or a pipe. {expected()} in an ordinary file.")
        with path.open("rb") as file:
            head = file.read(_LOOKED_AT)
    except FileNotFoundError as error:
        if ":/" in str(path):
            raise ImageError(
                f"{path}: is an address, and addresses are not fetched. {expected()} on this machine; "
                "download it first."
            ) from error
        raise ImageError(
            f"{path}: there is no such file. {expected()}. Check the file's name and folder."
        ) from error
    except (OSError, ValueError) as error:
        raise ImageError(f"{path}: cannot be opened ({error}). {expected()} that may be read.") from error
    return _format_of_head(head, str(path))


def _format_of_head(head: bytes, where: str) -> PictureFormat:
    if not head:
        raise ImageError(f"{where}: is empty (0 bytes). {expected()}; fetch or save the file again.")
    if (form := format_of_content(head)) is not None:
        return form
    known = (
        name for name, start in _OTHER_FILE_TYPES.items() if re.match(start, head, re.IGNORECASE | re.DOTALL)
    )
    found = next(known, f"an unknown format that begins with the bytes {head[:8].hex(' ')}")
    raise ImageError(f"{where}: the content is {found}. {expected()}; open it elsewhere and save it as PNG.")


def read_bytes(path: Path) -> tuple[bytes, PictureFormat]:
    """Return the whole file and its format; raises ImageError for a file that is also something else."""
    form = file_format(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ImageError(f"{path}: cannot be read ({error}). {expected()} that may be read.") from error
    _refuse_polyglot(data, str(path), form)
    return data, form


def format_of_bytes(data: bytes, where: str) -> PictureFormat:
    """Return the format of a whole file that was read already; raises ImageError as :func:`read_bytes` does.

    ``where`` names the file in messages.
    """
    form = _format_of_head(data[:_LOOKED_AT], where)
    _refuse_polyglot(data, where, form)
    return form


def _refuse_polyglot(data: bytes, where: str, form: PictureFormat) -> None:
    """Raise ImageError for a file that is also something else."""
    lower = data.lower()
    others = [name for name, marks in _POLYGLOT_MARKS.items() if any(mark in lower for mark in marks)]
    if b"%PDF-" in data[:1024]:
        others.append("a PDF document")
    if zipfile.is_zipfile(BytesIO(data)):
        others.append("a ZIP archive")
    if others:
        raise ImageError(
            f"{where}: is a {form.name} picture and {others[0]} in one file, which is refused for safety. "
            f"{expected()} and nothing else; open it in a picture editor and save it as PNG."
        )
