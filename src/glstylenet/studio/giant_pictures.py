"""Giant pictures: stores and files that the server was started with, shown while they are painted and after.

The page asks for the state of one, and for tiles of its levels. It names them by number: paths come from the
command line alone. A store whose run has ended gives way to the file that the run wrote beside it.
"""

import io
import os
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from glstylenet.deep_zoom import OVERLAP, TILE, PixelBytes, encode_tile, level_sizes, tile_window
from glstylenet.errors import GLStyleNetError, InputError
from glstylenet.files import status_of
from glstylenet.giant import PaintedLevels, PaintedSoFar, StoreState, StoreWatcher
from glstylenet.numerics import Rect
from glstylenet.pictures import open_tiled_tiff

__all__ = ["GiantPictures"]

_STORE = ".store"
"""The suffix of a store that a run makes beside its file."""

_FRESH_SECONDS = 1.0
"""How long what was seen of a picture holds for its tiles."""

_ATTEMPTS = 3
"""How often a tile is read of a picture that changes meanwhile."""


class GiantPictures:
    """`GiantPictures` holds the giant pictures that ``paths`` name, numbered from 1.

    Raises :class:`~glstylenet.errors.InputError` for a path that is neither the store of a run nor a file
    that a run wrote.
    """

    def __init__(self, paths: Iterable[Path] = ()) -> None:
        self._watched = [_Watched(path) for path in paths]
        for each in self._watched:
            each.check()

    def names(self) -> list[dict[str, object]]:
        """Return number and name of each."""
        return [{"number": number, "name": each.name} for number, each in enumerate(self._watched, start=1)]

    def has(self, number: str) -> bool:
        """Return whether there is a picture of that number, as it stands in an address."""
        return self._at(number) is not None

    def state(self, number: str) -> dict[str, object] | None:
        """Return what the page shows of a picture; ``None`` if there is none of that number."""
        watched = self._at(number)
        return None if watched is None else {"name": watched.name, **watched.look().shown}

    def tile(self, number: str, picture: str, level: str, column: str, row: str) -> bytes | None:
        """Return a tile as JPEG; ``None`` if there is none of that name or it cannot be read.

        ``picture`` is the name of the picture in its state: another size of a run is another picture.
        """
        watched = self._at(number)
        place = [_whole_number(text) for text in (level, column, row)]
        if watched is None or None in place:
            return None
        pixels = watched.tile(picture, *(each for each in place if each is not None))
        if pixels is None:
            return None
        file = io.BytesIO()
        encode_tile(file, pixels)
        return file.getvalue()

    def _at(self, number: str) -> "_Watched | None":
        found = _whole_number(number)
        return self._watched[found - 1] if found and found <= len(self._watched) else None


def _whole_number(text: str) -> int | None:
    """Return a number of an address; ``None`` for what is none.

    >>> _whole_number("12"), _whole_number("-1"), _whole_number("9" * 5000)
    (12, None, None)
    """
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 9 else None


class _Picture(Protocol):
    """`_Picture` can be read by windows: that of a store, or that of a file."""

    name: str
    size: tuple[int, int]

    @property
    def grid(self) -> dict[str, object]:
        """Rows and columns of areas, and for each area a number that rises whenever it changes."""

    def read(self, level: int, window: Rect) -> PixelBytes: ...


@dataclass(frozen=True)
class _Look:
    """`_Look` is what was seen at a moment: as the page shows it, and the picture, if there was one."""

    shown: dict[str, object]
    picture: _Picture | None = None


class _Watched:
    def __init__(self, path: Path) -> None:
        is_file = path.is_file()
        self._path = path
        self._watcher = None if is_file else StoreWatcher(path)
        self._file = path if is_file else path.with_suffix("") if path.suffix == _STORE else None
        self.name = (self._file or path).name or str(path)
        self._lock = threading.Lock()
        self._latest: tuple[float, _Look] | None = None
        self._of_store: _StorePicture | None = None
        self._of_file: _FilePicture | None = None

    def check(self) -> None:
        """Raise :class:`~glstylenet.errors.InputError` if there is nothing to show."""
        if self._watcher is not None and self._watcher.look() is not None:
            return
        if self._file is not None and status_of(self._file) is not None:
            _FilePicture(self._file)
        elif status_of(self._path) is None:
            raise InputError(f"{self._path}: does not exist; expected the store of a giant run, or its file")
        else:
            raise InputError(
                f"{self._path}: holds no giant run; expected a folder with its manifest.json, which a run "
                f"writes when it has read its pictures"
            )

    def look(self) -> _Look:
        """Look at the store and the file, and return what is to be shown."""
        with self._lock:
            look = self._look()
            self._latest = (time.monotonic(), look)
            return look

    def tile(self, picture: str, level: int, column: int, row: int) -> PixelBytes | None:
        """Return the pixels of a tile, ``None`` if there is no such one."""
        for attempt in range(_ATTEMPTS):
            found = self._fresh(again=attempt > 0).picture
            if found is None or found.name != picture:
                return None
            levels = level_sizes(found.size)
            window = tile_window(levels[level], column, row) if level < len(levels) else None
            if window is None or level < _smallest_level(found.size):
                return None
            try:
                return found.read(level, window)
            except FileNotFoundError:  # the run went on: look again
                continue
            except (GLStyleNetError, OSError, ValueError, EOFError, RuntimeError):  # damaged there
                return None
        return None

    def _fresh(self, *, again: bool) -> _Look:
        """Return what was seen a moment ago; every state that was told is as old, or older."""
        latest = self._latest
        if again or latest is None or time.monotonic() - latest[0] > _FRESH_SECONDS:
            return self.look()
        return latest[1]

    def _look(self) -> _Look:
        state = None
        if self._watcher is not None:
            try:
                state = self._watcher.look()
            except GLStyleNetError:
                return _Look(_shown("damaged"))
        if state is not None and not (state.is_complete and self._has_file_since(state.changed)):
            return self._look_at_store(state)
        self._of_store = None
        if self._file is None:
            return _Look(_shown("gone"))
        try:
            if self._of_file is None or not self._of_file.is_current():
                self._of_file = _FilePicture(self._file)
        except OSError:
            return _Look(_shown("gone"))
        except GLStyleNetError:
            return _Look(_shown("damaged"))
        return _Look(_shown("finished", self._of_file), self._of_file)

    def _has_file_since(self, changed: float) -> bool:
        """Return whether the run's file was written after the store: before, it was an earlier run's."""
        try:
            return self._file is not None and self._file.stat().st_mtime >= changed
        except OSError:
            return False

    def _look_at_store(self, state: StoreState) -> _Look:
        if state.painted is None:
            picture = self._of_store = None
        else:
            before = self._of_store
            levels = before.levels if before is not None and before.name == state.painted.name else None
            picture = self._of_store = _StorePicture(state.painted, levels or PaintedLevels(state.painted))
        kind = "painted" if state.is_complete else "coarse" if state.step is None else "painting"
        shown = _shown(kind, picture, state.manifest.sizes[-1])
        if state.step is not None:
            step = state.step
            shown["size"] = step.number + 1
            shown["step"] = {
                "kind": step.kind,
                "turn": step.turn + 1,
                "done": step.done,
                "areas": step.areas,
            }
        shown["sizes"] = [[width, height] for height, width in state.manifest.sizes]
        shown["sweeps"] = state.manifest.options.sweeps
        shown["seconds_left"] = state.seconds_left
        shown["seconds_since_change"] = round(max(0.0, time.time() - state.changed), 1)
        return _Look(shown, picture)


class _StorePicture:
    def __init__(self, painted: PaintedSoFar, levels: PaintedLevels) -> None:
        self.name, self.size = painted.name, painted.size
        self._painted = painted
        self.levels = levels

    @property
    def grid(self) -> dict[str, object]:
        areas = self._painted.areas
        return {
            "rows": sorted({(area.top, area.bottom) for area in areas}),
            "columns": sorted({(area.left, area.right) for area in areas}),
            "generations": list(self._painted.generations),
        }

    def read(self, level: int, window: Rect) -> PixelBytes:
        return self.levels.read(self._painted, level, window)


class _FilePicture:
    """Raises ``OSError`` without a file, :class:`~glstylenet.errors.InputError` for one that no run wrote."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._status = self._identity()
        with open_tiled_tiff(path) as tiff:
            self.size = tiff.sizes[0]
        self.name = "file-" + "-".join(map(str, self._status))

    @property
    def grid(self) -> dict[str, object]:
        height, width = self.size
        return {"rows": [(0, height)], "columns": [(0, width)], "generations": [0]}

    def read(self, level: int, window: Rect) -> PixelBytes:
        with open_tiled_tiff(self._path) as tiff:
            return tiff.read(len(level_sizes(self.size)) - 1 - level, window)

    def is_current(self) -> bool:
        """Return whether the file is the one that was looked at; raises ``OSError`` without one."""
        return self._identity() == self._status

    def _identity(self) -> Sequence[int]:
        status = os.stat(self._path)
        return status.st_ino, status.st_size, status.st_mtime_ns


def _smallest_level(size: tuple[int, int]) -> int:
    """Return the largest level that is one tile; smaller ones are of no use to a viewer."""
    levels = level_sizes(size)
    return max(number for number, level in enumerate(levels) if max(level) <= TILE)


def _shown(
    state: str, picture: _Picture | None = None, size: tuple[int, int] | None = None
) -> dict[str, object]:
    """Return the part of a state that all have; ``size`` of the result, by default the picture's."""
    shown: dict[str, object] = {"state": state, "picture": None}
    if picture is not None:
        height, width = picture.size
        size = size or picture.size
        shown["picture"] = {
            "name": picture.name,
            "width": width,
            "height": height,
            "tile_size": TILE,
            "overlap": OVERLAP,
            "min_level": _smallest_level(picture.size),
            "max_level": len(level_sizes(picture.size)) - 1,
            **picture.grid,
        }
    if size is not None:
        shown["height"], shown["width"] = size
    return shown
