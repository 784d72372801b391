"""Progress: how much of a giant run is done, and how long the rest will take."""

import math
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from glstylenet.giant.forecast import passes_of
from glstylenet.giant.manifest import Manifest
from glstylenet.giant.size_context import areas_of, style_parts_of
from glstylenet.giant.steps import Part, steps_of

__all__ = ["Progress", "Work"]


class Work:
    """`Work` tells the work of a run's parts: the pixels that an area reads, times the passes of the network.

    Only areas count: what joins their parts takes no time beside them.
    """

    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest
        numbers = range(1, len(manifest.sizes))
        self._areas = {number: areas_of(manifest, number) for number in numbers}
        self._style_tiles = {number: style_parts_of(manifest, number) for number in numbers}

    def of(self, part: Part) -> float:
        """Return the work of a part."""
        if part.kind == "style":
            height, width = self._style_tiles[part.number][part.area].crop.size
        else:
            height, width = self._areas[part.number][part.area].region.crop.size
        return passes_of(part.kind, self._manifest.evaluations, part.turn) * height * width

    def of_all(self, parts: Iterable[Part]) -> float:
        """Return the work of several parts."""
        return sum(map(self.of, parts))

    def left(self, folder: Path) -> float:
        """Return the work of all steps that are not done."""
        return sum(
            self.of_all(step.parts)
            for number in self._areas
            for step in steps_of(folder, self._manifest, number)
            if step.name not in self._manifest.done
        )

    def pixels(self, part: Part) -> int:
        """Return the pixels that are a part's own, of a style or of the picture."""
        if part.kind == "style":
            return math.prod(self._style_tiles[part.number][part.area].positions(1).size)
        return math.prod(self._areas[part.number][part.area].core.size)


class Progress:
    """`Progress` measures how fast parts are computed.

    What was done when the run was resumed counts neither as work nor as time.
    """

    def __init__(
        self, folder: Path, manifest: Manifest, *, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._clock = clock
        self._work = Work(manifest)
        self._left = self._work.left(folder)
        self._done = 0.0
        self._began = clock()
        self._step_pixels = 0
        self._step_began = self._began

    def begin_step(self, there: Sequence[Part]) -> None:
        """Begin a step of which the parts ``there`` are done already."""
        self._left -= self._work.of_all(there)
        self._step_pixels = 0
        self._step_began = self._clock()

    def finish(self, part: Part) -> None:
        """Count a part that is done."""
        work = self._work.of(part)
        self._left -= work
        self._done += work
        self._step_pixels += self._work.pixels(part)

    @property
    def seconds_left(self) -> float | None:
        """The seconds that the rest will take, ``None`` before anything is known."""
        elapsed = self._clock() - self._began
        return elapsed * self._left / self._done if self._done else None

    @property
    def megapixels_a_minute(self) -> float:
        """The megapixels that this step has gone over in a minute."""
        return 60e-6 * self._step_pixels / max(self._clock() - self._step_began, 1e-9)
