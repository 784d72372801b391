"""Class losses: the content and the local term divided among the map's classes.

A patch counts for the class in its middle, a position of F^4 for the class with the largest share under it.
The parts of all classes add up to the whole terms. The global term has no parts: a Gram matrix (Eq. 5) is a
sum over the whole picture, and it is compared (Eq. 6) only after that sum is squared.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from glstylenet.explain.correspondence import Correspondence, class_grid
from glstylenet.network import CONTENT_LAYER
from glstylenet.objective import LossMaps
from glstylenet.pyramid import PAPER_SCHEMES
from glstylenet.run import Inputs
from glstylenet.settings import Settings

__all__ = ["ClassLosses", "divide_losses"]


@dataclass(frozen=True)
class ClassLosses:
    """One class's part of the loss.

    ``number`` from 1 as in the table of classes, and its ``colour`` such as ``#ff0000``; 0 and ``None`` for
    the whole picture without maps. ``share`` 0..1 of the picture's pixels. ``local`` and ``content``: the
    class's parts of the weighted terms. ``local_mean`` and ``content_mean``: what the term would be if the
    whole picture were as this class is on average; ``None`` where the class is in the middle of no patch, or
    under no position. ``leaving`` 0..1: the share of its matches that lie in another class.
    """

    number: int
    colour: str | None
    share: float
    local: float
    local_mean: float | None
    content: float
    content_mean: float | None
    leaving: float | None


def divide_losses(
    breakdown: LossMaps, inputs: Inputs, settings: Settings, correspondence: Correspondence | None
) -> tuple[ClassLosses, ...]:
    """The parts of the classes that the content has, largest class first; one part without maps."""
    terms, semantics = breakdown.terms, inputs.semantics
    if semantics is None:
        whole = ClassLosses(
            0, None, 1.0, terms.local, terms.local, terms.content, terms.content, leaving=None
        )
        return (whole,)
    count = len(semantics.classes)
    local, local_mean = np.zeros(count), np.zeros(count)
    has_patches = np.zeros(count, np.bool_)
    for part, group in zip(breakdown.local, PAPER_SCHEMES[settings.scheme].groups, strict=False):
        classes = class_grid(semantics.content, group, inputs.size)[1:-1, 1:-1]
        sums, means = _by_class(part.cpu().numpy(), classes, count)
        local += sums
        local_mean += np.nan_to_num(means)
        has_patches |= ~np.isnan(means)
    content, content_mean = np.zeros(count), np.full(count, np.nan)
    if breakdown.content is not None:
        classes = class_grid(semantics.content, (CONTENT_LAYER,), inputs.size)
        content, content_mean = _by_class(breakdown.content.cpu().numpy(), classes, count)
    return tuple(
        ClassLosses(
            number=number + 1,
            colour=each.colour_name,
            share=float(semantics.content[0, number].mean()),
            local=float(local[number]),
            local_mean=float(local_mean[number]) if has_patches[number] else None,
            content=float(content[number]),
            content_mean=None if np.isnan(content_mean[number]) else float(content_mean[number]),
            leaving=_leaving(correspondence, number),
        )
        for number, each in enumerate(semantics.classes)
        if each.content_share > 0
    )


def _by_class(
    parts: npt.NDArray[np.float64], classes: npt.NDArray[np.uint8], count: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Sum of ``parts`` over each class, and their mean times the number of all parts (NaN for no part)."""
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
