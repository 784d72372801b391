"""Excerpts: parts of files that are read as if they were one file."""

import io
from collections.abc import Sequence
from typing import BinaryIO, cast

__all__ = ["excerpt"]


_Part = tuple[BinaryIO, int, int]
"""A file, the place where the part starts in it, and its length."""


def excerpt(parts: Sequence[_Part]) -> BinaryIO:
    """Return a file that consists of ``parts``; nothing of them is read before it is asked for.

    >>> file = io.BytesIO(b"0123456789")
    >>> excerpt([(file, 1, 3), (file, 8, 2), (io.BytesIO(b"end"), 0, 3)]).read()
    b'12389end'
    """
    return cast(BinaryIO, io.BufferedReader(_Excerpt(parts)))


class _Excerpt(io.RawIOBase):
    def __init__(self, parts: Sequence[_Part]) -> None:
        super().__init__()
        self._parts, self._place = parts, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        origins = {
            io.SEEK_SET: 0,
            io.SEEK_CUR: self._place,
            io.SEEK_END: sum(part[2] for part in self._parts),
        }
        self._place = max(0, origins[whence] + offset)
        return self._place

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill ``buffer`` as far as the current part goes; return the number of bytes, 0 at the end."""
        start = 0
        for file, place, length in self._parts:
            if self._place < start + length:
                file.seek(place + self._place - start)
                data = file.read(min(len(buffer), start + length - self._place))
                buffer[: len(data)] = data
                self._place += len(data)
                return len(data)
            start += length
        return 0
