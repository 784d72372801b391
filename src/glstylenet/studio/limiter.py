"""Limiter: lets one task that needs much memory run at a time, and only a few wait."""

import contextlib
import threading
from collections.abc import Iterator

from glstylenet.errors import UsageError
from glstylenet.machine import return_freed_memory

__all__ = ["BusyError", "Limiter"]


class BusyError(UsageError):
    """Too many tasks wait already; the client should retry later."""


class Limiter:
    """`Limiter` lets one task run at a time; ``task`` says in a refusal what is going on.

    A picture of 40 megapixels takes half a gigabyte as float32, and reading it makes copies.

    >>> limiter = Limiter(most_waiting=0)
    >>> with limiter.slot():
    ...     with limiter.slot():
    ...         pass
    Traceback (most recent call last):
    ...
    glstylenet.studio.limiter.BusyError: too many pictures are being read; try again in a moment
    """

    def __init__(self, most_waiting: int = 8, task: str = "pictures are being read") -> None:
        self._task = task
        self._places = threading.BoundedSemaphore(most_waiting + 1)
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def slot(self) -> Iterator[None]:
        """Wait for the slot and hold it; raises :class:`BusyError` at once if too many wait."""
        if not self._places.acquire(blocking=False):
            raise BusyError(f"too many {self._task}; try again in a moment")
        try:
            with self._lock:
                try:
                    yield
                finally:  # every thread would keep the memory that it freed
                    return_freed_memory()
        finally:
            self._places.release()
