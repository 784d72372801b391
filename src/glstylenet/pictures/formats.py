"""Kinds of picture files, told apart by what they hold, never by their names."""

import re
import struct
import zipfile
import zlib
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from types import MappingProxyType

import tifffile
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from glstylenet.errors import ImageError

__all__ = ["DAMAGED", "EXPECTED", "READERS", "file_format", "read_bytes"]


READERS: Mapping[str, type[ImageFile.ImageFile]] = MappingProxyType(
    {
        "PNG": PngImagePlugin.PngImageFile,
        "JPEG": JpegImagePlugin.JpegImageFile,
        "WebP": WebPImagePlugin.WebPImageFile,
        "TIFF": TiffImagePlugin.TiffImageFile,
        "GIF": GifImagePlugin.GifImageFile,
        "BMP": BmpImagePlugin.BmpImageFile,
    }
)
"""Pillow's readers by format. ``Image.open`` would apply a size limit that belongs to the whole process."""


EXPECTED = "Expected a PNG, JPEG, WebP, TIFF, GIF or BMP picture"
"""Begins the advice in messages."""


DAMAGED = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    EOFError,
    RuntimeError,
    struct.error,
    zlib.error,
    tifffile.TiffFileError,
    Image.DecompressionBombError,
)
"""What the readers raise for a damaged file. Pillow documents OSError; its parsers let the others through."""


# What a file may begin with: the accepted formats, then others that are worth naming in a message.
_ACCEPTED = re.compile(
    rb"(?P<PNG>\x89PNG\r\n\x1a\n)|(?P<JPEG>\xff\xd8\xff)|(?P<WebP>RIFF....WEBP)|(?P<GIF>GIF8[79]a)|(?P<BMP>BM)"
    rb"|(?P<TIFF>II[*+]\0|MM\0[*+])",
    re.DOTALL,
)


_REFUSED = {
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
_SECOND_NATURE = {
    "an HTML page": (b"<script", b"<!doctype html", b"<html>", b"<html "),
    "an SVG drawing": (b"<svg xmlns",),
    "a PHP program": (b"<?php ", b"<?php\n"),
}


def file_format(path: Path) -> str:
    """The format of the file at ``path``, a key of READERS, told by its first bytes.

    Raises ImageError for anything else, saying what it is.
    """
    try:
        if path.is_dir():
            raise ImageError(f"{path}: is a folder. {EXPECTED}; name a file inside the folder.")
        if path.exists() and not path.is_file():
            raise ImageError(f"{path}: is a device or a pipe. {EXPECTED} in an ordinary file.")
        with path.open("rb") as file:
            head = file.read(4096)
    except FileNotFoundError as error:
        hint = "Addresses are not fetched: download" if ":/" in str(path) else "Check"
        raise ImageError(
            f"{path}: there is no such file. {EXPECTED}. {hint} the file's name and folder."
        ) from error
    except (OSError, ValueError) as error:
        raise ImageError(f"{path}: cannot be opened ({error}). {EXPECTED} that may be read.") from error
    if not head:
        raise ImageError(f"{path}: is empty (0 bytes). {EXPECTED}; fetch or save the file again.")
    if match := _ACCEPTED.match(head):
        return str(match.lastgroup)
    known = (name for name, start in _REFUSED.items() if re.match(start, head, re.IGNORECASE | re.DOTALL))
    found = next(known, f"an unknown format that begins with the bytes {head[:8].hex(' ')}")
    raise ImageError(f"{path}: the content is {found}. {EXPECTED}; open it elsewhere and save it as PNG.")


def read_bytes(path: Path) -> tuple[bytes, str]:
    """The whole file and its format; raises ImageError for a file that is also something else."""
    kind = file_format(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ImageError(f"{path}: cannot be read ({error}). {EXPECTED} that may be read.") from error
    lower = data.lower()
    second = [name for name, marks in _SECOND_NATURE.items() if any(mark in lower for mark in marks)]
    if b"%PDF-" in data[:1024]:
        second.append("a PDF document")
    if zipfile.is_zipfile(BytesIO(data)):
        second.append("a ZIP archive")
    if second:
        raise ImageError(
            f"{path}: is a {kind} picture and {second[0]} in one file, which is refused for safety. "
            f"{EXPECTED} and nothing else; open it in a picture editor and save it as PNG."
        )
    return data, kind
