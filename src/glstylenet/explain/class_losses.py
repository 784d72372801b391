"""Class losses: the parts of the terms that belong to each class of the map.

A patch belongs to the class in its middle, a position of F^4 to the class with the largest share of it. The
parts of all classes add up to the term. The global term has parts only where statistics are by region: a Gram
matrix (Eq. 5) of the whole picture is a sum over it, and Eq. 6 squares the difference of two such sums.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from glstylenet.explain.correspondence import Correspondence, class_grid
from glstylenet.network import CONTENT_LAYER
from glstylenet.objective import LossMaps
from glstylenet.pyramid import SCHEMES
from glstylenet.run import Inputs
from glstylenet.settings import Settings

__all__ = ["ClassLosses", "divide_losses"]


@dataclass(frozen=True)
class ClassLosses:
    """`ClassLosses` holds the part of the loss that belongs to one class.

    ``number``: from 1 as in the table of classes, and 0 for the whole picture where there are no maps.
    ``colour``: such as ``#ff0000``, ``None`` without maps. ``share``: of the picture's pixels, 0..1.
    ``local`` and ``content``: the class's parts of the weighted terms. ``local_mean`` and ``content_mean``:
    the value of the term if the whole picture were like the average of this class; ``None`` for a class that
    has no patch, or no position of F^4. ``leaving``: share of its matches that lie in another class, 0..1.
    ``global_part``: the class's part of the weighted global term, ``None`` where that has no parts.
    """

    number: int
    colour: str | None
    share: float
    local: float
    local_mean: float | None
    content: float
    content_mean: float | None
    leaving: float | None
    global_part: float | None = None


def divide_losses(
    loss_maps: LossMaps, inputs: Inputs, settings: Settings, correspondence: Correspondence | None
) -> tuple[ClassLosses, ...]:
    """Return the parts of the classes in the content's map, largest class first; one part without maps."""
    semantics = inputs.semantics
    if semantics is None:
        terms = loss_maps.terms.as_dict()
        local, content = terms["local"], terms["content"]
        return (ClassLosses(0, None, 1.0, local, local, content, content, leaving=None),)
    count = len(semantics.classes)
    locals_, local_means = np.zeros(count), np.zeros(count)
    has_patches = np.zeros(count, np.bool_)
    for part, group in zip(loss_maps.local, SCHEMES[settings.scheme].groups, strict=False):
        classes = class_grid(semantics.channels[0], group, inputs.size)[1:-1, 1:-1]
        sums, means = _by_class(part.cpu().numpy(), classes, count)
        locals_ += sums
        local_means += np.nan_to_num(means)
        has_patches |= ~np.isnan(means)
    contents, content_means = np.zeros(count), np.full(count, np.nan)
    if loss_maps.content is not None:
        classes = class_grid(semantics.channels[0], (CONTENT_LAYER,), inputs.size)
        contents, content_means = _by_class(loss_maps.content.cpu().numpy(), classes, count)
    return tuple(
        ClassLosses(
            number=number + 1,
            colour=each.colour_name,
            share=float(semantics.channels[0][0, number].mean()),
            local=float(locals_[number]),
            local_mean=float(local_means[number]) if has_patches[number] else None,
            content=float(contents[number]),
            content_mean=None if np.isnan(content_means[number]) else float(content_means[number]),
            leaving=_leaving(correspondence, number),
            global_part=None if loss_maps.class_globals is None else float(loss_maps.class_globals[number]),
        )
        for number, each in enumerate(semantics.classes)
        if each.shares[0] > 0
    )


def _by_class(
    parts: npt.NDArray[np.float64], classes: npt.NDArray[np.uint8], count: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the sum of ``parts`` over each class, and their mean times the number of all parts.

    The mean is NaN for a class without parts.
    """
    labels = classes.ravel()
    sums = np.zeros(count)
    np.add.at(sums, labels, parts.ravel())
    members = np.bincount(labels, minlength=count)
    means = np.full(count, np.nan)
    np.divide(sums * labels.size, members, out=means, where=members > 0)
    return sums, means


def _leaving(correspondence: Correspondence | None, number: int) -> float | None:
    if correspondence is None or correspondence.crossing is None:
        return None
    leaving = correspondence.crossing[correspondence.content_class == number]
    return float(leaving.mean()) if leaving.size else None
