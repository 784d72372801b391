"""Forecast: seconds worked by hand from a speed, and a speed that is one."""

from dataclasses import replace

import pytest
import torch

from glstylenet.errors import MemoryLimitError
from glstylenet.machine.device import Device
from glstylenet.memory.plan import MemoryPlan
from glstylenet.network.weights import load_weights
from glstylenet.run.events import Started
from glstylenet.run.scales import Scale
from glstylenet.run.time_estimate import Speed, estimate_by_size, estimate_seconds, measure_speed
from glstylenet.settings.model import Settings


def _started(scale: Scale, tile_side: int | None) -> Started:
    """In one piece, or in two tiles of which one is kept."""
    whole, tiled = MemoryPlan(None, 1, 10, False, 0), MemoryPlan(tile_side, 2, 10, False, 0, cached_tiles=1)
    plan = whole if tile_side is None else tiled
    return Started(
        device="cpu",
        precision="float32",
        scales=(scale,),
        plans=(plan,),
        style_size=(80, 160),
        classes="",
        weights="embedded",
        memory_bytes=0,
    )


def test_a_whole_picture_by_hand() -> None:
    """64 x 48 on a canvas of 80 x 64: 10 x 8 positions, a style of half 80 x 160: 5 x 10."""
    settings = Settings(round_length=20)
    seconds = estimate_seconds(_started(Scale(0.5, (64, 48), 50), None), settings, Speed(1e-3, 1e-4))
    assert abs(seconds - (50 * 80 * 64 * 1e-3 + 3 * (10 * 8) * (5 * 10) * 1e-4)) < 1e-9


def test_a_vote_by_hand() -> None:
    """At the second of two sizes a forward pass of the canvas, of 144 x 112, and one of the style."""
    settings = Settings(quality="preview")
    one = _started(Scale(1.0, (128, 96), 0), None)
    first = replace(one.scales[0], factor=0.5, size=(64, 48))
    started = replace(one, scales=(first, *one.scales), plans=one.plans * 2)
    seconds = estimate_seconds(started, settings, Speed(1e-3, 1e-4))
    votes = 0.4 * 1e-3 * (80 * 64 + 144 * 112 + 80 * 160)
    searches = 3 * 1e-4 * (10 * 8 * 5 * 10 + 18 * 14 * 10 * 20)
    assert seconds == pytest.approx(votes + searches)


def test_sizes_alone_tell_the_same() -> None:
    """The same by hand, of pictures that nobody has read: one size of 64 x 48, and a style of 40 x 80."""
    settings = Settings(round_length=20, iterations=50, scales=1)
    speed, cpu = Speed(1e-3, 1e-4), Device(torch.device("cpu"), "float32")
    seconds = estimate_by_size(
        (64, 48), [(40, 80)], settings, speed, has_maps=False, device=cpu, allowed=2**40
    )
    assert abs(seconds - (50 * 80 * 64 * 1e-3 + 3 * (10 * 8) * (5 * 10) * 1e-4)) < 1e-9


def test_sizes_and_memory_tell_of_tiles() -> None:
    """In less memory, more is computed: each tile with what surrounds it, and where not kept, twice."""
    settings = Settings(iterations=5, scales=1, local_weight=0.0)
    cpu = Device(torch.device("cpu"), "float32")

    def seconds(allowed: int) -> float:
        style = [(512, 512)]
        return estimate_by_size(
            (3000, 4000), style, settings, Speed(1.0, 0.0), has_maps=False, device=cpu, allowed=allowed
        )

    whole = 5 * 3016 * 4016 * 1.0
    assert seconds(2**40) == whole
    assert seconds(8 * 2**30) > whole
    assert seconds(3 * 2**30) > 1.1 * whole
    with pytest.raises(MemoryLimitError):
        seconds(2**28)


def test_tiles_are_seen_with_what_surrounds_them_and_twice_where_not_kept() -> None:
    """A canvas of 256 x 64 in two tiles of 128 x 64, each with 40 more rows on one side; one is kept."""
    settings = Settings(local_weight=0.0)
    seconds = estimate_seconds(_started(Scale(1.0, (240, 48), 1), 128), settings, Speed(4e-3, 0.0))
    assert abs(seconds - 2 * (168 * 64) * 4e-3 * (1 + 0.49 / 2)) < 1e-9
    settings = settings.replace(global_weight=0.0)
    seconds = estimate_seconds(_started(Scale(1.0, (240, 48), 1), 128), settings, Speed(4e-3, 0.0))
    assert abs(seconds - 2 * (168 * 64) * 4e-3) < 1e-9


@pytest.mark.long
def test_the_measured_speed_is_positive() -> None:
    speed = measure_speed(Settings(), Device(torch.device("cpu"), "float32"), load_weights("embedded"))
    assert speed.evaluation > 0
    assert speed.pair > 0
