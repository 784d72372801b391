"""Weight trials: tries weights for the page's pictures at a small size, and offers three recipes."""

import tempfile
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path

from glstylenet.errors import SettingsError, UsageError
from glstylenet.numerics import Interrupted, interruptible, interruption_point
from glstylenet.pictures import read_picture
from glstylenet.report import RECIPES, Runner, Trial, Tuning, measured, open_tuning
from glstylenet.settings import Pictures, Role
from glstylenet.studio.limiter import Limiter
from glstylenet.studio.requests import Requests, TrialsRequest
from glstylenet.studio.storage import Storage

__all__ = ["SECONDS", "WeightTrials", "can_try_weights"]

SECONDS = 180.0
"""How long weights are tried."""

_SIDE = 192
"""The longest side of the tried pictures."""

_QUALITY = "draft"
"""The quality of the tried pictures: a quarter of the default's work, so that more can be compared."""

_KEYS = dict(zip(RECIPES, ("content", "balanced", "style"), strict=True))
"""What the page calls the recipes."""


def can_try_weights() -> bool:
    """Return whether the packages are there that choose and measure the trials."""
    return all(find_spec(name) is not None for name in ("optuna", "skimage"))


class WeightTrials:
    """`WeightTrials` tries the weights of one request at a time; ``machine``: what the server chooses."""

    def __init__(self, storage: Storage, requests: Requests, machine: Mapping[str, object]) -> None:
        self._storage, self._requests, self._machine = storage, requests, machine
        self._limiter = Limiter(most_waiting=1, task="weights are being tried")

    def of(self, request: TrialsRequest, should_stop: Callable[[], bool]) -> dict[str, object]:
        """Return the number of pictures that were tried, and the recipes with the ids of their pictures.

        ``structure`` and ``style`` of a recipe are its distances to the content and to the style, relative to
        those of the picture with the page's own weights; see :mod:`glstylenet.report.tuning`.

        Raises :class:`~glstylenet.numerics.Interrupted` soon after ``should_stop`` returns True, and
        :class:`~glstylenet.errors.UsageError` where too few pictures could be compared.
        """
        if not can_try_weights():
            raise UsageError("the packages that choose and measure the trials are not installed")
        if (request.content_map is None) != (request.style_map is None):
            raise SettingsError("got a map of one picture; expected maps of both, or none")
        with (
            interruptible(should_stop),
            self._limiter.slot(),
            tempfile.TemporaryDirectory(prefix="glstylenet-trials-") as folder,
        ):
            interruption_point()  # it may have waited
            with self._storage.limiter.slot():  # large pictures are read
                tuning = self._tuning(request, Path(folder) / "trials")
            runner = Runner(
                tuning.results, lambda _progress: None, lambda _event: None, should_stop, measured
            )
            is_enough = tuning.run(runner, seconds=SECONDS)
            if should_stop():
                raise Interrupted
            if not is_enough:
                raise UsageError(
                    f"only {len(tuning.trials)} pictures could be compared in {SECONDS:.0f} seconds, and "
                    "three recipes need three; try again when no run goes on"
                )
            return {
                "pictures": len(tuning.trials),
                "recipes": [
                    self._shown(_KEYS[name], trial, tuning) for name, trial in tuning.recipes().items()
                ],
            }

    def _tuning(self, request: TrialsRequest, folder: Path) -> Tuning:
        maps = [
            None if name is None else self._requests.file(name, role)
            for name, role in (
                (request.content_map, Role.CONTENT_MAP),
                (request.style_map, Role.STYLE_MAP),
            )
        ]
        content = self._requests.file(request.content, Role.CONTENT)
        pictures = Pictures(content, self._requests.file(request.style, Role.STYLE), *maps)
        size = read_picture(content).size
        base = self._requests.settings(request).replace(
            **self._machine, size=min(_SIDE, max(size)), iterations=None, quality=_QUALITY
        )
        return open_tuning(pictures, base, request.preset, folder, overwrite=False)

    def _shown(self, key: str, trial: Trial, tuning: Tuning) -> dict[str, object]:
        picture = read_picture(tuning.results.folder / str(trial.record.file)).over_white
        return {
            "name": key,
            "weights": dict(trial.weights),
            "structure": trial.structure,
            "style": trial.style,
            "picture": self._storage.keep_pixels(picture.round().byte()),
        }
