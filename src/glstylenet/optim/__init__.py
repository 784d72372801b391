"""Bounded minimisation of any function of the pixels.

- ``base``: defines what an optimiser is, the step it yields and the state it saves.
- ``lbfgs``: implements projected L-BFGS.
- ``lbfgs_memory``: stores the secant pairs of L-BFGS and computes its direction.
- ``preconditioner``: scales the waves and the regions of a picture for L-BFGS.
- ``adam``: implements projected Adam.
"""

from glstylenet.optim.adam import Adam
from glstylenet.optim.base import Optimizer, OptimizerState
from glstylenet.optim.lbfgs import Lbfgs
from glstylenet.optim.lbfgs_memory import history_bytes
from glstylenet.optim.preconditioner import Preconditioner

__all__ = ["Adam", "Lbfgs", "Optimizer", "OptimizerState", "Preconditioner", "history_bytes"]
