"""Precision: in which type values are stored, computed with and summed.

float16 is a type for storage only, half the memory of float32; it is converted before anything is computed.
bfloat16 is computed with as it is, where the network runs in it. Sums are at least float32.
"""

import torch
from torch import Tensor

__all__ = [
    "at_least_float32",
    "compute_dtype",
    "exact_dtype",
    "sum_dtype",
    "sum_of_squares",
    "to_half",
    "upcast",
]


_LARGEST_HALF = 65504.0
"""The largest finite float16."""


def compute_dtype(dtype: torch.dtype) -> torch.dtype:
    """Return the type to compute in with values stored as ``dtype``: float32 for float16, else the same.

    >>> compute_dtype(torch.float16), compute_dtype(torch.bfloat16)
    (torch.float32, torch.bfloat16)
    """
    return torch.float32 if dtype == torch.float16 else dtype


def upcast(feature: Tensor) -> Tensor:
    """Return ``feature`` in its :func:`compute_dtype`, without a copy where that is its type."""
    return feature.to(compute_dtype(feature.dtype))


def to_half(feature: Tensor) -> Tensor:
    """Return ``feature`` in 16 bits an entry for storage: float32 becomes float16, other types stay.

    Values above 65504, the largest float16, are clamped: an infinity would spoil every later number. Features
    of VGG-19 are below 1e4.

    >>> to_half(torch.tensor([1.0, 1e6]))
    tensor([1.0000e+00, 6.5504e+04], dtype=torch.float16)
    """
    if feature.dtype != torch.float32:
        return feature
    return feature.clamp(max=_LARGEST_HALF).to(torch.float16)


def sum_of_squares(values: Tensor) -> Tensor:
    """Return the sum of the squares of all entries, as a float64 tensor without dimensions."""
    return values.square().sum(dtype=torch.float64)


def at_least_float32(values: Tensor) -> Tensor:
    """Return ``values`` in at least float32, so that statistics of bfloat16 features keep their digits."""
    return values.to(sum_dtype(values.dtype))


def sum_dtype(dtype: torch.dtype) -> torch.dtype:
    """Return the type in which values of ``dtype`` are summed: at least float32.

    >>> sum_dtype(torch.bfloat16), sum_dtype(torch.float64)
    (torch.float32, torch.float64)
    """
    return torch.promote_types(dtype, torch.float32)


def exact_dtype(dtype: torch.dtype) -> torch.dtype:
    """Return a type with at least twice the digits of ``dtype``: float32 for bfloat16, else float64."""
    return torch.float32 if dtype == torch.bfloat16 else torch.float64
