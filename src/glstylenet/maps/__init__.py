"""Semantic maps: which region of a picture is what.

- ``labels``: gives every pixel its class, and every feature position its shares of the classes.
- ``shares``: finds how much of two classes the pixels on soft borders hold.
- ``semantics``: holds the classes that several maps have in common, and the advice on them.
- ``bound_classes``: says which classes are painted from one style alone.
- ``palette``: finds the class colours of several maps together.
- ``shared_colours``: tells which colours of several maps are one class.
- ``map_colours``: holds the colours of one map, how often each occurs, and where it lies flat.
- ``blends``: tells which classes lie around a pixel, and which colours are steps between two others.
- ``sheet``: draws maps over their pictures, side by side.
"""

from glstylenet.maps.blends import MAX_CLASSES
from glstylenet.maps.bound_classes import bind_classes, bound_warnings
from glstylenet.maps.labels import PictureMap, check_map_size, label_maps, map_at, resize_labels
from glstylenet.maps.semantics import Semantics, find_class
from glstylenet.maps.sheet import draw_sheet

__all__ = [
    "MAX_CLASSES",
    "PictureMap",
    "Semantics",
    "bind_classes",
    "bound_warnings",
    "check_map_size",
    "draw_sheet",
    "find_class",
    "label_maps",
    "map_at",
    "resize_labels",
]
