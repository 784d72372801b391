"""Allocator: let this process keep the memory it frees for the next evaluation, on Linux.

glibc gives large blocks back to the system at once, and the system hands out new ones page by page, zeroed.
With features of tens of megabytes that costs up to a third of an evaluation (docs/performance.md).
"""

import ctypes

import psutil

__all__ = ["MemoryValve", "keep_freed_memory", "return_freed_memory"]

# Numbers of glibc's mallopt(3).
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3

_LARGEST_KEPT = 256 * 2**20
"""Blocks of this size and more still come from and go to the system: at 24 megapixels, whole vectors."""


def keep_freed_memory() -> None:
    """Ask glibc to; elsewhere nothing happens.

    For programs of our own, at their start: a library leaves its host's allocator alone.
    """
    try:
        allocator = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):  # another system, or another C library
        return
    allocator(_M_MMAP_THRESHOLD, _LARGEST_KEPT)
    allocator(_M_TRIM_THRESHOLD, 2 * _LARGEST_KEPT)


def return_freed_memory() -> None:
    """Give the system what this process has freed and kept, with glibc; elsewhere nothing happens.

    For moments when work of another shape begins: what is left over from the last does not fit it.
    """
    try:
        trim = ctypes.CDLL("libc.so.6").malloc_trim
    except (OSError, AttributeError):
        return
    trim(0)


class MemoryValve:
    """To be called now and then: gives freed memory back where this process holds more than ``limit`` bytes.

    Tiles of several sizes leave pieces behind into which the next tile does not fit.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._process = psutil.Process()

    def __call__(self) -> None:
        """Look, and act if need be."""
        if self._process.memory_info().rss > self.limit:
            return_freed_memory()
