"""Content maps: the map of each content, from one file for all or from a folder of maps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from glstylenet.errors import InputError
from glstylenet.pictures import list_pictures

__all__ = ["ContentMaps"]


@dataclass(frozen=True)
class ContentMaps:
    """`ContentMaps` finds the map of a content.

    ``given`` is what the command line names. ``by_stem`` are the pictures in it by their names without
    suffix, if it is a folder, else ``None``.
    """

    given: Path
    by_stem: Mapping[str, Sequence[Path]] | None

    @classmethod
    def of(cls, given: Path) -> "ContentMaps":
        """Return the maps in the file or folder ``given``."""
        if not given.is_dir():
            return cls(given, None)
        by_stem: dict[str, list[Path]] = {}
        for path in list_pictures(given).pictures:
            by_stem.setdefault(path.stem, []).append(path)
        return cls(given, by_stem)

    def map_of(self, content: Path) -> Path:
        """Return the map of ``content``: the given file, or that of the same name in the folder.

        Raises :class:`~glstylenet.errors.InputError` if the folder has none or several.
        """
        if self.by_stem is None:
            return self.given
        found = self.by_stem.get(content.stem, ())
        if len(found) != 1:
            raise InputError(
                f"{content}: the map folder {self.given} holds {len(found)} pictures named {content.stem}, "
                f"expected one; add or remove maps there"
            )
        return found[0]
