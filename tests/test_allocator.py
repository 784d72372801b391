"""Freed memory goes back to the system when it should, and only then."""

import sys

import psutil
import pytest

from glstylenet import allocator
from glstylenet.allocator import MemoryValve


def _valve(monkeypatch: pytest.MonkeyPatch, limit: int) -> tuple[MemoryValve, list[int]]:
    given: list[int] = []
    monkeypatch.setattr(allocator, "return_freed_memory", lambda: given.append(1))
    return MemoryValve(limit), given


def test_the_valve_opens_above_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    held = psutil.Process().memory_info().rss
    valve, given = _valve(monkeypatch, held // 2)
    valve()
    assert given == [1]


def test_the_valve_stays_shut_below(monkeypatch: pytest.MonkeyPatch) -> None:
    held = psutil.Process().memory_info().rss
    valve, given = _valve(monkeypatch, 2 * held)
    valve()
    assert given == []


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator")
def test_freed_memory_goes_back() -> None:
    """Blocks too small to be mapped apart, and one that stays between them and the end of the heap."""
    process = psutil.Process()
    blocks = [bytearray(64 * 2**10) for _ in range(1600)]  # 100 MiB
    stays = bytearray(64 * 2**10)
    full = process.memory_info().rss
    del blocks
    if process.memory_info().rss < full - 50 * 2**20:
        pytest.skip("this allocator keeps nothing")
    allocator.return_freed_memory()
    assert process.memory_info().rss < full - 50 * 2**20
    assert len(stays) == 64 * 2**10
