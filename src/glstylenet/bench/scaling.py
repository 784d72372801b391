"""Scaling: the time of an evaluation and the peak of memory as functions of the picture's size.

The exponent is the slope of the least-squares line of log seconds over log pixels: 1 where twice the pixels
take twice the time.
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


# Not `-m`: the package imports the module before Python could run it as the main one, which it warns of.
_PROGRAM = "import sys; from glstylenet.bench.subprocess_run import main; main(*sys.argv[1:])"


@dataclass(frozen=True)
class Scaling:
    """`Scaling` holds the measured points, from the smallest picture to the largest."""

    points: tuple[Point, ...]

    @property
    def exponent(self) -> float:
        """The exponent e for which seconds per evaluation grow as pixels^e."""
        return fitted_exponent(
            [point.size[0] * point.size[1] for point in self.points],
            [point.seconds for point in self.points],
        )


def fitted_exponent(pixels: Sequence[float], seconds: Sequence[float]) -> float:
    """Return the slope of the least-squares line of log ``seconds`` over log ``pixels``, two or more of each.

    >>> round(fitted_exponent([1.0, 4.0], [1.0, 16.0]), 6)
    2.0
    """
    slope, _ = np.polyfit(np.log(pixels), np.log(seconds), 1)
    return float(slope)


def measure_scaling(
    sizes: Sequence[PointSize], settings: Settings, *, memory: int, emit: Callable[[str], None]
) -> Scaling:
    """Measure every size of ``sizes``, each in a process of its own that may use ``memory`` bytes.

    Raises the :class:`~glstylenet.errors.GLStyleNetError` of a process that failed.
    """
    points = []
    # The largest first: if it does not fit, no time is lost on the others.
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
    """Measure the point of ``request`` in a process of its own, which ends when this one is interrupted."""
    with tempfile.TemporaryDirectory(prefix="glstylenet-") as folder:
        result = Path(folder) / "point.json"
        # -P: a file in the user's current folder must not be imported in place of a module.
        command = [sys.executable, "-P", "-c", _PROGRAM]
        done = subprocess.run(  # kills the process if an exception is raised meanwhile, Ctrl-C included
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
    """Return this process's environment, in which the package that runs here is found first."""
    root = str(Path(glstylenet.__file__).parents[1])
    inherited = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": os.pathsep.join([root, inherited] if inherited else [root])}


def _failure(request: PointRequest, code: int, complaints: str) -> GLStyleNetError:
    """Return the error for a process that ended without a result."""
    what = f"the measurement of {request.megapixels:g} megapixels"
    # Linux kills a process that uses too much memory without any message.
    if code == -9:  # SIGKILL
        return MemoryLimitError(f"{what} was killed, probably for lack of memory; close other programs")
    last = (complaints.strip().splitlines() or ["without a message"])[-1]
    return GLStyleNetError(f"{what} ended with code {code}: {last}")
