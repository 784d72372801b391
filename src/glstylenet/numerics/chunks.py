"""Chunks: work on long vectors range by range, without temporary vectors.

A vector of a large picture takes hundreds of MiB. Operations that pass over several such vectors in chunks
need no temporary vector of that size, and on a CPU they find in its cache what they have just written.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from glstylenet.numerics.interruption import interruption_point

__all__ = ["CACHED_ENTRIES", "apply_mask", "chunk_length", "chunk_slices"]


CACHED_ENTRIES = 2**18
"""Entries of a chunk on the CPU, in all rows: 1 MiB as float32, which stays in a core's cache."""


_LAUNCHED_ENTRIES = 2**25
"""Entries of a chunk elsewhere, in all rows: 128 MiB, beside which launching a kernel costs little."""


def chunk_slices(like: Tensor, rows: int = 1) -> Iterator[slice]:
    """Yield slices that cover the entries of ``like``, for work on ``rows`` vectors, temporary ones included.

    >>> [part.start for part in chunk_slices(torch.zeros(600_000))]
    [0, 262144, 524288]
    """
    length = chunk_length(like.device, rows)
    for start in range(0, like.numel(), length):
        interruption_point()
        yield slice(start, start + length)


def chunk_length(device: torch.device, rows: int) -> int:
    """Return the length of such a slice, in entries of one vector."""
    entries = CACHED_ENTRIES if device.type == "cpu" else _LAUNCHED_ENTRIES
    # A multiple of 32 keeps rows of a buffer aligned for vector instructions.
    return max(32, entries // rows // 32 * 32)


def apply_mask(vector: Tensor, free: Tensor | None) -> None:
    """Set the entries of a contiguous ``vector`` to 0 that ``free`` (flat booleans) does not mark, in place.

    ``None`` marks all entries.

    >>> vector = torch.ones(3)
    >>> apply_mask(vector, torch.tensor([True, False, True]))
    >>> vector
    tensor([1., 0., 1.])
    """
    if free is not None:
        flat = vector.view(-1)
        for part in chunk_slices(flat, 2):  # a product with booleans makes a temporary vector
            flat[part].mul_(free[part])
