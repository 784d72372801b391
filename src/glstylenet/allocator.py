"""Allocator: let this process keep the memory it frees for the next evaluation, on Linux.

glibc gives large blocks back to the system at once, and the system hands out new ones page by page, zeroed.
With features of tens of megabytes that costs up to a third of an evaluation (docs/performance.md).
"""

import ctypes

__all__ = ["keep_freed_memory"]

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
