"""Decoding: what goes for every file that is decoded, whole or in strips: its errors, notes and digest."""

import contextlib
import hashlib
import io
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import BinaryIO

from glstylenet.errors import GLStyleNetError, ImageError, MemoryLimitError
from glstylenet.pictures.file_type import expected
from glstylenet.pictures.formats import PictureFormat
from glstylenet.pictures.raster import Raster

__all__ = [
    "SWAPPED",
    "damaged",
    "errors_as_image_error",
    "file_digest",
    "notes_on_end",
    "refuse_hdr",
    "with_warnings_as_notes",
]

SWAPPED = (5, 6, 7, 8)
"""Orientations in which rows and columns are stored exchanged."""

_WARNING_FILTERS = threading.Lock()


def damaged(where: str, form: PictureFormat) -> Callable[[Exception], str]:
    """Return what words an error as one of a damaged file of ``form``."""
    return lambda error: (
        f"{where}: begins like a {form.name} picture but cannot be decoded ({error}). "
        "The file is cut short, damaged or of a rare kind. "
        f"{expected()}; fetch it again, or save it as PNG elsewhere."
    )


def refuse_hdr(raster: Raster, where: str) -> None:
    """Raise ImageError for a picture with high dynamic range."""
    if raster.encoding is not None and raster.encoding.hdr:
        raise ImageError(
            f"{where}: holds colours of high dynamic range ({raster.encoding.hdr}), for "
            "which sRGB has no equal. Expected a picture of standard range; convert it where HDR is shown."
        )


def file_digest(file: BinaryIO) -> str:
    """Return the SHA-256 of all bytes of ``file``."""
    digest = hashlib.sha256()
    file.seek(0)
    while block := file.read(2**20):
        digest.update(block)
    return digest.hexdigest()


def notes_on_end(file: BinaryIO, end: int | None, form: PictureFormat) -> list[str]:
    """Return a note if ``file`` goes on after the ``end`` of its picture, where that can be told."""
    size = file.seek(0, io.SEEK_END)
    if end is None or end >= size or form.may_go_on:
        return []
    return [f"goes on for {size - end:,} bytes after the picture's end; they are ignored"]


@contextlib.contextmanager
def errors_as_image_error(message: Callable[[Exception], str]) -> Iterator[None]:
    """Turn whatever decoders raise for damaged data into ImageError, with ``message`` about it."""
    try:
        yield
    except GLStyleNetError:
        raise
    except MemoryError as error:
        raise MemoryLimitError(
            f"The machine ran out of memory while a picture was read. {message(error)}"
        ) from error
    except Exception as error:
        raise ImageError(message(error)) from error


def with_warnings_as_notes(decode: Callable[[], Raster]) -> Raster:
    """Return what ``decode`` returns; Pillow's warnings of damaged metadata become notes."""
    # Warning filters belong to the whole process. So threads take turns here, and a warning that some other
    # thread gives meanwhile ends up among these.
    record = warnings.catch_warnings(record=True, action="always", category=UserWarning)
    with _WARNING_FILTERS, record as caught:
        raster = decode()
    words = (" ".join(str(each.message).split()).rstrip(".") for each in caught)
    raster.notes.extend(f"has damaged metadata ({each})" for each in dict.fromkeys(words))
    return raster
