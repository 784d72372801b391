"""The events of a run, under their public name: what ``stylize(..., on_event=listener)`` calls its listener
with.

They are defined in :mod:`glstylenet.run`.
"""

from glstylenet.run import Event, Finished, Matched, ScaleStarted, Started, Step, Voted, Warned

__all__ = ["Event", "Finished", "Matched", "ScaleStarted", "Started", "Step", "Voted", "Warned"]
