"""Correspondence: which style position painted which position of a result (Eq. 3).

A fused feature of H x W positions has (H-2) x (W-2) patches of 3x3 positions. A patch stands for the position
in its middle; border positions are in no patch's middle and are shown with their nearest neighbour's.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from glstylenet.maps import map_at
from glstylenet.matching import PATCH
from glstylenet.network import LAYER_NAMES, LAYERS
from glstylenet.objective import LossMaps
from glstylenet.pyramid import PAPER_SCHEMES, fused_size
from glstylenet.run import Inputs
from glstylenet.settings import Settings

__all__ = ["Correspondence", "class_grid", "find_correspondence", "receptive_pixels"]


@dataclass(frozen=True)
class Correspondence:
    """The matches of a scheme's deepest group of layers at the final picture.

    ``layers``: the group; ``groups``: how many the scheme has. ``index`` int64 (rows, columns): for each
    patch of the result its style patch, row by row in ``style_shape`` (rows, columns). ``content_class`` and
    ``matched_class`` uint8 (rows, columns): the map class, from 0, in the middle of the patch and of its
    match; ``None`` without maps.
    """

    layers: tuple[int, ...]
    groups: int
    index: npt.NDArray[np.int64]
    style_shape: tuple[int, int]
    content_class: npt.NDArray[np.uint8] | None
    matched_class: npt.NDArray[np.uint8] | None

    @property
    def cell(self) -> int:
        """Pixels of one position along each axis."""
        return LAYERS[LAYER_NAMES[self.layers[-1]]].stride

    @property
    def style_places(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Row and column of each patch's match among the style's patches."""
        return self.index // self.style_shape[1], self.index % self.style_shape[1]

    @property
    def crossing(self) -> npt.NDArray[np.bool_] | None:
        """Where the match lies in another class than the patch: (rows, columns)."""
        if self.content_class is None or self.matched_class is None:
            return None
        crossing: npt.NDArray[np.bool_] = self.content_class != self.matched_class
        return crossing

    @property
    def crossing_share(self) -> float | None:
        """Share of the matches that lie in another class, 0..1."""
        return None if self.crossing is None else float(self.crossing.mean())


def find_correspondence(breakdown: LossMaps, inputs: Inputs, settings: Settings) -> Correspondence | None:
    """That of the deepest group of the scheme; ``None`` when the local weight is 0: nothing was matched."""
    if not breakdown.matches:
        return None
    groups = PAPER_SCHEMES[settings.scheme].groups
    deepest = max(range(len(groups)), key=lambda number: groups[number][-1])
    layers = groups[deepest]
    index = breakdown.matches[deepest].index.cpu().numpy()
    height, width = fused_size(inputs.style_size, layers)
    content_class = matched_class = None
    if inputs.semantics is not None:
        content_class = _middles(class_grid(inputs.semantics.channels[0], layers, inputs.size))
        style_class = class_grid(inputs.semantics.channels[1], layers, inputs.style_size)
        matched_class = _middles(style_class).ravel()[index]
    return Correspondence(
        layers=layers,
        groups=len(groups),
        index=index,
        style_shape=(height - PATCH + 1, width - PATCH + 1),
        content_class=content_class,
        matched_class=matched_class,
    )


def class_grid(
    class_channels: Tensor, layers: tuple[int, ...], size: tuple[int, int]
) -> npt.NDArray[np.uint8]:
    """The class with the largest share under each position of the fusion of ``layers``: (h, w), from 0.

    ``class_channels`` (1, K, H, W) of a picture of ``size`` (height, width). Of equal shares the first wins.
    """
    shares = map_at(class_channels, fused_size(size, layers))
    grid: npt.NDArray[np.uint8] = shares[0].argmax(dim=0).to(torch.uint8).cpu().numpy()
    return grid


def receptive_pixels(layer: int) -> tuple[int, int]:
    """Return how many pixels before and after its own first one a position of F^layer depends on.

    Position p's first pixel, along each axis, is 2^(layer-1) p.

    >>> receptive_pixels(4)
    (30, 37)
    """
    field = LAYERS[LAYER_NAMES[layer]].receptive_field
    return field.before, field.after


def _middles(grid: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """The positions that are in the middle of a patch."""
    return grid[1:-1, 1:-1]
