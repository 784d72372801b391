"""Limiter: work that takes much memory is done one at a time, and only a few may wait for theirs."""

import contextlib
import threading
from collections.abc import Iterator

from glstylenet.errors import UsageError
from glstylenet.machine import return_freed_memory

__all__ = ["BusyError", "Limiter"]


class BusyError(UsageError):
    """Too many wait already; to be tried again later."""


class Limiter:
    """One turn at a time. A picture of 40 megapixels takes half a gigabyte as float32, and is copied."""

    def __init__(self, most_waiting: int = 8) -> None:
        self._places = threading.BoundedSemaphore(most_waiting + 1)
        self._turn = threading.Lock()

    @contextlib.contextmanager
    def slot(self) -> Iterator[None]:
        """Wait for a turn, and have it; raises :class:`BusyError` at once if too many wait."""
        if not self._places.acquire(blocking=False):
            raise BusyError("too many pictures are being looked at; try again in a moment")
        try:
            with self._turn:
                try:
                    yield
                finally:  # turns come in different threads, each of which would keep what it freed
                    return_freed_memory()
        finally:
            self._places.release()
