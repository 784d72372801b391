"""Interruption: a long computation ends between two of its blocks when its caller asks for it.

One evaluation of a picture of 12 megapixels takes minutes on a small machine, and whoever stops a run does
not want to wait for its end. Every loop over blocks of work passes an :func:`interruption_point`; what it
raises unwinds the computation, whose half-finished values nothing uses.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar

__all__ = ["Interrupted", "interruptible", "interruption_point", "uninterrupted"]

_SECONDS_BETWEEN_QUESTIONS = 0.1
"""How often ``should_stop`` is asked: a small picture passes thousands of points a second."""


class Interrupted(Exception):  # noqa: N818 - it is no error
    """`Interrupted` ends a computation whose result is no longer wanted."""


_POINT: ContextVar[Callable[[], None] | None] = ContextVar("interruption_point", default=None)
"""What the present thread does at an interruption point. A context variable, because the loops lie below
interfaces, such as a network's, which have nothing to do with stopping."""


@contextlib.contextmanager
def interruptible(should_stop: Callable[[], bool]) -> Iterator[None]:
    """Let the computation in the ``with`` block be ended by ``should_stop``, in this thread.

    It is asked at interruption points, a tenth of a second after the last answer; :class:`Interrupted` leaves
    the block if it returns True. What an enclosing block asks is asked as well.

    >>> with contextlib.suppress(Interrupted), interruptible(lambda: True):
    ...     while True:
    ...         interruption_point()
    """
    asked, enclosing = time.monotonic(), _POINT.get()

    def ask() -> None:
        nonlocal asked
        if enclosing is not None:
            enclosing()
        now = time.monotonic()
        if now - asked < _SECONDS_BETWEEN_QUESTIONS:
            return
        if should_stop():
            raise Interrupted
        asked = time.monotonic()

    token = _POINT.set(ask)
    try:
        yield
    finally:
        _POINT.reset(token)


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Keep the computation in the ``with`` block whole: a CUDA graph cannot be recorded by half."""
    token = _POINT.set(None)
    try:
        yield
    finally:
        _POINT.reset(token)


def interruption_point() -> None:
    """Raise :class:`Interrupted` if the caller of the computation no longer wants its result."""
    point = _POINT.get()
    if point is not None:
        point()
