"""Explanation: all numbers that explain a result, also as plain data for JSON."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from glstylenet.explain.class_losses import ClassLosses, divide_losses
from glstylenet.explain.correspondence import Correspondence, find_correspondence
from glstylenet.explain.curve import LossCurve
from glstylenet.explain.joined_styles import JoinedStyles, join_styles
from glstylenet.machine import default_modes
from glstylenet.objective import LossTerms
from glstylenet.pyramid import CELL
from glstylenet.run import Result, result_loss_maps

__all__ = ["MOST_POINTS", "Explanation", "explain"]

MOST_POINTS = 2**18
"""The most matches that are written; of more, only every second or third (...) row and column is."""


@dataclass(frozen=True)
class Explanation:
    """`Explanation` holds what explains one result.

    ``correspondence``: ``None`` if nothing was matched, with a local weight of 0. ``classes``: the part of
    the loss that belongs to each map class. ``losses``: the weighted terms of the result (full size, float32,
    new matches). ``curve``: the loss during the run.
    """

    result: Result
    correspondence: Correspondence | None
    classes: tuple[ClassLosses, ...]
    losses: LossTerms
    curve: LossCurve

    @property
    def styles(self) -> JoinedStyles:
        """The styles as one picture; a single one is itself."""
        return join_styles(
            self.result.inputs, CELL if self.correspondence is None else self.correspondence.cell
        )

    @property
    def step(self) -> int:
        """Rows and columns from one written match to the next; more than 1 for very large pictures only."""
        if self.correspondence is None:
            return 1
        return max(1, math.ceil(math.sqrt(self.correspondence.index.size / MOST_POINTS)))

    def name(self, role: str) -> str | None:
        """Return the file name, without its folder, of ``role`` (content, style, ...)."""
        origin = self.result.inputs.origins.get(role)
        return None if origin is None or origin.path is None else origin.path.name

    def as_dict(self) -> dict[str, object]:
        """Return all numbers; sizes are [width, height], grids are lists of rows."""
        height, width = self.result.size
        style_height, style_width = self.styles.size
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
        """Return the settings with file names instead of paths, because an explanation may be published."""
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
            "style": grid(found.style),
            "style_shares": list(found.style_shares),
        }


@default_modes()
def explain(result: Result, curve: LossCurve) -> Explanation:
    """Explain ``result``; ``curve`` was the listener of its run.

    The final picture is matched again, at full size in float32, within the memory that the run's settings
    allow. Raises :class:`~glstylenet.errors.MemoryLimitError` if that is not enough.
    """
    loss_maps = result_loss_maps(result)
    correspondence = find_correspondence(loss_maps, result.inputs, result.settings)
    classes = divide_losses(loss_maps, result.inputs, result.settings, correspondence)
    return Explanation(result, correspondence, classes, loss_maps.terms, curve)
