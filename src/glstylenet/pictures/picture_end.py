"""The end of a picture: where, in its file, the picture's own data stop and something else may follow.

Each function follows the structure of one format without decoding anything. It returns None where that
structure cannot be followed, as in a damaged file.
"""

import re
import struct
from collections.abc import Iterator
from typing import BinaryIO

__all__ = [
    "START_OF_SCAN",
    "bmp_end",
    "gif_end",
    "jpeg_end",
    "jpeg_segments",
    "png_chunks",
    "png_end",
    "webp_end",
]


_BLOCK = 2**20


_MOST_PARTS = 1_000_000
"""Parts that a file may have before it counts as one that cannot be followed."""


_PNG_SIGNATURE_LENGTH = 8


START_OF_SCAN = 0xDA
"""The JPEG marker that coded samples follow."""


_END_OF_IMAGE = 0xD9


_STAND_ALONE = (0x01, *range(0xD0, 0xD8), 0xD8, _END_OF_IMAGE)
"""Markers without a content."""


def png_chunks(file: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, place of the content and its length of every chunk, IEND included.

    Ends early where the file ends or goes on with something that is no chunk (PNG, third edition, 5.3).
    """
    place = _PNG_SIGNATURE_LENGTH
    for _ in range(_MOST_PARTS):
        file.seek(place)
        head = file.read(8)
        if re.fullmatch(rb"....[A-Za-z]{4}", head, re.DOTALL) is None:
            return
        length, name = struct.unpack(">I4s", head)
        yield name, place + 8, length
        if name == b"IEND":
            return
        place += 12 + length


def png_end(file: BinaryIO) -> int | None:
    """Return the place after the chunk IEND."""
    for name, place, length in png_chunks(file):
        if name == b"IEND":
            return place + length + 4
    return None


def jpeg_segments(file: BinaryIO) -> Iterator[tuple[int, int, bytes]]:
    """Yield marker, place of the marker and content of every segment of a JPEG file, EOI included.

    Ends early where the file ends (ITU-T T.81, annex B).
    """
    place = 0
    for _ in range(_MOST_PARTS):
        file.seek(place)
        head = file.read(4)
        if len(head) < 2:
            return
        if head[0] != 0xFF:  # decoders skip what lies between segments
            place = _next_marker(file, place)
            continue
        marker = head[1]
        if marker == 0xFF:  # a fill byte
            place += 1
        elif marker in _STAND_ALONE:
            yield marker, place, b""
            if marker == _END_OF_IMAGE:
                return
            place += 2
        else:
            if len(head) < 4:
                return
            length = struct.unpack(">H", head[2:])[0]
            content = file.read(max(0, length - 2))
            yield marker, place, content
            place += 2 + length
            if marker == START_OF_SCAN:  # coded samples follow, up to the next marker
                place = _next_marker(file, place)


def jpeg_end(file: BinaryIO) -> int | None:
    """Return the place after the marker EOI."""
    for marker, place, _ in jpeg_segments(file):
        if marker == _END_OF_IMAGE:
            return place + 2
    return None


def _next_marker(file: BinaryIO, place: int) -> int:
    """Return the place of the first marker from ``place`` on that ends coded samples, or the file's end."""
    while True:
        file.seek(place)
        block = file.read(_BLOCK)
        found = re.search(rb"\xff[^\x00\xd0-\xd7\xff]", block, re.DOTALL)
        if found is not None:
            return place + found.start()
        if len(block) < _BLOCK:
            return place + len(block)
        place += len(block) - 1


def gif_end(file: BinaryIO) -> int | None:
    """Return the place after the trailer (GIF89a, 27)."""
    file.seek(0)
    header = file.read(13)
    if len(header) < 13:
        return None
    file.seek(_colour_table(header[10]), 1)
    for _ in range(_MOST_PARTS):
        introducer = file.read(1)
        if introducer == b";":
            return file.tell()
        if introducer == b"!":
            file.read(1)
        elif introducer == b",":
            descriptor = file.read(9)
            if len(descriptor) < 9:
                return None
            file.seek(_colour_table(descriptor[8]) + 1, 1)
        else:
            return None
        while (size := file.read(1)) not in (b"", b"\0"):
            file.seek(size[0], 1)
    return None


def _colour_table(flags: int) -> int:
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def webp_end(file: BinaryIO) -> int | None:
    """Return the place after the RIFF chunk, whose length is stated and padded to an even number."""
    file.seek(0)
    head = file.read(12)
    if len(head) < 12:
        return None
    length: int = struct.unpack("<I", head[4:8])[0]
    return 8 + length + length % 2


def bmp_end(file: BinaryIO) -> int | None:
    """Return the place after the samples, or after the file by its own account, whichever comes first.

    The account alone would let a file call anything that follows the samples its own.
    """
    file.seek(0)
    head = file.read(38)
    if len(head) < 26:
        return None
    stated, start, header = struct.unpack_from("<I4xII", head, 2)
    if header == 12:
        width, height, _, bits = struct.unpack_from("<HHHH", head, 18)
        compression = size = 0
    elif len(head) < 38:
        return None
    else:
        width, height, _, bits, compression, size = struct.unpack_from("<iiHHII", head, 18)
    if compression in (0, 3, 6):  # stored as they are, with or without bit masks
        size = (width * bits + 31) // 32 * 4 * abs(height)
    end: int = start + size
    return min(end, stated) if stated > start else end
