"""Checked JSON: text from elsewhere becomes objects of a schema, as a whole or not at all."""

import json
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

__all__ = ["parse_json", "schema_finding"]

_Parsed = TypeVar("_Parsed")

_LONGEST_FINDING = 200
"""Characters of a finding: what is foreign may be of any length, and a message may not."""


def parse_json(schema: TypeAdapter[_Parsed], text: str | bytes) -> _Parsed:
    """Return the JSON ``text`` as ``schema`` describes it.

    Raises ``ValueError``, and no other exception, for whatever is wrong with the text: bytes that are no
    text, nesting without end, numbers of thousands of digits, missing or wrong fields. The message is one
    short line. Half surrogates are kept, for a file's name may be no UTF-8. Types are converted, such as a
    list to a tuple, unless the schema is strict about them.

    >>> parse_json(TypeAdapter(dict[str, int]), '{"a": 1}')
    {'a': 1}
    >>> parse_json(TypeAdapter(dict[str, int]), '{"a": "one"}')
    Traceback (most recent call last):
    ValueError: a: input should be a valid integer, unable to parse string as an integer
    """
    try:
        return schema.validate_python(json.loads(text))
    except ValidationError as error:
        raise ValueError(schema_finding(error)) from error
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def schema_finding(error: ValidationError) -> str:
    """Return the first finding of a schema in one short line: where it is and what was expected."""
    finding = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(map(str, finding["loc"]))
    message = finding["msg"].removeprefix("Value error, ")
    words = f"{message[0].lower()}{message[1:]}"
    text = f"{place}: {words}" if place else words
    return text if len(text) <= _LONGEST_FINDING else f"{text[:_LONGEST_FINDING]}..."
