"""Giant pictures: area by area, from a store on disk, in one process or many.

- ``areas``: cuts a picture into areas of four colours.
- ``store``: writes and reads pictures and sums in a folder.
- ``manifest``: says what a run is and which of its steps are done.
- ``style_features``: computes and reads the features of a style at one size.
- ``size_context``: holds what all steps of one size share in a process.
- ``steps``: computes one area's part of every step.
- ``plan``: says what a run will be before it computes.
- ``coarse``: prepares the part that is painted whole.
- ``paint``: carries out all steps of a run.
- ``forecast``: tells what a run will take before it computes.
- ``progress``: measures how much is done, and how long the rest will take.
- ``watching``: reads what a store's run has painted so far, while another process paints.
- ``cluster``: runs parts of a step on workers, here or on other machines.
"""

from glstylenet.giant.areas import SMALLEST_AREA
from glstylenet.giant.cluster import CONNECT_SECONDS, Cluster, cluster_at, local_cluster
from glstylenet.giant.coarse import coarse_settings, plan_coarse
from glstylenet.giant.forecast import SizeForecast, forecast_sizes
from glstylenet.giant.manifest import GiantOptions, Manifest
from glstylenet.giant.paint import GiantPicture, PartsDone, paint_giant, run_here
from glstylenet.giant.plan import needed_disk, needs_whole_picture, plan_giant, small_style_warnings
from glstylenet.giant.watching import (
    PaintedLevels,
    PaintedSoFar,
    StepProgress,
    StoreState,
    StoreWatcher,
)

__all__ = [
    "CONNECT_SECONDS",
    "SMALLEST_AREA",
    "Cluster",
    "GiantOptions",
    "GiantPicture",
    "Manifest",
    "PaintedLevels",
    "PaintedSoFar",
    "PartsDone",
    "SizeForecast",
    "StepProgress",
    "StoreState",
    "StoreWatcher",
    "cluster_at",
    "coarse_settings",
    "forecast_sizes",
    "local_cluster",
    "needed_disk",
    "needs_whole_picture",
    "paint_giant",
    "plan_coarse",
    "plan_giant",
    "run_here",
    "small_style_warnings",
]
