"""Allocator: let this process keep the memory it frees for the next evaluation, on Linux.

glibc gives large blocks back to the system at once, and the system hands out new ones page by page, zeroed.
With features of tens of megabytes that costs up to a third of an evaluation (docs/performance.md).
"""

import ctypes
import threading
from collections.abc import Callable
from dataclasses import dataclass

import psutil

__all__ = ["FreedMemoryTrimmer", "MemoryPool", "keep_freed_memory", "process_memory", "return_freed_memory"]


# Numbers of glibc's mallopt(3).
_M_TRIM_THRESHOLD = -1


_M_MMAP_THRESHOLD = -3


_LARGEST_KEPT = 256 * 2**20
"""Blocks of this size and more still come from and go to the system: at 24 megapixels, whole vectors."""


_GROWTH = 0.4
"""Share of a tile's memory by which the next one, in the same memory, may need more: pieces, and what is kept
of it."""


_kept = threading.Event()
"""Set once this process keeps what it frees, which is as much the whole process's as the allocator is."""


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
    _kept.set()


def return_freed_memory() -> None:
    """Give the system what this process has freed and kept, with glibc; elsewhere nothing happens.

    For moments when work of another shape begins: what is left over from the last does not fit it.
    """
    try:
        trim = ctypes.CDLL("libc.so.6").malloc_trim
    except (OSError, AttributeError):
        return
    trim(0)


@dataclass(frozen=True)
class MemoryPool:
    """Who holds memory that is used no more. ``held``: bytes in all; ``give_back``: what is not in use;
    ``reuses``: whether most of what the next tile asks for fits into what the last one freed."""

    held: Callable[[], int]
    give_back: Callable[[], None]
    reuses: Callable[[], bool]


def process_memory() -> MemoryPool:
    """This process, and its memory in the machine."""
    process = psutil.Process()
    return MemoryPool(lambda: int(process.memory_info().rss), return_freed_memory, _kept.is_set)


class FreedMemoryTrimmer:
    """Gives freed memory back where its ``holder``, who may hold ``allowed`` bytes, would come to hold more.

    ``tile_bytes``: what a tile takes. Tiles of several sizes leave pieces behind into which the next tile
    does not fit. Where the holder reuses what was freed, a tile that follows another is at work in that one's
    memory, and needs but little more.
    """

    def __init__(self, allowed: int, tile_bytes: int, holder: MemoryPool) -> None:
        self.allowed = allowed
        self.tile_bytes = tile_bytes
        self._holder = holder
        self._follows_tile = False

    def before_tile(self) -> None:
        """To be called before a tile is looked at."""
        growth = _GROWTH if self._follows_tile and self._holder.reuses() else 1.0
        if self._holder.held() > self.allowed - int(self.tile_bytes * growth):
            self._holder.give_back()
        self._follows_tile = True

    def after_tiles(self) -> None:
        """To be called when other work than on tiles comes next: vectors and a history, which fit into no
        tile's memory and may be larger than all of it."""
        self._holder.give_back()
        self._follows_tile = False
