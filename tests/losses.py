"""Weights and values of the four terms, as tests write them."""

from glstylenet.objective.terms import LossTerms, LossWeights

__all__ = ["loss_terms", "loss_weights"]


def loss_weights(
    *,
    content: float = 0.0,
    local: float = 0.0,
    semantic: float = 0.0,
    global_: float = 0.0,
    smoothness: float = 0.0,
) -> LossWeights:
    terms = {"content": content, "local": local, "global": global_, "smoothness": smoothness}
    return LossWeights(terms, semantic)


def loss_terms(content: float, local: float, global_: float, smoothness: float) -> LossTerms:
    return LossTerms({"content": content, "local": local, "global": global_, "smoothness": smoothness})
