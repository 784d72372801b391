"""Explanation: all numbers that explain a result, and the same as plain data for JSON."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from glstylenet.explain.class_losses import ClassLosses, divide_losses
from glstylenet.explain.correspondence import Correspondence, find_correspondence
from glstylenet.explain.curve import LossCurve
from glstylenet.objective import LossTerms
from glstylenet.run import Result, result_loss_maps

__all__ = ["MOST_POINTS", "Explanation", "explain"]

MOST_POINTS = 2**18
"""How many matches are written out; of more, every second, third ... row and column."""


@dataclass(frozen=True)
class Explanation:
    """Why a result looks as it does.

    ``correspondence``: ``None`` when nothing was matched, with a local weight of 0. ``classes``: what each
    map class adds to the loss. ``losses``: the weighted terms of the result (full size, float32, fresh
    matches).
    """

    result: Result
    correspondence: Correspondence | None
    classes: tuple[ClassLosses, ...]
    losses: LossTerms
    curve: LossCurve

    @property
    def step(self) -> int:
        """Rows and columns from one written match to the next: 1 but for very large pictures."""
        if self.correspondence is None:
            return 1
        return max(1, math.ceil(math.sqrt(self.correspondence.index.size / MOST_POINTS)))

    def name(self, role: str) -> str | None:
        """The name, without its folder, of the file that ``role`` (content, style, ...) was read from."""
        origin = self.result.inputs.origins.get(role)
        return None if origin is None or origin.path is None else origin.path.name

    def as_dict(self) -> dict[str, object]:
        """All numbers; sizes are [width, height], grids are lists of rows."""
        height, width = self.result.size
        style_height, style_width = self.result.inputs.style_size
        return {
            "size": [width, height],
            "style_size": [style_width, style_height],
            "losses": self.losses.as_dict(),
            "classes": [asdict(each) for each in self.classes],
            "correspondence": None if self.correspondence is None else self._matches(self.correspondence),
            "curve": {
                "scales": [
                    {"size": [scale.size[1], scale.size[0]], "evaluations": scale.evaluations}
                    for scale in self.curve.scales
                ],
                "points": [
                    {
                        "evaluation": point.evaluation,
                        "scale": point.scale,
                        "round": point.round,
                        **point.terms.as_dict(),
                    }
                    for point in self.curve.points
                ],
            },
            "settings": self._settings(),
        }

    def _settings(self) -> dict[str, object]:
        """With names of files in place of their paths: an explanation may be shown to others."""
        settings = self.result.settings.model_dump(mode="json")
        return {**settings, **{key: Path(settings[key]).name for key in ("init", "weights")}}

    def _matches(self, found: Correspondence) -> Mapping[str, object]:
        def grid(values: np.ndarray[tuple[int, ...], np.dtype[np.generic]] | None) -> object:
            return None if values is None else values[:: self.step, :: self.step].tolist()

        rows, columns = found.style_places
        return {
            "layers": list(found.layers),
            "groups": found.groups,
            "cell": found.cell,
            "step": self.step,
            "style_patches": [found.style_shape[1], found.style_shape[0]],
            "crossing_share": found.crossing_share,
            "style_row": grid(rows),
            "style_column": grid(columns),
            "content_class": grid(found.content_class),
            "matched_class": grid(found.matched_class),
        }


def explain(result: Result, curve: LossCurve) -> Explanation:
    """Explain ``result``; ``curve`` heard the events of its run.

    The matches are found anew at the final picture, at full size in float32, within the memory that the run's
    settings allow. Raises :class:`~glstylenet.errors.MemoryLimitError` if that is not enough.
    """
    breakdown = result_loss_maps(result)
    correspondence = find_correspondence(breakdown, result.inputs, result.settings)
    classes = divide_losses(breakdown, result.inputs, result.settings, correspondence)
    return Explanation(result, correspondence, classes, breakdown.terms, curve)
