"""Strokes: the style's pixels are copied into the canvas before a size is optimised.

The result of a coarser size is soft when it is enlarged, but its nearest patches are right, if they are those
of a style as soft. Copying the style's pixels there (:mod:`glstylenet.matching.voting`) brings strokes that
no interpolation has, and the optimisation goes on from them. This is not a part of the paper;
``voting="none"`` leaves it out.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from glstylenet.objective import Objective
from glstylenet.run.canvas import with_margin, without_margin
from glstylenet.settings import Settings

__all__ = ["FORMS_REACH", "blend_detail", "copy_strokes", "copy_strokes_by_maps", "votes_before"]


_START_VOTES = 3
"""Votes one after another where a run starts from copies that maps keep in place."""


_FORMS = 4.0
"""Standard deviation, in pixels, of the Gaussian that divides forms from detail: half a position of F^4."""


FORMS_REACH = math.ceil(3 * _FORMS)
"""Pixels that the Gaussian is computed to: three standard deviations."""


def votes_before(settings: Settings, number: int, *, has_maps: bool) -> int:
    """Return how many votes scale ``number`` (from 0) begins with.

    A run starts from several where maps keep the copies in place: the later ones follow the strokes of the
    first. Without maps they would follow them away from the content.

    >>> [votes_before(Settings(init="voted"), number, has_maps=False) for number in (0, 1)]
    [1, 1]
    """
    if settings.local_weight == 0:
        return 0  # no patches are matched
    if number > 0:
        return int(settings.voting != "none")
    starts_voted = settings.init == "voted" or settings.quality == "preview"
    return (_START_VOTES if has_maps else 1) if starts_voted else 0


def copy_strokes(
    objective: Objective, canvas: Tensor, *, keep_forms: bool, enlargement: float = 1.0
) -> Tensor:
    """Return ``canvas`` (1, 3, H, W), 0..255, repainted with copies of the style's strokes.

    ``keep_forms``: only detail is taken from the copies; forms and colours larger than about 10 pixels stay
    those of the canvas. ``enlargement``: how many times the canvas was enlarged since it was painted.
    """
    voted = objective.copy_strokes(canvas, enlargement=enlargement)
    return _with_new_margin(blend_detail(canvas, voted) if keep_forms else voted)


def blend_detail(canvas: Tensor, voted: Tensor) -> Tensor:
    """Return the detail of ``voted`` on the forms of ``canvas``, both (1, 3, H, W)."""
    return voted + _blurred(canvas - voted)


def copy_strokes_by_maps(objective: Objective, canvas: Tensor) -> Tensor:
    """Return ``canvas`` repainted with strokes that the maps alone choose; unchanged where none steer."""
    voted = objective.copy_strokes_by_maps(canvas)
    return canvas if voted is None else _with_new_margin(voted)


def _with_new_margin(canvas: Tensor) -> Tensor:
    return with_margin(without_margin(canvas.clamp(0.0, 255.0)))


def _blurred(picture: Tensor) -> Tensor:
    """Return ``picture`` (1, C, H, W) convolved with a Gaussian; it is continued by its border pixels."""
    reach = FORMS_REACH
    places = torch.arange(-reach, reach + 1, dtype=picture.dtype, device=picture.device)
    bell = torch.exp(-0.5 * (places / _FORMS) ** 2)
    bell /= bell.sum()
    channels = picture.shape[1]
    for kernel, padding in (
        (bell.view(1, 1, 1, -1), (reach, reach, 0, 0)),
        (bell.view(1, 1, -1, 1), (0, 0, reach, reach)),
    ):
        padded = F.pad(picture, padding, mode="replicate")
        picture = F.conv2d(padded, kernel.expand(channels, 1, -1, -1), groups=channels)
    return picture
