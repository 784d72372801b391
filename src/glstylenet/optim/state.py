"""State: what an optimiser carries over from one run to the next, and how one from a file is checked."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor

__all__ = ["Numbers", "OptimizerState", "check_tensors", "largest_absolute"]


@dataclass(frozen=True)
class OptimizerState:
    """`OptimizerState` holds what an optimiser carries over from one run to the next.

    - ``tensors``: float16 or float32 tensors by name. They may be the optimiser's own: use them before it
      continues, and do not write into them.
    - ``numbers``: everything else, in types that JSON can hold.
    """

    tensors: Mapping[str, Tensor]
    numbers: Mapping[str, Any]


class Numbers(BaseModel):
    """`Numbers` is the base of an optimiser's schema for the ``numbers`` of its states."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)


def check_tensors(
    tensors: Mapping[str, Tensor], expected: Mapping[str, tuple[Sequence[int], torch.dtype]]
) -> None:
    """Check that ``tensors`` have the names, shapes and types ``expected``, and finite entries only.

    Raises ``ValueError`` naming the first that has not.

    >>> check_tensors({"rows": torch.zeros(2, 3)}, {"rows": ((4, 3), torch.float32)})
    Traceback (most recent call last):
    ValueError: rows is torch.float32 (2, 3), expected torch.float32 (4, 3)
    """
    if set(tensors) != set(expected):
        raise ValueError(
            f"the tensors are {', '.join(sorted(tensors)) or 'none'}, expected "
            f"{', '.join(sorted(expected)) or 'none'}"
        )
    for name, (shape, dtype) in expected.items():
        tensor = tensors[name]
        if tuple(tensor.shape) != tuple(shape) or tensor.dtype != dtype:
            raise ValueError(
                f"{name} is {tensor.dtype} {tuple(tensor.shape)}, expected {dtype} {tuple(shape)}"
            )
    for name, tensor in tensors.items():  # after all shapes: this one takes time
        if not math.isfinite(largest_absolute(tensor)):
            raise ValueError(f"{name} has entries that are not finite")


def largest_absolute(vector: Tensor) -> float:
    """Return the largest absolute value in ``vector``, or NaN if it contains one.

    Unlike ``vector.abs().max()``, this allocates no temporary vector.

    >>> largest_absolute(torch.tensor([1.0, -3.0]))
    3.0
    """
    low, high = torch.stack(vector.aminmax()).tolist()
    return float(max(abs(low), abs(high)))
