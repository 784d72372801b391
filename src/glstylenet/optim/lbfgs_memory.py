"""LbfgsMemory: what L-BFGS remembers of a function, and the direction that follows from it.

The last m pairs s = x' - x, y = g' - g of steps and changes of the gradient define an approximation H of
the inverse Hessian; the two-loop recursion applies it to the gradient g (Nocedal 1980; Liu and Nocedal
1989):

    q = g - sum_i a_i y_i,   r = t P q + sum_i c_i s_i,   H g = r

P is a first initial_scale of the inverse Hessian's form, symmetric and positive definite, and t its size, a
factor times s.y / y.Py of the newest pair. The coefficients follow from inner products of the rows s, y and
g, so each loop runs on m numbers (after Chen, Wang and Zhou 2014, "Large-scale L-BFGS using MapReduce"): the
recursion on vectors passes over memory in each of its 4m operations and waits for the device in half of
them, this one reads the rows once for their products, half of them for each sum and half for y.Pq, and brings
numbers to the host twice. Of vectors it makes the direction and, where there is a P, before it Py.

The products are those of the rows as they are stored. So a row rounded to half precision is a slightly
different pair, but H stays symmetric and positive definite for the pairs there are.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from glstylenet.numerics import chunk_slices, keep, split_k_matmul
from glstylenet.optim.base import OptimizerState

__all__ = ["LbfgsMemory", "Precondition", "SecantPair", "history_bytes", "measure"]


Precondition = Callable[[Tensor], None]
"""Multiplies a vector, in the shape of x, by P in place. P must be symmetric and positive definite."""


_CURVATURE = 1e-10
"""A pair is used if s.y > this times |s| |y|: else the model would not be convex."""


_S, _Y = 0, 1
"""Where the rows of each kind begin; every other one is of that kind."""

_HALF_EXPONENT = 15
"""The largest entry of a row in half precision lies below 2^15, half of what float16 can hold."""


def history_bytes(pairs: int, entries: int, half: bool) -> int:
    """Bytes that a :class:`LbfgsMemory` of ``pairs`` pairs of float32 vectors of ``entries`` entries keeps."""
    return 2 * pairs * entries * (2 if half else 4)


@dataclass(frozen=True)
class SecantPair:
    """What there is to know of a pair (s, y) before it is stored: s.y, |s|, |y|, and max |s|, max |y|."""

    product: float
    s_length: float
    y_length: float
    s_largest: float
    y_largest: float

    @property
    def finite(self) -> bool:
        """Whether every entry of s and y is finite, and so the gradient where the step ended."""
        return math.isfinite(self.s_largest) and math.isfinite(self.y_largest)

    @property
    def curved(self) -> bool:
        """Whether the function curves upward along the step, as a convex model of it must."""
        return _is_curved(self.product, self.s_length, self.y_length)


def measure(x: Tensor, gradient: Tensor, new_x: Tensor, new_gradient: Tensor) -> SecantPair:
    """The :class:`SecantPair` from x to new_x: one pass, and one wait for the device."""
    old, new = (x.flatten(), gradient.flatten()), (new_x.flatten(), new_gradient.flatten())
    products = torch.zeros(2, 2, dtype=torch.float64, device=x.device)
    largest = torch.zeros(2, dtype=x.dtype, device=x.device)
    for part in chunk_slices(x, 6):
        pair = torch.stack([after[part] - before[part] for before, after in zip(old, new, strict=True)])
        products += split_k_matmul(pair, pair)
        largest = torch.maximum(largest, pair.abs_().amax(1))  # NaN stays NaN
    (ss, sy, _, yy, s_largest, y_largest) = torch.cat((products.flatten(), largest.double())).tolist()
    return SecantPair(sy, math.sqrt(ss), math.sqrt(yy), s_largest, y_largest)


class LbfgsMemory:
    """The last ``pairs`` pairs, in a ring of rows on the device of x: s_0, y_0, s_1, y_1, ...

    ``half``: rows in float16, half the memory. Each is divided by a power of two near its largest entry:
    unscaled, a late and tiny step would vanish below the smallest float16, 6e-8, and the gradient of a
    heavily weighted loss would exceed the largest, 65504. Dividing by a power of two rounds nothing, and
    entries down to 4e-9 of the largest keep their eleven bits.

    ``precondition``: P, the identity if ``None``. ``initial_scale``: the factor in t; 1 is the custom, more
    steps further along what the pairs do not know.
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
        self._kind: tuple[torch.Size, torch.dtype, torch.device] | None = None
        self._rows: Tensor | None = None
        self._scales = np.ones(2 * pairs)
        self._lengths = [0.0] * pairs  # |s| of each pair, over all variables
        self._count = 0
        self._next = 0

    def __len__(self) -> int:
        return self._count

    @property
    def nbytes(self) -> int:
        """Bytes of the rows; 0 before the first pair."""
        return 0 if self._rows is None else self._rows.nbytes

    def clear(self) -> None:
        """Forget the pairs. Their storage is kept, since others follow."""
        self._count = self._next = 0

    def state_dict(self) -> OptimizerState:
        """The pairs there are: ``rows`` (2 pairs, entries), as stored."""
        rows = {} if self._rows is None or not self._count else {"rows": self._rows[: 2 * self._count]}
        numbers = {
            "size": self.size,
            "half": self.half,
            "next": self._next,
            "scales": self._scales[: 2 * self._count].tolist(),
            "lengths": self._lengths[: self._count],
        }
        return OptimizerState(rows, numbers)

    def load_state_dict(self, snapshot: OptimizerState, like: Tensor) -> None:
        """FeatureSink over the pairs of a :meth:`state_dict` for vectors like this one.

        Pairs of a history of another size or precision are given up.
        """
        self.fit(like)
        self.clear()
        numbers, rows = snapshot.numbers, snapshot.tensors.get("rows")
        if rows is None or (numbers["size"], numbers["half"]) != (self.size, self.half):
            return
        self._rows = torch.empty(2 * self.size, like.numel(), dtype=rows.dtype, device=like.device)
        self._rows[: len(rows)].copy_(rows)
        self._count, self._next = len(rows) // 2, int(numbers["next"])
        self._scales[: len(rows)] = numbers["scales"]
        self._lengths[: self._count] = [float(length) for length in numbers["lengths"]]

    def fit(self, like: Tensor) -> None:
        """Expect vectors like this one; pairs of another shape, type or device are given up."""
        kind = (like.shape, like.dtype, like.device)
        if kind != self._kind:
            self.clear()
            self._kind, self._rows = kind, None

    def add(
        self, change: SecantPair, x: Tensor, gradient: Tensor, new_x: Tensor, new_gradient: Tensor
    ) -> bool:
        """Store the pair of a step whose :func:`measure` is ``change``; ``False`` if it has no curvature.

        It takes the place of the oldest pair once there are ``pairs`` of them.
        """
        self.fit(x)
        if self.size == 0 or not change.curved:
            return False
        if self._rows is None:
            dtype = torch.float16 if self.half else x.dtype
            self._rows = torch.empty(2 * self.size, x.numel(), dtype=dtype, device=x.device)
        slot = self._next
        self._write(2 * slot, change.s_largest, x.flatten(), new_x.flatten())
        self._write(2 * slot + 1, change.y_largest, gradient.flatten(), new_gradient.flatten())
        self._lengths[slot] = change.s_length
        self._next = (slot + 1) % self.size
        self._count = min(self._count + 1, self.size)
        return True

    def direction(self, gradient: Tensor, free: Tensor | None = None) -> Tensor | None:
        """-H g, in the shape of ``gradient``, or ``None`` if no pair helps or it does not lead down.

        Restricted to the variables marked in ``free`` (flat booleans; all, if ``None``): the model of a
        face of the box knows only the pairs' parts on that face, and the direction stays on it.
        """
        self.fit(gradient)
        if self._rows is None or not self._count:
            return None
        flat = gradient.flatten()
        products = self._products(flat, free)
        usable = self._usable(products)
        if not usable:
            return None
        newest = usable[-1]
        # Before the direction is there: no more vectors than later, while a step is tried.
        energy = self._energy(newest, gradient, free)
        shares = products.first_loop(usable)
        direction = gradient.clone()
        self._add_rows(direction, _Y, -shares)
        keep(direction, free)
        if self.precondition is not None:
            self.precondition(direction)
            keep(direction, free)
        overlaps, y_p_y = self._overlaps(direction, flat, energy)
        y_p_y *= self._scales_of(_Y)[newest] ** 2
        if self.precondition is None:
            y_p_y = float(products.y_y[newest])
        if not 0.0 < y_p_y < math.inf:
            return None
        size = self.initial_scale * products.y_s[newest, newest] / y_p_y
        steps = products.second_loop(usable, shares, size * overlaps[1:])
        uphill = size * overlaps[0] + products.s_g @ steps
        if not 0.0 < uphill < math.inf:
            return None
        self._add_rows(direction, _S, -steps, times=-size)
        keep(direction, free)
        return direction

    def _write(self, row: int, largest: float, old: Tensor, new: Tensor) -> None:
        assert self._rows is not None
        scale = _scale(largest) if self.half else 1.0
        self._scales[row] = scale
        for part in chunk_slices(old, 4):
            if self.half:
                self._rows[row, part] = (new[part] - old[part]).mul_(1.0 / scale)
            else:
                torch.sub(new[part], old[part], out=self._rows[row, part])

    def _products(self, gradient: Tensor, free: Tensor | None) -> "_Products":
        """The inner products of g and the rows over the free variables.

        Summed in float32 within a chunk and in float64 from chunk to chunk, and brought to the host at once.
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
        """The pairs, oldest first, along whose free part the function curves upward."""
        first = self._next if self._count == self.size else 0
        order = [(first + number) % self.size for number in range(self._count)]
        return [
            slot
            for slot in order
            if _is_curved(products.y_s[slot, slot], self._lengths[slot], math.sqrt(products.y_y[slot]))
        ]

    def _energy(self, slot: int, gradient: Tensor, free: Tensor | None) -> Tensor:
        """y.Py of one pair over the free variables, on the device; 0 where P is the identity. Of the row as
        it is stored: the square of its scale is more than float32 might hold."""
        energy = gradient.new_zeros((), dtype=torch.float64)
        if self.precondition is None:
            return energy
        row = self._rows_of(_Y)[slot : slot + 1]
        image = row.to(gradient.dtype, copy=True).view_as(gradient)
        keep(image, free)
        self.precondition(image)
        keep(image, free)
        for part, [y] in self._blocks(image, row):
            energy += y @ image.view(-1)[part]
        return energy

    def _overlaps(
        self, direction: Tensor, gradient: Tensor, energy: Tensor
    ) -> tuple[NDArray[np.float64], float]:
        """Products of ``direction`` with g, y_0, y_1, ..., and ``energy``, brought to the host at once."""
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
        """``vector``, multiplied by ``times``, plus the pairs' rows of a kind, each times its weight."""
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
        """Range after range of the entries, with the rows' part there in the type of ``like``.

        ``beside``: for work on so many vectors more.
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
    """Inner products by the pairs' numbers: s_i.g, y_i.y_i and y_i.s_j; no others are needed."""

    s_g: NDArray[np.float64]
    y_y: NDArray[np.float64]
    y_s: NDArray[np.float64]

    def first_loop(self, usable: list[int]) -> NDArray[np.float64]:
        """a_i, newest pair first: each s_i . (g - what the newer pairs take off) / s_i.y_i."""
        shares = np.zeros(len(self.s_g))
        for slot in reversed(usable):
            shares[slot] = (self.s_g[slot] - self.y_s[:, slot] @ shares) / self.y_s[slot, slot]
        return shares

    def second_loop(
        self, usable: list[int], shares: NDArray[np.float64], overlaps: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """c_i, oldest pair first: a_i less y_i . (t P q and what the older pairs put on) / s_i.y_i.

        ``overlaps``: y_i . t P q.
        """
        steps = np.zeros(len(self.s_g))
        for slot in usable:
            rest = overlaps[slot] + self.y_s[slot] @ steps
            steps[slot] = shares[slot] - rest / self.y_s[slot, slot]
        return steps


def _room(buffer: Tensor, shape: tuple[int, ...]) -> Tensor:
    """A place for a block of ``shape``: the last block's, unless it is the first or a shorter last one."""
    return buffer if buffer.shape == shape else buffer.new_empty(shape)


def _is_curved(product: float, s_length: float, y_length: float) -> bool:
    return product > _CURVATURE * s_length * y_length


def _scale(largest: float) -> float:
    """The power of two that brings ``largest`` just below 2^15."""
    # Below 2^-100 the inverse would no longer be a float32; such entries are as good as 0.
    return 2.0 ** (max(math.frexp(largest)[1], -100) - _HALF_EXPONENT)
