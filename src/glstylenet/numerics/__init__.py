"""Arithmetic on tensors that knows nothing of pictures or losses.

- ``matmul``: multiplies matrices with float32 sums, whatever the factors' type.
- ``precision``: chooses the type in which values are stored, computed with and summed.
- ``features``: allocates features, reshapes them and returns their size.
- ``chunks``: cuts long vectors into ranges that fit the processor's cache.
- ``rectangle``: describes a rectangle of positions of a picture or a feature.
- ``interruption``: lets the caller of a long computation end it between two of its blocks.
"""

from glstylenet.numerics.chunks import apply_mask, chunk_length, chunk_slices
from glstylenet.numerics.features import empty_feature, flatten_positions, picture_size
from glstylenet.numerics.interruption import Interrupted, interruptible, interruption_point, uninterrupted
from glstylenet.numerics.matmul import matmul_f32, split_k_matmul
from glstylenet.numerics.precision import (
    at_least_float32,
    compute_dtype,
    exact_dtype,
    sum_dtype,
    sum_of_squares,
    to_half,
    upcast,
)
from glstylenet.numerics.rectangle import Rect, whole

__all__ = [
    "Interrupted",
    "Rect",
    "apply_mask",
    "at_least_float32",
    "chunk_length",
    "chunk_slices",
    "compute_dtype",
    "empty_feature",
    "exact_dtype",
    "flatten_positions",
    "interruptible",
    "interruption_point",
    "matmul_f32",
    "picture_size",
    "split_k_matmul",
    "sum_dtype",
    "sum_of_squares",
    "to_half",
    "uninterrupted",
    "upcast",
    "whole",
]
