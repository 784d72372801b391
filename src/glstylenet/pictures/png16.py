"""PNG files with 8 or 16 bits per colour (ISO/IEC 15948): Pillow writes no 16-bit colour."""

import struct
import zlib
from collections.abc import Mapping
from typing import IO

import numpy as np
import numpy.typing as npt

__all__ = ["Samples", "write_png"]

Samples = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
"""Whole samples (H, W, 3) or, with transparency, (H, W, 4)."""


def write_png(file: IO[bytes], samples: Samples, *, profile: bytes, texts: Mapping[str, str]) -> None:
    """Write ``samples`` as a PNG with the colour ``profile`` and, by keyword, the ``texts``."""

    def chunk(name: bytes, content: bytes) -> None:
        checksum = zlib.crc32(name + content)
        file.write(len(content).to_bytes(4) + name + content + checksum.to_bytes(4))

    height, width, channels = samples.shape
    file.write(b"\x89PNG\r\n\x1a\n")
    colour_type = 6 if channels == 4 else 2  # RGBA or RGB
    chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, samples.itemsize * 8, colour_type, 0, 0, 0))
    chunk(b"iCCP", b"sRGB\0\0" + zlib.compress(profile))
    for keyword, text in texts.items():  # not compressed, no language, no translated keyword, UTF-8 text
        chunk(b"iTXt", keyword.encode() + b"\0\0\0\0\0" + text.encode())
    # A filtered painting hardly repeats itself: looking for repetitions takes eight times as long, and makes
    # the file a fourteenth smaller.
    compressor = zlib.compressobj(1, strategy=zlib.Z_RLE)
    rows = np.ascontiguousarray(samples, samples.dtype.newbyteorder(">")).view(np.uint8).reshape(height, -1)
    above = np.zeros_like(rows[:1])
    strip = max(1, 2**22 // rows.shape[1])  # about 4 MiB at a time
    for top in range(0, height, strip):
        part = rows[top : top + strip]
        filtered = _filtered(part, np.concatenate([above, part[:-1]]), channels * samples.itemsize)
        if data := compressor.compress(filtered):
            chunk(b"IDAT", data)
        above = part[-1:]
    chunk(b"IDAT", compressor.flush())
    chunk(b"IEND", b"")


def _filtered(rows: npt.NDArray[np.uint8], above: npt.NDArray[np.uint8], pixel: int) -> bytes:
    """Return rows of bytes after PNG's Paeth filter (ISO/IEC 15948, 9.4); a pixel has ``pixel`` bytes.

    Each byte becomes its difference from whichever of left, above and upper left predicts it best.
    """
    left = np.pad(rows, ((0, 0), (pixel, 0)))[:, :-pixel].astype(np.int16)
    corner = np.pad(above, ((0, 0), (pixel, 0)))[:, :-pixel].astype(np.int16)
    up = above.astype(np.int16)
    from_left, from_up = np.abs(up - corner), np.abs(left - corner)
    from_corner = np.abs(left + up - 2 * corner)
    best = np.where(from_up <= from_corner, up, corner)
    best = np.where((from_left <= from_up) & (from_left <= from_corner), left, best)
    filtered = np.empty((rows.shape[0], rows.shape[1] + 1), np.uint8)
    filtered[:, 0] = 4  # Paeth
    filtered[:, 1:] = rows - best.astype(np.uint8)
    return filtered.tobytes()
