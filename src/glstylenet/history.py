"""History: what L-BFGS remembers of a function, and the direction that follows from it.

The last m pairs s = x' - x, y = g' - g of steps and changes of the gradient define an approximation H of
the inverse Hessian; the two-loop recursion applies it to the gradient g (Nocedal 1980; Liu and Nocedal
1989). Every vector in that recursion is a sum of the rows s, y and g, so the recursion can run on
2m + 1 coefficients, once the inner products of the rows are known (Chen, Wang and Zhou 2014, "Large-scale
L-BFGS using MapReduce"). That reads every row twice, once for all products and once for the sum, where
the recursion on vectors passes over memory in each of its 4m operations and waits for the device in half
of them; and no vector of full size is made but the direction itself.

The products are those of the rows as they are stored. So a row rounded to half precision is a slightly
different pair, but H stays exactly symmetric and positive definite for the pairs there are.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["Change", "History", "Snapshot", "chunks", "history_bytes", "measure"]

_CURVATURE = 1e-10
"""A pair is used if s.y > this times |s| |y|: else the model would not be convex."""

_CACHED_ENTRIES = 2**18
_LAUNCHED_ENTRIES = 2**23
"""How many entries, in all rows, a chunk has: on the CPU as many as stay in a core's cache (1 MiB as
float32); elsewhere as many as make a kernel's launch cost little beside its work (32 MiB)."""

_HALF_EXPONENT = 15
"""The largest entry of a row in half precision lies below 2^15, half of what float16 can hold."""


def chunks(like: Tensor, rows: int = 1) -> Iterator[slice]:
    """Ranges that cover the entries of ``like``, for work on ``rows`` vectors, temporary ones included."""
    length = _chunk_length(like.device, rows)
    for start in range(0, like.numel(), length):
        yield slice(start, start + length)


def _chunk_length(device: torch.device, rows: int) -> int:
    entries = _CACHED_ENTRIES if device.type == "cpu" else _LAUNCHED_ENTRIES
    # A multiple of 32 keeps rows of a buffer aligned for vector instructions.
    return max(32, entries // rows // 32 * 32)


def history_bytes(pairs: int, entries: int, half: bool) -> int:
    """Bytes that a :class:`History` of ``pairs`` pairs of float32 vectors of ``entries`` entries keeps."""
    return 2 * pairs * entries * (2 if half else 4)


@dataclass(frozen=True)
class Change:
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


@dataclass(frozen=True)
class Snapshot:
    """What an optimiser has learnt: ``tensors`` by name, float16 or float32, and ``numbers`` for JSON.

    The tensors may be the optimiser's own: use them before it goes on, and do not write into them.
    """

    tensors: Mapping[str, Tensor]
    numbers: Mapping[str, Any]


def measure(x: Tensor, gradient: Tensor, new_x: Tensor, new_gradient: Tensor) -> Change:
    """The :class:`Change` from x to new_x: one pass, and one wait for the device."""
    old, new = (x.flatten(), gradient.flatten()), (new_x.flatten(), new_gradient.flatten())
    products = torch.zeros(2, 2, dtype=torch.float64, device=x.device)
    largest = torch.zeros(2, dtype=x.dtype, device=x.device)
    for part in chunks(x, 6):
        pair = torch.stack([after[part] - before[part] for before, after in zip(old, new, strict=True)])
        products += pair @ pair.T
        largest = torch.maximum(largest, pair.abs_().amax(1))  # NaN stays NaN
    (ss, sy, _, yy, s_largest, y_largest) = torch.cat((products.flatten(), largest.double())).tolist()
    return Change(sy, math.sqrt(ss), math.sqrt(yy), s_largest, y_largest)


class History:
    """The last ``pairs`` pairs, in a ring of rows on the device of x: s_0, y_0, s_1, y_1, ...

    ``half``: rows in float16, half the memory. Each is divided by a power of two near its largest entry:
    unscaled, a late and tiny step would vanish below the smallest float16, 6e-8, and the gradient of a
    heavily weighted loss would exceed the largest, 65504. Dividing by a power of two rounds nothing, and
    entries down to 4e-9 of the largest keep their eleven bits.
    """

    def __init__(self, pairs: int, *, half: bool = False) -> None:
        self.size = pairs
        self.half = half
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

    def snapshot(self) -> Snapshot:
        """The pairs there are: ``rows`` (2 pairs, entries), as stored."""
        rows = {} if self._rows is None or not self._count else {"rows": self._rows[: 2 * self._count]}
        numbers = {
            "size": self.size,
            "half": self.half,
            "next": self._next,
            "scales": self._scales[: 2 * self._count].tolist(),
            "lengths": self._lengths[: self._count],
        }
        return Snapshot(rows, numbers)

    def restore(self, snapshot: Snapshot, like: Tensor) -> None:
        """Take over the pairs of a :meth:`snapshot` for vectors like this one.

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

    def add(self, change: Change, x: Tensor, gradient: Tensor, new_x: Tensor, new_gradient: Tensor) -> bool:
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
        scales = np.concatenate(([1.0], self._scales[: 2 * self._count]))
        products = self._products(gradient.flatten(), free) * np.outer(scales[::2], scales)
        coefficients = self._recursion(products)
        if coefficients is None:
            return None
        return self._sum(coefficients * scales, gradient.flatten(), free).view_as(gradient)

    def _write(self, row: int, largest: float, old: Tensor, new: Tensor) -> None:
        assert self._rows is not None
        scale = _scale(largest) if self.half else 1.0
        self._scales[row] = scale
        for part in chunks(old, 4):
            difference = new[part] - old[part]
            self._rows[row, part] = difference.mul_(1.0 / scale) if self.half else difference

    def _products(self, gradient: Tensor, free: Tensor | None) -> NDArray[np.float64]:
        """Inner products of g, y_0, y_1, ... with g, s_0, y_0, s_1, ...; (1 + pairs, 1 + 2 pairs).

        Those of s with s appear nowhere in the recursion. Summed in float32 within a chunk and in float64
        from chunk to chunk, and brought to the host at once.
        """
        pairs = self._count
        total = torch.zeros(1 + pairs, 1 + 2 * pairs, dtype=torch.float64, device=gradient.device)
        masked = gradient.new_empty(0)
        for part, rows in self._blocks(gradient):
            slope, ys = gradient[part], rows[1::2]
            if free is not None:
                # One factor restricted to the free variables restricts the product.
                marks = free[part].to(gradient.dtype)
                slope, masked = slope * marks, _room(masked, ys)
                ys = torch.mul(ys, marks, out=masked)
            total[0, 0] += slope @ slope
            total[0, 1:] += rows @ slope
            total[1:, 1:] += ys @ rows.T
        total[1:, 0] = total[0, 2::2]
        products: NDArray[np.float64] = total.cpu().numpy()
        return products

    def _blocks(self, like: Tensor) -> Iterator[tuple[slice, Tensor]]:
        """Range after range of the entries, with the rows' part there in the type of ``like``."""
        assert self._rows is not None
        rows = self._rows[: 2 * self._count]
        widened = like.new_empty(0)
        for part in chunks(like, 1 + len(rows)):
            block = rows[:, part]
            if self.half:
                widened = _room(widened, block)
                block = widened.copy_(block)
            yield part, block

    def _recursion(self, products: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """Coefficients of g, s_0, y_0, s_1, ... in -H g, from the rows' products as they are stored."""
        g, order = products[0], self._oldest_first()
        ys = {slot: products[1 + slot] for slot in order}  # the products of y with every row
        curvature = {slot: float(ys[slot][1 + 2 * slot]) for slot in order}  # s.y
        usable = [
            slot
            for slot in order
            if _is_curved(curvature[slot], self._lengths[slot], math.sqrt(ys[slot][2 + 2 * slot]))
        ]
        if not usable:
            return None
        # The products of s with g and with every y; those with s are not needed and not there.
        ss = {slot: products[:, 1 + 2 * slot] for slot in usable}
        result = np.zeros(products.shape[1])
        result[0] = 1.0
        shares: dict[int, float] = {}
        for slot in reversed(usable):
            # So far there are only g and ys in the result.
            shares[slot] = float(ss[slot] @ result[::2]) / curvature[slot]
            result[2 + 2 * slot] -= shares[slot]
        newest = usable[-1]
        result *= curvature[newest] / ys[newest][2 + 2 * newest]
        for slot in usable:
            result[1 + 2 * slot] += shares[slot] - float(ys[slot] @ result) / curvature[slot]
        uphill = float(g @ result)
        return -result if 0.0 < uphill < math.inf else None

    def _oldest_first(self) -> list[int]:
        first = self._next if self._count == self.size else 0
        return [(first + number) % self.size for number in range(self._count)]

    def _sum(self, coefficients: NDArray[np.float64], gradient: Tensor, free: Tensor | None) -> Tensor:
        """The rows g, s_0, y_0, ... times ``coefficients``, where ``free``: (entries,)."""
        weights = torch.as_tensor(coefficients[1:]).to(gradient)
        result = torch.empty_like(gradient)
        for part, rows in self._blocks(gradient):
            block = result[part]
            torch.mv(rows.T, weights, out=block)
            block.add_(gradient[part], alpha=float(coefficients[0]))
            if free is not None:
                block.mul_(free[part])
        return result


def _room(buffer: Tensor, like: Tensor) -> Tensor:
    """A place for a block like this one: the last block's, unless it is the first or a shorter last one."""
    return buffer if buffer.shape == like.shape else buffer.new_empty(like.shape)


def _is_curved(product: float, s_length: float, y_length: float) -> bool:
    return product > _CURVATURE * s_length * y_length


def _scale(largest: float) -> float:
    """The power of two that brings ``largest`` just below 2^15."""
    # Below 2^-100 the inverse would no longer be a float32; such entries are as good as 0.
    return 2.0 ** (max(math.frexp(largest)[1], -100) - _HALF_EXPONENT)
