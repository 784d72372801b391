"""PNG files are read by the chunks that matter, without those that are damaged.

Browsers leave out an ancillary chunk whose checksum is wrong, and Pillow refuses the file. So Pillow is
handed an excerpt: what decides how the picture looks, in the file's order.
"""

import io
import zlib
from typing import BinaryIO

from PIL import PngImagePlugin

from glstylenet.pictures.decode import decode_with_pillow
from glstylenet.pictures.excerpt import excerpt
from glstylenet.pictures.picture_end import png_chunks
from glstylenet.pictures.raster import Raster, SizeLimits

__all__ = ["decode_png"]


_SMALLEST = {b"gAMA": 4, b"cHRM": 32, b"sRGB": 1, b"cICP": 0, b"iCCP": 3, b"eXIf": 4, b"tRNS": 1, b"acTL": 8}
"""Ancillary chunks that matter for the look of the picture, with the fewest bytes that each can hold."""


_ANIMATION = (b"fcTL", b"fdAT")


_TEXTS = (b"tEXt", b"zTXt", b"iTXt")


_TEXTS_THAT_MATTER = (b"XML:com.adobe.xmp\0", b"Raw profile type ")
"""Keywords of texts that may hold the orientation."""


_SIGNATURE_LENGTH, _COLOUR_TYPE_PLACE = 8, 25


_LONGEST = 2**24
"""Bytes that an ancillary chunk may have to be looked at: a profile with tables has a few million."""


def decode_png(file: BinaryIO, limits: SizeLimits) -> Raster:
    """Decode the picture, leaving out damaged metadata with a note; raises any exception for other damage."""
    sound, notes = _sound_png(file)
    raster = decode_with_pillow(PngImagePlugin.PngImageFile, sound, limits)
    raster.notes[:0] = notes
    return raster


def _sound_png(file: BinaryIO) -> tuple[BinaryIO, list[str]]:
    """Return ``file`` with the chunks that matter and are whole, and notes on those that are damaged."""
    file.seek(_COLOUR_TYPE_PLACE)
    smallest = {**_SMALLEST, b"tRNS": {b"\0": 2, b"\2": 6}.get(file.read(1), 1)}  # grey, RGB, palette
    places, damaged, end = [(0, _SIGNATURE_LENGTH)], [], _SIGNATURE_LENGTH
    for name, place, length in png_chunks(file):
        end = place + length + 4
        if not (name[:1].isupper() or name in _ANIMATION):
            if not (name in _SMALLEST or (name in _TEXTS and _matters(file, place))):
                continue
            if not _is_whole(file, name, place, length, smallest.get(name, 0)):
                damaged.append(name.decode("ascii"))
                continue
        places.append((place - 8, end - place + 8))
    # What follows the last chunk that can be told is kept, for the decoder to judge.
    places.append((end, max(0, file.seek(0, io.SEEK_END) - end)))
    notes = [f"has damaged metadata (the PNG chunk {name} is left out)" for name in dict.fromkeys(damaged)]
    return excerpt([(file, *place) for place in _joined(places)]), notes


def _joined(places: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return ``places``, (start, length) each, with those that follow each other as one."""
    joined = [places[0]]
    for start, length in places[1:]:
        if sum(joined[-1]) == start:
            joined[-1] = (joined[-1][0], joined[-1][1] + length)
        else:
            joined.append((start, length))
    return joined


def _is_whole(file: BinaryIO, name: bytes, place: int, length: int, smallest: int) -> bool:
    """Return whether the content of a chunk can be what its name says, and has the right checksum."""
    if not smallest <= length <= _LONGEST:
        return False
    file.seek(place)
    content, checksum = file.read(length), file.read(4)
    return len(checksum) == 4 and int.from_bytes(checksum) == zlib.crc32(content, zlib.crc32(name))


def _matters(file: BinaryIO, place: int) -> bool:
    file.seek(place)
    return file.read(max(map(len, _TEXTS_THAT_MATTER))).startswith(_TEXTS_THAT_MATTER)
