"""Proposals: semantic maps of two pictures, found by networks, and drawn maps brought to edges.

- ``proposal``: proposes maps with one palette for several pictures.
- ``descriptors``: describes every place of a picture by what it shows, whatever it is painted with.
- ``clusters``: groups descriptors by k-means.
- ``borders``: moves the borders of classes to a picture's edges, and merges small islands.
- ``portrait``: proposes maps of portraits: background, clothes, skin, hair, eyes and mouth.
- ``face_models``: finds persons, and the points of faces, by three small models.
- ``drawn``: brings a map that was drawn coarsely to its picture's edges.
"""

from glstylenet.proposals.borders import snap_drawn
from glstylenet.proposals.drawn import snap_map
from glstylenet.proposals.face_models import has_face_models
from glstylenet.proposals.portrait import PORTRAIT_CLASSES, propose_portrait_maps, show_faces
from glstylenet.proposals.proposal import DEFAULT_CLASSES, Proposal, propose_maps

__all__ = [
    "DEFAULT_CLASSES",
    "PORTRAIT_CLASSES",
    "Proposal",
    "has_face_models",
    "propose_maps",
    "propose_portrait_maps",
    "show_faces",
    "snap_drawn",
    "snap_map",
]
