"""Objective: the paper's total loss as a function of the pixels, ``evaluate(x) -> terms and gradient``.

    L(x) = alpha L_content + beta L_local + gamma L_global + sigma L_smoothness               (Eq. 8)

What does not depend on x (:mod:`glstylenet.objective.style_target`) is computed once. The nearest neighbours of Eq. 3
are found by :meth:`Objective.match` and held until it is called again: within such a *round* the loss is
smooth, which L-BFGS needs. The paper matches at every evaluation; ``evaluate(x, rematch=True)`` is that.

**Tiles.** A picture of any size is evaluated tile by tile, in the memory of one, with the numbers of the
whole: features are exact within a tile (:mod:`glstylenet.pyramid.tiles`), the terms are sums over tiles, and
gradients of overlapping crops add up. Only the Gram matrix needs all tiles before any gradient can be
had: what was seen of a tile, its fused features and the signs of all others, waits for it, or where memory is
short, the tile is looked at again. The whole picture is the case of one tile.
"""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from glstylenet.machine import CudaGraph, Stopwatch, is_worthwhile
from glstylenet.maps import map_at
from glstylenet.matching import BLOCK_BYTES, PATCH, Matches, semantic_factor
from glstylenet.network import CONTENT_LAYER, Network, WindowedGrad, layer_channels
from glstylenet.numerics import picture_size, to_half, upcast
from glstylenet.objective.content import content_loss
from glstylenet.objective.gram import global_gradient, global_loss, gram
from glstylenet.objective.local import LocalTarget, local_loss, local_target, patch_losses
from glstylenet.objective.smoothness import smoothness_loss
from glstylenet.objective.style_target import StyleTarget, nothing
from glstylenet.objective.target_cache import TargetStore
from glstylenet.objective.terms import Evaluation, LossAccumulator, LossMaps, LossTerms, LossWeights
from glstylenet.objective.tile_features import FirstPass, TileFeatures, tile_features
from glstylenet.pyramid import Scheme, Tile, cut_into_tiles, fuse_backward, fused_size, layers_of

__all__ = ["Objective"]


class Objective:
    """The total loss for one content, one style and one size.

    ``content`` (1, 3, H, W) or ``None`` when the content weight is 0, ``style`` (1, 3, A, B): RGB 0..255.
    ``content_map`` (1, K, H, W) and ``style_map`` (1, K, A, B): class channels, both or neither.
    ``tile_side``: longest side of a tile in pixels, ``None`` for the whole picture at once;
    what was seen of ``cached_tiles`` of them, all for ``None``, is kept from the first visit to the second.
    ``half_features``: those of content and style, and of tiles that wait, are kept in 16 bits an entry.
    ``between_tiles`` is called before each tile that is looked at, ``after_tiles`` after the last of
    an evaluation.
    ``store`` may have the targets. ``stopwatch`` is told the seconds spent on "network" (with fusion and
    content), "matching", "local", "global" and "smoothness".
    """

    def __init__(
        self,
        network: Network,
        scheme: Scheme,
        weights: LossWeights,
        content: Tensor | None,
        style: Tensor,
        *,
        content_map: Tensor | None = None,
        style_map: Tensor | None = None,
        tile_side: int | None = None,
        cached_tiles: int | None = None,
        half_features: bool = False,
        between_tiles: Callable[[], None] = nothing,
        after_tiles: Callable[[], None] = nothing,
        block_bytes: int = BLOCK_BYTES,
        store: TargetStore | None = None,
        stopwatch: Stopwatch | None = None,
    ) -> None:
        store = store or TargetStore()
        self._network = network
        self._channels = layer_channels(network)
        self._weights = weights
        self._tile_side = tile_side
        self._kept_tiles = cached_tiles
        self._half_features = half_features
        self._between_tiles = between_tiles
        self._after_tiles = after_tiles
        self.stopwatch = stopwatch or Stopwatch()
        self._measure = self.stopwatch.measure
        uses_pyramid = weights.local > 0 or weights.global_ > 0
        self._groups = scheme.groups if uses_pyramid else ()
        self._seen = self._groups
        steers = content_map is not None and style_map is not None and weights.semantic > 0
        self._content: Tensor | None = None
        with torch.no_grad(), self._measure("network"):
            if weights.content > 0 and content is not None:
                if _first_with_content(self._groups) == len(self._groups):
                    self._seen = (*self._groups, (CONTENT_LAYER,))
                self._content = store.content(network, content, tile_side, between_tiles, half=half_features)
            self._styles = store.style(
                network,
                self._groups,
                style,
                style_map if steers else None,
                tile_side=tile_side,
                map_factor=semantic_factor(weights.semantic),
                block_bytes=block_bytes,
                between_tiles=between_tiles,
                half=half_features,
            )
            self._maps: list[Tensor | None] = [None for _ in self._groups]
            if steers and content_map is not None:
                size = picture_size(content_map)
                self._maps = [map_at(content_map, fused_size(size, group)) for group in self._groups]
        self._layers = layers_of(self._seen)
        self._matches: list[Matches] = []
        self._local_targets: list[LocalTarget] = []
        self._replay: CudaGraph | None = None
        self._has_evaluated = False

    def match(self, pixels: Tensor) -> list[Matches]:
        """Find the nearest neighbours for ``pixels`` (Eq. 3) and hold them for the evaluations to come.

        Returns them, one for each fused feature of the scheme; empty when the local weight is 0.
        """
        if self._weights.local > 0:
            with torch.no_grad():
                self._first_pass(pixels, searching=True, save_for_backward=False, returning=False)
        return self._matches

    def evaluate(self, pixels: Tensor, *, rematch: bool = False) -> Evaluation:
        """Loss terms and gradient at ``pixels`` (1, 3, H, W) float32, with the matches held now.

        ``rematch``: with the nearest neighbours of these very pixels, which are then held; cheaper than
        :meth:`match` before it.
        """
        with torch.no_grad():
            replay = None if rematch else self._replay_for(pixels)
            if replay is None:
                values, gradient = self._evaluated(pixels, searching=rematch or not self._matches)
                self._has_evaluated = True
                return Evaluation(LossTerms(*values.tolist()), gradient)
            with self._measure("network"):  # all of it: a graph tells no parts
                values, gradient = replay(pixels)
                return Evaluation(LossTerms(*values.tolist()), gradient)

    def _replay_for(self, pixels: Tensor) -> CudaGraph | None:
        """Of an evaluation with the matches held; from the second on, of a small picture on a GPU that is not
        cut into tiles, between which memory may be given back."""
        if self._tile_side is not None or not self._has_evaluated:
            return None
        if self._replay is None and is_worthwhile(pixels):
            self._replay = CudaGraph(lambda x: self._evaluated(x, searching=False), pixels)
        return self._replay if self._replay is not None and self._replay.fits(pixels) else None

    def _evaluated(self, pixels: Tensor, *, searching: bool) -> tuple[Tensor, Tensor]:
        """The four terms, and the gradient of their sum; on the device."""
        sums = LossAccumulator(pixels.device)
        gradient = self._add_smoothness(pixels, sums)
        if self._layers:
            first = self._first_pass(pixels, searching=searching, save_for_backward=True)
            for seen_tile in self._second_pass(pixels, first, save_for_backward=True):
                gradients = self._compare(seen_tile, first.grams, sums)
                seen_tile.fused.clear()  # or they would wait beside the way back
                with self._measure("network"):
                    rows, columns = seen_tile.tile.crop.slices
                    names = self._network.layer_names
                    by_name = {names[layer]: parts for layer, parts in gradients.items()}
                    gradient[..., rows, columns] += self._network.backward(seen_tile.trail, by_name)
                del seen_tile, gradients, by_name  # or they would wait beside the next tile
            self._after_tiles()  # the optimiser's vectors come next, and fit into no tile's blocks
        return sums.stacked(), gradient

    def terms(self, pixels: Tensor) -> LossTerms:
        """The loss terms alone, with fresh matches: what the paper's objective is at ``pixels``."""
        sums = LossAccumulator(pixels.device)
        with torch.no_grad():
            self._add_smoothness(pixels, sums)
            if self._layers:
                first = self._first_pass(pixels, searching=True, save_for_backward=False)
                for seen_tile in self._second_pass(pixels, first, save_for_backward=False):
                    self._compare(seen_tile, first.grams, sums)
                    del seen_tile
        return sums.terms()

    def breakdown(self, pixels: Tensor) -> LossMaps:
        """What :meth:`terms` tells, and each position's part in the content and the local term."""
        sums = LossAccumulator(pixels.device)
        content = None if self._content is None else torch.zeros(picture_size(self._content)).to(sums.content)
        local: list[Tensor] = []
        with torch.no_grad():
            self._add_smoothness(pixels, sums)
            if self._layers:
                first = self._first_pass(pixels, searching=True, save_for_backward=False)
                local = [torch.zeros(matches.index.shape).to(sums.local) for matches in self._matches]
                for seen_tile in self._second_pass(pixels, first, save_for_backward=False):
                    self._compare(seen_tile, first.grams, sums)
                    for number, parts in enumerate(local):
                        self._divide_local(seen_tile, number, parts)
                    if content is not None:
                        self._divide_content(seen_tile, content)
                    del seen_tile
        return LossMaps(sums.terms(), content, local, self._matches)

    def _divide_local(self, seen_tile: TileFeatures, number: int, parts: Tensor) -> None:
        """Write the share of the tile's patches in the local term of group ``number`` into ``parts``."""
        style = self._styles[number]
        patches = seen_tile.tile.patches(style.layer).slices
        index = self._matches[number].index[patches]
        share = self._weights.local / style.entries(seen_tile.tile.size)
        parts[patches] = share * patch_losses(seen_tile.fused[number], style.feature, index)

    def _divide_content(self, seen_tile: TileFeatures, parts: Tensor) -> None:
        """Write the share of the tile's positions in the content term into ``parts``."""
        seen, target = self._contents(seen_tile)
        difference = seen.to(parts.dtype) - target.to(parts.dtype)
        share = self._weights.content / (target.shape[1] * parts.numel())
        own = seen_tile.tile.positions(CONTENT_LAYER).slices
        parts[own] = share * difference.square_().sum(dim=(0, 1), dtype=torch.float64)

    def _tiles(self, pixels: Tensor) -> list[Tile]:
        return cut_into_tiles(picture_size(pixels), self._tile_side)

    def _forward_tile(self, pixels: Tensor, tile: Tile, *, save_for_backward: bool) -> TileFeatures:
        """Show ``tile`` to the network. ``save_for_backward``: with what the way back needs."""
        self._between_tiles()
        with self._measure("network"):
            windows = [tile.patches(group[-1]).expand(PATCH - 1) for group in self._seen]
            trail, fused = tile_features(
                self._network, pixels, tile, self._seen, windows, save_for_backward=save_for_backward
            )
        return TileFeatures(tile, trail, windows, fused)

    def _first_pass(
        self, pixels: Tensor, *, searching: bool, save_for_backward: bool, returning: bool = True
    ) -> FirstPass:
        """Visit every tile for what needs the whole picture before any gradient can be had, ``save_for_backward`` what
        the way back needs. ``returning``: tiles are visited again."""
        searching = searching and self._weights.local > 0
        first = FirstPass([], {})
        if not searching and self._weights.global_ == 0:
            return first
        tiles = self._tiles(pixels)
        kept = len(tiles) if self._kept_tiles is None or len(tiles) == 1 else self._kept_tiles
        groups = self._groups if searching else ()
        matches = [Matches.blank(fused_size(tiles[0].size, group), pixels.device) for group in groups]
        for number, tile in enumerate(tiles):
            seen_tile = self._forward_tile(
                pixels, tile, save_for_backward=save_for_backward and number < kept
            )
            if searching:
                self._search(seen_tile, matches)
            if self._weights.global_ > 0:
                self._add_grams(seen_tile, first.grams)
            if number < kept and (returning or len(tiles) == 1):
                if self._half_features and len(tiles) > 1:
                    seen_tile.fused[:] = map(to_half, seen_tile.fused)
                first.tiles_seen[number] = seen_tile
            del seen_tile
        if searching:
            self._matches = matches
            self._hold(self._targets_for(first.tiles_seen[0]) if len(tiles) == 1 else [])
        return first

    def _second_pass(
        self, pixels: Tensor, first: FirstPass, *, save_for_backward: bool
    ) -> Iterator[TileFeatures]:
        """Every tile: what was kept of it, which is let go of, or seen anew."""
        for number, tile in enumerate(self._tiles(pixels)):
            # Not held here while the caller is at work on it.
            if number in first.tiles_seen:
                self._between_tiles()
                first.tiles_seen[number].fused[:] = map(upcast, first.tiles_seen[number].fused)
                yield first.tiles_seen.pop(number)
            else:
                yield self._forward_tile(pixels, tile, save_for_backward=save_for_backward)

    def _search(self, seen_tile: TileFeatures, matches: list[Matches]) -> None:
        """Find the nearest neighbours of the tile's patches and write them into ``matches``."""
        with self._measure("matching"):
            for number, style in enumerate(self._styles):
                rows, columns = seen_tile.windows[number].slices
                class_channels = self._maps[number]
                query_map = None if class_channels is None else class_channels[..., rows, columns]
                window = seen_tile.windows[number]
                origin = window.top, window.left
                found = style.patches.search(seen_tile.fused[number], query_map, origin=origin)
                matches[number].put(found, seen_tile.tile.patches(style.layer))

    def _add_grams(self, seen_tile: TileFeatures, grams: list[Tensor]) -> None:
        """Add the tile's part to the groups' Gram matrices."""
        with self._measure("global"):
            for number, group in enumerate(self._groups):
                height, width = fused_size(seen_tile.tile.size, group)
                part = gram(seen_tile.own(number, group[-1]), positions=height * width)
                if number < len(grams):
                    grams[number] += part
                else:
                    grams.append(part)

    def _targets_for(self, seen_tile: TileFeatures) -> list[LocalTarget]:
        """What the matches held ask of the tile's own positions."""
        with self._measure("matching"):
            return [
                local_target(style.centred, matches.index, seen_tile.tile.positions(style.layer))
                for style, matches in zip(self._styles, self._matches, strict=True)
            ]

    def _hold(self, targets: list[LocalTarget]) -> None:
        """For the evaluations to come; a replay reads them where the first ones were."""
        if self._replay is None:
            self._local_targets = targets
        for held, found in zip(self._local_targets, targets, strict=True):
            held.take(found)

    def _compare(
        self, seen_tile: TileFeatures, grams: list[Tensor], sums: LossAccumulator
    ) -> dict[int, list[WindowedGrad]]:
        """Add the tile's part of the terms to ``sums``; returns the gradients with respect to the layers."""
        tile = seen_tile.tile
        gradients: dict[int, list[WindowedGrad]] = {layer: [] for layer in self._layers}
        targets = [] if self._weights.local == 0 else self._local_targets or self._targets_for(seen_tile)
        # With several groups (scheme h) each has its own local and global loss, and they add up.
        for number, style in enumerate(self._styles):
            feature = seen_tile.own(number, style.layer)
            gradient: Tensor | None = None
            if targets:
                gradient = self._add_local(feature, targets[number], style.entries(tile.size), sums)
            if grams:
                gradient = self._add_global(feature, grams[number], style, tile, sums, onto=gradient)
            assert gradient is not None  # without either weight there are no styles
            with self._measure("network"):
                shape = (*feature.shape[-2:], feature.shape[1])
                fused_gradient = gradient.to(feature.dtype).view(shape).permute(2, 0, 1)[None]
                window = tile.positions(style.layer)
                parts = fuse_backward(
                    fused_gradient,
                    style.layers,
                    channels=self._channels,
                    crop=tile.crop,
                    size=tile.size,
                    window=window,
                )
                for layer, part in parts.items():
                    gradients[layer].append(part)
        self._add_content(seen_tile, gradients, sums)
        return gradients

    def _add_local(self, feature: Tensor, target: LocalTarget, entries: int, sums: LossAccumulator) -> Tensor:
        with self._measure("local"):
            loss = local_loss(feature, target, weight=self._weights.local, entries=entries)
            sums.local += loss.value
            return loss.gradient

    def _add_global(
        self,
        feature: Tensor,
        matrix: Tensor,
        style: StyleTarget,
        tile: Tile,
        sums: LossAccumulator,
        *,
        onto: Tensor | None,
    ) -> Tensor:
        """Returns the term's gradient, added to ``onto``."""
        weight = self._weights.global_
        height, width = fused_size(tile.size, style.layers)
        with self._measure("global"):
            if tile.is_first:  # the Gram matrix is the whole picture's, and so is its term
                sums.global_ += global_loss(matrix, style.gram, weight=weight)
            positions = height * width
            return global_gradient(feature, matrix, style.gram, weight=weight, positions=positions, onto=onto)

    def _add_content(
        self, seen_tile: TileFeatures, gradients: dict[int, list[WindowedGrad]], sums: LossAccumulator
    ) -> None:
        if self._content is None:
            return
        with self._measure("network"):
            tile, (seen, target) = seen_tile.tile, self._contents(seen_tile)
            loss = content_loss(seen, target, weight=self._weights.content, entries=self._content.numel())
            sums.content += loss.value
            own, layers = tile.positions(CONTENT_LAYER), (CONTENT_LAYER,)
            parts = fuse_backward(
                loss.gradient,
                layers,
                channels=self._channels,
                crop=tile.crop,
                size=tile.size,
                window=own,
            )
            gradients[CONTENT_LAYER].append(parts[CONTENT_LAYER])

    def _contents(self, seen_tile: TileFeatures) -> tuple[Tensor, Tensor]:
        """F^4 at the tile's own positions, of the pixels and of the content."""
        assert self._content is not None  # asked for with a content only
        number = _first_with_content(self._seen)
        # The last channels of what is fused down to its size.
        seen = seen_tile.own(number, CONTENT_LAYER)[:, -self._channels[CONTENT_LAYER] :]
        return seen, self._content[(..., *seen_tile.tile.positions(CONTENT_LAYER).slices)]

    def _add_smoothness(self, pixels: Tensor, sums: LossAccumulator) -> Tensor:
        """Returns the term's gradient, to which the others' are added."""
        if self._weights.smoothness == 0:
            return torch.zeros_like(pixels)
        with self._measure("smoothness"):
            loss = smoothness_loss(pixels, weight=self._weights.smoothness)
            sums.smoothness += loss.value
            return loss.gradient


def _first_with_content(groups: Sequence[tuple[int, ...]]) -> int:
    """The number of the first group that F^4 is the end of; one past the last if there is none."""
    return next((number for number, group in enumerate(groups) if group[-1] == CONTENT_LAYER), len(groups))
