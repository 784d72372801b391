"""File types: what a file is by its first bytes, whatever its name, and what is refused."""

import io
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from glstylenet.errors import ImageError
from glstylenet.files import open_regular
from glstylenet.pictures.formats import PictureFormat, format_of_content, readable_names

__all__ = ["expected", "file_format", "format_of_file", "open_picture", "refuse_polyglot"]


_LOOKED_AT = 4096
"""Bytes from which the type of a file is told."""


_BLOCK = 2**20


_FLAGS = re.IGNORECASE | re.DOTALL


_CAMERA_RAWS = {
    "a Canon camera raw (CR2)": rb"(?-i:II\*\0....CR)",
    "a Canon camera raw (CR3)": rb"....ftypcrx ",
    "a Fujifilm camera raw (RAF)": rb"FUJIFILMCCD-RAW",
    "a Panasonic camera raw (RW2)": rb"(?-i:IIU\0)",
    "an Olympus camera raw (ORF)": rb"(?-i:II(RO|RS)|MMOR)",
    "a Minolta camera raw (MRW)": rb"\0MRM",
    "a Sigma camera raw (X3F)": rb"(?-i:FOVb)",
}
"""Camera raws that are told by their first bytes; others are TIFF files, told by their directories."""


_OTHER_FILE_TYPES = {
    "an SVG drawing": rb"(\xef\xbb\xbf)?\s*(<\?xml.*)?<svg",
    "an HTML page": rb"(\xef\xbb\xbf)?\s*<(!doctype|html|head|body|script)",
    "an XML document": rb"(\xef\xbb\xbf)?\s*<\?xml",
    "a PDF document": rb"%PDF-",
    "a PostScript file": rb"%!PS|\xc5\xd0\xd3\xc6",
    "a HEIC picture": rb"....ftyp(hei[cxms]|hev[cxms])",
    "an AVIF picture": rb"....ftypavi[fs]",
    "a HEIC or AVIF picture": rb"....ftypmi[fa]1|....ftypmsf1",
    "a JPEG XL picture": rb"\xff\x0a|\0\0\0\x0cJXL \r\n\x87\n",
    "a JPEG 2000 picture": rb"\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51",
    "a film": rb"....ftyp|\x1aE\xdf\xa3|RIFF....AVI ",
    "a JPEG XR picture": rb"II\xbc",
    "an icon": rb"\0\0[\x01\x02]\0",
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


def open_picture(path: Path) -> tuple[BinaryIO, PictureFormat]:
    """Open the file at ``path``, an ordinary one; return it with its format, told by its first bytes.

    Raises ImageError for anything that is not a picture, saying what it is.
    """
    try:
        file = open_regular(path)
    except FileNotFoundError as error:
        if ":/" in str(path):
            raise ImageError(
                f"{path}: is an address, and addresses are not fetched. {expected()} on this machine; "
                "download it first."
            ) from error
        raise ImageError(
            f"{path}: there is no such file. {expected()}. Check the file's name and folder."
        ) from error
    except OSError as error:
        words = error.strerror or str(error)
        found = words if words.startswith("is ") else f"cannot be opened ({words})"
        raise ImageError(f"{path}: {found}. {expected()} that may be read.") from error
    try:
        return file, format_of_file(file, str(path))
    except BaseException:
        file.close()
        raise


def file_format(path: Path) -> PictureFormat:
    """Return the format of the picture at ``path``; raises ImageError as :func:`open_picture` does."""
    file, form = open_picture(path)
    file.close()
    return form


def refuse_polyglot(file: BinaryIO, where: str, form: PictureFormat) -> int | None:
    """Raise ImageError for a picture that is also something else; return where the picture's own data end.

    What a picture says about itself is its own, such as a text with a tag in it. Looked at are the beginning,
    for formats that are told by it, and what lies outside of the picture; of a file that is damaged, as much
    as a browser looks at to tell its type. Returns None for such a file.
    """
    end = form.find_end(file)
    size = file.seek(0, io.SEEK_END)
    marks = _marks_in(file, 0, min(size, _LOOKED_AT)) if end is None else _marks_in(file, end, size)
    others = [name for name, texts in _POLYGLOT_MARKS.items() if marks.intersection(texts)]
    file.seek(0)
    if b"%PDF-" in file.read(1024):
        others.append("a PDF document")
    if zipfile.is_zipfile(file):
        others.append("a ZIP archive")
    if others:
        raise ImageError(
            f"{where}: is a {form.name} picture and {others[0]} in one file, which is refused for safety. "
            f"{expected()} and nothing else; open it in a picture editor and save it as PNG."
        )
    return end


def format_of_file(file: BinaryIO, where: str) -> PictureFormat:
    """Return the format of an open file, told by its first bytes; ``where`` names it in messages.

    Raises ImageError as :func:`open_picture` does.
    """
    try:
        head = file.read(_LOOKED_AT)
    except OSError as error:
        raise ImageError(f"{where}: cannot be read ({error}). {expected()} that may be read.") from error
    if not head:
        raise ImageError(f"{where}: is empty (0 bytes). {expected()}; fetch or save the file again.")

    def first_match(file_types: Mapping[str, bytes]) -> str | None:
        matches = (name for name, start in file_types.items() if re.match(start, head, _FLAGS))
        return next(matches, None)

    if (raw := first_match(_CAMERA_RAWS)) is not None:
        raise ImageError(
            f"{where}: is {raw}, which holds what the sensor measured and not yet a picture. {expected()}; "
            "develop it in a raw converter, and save it as a 16-bit TIFF or PNG file."
        )
    if (form := format_of_content(head)) is not None:
        return form
    found = (
        first_match(_OTHER_FILE_TYPES) or f"an unknown format that begins with the bytes {head[:8].hex(' ')}"
    )
    raise ImageError(f"{where}: the content is {found}. {expected()}; open it elsewhere and save it as PNG.")


def _marks_in(file: BinaryIO, start: int, end: int) -> set[bytes]:
    """Return the marks that occur from ``start`` to ``end``, in lower case."""
    found: set[bytes] = set()
    longest = max(len(mark) for marks in _POLYGLOT_MARKS.values() for mark in marks)
    for place in range(start, end, _BLOCK):
        file.seek(place)
        block = file.read(min(_BLOCK + longest, end - place)).lower()
        found.update(mark for marks in _POLYGLOT_MARKS.values() for mark in marks if mark in block)
    return found
