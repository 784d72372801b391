"""The events of a run, in the order in which it emits them.

``stylize(..., on_event=listener)`` calls the listener with each of them, after it has happened. The library
never prints; a progress bar, a log or a web page is made from events alone.
"""

from dataclasses import dataclass

from torch import Tensor

from glstylenet.memory import MemoryPlan
from glstylenet.objective import LossTerms
from glstylenet.run.scales import Scale

__all__ = ["Event", "Finished", "Matched", "ScaleStarted", "Started", "Step", "Voted", "Warned"]


@dataclass(frozen=True)
class Started:
    """The inputs are read and checked, and the work begins.

    - ``device`` and ``precision``: those that the settings were resolved to.
    - ``scales``: the sizes, from coarse to fine; ``plans``: how each fits into memory.
    - ``style_size``: the (height, width) of the style at full size; ``further_style_sizes``: those of
      further styles.
    - ``classes``: a table of the map classes in words, empty without maps.
    - ``weights``: where the network's weights come from. ``memory_bytes``: an estimate of the peak.
    """

    device: str
    precision: str
    scales: tuple[Scale, ...]
    plans: tuple[MemoryPlan, ...]
    style_size: tuple[int, int]
    classes: str
    weights: str
    memory_bytes: int
    further_style_sizes: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class ScaleStarted:
    """Scale ``number`` of ``count`` (from 1) begins."""

    number: int
    count: int
    scale: Scale


@dataclass(frozen=True)
class Voted:
    """The style's strokes have been copied at scale ``scale`` (from 1), before its evaluations.

    ``pixels``: the picture now, (1, 3, h, w) at the scale's size, 0..255; not to be written into. ``alpha``:
    that of :class:`Step`.
    """

    scale: int
    pixels: Tensor
    alpha: Tensor | None = None


@dataclass(frozen=True)
class Matched:
    """Round ``round`` of this scale (from 1) has its nearest neighbours, found in ``seconds``."""

    round: int
    seconds: float


@dataclass(frozen=True)
class Step:
    """One evaluation is done.

    - ``evaluation`` of ``evaluations``: counted over all scales, from 1.
    - ``scale`` and ``round``: the current ones, from 1.
    - ``pixels``: the best of this scale so far, (1, 3, h, w) at its size, 0..255; not to be written into.
    - ``terms``: the weighted losses at ``pixels``. ``seconds_left``: an estimate.
    - ``alpha``: (1, 1, h, w), 0..1, on the CPU, where the content is transparent: the picture's transparency.
    """

    evaluation: int
    evaluations: int
    scale: int
    round: int
    terms: LossTerms
    pixels: Tensor
    seconds_left: float
    alpha: Tensor | None = None


@dataclass(frozen=True)
class Warned:
    """There is something that the user should know; the run continues."""

    message: str


@dataclass(frozen=True)
class Finished:
    """The result is ready; ``interrupted`` if the run was stopped early."""

    seconds: float
    interrupted: bool


Event = Started | ScaleStarted | Voted | Matched | Step | Warned | Finished
"""Any event of a run."""
