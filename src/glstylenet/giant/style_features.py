"""StyleFeatures: a style's fused features at one size, computed once, and read from the store as needed.

A large style's features are larger than an area's: 60 bytes for each of its pixels in scheme (g). No process
holds them. The style is cut into tiles; each tile's features are computed as a part of a step, by any
process, and all are joined to one file. Every process maps that file: the search and the votes of an area
read what they need of it through the page cache, and :meth:`StyleFeatures.release` gives the rest of the
process's memory back after each part.
"""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from glstylenet.giant.store import MappedArray, Store
from glstylenet.network import Network
from glstylenet.numerics import Rect
from glstylenet.objective import crop_features
from glstylenet.pictures import resized_window
from glstylenet.pyramid import Tile

__all__ = ["StyleFeatures"]


class StyleFeatures:
    """`StyleFeatures` reads and writes what a size needs of one style's picture.

    ``source``: the picture's name in ``store``. ``name_of`` returns the name of a file of this size, and
    ``number`` counts the styles from 0. ``tiles``: those of the style at this size. ``groups``: the layers of
    each fused feature. ``dtype``: of the features. ``softened_through``: a (height, width) that the style is
    reduced to and enlarged from, for features of a style as soft as a picture that was enlarged; these have
    no picture, since nothing is copied from it.
    """

    def __init__(
        self,
        store: Store,
        source: str,
        name_of: Callable[[str], str],
        *,
        number: int,
        tiles: Sequence[Tile],
        groups: Sequence[tuple[int, ...]],
        dtype: torch.dtype,
        softened_through: tuple[int, int] | None = None,
    ) -> None:
        self._softened_through = softened_through
        self._store = store
        self._source = source
        self._name_of = name_of
        self.number = number
        self.tiles = tiles
        self._groups = groups
        self._dtype = dtype
        self._maps: dict[str, MappedArray] = {}

    def compute(self, number: int, network: Network) -> dict[str, Tensor]:
        """Return what :meth:`join` needs of the tile ``number``, by name: pixels, and features by group."""
        tile = self.tiles[number]
        crop = self._read_crop(tile)
        windows = [tile.positions(group[-1]) for group in self._groups]
        with torch.no_grad():
            found = crop_features(
                network, crop.to(network.device), tile, self._groups, windows, save_for_backward=False
            )
        tensors = {f"feature-{group}": _lines(feature) for group, feature in enumerate(found.fused)}
        if self._softened_through is None:
            own = tile.positions(1).relative_to(tile.crop)
            tensors["picture"] = crop[0][:, *own.slices]
        return tensors

    def _read_crop(self, tile: Tile) -> Tensor:
        """Return the pixels (1, 3, h, w) of a tile's crop."""
        size = self._store.size_of(self._source)
        coarse = self._softened_through

        def read(window: Rect) -> Tensor:
            return self._store.read_pixels(self._source, window)

        def read_coarse(window: Rect) -> Tensor:
            assert coarse is not None
            return resized_window(read, size, coarse, window)

        if coarse is None:
            return resized_window(read, size, tile.size, tile.crop)
        return resized_window(read_coarse, coarse, tile.size, tile.crop)

    def join(self, names: Sequence[str]) -> None:
        """Join what the store holds of all tiles, by the ``names`` of their files, in order."""
        for group, layers in enumerate(self._groups):
            self._write(self._feature_name(group), f"feature-{group}", names, layers[-1])
        if self._softened_through is None:
            self._write(self._picture_name, "picture", names, None)

    def picture(self) -> Tensor:
        """Return the style (1, 3, A, B) at this size, mapped."""
        return self._mapped(self._picture_name, torch.float32)[None]

    def fused(self, _picture: Tensor, groups: Sequence[tuple[int, ...]]) -> list[Tensor]:
        """Return the fused features (1, C, A, B), mapped: what a :class:`.FeatureExtractor` computes."""
        assert tuple(groups) == tuple(self._groups)
        mapped = [self._mapped(self._feature_name(group), self._dtype) for group in range(len(groups))]
        return [each.permute(2, 0, 1)[None] for each in mapped]

    def release(self) -> None:
        """Give back the memory of what was read; it is read again when needed."""
        for mapped in self._maps.values():
            mapped.release()

    @property
    def key(self) -> str:
        """What the features depend on besides the picture: nothing that changes within a size."""
        return self._name_of(self._feature_name(0))

    @property
    def _picture_name(self) -> str:
        return f"style-picture-{self.number}"

    def _feature_name(self, group: int) -> str:
        kind = "style" if self._softened_through is None else "soft-style"
        return f"{kind}-feature-{self.number}-{group}"

    def _mapped(self, name: str, dtype: torch.dtype) -> Tensor:
        if name not in self._maps:
            self._maps[name] = self._store.map_array(self._name_of(name), dtype)
        return self._maps[name].tensor

    def _write(self, name: str, key: str, names: Sequence[str], layer: int | None) -> None:
        """Write one array from the tiles' parts of it: positions of ``layer``, or the picture's pixels."""

        def parts() -> Iterator[tuple[tuple[slice, ...], Tensor]]:
            for tile, file in zip(self.tiles, names, strict=True):
                yield _place(tile, layer), self._store.read_tensor(file, key)

        last = self.tiles[-1].positions(layer or 1)
        size = (last.bottom, last.right)
        first = self._store.read_tensor(names[0], key)
        shape = (first.shape[0], *size) if layer is None else (*size, first.shape[2])
        self._store.write_array(self._name_of(name), shape, first.dtype, parts())


def _lines(feature: Tensor) -> Tensor:
    """Return a feature (1, C, h, w) as (h, w, C): a position's numbers lie together, as searches read it."""
    return feature[0].permute(1, 2, 0).cpu().contiguous()


def _place(tile: Tile, layer: int | None) -> tuple[slice, ...]:
    own: Rect = tile.positions(layer or 1)
    return (slice(None), *own.slices) if layer is None else own.slices
