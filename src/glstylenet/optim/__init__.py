"""Bounded minimisation of any function of the pixels.

- ``base``: defines what an optimiser is, the step it yields.
- ``state``: holds what an optimiser saves, and checks what is read back.
- ``lbfgs``: implements projected L-BFGS.
- ``lbfgs_memory``: stores the secant pairs of L-BFGS and computes its direction.
- ``preconditioner``: scales the waves and the regions of a picture for L-BFGS.
- ``adam``: implements projected Adam.
"""

from glstylenet.optim.adam import Adam
from glstylenet.optim.base import Optimizer
from glstylenet.optim.lbfgs import Lbfgs
from glstylenet.optim.lbfgs_memory import history_bytes
from glstylenet.optim.preconditioner import Preconditioner
from glstylenet.optim.state import OptimizerState, check_tensors

__all__ = ["Adam", "Lbfgs", "Optimizer", "OptimizerState", "Preconditioner", "check_tensors", "history_bytes"]
