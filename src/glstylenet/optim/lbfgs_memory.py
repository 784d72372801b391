"""LbfgsMemory: the pairs that L-BFGS stores, and the direction that follows from them.

The last m *secant pairs* s = x' - x, y = g' - g, of steps and changes of the gradient, define an
approximation H of the inverse Hessian. The two-loop recursion applies it to the gradient g (Nocedal 1980; Liu
and Nocedal 1989):

    q = g - sum_i a_i y_i,   r = t P q + sum_i c_i s_i,   H g = r

The initial inverse Hessian is H_0 = t P: P is symmetric and positive definite (a preconditioner, or the
identity), and t is s.y / y.Py of the newest pair times a constant factor, ``initial_scale``.

All coefficients follow from inner products of the rows s, y and g, so each loop runs on m numbers (after
Chen, Wang and Zhou 2014, "Large-scale L-BFGS using MapReduce"). The recursion on vectors passes over memory
in each of its 4m operations and waits for the device in half of them. This one reads all rows once for their
products, half of them for each sum and half for y.Pq, and copies numbers to the host twice. It allocates one
vector, the direction, and with a P, before that, another for Py.

The products are those of the rows as they are stored. A row rounded to half precision therefore stands for a
slightly different pair, but H stays symmetric and positive definite for the pairs there are.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from glstylenet.numerics import apply_mask, chunk_slices, split_k_matmul
from glstylenet.optim.state import Numbers, OptimizerState, check_tensors

__all__ = ["LbfgsMemory", "Precondition", "SecantPair", "StoredPairs", "history_bytes", "secant_pair"]


Precondition = Callable[[Tensor], None]
"""Multiplies a vector, in the shape of x, by P in place. P must be symmetric and positive definite."""


_CURVATURE = 1e-10
"""A pair is used only if s.y > this times |s| |y|; otherwise the model would not be convex."""


_S, _Y = 0, 1
"""The first row of each kind; every second row after it is of the same kind."""

_HALF_EXPONENT = 15
"""The largest entry of a row in half precision lies below 2^15, half of what float16 can hold."""


def history_bytes(pairs: int, entries: int, half: bool) -> int:
    """Return the bytes that ``pairs`` pairs of float32 vectors of ``entries`` entries take when stored.

    >>> history_bytes(10, entries=1000, half=True)
    40000
    """
    return 2 * pairs * entries * (2 if half else 4)


@dataclass(frozen=True)
class SecantPair:
    """`SecantPair` describes a pair (s, y) by five numbers: s.y, |s|, |y|, max |s_j| and max |y_j|.

    The vectors themselves are computed only when the pair is stored.
    """

    product: float
    s_length: float
    y_length: float
    s_largest: float
    y_largest: float

    @property
    def finite(self) -> bool:
        """Whether every entry of s and y is finite, and so the gradient at the end of the step."""
        return math.isfinite(self.s_largest) and math.isfinite(self.y_largest)

    @property
    def curved(self) -> bool:
        """Whether the function curves upward along the step, as a convex model of it must."""
        return _is_curved(self.product, self.s_length, self.y_length)


def secant_pair(x: Tensor, gradient: Tensor, new_x: Tensor, new_gradient: Tensor) -> SecantPair:
    """Measure the :class:`SecantPair` of a step from ``x`` to ``new_x``, in one pass over the vectors.

    The host waits for the device once.

    >>> x, g = torch.zeros(2), torch.zeros(2)
    >>> secant_pair(x, g, torch.tensor([3.0, 4.0]), torch.tensor([6.0, 8.0]))
    SecantPair(product=50.0, s_length=5.0, y_length=10.0, s_largest=4.0, y_largest=8.0)
    """
    old, new = (x.flatten(), gradient.flatten()), (new_x.flatten(), new_gradient.flatten())
    products = torch.zeros(2, 2, dtype=torch.float64, device=x.device)
    largest = torch.zeros(2, dtype=x.dtype, device=x.device)
    for part in chunk_slices(x, 6):
        pair = torch.stack([after[part] - before[part] for before, after in zip(old, new, strict=True)])
        products += split_k_matmul(pair, pair)
        largest = torch.maximum(largest, pair.abs_().amax(1))  # NaN stays NaN
    (ss, sy, _, yy, s_largest, y_largest) = torch.cat((products.flatten(), largest.double())).tolist()
    return SecantPair(sy, math.sqrt(ss), math.sqrt(yy), s_largest, y_largest)


@dataclass(frozen=True)
class StoredPairs:
    """`StoredPairs` is a view of the pairs in a :class:`LbfgsMemory`, in the order of their storage.

    - ``rows`` (2 m, entries), float16 or float32: s_0, y_0, s_1, y_1, ...; do not write into them.
    - ``scales`` (2 m): the factor that turns each row into the vector it stands for.
    - ``lengths`` (m): |s| of each pair.
    """

    rows: Tensor
    scales: NDArray[np.float64]
    lengths: NDArray[np.float64]

    def __len__(self) -> int:
        """Return m, the number of pairs."""
        return len(self.lengths)


_Positive = Annotated[float, Field(gt=0.0)]


class _MemoryNumbers(Numbers):
    """`_MemoryNumbers` is what a saved memory holds besides the rows."""

    size: int
    half: bool
    next: int
    scales: list[_Positive]
    lengths: list[_Positive]


class LbfgsMemory:
    """`LbfgsMemory` stores the last ``pairs`` pairs in a ring of rows on the device of x: s_0, y_0, s_1, ...

    - ``half``: store the rows in float16, in half the memory. Each row is divided by a power of two near its
      largest entry. Unscaled, a late and tiny step would vanish below the smallest float16, 6e-8, and the
      gradient of a heavily weighted loss would exceed the largest, 65504. Dividing by a power of two rounds
      nothing, and entries down to 4e-9 of the largest keep their eleven bits.
    - ``precondition``: P, the identity if ``None``.
    - ``initial_scale``: the factor in t. 1 is the custom; with more, steps are longer in the directions that
      the pairs say nothing about.
    """

    def __init__(
        self,
        pairs: int,
        *,
        half: bool = False,
        precondition: Precondition | None = None,
        initial_scale: float = 1.0,
    ) -> None:
        self.size = pairs
        self.half = half
        self.precondition = precondition
        self.initial_scale = initial_scale
        self._layout: tuple[torch.Size, torch.dtype, torch.device] | None = None
        self._rows: Tensor | None = None
        self._scales = np.ones(2 * pairs)
        self._lengths = np.zeros(pairs)  # |s| of each pair, over all variables
        self._count = 0
        self._next = 0

    def __len__(self) -> int:
        """Return the number of pairs stored now."""
        return self._count

    @property
    def nbytes(self) -> int:
        """Bytes of the rows; 0 before the first pair."""
        return 0 if self._rows is None else self._rows.nbytes

    def reset(self) -> None:
        """Discard the pairs. Their storage is kept for the next ones."""
        self._count = self._next = 0

    def secant_pairs(self) -> StoredPairs:
        """Return a view of the pairs stored now; it is valid until the next :meth:`add`."""
        rows = torch.empty(0, 0) if self._rows is None else self._rows[: 2 * self._count]
        return StoredPairs(rows, self._scales[: 2 * self._count], self._lengths[: self._count])

    def state_dict(self) -> OptimizerState:
        """Return the pairs for a checkpoint: ``rows`` (2 m, entries) as stored, if any, and numbers."""
        pairs = self.secant_pairs()
        numbers = {
            "size": self.size,
            "half": self.half,
            "next": self._next,
            "scales": pairs.scales.tolist(),
            "lengths": pairs.lengths.tolist(),
        }
        return OptimizerState({"rows": pairs.rows} if len(pairs) else {}, numbers)

    def load_state_dict(self, state: OptimizerState, like: Tensor) -> None:
        """Take over the pairs of a :meth:`state_dict`, for vectors in the layout of ``like``.

        Pairs of a memory of another size or precision are discarded.
        """
        self.match_layout(like)
        self.reset()
        numbers, rows = state.numbers, state.tensors.get("rows")
        if rows is None or (numbers["size"], numbers["half"]) != (self.size, self.half):
            return
        self._rows = torch.empty(2 * self.size, like.numel(), dtype=rows.dtype, device=like.device)
        self._rows[: len(rows)].copy_(rows)
        self._count, self._next = len(rows) // 2, int(numbers["next"])
        self._scales[: len(rows)] = numbers["scales"]
        self._lengths[: self._count] = numbers["lengths"]

    def check_state(self, state: OptimizerState, shape: torch.Size) -> None:
        """Check that ``state`` could be a :meth:`state_dict` of this memory, for vectors of ``shape``.

        Raises ``ValueError`` saying what is wrong.
        """
        numbers = _MemoryNumbers.model_validate(state.numbers)
        if (numbers.size, numbers.half) != (self.size, self.half):
            raise ValueError(
                f"the history has {numbers.size} pairs, half precision {numbers.half}; expected {self.size}, "
                f"{self.half}"
            )
        pairs = len(numbers.lengths)
        if pairs > self.size or len(numbers.scales) != 2 * pairs:
            raise ValueError(
                f"{len(numbers.scales)} scales and {pairs} lengths; expected two and one for each of at most "
                f"{self.size} pairs"
            )
        allowed = range(self.size) if pairs == self.size > 0 else (pairs,)
        if numbers.next not in allowed:
            raise ValueError(f"the next pair is {numbers.next}, impossible after {pairs} of {self.size}")
        dtype = torch.float16 if self.half else torch.float32
        rows = {"rows": ((2 * pairs, shape.numel()), dtype)} if pairs else {}
        check_tensors(state.tensors, rows)

    def match_layout(self, like: Tensor) -> None:
        """Discard pairs of another shape, type or device than ``like``, and free their storage."""
        layout = (like.shape, like.dtype, like.device)
        if layout != self._layout:
            self.reset()
            self._layout, self._rows = layout, None

    def add(self, pair: SecantPair, x: Tensor, gradient: Tensor, new_x: Tensor, new_gradient: Tensor) -> bool:
        """Store the pair of a step, measured by :func:`secant_pair`; return ``False`` if it is not curved.

        It replaces the oldest pair once the memory is full.
        """
        self.match_layout(x)
        if self.size == 0 or not pair.curved:
            return False
        if self._rows is None:
            dtype = torch.float16 if self.half else x.dtype
            self._rows = torch.empty(2 * self.size, x.numel(), dtype=dtype, device=x.device)
        slot = self._next
        self._write(2 * slot, pair.s_largest, x.flatten(), new_x.flatten())
        self._write(2 * slot + 1, pair.y_largest, gradient.flatten(), new_gradient.flatten())
        self._lengths[slot] = pair.s_length
        self._next = (slot + 1) % self.size
        self._count = min(self._count + 1, self.size)
        return True

    def direction(self, gradient: Tensor, free: Tensor | None = None) -> Tensor | None:
        """Return -H g in the shape of ``gradient``, or ``None`` if no pair is usable or it is no descent.

        ``free`` (flat booleans) restricts it to a face of the box: the model then uses only the parts of the
        pairs on that face, and the direction is 0 elsewhere. ``None`` means all variables.
        """
        self.match_layout(gradient)
        if self._rows is None or not self._count:
            return None
        flat = gradient.flatten()
        products = self._products(flat, free)
        usable = self._usable(products)
        if not usable:
            return None
        newest = usable[-1]
        # Computed before the direction is allocated: no more vectors at a time than while a step is tried.
        energy = self._energy(newest, gradient, free)
        shares = products.first_loop(usable)
        direction = gradient.clone()
        self._add_rows(direction, _Y, -shares)
        apply_mask(direction, free)
        if self.precondition is not None:
            self.precondition(direction)
            apply_mask(direction, free)
        overlaps, y_p_y = self._overlaps(direction, flat, energy)
        y_p_y *= self._scales_of(_Y)[newest] ** 2
        if self.precondition is None:
            y_p_y = float(products.y_y[newest])
        if not 0.0 < y_p_y < math.inf:
            return None
        scale = self.initial_scale * products.y_s[newest, newest] / y_p_y
        steps = products.second_loop(usable, shares, scale * overlaps[1:])
        uphill = scale * overlaps[0] + products.s_g @ steps
        if not 0.0 < uphill < math.inf:
            return None
        self._add_rows(direction, _S, -steps, times=-scale)
        apply_mask(direction, free)
        return direction

    def _write(self, row: int, largest: float, old: Tensor, new: Tensor) -> None:
        """Store ``new`` - ``old``, whose largest absolute entry is ``largest``, in ``row``."""
        assert self._rows is not None
        scale = _scale(largest) if self.half else 1.0
        self._scales[row] = scale
        for part in chunk_slices(old, 4):
            if self.half:
                self._rows[row, part] = (new[part] - old[part]).mul_(1.0 / scale)
            else:
                torch.sub(new[part], old[part], out=self._rows[row, part])

    def _products(self, gradient: Tensor, free: Tensor | None) -> "_Products":
        """Return the inner products of g and the rows over the free variables, in one transfer to the host.

        They are summed in float32 within a chunk and in float64 from chunk to chunk.
        """
        assert self._rows is not None
        count = self._count
        total = torch.zeros(count + 1, 2 * count, dtype=torch.float64, device=gradient.device)
        factors = gradient.new_empty(0)
        for part, rows in self._blocks(gradient, self._rows[: 2 * count], beside=count):
            factors = _room(factors, (count + 1, rows.shape[1]))
            factors[:count] = rows[_Y::2]
            factors[count] = gradient[part]
            if free is not None:
                # One factor restricted to the free variables restricts the product.
                factors *= free[part].to(gradient.dtype)
            total += split_k_matmul(factors, rows)
        found = total.cpu().numpy()
        s_scales, y_scales = self._scales_of(_S), self._scales_of(_Y)
        return _Products(
            s_g=found[count, _S::2] * s_scales,
            y_y=found[:count, _Y::2].diagonal() * y_scales**2,
            y_s=found[:count, _S::2] * np.outer(y_scales, s_scales),
        )

    def _usable(self, products: "_Products") -> list[int]:
        """Return the slots of the pairs, oldest first, along whose free part the function curves upward."""
        first = self._next if self._count == self.size else 0
        order = [(first + number) % self.size for number in range(self._count)]
        return [
            slot
            for slot in order
            if _is_curved(products.y_s[slot, slot], self._lengths[slot], math.sqrt(products.y_y[slot]))
        ]

    def _energy(self, slot: int, gradient: Tensor, free: Tensor | None) -> Tensor:
        """Return y.Py of one pair over the free variables, on the device; 0 if P is the identity.

        It is that of the row as stored, for float32 might not hold the square of the row's scale.
        """
        energy = gradient.new_zeros((), dtype=torch.float64)
        if self.precondition is None:
            return energy
        row = self._rows_of(_Y)[slot : slot + 1]
        image = row.to(gradient.dtype, copy=True).view_as(gradient)
        apply_mask(image, free)
        self.precondition(image)
        apply_mask(image, free)
        for part, [y] in self._blocks(image, row):
            energy += y @ image.view(-1)[part]
        return energy

    def _overlaps(
        self, direction: Tensor, gradient: Tensor, energy: Tensor
    ) -> tuple[NDArray[np.float64], float]:
        """Return the products of ``direction`` with g, y_0, y_1, ..., and ``energy``, in one transfer."""
        vector = direction.view(-1)
        total = torch.zeros(1 + self._count, dtype=torch.float64, device=vector.device)
        for part, ys in self._blocks(vector, self._rows_of(_Y)):
            total[0] += gradient[part] @ vector[part]
            total[1:] += ys @ vector[part]
        found: NDArray[np.float64] = torch.cat((total, energy.view(1))).cpu().numpy()
        found[1:-1] *= self._scales_of(_Y)
        return found[:-1], float(found[-1])

    def _add_rows(
        self, vector: Tensor, kind: int, weights: NDArray[np.float64], *, times: float = 1.0
    ) -> None:
        """Multiply ``vector`` by ``times`` and add all rows of a kind, each times its weight, in place."""
        flat = vector.view(-1)
        # Converted on the host: a conversion on the device would wait for it.
        factors = torch.as_tensor(weights * self._scales_of(kind), dtype=flat.dtype)
        factors = factors.to(flat.device, non_blocking=True)
        for part, rows in self._blocks(flat, self._rows_of(kind)):
            flat[part].addmv_(rows.T, factors, beta=times)

    def _rows_of(self, kind: int) -> Tensor:
        assert self._rows is not None
        return self._rows[kind : 2 * self._count : 2]

    def _scales_of(self, kind: int) -> NDArray[np.float64]:
        return self._scales[kind : 2 * self._count : 2]

    def _blocks(self, like: Tensor, rows: Tensor, beside: int = 0) -> Iterator[tuple[slice, Tensor]]:
        """Yield ranges of the entries, each with that part of ``rows``, in the type of ``like``.

        ``beside`` is the number of further vectors that the caller works on, for the length of the ranges.
        """
        widened = like.new_empty(0)
        for part in chunk_slices(like, 1 + len(rows) + beside):
            block = rows[:, part]
            if self.half:
                widened = _room(widened, block.shape)
                block = widened.copy_(block)
            yield part, block


@dataclass(frozen=True)
class _Products:
    """`_Products` holds the inner products s_i.g, y_i.y_i and y_i.s_j, by slot; no others are needed."""

    s_g: NDArray[np.float64]
    y_y: NDArray[np.float64]
    y_s: NDArray[np.float64]

    def first_loop(self, usable: list[int]) -> NDArray[np.float64]:
        """Return the a_i, newest pair first: a_i = s_i . (g - sum of a_j y_j over newer j) / s_i.y_i."""
        shares = np.zeros(len(self.s_g))
        for slot in reversed(usable):
            shares[slot] = (self.s_g[slot] - self.y_s[:, slot] @ shares) / self.y_s[slot, slot]
        return shares

    def second_loop(
        self, usable: list[int], shares: NDArray[np.float64], overlaps: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the c_i, oldest pair first.

        c_i = a_i - y_i . (t P q + sum of c_j s_j over older j) / s_i.y_i; ``overlaps`` are the y_i . t P q.
        """
        steps = np.zeros(len(self.s_g))
        for slot in usable:
            rest = overlaps[slot] + self.y_s[slot] @ steps
            steps[slot] = shares[slot] - rest / self.y_s[slot, slot]
        return steps


def _room(buffer: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Return ``buffer`` if it has this ``shape``, else a new one: for the first block and a shorter last."""
    return buffer if buffer.shape == shape else buffer.new_empty(shape)


def _is_curved(product: float, s_length: float, y_length: float) -> bool:
    return product > _CURVATURE * s_length * y_length


def _scale(largest: float) -> float:
    """Return the power of two that divides ``largest`` to just below 2^15."""
    # Below 2^-100 the inverse would no longer be a float32; such entries are as good as 0.
    return 2.0 ** (max(math.frexp(largest)[1], -100) - _HALF_EXPONENT)
