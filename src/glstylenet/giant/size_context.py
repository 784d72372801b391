"""SizeContext: what all steps of one size share in a process, and how they read pictures from the store."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cached_property, lru_cache
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from glstylenet.errors import InputError
from glstylenet.giant.areas import Area, cut_into_areas
from glstylenet.giant.manifest import Manifest, read_manifest
from glstylenet.giant.store import Store
from glstylenet.giant.style_features import StyleFeatures
from glstylenet.machine import choose_device
from glstylenet.maps import resize_labels
from glstylenet.matching import Matches
from glstylenet.network import CONTENT_LAYER, VGG19, layer_channels, load_weights
from glstylenet.numerics import Rect
from glstylenet.objective import AreaTargets, LossWeights, StyleGuide, compared_groups
from glstylenet.pictures import resized_window
from glstylenet.pyramid import SCHEMES, Tile, cut_into_tiles
from glstylenet.run import MARGIN, SMALLEST_SIDE, canvas_size
from glstylenet.settings import Settings

__all__ = ["SizeContext", "areas_of", "copies_strokes", "size_context", "style_parts_of", "style_tiles_of"]


class SizeContext:
    """`SizeContext` holds what all steps of the size ``number`` of a store's run share."""

    def __init__(self, folder: Path, manifest: Manifest, number: int) -> None:
        self.store = Store(folder)
        self.manifest = manifest
        self.number = number
        self.settings = Settings(**manifest.settings)
        self.size = manifest.sizes[number]
        self.canvas_size = canvas_size(self.size)
        self.areas = areas_of(manifest, number)

    @cached_property
    def device(self) -> torch.device:
        """Where steps compute."""
        return choose_device(self.settings.device, self.settings.precision).torch_device

    @cached_property
    def network(self) -> VGG19:
        """The network."""
        tensors = load_weights(self.settings.weights).tensors
        return VGG19(tensors, device=self.device, dtype=self._dtype)

    @cached_property
    def _dtype(self) -> torch.dtype:
        """The type of all features."""
        return choose_device(self.settings.device, self.settings.precision).dtype

    @cached_property
    def style_features(self) -> list[StyleFeatures]:
        """The features of each style at this size, in the store; none if nothing is compared with styles."""
        return [
            self._features_of_style(number, tiles, None)
            for number, tiles in enumerate(style_tiles_of(self.manifest, self.number))
        ]

    @cached_property
    def soft_style_features(self) -> list[StyleFeatures]:
        """The last feature of each style, as soft as the enlarged picture that strokes are copied into."""
        if not copies_strokes(self.settings):
            return []
        tiles_before = style_tiles_of(self.manifest, self.number - 1)
        return [
            self._features_of_style(number, tiles, before[0].size)
            for number, (tiles, before) in enumerate(
                zip(style_tiles_of(self.manifest, self.number), tiles_before, strict=True)
            )
        ]

    def _features_of_style(
        self, number: int, tiles: list[Tile], softened_through: tuple[int, int] | None
    ) -> StyleFeatures:
        groups = compared_groups(SCHEMES[self.settings.scheme], LossWeights.of(self.settings))
        return StyleFeatures(
            self.store,
            self.manifest.styles[number].role,
            self.name,
            number=number,
            tiles=tiles,
            groups=groups if softened_through is None else groups[-1:],
            dtype=self._dtype,
            softened_through=softened_through,
        )

    @cached_property
    def targets(self) -> AreaTargets:
        """What depends on the style at this size."""
        settings, store = self.settings, self.store
        styles = [
            StyleGuide(
                features.picture().to(self.device),
                self._style_map(style.map_name, features.tiles[0].size),
                weight=style.weight,
                classes=frozenset(style.classes),
                features=features,
            )
            for features in self.style_features
            for style in [self.manifest.styles[features.number]]
        ]
        soft_styles = [
            replace(styles[features.number], features=features) for features in self.soft_style_features
        ]
        content_factor = 1.0 if self.manifest.factor(self.number) == 1.0 else settings.coarse_content
        return AreaTargets(
            self.network,
            SCHEMES[settings.scheme],
            LossWeights.of(settings, content_factor=content_factor),
            self.canvas_size,
            styles,
            soft_styles=soft_styles or None,
            content_map=self._content_map if store.has("content-map") else None,
            regions=settings.statistics == "regions",
        )

    def forget_targets(self) -> None:
        """Free the memory of network and targets: the size is done."""
        for name in ("network", "style_features", "soft_style_features", "targets"):
            self.__dict__.pop(name, None)

    @property
    def start_generation(self) -> int:
        """The generation of the pixels that the first sweep finds."""
        return int(self.number > 0 and copies_strokes(self.settings))

    def read_canvas(self, window: Rect, generation: int, colours: int = 0) -> Tensor:
        """Return the canvas (1, 3, h, w) in ``window`` before ``generation`` is whole.

        Areas of the first ``colours`` colours are those of this generation, the others those of the one
        before it. Where painted areas overlap, the last one was painted on what the others left.
        """
        pixels = torch.empty((1, 3, *window.size))
        self.read_areas(pixels, window, generation - 1, self.areas)
        self.read_areas(pixels, window, generation, (area for area in self.areas if area.colour < colours))
        return pixels

    def read_areas(self, pixels: Tensor, window: Rect, generation: int, areas: Iterable[Area]) -> None:
        """Replace in ``pixels``, of ``window`` of the canvas, what ``areas`` have of a generation."""
        for area in sorted(areas, key=lambda area: area.colour):
            stored = area.painted if generation > self.start_generation else area.core
            shared = stored.intersection(window)
            if shared is not None:
                part = self.store.read_pixels(self.pixels_name(generation, area), shared.relative_to(stored))
                pixels[..., *shared.relative_to(window).slices] = part

    def read_content(self, window: Rect) -> Tensor:
        """Return the content (1, 3, h, w) at this size in ``window`` of the canvas."""

        def read(part: Rect) -> Tensor:
            return self.store.read_pixels("content", part)

        return self._on_canvas(window, self.size, self.store.size_of("content"), read)

    def write_content_features(self, area: int, features: Tensor) -> None:
        """Write F^4 (1, C, h, w) of the content at an area's own positions."""
        lines = features[0].permute(1, 2, 0).cpu()  # a position's numbers lie together, as they are computed
        self.store.write_array(self._content_name(area), tuple(lines.shape), lines.dtype, [((), lines)])

    def read_content_features(self, tile: Tile) -> Tensor:
        """Return F^4 (1, C, h, w) of the content at the own positions of ``tile``, from what areas wrote."""
        window = tile.positions(CONTENT_LAYER)
        channels = layer_channels(self.network)[CONTENT_LAYER]
        lines = torch.empty((*window.size, channels), dtype=self._dtype)
        for area in self.areas:
            own = area.tile.positions(CONTENT_LAYER)
            shared = own.intersection(window)
            if shared is not None:
                stored = self.store.map_array(self._content_name(area.number), self._dtype).tensor
                lines[shared.relative_to(window).slices] = stored[shared.relative_to(own).slices]
        return lines.permute(2, 0, 1)[None].to(self.device)

    def _content_name(self, area: int) -> str:
        return self.name(f"content-{area}")

    def read_enlarged(self, before: "SizeContext", generation: int, window: Rect) -> Tensor:
        """Return the picture at the size ``before``, whose last generation is given, enlarged to this one."""

        def read(part: Rect) -> Tensor:
            on_canvas = Rect(part.top + MARGIN, part.left + MARGIN, part.bottom + MARGIN, part.right + MARGIN)
            return before.read_canvas(on_canvas, generation + 1)

        return self._on_canvas(window, self.size, before.size, read)

    def pixels_name(self, generation: int, area: Area) -> str:
        """Return the name of an area's pixels in the store."""
        return self.name(f"pixels-{generation}-{area.number}")

    def name(self, name: str) -> str:
        """Return the name of anything else of this size."""
        return f"{self.manifest.place(self.number)}/{name}"

    def read_matches(self, sweep: int) -> list[Matches]:
        """Return the matches of the whole picture that a survey found; they are read as they are needed."""
        numbers = range(len(self.targets.targets.styles))
        indexes = [
            self.store.map_array(self.name(f"matches-{sweep}-{number}"), torch.int32) for number in numbers
        ]
        # How similar they are, nobody asks: one number stands for all.
        return [
            Matches(each.tensor.to(self.device), torch.zeros(1).expand(each.tensor.shape)) for each in indexes
        ]

    def _style_map(self, name: str, size: tuple[int, int]) -> Tensor | None:
        """Return a style's class channels (1, K, A, B) at its ``size``; ``None`` if it has no map."""
        if not self.store.has(name):
            return None
        return resize_labels(self.store.read_pixels(name), size).to(self.device)

    def _content_map(self, size: tuple[int, int]) -> Tensor:
        """Return the content's class channels at the (height, width) of a feature of the canvas.

        They are resampled from the coarse part's, which has more pixels than a feature of the result has
        positions, up to 64 times the coarse part's pixels.
        """
        stride = round(self.canvas_size[0] / size[0])
        margin = max(1, MARGIN // stride)
        inner = (size[0] - 2 * margin, size[1] - 2 * margin)
        channels = resize_labels(self.store.read_pixels("content-map"), inner)
        return F.pad(channels, (margin,) * 4, mode="replicate").to(self.device)

    @staticmethod
    def _on_canvas(
        window: Rect, size: tuple[int, int], source: tuple[int, int], read: Callable[[Rect], Tensor]
    ) -> Tensor:
        rows = _mirrored(window.top, window.bottom, size[0])
        columns = _mirrored(window.left, window.right, size[1])
        part = Rect(int(rows.min()), int(columns.min()), int(rows.max()) + 1, int(columns.max()) + 1)
        pixels = resized_window(read, source, size, part)
        return pixels.index_select(2, rows - part.top).index_select(3, columns - part.left)


def size_context(folder: Path, run: str, number: int) -> SizeContext:
    """Return the context of a size, held for the next step: computing a style's targets takes a while.

    ``run``: the digest of the identity of the run that the store is of.
    """
    manifest = read_manifest(folder)
    if manifest is None:
        raise InputError(f"{folder}: holds no giant run; expected its manifest.json. Name the run's store")
    if manifest.identity.digest != run:
        raise InputError(f"{folder}: now holds another giant run; give every run a store of its own")
    return _context_at(manifest.place(number), folder, run, number)


@lru_cache(maxsize=2)
def _context_at(place: str, folder: Path, run: str, number: int) -> SizeContext:
    """Return the context of a size whose files are in ``place``: with smaller areas it is another one."""
    manifest = read_manifest(folder)
    assert manifest is not None  # it was read to learn the place
    return SizeContext(folder, manifest, number)


def copies_strokes(settings: Settings) -> bool:
    """Return whether strokes are copied at each size."""
    return settings.voting != "none" and settings.local_weight > 0


def areas_of(manifest: Manifest, number: int) -> list[Area]:
    """Return the areas of a size; the coarse one is painted whole."""
    return cut_into_areas(canvas_size(manifest.sizes[number]), manifest.area_of(number))


def style_tiles_of(manifest: Manifest, number: int) -> list[list[Tile]]:
    """Return the tiles of each style at a size; no style's if nothing is compared with them.

    A style shrinks with the picture, to the smallest side that holds patches.
    """
    settings = Settings(**manifest.settings)
    if not compared_groups(SCHEMES[settings.scheme], LossWeights.of(settings)):
        return []
    tiles = []
    for height, width in (style.size for style in manifest.styles):
        factor = max(manifest.factor(number), min(1.0, SMALLEST_SIDE / min(height, width)))
        size = (round(height * factor), round(width * factor))
        tiles.append(cut_into_tiles(size, manifest.area_of(number)))
    return tiles


def style_parts_of(manifest: Manifest, number: int) -> list[Tile]:
    """Return the tiles of all styles that the first step of a size computes features of.

    Where strokes are copied, each is there twice: of the style as it is, and as soft as the enlarged picture.
    """
    tiles = [tile for of_style in style_tiles_of(manifest, number) for tile in of_style]
    return tiles * 2 if copies_strokes(Settings(**manifest.settings)) else tiles


def _mirrored(start: int, stop: int, length: int) -> Tensor:
    """Return the picture's row of each row of the canvas from ``start`` on, mirrored in the margin."""
    rows = (torch.arange(start, stop) - MARGIN).abs()
    return torch.where(rows < length, rows, 2 * (length - 1) - rows)
