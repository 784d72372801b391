"""Picture formats: one row each, from which everything else that depends on a format is derived.

To read a format, write a function that decodes a file to a :class:`~glstylenet.pictures.raster.Raster` and
add a row to FORMATS; to write it too, name a function that encodes samples. Messages, folders of pictures,
the command line, the studio and the documents follow.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, BinaryIO

from PIL import BmpImagePlugin, GifImagePlugin

from glstylenet.pictures.decode import decode_with_pillow
from glstylenet.pictures.encode import (
    encode_jpeg,
    encode_png,
    encode_webp,
    jpeg_recipe,
    png_recipe,
    webp_recipe,
)
from glstylenet.pictures.jpeg import decode_jpeg
from glstylenet.pictures.picture_end import bmp_end, gif_end, jpeg_end, png_end, webp_end
from glstylenet.pictures.png import decode_png, png_strips
from glstylenet.pictures.png16 import Samples
from glstylenet.pictures.raster import Raster, RasterStrips, SizeLimits
from glstylenet.pictures.tiff import decode_tiff, encode_tiff, tiff_recipe, tiff_strips
from glstylenet.pictures.tiff_directory import tiff_end
from glstylenet.pictures.webp import decode_webp

__all__ = [
    "FORMATS",
    "Decoder",
    "Encoder",
    "PictureFormat",
    "StripsDecoder",
    "format_of_content",
    "join_names",
    "output_format",
    "picture_names",
    "picture_suffixes",
    "readable_names",
    "writable_formats",
]


Decoder = Callable[[BinaryIO, SizeLimits], Raster]
"""Decodes a file, checking the size before anything else is read. May raise anything if it is damaged."""


StripsDecoder = Callable[[BinaryIO, SizeLimits], RasterStrips | None]
"""Decodes a file in strips, which then are rows of what a :data:`Decoder` returns; None where it cannot."""


Encoder = Callable[[IO[bytes], Samples, str | None], tuple[str, ...]]
"""Writes samples and the recipe to a file; returns notes on what the file could not take."""


@dataclass(frozen=True)
class PictureFormat:
    """All that the program knows of one picture format.

    ``name`` is the word in messages; ``suffixes`` are in lower case, the usual one first; ``signature`` is a
    regular expression for the first bytes; ``decode`` reads, ``decode_strips`` some rows at a time;
    ``find_end`` returns the place where the picture's own data end, None where that cannot be told, and
    ``may_go_on`` says that programs keep data of their own behind it. ``encode`` writes, None if the format
    is only read; the rest is of formats that are
    written: ``bits`` are the bits per channel that it holds, ``longest_side`` the most pixels on a side
    (None: no limit), ``recipe_place`` where the recipe lies and ``read_recipe`` what reads the text there,
    ``details`` how it is written, in words.
    """

    name: str
    suffixes: tuple[str, ...]
    signature: bytes
    media_type: str
    decode: Decoder
    decode_strips: StripsDecoder = lambda _file, _limits: None
    find_end: Callable[[BinaryIO], int | None] = lambda _file: None
    may_go_on: bool = False
    encode: Encoder | None = None
    bits: tuple[int, ...] = (8,)
    longest_side: int | None = None
    keeps_alpha: bool = True
    recipe_place: str = ""
    read_recipe: Callable[[Path], str | None] | None = None
    details: str = ""


FORMATS: tuple[PictureFormat, ...] = (
    PictureFormat(
        name="PNG",
        suffixes=(".png",),
        signature=rb"\x89PNG\r\n\x1a\n",
        media_type="image/png",
        decode=decode_png,
        decode_strips=png_strips,
        find_end=png_end,
        encode=encode_png,
        bits=(8, 16),
        recipe_place="text chunk `glstylenet`",
        read_recipe=png_recipe,
    ),
    PictureFormat(
        name="JPEG",
        suffixes=(".jpg", ".jpeg"),
        signature=rb"\xff\xd8\xff",
        media_type="image/jpeg",
        decode=decode_jpeg,
        find_end=jpeg_end,
        encode=encode_jpeg,
        longest_side=65_500,
        keeps_alpha=False,
        recipe_place="EXIF, UserComment",
        read_recipe=jpeg_recipe,
        details="quality 95, colours not subsampled",
    ),
    PictureFormat(
        name="WebP",
        suffixes=(".webp",),
        signature=rb"RIFF....WEBP",
        media_type="image/webp",
        decode=decode_webp,
        find_end=webp_end,
        encode=encode_webp,
        longest_side=16_383,
        recipe_place="EXIF, UserComment",
        read_recipe=webp_recipe,
        details="lossless",
    ),
    PictureFormat(
        name="TIFF",
        suffixes=(".tif", ".tiff"),
        signature=rb"II[*+]\0|MM\0[*+]",
        media_type="image/tiff",
        decode=decode_tiff,
        decode_strips=tiff_strips,
        find_end=tiff_end,
        may_go_on=True,
        encode=encode_tiff,
        bits=(8, 16),
        recipe_place="ImageDescription",
        read_recipe=tiff_recipe,
    ),
    PictureFormat(
        name="GIF",
        suffixes=(".gif",),
        signature=rb"GIF8[79]a",
        media_type="image/gif",
        decode=partial(decode_with_pillow, GifImagePlugin.GifImageFile),
        find_end=gif_end,
    ),
    PictureFormat(
        name="BMP",
        suffixes=(".bmp",),
        signature=rb"BM",
        media_type="image/bmp",
        decode=partial(decode_with_pillow, BmpImagePlugin.BmpImageFile),
        find_end=bmp_end,
    ),
)
"""The formats, in the order in which messages name them."""


def format_of_content(head: bytes) -> PictureFormat | None:
    """Return the format of a file that begins with ``head``; None if it is none of FORMATS.

    >>> format_of_content(b"GIF89a...").name
    'GIF'
    """
    return next((form for form in FORMATS if re.match(form.signature, head, re.DOTALL)), None)


def output_format(path: Path) -> PictureFormat | None:
    """Return the format in which a file with the suffix of ``path`` is written; None if there is none.

    >>> output_format(Path("painted.JPG")).name
    'JPEG'
    >>> output_format(Path("painted.gif")) is None
    True
    """
    suffix = path.suffix.lower()
    return next((form for form in writable_formats() if suffix in form.suffixes), None)


def writable_formats() -> tuple[PictureFormat, ...]:
    """Return the formats that results can be written in."""
    return tuple(form for form in FORMATS if form.encode is not None)


def picture_suffixes() -> tuple[str, ...]:
    """Return the suffixes, in lower case, of files that may be pictures."""
    return tuple(suffix for form in FORMATS for suffix in form.suffixes)


def picture_names() -> tuple[str, ...]:
    """Return the names of all formats that are read."""
    return tuple(form.name for form in FORMATS)


def readable_names() -> str:
    """Return the names of all formats that are read, as a phrase.

    >>> readable_names()
    'PNG, JPEG, WebP, TIFF, GIF or BMP'
    """
    return join_names(FORMATS)


def join_names(formats: Iterable[PictureFormat]) -> str:
    """Return the names of ``formats`` as a phrase: "PNG, JPEG or TIFF"."""
    *names, last = [form.name for form in formats]
    return f"{', '.join(names)} or {last}" if names else last
