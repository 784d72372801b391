"""Timing: seconds of wall time, on a CPU and on a GPU, which answers before it has done its work."""

import time
from collections.abc import Callable

import torch

__all__ = ["seconds_of", "wait_for"]


def seconds_of(action: Callable[[], object], device: torch.device) -> float:
    """Seconds that ``action`` takes on ``device``, until everything it asked for is done."""
    wait_for(device)
    began = time.perf_counter()
    action()
    wait_for(device)
    return time.perf_counter() - began


def wait_for(device: torch.device) -> None:
    """Return when ``device`` has done everything it was asked for."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
