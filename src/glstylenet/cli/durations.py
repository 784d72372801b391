"""Durations: seconds in words."""

__all__ = ["duration", "time_left"]


def duration(seconds: float) -> str:
    """Return seconds in words: "8 s", "2 min 05 s", "1 h 02 min".

    >>> duration(125.3)
    '2 min 05 s'
    """
    whole = round(max(0.0, seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def time_left(seconds: float | None, *, after: str = "") -> str:
    """Return the time left in words, ``after`` before it; nothing where it is unknown or rounds to 0.

    >>> time_left(8.2, after="; "), time_left(0.3)
    ('; 8 s left', '')
    """
    return "" if seconds is None or round(seconds) <= 0 else f"{after}{duration(seconds)} left"
