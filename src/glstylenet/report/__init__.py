"""Reports on many runs: sweeps over settings, and the paper's experiments.

- ``grid``: lists the combinations of settings of a sweep.
- ``sweep``: runs a sweep and writes its sheet and page.
- ``runner``: runs the tasks that are not done yet.
- ``painting``: paints one task.
- ``workers``: paints several tasks at once, in processes.
- ``results_file``: keeps the results of tasks as JSON.
- ``experiment``: defines an experiment, its panels and its findings.
- ``experiments``: holds the paper's experiments.
- ``methods``: compares the methods that the paper compares, and the published pictures.
- ``inputs``: finds the pictures of the experiments.
- ``figures``: draws the schemes and their cost.
- ``reproduction``: runs the experiments and writes their report.
- ``tuning``: tries weights of the losses, and chooses three recipes.
- ``gallery``: describes pictures with captions in rows and columns.
- ``sheet``: draws a contact sheet.
- ``page``: renders the self-contained HTML page.
"""

from glstylenet.report.gallery import Gallery, GalleryItem
from glstylenet.report.grid import make_grid
from glstylenet.report.inputs import find_pairs, sample_pairs
from glstylenet.report.reproduction import Reproduction, chosen_experiments, measured
from glstylenet.report.results_file import RESULTS_NAME, Record, ResultsFile
from glstylenet.report.runner import Progress, Runner
from glstylenet.report.sheet import draw_sheet
from glstylenet.report.sweep import Sweep, open_sweep
from glstylenet.report.tuning import RECIPES, Trial, Tuning, open_tuning, require_optuna

__all__ = [
    "RECIPES",
    "RESULTS_NAME",
    "Gallery",
    "GalleryItem",
    "Progress",
    "Record",
    "Reproduction",
    "ResultsFile",
    "Runner",
    "Sweep",
    "Trial",
    "Tuning",
    "chosen_experiments",
    "draw_sheet",
    "find_pairs",
    "make_grid",
    "measured",
    "open_sweep",
    "open_tuning",
    "require_optuna",
    "sample_pairs",
]
