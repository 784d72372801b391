"""Giant pictures: area by area, from a store on disk, in one process or many.

- ``areas``: cuts a picture into areas of four colours.
- ``store``: writes and reads pictures and sums in a folder.
- ``manifest``: says what a run is and which of its steps are done.
- ``size_context``: holds what all steps of one size share in a process.
- ``steps``: computes one area's part of every step.
- ``paint``: carries out all steps of a run.
- ``forecast``: tells what a run will take before it computes.
"""

from glstylenet.giant.areas import SMALLEST_AREA
from glstylenet.giant.forecast import SizeForecast, forecast_sizes
from glstylenet.giant.manifest import GiantOptions, Manifest
from glstylenet.giant.paint import (
    GiantPicture,
    PartsDone,
    coarse_settings,
    needed_disk,
    paint_giant,
    plan_giant,
)

__all__ = [
    "SMALLEST_AREA",
    "GiantOptions",
    "GiantPicture",
    "Manifest",
    "PartsDone",
    "SizeForecast",
    "coarse_settings",
    "forecast_sizes",
    "needed_disk",
    "paint_giant",
    "plan_giant",
]
