"""Drawn maps: a map that was drawn with a coarse brush is brought to its picture's edges."""

import torch
from torch import Tensor
from torch.nn import functional as F

from glstylenet.maps import PictureMap, check_map_size, label_maps
from glstylenet.numerics import picture_size
from glstylenet.pictures import fitted_size
from glstylenet.proposals.borders import snap_drawn
from glstylenet.proposals.proposal import Proposal

__all__ = ["snap_map"]


_ROLE = "drawn"


_LONGEST = 2048
"""Longest side in pixels at which a map's colours are looked at: finer than a coarse brush."""


def snap_map(drawn: Tensor, pixels: Tensor, *, classes: int | None = None) -> Proposal:
    """Return the map ``drawn`` (1, 3, h, w), 0..255, with its borders at the edges of its picture.

    ``pixels`` (1, 3, H, W), RGB 0..255, float32 or uint8, are the picture; the result has its size and the
    map's colours. ``classes`` forces the number of classes.

    Raises :class:`~glstylenet.errors.SemanticMapError` if the map's shape is not the picture's or if it is no
    map, and :class:`~glstylenet.errors.SettingsError` if ``classes`` is impossible.

    >>> picture = torch.full((1, 3, 20, 40), 60.0)
    >>> picture[..., 21:] = 180.0
    >>> drawn = torch.zeros(1, 3, 20, 40)
    >>> drawn[..., 20:] = 255.0
    >>> snapped = snap_map(drawn, picture)
    >>> snapped.colours, snapped.shares
    (((0, 0, 0), (255, 255, 255)), ((0.5249999761581421,), (0.4749999940395355,)))
    """
    check_map_size(picture_size(drawn), picture_size(pixels), _ROLE)
    size = fitted_size(picture_size(drawn), min(_LONGEST, max(drawn.shape[2:])))
    small = F.interpolate(drawn, size, mode="nearest-exact")
    semantics = label_maps([PictureMap(small, _ROLE, size)], classes=classes)
    labels = semantics.channels[0][0].argmax(0).to(torch.uint8)
    snapped = snap_drawn(labels, pixels)
    before = F.interpolate(labels[None, None], picture_size(pixels), mode="nearest-exact")[0, 0]
    changed = torch.count_nonzero(before != snapped).item() / snapped.numel()
    notes = (*semantics.warnings, *semantics.notes, f"{changed:.2%} of the pixels changed their class")
    return Proposal((snapped,), tuple(each.colour for each in semantics.classes), notes)
