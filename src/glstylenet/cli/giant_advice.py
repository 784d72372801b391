"""Advice: when ``glstylenet giant`` would be better than ``stylize``."""

import math

from glstylenet.cli.jobs import Job
from glstylenet.giant import needs_whole_picture
from glstylenet.run import Started
from glstylenet.settings import ONE_STYLE, Settings

__all__ = ["giant_advice"]

_GIANT_PIXELS = 16_000_000
"""Pixels of a result that is better painted by areas where memory is too short for the whole: an evaluation
of all tiles then takes more than a minute on two cores, and the run hours (docs/giant.md)."""


def giant_advice(job: Job, settings: Settings, started: Started) -> str | None:
    """Return a line if ``glstylenet giant`` can paint ``job`` and is the better way, else ``None``."""
    height, width = started.scales[-1].size
    if started.plans[-1].tiles == 1 or math.prod((height, width)) < _GIANT_PIXELS:
        return None
    if job.content is None or job.further != ONE_STYLE or settings.iterations is not None:
        return None
    if needs_whole_picture(settings) is not None:
        return None
    return (
        f"{width} x {height} pixels do not fit into memory as a whole; 'glstylenet giant' paints them by "
        f"areas, on several workers if need be, and goes on after an interruption"
    )
