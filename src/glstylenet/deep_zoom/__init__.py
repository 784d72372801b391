"""Deep Zoom: a picture of any size as tiles of all its levels, and a page that shows them from disk.

- ``levels``: lists the sizes of the levels, and the bytes that their tiles may take.
- ``tiles``: writes the tiles, level by level, in the memory of one tile.
- ``page``: fills the page that pans and zooms.
- ``folder``: writes tiles, descriptor and page into a folder, all of them or none.

``page.html`` is the page, ``vendor`` holds OpenSeadragon, which shows the tiles, with its licence.
"""

from glstylenet.deep_zoom.folder import check_deep_zoom, write_deep_zoom
from glstylenet.deep_zoom.levels import deep_zoom_bytes, level_sizes

__all__ = ["check_deep_zoom", "deep_zoom_bytes", "level_sizes", "write_deep_zoom"]
