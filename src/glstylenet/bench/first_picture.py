"""First picture: how long a user waits for something worth looking at, with ``quality="preview"``.

The time is that from the call of :func:`~glstylenet.stylize`, reading the pictures included, to the copied
strokes of full size. The weights were read before: it is their second use in the process.
"""

import statistics
import time
from collections.abc import Callable

from glstylenet.bench.overhead import bare_seconds
from glstylenet.bench.pair import Pair
from glstylenet.bench.timing import RelativeTime, wait_for
from glstylenet.machine import choose_device
from glstylenet.run import Event, Voted, stylize
from glstylenet.settings import Settings

__all__ = ["VoteRecorder", "measure_first_picture"]


class VoteRecorder:
    """`VoteRecorder` is a listener that records when, and at which size, the last strokes were copied.

    ``seconds`` count from its creation and ``size`` is (height, width), both ``None`` before.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self.seconds: float | None = None
        self.size: tuple[int, int] | None = None
        self._clock = clock
        self._began = clock()

    def __call__(self, event: Event) -> None:
        """Record ``event``."""
        if isinstance(event, Voted):
            wait_for(event.pixels.device)
            self.seconds = self._clock() - self._began
            self.size = event.pixels.shape[-2], event.pixels.shape[-1]


def measure_first_picture(
    pair: Pair, settings: Settings, *, runs: int, repeats: int, emit: Callable[[str], None]
) -> RelativeTime:
    """Return the median time of the first picture over ``runs`` of ``settings`` in the quality of a preview.

    The bare network is timed ``repeats`` times before them and after them. Raises ``RuntimeError`` if
    the settings copy no strokes.
    """
    device = choose_device(settings.device, settings.precision)
    size = pair.read(settings).size
    emit(f"first picture: the bare network at {size[1]} x {size[0]}")
    [bare] = bare_seconds(settings, device, [size], repeats)
    seconds = []
    for number in range(1, runs + 1):
        emit(f"first picture: preview {number}/{runs}")
        seconds.append(_preview(pair, settings, size))
    [after] = bare_seconds(settings, device, [size], repeats)
    return RelativeTime(size, statistics.median(seconds), statistics.median([*bare, *after]))


def _preview(pair: Pair, settings: Settings, size: tuple[int, int]) -> float:
    """Return the seconds until the strokes of full ``size`` were copied in one run."""
    recorder = VoteRecorder()
    stylize(
        pair.content,
        pair.style,
        content_map=pair.content_map,
        style_map=pair.style_map,
        settings=settings.replace(quality="preview"),
        on_event=recorder,
    )
    if recorder.seconds is None or recorder.size != size:
        raise RuntimeError(f"a preview copied strokes at {recorder.size}, expected {size}, its full size")
    return recorder.seconds
