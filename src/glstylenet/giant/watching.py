"""Watching: what a store's run has painted so far, read while another process paints.

Nothing is written, and nothing is asked of the process that paints: files of the store are whole or not
there. What is told may be past a moment later; whoever reads pixels that are gone looks again.
"""

import os
import re
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from glstylenet.deep_zoom import PixelBytes, as_bytes, level_sizes, read_reduced
from glstylenet.errors import InputError, SettingsError
from glstylenet.giant.areas import COLOURS, Area
from glstylenet.giant.manifest import COARSE, Manifest, read_manifest
from glstylenet.giant.progress import Work
from glstylenet.giant.size_context import SizeContext, areas_of
from glstylenet.giant.steps import Step, steps_of, written_by
from glstylenet.numerics import Rect
from glstylenet.run import MARGIN

__all__ = ["PaintedLevels", "PaintedSoFar", "StepProgress", "StoreState", "StoreWatcher"]

_PIXELS = re.compile(r"pixels-(\d+)-(\d+)")

_HELD_SIDE = 4096
"""Longest side of the levels that are held in memory: the largest takes up to 48 MiB."""

_MOST_CHANGES = 100
"""The changes that the speed of a run is measured by: the latest ones, for a run may have been stopped."""

_DAMAGE = (OSError, ValueError, TypeError, ArithmeticError, LookupError, SettingsError)
"""What numbers raise that no run writes."""

_ATTEMPTS = 3
"""How often a store is looked at that changes meanwhile."""


@dataclass(frozen=True)
class PaintedSoFar:
    """`PaintedSoFar` is the picture of a store at its largest size that is there in all areas.

    ``generations``: by area, how often it was painted; each later one is another picture of this area.
    """

    context: SizeContext
    generations: Sequence[int]

    @property
    def name(self) -> str:
        """A name of the run and the size, the same for every process that looks at it."""
        manifest = self.context.manifest
        return f"{manifest.identity.digest[:16]}-{manifest.place(self.context.number)}"

    @property
    def size(self) -> tuple[int, int]:
        """The (height, width)."""
        return self.context.size

    @property
    def areas(self) -> list[Rect]:
        """The pixels that each area paints, those of neighbours at its border included."""
        return [self._on_picture(area.painted) for area in self.context.areas]

    def read(self, window: Rect) -> PixelBytes:
        """Return the pixels (h, w, 3) in ``window``.

        Raises ``FileNotFoundError`` if the run has gone on, and what was looked at is no longer there.
        """
        canvas = Rect(
            window.top + MARGIN, window.left + MARGIN, window.bottom + MARGIN, window.right + MARGIN
        )
        pixels = torch.empty((1, 3, *canvas.size))
        base = min(self.generations)
        self.context.read_areas(pixels, canvas, base, self.context.areas)
        later = [area for area in self.context.areas if self.generations[area.number] > base]
        self.context.read_areas(pixels, canvas, base + 1, later)
        return as_bytes(pixels)

    def _on_picture(self, canvas: Rect) -> Rect:
        height, width = self.size
        return Rect(
            max(0, canvas.top - MARGIN),
            max(0, canvas.left - MARGIN),
            min(height, canvas.bottom - MARGIN),
            min(width, canvas.right - MARGIN),
        )


@dataclass(frozen=True)
class StepProgress:
    """`StepProgress` says how many ``areas`` a step goes over, and how many of them are ``done``.

    ``kind``: style, enlarge, search, vote, survey or paint; the areas of "style" are tiles of the styles.
    ``turn``: of a search or a survey its number from 0, of painting the sweep. ``number``: the size from 0.
    """

    kind: str
    number: int
    turn: int
    done: int
    areas: int


@dataclass(frozen=True)
class StoreState:
    """`StoreState` is what a store tells at one moment.

    ``painted``: the picture; ``None`` as long as the first size is painted, which has no areas.
    ``step``: what is being done; ``None`` for that size, and when all steps are done (``is_complete``).
    ``seconds_left``: an estimate from how fast the store changed while it was watched; ``None`` before
    anything is known. ``changed``: when a file of the store was last written, in seconds since 1970.
    """

    manifest: Manifest
    painted: PaintedSoFar | None
    step: StepProgress | None
    is_complete: bool
    seconds_left: float | None
    changed: float


class StoreWatcher:
    """`StoreWatcher` looks at the store in ``folder``, as often as it is asked to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._changes: deque[tuple[float, float]] = deque(maxlen=_MOST_CHANGES)
        self._planned: _Planned | None = None
        self._contexts: dict[str, SizeContext] = {}

    def look(self) -> StoreState | None:
        """Return the state of the store; ``None`` if there is no manifest of a run in the folder.

        Raises :class:`~glstylenet.errors.InputError` for a manifest that cannot be read, and for a store that
        lacks what its manifest says is done.
        """
        for _ in range(_ATTEMPTS):  # a size may be removed between its manifest and its files
            manifest = read_manifest(self.folder)
            if manifest is None:
                return None
            try:
                return self._state_of(manifest)
            except FileNotFoundError:
                continue
            except _DAMAGE as error:
                raise InputError(f"{self.folder}: the store cannot be read ({error})") from error
        raise InputError(f"{self.folder}: pixels that the manifest says are painted are missing")

    def _state_of(self, manifest: Manifest) -> StoreState:
        if self._planned is None or self._planned.manifest != manifest:
            self._planned = _Planned(self.folder, manifest)
        planned = self._planned
        changed = _written_at(self.folder / "manifest.json")
        if not planned.has_coarse:
            return StoreState(manifest, None, None, is_complete=False, seconds_left=None, changed=changed)
        number = planned.number
        names = _names_in(self.folder / manifest.place(number))
        painted = self._painted(manifest, number, names)
        if planned.step is None:
            return StoreState(manifest, painted, None, is_complete=True, seconds_left=None, changed=changed)
        if names:
            changed = max(changed, _written_at(self.folder / manifest.place(number)))
        parts = [part for part in planned.step.parts if written_by(part) in names]
        seconds_left = self._seconds_left(changed, planned.work_left - planned.work.of_all(parts))
        step = planned.progress(len(parts))
        return StoreState(manifest, painted, step, False, seconds_left, changed)

    def _painted(self, manifest: Manifest, number: int, names: Iterable[str]) -> PaintedSoFar:
        """Return the picture at the size ``number``, or at the one before as long as an area has none.

        ``names``: the files of that size. Raises ``FileNotFoundError`` if neither is there.
        """
        context = self._context(manifest, number)
        found: dict[int, set[int]] = {}
        for name in names:
            if match := _PIXELS.fullmatch(name):
                found.setdefault(int(match[1]), set()).add(int(match[2]))
        every = {area.number for area in context.areas}
        whole = [generation for generation, areas in found.items() if areas == every]
        if whole:
            base, arrived = max(whole), found.get(max(whole) + 1, set())
            return PaintedSoFar(context, [base + (area.number in arrived) for area in context.areas])
        if number == 0:
            raise FileNotFoundError
        before = number - 1
        return self._painted(manifest, before, _names_in(self.folder / manifest.place(before)))

    def _context(self, manifest: Manifest, number: int) -> SizeContext:
        """Return the context of a size; cutting it into its areas takes a while."""
        key = f"{manifest.identity.digest}/{manifest.place(number)}"
        if key not in self._contexts:
            if len(self._contexts) > 1:
                self._contexts.pop(next(iter(self._contexts)))
            self._contexts[key] = SizeContext(self.folder, manifest, number)
        return self._contexts[key]

    def _seconds_left(self, changed: float, left: float) -> float | None:
        if self._changes and left > self._changes[-1][1]:  # another run, or a size that begins anew
            self._changes.clear()
        if not self._changes or left < self._changes[-1][1]:
            self._changes.append((changed, left))
        (began, before), (ended, after) = self._changes[0], self._changes[-1]
        return (ended - began) * left / (before - after) if before > after else None


class _Planned:
    """`_Planned` holds what is to be done after a manifest, which changes with every step."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.manifest = manifest
        self.work = Work(manifest)
        self.work_left = self.work.left(folder)
        self.has_coarse = COARSE in manifest.done
        self.step: Step | None = None
        self.number = len(manifest.sizes) - 1
        self._areas: list[Area] = []
        for number in range(1, len(manifest.sizes)):
            steps = steps_of(folder, manifest, number)
            step = next((each for each in steps if each.name not in manifest.done), None)
            if step is not None:
                self.step, self.number = step, number
                self._areas = areas_of(manifest, number)
                break

    def progress(self, done: int) -> StepProgress:
        """Return how far the step is when so many of its parts are there.

        A sweep paints the areas of a colour after those of another: they are told as one.
        """
        assert self.step is not None
        kind, turn = self.step.name.split("/")[1].rsplit("-", 1)  # there may be no areas of a colour
        if kind != "paint":
            return StepProgress(kind, self.number, int(turn), done, len(self.step.parts))
        sweep, colour = divmod(int(turn), COLOURS)
        before = sum(area.colour < colour for area in self._areas)
        return StepProgress(kind, self.number, sweep, before + done, len(self._areas))


class PaintedLevels:
    """`PaintedLevels` reads the levels of a picture that is being painted, each half of the next.

    Those of at most 4096 pixels a side are held in memory, which is up to 64 MiB, and only what has changed
    of them is computed anew. Larger ones are computed from the store, a window at a time.
    """

    def __init__(self, painted: PaintedSoFar) -> None:
        self.sizes = level_sizes(painted.size)
        self._last = len(self.sizes) - 1
        self._held = [np.zeros((*size, 3), np.uint8) for size in self.sizes if max(size) <= _HELD_SIDE]
        self._generations = [-1] * len(painted.generations)

    def read(self, painted: PaintedSoFar, level: int, window: Rect) -> PixelBytes:
        """Return the pixels (h, w, 3) in ``window`` of a level; ``painted`` is the picture's latest state.

        Raises ``FileNotFoundError`` as :meth:`PaintedSoFar.read`.
        """
        if level >= len(self._held):
            return read_reduced(painted.read, painted.size, self._last - level, window)
        part = window.scale(2 ** (self._last - level))
        for number, (area, generation) in enumerate(zip(painted.areas, painted.generations, strict=True)):
            if self._generations[number] != generation and area.intersection(part) is not None:
                self._bring_up_to_date(painted, area)
                self._generations[number] = generation
        return self._held[level][window.slices]

    def _bring_up_to_date(self, painted: PaintedSoFar, area: Rect) -> None:
        """Compute the pixels of ``area`` anew in all levels that are held."""
        halvings = self._last - len(self._held) + 1
        part = self._on_level(area, len(self._held) - 1)
        self._held[-1][part.slices] = read_reduced(painted.read, painted.size, halvings, part)
        for level in reversed(range(len(self._held) - 1)):
            part = self._on_level(area, level)
            read = partial(_part_of, self._held[level + 1])
            self._held[level][part.slices] = read_reduced(read, self.sizes[level + 1], 1, part)

    def _on_level(self, area: Rect, level: int) -> Rect:
        """Return the pixels of a level that ``area`` reaches into."""
        factor, (height, width) = 2 ** (self._last - level), self.sizes[level]
        return Rect(
            area.top // factor,
            area.left // factor,
            min(height, -(-area.bottom // factor)),
            min(width, -(-area.right // factor)),
        )


def _part_of(pixels: PixelBytes, window: Rect) -> PixelBytes:
    return pixels[window.slices]


def _names_in(folder: Path) -> set[str]:
    """Return the names of the files in ``folder`` without their suffixes."""
    try:
        return {Path(name).stem for name in os.listdir(folder)}
    except FileNotFoundError:  # a size that is not begun
        return set()


def _written_at(path: Path) -> float:
    return path.stat().st_mtime
