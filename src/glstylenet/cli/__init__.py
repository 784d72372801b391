"""The command line: ``glstylenet stylize CONTENT STYLE -o OUT`` and its companions.

Commands:

- ``entry``: makes signals and streams safe and calls the application.
- ``application``: assembles the commands and runs the one that is called.
- ``stylize``: defines the command that paints.
- ``giant``: defines the command that paints area by area.
- ``demo``: paints the samples.
- ``loss``: prints the loss terms of a picture.
- ``evaluate``: prints the metrics of a picture.
- ``bench``: runs the benchmark.
- ``sweep``: paints every combination of one or two settings.
- ``tune``: tries weights and writes three recipes.
- ``reproduce``: runs the paper's experiments.
- ``studio``: starts the studio.
- ``maps``: proposes semantic maps.
- ``maps_check``: says what the program makes of two maps.
- ``maps_snap``: brings a coarse map to its picture's edges.
- ``weights``: shows, verifies and fetches weights.
- ``doctor``: describes the installation.

What they share:

- ``further_styles``: declares the options of several styles, and reads their values.
- ``options``: turns the settings into options.
- ``output_options``: defines the options of results.
- ``paths``: looks at every path of the command line before anything else does.
- ``jobs``: sorts the pictures of a command line into runs with their outputs.
- ``contents``: finds the pictures that are named as contents, one by one or as folders.
- ``content_maps``: finds the map of each content.
- ``existing``: leaves out the jobs whose results exist.
- ``outputs``: says how results are kept, and refuses results that could not be written.
- ``repetition``: turns a recipe into the run that it repeats.
- ``painting``: paints the jobs of a batch.
- ``saving``: writes a result, or the best picture of a run that failed.
- ``checkpoints``: reserves and removes the checkpoint of a run.
- ``dry_run``: prints what a batch would do.
- ``giant_outputs``: checks and writes the outputs of a giant run.
- ``giant_advice``: says when a picture is better painted by areas.
- ``durations``: gives seconds in words.
- ``progress``: shows the progress of a run as a bar or as lines.
- ``task_progress``: shows the progress of many runs, a line each.
- ``bench_tables``: formats the report of the benchmark as tables.
- ``console``: prints to the terminal.
- ``signals``: handles Ctrl-C, SIGTERM and SIGHUP.
- ``exit_codes``: turns exceptions into messages and exit codes.

This package alone prints and exits. Modules that load PyTorch are imported inside the commands, so that
``--help`` and ``--version`` do not wait for it. ``app`` is imported when it is first used: signals are
handled before anything slow is imported.
"""

import importlib

from glstylenet.cli.entry import main

TYPE_CHECKING = False  # type checkers know the name; typing is slow to import before Ctrl-C is handled
if TYPE_CHECKING:
    from glstylenet.cli.application import app

__all__ = ["app", "main"]


def __getattr__(name: str) -> object:
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module("glstylenet.cli.application").app
