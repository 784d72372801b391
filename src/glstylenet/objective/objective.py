"""Objective: the paper's total loss (Eq. 8) as a function of the pixels, with its gradient.

What does not depend on x is computed once. The nearest neighbours of Eq. 3 are found by
:meth:`Objective.match` and held until it is called again: within such a *round* the loss is smooth, which
L-BFGS needs. The paper matches at every evaluation; ``evaluate(x, rematch=True)`` is that.

**Tiles.** A picture of any size is evaluated tile by tile, in the memory of one, with the numbers of the
whole: features are exact within a tile (:mod:`glstylenet.pyramid`), the terms are sums over tiles, and
gradients of overlapping crops add up. Only the Gram matrix needs all tiles before any gradient can be
computed. So every tile is visited twice: what the network computed of it in the first pass waits for the
second, or, where memory is short, is computed again. The whole picture is the case of one tile.
"""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from glstylenet.machine import CudaGraph, Stopwatch, is_worthwhile
from glstylenet.maps import map_at
from glstylenet.matching import BLOCK_BYTES, PATCH, Matches
from glstylenet.network import CONTENT_LAYER, Network
from glstylenet.numerics import picture_size, to_half, upcast
from glstylenet.objective.content import ContentTerm
from glstylenet.objective.gram import GlobalTerm
from glstylenet.objective.local import LocalTerm
from glstylenet.objective.loss_term import LossTargets, LossTerm, TileGradients
from glstylenet.objective.stroke_votes import Search, StrokeVotes
from glstylenet.objective.styles import (
    GroupStyles,
    MapUse,
    StyleGuide,
    group_styles,
    softened,
    used_styles,
)
from glstylenet.objective.target_cache import TargetCache
from glstylenet.objective.terms import (
    Evaluation,
    LossAccumulator,
    LossMaps,
    LossTerms,
    LossWeights,
    active_terms,
)
from glstylenet.objective.tile_features import FeatureExtractor, TileFeatures, tile_features
from glstylenet.pyramid import Scheme, Tile, cut_into_tiles, fused_size

__all__ = ["Objective", "computed_groups"]


class Objective:
    """The total loss for one content, one or several styles, and one size.

    ``content`` (1, 3, H, W) RGB 0..255, or ``None`` for a doodle. ``styles``: those of weight 0 are left out,
    unless a class is bound to them. ``content_map`` (1, K, H, W): class channels; maps steer the matching
    with the styles that have one too.
    ``regions``: the Gram matrices of the map's classes are compared, instead of the whole picture's.
    ``tile_side``: longest side of a tile in pixels, ``None`` for the whole picture at once; the features of
    ``cached_tiles`` of them (``None``: all) wait in memory from the first pass to the second.
    ``half_features``: features of content and styles, and of tiles that wait, have at most 16 bits an entry.
    ``between_tiles`` is called before each tile, ``after_tiles`` after the last of an evaluation. ``targets``
    may hold what other objectives computed. ``stopwatch`` adds up the seconds of "network" (with fusion),
    "matching" and each term.
    """

    def __init__(
        self,
        network: Network,
        scheme: Scheme,
        weights: LossWeights,
        content: Tensor | None,
        styles: Sequence[StyleGuide],
        *,
        content_map: Tensor | None = None,
        regions: bool = False,
        tile_side: int | None = None,
        cached_tiles: int | None = None,
        half_features: bool = False,
        between_tiles: Callable[[], None] | None = None,
        after_tiles: Callable[[], None] | None = None,
        block_bytes: int = BLOCK_BYTES,
        targets: TargetCache | None = None,
        stopwatch: Stopwatch | None = None,
    ) -> None:
        self._network = network
        self._tile_side = tile_side
        self._cached_tiles = cached_tiles
        self._half_features = half_features
        self._between_tiles = between_tiles
        self._after_tiles = after_tiles
        self.stopwatch = stopwatch or Stopwatch()
        self._measure = self.stopwatch.measure
        active = active_terms(weights, has_content=content is not None)
        groups = scheme.groups if any(term.compares_styles for term in active) else ()
        compares_content = any(term.compares_content for term in active)
        extractor = FeatureExtractor(network, tile_side, half_features, between_tiles)
        targets = targets or TargetCache()
        self._target_cache, self._extractor, self._block_bytes = targets, extractor, block_bytes
        use = MapUse.of(
            styles,
            semantic_weight=weights.semantic,
            has_content_map=content_map is not None,
            regions=regions,
        )
        maps = [_map_at(content_map if use.needs_content_map else None, group) for group in groups]
        with torch.no_grad(), self._measure("network"):
            loss_targets = LossTargets(
                content=targets.content(extractor, content)
                if content is not None and compares_content
                else None,
                styles=group_styles(
                    targets,
                    extractor,
                    groups,
                    styles,
                    map_factor=use.factor,
                    regions=use.regions,
                    block_bytes=block_bytes,
                ),
                content_maps=[each if use.matches_by_class else None for each in maps],
                region_maps=[each if use.compares_regions else None for each in maps],
            )
        self._terms = [term(weights[term.name], loss_targets) for term in active]
        self._fused = len(groups)
        self._groups = computed_groups(groups, active)
        self._local = next((term for term in self._terms if isinstance(term, LocalTerm)), None)
        self._styles, self._map_factor = used_styles(styles), use.factor
        self._graph: CudaGraph | None = None
        self._has_evaluated = False

    def match(self, pixels: Tensor) -> list[Matches]:
        """Find the nearest neighbours for ``pixels`` (Eq. 3) and hold them for the evaluations to come.

        Returns them, one for each fused feature of the scheme; none when the local weight is 0.
        """
        if self._local is None:
            return []
        with torch.no_grad():
            self._first_pass(pixels, terms=[], searching=True, save_for_backward=False, wanted_again=False)
        return self._local.matches

    def evaluate(self, pixels: Tensor, *, rematch: bool = False) -> Evaluation:
        """Return the loss terms and the gradient at ``pixels`` (1, 3, H, W) float32, with the matches held.

        ``rematch``: first find the nearest neighbours of these very pixels, and hold them; this is cheaper
        than :meth:`match` before it.
        """
        with torch.no_grad():
            graph = None if rematch else self._graph_for(pixels)
            if graph is not None:
                with self._measure("network"):  # all of it: a graph has no parts
                    values, gradient = graph(pixels)
                    return Evaluation(LossAccumulator.terms(values), gradient)
            values, gradient = self._evaluate(pixels, searching=rematch or not self._has_matches)
            self._has_evaluated = True
            return Evaluation(LossAccumulator.terms(values), gradient)

    def terms(self, pixels: Tensor) -> LossTerms:
        """Return the loss terms alone, with fresh matches: the paper's objective at ``pixels``."""
        values = LossAccumulator(pixels.device)
        with torch.no_grad():
            self._add_pixel_terms(pixels, values)
            for features in self._both_passes(pixels, searching=True, save_for_backward=False):
                self._add_tile_terms(features, values)
                del features  # or it would wait in memory beside the next tile
        return LossAccumulator.terms(values.stacked())

    def loss_maps(self, pixels: Tensor) -> LossMaps:
        """Return what :meth:`terms` returns, and each position's part in the content and the local term."""
        values = LossAccumulator(pixels.device)
        content = next((term for term in self._terms if isinstance(term, ContentTerm)), None)
        content_map: Tensor | None = None
        local_maps: list[Tensor] = []
        with torch.no_grad():
            self._add_pixel_terms(pixels, values)
            for features in self._both_passes(pixels, searching=True, save_for_backward=False):
                self._add_tile_terms(features, values)
                if content is not None:
                    if content_map is None:
                        content_map = content.empty_map()
                    content.write_map(features, content_map)
                if self._local is not None:
                    local_maps = local_maps or self._local.empty_maps()
                    self._local.write_maps(features, local_maps)
                del features
            by_class = next(
                (each.class_losses() for each in self._terms if isinstance(each, GlobalTerm)), None
            )
        matches = [] if self._local is None else self._local.matches
        return LossMaps(LossAccumulator.terms(values.stacked()), content_map, local_maps, matches, by_class)

    def copy_strokes(self, pixels: Tensor, *, enlargement: float = 1.0) -> Tensor:
        """Return ``pixels`` (1, 3, H, W) repainted with the style's pixels under their nearest patches.

        The patches are those of the scheme's last fused feature. ``enlargement``: how many times ``pixels``
        were enlarged since they were painted; they are compared with the styles as soft as that. Rows and
        columns beyond the feature's last position stay as they are, and so does the whole picture where the
        local weight is 0.
        """
        if self._local is None:
            return pixels
        with torch.no_grad():
            votes = self._stroke_votes(self._local, enlargement)
            return _overlaid(pixels, votes.picture(self._stroke_search(pixels, votes)))

    def copy_strokes_by_maps(self, pixels: Tensor) -> Tensor | None:
        """Return ``pixels`` (1, 3, H, W) repainted by the maps alone; ``None`` where no maps steer."""
        if self._local is None:
            return None
        with torch.no_grad():
            voted = self._stroke_votes(self._local, 1.0).picture_by_maps()
        return None if voted is None else _overlaid(pixels, voted)

    def _stroke_votes(self, local: LocalTerm, enlargement: float) -> StrokeVotes:
        targets = local.targets
        styles = targets.styles[-1]
        compared = styles if enlargement == 1.0 else self._softened(styles.group, enlargement)
        pictures = [style.picture for style in self._styles]
        return StrokeVotes(styles, compared, pictures, targets.content_maps[-1])

    def _softened(self, group: tuple[int, ...], enlargement: float) -> GroupStyles:
        """Return the styles of one fused feature, as soft as a picture that was enlarged."""
        with self._measure("network"):
            [styles] = group_styles(
                self._target_cache,
                self._extractor,
                (group,),
                [softened(style, enlargement) for style in self._styles],
                map_factor=self._map_factor,
                regions=False,
                block_bytes=self._block_bytes,
            )
        return styles

    def _stroke_search(self, pixels: Tensor, votes: StrokeVotes) -> Search:
        """Return the search of the patches of ``pixels`` in the last fused feature, tile by tile."""
        tiles = self._tiles(pixels)
        # Features of one tile serve all searches; those of several are computed anew for each.
        whole = self._forward_tile(pixels, tiles[0], save_for_backward=False) if len(tiles) == 1 else None

        def search(penalties: list[Tensor] | None) -> Matches:
            found = Matches.empty(fused_size(picture_size(pixels), votes.styles.group), pixels.device)
            for tile in tiles:
                features = whole or self._forward_tile(pixels, tile, save_for_backward=False)
                with self._measure("matching"):
                    found.put(votes.find(features, penalties), tile.patches(votes.styles.layer))
                del features
            return found

        return search

    @property
    def _has_matches(self) -> bool:
        return self._local is not None and bool(self._local.matches)

    def _graph_for(self, pixels: Tensor) -> CudaGraph | None:
        """Return the recorded evaluation with held matches, recorded in the second of a small picture on a
        GPU.

        There is none for tiles, between which memory may be freed.
        """
        if self._tile_side is not None or not self._has_evaluated:
            return None
        if self._graph is None and is_worthwhile(pixels):
            self._graph = CudaGraph(lambda x: self._evaluate(x, searching=False), pixels)
        return self._graph if self._graph is not None and self._graph.fits(pixels) else None

    def _evaluate(self, pixels: Tensor, *, searching: bool) -> tuple[Tensor, Tensor]:
        """Return the values of all terms and the gradient of their sum, on the device."""
        values = LossAccumulator(pixels.device)
        gradient = self._add_pixel_terms(pixels, values)
        for features in self._both_passes(pixels, searching=searching, save_for_backward=True):
            gradients = self._add_tile_terms(features, values)
            with self._measure("network"):
                names = self._network.layer_names
                parts = {names[layer]: several for layer, several in gradients.by_layer(features).items()}
                del gradients
                features.fused.clear()  # or it would wait in memory during the backward pass
                rows, columns = features.tile.crop.slices
                gradient[..., rows, columns] += self._network.backward(features.saved, parts)
            del features, parts  # or they would wait beside the next tile
        if self._groups and self._after_tiles is not None:
            # The optimiser's vectors come next, and fit into no tile's memory.
            self._after_tiles()
        return values.stacked(), gradient

    def _add_pixel_terms(self, pixels: Tensor, values: LossAccumulator) -> Tensor:
        """Add the values of the terms that compare pixels; return their gradient."""
        gradient: Tensor | None = None
        for term in self._terms:
            with self._measure(term.name):
                loss = term.of_pixels(pixels)
                if loss is not None:
                    values.add(term, loss.value)
                    gradient = loss.gradient if gradient is None else gradient.add_(loss.gradient)
        return torch.zeros_like(pixels) if gradient is None else gradient

    def _add_tile_terms(self, features: TileFeatures, values: LossAccumulator) -> TileGradients:
        """Add the tile's part of the terms that compare features; return their gradients."""
        gradients = TileGradients([None] * self._fused)
        for term in self._terms:
            with self._measure(term.name):
                value = term.add_tile(features, gradients)
                if value is not None:
                    values.add(term, value)
        return gradients

    def _both_passes(
        self, pixels: Tensor, *, searching: bool, save_for_backward: bool
    ) -> Iterator[TileFeatures]:
        """Visit every tile for the first pass, then yield each for the second."""
        if not self._groups:
            return
        cached = self._first_pass(
            pixels, self._terms, searching=searching, save_for_backward=save_for_backward
        )
        for number, tile in enumerate(self._tiles(pixels)):
            # Nothing here keeps a tile's features while the caller works on them.
            if number in cached:
                self._before_tile()
                cached[number].fused[:] = map(upcast, cached[number].fused)
                yield cached.pop(number)
            else:
                yield self._forward_tile(pixels, tile, save_for_backward=save_for_backward)

    def _first_pass(
        self,
        pixels: Tensor,
        terms: Sequence[LossTerm],
        *,
        searching: bool,
        save_for_backward: bool,
        wanted_again: bool = True,
    ) -> dict[int, TileFeatures]:
        """Collect what ``terms`` need of the whole picture, and search; return the features that are cached.

        ``wanted_again``: tiles are visited in a second pass.
        """
        searching = searching and self._local is not None
        collecting = [term for term in terms if type(term).collect is not LossTerm.collect]
        cached: dict[int, TileFeatures] = {}
        for term in terms:
            term.start()
        if not searching and not collecting:
            return cached
        tiles = self._tiles(pixels)
        most = len(tiles) if self._cached_tiles is None or len(tiles) == 1 else self._cached_tiles
        if searching and self._local is not None:
            self._local.start_search(tiles[0].size, pixels.device)
        for number, tile in enumerate(tiles):
            features = self._forward_tile(pixels, tile, save_for_backward=save_for_backward and number < most)
            if searching and self._local is not None:
                with self._measure("matching"):
                    self._local.search(features)
            for term in collecting:
                with self._measure(term.name):
                    term.collect(features)
            if number < most and (wanted_again or len(tiles) == 1):
                if self._half_features and len(tiles) > 1:
                    features.fused[:] = map(to_half, features.fused)
                cached[number] = features
            del features
        if searching and self._local is not None:
            with self._measure("matching"):
                self._local.end_search(cached[0] if len(tiles) == 1 else None)
        return cached

    def _tiles(self, pixels: Tensor) -> list[Tile]:
        return cut_into_tiles(picture_size(pixels), self._tile_side)

    def _before_tile(self) -> None:
        if self._between_tiles is not None:
            self._between_tiles()

    def _forward_tile(self, pixels: Tensor, tile: Tile, *, save_for_backward: bool) -> TileFeatures:
        """Compute the features of one tile, with the positions one further that its patches reach."""
        self._before_tile()
        with self._measure("network"):
            windows = [tile.patches(group[-1]).expand(PATCH - 1) for group in self._groups]
            return tile_features(
                self._network, pixels, tile, self._groups, windows, save_for_backward=save_for_backward
            )


def computed_groups(
    groups: tuple[tuple[int, ...], ...], terms: Sequence[type[LossTerm]]
) -> tuple[tuple[int, ...], ...]:
    """Return the ``groups`` of layers that ``terms`` need fused.

    F^4 is the end of most schemes' groups; else it is computed for the content term besides.
    """
    is_there = any(group[-1] == CONTENT_LAYER for group in groups)
    compares_content = any(term.compares_content for term in terms)
    return groups if is_there or not compares_content else (*groups, (CONTENT_LAYER,))


def _overlaid(pixels: Tensor, voted: Tensor) -> Tensor:
    """Return ``pixels`` with ``voted``, which may be smaller at the right and below, laid over them."""
    result = pixels.clone()
    result[..., : voted.shape[-2], : voted.shape[-1]] = voted
    return result


def _map_at(content_map: Tensor | None, group: tuple[int, ...]) -> Tensor | None:
    """Return the content's class channels at the size of the fusion of ``group``."""
    return None if content_map is None else map_at(content_map, fused_size(picture_size(content_map), group))
