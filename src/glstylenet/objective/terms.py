"""Terms: the weights of the paper's total loss (Eq. 8), its terms, and these by position."""

from dataclasses import dataclass

import torch
from torch import Tensor

from glstylenet.matching import Matches
from glstylenet.settings import Settings

__all__ = ["Evaluation", "LossAccumulator", "LossMaps", "LossTerms", "LossWeights"]


@dataclass(frozen=True)
class LossWeights:
    """The five weights of Eqs. 2-8. A term whose weight is 0 is not computed."""

    content: float  # alpha
    local: float  # beta
    semantic: float  # beta1
    global_: float  # gamma
    smoothness: float  # sigma

    @classmethod
    def of(cls, settings: Settings, *, content_factor: float = 1.0) -> "LossWeights":
        """Those of ``settings``, the content's times ``content_factor``."""
        return cls(
            content=settings.content_weight * content_factor,
            local=settings.local_weight,
            semantic=settings.semantic_weight,
            global_=settings.global_weight,
            smoothness=settings.smoothness,
        )


@dataclass(frozen=True)
class LossTerms:
    """The weighted terms of Eq. 8."""

    content: float
    local: float
    global_: float
    smoothness: float

    @property
    def total(self) -> float:
        """The objective: the sum of the four."""
        return self.content + self.local + self.global_ + self.smoothness

    def as_dict(self) -> dict[str, float]:
        """``content``, ``local``, ``global``, ``smoothness`` and ``total``."""
        return {
            "content": self.content,
            "local": self.local,
            "global": self.global_,
            "smoothness": self.smoothness,
            "total": self.total,
        }


class LossAccumulator:
    """The four terms as they add up over the tiles: float64, on the device."""

    def __init__(self, device: torch.device) -> None:
        self.content = torch.zeros((), dtype=torch.float64, device=device)
        self.local = torch.zeros_like(self.content)
        self.global_ = torch.zeros_like(self.content)
        self.smoothness = torch.zeros_like(self.content)

    def stacked(self) -> Tensor:
        """All four, as :class:`LossTerms` has them."""
        return torch.stack((self.content, self.local, self.global_, self.smoothness))

    def terms(self) -> LossTerms:
        """The same, in one transfer."""
        return LossTerms(*self.stacked().tolist())


@dataclass(frozen=True)
class Evaluation:
    """Loss terms at some pixels, and the gradient of their sum: (1, 3, H, W) float32."""

    terms: LossTerms
    gradient: Tensor


@dataclass(frozen=True)
class LossMaps:
    """The weighted terms at some pixels, and where in the picture they arise.

    ``content`` float64 (h, w): each position's part of the content term (Eq. 2), ``None`` without one.
    ``matches`` and ``local``, one for each fused feature of the scheme: the nearest style patch (Eq. 3) and
    the part of the local term (Eq. 4), float64 (H-2, W-2), of each patch; both empty without a local term.
    Parts are at least 0 and sum up to their term. The global term has none: a Gram matrix is a sum over the
    whole picture, and its squared distance (Eq. 6) cannot be told apart again by position.
    """

    terms: LossTerms
    content: Tensor | None
    local: list[Tensor]
    matches: list[Matches]
