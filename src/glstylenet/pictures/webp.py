"""WebP files: the container is read here, the samples by libwebp.

Pillow would copy the picture several times, and refuses sizes by a limit of the whole process. Container: RFC
9649, sections 2.3 to 2.7.
"""

import io
import struct
from collections.abc import Iterator
from typing import BinaryIO

import imagecodecs
import numpy as np
from PIL import Image

from glstylenet.pictures.decode import raster_of_image
from glstylenet.pictures.raster import Raster, SizeLimits

__all__ = ["decode_webp", "webp_metadata"]


_MOST_CHUNKS = 100_000


_HAS_ALPHA = 0x10
"""The flag of the chunk VP8X."""


_BYTES, _ALPHA_BYTES = 20, 50
"""Bytes per pixel that reading takes at most, the result included, as measured at 4 million pixels."""


def decode_webp(file: BinaryIO, limits: SizeLimits) -> Raster:
    """Decode the first frame; raises any exception for a damaged file."""
    chunks = list(_chunks(file))
    width, height, has_alpha = _canvas(file, chunks)
    length = file.seek(0, io.SEEK_END)
    limits.check(width, height, bytes_per_pixel=_ALPHA_BYTES if has_alpha else _BYTES, more_bytes=length)
    file.seek(0)
    samples = imagecodecs.webp_decode(file.read(), index=0)
    if samples.shape[:2] != (height, width):
        raise ValueError(f"{samples.shape[1]} x {samples.shape[0]} pixels in a frame of {width} x {height}")
    raster = raster_of_image(webp_metadata(file))
    raster.colour = samples[..., :3]
    if samples.shape[2] == 4:
        raster.alpha = samples[..., 3].astype(np.float32)
        raster.alpha /= 255
    raster.note_frames(sum(name == b"ANMF" for name, *_ in chunks))
    return raster


def webp_metadata(file: BinaryIO) -> Image.Image:
    """Return an image of one pixel with the profile, EXIF and XMP of ``file``, for Pillow to read."""
    image, chunks = Image.new("RGB", (1, 1)), list(_chunks(file))
    for key, name in (("icc_profile", b"ICCP"), ("exif", b"EXIF"), ("xmp", b"XMP ")):
        for place, size in [chunk[1:] for chunk in chunks if chunk[0] == name][:1]:
            file.seek(place)
            image.info[key] = file.read(size)
    return image


def _chunks(file: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, place and length of every chunk's content."""
    file.seek(0)
    end = 8 + struct.unpack("<4xI4x", file.read(12))[0]
    place = 12
    for _ in range(_MOST_CHUNKS):
        file.seek(place)
        head = file.read(8)
        if place >= end or len(head) < 8:
            return
        name, length = struct.unpack("<4sI", head)
        yield name, place + 8, length
        place += 8 + length + length % 2


def _canvas(file: BinaryIO, chunks: list[tuple[bytes, int, int]]) -> tuple[int, int, bool]:
    """Return width, height and whether there is transparency, as the first chunk says."""
    name, place, _ = chunks[0]
    file.seek(place)
    head = file.read(10)
    if name == b"VP8X":
        size = [int.from_bytes(head[start : start + 3], "little") + 1 for start in (4, 7)]
        return size[0], size[1], bool(head[0] & _HAS_ALPHA)
    if name == b"VP8L":
        bits = struct.unpack_from("<I", head, 1)[0]
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, bool(bits >> 28 & 1)
    if name == b"VP8 ":
        sides = struct.unpack_from("<HH", head, 6)
        return sides[0] & 0x3FFF, sides[1] & 0x3FFF, False
    raise ValueError(f"a first chunk {name!r}; expected VP8X, VP8L or VP8")
