"""Features of several depths fused into one (Eq. 1), whole or tile by tile.

- ``schemes``: lists the paper's aggregation schemes.
- ``fuse``: fuses the layers of a scheme, and distributes the gradient to them.
- ``resample``: resamples features bilinearly to a deeper layer's size.
- ``tiles``: cuts a picture into tiles whose features equal those of the whole.
"""

from glstylenet.pyramid.fuse import Pyramid, fuse, fuse_backward
from glstylenet.pyramid.schemes import PAPER_SCHEMES, SCHEMES, Scheme, fused_size, layers_of
from glstylenet.pyramid.tiles import (
    CELL,
    HALO,
    LONGEST_REST,
    Tile,
    crop_lengths,
    cut_into_tiles,
    tile_lengths,
)

__all__ = [
    "CELL",
    "HALO",
    "LONGEST_REST",
    "PAPER_SCHEMES",
    "SCHEMES",
    "Pyramid",
    "Scheme",
    "Tile",
    "crop_lengths",
    "cut_into_tiles",
    "fuse",
    "fuse_backward",
    "fused_size",
    "layers_of",
    "tile_lengths",
]
