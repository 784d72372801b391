"""Durations: seconds in words."""

__all__ = ["duration"]


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
