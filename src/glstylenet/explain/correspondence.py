"""Correspondence: the style patch that each patch of a result was matched with (Eq. 3).

A fused feature of H x W positions has (H-2) x (W-2) patches of 3x3 positions. A patch stands for the position
in its middle. Positions at the border are in the middle of no patch: they are shown with the match of the
nearest patch.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from glstylenet.explain.joined_styles import style_lefts
from glstylenet.maps import map_at
from glstylenet.matching import PATCH, PatchGrid
from glstylenet.network import LAYER_NAMES, LAYERS
from glstylenet.objective import LossMaps
from glstylenet.pyramid import SCHEMES, fused_size
from glstylenet.run import Inputs
from glstylenet.settings import Settings

__all__ = ["Correspondence", "class_grid", "find_correspondence", "receptive_pixels"]


@dataclass(frozen=True)
class Correspondence:
    """`Correspondence` holds the matches of the final picture, of the deepest group of layers of a scheme.

    ``layers``: the group; ``groups``: the number of groups of the scheme. ``index`` int64 (rows, columns):
    for each patch of the result the number of its style patch, row by row in ``style_shape`` (rows, columns).
    Several styles lie side by side (:mod:`.joined_styles`), and ``style_shape`` is that of all of them.
    ``content_class`` and ``matched_class`` uint8 (rows, columns): the map class, from 0, in the middle of the
    patch and of its match; ``None`` without maps. A match in a style without a map has the patch's class.
    ``style`` uint8 (rows, columns): the style of the match, from 0; ``None`` if there is one style.
    """

    layers: tuple[int, ...]
    groups: int
    index: npt.NDArray[np.int64]
    style_shape: tuple[int, int]
    content_class: npt.NDArray[np.uint8] | None
    matched_class: npt.NDArray[np.uint8] | None
    style: npt.NDArray[np.uint8] | None = None

    @property
    def style_shares(self) -> tuple[float, ...]:
        """The share of the patches that each style has painted, 0..1; none if there is one style."""
        if self.style is None:
            return ()
        counts = np.bincount(self.style.ravel())
        return tuple((counts / self.style.size).tolist())

    @property
    def cell(self) -> int:
        """Pixels of one position along each axis."""
        return LAYERS[LAYER_NAMES[self.layers[-1]]].stride

    @property
    def style_places(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Rows and columns of the matches among the style's patches, (rows, columns) each."""
        return self.index // self.style_shape[1], self.index % self.style_shape[1]

    @property
    def crossing(self) -> npt.NDArray[np.bool_] | None:
        """Whether a match lies in another class than its patch, (rows, columns); ``None`` without maps."""
        if self.content_class is None or self.matched_class is None:
            return None
        crossing: npt.NDArray[np.bool_] = self.content_class != self.matched_class
        return crossing

    @property
    def crossing_share(self) -> float | None:
        """Share of the matches that lie in another class, 0..1; ``None`` without maps."""
        return None if self.crossing is None else float(self.crossing.mean())


def find_correspondence(loss_maps: LossMaps, inputs: Inputs, settings: Settings) -> Correspondence | None:
    """Return the matches of the scheme's deepest group; ``None`` if the local weight is 0."""
    if not loss_maps.matches:
        return None
    groups = SCHEMES[settings.scheme].groups
    deepest = max(range(len(groups)), key=lambda number: groups[number][-1])
    layers = groups[deepest]
    found = loss_maps.matches[deepest].index.cpu()
    sizes = [fused_size(style.size, layers) for style in inputs.styles]
    grid = PatchGrid(tuple(sizes))
    styles = grid.feature_of(found).to(torch.uint8).numpy()
    lefts = style_lefts(inputs, LAYERS[LAYER_NAMES[layers[-1]]].stride)
    height = max(rows for rows, _ in sizes)
    width = lefts[-1] + sizes[-1][1]
    index = np.zeros(styles.shape, np.int64)
    content_class = matched_class = None
    if inputs.semantics is not None:
        content_class = _middles(class_grid(inputs.semantics.channels[0], layers, inputs.size))
        matched_class = content_class.copy()
    for number, (style, (_, columns), left) in enumerate(zip(inputs.styles, sizes, lefts, strict=True)):
        here = styles == number
        own = found.numpy()[here] - grid.first_patch(number)
        rows, places = own // (columns - PATCH + 1), own % (columns - PATCH + 1)
        index[here] = rows * (width - PATCH + 1) + left + places
        if matched_class is not None and style.channels is not None:
            matched_class[here] = _middles(class_grid(style.channels, layers, style.size)).ravel()[own]
    return Correspondence(
        layers=layers,
        groups=len(groups),
        index=index,
        style_shape=(height - PATCH + 1, width - PATCH + 1),
        content_class=content_class,
        matched_class=matched_class,
        style=styles if len(sizes) > 1 else None,
    )


def class_grid(
    class_channels: Tensor, layers: tuple[int, ...], size: tuple[int, int]
) -> npt.NDArray[np.uint8]:
    """Return the class with the largest share at each position of the fusion of ``layers``: (h, w), from 0.

    ``class_channels`` (1, K, H, W) of a picture of ``size`` (height, width). Of equal shares the first wins.

    >>> left_half = torch.zeros(1, 2, 16, 16)
    >>> left_half[:, 0, :, :8] = 1.0
    >>> left_half[:, 1, :, 8:] = 1.0
    >>> class_grid(left_half, (4,), (16, 16)).tolist()
    [[0, 1], [0, 1]]
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
    """Return the positions that are in the middle of a patch."""
    return grid[1:-1, 1:-1]
