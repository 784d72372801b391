"""The paper's total loss and its gradient (Eqs. 2-8).

- ``terms``: lists the terms of Eq. 8 and holds their values.
- ``loss``: pairs a term's value with its gradient.
- ``content``: compares features with the content's (Eq. 2).
- ``local``: compares patches with their nearest style patches (Eq. 4).
- ``gram``: compares Gram matrices with the style's (Eqs. 5-6).
- ``smoothness``: compares neighbouring pixels (Eq. 7).
- ``style_target``: computes once what a style asks of every picture.
- ``target_cache``: shares targets between runs on the same pictures.
- ``tile_features``: computes the fused features of one tile.
- ``objective``: evaluates all terms and the gradient at some pixels.
"""

from glstylenet.objective.gram import gram
from glstylenet.objective.local import StyleStatistics
from glstylenet.objective.objective import Objective
from glstylenet.objective.style_target import nothing
from glstylenet.objective.target_cache import TargetStore
from glstylenet.objective.terms import LossMaps, LossTerms, LossWeights

__all__ = [
    "LossMaps",
    "LossTerms",
    "LossWeights",
    "Objective",
    "StyleStatistics",
    "TargetStore",
    "gram",
    "nothing",
]
