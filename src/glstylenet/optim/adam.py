"""Adam: projected Adam (Kingma and Ba 2015), the alternative to L-BFGS.

PyTorch's Adam takes the step, and the variables are clamped into the box after it. The loss may rise on the
way; what a run yields is the best point so far.
"""

from collections.abc import Iterator
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from glstylenet.optim.base import Evaluate, Optimizer, Step, is_finite
from glstylenet.optim.state import Numbers, OptimizerState, check_tensors

__all__ = ["Adam"]

_MOST_STEPS = 2**24
"""PyTorch counts the steps in float32, which holds whole numbers up to this one."""


class _AdamNumbers(Numbers):
    """`_AdamNumbers` is what a state holds besides the moments; ``step`` is there only with these."""

    rate: Annotated[float, Field(gt=0.0)]
    step: Annotated[float, Field(ge=1.0, le=_MOST_STEPS, multiple_of=1.0)] | None = None


class Adam(Optimizer):
    """`Adam` minimises a function in a box by Adam steps, each followed by a projection.

    - ``rate``: the step size, in units of x. An entry moves about this far in a step at most.
    - ``decay``: the decay rates of the first and second moments.

    The moments are kept from one run to the next, like the history of L-BFGS. After a loss or gradient that
    is not finite, the run continues from the best point with half the rate and new moments.

    >>> bowl = lambda x: (float((x - 7).square().sum()), 2 * (x - 7))
    >>> *_, last = Adam(rate=1.0).run(bowl, torch.tensor([3.0]), 100)
    >>> round(float(last.x), 1)
    7.0
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
        """Discard the moments."""
        self._variable = None

    def state_dict(self) -> OptimizerState:  # noqa: D102
        numbers = {"rate": self.rate}
        if self._variable is None or self._adam is None or not self._adam.state:
            return OptimizerState({}, numbers)
        state = self._adam.state[self._variable]
        moments = {name: state[name] for name in ("exp_avg", "exp_avg_sq")}
        return OptimizerState(moments, {**numbers, "step": float(state["step"])})

    def load_state_dict(self, state: OptimizerState, like: Tensor) -> None:  # noqa: D102
        self.rate = float(state.numbers["rate"])
        self.reset()
        if state.tensors:
            _, adam = self._prepare(like)
            moments = {**state.tensors, "step": torch.tensor(state.numbers["step"])}
            adam.load_state_dict({**adam.state_dict(), "state": {0: moments}})

    def check_state(self, state: OptimizerState, shape: torch.Size) -> None:  # noqa: D102
        numbers = _AdamNumbers.model_validate(state.numbers)
        if numbers.rate > self.rate:
            raise ValueError(f"the rate is {numbers.rate}, and it only falls from {self.rate}")
        moments = () if numbers.step is None else ("exp_avg", "exp_avg_sq")
        check_tensors(state.tensors, dict.fromkeys(moments, (shape, torch.float32)))
        if moments and float(state.tensors["exp_avg_sq"].min()) < 0.0:
            raise ValueError("exp_avg_sq has negative entries, and it is a mean of squares")

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
            if not finite:
                # The moments led to a bad point: return to the best one, without them and with smaller steps.
                self.rate *= 0.5
                self.reset()
                variable, adam = self._prepare(best)
                gradient = best_gradient
            yield Step(used, best_loss, best, accepted, finite)

    def _prepare(self, x: Tensor) -> tuple[Tensor, torch.optim.Adam]:
        """Return PyTorch's optimiser and its variable, set to ``x``; new ones after a reset."""
        if self._variable is None or self._adam is None or self._variable.shape != x.shape:
            self._variable = x.clone()
            self._adam = torch.optim.Adam([self._variable], lr=self.rate, betas=self.decay)
        else:
            self._variable.copy_(x)
        return self._variable, self._adam
