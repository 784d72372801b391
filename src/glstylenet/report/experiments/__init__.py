"""Experiments: the paper's figures, one module each; :data:`EXPERIMENTS` lists them in the paper's order."""

from collections.abc import Mapping
from types import MappingProxyType

from glstylenet.report.experiment import Experiment
from glstylenet.report.experiments.artistic import ARTISTIC
from glstylenet.report.experiments.chinese import CHINESE_PAINTING
from glstylenet.report.experiments.chinese_detail import CHINESE_DETAIL
from glstylenet.report.experiments.cost import COST
from glstylenet.report.experiments.global_weight import CHINESE_GLOBAL_WEIGHT, GLOBAL_WEIGHT
from glstylenet.report.experiments.initialisation import INITIALISATION
from glstylenet.report.experiments.local_weights import LOCAL_WEIGHTS
from glstylenet.report.experiments.photorealistic import PHOTOREALISTIC
from glstylenet.report.experiments.portraits import PORTRAIT, PORTRAIT_REVERSED
from glstylenet.report.experiments.schemes import AGGREGATION_SCHEMES, SCHEME_FLOWS

__all__ = ["EXPERIMENTS"]

EXPERIMENTS: Mapping[str, Experiment] = MappingProxyType(
    {
        experiment.name: experiment
        for experiment in (
            CHINESE_PAINTING,
            PORTRAIT,
            PORTRAIT_REVERSED,
            INITIALISATION,
            LOCAL_WEIGHTS,
            GLOBAL_WEIGHT,
            AGGREGATION_SCHEMES,
            SCHEME_FLOWS,
            COST,
            CHINESE_GLOBAL_WEIGHT,
            ARTISTIC,
            PHOTOREALISTIC,
            CHINESE_DETAIL,
        )
    }
)
"""The experiments by the paper's numbers, "fig1" and so on; Figures 4 and 5 are drawings of the method."""
