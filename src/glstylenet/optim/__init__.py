"""Bounded minimisation of any function of the pixels.

- ``base``: defines what an optimiser is and what it tells after each evaluation.
- ``lbfgs``: implements projected L-BFGS.
- ``lbfgs_memory``: keeps the pairs of L-BFGS and computes its direction.
- ``adam``: implements projected Adam.
- ``preconditioner``: scales the waves and the regions of a picture for L-BFGS.
- ``curvature``: estimates from the pairs of L-BFGS where the objective is steep.
"""

from glstylenet.optim.adam import Adam
from glstylenet.optim.base import Optimizer, OptimizerState
from glstylenet.optim.lbfgs import Lbfgs
from glstylenet.optim.lbfgs_memory import history_bytes
from glstylenet.optim.preconditioner import Preconditioner

__all__ = ["Adam", "Lbfgs", "Optimizer", "OptimizerState", "Preconditioner", "history_bytes"]
