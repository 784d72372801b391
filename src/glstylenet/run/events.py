"""Events: what a run tells whoever listens, in the order it happens.

``stylize(..., on_event=listener)`` calls the listener with one of these after the fact. The library never
prints; a progress bar, a log or a web page is made from events alone.
"""

from dataclasses import dataclass

from torch import Tensor

from glstylenet.memory import MemoryPlan
from glstylenet.objective import LossTerms
from glstylenet.run.scales import Scale

__all__ = ["Event", "Finished", "Matched", "ScaleStarted", "Started", "Step", "Warned"]


@dataclass(frozen=True)
class Started:
    """Inputs are read and checked; work begins. ``device`` and ``precision`` as resolved, ``scales`` the
    sizes and ``plans`` how each fits into memory, ``style_size`` (height, width) at full size, ``classes`` a
    table of the map classes in words (empty without maps), ``weights`` where the network's come from,
    ``memory_bytes`` an estimate of the peak."""

    device: str
    precision: str
    scales: tuple[Scale, ...]
    plans: tuple[MemoryPlan, ...]
    style_size: tuple[int, int]
    classes: str
    weights: str
    memory_bytes: int


@dataclass(frozen=True)
class ScaleStarted:
    """Scale ``number`` of ``count`` (from 1) begins."""

    number: int
    count: int
    scale: Scale


@dataclass(frozen=True)
class Matched:
    """Round ``round`` of this scale (from 1) has its nearest neighbours, found in ``seconds``."""

    round: int
    seconds: float


@dataclass(frozen=True)
class Step:
    """One evaluation is done.

    ``evaluation`` of ``evaluations`` over all scales; ``terms``: the weighted losses at the best pixels of
    this scale; ``pixels`` (1, 3, h, w): those pixels, at this scale's size, not to be written into;
    ``seconds_left``: an estimate.
    """

    evaluation: int
    evaluations: int
    scale: int
    round: int
    terms: LossTerms
    pixels: Tensor
    seconds_left: float


@dataclass(frozen=True)
class Warned:
    """Something the user should know; the run goes on."""

    message: str


@dataclass(frozen=True)
class Finished:
    """The result is ready. ``interrupted``: it was asked to stop early."""

    seconds: float
    interrupted: bool


Event = Started | ScaleStarted | Matched | Step | Warned | Finished
"""Any of them."""
