"""Freed memory goes back to the system when it should, and only then."""

import sys
import threading

import psutil
import pytest

from glstylenet.machine import malloc
from glstylenet.machine.malloc import MemoryPool, trim_freed_memory


@pytest.mark.parametrize(
    ("allowed", "needed", "expected"),
    [
        (900, 0, 1),  # too much is held already
        (1000, 0, 0),
        (1300, 300, 0),
        (1300, 301, 1),
    ],
)
def test_freed_memory_is_returned_before_too_much_is_held(allowed: int, needed: int, expected: int) -> None:
    returned: list[int] = []
    trim_freed_memory(MemoryPool(lambda: 1000, lambda: returned.append(1)), allowed, needed)
    assert len(returned) == expected


def test_a_tile_grows_this_process_less_once_it_keeps_what_it_frees(monkeypatch: pytest.MonkeyPatch) -> None:
    keeps = threading.Event()
    monkeypatch.setattr(malloc, "_keeps", keeps)
    pool = malloc.process_memory()
    assert 2**20 < pool.held() < 2**45
    assert pool.growth == 1.0
    keeps.set()
    assert malloc.process_memory().growth == 0.4


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's malloc")
def test_freed_memory_goes_back() -> None:
    """Blocks too small to be mapped apart, and one that stays between them and the end of the heap."""
    process = psutil.Process()
    blocks = [bytearray(64 * 2**10) for _ in range(1600)]  # 100 MiB
    stays = bytearray(64 * 2**10)
    full = process.memory_info().rss
    del blocks
    if process.memory_info().rss < full - 50 * 2**20:
        pytest.skip("this malloc keeps nothing")
    malloc.return_freed_memory()
    assert process.memory_info().rss < full - 50 * 2**20
    assert len(stays) == 64 * 2**10
