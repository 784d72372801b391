"""Stopwatch: how many seconds each part of the work takes."""

import contextlib
import time
from collections import defaultdict
from collections.abc import Iterator

__all__ = ["Stopwatch"]


class Stopwatch:
    """`Stopwatch` adds up seconds by part.

    It measures the caller's time. A CUDA device continues after the call that launched the work has returned,
    so there the parts only show where the host waited; on the CPU they are exact. A replayed evaluation
    (:mod:`~glstylenet.machine.cuda_graph`) counts as one part.

    >>> watch = Stopwatch()
    >>> with watch.measure("network"):
    ...     pass
    >>> list(watch.seconds)
    ['network']
    """

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)

    @contextlib.contextmanager
    def measure(self, part: str) -> Iterator[None]:
        """Add the seconds of the ``with`` block to ``part``, also when it raises."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[part] += time.perf_counter() - began
