"""What PyTorch allocates meanwhile, as its profiler tells it."""

import contextlib
from collections.abc import Iterator
from typing import Any

from torch.profiler import ProfilerActivity, profile

__all__ = ["peak_of", "recorded"]


@contextlib.contextmanager
def recorded() -> Iterator[list[int]]:
    """The list fills at the end: bytes of each allocation, and of each release as a negative number, in
    order."""
    changes: list[int] = []
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        yield changes
    kineto: Any = profiler.profiler
    events = [event for event in kineto.kineto_results.events() if event.name() == "[memory]"]
    changes += [event.nbytes() for event in sorted(events, key=lambda event: event.start_ns())]


def peak_of(changes: list[int]) -> int:
    """The most that was held at a time, in bytes, beyond what there was before."""
    held = peak = 0
    for size in changes:
        held += size
        peak = max(peak, held)
    return peak
