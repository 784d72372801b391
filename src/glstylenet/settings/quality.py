"""Quality: how much work a run spends, in one word."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

__all__ = ["QUALITIES", "Quality", "QualityName"]

QualityName = Literal["preview", "draft", "standard", "fine"]
"""What the setting ``quality`` may be."""


@dataclass(frozen=True)
class Quality:
    """`Quality` says how many evaluations each size of a run gets.

    ``full`` are those at full size after coarser ones, ``coarser`` those at each coarser size, and ``alone``
    those at full size where it is the only one. ``meaning`` explains the word in a few others.
    """

    meaning: str
    full: int
    coarser: int
    alone: int

    def evaluations(self, sizes: int) -> list[int]:
        """Return the evaluations of each of so many ``sizes``, from coarse to fine.

        >>> QUALITIES["standard"].evaluations(3)
        [80, 80, 24]
        """
        return [self.alone] if sizes == 1 else [self.coarser] * (sizes - 1) + [self.full]


QUALITIES: Mapping[QualityName, Quality] = MappingProxyType(
    {
        "preview": Quality("strokes copied and not optimised", full=0, coarser=0, alone=0),
        "draft": Quality("a quarter of the work", full=6, coarser=24, alone=12),
        "standard": Quality("good for most pictures", full=24, coarser=80, alone=44),
        "fine": Quality("three times the work", full=92, coarser=112, alone=120),
    }
)
"""The qualities by name, from the fastest to the best.

At 512 pixels, with two sizes, they cost 0, 12, 44 and 120 evaluations of full size."""
