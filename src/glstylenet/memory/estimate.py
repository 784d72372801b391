"""Estimate: how much memory a scale of a run takes, predicted before anything is computed.

Plans made with the numbers here lie above the peaks that ``benchmarks/memory.py`` measured, except in
tiles of 256 pixels, where a run took up to 6 % more (see ``_FRAGMENTED_BYTES``).
:mod:`~glstylenet.memory.plan` adds them up for a choice of tiles, history and precision.
"""

import itertools
import math
from dataclasses import dataclass, replace

import torch

from glstylenet.machine import LARGEST_REPLAYED
from glstylenet.matching import BLOCK_BYTES
from glstylenet.network import CONTENT_LAYER, LAYER_CHANNELS, layer_size
from glstylenet.optim import history_bytes
from glstylenet.pyramid import CELL, HALO, LONGEST_REST, Scheme, crop_lengths, tile_lengths

__all__ = ["PIXEL_BYTES", "HeldPictures", "MemoryEstimate"]


_CUDA_BUILD_BYTES = 240 * 2**20
"""What a PyTorch that is built with CUDA takes in addition, even where it computes on the CPU: runs of 256
and 512 pixels a side took 241 and 243 MiB more with it. Plans lie above what was measured with either."""


_BASE_BYTES = 400 * 2**20 + (_CUDA_BUILD_BYTES if torch.version.cuda else 0)
"""Python, PyTorch and the network's weights."""


_WINOGRAD_BYTES = 106 * 2**20
"""Transformed weights of :mod:`~glstylenet.network.winograd`, forward and backward: float32 on a CPU."""


# Bytes for each pixel that passes through the network: features and gradients, the fused features and their
# gradient, and the temporary tensors of the local loss.
# float32 on a CPU: benchmarks/memory.py measured 626, 833, 1300, 1533 and 1584 MiB at 256, 512, 768, 992 and
# 1024 pixels a side, and 1516 MiB at 765; 689, 929, 1325, 1797, 1874 and 1666 MiB are planned. The bound is
# tight at 768 only, where glibc keeps the most freed blocks.
# bfloat16 on a CPU was measured before :mod:`~glstylenet.network.banded_block` and
# :mod:`~glstylenet.network.relu_mask` saved most of it: an upper bound. Since then, on a CPU with AMX: 800
# and 964 MiB at 256 and 512 pixels a side, where 887 and 1306 are planned.
_NETWORK_BYTES = {"float32": 600, "bfloat16": 1680}


# On a GPU, where PyTorch's allocator holds more than is in use because freed blocks do not fit every request.
# Plans lie above what PyTorch held on an H200 at 64, 512, 1000 and 2048 pixels a side and 1024 x 1536: 158,
# 814, 2326, 4524 and 1974 MiB in bfloat16, and 184, 992, 3038, 4848 and 2514 MiB in float32.
_GPU_NETWORK_BYTES = {"float32": 1010, "bfloat16": 950}


_GPU_BASE_BYTES = 150 * 2**20
"""What PyTorch's GPU libraries take."""


_FORWARD_SHARE = 0.8
"""Share of the network's bytes that a forward pass without a backward pass takes."""


_FUSED_COPIES = 4
"""Copies of the fused features held at a time, measured with scheme (a), whose fused features are large."""


_FRAGMENTED_BYTES = 50
"""Additional bytes for each pixel of a tile: freed blocks into which the next tile does not fit. What exceeds
them is returned (:func:`~glstylenet.machine.malloc.trim_freed_memory`). With these and the network's 600, a
run of 640 x 960 pixels in 1000 MiB stayed within its plan, while one in 800 MiB, in tiles of 256 pixels, took
844 to 850 MiB: the estimate of the smallest tiles is too low."""


_GPU_FRAGMENTED_BYTES = {"float32": 350, "bfloat16": 150}
"""The same on a GPU. In float32 PyTorch held 1549 bytes for a pixel of a tile, of which 1028 were in use;
1250 + 350 are planned. In bfloat16 it held less than is planned with 150."""


_UNEVEN_ENTRIES = 150
"""Additional numbers for each pixel where layers are resampled other than by means of 2x2 positions: only
then are their gradients written to memory."""


_RELU_MASK_BYTES = {False: 33, True: 264}
"""For each pixel, the ReLU masks of the backward pass: 264 entries, bits on a CPU and bytes on a GPU."""


_ENTRY_BYTES = {"float32": 4, "bfloat16": 2}


_HALF_BYTES = 2


PIXEL_BYTES = 12
"""A pixel of three channels in float32."""


_VECTORS = 4
"""Pictures that the optimiser holds besides its history: the point, the candidate and their gradients. Before
the candidate exists, they are the direction and the transform of a channel (on a GPU, with small pictures, of
all channels)."""


_REGION_MATRICES = 3
"""Gram matrices of a class at a time."""


_GATHERED_POSITIONS = 2**13
"""Positions of a class that are multiplied at a time (:mod:`~glstylenet.objective.regions`)."""


_PRECONDITIONER_BYTES = 6
"""For each pixel, the factors of the preconditioner: float32 for half of one channel and for one channel."""


@dataclass(frozen=True)
class HeldPictures:
    """`HeldPictures` says what the input pictures take that a run holds from beginning to end.

    - ``nbytes``: their bytes as they are now, often 8 bits a channel.
    - ``pixel_bytes``: the bytes for each pixel of the result once they are resampled.
    - ``style_pixel_bytes``: those for each pixel of a style.
    """

    nbytes: int
    pixel_bytes: int
    style_pixel_bytes: int = PIXEL_BYTES

    def resized(self, size: tuple[int, int], *style_sizes: tuple[int, int]) -> "HeldPictures":
        """Return what they take when resampled to these sizes, in float32."""
        nbytes = self.pixel_bytes * _area(size) + self.style_pixel_bytes * sum(map(_area, style_sizes))
        return replace(self, nbytes=nbytes)


@dataclass(frozen=True)
class MemoryEstimate:
    """`MemoryEstimate` predicts the bytes of each part of one scale of a run.

    - ``size``, ``style_size``: (height, width) of the canvas and of the style at this scale.
    - ``full_size``, ``full_style_size``: those of the input pictures, which are held meanwhile.
    - ``precision``: of the network, "float32" or "bfloat16".
    - ``scheme``: decides the size of the fused features.
    - ``held_pictures``: what the input pictures take.
    - ``classes``: the number of class channels of the label maps; 0 without maps.
    - ``regions``: whether each class has Gram matrices of its own.
    - ``further_style_sizes``, ``further_full_style_sizes``: those of the styles after the first.
    - ``optimizes``: whether pixels are optimised, or only the loss is measured.
    - ``copies_strokes``: whether the style's strokes are copied before the pixels are optimised.
    - ``on_gpu``: whether this is the memory of a GPU.
    """

    size: tuple[int, int]
    style_size: tuple[int, int]
    full_size: tuple[int, int]
    full_style_size: tuple[int, int]
    precision: str
    scheme: Scheme
    held_pictures: HeldPictures
    classes: int = 0
    regions: bool = False
    optimizes: bool = True
    copies_strokes: bool = False
    on_gpu: bool = False
    further_style_sizes: tuple[tuple[int, int], ...] = ()
    further_full_style_sizes: tuple[tuple[int, int], ...] = ()

    @property
    def _style_sizes(self) -> tuple[tuple[int, int], ...]:
        return self.style_size, *self.further_style_sizes

    @property
    def fixed_bytes(self) -> int:
        """Bytes that depend on neither the tiles nor the history: program, pictures, maps and vectors."""
        # A measurement has no vectors, but the pixels, and content and style while the targets are computed.
        vectors = (_VECTORS * PIXEL_BYTES + _PRECONDITIONER_BYTES) * _area(self.size)
        styles = sum(map(_area, (self.full_style_size, *self.further_full_style_sizes)))
        maps = 4 * self.classes * (_area(self.full_size) + styles)
        pictures = 0 if self.on_gpu else self.held_pictures.nbytes
        base = _GPU_BASE_BYTES if self.on_gpu else _BASE_BYTES
        if self.precision == "float32" and not self.on_gpu:
            base += _WINOGRAD_BYTES
        return base + BLOCK_BYTES + vectors + maps + pictures + self._region_bytes

    @property
    def _region_bytes(self) -> int:
        """The bytes of the classes' Gram matrices, of the style, the picture and their differences."""
        if not self.regions:
            return 0
        channels = [shape[-1] for shape in self.scheme.shapes(self.size)]
        sets = _REGION_MATRICES + len(self.further_style_sizes)
        matrices = sets * (self.classes + 1) * sum(4 * each**2 for each in channels)
        # The rows of a class are gathered, and their gradients wait to be added.
        return matrices + 2 * 4 * _GATHERED_POSITIONS * max(channels)

    def target_bytes(self, half: bool) -> int:
        """Return the bytes of the features of content and style, in at most 16 bits an entry if ``half``."""
        entry = _ENTRY_BYTES[self.precision]
        kept = min(entry, _HALF_BYTES) if half else entry
        content = kept * LAYER_CHANNELS[CONTENT_LAYER] * _area(self.size) // CELL**2
        entries = sum(math.prod(shape) for size in self._style_sizes for shape in self.scheme.shapes(size))
        # The means of a large style's cells, for the coarse-to-fine search.
        means = entry * entries // 16
        # The features of several styles are copied into one table.
        table = kept * entries if self.further_style_sizes else 0
        return content + kept * entries + means + table

    def vote_bytes(self, half: bool) -> int:
        """Return the bytes of the soft styles' feature, by which copied strokes are chosen."""
        if not self.copies_strokes:
            return 0
        entry = _ENTRY_BYTES[self.precision]
        kept = min(entry, _HALF_BYTES) if half else entry
        entries = sum(math.prod(self.scheme.shapes(size)[-1]) for size in self._style_sizes)
        return kept * entries + entry * entries // 16

    def network_bytes(self, tile_side: int | None) -> int:
        """Return the bytes of the largest tile with its halo; for ``None``, of the whole picture."""
        entry = _ENTRY_BYTES[self.precision]
        fused = sum(math.prod(shape) for shape in self.scheme.shapes(self.size)) / _area(self.size)
        network_bytes = _GPU_NETWORK_BYTES if self.on_gpu else _NETWORK_BYTES
        bytes_per_pixel = network_bytes[self.precision] + _FUSED_COPIES * entry * fused
        if tile_side is not None:
            bytes_per_pixel += _GPU_FRAGMENTED_BYTES[self.precision] if self.on_gpu else _FRAGMENTED_BYTES
        if self._is_uneven:
            bytes_per_pixel += _UNEVEN_ENTRIES * entry
        # The style passes through the network on its own, without gradients. A smaller style may be cut into
        # longer crops; it is counted with the longest possible crop, so that a style never takes more by
        # shrinking.
        style = _FORWARD_SHARE * max(
            math.prod(_longest_crop(length, tile_side) for length in size) for size in self._style_sizes
        )
        largest = max(_largest_crop(self.size, tile_side), style)
        # A CUDA graph has memory of its own, and matching needs as much beside it.
        replayed = self.on_gpu and self.optimizes and tile_side is None
        if replayed and _area(self.size) <= LARGEST_REPLAYED:
            largest += _area(self.size)
        return math.ceil(bytes_per_pixel * largest)

    @property
    def _is_uneven(self) -> bool:
        """Whether some fused layer is not exactly half as large as the one before."""
        steps = [step for group in self.scheme.groups for step in itertools.pairwise(group)]
        skips = any(deeper != layer + 1 for layer, deeper in steps)
        return skips or (bool(steps) and any(length % CELL for length in self.size))

    def cached_tile_bytes(self, tile_side: int, half: bool) -> int:
        """Return the bytes of a tile that is cached from the first pass to the second.

        These are its ReLU masks and its fused features, in 16 bits an entry if ``half``.
        """
        height, width = map(max, tile_lengths(self.size, tile_side))
        # The fused features extend one position beyond the tile.
        own = (height + 2 * CELL, width + 2 * CELL)
        entries = sum(math.prod(shape) for shape in self.scheme.shapes(own))
        if all(group[-1] != CONTENT_LAYER for group in self.scheme.groups):  # the content layer is deeper
            entries += LAYER_CHANNELS[CONTENT_LAYER] * math.prod(layer_size(own, CONTENT_LAYER))
        masks = _RELU_MASK_BYTES[self.on_gpu] * _largest_crop(self.size, tile_side)
        entry = _ENTRY_BYTES[self.precision]
        return masks + (min(entry, _HALF_BYTES) if half else entry) * entries

    def history_bytes(self, pairs: int, half: bool) -> int:
        """Return the bytes of the history of L-BFGS."""
        return history_bytes(pairs, 3 * _area(self.size), half) if self.optimizes else 0


def _area(size: tuple[int, int]) -> int:
    return size[0] * size[1]


def _largest_crop(size: tuple[int, int], tile_side: int | None) -> int:
    return math.prod(map(max, crop_lengths(size, tile_side)))


def _longest_crop(length: int, tile_side: int | None) -> int:
    """Return an upper bound of the crops along a side of up to ``length`` pixels."""
    return length if tile_side is None else min(length, tile_side + LONGEST_REST + 2 * HALO)
