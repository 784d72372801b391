"""Progress: how much of a giant run is done, and how long the rest will take."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from glstylenet.giant.forecast import passes_of
from glstylenet.giant.manifest import Manifest
from glstylenet.giant.size_context import areas_of
from glstylenet.giant.steps import Part, steps_of

__all__ = ["Progress"]


class Progress:
    """`Progress` measures how fast parts are computed.

    The work of a part is the number of pixels that its area reads, times the passes through the network. What
    was done when the run was resumed counts neither as work nor as time.
    """

    def __init__(
        self, folder: Path, manifest: Manifest, *, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._manifest = manifest
        self._clock = clock
        self._areas = {number: areas_of(manifest, number) for number in range(1, len(manifest.sizes))}
        self._left = sum(
            self._work(part)
            for number in self._areas
            for step in steps_of(folder, manifest, number)
            if step.name not in manifest.done
            for part in step.parts
        )
        self._done = 0.0
        self._began = clock()
        self._step_pixels = 0
        self._step_began = self._began

    def begin_step(self, there: Sequence[Part]) -> None:
        """Begin a step of which the parts ``there`` are done already."""
        self._left -= sum(self._work(part) for part in there)
        self._step_pixels = 0
        self._step_began = self._clock()

    def finish(self, part: Part) -> None:
        """Count a part that is done."""
        work = self._work(part)
        self._left -= work
        self._done += work
        height, width = self._areas[part.number][part.area].core.size
        self._step_pixels += height * width

    @property
    def seconds_left(self) -> float | None:
        """The seconds that the rest will take, ``None`` before anything is known."""
        elapsed = self._clock() - self._began
        return elapsed * self._left / self._done if self._done else None

    @property
    def megapixels_a_minute(self) -> float:
        """The megapixels that this step has gone over in a minute."""
        return 60e-6 * self._step_pixels / max(self._clock() - self._step_began, 1e-9)

    def _work(self, part: Part) -> float:
        height, width = self._areas[part.number][part.area].region.crop.size
        return passes_of(part.kind, self._manifest.evaluations) * height * width
