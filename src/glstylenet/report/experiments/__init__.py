"""Experiments: the paper's figures, one module each; :data:`EXPERIMENTS` lists them in the paper's order."""

from collections.abc import Mapping
from types import MappingProxyType

from glstylenet.report.experiment import Experiment
from glstylenet.report.experiments.artistic import ARTISTIC
from glstylenet.report.experiments.chinese import CHINESE
from glstylenet.report.experiments.cost import COST
from glstylenet.report.experiments.global_weight import GLOBAL_WEIGHT
from glstylenet.report.experiments.initialisation import INITIALISATION
from glstylenet.report.experiments.local_weights import LOCAL_WEIGHTS
from glstylenet.report.experiments.photorealistic import PHOTOREALISTIC
from glstylenet.report.experiments.portraits import PORTRAITS
from glstylenet.report.experiments.schemes import AGGREGATION_SCHEMES

__all__ = ["EXPERIMENTS"]

EXPERIMENTS: Mapping[str, Experiment] = MappingProxyType(
    {
        experiment.name: experiment
        for experiment in (
            INITIALISATION,
            LOCAL_WEIGHTS,
            GLOBAL_WEIGHT,
            AGGREGATION_SCHEMES,
            COST,
            PORTRAITS,
            ARTISTIC,
            PHOTOREALISTIC,
            CHINESE,
        )
    }
)
"""The experiments by the figure's name, "fig6" and so on."""
