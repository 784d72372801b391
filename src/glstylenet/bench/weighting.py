"""Weighting: the settings of a run as the weights of Eq. 8."""

from glstylenet.objective import LossWeights
from glstylenet.settings import Settings

__all__ = ["loss_weights"]


def loss_weights(settings: Settings) -> LossWeights:
    """alpha, beta, beta1, gamma and sigma of ``settings``, at full size."""
    return LossWeights(
        content=settings.content_weight,
        local=settings.local_weight,
        semantic=settings.semantic_weight,
        global_=settings.global_weight,
        smoothness=settings.smoothness,
    )
