"""Excerpt: a value in few characters, for a message; it may come from a file that holds what it likes."""

import reprlib

__all__ = ["excerpt"]


class _Excerpt(reprlib.Repr):
    """`_Excerpt` writes texts and numbers up to 60 characters whole."""

    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxlong = self.maxother = 60

    def repr_int(self, x: int, level: int) -> str:
        """Write a whole number, whatever its size; Python refuses to write thousands of digits."""
        return super().repr_int(x, level) if abs(x) < 10**1000 else "a number of more than 1,000 digits"


_EXCERPT = _Excerpt()


def excerpt(value: object) -> str:
    """Return ``value`` as Python writes it; the middle of a long one is left out.

    >>> excerpt("content"), len(excerpt("x" * 10_000)) < 100, excerpt(10**5000)
    ("'content'", True, 'a number of more than 1,000 digits')
    """
    return _EXCERPT.repr(value)
