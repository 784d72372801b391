"""Byte count: an amount of memory as a user writes it."""

import re

__all__ = ["parse_bytes"]


def parse_bytes(text: str) -> int:
    """Return the bytes of "4GiB", "800 MB", "2g" or "1048576": k, M, G, T are powers of 1024.

    Raises ``ValueError`` if the text is none of these.

    >>> parse_bytes("1.5 GiB") == 3 * 2**29
    True
    """
    found = re.fullmatch(r"\s*(\d{1,15}(?:\.\d{1,15})?)\s*([kmgt]?)(?:i?b)?\s*", text, flags=re.IGNORECASE)
    if found is None:
        raise ValueError("expected a size such as 4GiB or 800MiB")
    number, unit = found.groups()
    return int(float(number) * 1024 ** " kmgt".index(unit.lower() or " "))
