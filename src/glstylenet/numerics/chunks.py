"""Chunks: work on long vectors range by range, without temporary vectors.

A vector of a large picture takes hundreds of MiB; what passes over several of them in chunks needs no other
of that size, and on a CPU finds in its cache what it has just written.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

__all__ = ["CACHED_ENTRIES", "chunk_length", "chunk_slices", "keep"]


CACHED_ENTRIES = 2**18


_LAUNCHED_ENTRIES = 2**25
"""How many entries, in all rows, a chunk has: on the CPU as many as stay in a core's cache (1 MiB as
float32); elsewhere as many as make a kernel's launch cost little beside its work (128 MiB)."""


def chunk_slices(like: Tensor, rows: int = 1) -> Iterator[slice]:
    """Ranges that cover the entries of ``like``, for work on ``rows`` vectors, temporary ones included."""
    length = chunk_length(like.device, rows)
    for start in range(0, like.numel(), length):
        yield slice(start, start + length)


def chunk_length(device: torch.device, rows: int) -> int:
    """Entries of such a range."""
    entries = CACHED_ENTRIES if device.type == "cpu" else _LAUNCHED_ENTRIES
    # A multiple of 32 keeps rows of a buffer aligned for vector instructions.
    return max(32, entries // rows // 32 * 32)


def keep(vector: Tensor, free: Tensor | None) -> None:
    """Set entries of a contiguous ``vector`` to 0 unless ``free`` (flat; ``None``: all) marks them."""
    if free is not None:
        flat = vector.view(-1)
        for part in chunk_slices(flat, 2):  # a product with booleans makes a temporary vector
            flat[part].mul_(free[part])
