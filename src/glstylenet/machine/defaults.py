"""Defaults: PyTorch's and NumPy's modes, as they are in a fresh program, for the duration of a call.

A notebook may have turned on autocast, inference mode, another default device or type, deterministic
algorithms, or floating-point errors. These would change results, or end a call in an error of PyTorch's. What
a call computes must depend on its arguments alone.
"""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import numpy as np
import torch

__all__ = ["default_modes"]


_KINDS = ("cpu", "cuda")


@contextmanager
def default_modes() -> Iterator[None]:
    """Reset the modes of PyTorch and NumPy within a ``with`` block or, as a decorator, a function.

    Reset are autocast, inference mode, the recording of gradients (off), the default device, the default
    type, deterministic algorithms and NumPy's handling of floating-point errors; all are restored at the end,
    also after an exception. The number of threads is not a mode: it stays as the caller has chosen it.

    >>> with torch.device("meta"), default_modes():
    ...     torch.zeros(1).device
    device(type='cpu')
    """
    with ExitStack() as stack:
        stack.enter_context(_PROCESS)
        stack.enter_context(torch.inference_mode(mode=False))
        stack.enter_context(torch.no_grad())
        for kind in _KINDS:
            if torch.is_autocast_enabled(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
        if torch.get_default_device().type != "cpu":
            stack.enter_context(torch.device("cpu"))
        stack.enter_context(np.errstate(divide="warn", over="warn", under="ignore", invalid="warn"))
        yield


class _ProcessModes:
    """`_ProcessModes` resets the modes that all threads share.

    The first thread that enters saves and resets them, the last one that leaves restores them: one that is
    done must not change the modes below the others.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._dtype = torch.float32
        self._deterministic = (False, False)

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._dtype = torch.get_default_dtype()
                self._deterministic = (
                    torch.are_deterministic_algorithms_enabled(),
                    torch.is_deterministic_algorithms_warn_only_enabled(),
                )
                torch.set_default_dtype(torch.float32)
                if self._deterministic[0]:  # the call is slow: it loads PyTorch's compiler
                    torch.use_deterministic_algorithms(False)
            self._inside += 1

    def __exit__(self, *_error: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                torch.set_default_dtype(self._dtype)
                enabled, warn_only = self._deterministic
                if enabled:
                    torch.use_deterministic_algorithms(True, warn_only=warn_only)


_PROCESS = _ProcessModes()
