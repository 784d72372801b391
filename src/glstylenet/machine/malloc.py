"""Malloc: which freed memory a process keeps for the next evaluation, and which it returns.

glibc returns large freed blocks to the system at once, and the system hands out new ones page by page, filled
with zeros. With features of tens of megabytes that costs up to a third of an evaluation
(docs/notebook.md). So programs of ours keep freed memory, and return it where a plan needs room.
"""

import ctypes
import threading
from collections.abc import Callable
from dataclasses import dataclass

import psutil

__all__ = ["MemoryPool", "keep_freed_memory", "process_memory", "return_freed_memory", "trim_freed_memory"]


# Numbers of glibc's mallopt(3).
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3


_LARGEST_KEPT = 256 * 2**20
"""Blocks of this size and more are still returned at once: at 24 megapixels, whole vectors."""


_GROWTH = 0.4
"""Share of a tile's memory by which a process that keeps freed memory may grow for the next tile.

Most of what it allocates fits into what the tile before has freed; the rest is fragments and cached features.
"""


_keeps = threading.Event()
"""Set once this process keeps freed memory. It is global because the allocator is."""


def keep_freed_memory() -> None:
    """Let this process keep the memory it frees, with glibc; on other systems nothing happens.

    Only for programs of our own, at their start: a library must not change its host's allocator.
    """
    try:
        allocator = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):  # another system, or another C library
        return
    allocator(_M_MMAP_THRESHOLD, _LARGEST_KEPT)
    allocator(_M_TRIM_THRESHOLD, 2 * _LARGEST_KEPT)
    _keeps.set()


def return_freed_memory() -> None:
    """Return the memory that this process has freed and kept, with glibc; elsewhere nothing happens.

    Call it when work of another shape begins, because the freed blocks do not fit that work.
    """
    try:
        trim = ctypes.CDLL("libc.so.6").malloc_trim
    except (OSError, AttributeError):
        return
    trim(0)


@dataclass(frozen=True)
class MemoryPool:
    """`MemoryPool` is an allocator that may hold freed memory: this process's, or PyTorch's on a CUDA device.

    - ``held()``: the bytes it holds, in use or freed.
    - ``give_back()``: returns what is not in use.
    - ``growth``: by what share of a tile's memory it grows for a tile that follows another.
    """

    held: Callable[[], int]
    give_back: Callable[[], None]
    growth: float = 1.0


def process_memory() -> MemoryPool:
    """Return the pool of this process, as it keeps freed memory now."""
    process = psutil.Process()
    growth = _GROWTH if _keeps.is_set() else 1.0
    return MemoryPool(lambda: int(process.memory_info().rss), return_freed_memory, growth)


def trim_freed_memory(pool: MemoryPool, allowed: int, needed: int) -> None:
    """Return the freed memory of ``pool`` unless ``needed`` bytes more stay within ``allowed``.

    Returning it always would be slow: the next tile would fetch the same memory again.

    >>> pool = MemoryPool(held=lambda: 700, give_back=lambda: print("returned"))
    >>> trim_freed_memory(pool, allowed=1000, needed=200)
    >>> trim_freed_memory(pool, allowed=1000, needed=400)
    returned
    """
    if pool.held() > allowed - needed:
        pool.give_back()
