"""Mutators: each damages a file a little, as a disk, a transfer, an editor or an attacker does.

A mutator takes a random generator and the bytes, and returns other bytes. One generator with one seed gives
the same mutants again.
"""

import json
import random
import re
from collections.abc import Callable
from typing import Any

Mutator = Callable[[random.Random, bytes], bytes]

_NUMBERS: tuple[str, ...] = (
    *("0", "-1", "1", "2", "255", "65536", "2147483647", "-2147483648", "4294967296", "9223372036854775808"),
    *("1e308", "-1e308", "1e999", "NaN", "Infinity", "0.5", "1e-320", "9" * 400, "9" * 5000, "true", "null"),
)
_TEXTS: tuple[str, ...] = (
    *('""', '"\\u0000"', '"\\ud800"', '"\\udcff"', '"../../x"', '"/dev/zero"', '"~x/y"', '"pipe"', '"."'),
    *('"' + "x" * 5000 + '"', "[]", "{}", "3", "[" * 3000, "[" * 60 + "]" * 60, '"nan"', '"content"'),
)


def flip_bits(rng: random.Random, data: bytes) -> bytes:
    """Flip one to eight bits."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8))):
        if changed:
            changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def set_bytes(rng: random.Random, data: bytes) -> bytes:
    """Set one to four bytes near each other to extreme or random values."""
    changed, at = bytearray(data), rng.randrange(max(1, len(data)))
    for place in range(at, min(len(data), at + rng.randint(1, 4))):
        changed[place] = rng.choice((0, 1, 127, 128, 255, rng.randrange(256)))
    return bytes(changed)


def set_number(rng: random.Random, data: bytes) -> bytes:
    """Put an extreme number of 2, 4 or 8 bytes somewhere, most often into the header."""
    width = rng.choice((2, 4, 8))
    if len(data) <= width:
        return data
    at = rng.randrange(min(len(data) - width, rng.choice((64, 512, len(data)))))
    value = rng.choice((0, 1, 2**15, 2**16 - 1, 2**24, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, len(data)))
    number = (value & ((1 << 8 * width) - 1)).to_bytes(width, rng.choice(("little", "big")))
    return data[:at] + number + data[at + width :]


def cut_off(rng: random.Random, data: bytes) -> bytes:
    """Keep the beginning only."""
    return data[: rng.randrange(len(data) + 1)]


def take_out(rng: random.Random, data: bytes) -> bytes:
    """Leave a part out."""
    start = rng.randrange(len(data) + 1)
    return data[:start] + data[start + rng.randint(1, 64) :]


def put_in(rng: random.Random, data: bytes) -> bytes:
    """Insert random bytes, or a part of the file once more."""
    at, start = rng.randrange(len(data) + 1), rng.randrange(len(data) + 1)
    more = rng.choice((rng.randbytes(rng.randint(1, 64)), data[start : start + rng.randint(1, 256)]))
    return data[:at] + more + data[at:]


def splice(rng: random.Random, data: bytes) -> bytes:
    """Put a later part of the file where another one was."""
    start, at = rng.randrange(len(data) + 1), rng.randrange(len(data) + 1)
    part = data[start : start + rng.randint(1, 512)]
    return data[:at] + part + data[at + len(part) :]


BINARY: tuple[Mutator, ...] = (flip_bits, set_bytes, set_number, cut_off, take_out, put_in, splice)


def swap_number(rng: random.Random, data: bytes) -> bytes:
    """Replace one number of a text by another one."""
    return _replaced(rng, data, rb"-?\d+(?:\.\d+)?(?:e[-+]?\d+)?", _NUMBERS)


def swap_text(rng: random.Random, data: bytes) -> bytes:
    """Replace one quoted text by another one, or by something else."""
    return _replaced(rng, data, rb'"(?:[^"\\]|\\.)*"', _TEXTS)


def swap_word(rng: random.Random, data: bytes) -> bytes:
    """Replace a word, whatever it means, by a number or a text."""
    return _replaced(rng, data, rb"\w+", (*_NUMBERS, *_TEXTS))


def drop_line(rng: random.Random, data: bytes) -> bytes:
    """Leave out, or repeat, what lies between two commas or ends of lines."""
    parts = re.split(rb"([,\n])", data)
    at = rng.randrange(len(parts))
    return b"".join((*parts[:at], *rng.choice(((), (parts[at], parts[at]))), *parts[at + 1 :]))


TEXT: tuple[Mutator, ...] = (swap_number, swap_text, swap_word, drop_line, flip_bits, cut_off, put_in, splice)


def mutate_tree(rng: random.Random, tree: Any) -> Any:
    """Replace, remove or add one value anywhere in what JSON was parsed to; the tree itself is changed."""
    places: list[tuple[Any, Any]] = []

    def visit(node: Any) -> None:
        keys = node if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
        for key in keys:
            places.append((node, key))
            visit(node[key])

    visit(tree)
    if not places:
        return tree
    node, key = rng.choice(places)
    action = rng.random()
    if action < 0.15:
        del node[key]
    elif action < 0.25 and isinstance(node, dict):
        node[str(rng.randrange(100))] = node[key]
    else:
        node[key] = _odd_value(rng, node[key])
    return tree


def _odd_value(rng: random.Random, value: Any) -> Any:
    """Return another value in the place of ``value``: a near one, or anything."""
    if isinstance(value, int | float) and not isinstance(value, bool) and rng.random() < 0.5:
        try:
            return rng.choice((-value, value + 1, value - 1, value * 2, value / 3, value * 1e30))
        except OverflowError:
            return 0
    odd = rng.choice((*_NUMBERS[:-1], *_TEXTS))
    try:
        return json.loads(odd)
    except ValueError:
        return rng.choice((None, [], {}, True, 10**4000, float("inf"), float("nan"), "x" * 5000))


def _replaced(rng: random.Random, data: bytes, pattern: bytes, others: tuple[str, ...]) -> bytes:
    places = [found.span() for found in re.finditer(pattern, data)]
    if not places:
        return flip_bits(rng, data)
    start, end = rng.choice(places)
    return data[:start] + rng.choice(others).encode() + data[end:]
