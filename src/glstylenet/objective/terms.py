"""Terms: the list of the terms of the total loss (Eq. 8), their weights and their values.

L = alpha L_content + beta L_local + gamma L_global + sigma L_smoothness                  (Eq. 8)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor

from glstylenet.matching import Matches
from glstylenet.objective.content import ContentTerm
from glstylenet.objective.gram import GlobalTerm
from glstylenet.objective.local import LocalTerm
from glstylenet.objective.loss_term import LossTerm
from glstylenet.objective.smoothness import SmoothnessTerm
from glstylenet.settings import Settings

__all__ = ["TERMS", "Evaluation", "LossAccumulator", "LossMaps", "LossTerms", "LossWeights", "active_terms"]

TERMS: list[type[LossTerm]] = [ContentTerm, LocalTerm, GlobalTerm, SmoothnessTerm]
"""Every term, in the order of Eq. 8. All that computes or shows terms reads this list."""


@dataclass(frozen=True)
class LossWeights:
    """The weights of Eq. 8 by the terms' names, and ``semantic``, beta1 of Eq. 3.

    A term without a weight, or with weight 0, is not computed.

    >>> LossWeights({"content": 10.0})["local"]
    0.0
    """

    terms: Mapping[str, float]
    semantic: float = 0.0

    @classmethod
    def of(cls, settings: Settings, *, content_factor: float = 1.0) -> "LossWeights":
        """Return the weights that ``settings`` name, that of the content times ``content_factor``."""
        weights = {term.name: float(getattr(settings, term.setting)) for term in TERMS}
        weights["content"] *= content_factor
        return cls(MappingProxyType(weights), settings.semantic_weight)

    def __getitem__(self, name: str) -> float:
        return self.terms.get(name, 0.0)

    def replace(self, changes: Mapping[str, float]) -> "LossWeights":
        """Return the weights with some terms' changed."""
        return LossWeights(MappingProxyType({**self.terms, **changes}), self.semantic)


def active_terms(weights: LossWeights, *, has_content: bool) -> list[type[LossTerm]]:
    """Return the terms that are computed: those with a weight, and with a content where they compare one."""
    return [term for term in TERMS if weights[term.name] > 0 and (has_content or not term.compares_content)]


@dataclass(frozen=True)
class LossTerms:
    """The weighted values of the terms of Eq. 8, by name; 0 for a term that is not computed.

    There are no values where nothing was evaluated.

    >>> losses = LossTerms({"content": 2.0, "local": 3.0})
    >>> losses["local"], losses.total
    (3.0, 5.0)
    """

    values: Mapping[str, float]

    def __getitem__(self, name: str) -> float:
        return self.values[name]

    @property
    def total(self) -> float:
        """The objective: the sum of all terms."""
        return sum(self.values.values())

    def as_dict(self) -> dict[str, float]:
        """Return the terms by name, and ``total``; an empty table where nothing was evaluated."""
        return {**self.values, "total": self.total} if self.values else {}


class LossAccumulator:
    """The values of the terms as they add up over the tiles: float64, on the device."""

    def __init__(self, device: torch.device) -> None:
        self._values = {term.name: torch.zeros((), dtype=torch.float64, device=device) for term in TERMS}

    def add(self, term: LossTerm, value: Tensor) -> None:
        """Add to the value of a term."""
        self._values[term.name] += value

    def stacked(self) -> Tensor:
        """Return all values in the order of ``TERMS``."""
        return torch.stack(tuple(self._values.values()))

    @staticmethod
    def terms(stacked: Tensor) -> LossTerms:
        """Return the values of :meth:`stacked` on the host, in one transfer."""
        names = (term.name for term in TERMS)
        return LossTerms(dict(zip(names, stacked.tolist(), strict=True)))


@dataclass(frozen=True)
class Evaluation:
    """Loss terms at some pixels, and the gradient of their sum: (1, 3, H, W) float32."""

    terms: LossTerms
    gradient: Tensor


@dataclass(frozen=True)
class LossMaps:
    """The weighted terms at some pixels, and where in the picture they arise.

    ``content`` float64 (h, w): each position's part of the content term (Eq. 2), ``None`` without one.
    ``matches`` and ``local``, one for each fused feature of the scheme: the nearest style patches (Eq. 3) and
    each patch's part of the local term (Eq. 4), float64 (H-2, W-2); both empty without a local term. Parts
    are at least 0 and sum up to their term. The global term has no map: a Gram matrix is a sum over
    positions, and its squared distance (Eq. 6) cannot be divided by them. ``class_globals``, float64 (K,):
    each class's part of it where statistics are by region, else ``None``.
    """

    terms: LossTerms
    content: Tensor | None
    local: Sequence[Tensor]
    matches: Sequence[Matches]
    class_globals: Tensor | None = None
