"""LossTerm: the interface of one term of the total loss (Eq. 8).

A term computes its weighted value and the gradient of that value by hand: both share their differences, and
autograd would take several passes more. Values are summed over positions in float64, so that the tiles of a
picture may be summed in any order.

An evaluation visits the picture in two passes. In the *first pass* a term collects what it has to know of the
whole picture before any gradient can be computed (:meth:`LossTerm.collect`), such as a Gram matrix. In the
*second pass* it returns the value of each tile and adds to the gradient (:meth:`LossTerm.add_tile`). Terms
that compare pixels instead of features need neither: they implement :meth:`LossTerm.of_pixels` and
:meth:`LossTerm.share_of`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from torch import Tensor

from glstylenet.network import WindowedGrad
from glstylenet.numerics import Rect
from glstylenet.objective.tile_features import TileFeatures
from glstylenet.pyramid import fuse_backward

if TYPE_CHECKING:  # styles have Gram matrices, which are computed beside the term that compares them
    from glstylenet.objective.styles import GroupStyles

__all__ = ["Loss", "LossTargets", "LossTerm", "TileGradients"]


@dataclass(frozen=True)
class Loss:
    """A weighted term, 0-dimensional float64, and its gradient with respect to what was compared."""

    value: Tensor
    gradient: Tensor


@dataclass(frozen=True)
class LossTargets:
    """`LossTargets` holds what the terms compare a picture with.

    ``styles``: those of each fused feature of the scheme. ``content_maps``: the content's class channels at
    the size of each fused feature, ``None`` where no maps steer the matching. ``region_maps``: the same,
    ``None`` where statistics are those of the whole picture. ``content``: F^4 of the content, ``None`` where
    no term compares it, at the positions in ``content_window``, ``None`` for all.
    """

    styles: "Sequence[GroupStyles]"
    content_maps: Sequence[Tensor | None]
    region_maps: Sequence[Tensor | None]
    content: Tensor | None
    content_window: Rect | None = None


@dataclass
class TileGradients:
    """Gradients with respect to the features of one tile, added up over the terms.

    ``fused``: for each fused feature the gradient (M, C), at least float32, at the tile's M own positions.
    ``layers``: parts of the gradient with respect to single layers.
    """

    fused: list[Tensor | None]
    layers: dict[int, list[WindowedGrad]] = field(default_factory=dict)

    def add_fused(self, number: int, gradient: Tensor) -> None:
        """Add ``gradient`` (M, C), which may be kept and overwritten, to that of fused feature ``number``."""
        known = self.fused[number]
        self.fused[number] = gradient if known is None else known.add_(gradient)

    def by_layer(self, features: TileFeatures) -> dict[int, list[WindowedGrad]]:
        """Return the parts of the gradient with respect to every layer, fused features spread to theirs."""
        parts: dict[int, list[WindowedGrad]] = {layer: [] for layer in features.layers}
        tile = features.tile
        for number, gradient in enumerate(self.fused):
            if gradient is None:
                continue
            group = features.groups[number]
            feature = features.own(number)
            shape = (*feature.shape[-2:], feature.shape[1])
            spread = fuse_backward(
                gradient.to(feature.dtype).view(shape).permute(2, 0, 1)[None],
                group,
                crop=tile.crop,
                size=tile.size,
                window=tile.positions(group[-1]),
                channels=features.channels,
            )
            for layer, part in spread.items():
                parts[layer].append(part)
        for layer, several in self.layers.items():
            parts[layer] += several
        return parts


class LossTerm:
    """One term of Eq. 8, with its weight, for one size of the picture.

    A new term is a subclass in a file of its own and an entry in ``TERMS`` (:mod:`.terms`); its weight is a
    setting. Everything that shows terms (JSON, curves, pages, the benchmark) reads the attributes below.

    ``name``: key of its value, such as in ``--json``. ``symbol``: the paper's name of the weight.
    ``setting``: the field of :class:`~glstylenet.settings.Settings` that holds the weight. ``label``: what
    pages call it. ``colour`` and ``dark_colour``: of its curve on a light and on a
    dark page; near those of Okabe and Ito, which colour-blind people can tell apart.
    """

    name: ClassVar[str]
    symbol: ClassVar[str]
    setting: ClassVar[str]
    label: ClassVar[str]
    colour: ClassVar[str]
    dark_colour: ClassVar[str]

    compares_styles: ClassVar[bool] = False
    """Whether the term compares the fused features of the scheme with the styles'."""

    compares_content: ClassVar[bool] = False
    """Whether the term compares F^4 with the content's; it is left out where there is no content."""

    def __init__(self, weight: float, targets: LossTargets) -> None:
        self.weight = weight
        self.targets = targets

    def of_pixels(self, pixels: Tensor, *, size: tuple[int, int] | None = None) -> Loss | None:
        """Compare ``pixels`` (1, 3, H, W) themselves; ``None`` for a term of features.

        ``size``: (height, width) of the whole picture, where ``pixels`` are a part of it.
        """
        del pixels, size
        return None

    def share_of(self, pixels: Tensor, own: Rect, size: tuple[int, int]) -> Tensor | None:
        """Return the part of a rectangle in a term of pixels; those of all rectangles sum up to the term.

        ``pixels`` (1, 3, h, w) are a part of the picture of ``size``, ``own`` the rectangle in it. ``None``
        for a term of features.
        """
        del pixels, own, size
        return None

    def start(self) -> None:
        """Forget what an earlier first pass collected."""

    def collect(self, features: TileFeatures) -> None:
        """Collect in the first pass what has to be known of the whole picture."""

    def add_tile(self, features: TileFeatures, gradients: TileGradients) -> Tensor | None:
        """Return the tile's part of the value and add its gradient to ``gradients``.

        ``None`` for a term of pixels.
        """
        del features, gradients
        return None
