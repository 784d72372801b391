"""Busy machine: whether PyTorch's threads are worth having while another program needs a core.

    ratio = seconds of an evaluation with all threads / seconds with one thread, beside a busy program

Threads that wait in a loop, instead of sleeping, take the core from the thread that they wait for, and the
ratio becomes 3 to 10. On a quiet machine nothing of this can be measured, so the benchmark starts a busy
program of its own.
"""

import contextlib
import math
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch

from glstylenet.bench.synthetic_pictures import drawn_picture, picture_tensor
from glstylenet.bench.timing import ratio_of_neighbours, seconds_of, timed_in_turns
from glstylenet.machine import choose_device, using_threads
from glstylenet.network import VGG19, load_weights
from glstylenet.objective import LossWeights, Objective, StyleGuide
from glstylenet.pyramid import SCHEMES
from glstylenet.settings import Settings

__all__ = ["BusyMachine", "busy_program", "measure_busy_machine"]


# Ends with its standard input, which the system closes even if this process is killed.
_PROGRAM = """\
import os, sys, threading
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
print("busy", flush=True)
while True: pass
"""


@dataclass(frozen=True)
class BusyMachine:
    """`BusyMachine` compares ``threads`` threads with one, beside one busy program.

    ``size`` (height, width) of the pictures; ``seconds`` and ``single_seconds``: medians of ``count``
    evaluations each, with all threads and with one; ``ratio``: that of neighbours in time
    (:func:`~glstylenet.bench.timing.ratio_of_neighbours`).
    """

    size: tuple[int, int]
    threads: int
    seconds: float
    single_seconds: float
    ratio: float
    count: int


def measure_busy_machine(
    size: tuple[int, int], settings: Settings, *, pairs: int, emit: Callable[[str], None]
) -> BusyMachine | None:
    """Time an evaluation of ``size`` (height, width), ``pairs`` times in alternation, beside a busy program.

    Return ``None`` if ``pairs`` is 0, PyTorch has only one thread, or the run would compute on a GPU.
    """
    device = choose_device(settings.device, settings.precision)
    threads = torch.get_num_threads()
    if pairs == 0 or threads == 1 or device.torch_device.type != "cpu":
        return None
    network = VGG19(load_weights(settings.weights).tensors, device=device.torch_device, dtype=device.dtype)
    content, style, pixels = (
        picture_tensor(drawn_picture(size, seed), device.torch_device) for seed in range(3)
    )
    scheme, weights = SCHEMES[settings.scheme], LossWeights.of(settings)
    objective = Objective(network, scheme, weights, content, [StyleGuide(style)])
    objective.evaluate(pixels, rematch=True)
    counts = {f"{threads} threads": threads, "1 thread": 1}

    def evaluate(name: str) -> float:
        with using_threads(counts[name]):
            return seconds_of(lambda: objective.evaluate(pixels), device.torch_device)

    with busy_program():
        seconds = timed_in_turns(
            list(counts), evaluate, rounds=pairs, seconds_limit=math.inf, emit=emit, title="busy machine,"
        )
    several, single = seconds.values()
    return BusyMachine(
        size=size,
        threads=threads,
        seconds=statistics.median(several),
        single_seconds=statistics.median(single),
        ratio=ratio_of_neighbours(several, single),
        count=len(several),
    )


@contextlib.contextmanager
def busy_program() -> Iterator[None]:
    """Run a program within a ``with`` block that needs a whole core all the time; it ends with the block."""
    # -P: a file in the user's current folder must not be imported in place of a module.
    command = [sys.executable, "-P", "-c", _PROGRAM]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as program:
        assert program.stdout is not None
        try:
            program.stdout.readline()  # it has started
            yield
        finally:
            program.kill()
