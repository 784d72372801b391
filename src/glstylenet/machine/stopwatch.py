"""Stopwatch: which part of the work took how many seconds."""

import contextlib
import time
from collections import defaultdict
from collections.abc import Iterator

__all__ = ["Stopwatch"]


class Stopwatch:
    """Adds up seconds by part.

    What is measured is the caller's time. A CUDA device works on after the call that asked it to, so there
    the parts tell only who waited; they are exact on the CPU. A replayed evaluation
    (:mod:`~glstylenet.machine.cuda_graph`) counts as one part.
    """

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)

    @contextlib.contextmanager
    def measure(self, part: str) -> Iterator[None]:
        """Add what happens inside to ``part``."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[part] += time.perf_counter() - began
