"""PNG files are read by the chunks that matter, without those that are damaged.

Browsers leave out an ancillary chunk whose checksum is wrong, and Pillow refuses the file. So Pillow is
handed an excerpt: what decides how the picture looks, in the file's order.
"""

import io
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import BinaryIO

import imagecodecs
import numpy as np
import numpy.typing as npt
from PIL import PngImagePlugin

from glstylenet.pictures.decode import decode_with_pillow
from glstylenet.pictures.excerpt import excerpt
from glstylenet.pictures.picture_end import png_chunks
from glstylenet.pictures.raster import Raster, RasterStrips, SizeLimits

__all__ = ["decode_png", "png_strips"]


_SMALLEST = {b"gAMA": 4, b"cHRM": 32, b"sRGB": 1, b"cICP": 0, b"iCCP": 3, b"eXIf": 4, b"tRNS": 1, b"acTL": 8}
"""Ancillary chunks that matter for the look of the picture, with the fewest bytes that each can hold."""


_ANIMATION = (b"fcTL", b"fdAT")


_TEXTS = (b"tEXt", b"zTXt", b"iTXt")


_TEXTS_THAT_MATTER = (b"XML:com.adobe.xmp\0", b"Raw profile type ")
"""Keywords of texts that may hold the orientation."""


_SIGNATURE_LENGTH, _COLOUR_TYPE_PLACE = 8, 25


_SIGNATURE = b"\x89PNG\r\n\x1a\n"


_HEADER = struct.Struct(">IIBBBBB")
"""The content of IHDR: width, height, bits of a sample, colour type, two methods that are 0, interlacing."""


_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Samples of a pixel by colour type: grey, RGB, palette, grey with alpha, RGB with alpha."""


_LAYOUTS = {
    *((0, depth) for depth in (1, 2, 4, 8, 16)),
    *((3, depth) for depth in (1, 2, 4, 8)),
    *((colour_type, depth) for colour_type in (2, 4, 6) for depth in (8, 16)),
}
"""Colour types and the depths that each may have."""


_BYTES_AS_PIXELS = {1: (8, 0), 2: (8, 4), 3: (8, 2), 4: (8, 6), 6: (16, 2), 8: (16, 6)}
"""Depth and colour type of pixels with so many bytes."""


_PIXELS_AT_ONCE, _READ_AT_ONCE = 2**20, 2**20


_Bytes = npt.NDArray[np.uint8]


_LONGEST = 2**24
"""Bytes that an ancillary chunk may have to be looked at: a profile with tables has a few million."""


def decode_png(file: BinaryIO, limits: SizeLimits) -> Raster:
    """Decode the picture, leaving out damaged metadata with a note; raises any exception for other damage."""
    sound, notes = _sound_png(file)
    raster = decode_with_pillow(PngImagePlugin.PngImageFile, sound, limits)
    raster.notes[:0] = notes
    return raster


def png_strips(file: BinaryIO, limits: SizeLimits) -> RasterStrips | None:
    """Return the picture, to be decoded some rows at a time; None for interlaced and animated files.

    Pillow decodes whole files only. So it is given a file for some rows at a time, with the metadata of the
    whole one, and with rows that need none before them: their filters (PNG, third edition, 9) are undone
    first. Raises any exception for a damaged file.
    """
    sound, notes = _sound_png(file)
    ancillary, samples = [], []
    for name, place, length in png_chunks(sound):
        if name == b"IDAT":
            samples.append((place, length))
        elif name not in (b"IHDR", b"IEND"):
            sound.seek(place)
            ancillary.append(_chunk(name, sound.read(length)))
            if name == b"acTL":
                return None
    sound.seek(_SIGNATURE_LENGTH + 8)
    width, height, depth, colour_type, *_, interlaced = _HEADER.unpack(sound.read(_HEADER.size))
    if interlaced or (colour_type, depth) not in _LAYOUTS:
        return None
    limits.check(width, height, bytes_per_pixel=0)
    bits = depth * _CHANNELS[colour_type]

    def rasters() -> Iterator[Raster]:
        at_once = max(1, _PIXELS_AT_ONCE // width)
        for rows in _unfiltered(_inflated(sound, samples), height, -(-width * bits // 8), bits, at_once):
            header = _HEADER.pack(width, len(rows), depth, colour_type, 0, 0, 0)
            strip = io.BytesIO(_png(header, b"".join(ancillary), rows, np.zeros(len(rows), np.uint8)))
            strip_limits = replace(limits, smallest_side=1, max_bytes=None)
            raster = decode_with_pillow(PngImagePlugin.PngImageFile, strip, strip_limits)
            raster.notes[:0] = notes
            yield raster

    return RasterStrips((height, width), rasters())


def _inflated(file: BinaryIO, places: Sequence[tuple[int, int]]) -> Iterator[bytes]:
    """Yield what the chunks of samples at ``places`` hold, some bytes at a time."""
    inflate = zlib.decompressobj()
    for place, length in places:
        for start in range(0, length, _READ_AT_ONCE):
            file.seek(place + start)
            data = file.read(min(_READ_AT_ONCE, length - start))
            while data:
                yield inflate.decompress(data, _READ_AT_ONCE)
                data = inflate.unconsumed_tail
    yield inflate.flush()


def _unfiltered(
    pieces: Iterator[bytes], height: int, row_bytes: int, bits: int, at_once: int
) -> Iterator[_Bytes]:
    """Yield ``at_once`` rows (rows, row_bytes) at a time of filtered samples with ``bits`` per pixel.

    Filters work on bytes, of which they know how many a pixel has. So the rows are decoded as a picture of
    bytes, below the last row before them.
    """
    pixel_bytes = max(1, bits // 8)
    depth, colour_type = _BYTES_AS_PIXELS[pixel_bytes]
    before, held = np.zeros((1, row_bytes), np.uint8), bytearray()
    for top in range(0, height, at_once):
        rows = min(at_once, height - top)
        while len(held) < rows * (row_bytes + 1):
            try:
                held += next(pieces)
            except StopIteration:
                raise OSError(f"the samples end before row {top + rows} of {height}") from None
        filtered = np.frombuffer(bytes(held[: rows * (row_bytes + 1)]), np.uint8).reshape(rows, -1)
        del held[: rows * (row_bytes + 1)]
        header = _HEADER.pack(row_bytes // pixel_bytes, rows + 1, depth, colour_type, 0, 0, 0)
        filters = np.concatenate([np.zeros(1, np.uint8), filtered[:, 0]])
        decoded = imagecodecs.png_decode(
            _png(header, b"", np.concatenate([before, filtered[:, 1:]]), filters)
        )
        stored = decoded.astype(">u2").view(np.uint8) if decoded.dtype == np.uint16 else decoded
        stored = stored.reshape(rows + 1, row_bytes)
        before = stored[-1:].copy()
        yield stored[1:]


def _png(header: bytes, ancillary: bytes, rows: _Bytes, filters: _Bytes) -> bytes:
    """Return a PNG file of ``rows`` (rows, bytes) with a filter for each."""
    data = zlib.compress(np.column_stack([filters, rows]).tobytes(), 0)
    return b"".join(
        [_SIGNATURE, _chunk(b"IHDR", header), ancillary, _chunk(b"IDAT", data), _chunk(b"IEND", b"")]
    )


def _chunk(name: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(content, zlib.crc32(name))
    return b"".join([len(content).to_bytes(4), name, content, checksum.to_bytes(4)])


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
