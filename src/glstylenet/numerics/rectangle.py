"""Rect: a rectangle of positions of a picture or a feature; pure numbers."""

from dataclasses import dataclass

__all__ = ["Rect", "whole"]


@dataclass(frozen=True)
class Rect:
    """A rectangle of positions, ends excluded."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.bottom - self.top, self.right - self.left

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns, to index the last two dimensions of a whole."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def expand(self, more: int) -> "Rect":
        """With ``more`` rows and columns at the end: from patches, numbered by corner, to what they cover."""
        return Rect(self.top, self.left, self.bottom + more, self.right + more)

    def scale(self, block: int) -> "Rect":
        """What it covers where each position is ``block`` x ``block`` of them."""
        return Rect(self.top * block, self.left * block, self.bottom * block, self.right * block)

    def relative_to(self, other: "Rect") -> "Rect":
        """The same rectangle in the coordinates of ``other``, which contains it."""
        return Rect(
            self.top - other.top, self.left - other.left, self.bottom - other.top, self.right - other.left
        )


def whole(size: tuple[int, int]) -> Rect:
    """All positions of a picture or feature of ``size``."""
    return Rect(0, 0, *size)
