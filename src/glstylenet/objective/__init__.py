"""The paper's total loss and its gradient (Eqs. 2-8).

- ``terms``: lists the terms of Eq. 8 and holds their weights and values.
- ``loss_term``: defines what a term is.
- ``content``: compares features with the content's (Eq. 2).
- ``local``: compares patches with their nearest style patches (Eq. 4).
- ``gram``: compares Gram matrices with the style's (Eqs. 5-6).
- ``regions``: gathers the positions of each map class for its Gram matrix.
- ``smoothness``: compares neighbouring pixels (Eq. 7).
- ``styles``: holds the list of styles, as one pool of patches and one mean of Gram matrices.
- ``opacity``: decides which patches of a style with transparent parts are painted from.
- ``style_target``: computes once what the terms need of one style.
- ``stroke_votes``: copies the styles' pixels under the nearest patches, for a start or a finer size.
- ``target_cache``: shares targets between runs on the same pictures.
- ``tile_features``: computes the fused features of one tile.
- ``objective``: evaluates all terms and the gradient at some pixels.
- ``area_objective``: evaluates them as a function of the pixels of one area, with all others held.
"""

from glstylenet.objective.area_objective import (
    AreaObjective,
    AreaSurvey,
    AreaTargets,
    compared_groups,
)
from glstylenet.objective.gram import gram
from glstylenet.objective.loss_term import Loss, LossTerm
from glstylenet.objective.objective import Objective
from glstylenet.objective.opacity import check_opacity, counted_patches, counted_positions
from glstylenet.objective.stroke_votes import SEARCHES_OF_VOTE
from glstylenet.objective.style_target import StyleStatistics
from glstylenet.objective.styles import StyleGuide
from glstylenet.objective.target_cache import TargetCache
from glstylenet.objective.terms import TERMS, LossMaps, LossTerms, LossWeights
from glstylenet.objective.tile_features import crop_features

__all__ = [
    "SEARCHES_OF_VOTE",
    "TERMS",
    "AreaObjective",
    "AreaSurvey",
    "AreaTargets",
    "Loss",
    "LossMaps",
    "LossTerm",
    "LossTerms",
    "LossWeights",
    "Objective",
    "StyleGuide",
    "StyleStatistics",
    "TargetCache",
    "check_opacity",
    "compared_groups",
    "counted_patches",
    "counted_positions",
    "crop_features",
    "gram",
]
