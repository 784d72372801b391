"""Freed memory goes back to the system when it should, and only then."""

import sys
import threading

import psutil
import pytest

from glstylenet.machine import malloc
from glstylenet.machine.malloc import FreedMemoryTrimmer, MemoryPool


@pytest.mark.parametrize(
    ("allowed", "tile", "reuses", "first", "later"),
    [
        (0.9, 0.1, True, 1, 1),  # too much is held already
        (1.5, 0.1, True, 0, 0),
        # Half a tile is left: enough for one at work in the memory of the last, not for the first.
        (2.0, 2.0, True, 1, 0),
        (2.0, 2.0, False, 1, 1),
        (1.3, 1.0, True, 1, 1),
    ],
)
def test_the_valve_opens_before_too_much_is_held(
    allowed: float,
    tile: float,
    reuses: bool,
    first: int,
    later: int,
) -> None:
    """In multiples of what is held."""
    given: list[int] = []
    holder = MemoryPool(lambda: 1000, lambda: given.append(1), lambda: reuses)
    valve = FreedMemoryTrimmer(int(allowed * 1000), int(tile * 1000), holder)
    # After a last tile the optimiser's vectors come, which may be larger than all that a tile leaves.
    for steps, expected in (
        (valve.before_tile, first),
        (valve.before_tile, later),
        (valve.after_tiles, 1),
    ) * 2:
        given.clear()
        steps()
        assert len(given) == expected


def test_this_process_keeps_what_it_frees_once_it_is_asked_to(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = threading.Event()
    monkeypatch.setattr(malloc, "_kept", kept)
    holder = malloc.process_memory()
    assert 2**20 < holder.held() < 2**45
    assert not holder.reuses()
    kept.set()
    assert holder.reuses()


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
