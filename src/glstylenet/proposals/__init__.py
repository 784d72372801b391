"""Proposals: semantic maps of two pictures, found by the network that is there anyway.

- ``proposal``: proposes maps with one palette for several pictures.
- ``descriptors``: describes every place of a picture by what it shows, whatever it is painted with.
- ``clusters``: groups descriptors by k-means.
- ``borders``: moves the borders of classes to a picture's edges, and merges small islands.
- ``drawn``: brings a map that was drawn coarsely to its picture's edges.
"""

from glstylenet.proposals.drawn import snap_map
from glstylenet.proposals.proposal import DEFAULT_CLASSES, Proposal, propose_maps

__all__ = ["DEFAULT_CLASSES", "Proposal", "propose_maps", "snap_map"]
