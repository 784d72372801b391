"""Adam: TODO-DOC."""

from collections.abc import Iterator

import torch
from torch import Tensor

from glstylenet.optim.base import Evaluate, Optimizer, OptimizerState, Step, is_finite

__all__ = ["Adam"]


class Adam(Optimizer):
    """Adam (Kingma and Ba 2015) with the variables clamped after each step; the alternative to L-BFGS.

    ``rate``: how far an entry moves in a step, at most. Its moments outlive a run, like the history of
    L-BFGS. It may climb on its way; what it yields is the best point so far.
    """

    def __init__(
        self,
        *,
        lower: float = 0.0,
        upper: float = 255.0,
        rate: float = 3.0,
        decay: tuple[float, float] = (0.9, 0.99),
    ) -> None:
        super().__init__(lower=lower, upper=upper)
        self.rate = rate
        self.decay = decay
        self._variable: Tensor | None = None
        self._adam: torch.optim.Adam | None = None

    def reset(self) -> None:
        """Drop the moments."""
        self._variable = None

    def state_dict(self) -> OptimizerState:  # noqa: D102
        numbers = {"rate": self.rate}
        if self._variable is None or self._adam is None or not self._adam.state:
            return OptimizerState({}, numbers)
        state = self._adam.state[self._variable]
        moments = {name: state[name] for name in ("exp_avg", "exp_avg_sq")}
        return OptimizerState(moments, {**numbers, "step": float(state["step"])})

    def load_state_dict(self, snapshot: OptimizerState, like: Tensor) -> None:  # noqa: D102
        self.rate = float(snapshot.numbers["rate"])
        self.reset()
        if snapshot.tensors:
            _, adam = self._prepare(like)
            state = {**snapshot.tensors, "step": torch.tensor(snapshot.numbers["step"])}
            adam.load_state_dict({**adam.state_dict(), "state": {0: state}})

    def run(self, evaluate: Evaluate, start: Tensor, evaluations: int) -> Iterator[Step]:  # noqa: D102
        best, best_loss, best_gradient = self._start(evaluate, start)
        variable, adam = self._prepare(best)
        gradient = best_gradient
        yield Step(1, best_loss, best, True)
        for used in range(2, evaluations + 1):
            variable.grad = gradient
            adam.step()
            variable.clamp_(self.lower, self.upper)
            loss, gradient = evaluate(variable)
            finite = is_finite(loss, gradient)
            accepted = finite and loss < best_loss
            if accepted:
                best, best_loss, best_gradient = variable.clone(), loss, gradient
            if not finite:  # back to the best point, with smaller steps and no memory of the way that failed
                self.rate *= 0.5
                self.reset()
                variable, adam = self._prepare(best)
                gradient = best_gradient
            yield Step(used, best_loss, best, accepted)

    def _prepare(self, x: Tensor) -> tuple[Tensor, torch.optim.Adam]:
        if self._variable is None or self._adam is None or self._variable.shape != x.shape:
            self._variable = x.clone()
            self._adam = torch.optim.Adam([self._variable], lr=self.rate, betas=self.decay)
        else:
            self._variable.copy_(x)
        return self._variable, self._adam
