"""The machine that a run uses: devices, memory and time.

- ``device``: resolves where and in which precision a run computes, and measures how much memory there is.
- ``defaults``: resets modes of PyTorch and NumPy that a caller has changed, for the duration of a call.
- ``malloc``: keeps freed memory in the process or returns it to the system.
- ``threads``: sets the number of threads for the duration of a block.
- ``wait_policy``: lets threads sleep while they wait.
- ``cuda_graph``: records work on a GPU once and replays it on other numbers.
- ``stopwatch``: adds up the seconds of each part of the work.

The names below are imported when they are first used: the command line calls :func:`keep_freed_memory` and
:func:`let_threads_sleep` at its start, before PyTorch is loaded, and ``--help`` must not wait for PyTorch.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from glstylenet.machine.cuda_graph import LARGEST_REPLAYED, CudaGraph, is_worthwhile
    from glstylenet.machine.defaults import default_modes
    from glstylenet.machine.device import (
        Device,
        available_memory,
        choose_device,
        every_device,
        has_fast_bfloat16,
        memory_pool,
        out_of_memory,
        peak_memory,
    )
    from glstylenet.machine.malloc import keep_freed_memory, return_freed_memory, trim_freed_memory
    from glstylenet.machine.stopwatch import Stopwatch
    from glstylenet.machine.threads import using_threads
    from glstylenet.machine.wait_policy import let_threads_sleep

__all__ = [
    "LARGEST_REPLAYED",
    "CudaGraph",
    "Device",
    "Stopwatch",
    "available_memory",
    "choose_device",
    "default_modes",
    "every_device",
    "has_fast_bfloat16",
    "is_worthwhile",
    "keep_freed_memory",
    "let_threads_sleep",
    "memory_pool",
    "out_of_memory",
    "peak_memory",
    "return_freed_memory",
    "trim_freed_memory",
    "using_threads",
]

_HOMES = {
    "LARGEST_REPLAYED": "cuda_graph",
    "CudaGraph": "cuda_graph",
    "Device": "device",
    "Stopwatch": "stopwatch",
    "available_memory": "device",
    "choose_device": "device",
    "default_modes": "defaults",
    "every_device": "device",
    "has_fast_bfloat16": "device",
    "is_worthwhile": "cuda_graph",
    "keep_freed_memory": "malloc",
    "let_threads_sleep": "wait_policy",
    "memory_pool": "device",
    "out_of_memory": "device",
    "peak_memory": "device",
    "return_freed_memory": "malloc",
    "trim_freed_memory": "malloc",
    "using_threads": "threads",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
