"""CudaGraph: work on a GPU that is recorded once, as a CUDA graph, and asked for again with other numbers.

A GPU is done with a kernel of a small picture sooner than the host can ask for the next; a graph asks for all
of them at once. Every tensor keeps its place in memory from one time to the next, so what the work reads from
outside has to be written where it was when the work was recorded, and its memory is nobody else's.
"""

from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor

from glstylenet.machine.device import ALLOCATOR, available_memory

__all__ = ["LARGEST_REPLAYED", "CudaGraph", "is_worthwhile"]


LARGEST_REPLAYED = 2**20
"""Pixels. Of larger pictures a kernel takes longer than asking for it, and its memory is worth more."""


def is_worthwhile(picture: Tensor) -> bool:
    """Whether work on a ``picture`` of this size, where it is, is sooner done by :class:`CudaGraph`.

    There must be room for it: as much as this process has of the device is free once more. Recording must not
    run out of memory, for PyTorch ends the whole process then.
    """
    pixels = picture.shape[-2] * picture.shape[-1]
    if picture.device.type != "cuda" or pixels > LARGEST_REPLAYED:
        return False
    return available_memory(picture.device) > torch.cuda.memory_reserved(picture.device)


class CudaGraph:
    """``work`` on a tensor like ``like`` on a CUDA device, which waits for the device nowhere.

    It is recorded, not done. All that is made the first time only (kernels chosen, workspaces, values that
    are cached) must be there: do the work once before.
    """

    def __init__(self, work: Callable[[Tensor], tuple[Tensor, ...]], like: Tensor) -> None:
        self._argument = torch.empty_like(like)
        self._graph = torch.cuda.CUDAGraph()
        # One recording at a time in a process. Other threads may compute meanwhile, but not give memory back.
        with (
            ALLOCATOR,
            torch.cuda.device(like.device),
            torch.cuda.graph(
                self._graph,
                stream=_recording_stream(self._argument.get_device()),
                capture_error_mode="thread_local",
            ),
        ):
            self._results = work(self._argument)

    def fits(self, argument: Tensor) -> bool:
        """Whether it was recorded for such a tensor."""
        return argument.shape == self._argument.shape and argument.dtype == self._argument.dtype

    def __call__(self, argument: Tensor) -> tuple[Tensor, ...]:
        """The results for ``argument``, which are the caller's."""
        self._argument.copy_(argument)
        with torch.cuda.device(self._argument.device):
            self._graph.replay()
        return tuple(result.clone() for result in self._results)


@cache
def _recording_stream(device: int) -> torch.cuda.Stream:
    """One for each device, since libraries keep workspaces for each stream. PyTorch's own is the same for all
    devices: on the second one it would record nothing."""
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
