"""Page: one HTML file that pans and zooms a picture from the tiles beside it, from disk as from a server.

A browser reads no files for a page from disk but pictures. So the page carries the viewer and what the
descriptor says in itself. Names that come from a user are escaped; the script gets them as JSON without the
character "<", so that no tag can begin in it.
"""

import html
import importlib.resources
import json
import os
import re
from urllib.parse import quote

from glstylenet.deep_zoom.levels import OVERLAP, TILE, level_sizes
from glstylenet.deep_zoom.tiles import SUFFIX

__all__ = ["deep_zoom_page", "viewer_script"]

_PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}")


def viewer_script(name: str) -> str:
    """Return a script that shows tiles: ``openseadragon.js``, or ``zoom.js`` with its keys and buttons."""
    return _read("vendor", name) if name == "openseadragon.js" else _read(name)


def _read(*names: str) -> str:
    return importlib.resources.files("glstylenet").joinpath("deep_zoom", *names).read_text(encoding="utf-8")


def deep_zoom_page(name: str, size: tuple[int, int]) -> str:
    """Return the HTML of the page for a picture of ``size`` (height, width) with tiles in ``name``_files."""
    height, width = size
    source = {
        "name": name,
        "folder": quote(os.fsencode(f"{name}_files")),
        "suffix": SUFFIX,
        "width": width,
        "height": height,
        "tileSize": TILE,
        "tileOverlap": OVERLAP,
        "maxLevel": len(level_sizes(size)) - 1,
    }
    parts = {
        "title": html.escape(name),
        "size": f"{width} × {height}",
        "source": json.dumps(source).replace("<", "\\u003c"),
        "licence": _read("vendor", "openseadragon.LICENSE.txt"),
        "viewer": viewer_script("openseadragon.js"),
        "zoom": viewer_script("zoom.js"),
    }
    return _PLACEHOLDER.sub(lambda found: parts[found[1]], _read("page.html"))
