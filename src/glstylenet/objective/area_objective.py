"""AreaObjective: the total loss as a function of the pixels of one area, with all others held.

A picture too large for one computation is painted by areas in turns, which is the alternating Schwarz method
on Eq. 8: while the pixels of one area change, those around it are fixed. Pixels reach features up to ``HALO``
pixels away. So an :class:`AreaObjective` computes the features of a *region*, the area and a halo around it,
from the pixels of the region and another halo. Content, local and smoothness term are those of the region.
The Gram matrix of the picture is that of all positions outside of the region, which is held, and the
region's. What one area's descent lowers is therefore the objective of the whole picture.

**Areas that change at once.** Regions that do not touch may be optimised at the same time. If each took the
others' Gram matrices for fixed, all of them together would go too far. So each counts as if all of them
changed as it does:

    L_global(G + D_1 + ... + D_m) <= 1/m sum_i L_global(G + m D_i)

where D_i is what area i changes, since Eq. 6 is convex in the matrix. The right side is the sum of what the
areas lower, and equals the left where nothing has changed. So the whole's objective falls however many
areas change at once, and the result does not depend on how many do. The same holds for any larger m.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from glstylenet.machine import Stopwatch
from glstylenet.matching import BLOCK_BYTES, PATCH, Matches
from glstylenet.network import CONTENT_LAYER, Network
from glstylenet.numerics import Rect
from glstylenet.objective.gram import GlobalTerm
from glstylenet.objective.local import LocalTerm, patch_losses
from glstylenet.objective.loss_term import LossTargets, TileGradients
from glstylenet.objective.objective import computed_groups
from glstylenet.objective.stroke_votes import StrokeVotes
from glstylenet.objective.styles import GroupStyles, MapUse, StyleGuide, group_styles, used_styles
from glstylenet.objective.target_cache import TargetCache
from glstylenet.objective.terms import Evaluation, LossAccumulator, LossTerms, LossWeights, active_terms
from glstylenet.objective.tile_features import (
    FeatureExtractor,
    TileFeatures,
    crop_features,
)
from glstylenet.pyramid import Scheme, Tile, fused_size

__all__ = ["AreaObjective", "AreaSurvey", "AreaTargets", "Matrices", "compared_groups"]

Matrices = list[list[Tensor]]
"""Gram matrices (N, N), of each region of each fused feature."""


def compared_groups(scheme: Scheme, weights: LossWeights) -> tuple[tuple[int, ...], ...]:
    """Return the layers of each fused feature that is compared with styles; none if no term does.

    >>> from glstylenet.pyramid import SCHEMES
    >>> from glstylenet.settings import Settings
    >>> compared_groups(SCHEMES["h"], LossWeights.of(Settings()))
    ((3,), (4,))
    """
    active = active_terms(weights, has_content=True)
    return scheme.groups if any(term.compares_styles for term in active) else ()


class AreaTargets:
    """`AreaTargets` holds what all areas of one size share: network, weights and what depends on the styles.

    ``size``: the (height, width) of the whole picture. ``styles``: those of weight 0 are left out.
    ``soft_styles``: the same, as soft as the picture that strokes are copied into; by default as they are.
    ``content_map`` returns the content's class channels (1, K, h, w) at the size (h, w) of a feature;
    ``None`` without maps. ``regions``: the Gram matrices of the map's classes are compared.
    """

    def __init__(
        self,
        network: Network,
        scheme: Scheme,
        weights: LossWeights,
        size: tuple[int, int],
        styles: Sequence[StyleGuide],
        *,
        soft_styles: Sequence[StyleGuide] | None = None,
        content_map: Callable[[tuple[int, int]], Tensor] | None = None,
        regions: bool = False,
        block_bytes: int = BLOCK_BYTES,
    ) -> None:
        self.network = network
        self.weights = weights
        self.size = size
        self.active = active_terms(weights, has_content=True)
        groups = compared_groups(scheme, weights)
        self.groups = computed_groups(groups, self.active)
        self.compares_content = any(term.compares_content for term in self.active)
        use = MapUse.of(
            styles,
            semantic_weight=weights.semantic,
            has_content_map=content_map is not None,
            regions=regions,
        )
        maps = [
            content_map(fused_size(size, group))
            if content_map is not None and use.needs_content_map
            else None
            for group in groups
        ]
        self._use, self._soft_styles, self._block_bytes = use, soft_styles, block_bytes
        with torch.no_grad():
            self.targets = LossTargets(
                content=None,
                styles=self._group_styles(groups, styles),
                content_maps=[each if use.matches_by_class else None for each in maps],
                region_maps=[each if use.compares_regions else None for each in maps],
            )
        self._pictures = [style.picture for style in used_styles(styles)]

    @property
    def matches_patches(self) -> bool:
        """Whether nearest style patches are looked for: there is a local term."""
        return LocalTerm in self.active

    def survey(self, pixels: Tensor, content: Tensor | None, tile: Tile) -> "AreaSurvey":
        """Return what the whole picture needs of one of its tiles.

        ``pixels`` (1, 3, h, w) are those of the tile's crop, ``content`` is what :meth:`content_features`
        returns for the tile.
        """
        values = LossAccumulator(pixels.device)
        with torch.no_grad():
            features = self.features(pixels, tile, save_for_backward=False)
            targets = self.with_content(content, tile)
            matches: list[Matches] = []
            matrices: Matrices = []
            own = tile.positions(1).relative_to(tile.crop)
            for term in (each(self.weights[each.name], targets) for each in self.active):
                if isinstance(term, LocalTerm):
                    for number in range(len(targets.styles)):
                        share, found = _search(term, number, features)
                        values.add(term, share)
                        matches.append(found)
                    continue
                if isinstance(term, GlobalTerm):
                    term.start()
                    term.collect(features)
                    matrices = term.matrices
                    continue
                value = term.share_of(pixels, own, self.size)
                if value is None:
                    value = term.add_tile(features, TileGradients([None] * len(targets.styles)))
                assert value is not None  # a term compares pixels or features
                values.add(term, value)
        return AreaSurvey(LossAccumulator.terms(values.stacked()), matches, matrices)

    def global_loss(self, matrices: Matrices) -> float:
        """Return the global term for the Gram matrices of the whole picture."""
        if GlobalTerm not in self.active:
            return 0.0
        return float(GlobalTerm(self.weights[GlobalTerm.name], self.targets).loss(matrices))

    def search_strokes(self, pixels: Tensor, tile: Tile, penalties: list[Tensor] | None) -> Matches:
        """Find the patches of the tile to copy strokes from, in the scheme's last fused feature.

        ``pixels`` (1, 3, h, w) are those of the tile's crop, ``penalties`` those of :meth:`penalties`.
        """
        with torch.no_grad():
            features = self.features(pixels, tile, save_for_backward=False)
            return self.stroke_votes.find(features, penalties)

    @cached_property
    def stroke_votes(self) -> StrokeVotes:
        """What copies the styles' pixels under the patches found."""
        styles = compared = self.targets.styles[-1]
        if self._soft_styles is not None:
            [compared] = self._group_styles((styles.group,), self._soft_styles)
        return StrokeVotes(styles, compared, self._pictures, self.targets.content_maps[-1])

    def _group_styles(
        self, groups: tuple[tuple[int, ...], ...], styles: Sequence[StyleGuide]
    ) -> list[GroupStyles]:
        return group_styles(
            TargetCache(),
            FeatureExtractor(self.network),
            groups,
            styles,
            map_factor=self._use.factor,
            regions=self._use.regions,
            block_bytes=self._block_bytes,
        )

    def content_features(self, content: Tensor, tile: Tile) -> Tensor:
        """Return F^4 (1, C, h, w) of the content at the tile's own positions.

        ``content`` (1, 3, h, w) are the pixels of the tile's crop.
        """
        windows = [tile.positions(CONTENT_LAYER)]
        group = (CONTENT_LAYER,)
        found = crop_features(self.network, content, tile, (group,), windows, save_for_backward=False)
        return found.fused[0]

    def with_content(self, content: Tensor | None, tile: Tile) -> LossTargets:
        """Return the targets with F^4 of the content at the tile's own positions; ``None`` without."""
        if content is None:
            return self.targets
        targets, window = self.targets, tile.positions(CONTENT_LAYER)
        return LossTargets(
            targets.styles, targets.content_maps, targets.region_maps, content, content_window=window
        )

    def features(self, crop: Tensor, tile: Tile, *, save_for_backward: bool) -> TileFeatures:
        """Compute the features of ``tile`` from the pixels (1, 3, h, w) of its crop."""
        windows = [tile.patches(group[-1]).expand(PATCH - 1) for group in self.groups]
        return crop_features(
            self.network, crop, tile, self.groups, windows, save_for_backward=save_for_backward
        )


@dataclass(frozen=True)
class AreaSurvey:
    """`AreaSurvey` is what the whole picture needs of one of its tiles.

    ``terms``: the tile's part of each term but the global one, which has none, with the matches found.
    ``matches``: of the tile's own patches in each fused feature. ``matrices``: the tile's part of the Gram
    matrices. The parts of all tiles add up to those of the picture.
    """

    terms: LossTerms
    matches: list[Matches]
    matrices: Matrices


class AreaObjective:
    """`AreaObjective` is the objective as a function of the pixels in ``free``, a rectangle of the picture.

    With a ``window`` w (1, 1, h, w) of 0..1 it is a function of x where the pixels are x0 + w (x - x0), x0
    those that were given: where w is 0, nothing changes, and where it rises slowly, changes have no edge.
    ``region``: the tile of all positions that these pixels change. ``pixels`` (1, 3, h, w) are those of its
    crop, ``content`` is F^4 of the content at its own positions, ``None`` where no term compares it.
    ``matches``: of the whole picture, found before. ``matrices``: the Gram matrices of the whole picture, to
    which these pixels belong. ``at_once``: how many areas change at the same time, or more.
    """

    def __init__(
        self,
        shared: AreaTargets,
        region: Tile,
        free: Rect,
        pixels: Tensor,
        content: Tensor | None,
        *,
        matches: list[Matches],
        matrices: Matrices,
        window: Tensor | None = None,
        at_once: int = 1,
    ) -> None:
        self._shared = shared
        self._window = window
        self._region = region
        self._free = free.relative_to(region.crop)
        self._pixels = pixels
        self._at_once = at_once
        self._matches = matches
        self._whole_matrices = matrices
        self.stopwatch = Stopwatch()
        targets = shared.with_content(content, region)
        self._terms = [term(shared.weights[term.name], targets) for term in shared.active]
        self._global = next((term for term in self._terms if isinstance(term, GlobalTerm)), None)
        self._before: Matrices | None = None
        """The region's own Gram matrices at the start; known from the first evaluation on."""

    @property
    def start(self) -> Tensor:
        """The free pixels (1, 3, h, w) as they were given."""
        return self._pixels[..., *self._free.slices].contiguous()

    def pixels(self, free: Tensor) -> Tensor:
        """Return the free pixels (1, 3, h, w) for the variable ``free``, as the window lets them change."""
        return free if self._window is None else torch.lerp(self.start, free, self._window)

    def evaluate(self, free: Tensor, *, rematch: bool = False) -> Evaluation:
        """Return the terms of the region and the gradient for the variable ``free`` (1, 3, h, w) float32.

        Only differences of the terms mean something: what no free pixel changes is in them, too. The matches
        are held; ``rematch`` is not heeded, since patches outside have none of their own here.
        """
        del rematch
        with torch.no_grad():
            crop = self._pixels.clone()
            crop[..., *self._free.slices] = self.pixels(free)
            values = LossAccumulator(free.device)
            gradient = torch.zeros_like(crop)
            for term in self._terms:
                loss = term.of_pixels(crop, size=self._shared.size)
                if loss is not None:
                    values.add(term, loss.value)
                    gradient += loss.gradient
            if self._shared.groups:
                features = self._shared.features(crop, self._region, save_for_backward=True)
                if self._before is None:
                    self._begin(features, free)
                else:
                    self._collect(features)
                gradients = TileGradients([None] * len(self._shared.targets.styles))
                for term in self._terms:
                    value = term.add_tile(features, gradients)
                    if value is not None:
                        values.add(term, value)
                names = self._shared.network.layer_names
                parts = {names[layer]: several for layer, several in gradients.by_layer(features).items()}
                features.fused.clear()  # or it would wait in memory during the backward pass
                gradient += self._shared.network.backward(features.saved, parts)
            terms = LossAccumulator.terms(values.stacked())
            own = gradient[..., *self._free.slices].contiguous()
            return Evaluation(terms, own if self._window is None else own.mul_(self._window))

    def changed_matrices(self) -> Matrices:
        """Return by how much the variable evaluated last changes the whole picture's Gram matrices."""
        if self._global is None or self._before is None:
            return []
        return [
            [now - then for now, then in zip(after, before, strict=True)]
            for after, before in zip(self._global.matrices, self._before, strict=True)
        ]

    def _begin(self, features: TileFeatures, free: Tensor) -> None:
        """Hold the matches, and the part of the Gram matrices that is not the region's; collect ``features``.

        ``features``: those of ``free``, the first variable that is evaluated. An optimiser begins with the
        start, whose features are then not computed twice.
        """
        for term in self._terms:
            if isinstance(term, LocalTerm):
                term.hold(self._matches, features)
        self._before = []
        if self._global is None:
            return
        is_start = torch.equal(free, self.start)
        self._collect(
            features
            if is_start
            else self._shared.features(self._pixels, self._region, save_for_backward=False)
        )
        self._before = self._global.matrices
        others = [
            [whole - self._at_once * part for whole, part in zip(wholes, parts, strict=True)]
            for wholes, parts in zip(self._whole_matrices, self._before, strict=True)
        ]
        self._global.hold_others(others, self._at_once)
        if not is_start:
            self._collect(features)

    def _collect(self, features: TileFeatures) -> None:
        """Compute the region's Gram matrices."""
        if self._global is not None:
            self._global.start()
            self._global.collect(features)


def _search(term: LocalTerm, number: int, features: TileFeatures) -> tuple[Tensor, Matches]:
    """Return the part of the tile's own patches in the local term, and their nearest style patches."""
    found = term.find(number, features)
    styles = term.targets.styles[number]
    share = term.weight / styles.patch_entries(features.tile.size)
    losses = patch_losses(features.fused[number], styles.statistics, found.index)
    return share * losses.sum(), found
