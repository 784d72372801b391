"""Timing: seconds of wall time, on a CPU and on a GPU, whose calls return before the work is done."""

import time
from collections.abc import Callable

import torch

__all__ = ["seconds_of", "wait_for"]


def seconds_of(action: Callable[[], object], device: torch.device) -> float:
    """Return the seconds that ``action`` takes on ``device``, with all the work that it starts there."""
    wait_for(device)
    began = time.perf_counter()
    action()
    wait_for(device)
    return time.perf_counter() - began


def wait_for(device: torch.device) -> None:
    """Wait until ``device`` has done all work that was started on it."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
