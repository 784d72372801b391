"""Folder: which of the files in a folder are pictures, told by their content as everywhere."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from glstylenet.errors import ImageError
from glstylenet.pictures.file_type import file_format
from glstylenet.pictures.formats import picture_suffixes

__all__ = ["PictureFolder", "list_pictures"]

# fmt: off
_SUFFIXES_OF_OTHER_PICTURES = frozenset([
    ".ai", ".arw", ".avif", ".bmp", ".cr2", ".cr3", ".dng", ".eps", ".exr", ".gif", ".heic",
    ".heics", ".heif", ".heifs", ".hif", ".ico", ".jfif", ".jp2", ".jpe", ".jpf", ".jpx", ".jxl",
    ".nef", ".orf", ".pbm", ".pcx", ".pgm", ".pnm", ".ppm", ".psd", ".raf", ".rw2", ".svg", ".svgz",
    ".tga", ".xcf",
])
# fmt: on
"""Suffixes that pictures have besides those of the formats that are read. A file that has one of them and
cannot be read is told as a picture that is missing, not as one of the files that are none."""


@dataclass(frozen=True)
class PictureFolder:
    """`PictureFolder` says what a folder holds, apart from hidden files.

    ``pictures`` begin like a picture of a format that is read, whatever their names. ``unreadable`` are named
    like pictures and do not, each with the reason. ``others`` are neither, subfolders among them. All are
    sorted by name.
    """

    pictures: tuple[Path, ...]
    unreadable: Mapping[Path, ImageError]
    others: tuple[Path, ...]


def list_pictures(folder: Path) -> PictureFolder:
    """Return what ``folder`` holds; raises ImageError if it cannot be listed.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "scan").write_bytes(b"GIF89a")
    ...     _ = Path(folder, "notes.txt").write_bytes(b"buy paint")
    ...     found = list_pictures(Path(folder))
    >>> [path.name for path in found.pictures], [path.name for path in found.others]
    (['scan'], ['notes.txt'])
    """
    try:
        entries = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise ImageError(f"{folder}: cannot be listed ({error}). Expected a folder of pictures.") from error
    pictures: list[Path] = []
    unreadable: dict[Path, ImageError] = {}
    others: list[Path] = []
    for path in entries:
        try:
            file_format(path)
        except ImageError as error:
            if _is_named_like_a_picture(path):
                unreadable[path] = error
            else:
                others.append(path)
        else:
            pictures.append(path)
    return PictureFolder(tuple(pictures), unreadable, tuple(others))


def _is_named_like_a_picture(path: Path) -> bool:
    suffix = path.suffix.lower()
    return (suffix in picture_suffixes() or suffix in _SUFFIXES_OF_OTHER_PICTURES) and not os.path.isdir(path)
