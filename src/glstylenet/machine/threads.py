"""Threads: how many PyTorch computes with on the CPU, for the duration of a block."""

import contextlib
from collections.abc import Iterator

import torch

__all__ = ["using_threads"]


@contextlib.contextmanager
def using_threads(count: int | None) -> Iterator[None]:
    """Compute with ``count`` threads within a ``with`` block; ``None`` changes nothing.

    The number is restored at the end, also after an exception. How a sum is split among threads decides how
    it is rounded, so pictures made with different numbers differ in their last bits.

    >>> with using_threads(1):
    ...     torch.get_num_threads()
    1
    """
    before = torch.get_num_threads()
    torch.set_num_threads(before if count is None else count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
