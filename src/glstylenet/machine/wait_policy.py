"""Wait policy: whether threads of OpenMP that wait for each other sleep or spin."""

import os

__all__ = ["let_threads_sleep"]


_CHOICES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME", "KMP_LIBRARY")
"""Variables by which a user decides how threads wait: OpenMP's own, and those of its libraries libgomp (in
PyTorch for Linux) and libomp (elsewhere)."""


_SPINS = 300
"""Turns that libgomp waits in a loop before it sleeps: some microseconds. To sleep at once makes a run
a seventh slower on a quiet machine, because most loops end nearly together (docs/notebook.md)."""


def let_threads_sleep() -> None:
    """Let OpenMP's threads sleep while they wait, unless the environment says how they wait.

    By default they spin for milliseconds at the end of each parallel loop. If another program needs a core,
    they spin where the thread that they wait for should compute.

    OpenMP reads its variables once, when PyTorch is loaded; later calls have no effect. Only for programs of
    our own, at their start: the variable affects everything in the process that uses OpenMP, and the programs
    that it starts, so a library must leave it to its host.
    """
    if not any(name in os.environ for name in _CHOICES):
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
        os.environ["GOMP_SPINCOUNT"] = str(_SPINS)  # overrides the policy, in libgomp alone
