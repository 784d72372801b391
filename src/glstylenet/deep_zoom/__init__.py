"""Deep Zoom: a picture of any size as tiles of all its levels, and a page that shows them from disk.

- ``levels``: lists the sizes of the levels, and the bytes that their tiles may take.
- ``tiles``: computes tiles, and writes them level by level in the memory of one tile.
- ``page``: fills the page that pans and zooms, and reads its scripts.
- ``folder``: writes tiles, descriptor and page into a folder, all of them or none.

``page.html`` is the page and ``zoom.js`` its keys and buttons, which the studio uses, too; ``vendor`` holds
OpenSeadragon, which shows the tiles, with its licence.
"""

from glstylenet.deep_zoom.folder import check_deep_zoom, write_deep_zoom
from glstylenet.deep_zoom.levels import OVERLAP, TILE, deep_zoom_bytes, level_sizes, tile_window
from glstylenet.deep_zoom.page import viewer_script
from glstylenet.deep_zoom.tiles import PixelBytes, as_bytes, encode_tile, read_reduced

__all__ = [
    "OVERLAP",
    "TILE",
    "PixelBytes",
    "as_bytes",
    "check_deep_zoom",
    "deep_zoom_bytes",
    "encode_tile",
    "level_sizes",
    "read_reduced",
    "tile_window",
    "viewer_script",
    "write_deep_zoom",
]
