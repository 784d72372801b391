"""Vote: the time of copying the style's strokes once, with the matching that this needs."""

import statistics
from collections.abc import Callable
from functools import partial

from glstylenet.bench.overhead import bare_seconds
from glstylenet.bench.synthetic_pictures import DrawnPictures
from glstylenet.bench.timing import RelativeTime, seconds_of
from glstylenet.machine import choose_device
from glstylenet.network import VGG19, load_weights
from glstylenet.objective import LossWeights, Objective, StyleGuide
from glstylenet.pyramid import SCHEMES
from glstylenet.settings import Settings

__all__ = ["measure_vote"]


def measure_vote(
    size: tuple[int, int], settings: Settings, *, votes: int, repeats: int, emit: Callable[[str], None]
) -> RelativeTime:
    """Return the median time of ``votes`` on synthetic pictures of ``size`` (height, width).

    Pictures and maps are those of the schemes. A vote computes the features of a style as soft as a picture
    that was doubled; what else it compares with is computed before. The bare network is timed ``repeats``
    times before the votes and after them.
    """
    device = choose_device(settings.device, settings.precision)
    network = VGG19(load_weights(settings.weights).tensors, device=device.torch_device, dtype=device.dtype)
    drawn = DrawnPictures.of(size, device.torch_device)
    emit(f"vote: copies of the style's strokes at {size[1]} x {size[0]}")
    objective = Objective(
        network,
        SCHEMES[settings.scheme],
        LossWeights.of(settings),
        drawn.content,
        [StyleGuide(drawn.style, drawn.style_map)],
        content_map=drawn.content_map,
    )
    copy = partial(objective.copy_strokes, drawn.pixels, enlargement=2.0)
    copy()  # the first is slower
    [before] = bare_seconds(settings, device, [size], repeats)
    seconds = [seconds_of(copy, device.torch_device) for _ in range(votes)]
    [after] = bare_seconds(settings, device, [size], repeats)
    return RelativeTime(size, statistics.median(seconds), statistics.median([*before, *after]))
