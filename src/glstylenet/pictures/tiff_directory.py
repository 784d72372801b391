"""TIFF directories (TIFF 6.0, section 2; BigTIFF): what a file holds, told without decoding anything.

Entries may point anywhere, and directories at each other. So all reading here is bounded.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

__all__ = ["camera_raw", "count_pages", "tiff_end"]


_SIZES = {
    1: 1,
    2: 1,
    3: 2,
    4: 4,
    5: 8,
    6: 1,
    7: 1,
    8: 2,
    9: 4,
    10: 8,
    11: 4,
    12: 8,
    13: 4,
    16: 8,
    17: 8,
    18: 8,
}
"""Bytes of a value of each type."""


_INTEGERS = {1: "u1", 3: "u2", 4: "u4", 13: "u4", 16: "u8", 18: "u8"}


_PHOTOMETRIC, _SUB_DIRECTORIES, _DNG_VERSION = 262, 330, 50706


_SEGMENTS = ((273, 279), (324, 325))
"""Tags of the places and lengths of strips and tiles."""


_SENSOR_DATA = (32803, 34892)
"""Values of PhotometricInterpretation: a colour filter array, and linear raw."""


_MOST_DIRECTORIES = 100_000
_MOST_ENTRIES = 4096
_MOST_VALUES = 2**20


@dataclass(frozen=True)
class _Directory:
    """``entries``: by tag, (type, count, place of the values)."""

    place: int
    end: int
    entries: dict[int, tuple[int, int, int]]


@dataclass(frozen=True)
class _Layout:
    """How numbers are stored: ``order`` as struct names it, BigTIFF or not."""

    order: str
    big: bool

    @classmethod
    def of(cls, file: BinaryIO) -> "tuple[_Layout, int]":
        """Return the layout and the place of the first directory."""
        file.seek(0)
        head = file.read(16)
        order = "<" if head[:2] == b"II" else ">"
        big = head[2:4] in (b"+\0", b"\0+")
        return cls(order, big), struct.unpack_from(order + ("8xQ" if big else "4xI"), head)[0]


def camera_raw(file: BinaryIO) -> str | None:
    """Return the kind of camera raw that the file is; None for others.

    The first directory of a raw is often a small picture for display; the sensor's data lie in another.
    """
    layout, start = _Layout.of(file)
    places, seen = [start], set[int]()
    while places and len(seen) < 64:
        place = places.pop(0)
        if place in seen or (directory := _read(file, layout, place)) is None:
            continue
        seen.add(place)
        if _DNG_VERSION in directory.entries:
            return "a DNG camera raw"
        if any(value in _SENSOR_DATA for value in _integers(file, layout, directory, _PHOTOMETRIC)[:1]):
            return "a camera raw"
        places += _integers(file, layout, directory, _SUB_DIRECTORIES)[:16]
        places += [following] if (following := _next(file, layout, directory.end)) else []
    return None


def count_pages(file: BinaryIO) -> int:
    """Return the number of directories that follow each other; a ring of them ends where it closes."""
    layout, place = _Layout.of(file)
    seen: set[int] = set()
    while place and place not in seen and len(seen) < _MOST_DIRECTORIES:
        if (end := _end_of_entries(file, layout, place)) is None:
            break
        seen.add(place)
        place = _next(file, layout, end)
    return len(seen)


def tiff_end(file: BinaryIO) -> int | None:
    """Return the place after the last byte that a directory names; None if the first cannot be read."""
    end = 0
    for layout, directory in _directories(file):
        end = max(end, directory.end + (8 if layout.big else 4))
        for kind, count, place in directory.entries.values():
            end = max(end, place + _SIZES.get(kind, 0) * count)
        for starts, lengths in _SEGMENTS:
            both = (_integers(file, layout, directory, tag) for tag in (starts, lengths))
            end = max([end, *(start + length for start, length in zip(*both, strict=False))])
    return end or None


def _directories(file: BinaryIO) -> Iterator[tuple[_Layout, _Directory]]:
    layout, place = _Layout.of(file)
    seen: set[int] = set()
    while place and place not in seen and len(seen) < 1000:
        if (directory := _read(file, layout, place)) is None:
            return
        seen.add(place)
        yield layout, directory
        place = _next(file, layout, directory.end)


def _end_of_entries(file: BinaryIO, layout: _Layout, place: int) -> int | None:
    """Return the place after the entries of the directory at ``place``; None if it cannot be one."""
    width, form, size = (8, "Q", 20) if layout.big else (2, "H", 12)
    file.seek(place)
    head = file.read(width)
    count = struct.unpack(layout.order + form, head)[0] if len(head) == width else 0
    return place + width + count * size if 0 < count <= _MOST_ENTRIES else None


def _next(file: BinaryIO, layout: _Layout, end: int) -> int:
    """Return the place of the following directory, which is stored at ``end``; 0 for none."""
    width, form = (8, "Q") if layout.big else (4, "I")
    file.seek(end)
    head = file.read(width)
    place: int = struct.unpack(layout.order + form, head)[0] if len(head) == width else 0
    return place if place < 2**62 else 0


def _read(file: BinaryIO, layout: _Layout, place: int) -> _Directory | None:
    if place >= 2**62 or (end := _end_of_entries(file, layout, place)) is None:
        return None
    start, size, width = (place + 8, 20, 8) if layout.big else (place + 2, 12, 4)
    file.seek(start)
    data = file.read(end - start)
    entries = {}
    for offset in range(0, len(data) - size + 1, size):
        tag, kind, count, value = struct.unpack_from(
            layout.order + ("HHQQ" if layout.big else "HHII"), data, offset
        )
        inside = _SIZES.get(kind, 0) * count <= width
        entries[tag] = (kind, count, start + offset + size - width if inside else value)
    return _Directory(place, end, entries)


def _integers(file: BinaryIO, layout: _Layout, directory: _Directory, tag: int) -> list[int]:
    """Return the values of ``tag``; none if it is missing or holds something else."""
    kind, count, place = directory.entries.get(tag, (0, 0, 0))
    if kind not in _INTEGERS or place >= 2**62:
        return []
    dtype = np.dtype(layout.order + _INTEGERS[kind])
    file.seek(place)
    data = file.read(min(count, _MOST_VALUES) * dtype.itemsize)
    return [
        int(value) for value in np.frombuffer(data[: len(data) // dtype.itemsize * dtype.itemsize], dtype)
    ]
