"""One run, from the files to the finished picture.

- ``stylize``: is the public entry: it reads, plans, paints, finishes and measures.
- ``inputs``: reads the pictures and maps of a run and brings them to size.
- ``canvas``: adds the margin on which a picture is painted.
- ``scales``: chooses the sizes of a run and the evaluations of each.
- ``assembly``: builds the objective and the memory plan of a scale from the settings.
- ``coarse_to_fine``: paints through the sizes, each from the result of the one before.
- ``rounds``: alternates matching and optimisation within one size.
- ``final_losses``: measures the losses of a result at full size in float32.
- ``time_estimate``: estimates how long a run will take here.
- ``checkpoint``: saves the state of a run, and reads it back.
- ``recipe``: records what it takes to make a picture again.
- ``events``: defines what a run tells its listeners.
"""

from glstylenet.run.checkpoint import checkpoint_file, remove
from glstylenet.run.events import Event, Finished, Matched, ScaleStarted, Started, Step, Warned
from glstylenet.run.inputs import Inputs, ScaledInputs, Sources, prepare_inputs, read_result, read_sources
from glstylenet.run.recipe import (
    Recipe,
    current_versions,
    find_inputs,
    make_recipe,
    parse_recipe,
    settings_to_repeat,
)
from glstylenet.run.scales import SMALLEST_SIDE, Scale
from glstylenet.run.stylize import Result, Timings, picture_losses, plan_run, result_loss_maps, stylize
from glstylenet.run.time_estimate import estimate_seconds, measure_speed

__all__ = [
    "SMALLEST_SIDE",
    "Event",
    "Finished",
    "Inputs",
    "Matched",
    "Recipe",
    "Result",
    "Scale",
    "ScaleStarted",
    "ScaledInputs",
    "Sources",
    "Started",
    "Step",
    "Timings",
    "Warned",
    "checkpoint_file",
    "current_versions",
    "estimate_seconds",
    "find_inputs",
    "make_recipe",
    "measure_speed",
    "parse_recipe",
    "picture_losses",
    "plan_run",
    "prepare_inputs",
    "read_result",
    "read_sources",
    "remove",
    "result_loss_maps",
    "settings_to_repeat",
    "stylize",
]
