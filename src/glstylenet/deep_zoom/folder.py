"""Folder: tiles, descriptor and page of a picture, all of them or none."""

from collections.abc import Callable, Iterable
from pathlib import Path

from torch import Tensor

from glstylenet.deep_zoom.levels import OVERLAP, TILE
from glstylenet.deep_zoom.page import deep_zoom_page
from glstylenet.deep_zoom.tiles import SUFFIX, write_tiles
from glstylenet.files import check_whole_folder, claim_output, replacing_folder
from glstylenet.numerics import Rect

__all__ = ["check_deep_zoom", "write_deep_zoom"]

_PAGE = "index.html"

_DESCRIPTOR = """<?xml version="1.0" encoding="UTF-8"?>
<Image xmlns="http://schemas.microsoft.com/deepzoom/2008" Format="{suffix}"
  Overlap="{overlap}" TileSize="{tile}">
  <Size Width="{width}" Height="{height}"/>
</Image>
"""


def check_deep_zoom(folder: Path, *, overwrite: bool, inputs: Iterable[Path] = ()) -> None:
    """Raise :class:`~glstylenet.errors.OutputError` if a picture cannot be written to ``folder``.

    With ``overwrite`` an earlier one may be replaced, but neither a folder with other files nor one with one
    of the ``inputs``. To be called before anything is computed.
    """
    check_whole_folder(
        folder,
        holds="deep zoom",
        is_own=lambda name: name == _PAGE or name.endswith((".dzi", "_files")),
        overwrite=overwrite,
        inputs=inputs,
    )


def write_deep_zoom(
    folder: Path,
    name: str,
    size: tuple[int, int],
    read: Callable[[Rect], Tensor],
    *,
    overwrite: bool = False,
) -> None:
    """Write NAME.dzi, NAME_files/LEVEL/COLUMN_ROW.jpg and the page index.html into ``folder``.

    ``read`` returns the pixels (1, 3, h, w), 0..255, of a rectangle of the picture of ``size`` (height,
    width). The folder is created, or replaced, when it is complete. Memory does not depend on the size.
    Raises :class:`~glstylenet.errors.OutputError` if that fails, or as :func:`check_deep_zoom` does; an
    earlier folder then stays as it was.

    >>> import tempfile, torch
    >>> picture = torch.zeros(1, 3, 4, 6)
    >>> with tempfile.TemporaryDirectory() as place:
    ...     folder = Path(place, "zoom")
    ...     write_deep_zoom(folder, "scroll", (4, 6), lambda r: picture[..., *r.slices])
    ...     sorted(path.name for path in folder.iterdir())
    ['index.html', 'scroll.dzi', 'scroll_files']
    """
    height, width = size
    with claim_output(folder):
        check_deep_zoom(folder, overwrite=overwrite)
        with replacing_folder(folder, overwrite=overwrite) as new:
            tiles = new / f"{name}_files"
            tiles.mkdir()
            write_tiles(tiles, size, read)
            descriptor = _DESCRIPTOR.format(
                suffix=SUFFIX, overlap=OVERLAP, tile=TILE, width=width, height=height
            )
            (new / f"{name}.dzi").write_text(descriptor, encoding="utf-8")
            page = deep_zoom_page(name, size)
            (new / _PAGE).write_text(page, encoding="utf-8", errors="backslashreplace")
