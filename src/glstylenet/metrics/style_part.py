"""StylePart: what a picture, or a class of it, is compared with of one style."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from torch import Tensor

__all__ = ["StylePart"]

_Values = TypeVar("_Values")


@dataclass(frozen=True)
class StylePart(Generic[_Values]):
    """`StylePart` is a style, or a class of it.

    ``values``: its features by layer, or its colours. ``class_channel`` (1, 1, any size), 0..1: where the
    class is; ``None`` for all of the style. ``present`` (1, 1, any size), 0..1: where the style is there at
    all, by default everywhere. ``weight``: how much it counts beside other styles' parts.
    """

    values: _Values
    class_channel: Tensor | None = None
    present: Tensor | None = None
    weight: float = 1.0

    @property
    def counted(self) -> Tensor | None:
        """Where the positions are that count, (1, 1, any size); ``None``: everywhere."""
        return self.present if self.class_channel is None else self.class_channel
