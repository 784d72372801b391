"""What a CudaGraph asks of PyTorch, with stand-ins for a device; tests/test_gpu.py has the numbers of one."""

import contextlib
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from glstylenet.machine import cuda_graph
from glstylenet.machine.cuda_graph import LARGEST_REPLAYED, CudaGraph, is_worthwhile
from glstylenet.machine.device import ALLOCATOR


def _lock_is_free() -> bool:
    """As another thread sees it."""
    found: list[bool] = []

    def look() -> None:
        if ALLOCATOR.acquire(blocking=False):
            ALLOCATOR.release()
            found.append(True)

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    return bool(found)


def test_work_is_recorded_on_a_stream_of_its_device_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []
    free: list[bool] = []
    played: list[int] = []

    class Graph:
        def replay(self) -> None:
            played.append(1)

    @contextlib.contextmanager
    def graph(_graph: Graph, **options: Any) -> Iterator[None]:
        asked.append(options)
        yield

    def work(pixels: Tensor) -> tuple[Tensor, ...]:
        free.append(_lock_is_free())
        return (pixels,)  # the place itself: what lies there is the result

    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
    monkeypatch.setattr(torch.cuda, "graph", graph)
    monkeypatch.setattr(torch.cuda, "device", lambda _device: contextlib.nullcontext())
    monkeypatch.setattr(cuda_graph, "_recording_stream", lambda number: f"stream of {number}")
    pixels = torch.ones(1, 3, 4, 4)
    one = CudaGraph(work, pixels)
    assert asked == [{"stream": f"stream of {pixels.get_device()}", "capture_error_mode": "thread_local"}]
    assert free == [False]
    assert _lock_is_free()
    (first,), (second,) = one(pixels), one(2 * pixels)
    assert len(played) == 2
    assert torch.equal(first, pixels)  # the caller's, and not written over
    assert torch.equal(second, 2 * pixels)
    assert one.fits(pixels)
    assert not one.fits(pixels[..., 1:])
    assert not one.fits(pixels.double())


def test_it_is_for_small_pictures_on_a_gpu_with_room(monkeypatch: pytest.MonkeyPatch) -> None:
    def picture(pixels: int) -> Any:
        return SimpleNamespace(shape=(1, 3, 1, pixels), device=torch.device("cuda"))

    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda _device: 1000)
    monkeypatch.setattr(cuda_graph, "available_memory", lambda _device: 1001)
    assert is_worthwhile(picture(LARGEST_REPLAYED))
    assert not is_worthwhile(picture(LARGEST_REPLAYED + 1))
    assert not is_worthwhile(torch.ones(1, 3, 4, 4))
    monkeypatch.setattr(cuda_graph, "available_memory", lambda _device: 1000)
    assert not is_worthwhile(picture(LARGEST_REPLAYED))
