"""Window: a rectangle of positions of a picture or a feature; pure numbers."""

from dataclasses import dataclass

__all__ = ["Window", "whole"]


@dataclass(frozen=True)
class Window:
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

    def grown(self, more: int) -> "Window":
        """With ``more`` rows and columns at the end: from patches, numbered by corner, to what they cover."""
        return Window(self.top, self.left, self.bottom + more, self.right + more)

    def times(self, block: int) -> "Window":
        """What it covers where each position is ``block`` x ``block`` of them."""
        return Window(self.top * block, self.left * block, self.bottom * block, self.right * block)

    def inside(self, other: "Window") -> "Window":
        """The same rectangle in the coordinates of ``other``, which contains it."""
        return Window(
            self.top - other.top, self.left - other.left, self.bottom - other.top, self.right - other.left
        )


def whole(size: tuple[int, int]) -> Window:
    """All positions of a picture or feature of ``size``."""
    return Window(0, 0, *size)
