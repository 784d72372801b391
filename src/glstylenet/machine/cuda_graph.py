"""CudaGraph: work on a GPU that is recorded once and replayed on other numbers.

With small pictures, a GPU finishes a kernel sooner than the host can launch the next; a graph launches all of
them at once. Every tensor keeps its address from one replay to the next. So new inputs of the work must be
written to where they were when it was recorded, and a graph shares its memory with nothing else.
"""

from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor

from glstylenet.machine.device import ALLOCATOR, available_memory
from glstylenet.numerics import uninterrupted

__all__ = ["LARGEST_REPLAYED", "CudaGraph", "is_worthwhile"]


LARGEST_REPLAYED = 2**20
"""Pixels. With larger pictures a kernel takes longer than its launch, and the memory is needed elsewhere."""


def is_worthwhile(picture: Tensor) -> bool:
    """Return whether a :class:`CudaGraph` is faster for work on a ``picture`` of this size and device.

    There must be room for it: as much free memory as this process already holds. Recording must not run out
    of memory, because PyTorch then ends the whole process.

    >>> is_worthwhile(torch.zeros(1, 3, 8, 8))  # on a CPU
    False
    """
    pixels = picture.shape[-2] * picture.shape[-1]
    if picture.device.type != "cuda" or pixels > LARGEST_REPLAYED:
        return False
    return available_memory(picture.device) > torch.cuda.memory_reserved(picture.device)


class CudaGraph:
    """`CudaGraph` records ``work`` on a tensor like ``like``, on a CUDA device, and replays it when called.

    The work must not wait for the device anywhere. Run it once before recording, so that everything that
    happens the first time only is done: the choice of kernels, workspaces, cached values.
    """

    def __init__(self, work: Callable[[Tensor], tuple[Tensor, ...]], like: Tensor) -> None:
        self._argument = torch.empty_like(like)
        self._graph = torch.cuda.CUDAGraph()
        # One recording at a time in a process. Other threads may compute meanwhile, but not return memory.
        with (
            ALLOCATOR,
            uninterrupted(),  # half a recording cannot be ended
            torch.cuda.device(like.device),
            torch.cuda.graph(
                self._graph,
                stream=_recording_stream(self._argument.get_device()),
                capture_error_mode="thread_local",
            ),
        ):
            self._results = work(self._argument)

    def fits(self, argument: Tensor) -> bool:
        """Return whether it was recorded for a tensor of this shape and type."""
        return argument.shape == self._argument.shape and argument.dtype == self._argument.dtype

    def __call__(self, argument: Tensor) -> tuple[Tensor, ...]:
        """Return the results for ``argument``, as copies that the next call does not overwrite."""
        self._argument.copy_(argument)
        with torch.cuda.device(self._argument.device):
            self._graph.replay()
        return tuple(result.clone() for result in self._results)


@cache
def _recording_stream(device: int) -> torch.cuda.Stream:
    """Return one stream for each device, because libraries keep workspaces for each stream.

    PyTorch's own recording stream is the same for all devices: on the second one it would record nothing.
    """
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
