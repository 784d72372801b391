"""MemoryEstimate: what a stage of a run asks of memory, told before anything is computed.

Its numbers lie above peaks that were measured; :mod:`~glstylenet.memory.plan` makes plans of them.
"""

import itertools
import math
from dataclasses import dataclass, replace

from glstylenet.machine import LARGEST_REPLAYED
from glstylenet.matching import BLOCK_BYTES
from glstylenet.network import CONTENT_LAYER, LAYER_CHANNELS, layer_size
from glstylenet.optim import history_bytes
from glstylenet.pyramid import CELL, HALO, LONGEST_REST, Scheme, crop_lengths, tile_lengths

__all__ = ["PIXEL_BYTES", "HeldPictures", "MemoryEstimate"]


_BASE_BYTES = 400 * 2**20
"""Python, PyTorch and the network's weights."""


_WINOGRAD_BYTES = 106 * 2**20
"""The weights once more, for :mod:`~glstylenet.network.winograd`, there and back: float32 on a CPU."""


# Bytes the network takes for a pixel of what it is shown, features and gradients, and beside them the fused
# features, their gradient and what the local loss asks of them. With the rest of a plan they lie above the
# peaks that benchmarks/memory.py measured in float32 at 256, 512, 768 and 1024 pixels a side: 617, 822, 1243
# and 1610 MiB, where 681, 901, 1263 and 1767 are planned.
# bfloat16 was measured before :mod:`glstylenet.network.banded_block` and :mod:`glstylenet.network.relu_mask`.
_NETWORK_BYTES = {"float32": 500, "bfloat16": 1680}


# The same on a GPU, whose memory PyTorch holds in blocks that do not fit all, and what its libraries take.
# With them plans lie above what PyTorch was seen to hold on an H200: at 64, 512, 1000 and 2048 pixels a side
# and 1024 x 1536 158, 814, 2326, 4524 and 1974 MiB in bfloat16, and 184, 992, 3038, 4848, 2514 in float32.
_GPU_NETWORK_BYTES = {"float32": 1010, "bfloat16": 950}


_GPU_BASE_BYTES = 150 * 2**20


_FORWARD_SHARE = 0.8
"""Of them, without a way back."""


_FUSED_COPIES = 4
"""As many as a scheme of large ones, (a), was seen to hold."""


_PIECES_BYTES = 150
"""More of them for a tile: freed memory that does not fit the next one. What comes above it is given back
(:class:`~glstylenet.machine.malloc.FreedMemoryTrimmer`)."""


_GPU_PIECES_BYTES = {"float32": 350, "bfloat16": 150}
"""The same on a GPU. In float32 PyTorch was seen to hold 1549 bytes for a pixel of a tile, 1028 of them in
use; 1250 + 350 are planned. In bfloat16 it held less than is planned with as much as on a CPU."""


_UNEVEN_ENTRIES = 150
"""More numbers for a pixel where layers are resampled by other means than that of 2x2: their gradients are
written out."""


_SIGN_BYTES = {False: 33, True: 264}
"""For a pixel of what the network is shown: the 264 signs of its features that the way back needs, bits on a
CPU and bytes on a GPU."""


_ENTRY_BYTES = {"float32": 4, "bfloat16": 2}


_HALF_BYTES = 2


PIXEL_BYTES = 12
"""Three channels, float32."""


_VECTORS = 4
"""Pictures the optimiser has in hand beside its history: the point, the candidate and their gradients; or
before the candidate is known, the direction and the waves of a channel (of a small picture on a GPU, of
all)."""


_FACTOR_BYTES = 6
"""For a pixel, of the preconditioner: float32 for half of the waves of one channel, and for how far each
pixel may go."""


@dataclass(frozen=True)
class HeldPictures:
    """What the pictures of a run take: ``nbytes`` as they are, and for each pixel of the result
    ``pixel_bytes`` (and 12 for each of the style) once they are brought to another size."""

    nbytes: int
    pixel_bytes: int

    def resized(self, size: tuple[int, int], style_size: tuple[int, int]) -> "HeldPictures":
        """At other sizes: resampled, they are no longer bytes."""
        return replace(self, nbytes=self.pixel_bytes * _area(size) + PIXEL_BYTES * _area(style_size))


@dataclass(frozen=True)
class MemoryEstimate:
    """What a stage of a run asks of memory.

    ``size`` and ``style_size``: (height, width) at this stage. ``full_size``, ``full_style_size``: those of
    the pictures kept at hand meanwhile, which ``held_pictures`` is about. ``optimizes``: whether pixels are
    optimised or only looked at.
    """

    size: tuple[int, int]
    style_size: tuple[int, int]
    full_size: tuple[int, int]
    full_style_size: tuple[int, int]
    precision: str
    scheme: Scheme
    held_pictures: HeldPictures
    classes: int = 0
    optimizes: bool = True
    on_gpu: bool = False

    @property
    def fixed_bytes(self) -> int:
        """What is needed however small the tiles and the history are, beside the targets."""
        # Who only looks has the pixels, and content and style for as long as targets are made of them.
        vectors = (_VECTORS * PIXEL_BYTES + _FACTOR_BYTES) * _area(self.size)
        maps = 4 * self.classes * (_area(self.full_size) + _area(self.full_style_size))
        pictures = 0 if self.on_gpu else self.held_pictures.nbytes
        base = _GPU_BASE_BYTES if self.on_gpu else _BASE_BYTES
        if self.precision == "float32" and not self.on_gpu:
            base += _WINOGRAD_BYTES
        return base + BLOCK_BYTES + vectors + maps + pictures

    def target_bytes(self, half: bool) -> int:
        """For the features of content and style, in at most 16 bits an entry if ``half``."""
        entry = _ENTRY_BYTES[self.precision]
        kept = min(entry, _HALF_BYTES) if half else entry
        content = kept * LAYER_CHANNELS[CONTENT_LAYER] * _area(self.size) // CELL**2
        entries = sum(map(math.prod, self.scheme.shapes(self.style_size)))
        # And the means of a large style's cells (:mod:`~glstylenet.matching.coarse_to_fine`).
        means = entry * entries // 16
        return content + kept * entries + means

    def network_bytes(self, tile_side: int | None) -> int:
        """For the largest tile with what surrounds it; the whole picture for ``None``."""
        entry = _ENTRY_BYTES[self.precision]
        fused = sum(math.prod(shape) for shape in self.scheme.shapes(self.size)) / _area(self.size)
        network_bytes = _GPU_NETWORK_BYTES if self.on_gpu else _NETWORK_BYTES
        bytes_per_pixel = network_bytes[self.precision] + _FUSED_COPIES * entry * fused
        if tile_side is not None:
            bytes_per_pixel += _GPU_PIECES_BYTES[self.precision] if self.on_gpu else _PIECES_BYTES
        if self._is_uneven:
            bytes_per_pixel += _UNEVEN_ENTRIES * entry
        # The style passes through the network alone, without gradients. A smaller one may be cut into longer
        # crops: counted as the longest there can be, a style that shrinks never takes more.
        style = _FORWARD_SHARE * math.prod(_longest_crop(length, tile_side) for length in self.style_size)
        largest = max(_largest_crop(self.size, tile_side), style)
        # The memory of a replay is nobody else's, and matching needs some beside it.
        replayed = self.on_gpu and self.optimizes and tile_side is None
        if replayed and _area(self.size) <= LARGEST_REPLAYED:
            largest += _area(self.size)
        return math.ceil(bytes_per_pixel * largest)

    @property
    def _is_uneven(self) -> bool:
        """Whether a layer that is fused has not exactly half the size of the one before."""
        steps = [step for group in self.scheme.groups for step in itertools.pairwise(group)]
        skips = any(deeper != layer + 1 for layer, deeper in steps)
        return skips or (bool(steps) and any(length % CELL for length in self.size))

    def kept_bytes(self, tile_side: int, half: bool) -> int:
        """For what was seen of a tile, from one visit to the next: its signs and fused features, these in 16
        bits an entry if ``half``."""
        height, width = map(max, tile_lengths(self.size, tile_side))
        # Fused features go one position further than the tile.
        own = (height + 2 * CELL, width + 2 * CELL)
        entries = sum(math.prod(shape) for shape in self.scheme.shapes(own))
        if all(
            group[-1] != CONTENT_LAYER for group in self.scheme.groups
        ):  # the content term needs it besides
            entries += LAYER_CHANNELS[CONTENT_LAYER] * math.prod(layer_size(own, CONTENT_LAYER))
        signs = _SIGN_BYTES[self.on_gpu] * _largest_crop(self.size, tile_side)
        entry = _ENTRY_BYTES[self.precision]
        return signs + (min(entry, _HALF_BYTES) if half else entry) * entries

    def history_bytes(self, pairs: int, half: bool) -> int:
        """For the optimiser's history."""
        return history_bytes(pairs, 3 * _area(self.size), half) if self.optimizes else 0


def _area(size: tuple[int, int]) -> int:
    return size[0] * size[1]


def _largest_crop(size: tuple[int, int], tile_side: int | None) -> int:
    return math.prod(map(max, crop_lengths(size, tile_side)))


def _longest_crop(length: int, tile_side: int | None) -> int:
    """No crop along a side of up to ``length`` pixels is longer."""
    return length if tile_side is None else min(length, tile_side + LONGEST_REST + 2 * HALO)
