"""Rectangle: a range of rows and columns of a picture or a feature; pure numbers."""

from dataclasses import dataclass

__all__ = ["Rect", "whole"]


@dataclass(frozen=True)
class Rect:
    """`Rect` holds rows ``top`` to ``bottom`` and columns ``left`` to ``right``, ends excluded.

    >>> Rect(0, 4, 2, 7).size
    (2, 3)
    """

    top: int
    left: int
    bottom: int
    right: int

    @property
    def size(self) -> tuple[int, int]:
        """The height and width."""
        return self.bottom - self.top, self.right - self.left

    @property
    def slices(self) -> tuple[slice, slice]:
        """The rows and columns as slices, to index the last two dimensions of the whole tensor."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def expand(self, more: int) -> "Rect":
        """Return the rectangle with ``more`` rows and columns at the end.

        With ``more`` = 2 it turns a range of 3x3 patches, numbered by their corners, into what they cover.

        >>> Rect(0, 4, 2, 7).expand(2)
        Rect(top=0, left=4, bottom=4, right=9)
        """
        return Rect(self.top, self.left, self.bottom + more, self.right + more)

    def scale(self, block: int) -> "Rect":
        """Return what the rectangle covers where each position stands for ``block`` x ``block`` positions.

        >>> Rect(0, 4, 2, 7).scale(2)
        Rect(top=0, left=8, bottom=4, right=14)
        """
        return Rect(self.top * block, self.left * block, self.bottom * block, self.right * block)

    def relative_to(self, other: "Rect") -> "Rect":
        """Return the same rectangle in the coordinates of ``other``, which contains it.

        >>> Rect(2, 4, 3, 7).relative_to(Rect(1, 4, 9, 9))
        Rect(top=1, left=0, bottom=2, right=3)
        """
        return Rect(
            self.top - other.top, self.left - other.left, self.bottom - other.top, self.right - other.left
        )

    def intersection(self, other: "Rect") -> "Rect | None":
        """Return what both rectangles cover, ``None`` if that is nothing.

        >>> Rect(0, 4, 2, 7).intersection(Rect(1, 0, 9, 5))
        Rect(top=1, left=4, bottom=2, right=5)
        >>> Rect(0, 4, 2, 7).intersection(Rect(2, 4, 9, 9)) is None
        True
        """
        top, left = max(self.top, other.top), max(self.left, other.left)
        bottom, right = min(self.bottom, other.bottom), min(self.right, other.right)
        return Rect(top, left, bottom, right) if top < bottom and left < right else None


def whole(size: tuple[int, int]) -> Rect:
    """Return all positions of a picture or feature of ``size`` (height, width).

    >>> whole((8, 6))
    Rect(top=0, left=0, bottom=8, right=6)
    """
    return Rect(0, 0, *size)
