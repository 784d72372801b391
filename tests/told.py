"""The warnings of a run, as tests read them."""

from collections.abc import Iterable

from glstylenet.run.events import Event, Warned

__all__ = ["warnings_of"]


def warnings_of(events: Iterable[Event]) -> list[str]:
    """Return the warnings without that of a small budget, which nearly every run of a test has."""
    messages = [event.message for event in events if isinstance(event, Warned)]
    return [message for message in messages if "too few to repaint" not in message]
