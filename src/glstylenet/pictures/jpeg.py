"""JPEG files: those that lack their end are decoded if all of the picture is there.

Browsers show what they have of a JPEG file and leave the rest grey. Here the rest must be next to nothing: at
most the last eighth of the last row of blocks.
"""

import io
from dataclasses import replace
from typing import BinaryIO

import numpy as np
from PIL import JpegImagePlugin

from glstylenet.pictures.decode import decode_with_pillow
from glstylenet.pictures.excerpt import excerpt
from glstylenet.pictures.picture_end import START_OF_SCAN, jpeg_end, jpeg_segments
from glstylenet.pictures.raster import Raster, SizeLimits

__all__ = ["decode_jpeg"]


_END = b"\xff\xd9"


_PROBE = bytes(range(1, 255)) * 64
"""Bytes that, taken for coded samples, are anything but an even rest."""


_PROGRESSIVE = 0xC2


_STARTS_OF_FRAMES = (0xC0, 0xC1, _PROGRESSIVE)


def decode_jpeg(file: BinaryIO, limits: SizeLimits) -> Raster:
    """Decode the picture; raises OSError if more than the end of its samples is missing."""
    if jpeg_end(file) is not None:
        return decode_with_pillow(JpegImagePlugin.JpegImageFile, file, limits)
    # Where samples are missing, the decoder makes up the rest from what follows. So the file is decoded with
    # two different ends: the pictures differ from the first missing sample on.
    block_rows, block_columns = _block_size(file)
    whole = replace(limits, longest_used=None)
    raster, probe = (
        decode_with_pillow(JpegImagePlugin.JpegImageFile, _with_tail(file, tail), whole)
        for tail in (_END, _PROBE + _END)
    )
    rows, columns = raster.colour.shape[:2]
    differing = (raster.colour != probe.colour).any(axis=2)
    # Colours are smoothed across the borders of blocks, over two pixels at most.
    last_row = (rows - 1) // block_rows * block_rows - 2
    last_column = min((columns - 1) // block_columns * block_columns, columns * 7 // 8) - 2
    if differing[: max(0, last_row)].any() or differing[:, : max(0, last_column)].any():
        row = int(np.flatnonzero(differing.any(axis=1))[0])
        raise OSError(f"the samples from row {row} of {rows} on are missing")
    raster.notes.append("is a JPEG file without its end; the last pixels may be wrong")
    return raster


def _with_tail(file: BinaryIO, tail: bytes) -> BinaryIO:
    """Return ``file`` with ``tail`` in place of the half marker that it may end with."""
    length = file.seek(0, io.SEEK_END)
    file.seek(length - 1)
    length -= file.read(1) == b"\xff"
    return excerpt([(file, 0, length), (io.BytesIO(tail), 0, len(tail))])


def _block_size(file: BinaryIO) -> tuple[int, int]:
    """Return the height and width of what is coded together; raises OSError if a scan is missing altogether.

    Progressive files tell the picture several times, finer each time (ITU-T T.81, annex G).
    """
    components: dict[int, int] = {}
    exact: set[tuple[int, int]] = set()  # components and coefficients that were told to the last bit
    coefficients = range(1)
    for marker, _, content in jpeg_segments(file):
        if marker in _STARTS_OF_FRAMES:
            components = {content[6 + 3 * i]: content[7 + 3 * i] for i in range(content[5])}
            coefficients = range(64 if marker == _PROGRESSIVE else 1)
        elif marker == START_OF_SCAN:
            first, last, bits = content[-3:]
            if bits & 15 == 0:
                told = content[1 : 1 + 2 * content[0] : 2]
                exact.update((each, index) for each in told for index in range(first, last + 1))
    if not components or any((each, index) not in exact for each in components for index in coefficients):
        raise OSError("the file ends before its last scan")
    factors = [divmod(each, 16) for each in components.values()]
    return 8 * max(vertical for _, vertical in factors), 8 * max(horizontal for horizontal, _ in factors)
