"""Terms: the weights and the terms of the paper's total loss (Eq. 8), as plain numbers."""

from dataclasses import dataclass

from torch import Tensor

from glstylenet.settings import Settings

__all__ = ["Evaluation", "LossTerms", "LossWeights"]


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


@dataclass(frozen=True)
class Evaluation:
    """Loss terms at some pixels, and the gradient of their sum: (1, 3, H, W) float32."""

    terms: LossTerms
    gradient: Tensor
