"""The stopwatch, with a clock that the tests turn."""

import pytest

from glstylenet.machine import stopwatch
from glstylenet.machine.stopwatch import Stopwatch


class Clock:
    """Seconds that pass only when told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(stopwatch, "time", clock)
    return clock


def test_seconds_add_up_by_part(clock: Clock) -> None:
    watch = Stopwatch()
    for part, seconds in (("network", 3.0), ("local", 0.5), ("network", 4.0)):
        clock.now += 10.0  # nobody's
        with watch.measure(part):
            clock.now += seconds
    assert watch.seconds == {"network": 7.0, "local": 0.5}


def test_a_part_that_never_ran_took_no_time(clock: Clock) -> None:
    assert Stopwatch().seconds["matching"] == 0.0


def test_what_breaks_off_is_counted(clock: Clock) -> None:
    watch = Stopwatch()

    def break_off() -> None:
        with watch.measure("network"):
            clock.now += 2.0
            raise MemoryError

    with pytest.raises(MemoryError):
        break_off()
    assert watch.seconds == {"network": 2.0}


def test_each_has_its_own_seconds(clock: Clock) -> None:
    one, other = Stopwatch(), Stopwatch()
    with one.measure("local"):
        clock.now += 1.0
    assert not other.seconds
