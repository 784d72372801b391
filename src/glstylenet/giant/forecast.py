"""Forecast: what a giant run will take, told before anything is computed."""

from collections.abc import Sequence
from dataclasses import dataclass

from glstylenet.giant.areas import COLOURS
from glstylenet.giant.manifest import Manifest
from glstylenet.giant.size_context import areas_of, copies_strokes, style_parts_of
from glstylenet.machine import Device
from glstylenet.memory import HeldPictures, plan_memory
from glstylenet.objective import SEARCHES_OF_VOTE
from glstylenet.run import Speed, estimate_memory
from glstylenet.settings import Settings

__all__ = ["SizeForecast", "forecast_sizes", "passes_of"]

_EVALUATIONS = {"style": 0.46, "search": 0.58, "survey": 0.6}
"""What a part costs in evaluations of as many pixels, where it is not those it makes: measured on an area of
1024 pixels a side in a picture of 48 megapixels with a style of 18."""

_CONTENT_EVALUATIONS = 0.35
"""What the first survey costs more: a forward pass of the content."""

_MOST_BYTES = 2**63
"""More than any machine can address: a forecast says what is needed, whatever there is."""


@dataclass(frozen=True)
class SizeForecast:
    """`SizeForecast` says what one size takes that is painted by areas.

    ``size``: (height, width). ``areas``: how many; ``at_once``: most of one colour, which may be painted at
    once. ``evaluations``: of each area in all sweeps. ``memory_bytes``: of one process. ``seconds``: for
    all areas.
    """

    size: tuple[int, int]
    areas: int
    at_once: int
    evaluations: int
    memory_bytes: int
    seconds: float


def forecast_sizes(
    manifest: Manifest, device: Device, speed: Speed, *, workers: int = 1
) -> Sequence[SizeForecast]:
    """Return what every size takes that is painted by areas.

    ``speed``: that of one of the ``workers``, measured on ``device``.
    """
    settings = Settings(**manifest.settings)
    sweeps = manifest.options.sweeps if manifest.evaluations else 0
    found = []
    for number, size in enumerate(manifest.sizes):
        if number == 0:
            continue
        areas = areas_of(manifest, number)
        crops = [area.region.crop.size for area in areas]
        pixels = sum(height * width for height, width in crops)
        searches = SEARCHES_OF_VOTE if copies_strokes(settings) else 0
        # The last size is surveyed once more, for the losses of the result.
        surveys = sweeps + (number == len(manifest.sizes) - 1)
        style = [tile.crop.size for tile in style_parts_of(manifest, number)]
        style_pixels = sum(height * width for height, width in style)
        passes = sweeps * passes_of("paint", manifest.evaluations)
        passes += searches * passes_of("search", manifest.evaluations)
        passes += sum(passes_of("survey", manifest.evaluations, turn) for turn in range(surveys))
        largest = max(crops, key=lambda crop: crop[0] * crop[1])
        at_once = max(sum(area.colour == colour for area in areas) for colour in range(COLOURS))
        estimate = estimate_memory(
            settings,
            device,
            size=largest,
            factor=1.0,
            full_size=largest,
            # The features of the styles are in the store; the network sees a tile of one at a time.
            full_style_sizes=[max(style, key=lambda crop: crop[0] * crop[1], default=largest)],
            held_pictures=HeldPictures(0, 0, 0),
            classes=0,
        )
        found.append(
            SizeForecast(
                size=size,
                areas=len(areas),
                at_once=at_once,
                evaluations=sweeps * manifest.evaluations,
                memory_bytes=plan_memory(estimate, _MOST_BYTES).needed_bytes,
                seconds=passes * pixels * speed.evaluation / min(workers, at_once)
                + passes_of("style", 0) * style_pixels * speed.evaluation / min(workers, max(1, len(style))),
            )
        )
    return found


def passes_of(kind: str, evaluations: int, turn: int = 0) -> float:
    """Return what a part of this ``kind`` costs, in evaluations of its area.

    ``evaluations``: those of an area that is painted. ``turn``: of surveys, from 0.

    >>> passes_of("paint", 12), passes_of("survey", 12, turn=1)
    (12.0, 0.6)
    """
    if kind == "paint":
        return float(evaluations)
    is_first_survey = kind == "survey" and turn == 0
    return _EVALUATIONS.get(kind, 0.0) + (_CONTENT_EVALUATIONS if is_first_survey else 0.0)
