"""One run, from the files to the finished picture.

- ``stylize``: is the public entry; it prepares, optimises, finishes and measures.
- ``preparation``: reads, checks and plans everything before a run computes.
- ``useless_settings``: finds settings that change nothing in the run at hand.
- ``styles``: holds the styles of a run as a caller gives them.
- ``inputs``: reads the pictures and maps of a run and brings them to size.
- ``map_check``: says what the maps of a run hold, without the run.
- ``named_files``: lists the files that settings name.
- ``scales``: chooses the sizes of a run and the evaluations of each.
- ``memory_budget``: plans the memory of each size within the bytes that a run may use.
- ``coarse_to_fine``: optimises through the sizes, each from the result of the one before.
- ``start``: computes the pixels that a run starts from.
- ``style_colours``: gives pictures the colours of the style.
- ``grey``: keeps a run on grey pictures grey.
- ``canvas``: adds the margin on which a picture is painted, and cuts it off.
- ``assembly``: builds the objective and the optimiser of one size from the settings.
- ``strokes``: copies the style's strokes into a size before it is optimised.
- ``rounds``: alternates matching and optimisation within one size.
- ``final_losses``: measures the losses of a result at full size in float32.
- ``result``: holds the picture that a run computed, its losses and its timings.
- ``identity``: says what decides the picture of a run.
- ``checkpoint``: writes the state of a run to a file, and reads it; holds the version of the numerics.
- ``recorder``: saves the states of a run while it computes, and finds the one to resume from.
- ``recipe``: records what is needed to compute a picture again.
- ``time_estimate``: estimates how long a run will take here.
- ``events``: defines the events that a run emits.
"""

from glstylenet.run.assembly import make_optimizer
from glstylenet.run.canvas import MARGIN, canvas_size, with_margin, without_margin
from glstylenet.run.checkpoint import ALGORITHM_VERSION, checkpoint_file, remove_checkpoint
from glstylenet.run.events import Event, Finished, Matched, ScaleStarted, Started, Step, Voted, Warned
from glstylenet.run.final_losses import picture_losses, result_loss_maps
from glstylenet.run.grey import make_grey
from glstylenet.run.identity import Identity
from glstylenet.run.inputs import (
    Inputs,
    ScaledInputs,
    Sources,
    prepare_inputs,
    read_result,
    read_sources,
    style_size_at,
)
from glstylenet.run.map_check import MapCheck, check_maps
from glstylenet.run.memory_budget import allowed_bytes, estimate_memory
from glstylenet.run.named_files import named_files
from glstylenet.run.recipe import (
    Recipe,
    current_versions,
    find_inputs,
    make_recipe,
    parse_recipe,
    settings_to_repeat,
)
from glstylenet.run.result import Result, Timings
from glstylenet.run.scales import SMALLEST_SIDE, Scale, most_evaluations
from glstylenet.run.start import start_pixels
from glstylenet.run.strokes import FORMS_REACH, blend_detail
from glstylenet.run.styles import GivenStyle, Style, given_styles, styles_of
from glstylenet.run.stylize import plan_run, stylize
from glstylenet.run.time_estimate import Speed, estimate_by_size, estimate_seconds, measure_speed

__all__ = [
    "ALGORITHM_VERSION",
    "FORMS_REACH",
    "MARGIN",
    "SMALLEST_SIDE",
    "Event",
    "Finished",
    "GivenStyle",
    "Identity",
    "Inputs",
    "MapCheck",
    "Matched",
    "Recipe",
    "Result",
    "Scale",
    "ScaleStarted",
    "ScaledInputs",
    "Sources",
    "Speed",
    "Started",
    "Step",
    "Style",
    "Timings",
    "Voted",
    "Warned",
    "allowed_bytes",
    "blend_detail",
    "canvas_size",
    "check_maps",
    "checkpoint_file",
    "current_versions",
    "estimate_by_size",
    "estimate_memory",
    "estimate_seconds",
    "find_inputs",
    "given_styles",
    "make_grey",
    "make_optimizer",
    "make_recipe",
    "measure_speed",
    "most_evaluations",
    "named_files",
    "parse_recipe",
    "picture_losses",
    "plan_run",
    "prepare_inputs",
    "read_result",
    "read_sources",
    "remove_checkpoint",
    "result_loss_maps",
    "settings_to_repeat",
    "start_pixels",
    "style_size_at",
    "styles_of",
    "stylize",
    "with_margin",
    "without_margin",
]
