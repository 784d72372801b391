"""Precision: TODO-DOC."""

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
"""Of float16."""


def compute_dtype(dtype: torch.dtype) -> torch.dtype:
    """The type to compute in with what is kept as ``dtype``: float32 for float16, which saves memory only."""
    return torch.float32 if dtype == torch.float16 else dtype


def upcast(feature: Tensor) -> Tensor:
    """``feature`` in its :func:`compute_dtype`."""
    return feature.to(compute_dtype(feature.dtype))


def to_half(feature: Tensor) -> Tensor:
    """``feature`` to be kept in 16 bits an entry: float16 for float32, others as they are.

    Features of VGG-19 are below 1e4, and float16 holds 65504: what lay beyond it would spoil every number as
    an infinity.
    """
    if feature.dtype != torch.float32:
        return feature
    return feature.clamp(max=_LARGEST_HALF).to(torch.float16)


def sum_of_squares(values: Tensor) -> Tensor:
    """Return the sum of the squares of all entries, 0-dimensional float64."""
    return values.square().sum(dtype=torch.float64)


def at_least_float32(values: Tensor) -> Tensor:
    """At least float32: statistics of bfloat16 features are summed with all their digits."""
    return values.to(sum_dtype(values.dtype))


def sum_dtype(dtype: torch.dtype) -> torch.dtype:
    """Return the type in which values of ``dtype`` are summed: at least float32."""
    return torch.promote_types(dtype, torch.float32)


def exact_dtype(dtype: torch.dtype) -> torch.dtype:
    """The type with twice the digits of ``dtype``, or more."""
    return torch.float32 if dtype == torch.bfloat16 else torch.float64
