"""Targets: what the losses compare with; computed once from the content and the style, tile by tile.

A :class:`TargetStore` shares them between runs on the same pictures.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

from glstylenet.fusion import LAYER_CHANNELS, Pyramid, fused_size, layer_size, layer_sizes, layers_of
from glstylenet.losses import CentredStyle, gram
from glstylenet.neighbours import StylePatches
from glstylenet.patches import BLOCK_BYTES, PATCH
from glstylenet.products import in_half
from glstylenet.tiling import Tile, cut_into_tiles
from glstylenet.vgg import Network, Trail
from glstylenet.window import Window

__all__ = [
    "CONTENT_LAYER",
    "StyleTarget",
    "TargetStore",
    "content_target",
    "look_at",
    "map_at",
    "nothing",
    "picture_size",
    "style_targets",
]

CONTENT_LAYER = 4
"""Eq. 2 compares F^4."""


@dataclass(frozen=True)
class StyleTarget:
    """The style as one fused feature of the scheme sees it; what is derived is computed when first asked for.

    ``layers``: the scheme's group. ``feature`` (1, C, A, B). ``class_channels`` (1, K, A, B): the map at the
    feature's size, weighed by ``map_factor`` in the search.
    """

    layers: tuple[int, ...]
    feature: Tensor
    class_channels: Tensor | None
    map_factor: float
    block_bytes: int

    @property
    def nbytes(self) -> int:
        """Memory that it takes with all that is derived: the search may hold features once more, turned, and
        the rest of the shallow ones."""
        channels = self.feature.shape[1]
        return _bytes_of(self.feature) * (2 * channels + self.shallow) // channels + 4 * channels**2

    @property
    def layer(self) -> int:
        """The deepest layer, whose positions the feature has."""
        return self.layers[-1]

    @property
    def shallow(self) -> int:
        """How many channels, the first, are of layers that were brought down to the deepest's size."""
        return sum(LAYER_CHANNELS[layer] for layer in self.layers[:-1])

    @cached_property
    def gram(self) -> Tensor:
        """The Gram matrix (C, C) of Eq. 5."""
        return gram(self.feature)

    @cached_property
    def patches(self) -> StylePatches:
        """The patches, to be searched."""
        return StylePatches(
            self.feature,
            self.class_channels,
            map_factor=self.map_factor,
            shallow=self.shallow,
            block_bytes=self.block_bytes,
        )

    @cached_property
    def centred(self) -> CentredStyle:
        """The feature as the local loss asks it."""
        return CentredStyle.of(self.feature)

    def entries(self, size: tuple[int, int]) -> int:
        """Numbers in all patches of a generated picture of ``size``: what Eq. 4's mean is taken over."""
        height, width = fused_size(size, self.layers)
        return (height - PATCH + 1) * (width - PATCH + 1) * PATCH**2 * self.feature.shape[1]


def nothing() -> None:
    """What is done between tiles by default."""


class TargetStore:
    """Targets by what they were made from: pictures and maps by their bytes, network, layers, tiles.

    At most ``most_bytes`` of memory are held, the latest used; with 0, nothing is, and every call computes.
    """

    def __init__(self, most_bytes: int = 0) -> None:
        self._most_bytes = most_bytes
        self._contents: OrderedDict[Hashable, Tensor] = OrderedDict()
        self._styles: OrderedDict[Hashable, list[StyleTarget]] = OrderedDict()

    def content(
        self,
        network: Network,
        content: Tensor,
        tile_side: int | None,
        between_tiles: Callable[[], None] = nothing,
        *,
        half: bool = False,
    ) -> Tensor:
        """What :func:`content_target` makes of the same arguments."""
        if not self._most_bytes:
            return content_target(network, content, tile_side, between_tiles, half=half)
        key = (_identity(network), _digest(content), tile_side, half)
        if key not in self._contents:
            self._contents[key] = content_target(network, content, tile_side, between_tiles, half=half)
        self._contents.move_to_end(key)
        target = self._contents[key]
        self._forget()
        return target

    def style(
        self,
        network: Network,
        groups: tuple[tuple[int, ...], ...],
        style: Tensor,
        style_map: Tensor | None,
        *,
        tile_side: int | None,
        map_factor: float,
        block_bytes: int = BLOCK_BYTES,
        between_tiles: Callable[[], None] = nothing,
        half: bool = False,
    ) -> list[StyleTarget]:
        """What :func:`style_targets` makes of the same arguments."""

        def make() -> list[StyleTarget]:
            return style_targets(
                network,
                groups,
                style,
                style_map,
                tile_side=tile_side,
                map_factor=map_factor,
                block_bytes=block_bytes,
                between_tiles=between_tiles,
                half=half,
            )

        if not self._most_bytes or not groups:
            return make()
        map_key = None if style_map is None else (_digest(style_map), map_factor)
        key = (_identity(network), groups, _digest(style), map_key, tile_side, block_bytes, half)
        if key not in self._styles:
            self._styles[key] = make()
        self._styles.move_to_end(key)
        targets = self._styles[key]
        self._forget()
        return targets

    @property
    def nbytes(self) -> int:
        """What is held now."""
        styles = sum(target.nbytes for targets in self._styles.values() for target in targets)
        return styles + sum(map(_bytes_of, self._contents.values()))

    def _forget(self) -> None:
        """Let go of what was used longest ago; of a style before a content, which is smaller."""
        while self.nbytes > self._most_bytes:
            (self._styles or self._contents).popitem(last=False)


def content_target(
    network: Network,
    content: Tensor,
    tile_side: int | None,
    between_tiles: Callable[[], None] = nothing,
    *,
    half: bool = False,
) -> Tensor:
    """F^4 of ``content`` (1, 3, H, W), made from tiles of at most ``tile_side`` pixels; in at most 16 bits an
    entry for ``half``."""
    size = picture_size(content)
    target = _blank(network, LAYER_CHANNELS[CONTENT_LAYER], layer_size(size, CONTENT_LAYER), half=half)
    for tile in cut_into_tiles(size, tile_side):
        between_tiles()
        own = tile.positions(CONTENT_LAYER)
        _, [seen] = look_at(network, content, tile, ((CONTENT_LAYER,),), [own], keeping=False)
        _write(target, own, seen)
    return target


def style_targets(
    network: Network,
    groups: tuple[tuple[int, ...], ...],
    style: Tensor,
    style_map: Tensor | None,
    *,
    tile_side: int | None,
    map_factor: float,
    block_bytes: int = BLOCK_BYTES,
    between_tiles: Callable[[], None] = nothing,
    half: bool = False,
) -> list[StyleTarget]:
    """One for each of a scheme's ``groups``, of ``style`` (1, 3, A, B) and its ``style_map`` (1, K, A, B);
    features in at most 16 bits an entry for ``half``."""
    if not groups:
        return []
    size = picture_size(style)
    features = [
        _blank(network, sum(LAYER_CHANNELS[layer] for layer in group), fused_size(size, group), half=half)
        for group in groups
    ]
    for tile in cut_into_tiles(size, tile_side):
        between_tiles()
        windows = [tile.positions(group[-1]) for group in groups]
        _, seen = look_at(network, style, tile, groups, windows, keeping=False)
        for feature, window, part in zip(features, windows, seen, strict=True):
            _write(feature, window, part)
    maps = [None if style_map is None else map_at(style_map, fused_size(size, group)) for group in groups]
    return [
        StyleTarget(group, feature, class_channels, map_factor, block_bytes)
        for group, feature, class_channels in zip(groups, features, maps, strict=True)
    ]


def map_at(class_channels: Tensor, size: tuple[int, int]) -> Tensor:
    """Class channels (1, K, H, W) at feature ``size``: the share of each class under a position.

    The paper gives every layer a copy of the map, resampled to the layer, before fusion. These copies are
    the same map once fused, and a cosine does not change when its vectors are repeated: one copy serves.
    """
    height, width = picture_size(class_channels)
    if height % size[0] == 0 and width % size[1] == 0:
        return F.avg_pool2d(class_channels, (height // size[0], width // size[1]))
    return F.adaptive_avg_pool2d(class_channels, size)


def picture_size(picture: Tensor) -> tuple[int, int]:
    """Height and width of (1, C, H, W)."""
    return picture.shape[-2], picture.shape[-1]


def look_at(
    network: Network,
    picture: Tensor,
    tile: Tile,
    groups: Sequence[tuple[int, ...]],
    windows: Sequence[Window],
    *,
    keeping: bool,
) -> tuple[Trail, list[Tensor]]:
    """Show ``tile`` of ``picture`` to the network: the fusion of each of ``groups`` at the positions in its
    window. ``keeping``: with what the way back needs."""
    pyramids = [
        Pyramid(group, layer_sizes(tile.size, group), origin=tile.origin, window=window)
        for group, window in zip(groups, windows, strict=True)
    ]

    def take(layer: int, feature: Tensor, rows: tuple[int, int]) -> None:
        for pyramid in pyramids:
            pyramid.take(layer, feature, rows)

    rows, columns = tile.crop.slices
    trail = network.forward(
        picture[..., rows, columns], layers_of(groups), take, keeping=keeping, origin=tile.origin
    )
    return trail, [pyramid.fused for pyramid in pyramids]


def _blank(network: Network, channels: int, size: tuple[int, int], *, half: bool) -> Tensor:
    """Room for a feature of the whole picture: of the network's type, or float16 for float32 if ``half``."""
    dtype = torch.float16 if half and network.dtype == torch.float32 else network.dtype
    feature = torch.empty((1, channels, *size), dtype=dtype, device=network.device)
    return feature.to(memory_format=torch.channels_last)


def _write(feature: Tensor, window: Window, part: Tensor) -> None:
    """Write ``part`` where ``window`` lies in ``feature``."""
    feature[..., *window.slices] = in_half(part) if feature.dtype == torch.float16 else part


def _bytes_of(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def _identity(network: Network) -> tuple[str, str, str]:
    return network.digest, str(network.device), str(network.dtype)


def _digest(picture: Tensor) -> str:
    """Shape and SHA-256 of what a picture or its channels hold."""
    values = picture.detach().cpu().contiguous()
    return f"{tuple(values.shape)} {hashlib.sha256(values.numpy().data).hexdigest()}"
