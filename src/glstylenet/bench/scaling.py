"""Scaling: how the cost of an evaluation and the peak of memory grow with the picture.

The exponent is the slope of the least-squares line of log seconds over log pixels: 1 where twice the
pixels take twice the time.
"""

import dataclasses
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import glstylenet
from glstylenet import errors
from glstylenet.bench.plan import PointSize
from glstylenet.bench.subprocess_run import Point, PointRequest
from glstylenet.errors import GLStyleNetError, MemoryLimitError
from glstylenet.settings import Settings

__all__ = ["Scaling", "fitted_exponent", "measure_scaling", "point_of"]


@dataclass(frozen=True)
class Scaling:
    """The points, from the smallest picture to the largest."""

    points: tuple[Point, ...]

    @property
    def exponent(self) -> float:
        """The power of the number of pixels that seconds per evaluation follow."""
        return fitted_exponent(
            [point.size[0] * point.size[1] for point in self.points],
            [point.seconds for point in self.points],
        )


def fitted_exponent(pixels: Sequence[float], seconds: Sequence[float]) -> float:
    """The slope of the least-squares line of log ``seconds`` over log ``pixels``; at least two of each."""
    slope, _ = np.polyfit(np.log(pixels), np.log(seconds), 1)
    return float(slope)


def measure_scaling(
    sizes: Sequence[PointSize], settings: Settings, *, memory: int, emit: Callable[[str], None]
) -> Scaling:
    """Measure every size of ``sizes``, each in a process of its own that may use ``memory`` bytes.

    Raises what a point's process failed with, a :class:`~glstylenet.errors.GLStyleNetError`.
    """
    points = []
    # The largest first: if one does not fit, it is known before the others have cost their time.
    for size in sorted(sizes, key=lambda size: -size.megapixels):
        emit(f"scaling: {size.megapixels:g} megapixels, {size.evaluations} evaluations")
        points.append(
            point_of(
                PointRequest(
                    megapixels=size.megapixels,
                    evaluations=size.evaluations,
                    memory=memory,
                    device=settings.device,
                    precision=settings.precision,
                    weights=settings.weights,
                )
            )
        )
    return Scaling(tuple(reversed(points)))


def point_of(request: PointRequest) -> Point:
    """The point of ``request``, measured in a process of its own; that ends when this one is interrupted."""
    with tempfile.TemporaryDirectory(prefix="glstylenet-") as folder:
        result = Path(folder) / "point.json"
        # -P: the current folder holds the user's files, and none of them is a module of ours.
        command = [sys.executable, "-P", "-m", "glstylenet.bench.subprocess_run"]
        done = subprocess.run(  # kills the process if anything is raised meanwhile, Ctrl-C included
            [*command, json.dumps(dataclasses.asdict(request)), str(result)],
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            check=False,
        )
        if done.returncode != 0 or not result.is_file():
            raise _failure(request, done.returncode, done.stderr)
        answer = json.loads(result.read_text(encoding="utf-8"))
    if "error" in answer:
        kind: type[GLStyleNetError] = getattr(errors, answer["error"])
        raise kind(f"the measurement of {request.megapixels:g} megapixels failed: {answer['message']}")
    return Point(**{**answer, "size": tuple(answer["size"])})


def _environment() -> dict[str, str]:
    """This process's, with the very package that runs here found first."""
    root = str(Path(glstylenet.__file__).parents[1])
    inherited = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": os.pathsep.join([root, inherited] if inherited else [root])}


def _failure(request: PointRequest, code: int, complaints: str) -> GLStyleNetError:
    """Why a point's process left nothing behind."""
    what = f"the measurement of {request.megapixels:g} megapixels"
    # Linux kills the process that takes too much of its memory, and leaves no other trace.
    if code == -9:  # SIGKILL
        return MemoryLimitError(f"{what} was killed, probably for lack of memory; close other programs")
    last = (complaints.strip().splitlines() or ["it said nothing"])[-1]
    return GLStyleNetError(f"{what} ended with code {code}: {last}")
