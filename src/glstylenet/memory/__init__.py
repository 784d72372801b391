"""The memory of a run, predicted before anything is computed.

- ``estimate``: predicts how many bytes each part of a run takes.
- ``plan``: chooses tiles, history and precision that fit.
- ``proposals``: predicts what proposing maps takes.
"""

from glstylenet.memory.estimate import PIXEL_BYTES, HeldPictures, MemoryEstimate
from glstylenet.memory.plan import (
    DEFAULT_SHARE,
    HISTORY,
    MemoryPlan,
    check_plan,
    format_bytes,
    plan_memory,
    refitted,
    smaller_tiles,
)
from glstylenet.memory.proposals import ProposalEstimate

__all__ = [
    "DEFAULT_SHARE",
    "HISTORY",
    "PIXEL_BYTES",
    "HeldPictures",
    "MemoryEstimate",
    "MemoryPlan",
    "ProposalEstimate",
    "check_plan",
    "format_bytes",
    "plan_memory",
    "refitted",
    "smaller_tiles",
]
