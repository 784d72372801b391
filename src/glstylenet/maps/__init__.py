"""Semantic maps: which region of a picture is what.

- ``palette``: finds the class colours of several maps together.
- ``labels``: gives every pixel its class, and every feature position its shares of the classes.
"""

from glstylenet.maps.labels import Semantics, label_maps, map_at, resize_labels

__all__ = ["Semantics", "label_maps", "map_at", "resize_labels"]
