"""The benchmark, and the literal method that it compares a run with.

- ``literal``: computes the paper, equation by equation, in plain code; read it first.
- ``plain_vgg``: computes VGG-19 with PyTorch's own operations, for autograd.
- ``report``: measures everything that a plan names, and gives it as JSON.
- ``plan``: says what each mode of the benchmark measures.
- ``overhead``: compares a whole run with the bare network.
- ``speedup``: compares a run with the literal method, by their objectives.
- ``quality``: compares a run with the literal method, by the quality of their pictures.
- ``literal_run``: runs and times the literal method.
- ``recorded_run``: keeps pictures of a run's way.
- ``first_picture``: measures how long the first picture takes.
- ``vote``: times a copy of the style's strokes.
- ``schemes``: times the aggregation schemes.
- ``busy_machine``: compares several threads with one beside a busy program.
- ``scaling``: measures how time and memory grow with the picture.
- ``subprocess_run``: measures one size in a process of its own.
- ``environment``: describes the machine.
- ``pair``: loads the pictures that are painted.
- ``synthetic_pictures``: draws pictures of any size.
- ``plot``: draws the figures with matplotlib.
- ``timing``: times a function, and several in turns; relates a time to the bare network's.
"""

from glstylenet.bench.busy_machine import BusyMachine
from glstylenet.bench.environment import Environment
from glstylenet.bench.overhead import Overhead
from glstylenet.bench.pair import Pair, sample_pair
from glstylenet.bench.plan import PLANS
from glstylenet.bench.plot import PLOT_SIZE, drawn_report, require_matplotlib
from glstylenet.bench.quality import TimeToQuality
from glstylenet.bench.report import Report, Subjects, measure, speedup_settings
from glstylenet.bench.scaling import Scaling
from glstylenet.bench.schemes import PAPER_SECONDS, Schemes, measure_schemes
from glstylenet.bench.speedup import Speedup
from glstylenet.bench.timing import RelativeTime

__all__ = [
    "PAPER_SECONDS",
    "PLANS",
    "PLOT_SIZE",
    "BusyMachine",
    "Environment",
    "Overhead",
    "Pair",
    "RelativeTime",
    "Report",
    "Scaling",
    "Schemes",
    "Speedup",
    "Subjects",
    "TimeToQuality",
    "drawn_report",
    "measure",
    "measure_schemes",
    "require_matplotlib",
    "sample_pair",
    "speedup_settings",
]
