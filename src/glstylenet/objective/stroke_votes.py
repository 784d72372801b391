"""Stroke votes: a picture of the style's own pixels, chosen by the patches of a fused feature or by the maps.

This is not a part of the paper. Its matching (Eq. 3) with a few changes decides which pixels are copied
(:mod:`glstylenet.matching.voting`): features are compared by how they differ from the style's mean, since
those after a ReLU all point the same way, and a style patch becomes dearer the more it is used.

A picture that was enlarged is soft, and nearest to whatever is soft in the style. So it is compared with the
style as that looks after it, too, was reduced and enlarged; copied are the pixels of the style as it is.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from glstylenet.matching import PATCH, Matches, map_guides, match_guides, patch_sums, use_penalty, vote
from glstylenet.network import LAYER_NAMES, LAYERS
from glstylenet.numerics import picture_size
from glstylenet.objective.style_target import StyleTarget
from glstylenet.objective.styles import GroupStyles
from glstylenet.objective.tile_features import TileFeatures

__all__ = ["SEARCHES_OF_VOTE", "Search", "StrokeVotes"]

Search = Callable[[list[Tensor] | None], Matches]
"""Finds the nearest patches of a picture, given a penalty (A-2, B-2) for the patches of each style."""

SEARCHES_OF_VOTE = 3
"""How often the nearest patches are found for one vote, each time with the penalties of the uses before."""

_COSINE_PER_DOUBLING = 0.03
"""Subtracted from the similarity of a patch for each doubling of its use beyond the expected."""

_LEAST_EXPECTED = 0.05
"""The least use that is expected of a patch: one whose class the picture lacks may be used by mistake."""


@dataclass(frozen=True)
class StrokeVotes:
    """`StrokeVotes` copies the pixels of ``styles``, whose ``pictures`` are (1, 3, A', B').

    ``compared``: the same styles as soft as the picture that is painted; their patches are the ones that are
    compared with its own. ``content_map`` (1, K, H, W): class channels at the feature's size, or ``None``.
    """

    styles: GroupStyles
    compared: GroupStyles
    pictures: Sequence[Tensor]
    content_map: Tensor | None

    @property
    def cell(self) -> int:
        """The pixels of a position of the feature along each axis."""
        return LAYERS[LAYER_NAMES[self.styles.layer]].stride

    def picture(self, search: Search) -> Tensor:
        """Return the picture (1, 3, H cell, W cell) that the patches found by ``search`` vote for."""
        found = search(None)
        penalties: list[Tensor] | None = None
        for _ in range(SEARCHES_OF_VOTE - 1):
            penalties = self.penalties(found.index, penalties)
            found = search(penalties)
        return self.voted(found.index)

    def find(self, features: TileFeatures, penalties: Sequence[Tensor] | None) -> Matches:
        """Return the nearest style patches of a tile's own patches.

        ``features``: those of the tile. ``penalties`` (A-2, B-2) of each style's patches: see :data:`Search`.
        """
        number = features.groups.index(self.styles.group)
        window = features.windows[number]
        content_map = self.content_map
        return self.compared.search(
            features.fused[number],
            None if content_map is None else content_map[..., *window.slices],
            origin=(window.top, window.left),
            relative=True,
            penalties=penalties,
        )

    def penalties(self, index: Tensor, before: list[Tensor] | None) -> list[Tensor]:
        """Return what the next search subtracts from the patches of each style: (A-2, B-2).

        ``index`` int64 (H-2, W-2): the patches that the last search of the whole picture found, ``before``:
        the penalties that it used.
        """
        expected = self._expected_use(index.numel())
        fresh = use_penalty(self.styles.grid, index, expected, _COSINE_PER_DOUBLING)
        # The mean with those before: all patches that leave a dear one would else go to the same next.
        before = before or [torch.zeros_like(each) for each in fresh]
        return [(old + new) / 2 for old, new in zip(before, fresh, strict=True)]

    def picture_by_maps(self) -> Tensor | None:
        """Return the picture that the maps alone vote for, without features; ``None`` without maps."""
        if self.content_map is None:
            return None
        guides = map_guides(self.content_map)
        best: Matches | None = None
        for number, target in enumerate(self.styles.targets):
            channels = target.class_channels
            if channels is None:
                if number not in self.styles.bound.values():
                    continue
                channels = self._own_classes(number)
            excluded = None if target.counted is None else ~target.counted
            found = match_guides(guides, map_guides(channels), excluded=excluded)
            found = self.styles.permitted(number, found, self.content_map)
            best = found if best is None else best.better(found)
        return None if best is None else self.voted(best.index)

    def voted(self, index: Tensor) -> Tensor:
        """Return the picture (1, 3, H cell, W cell) that the patches ``index`` (H-2, W-2) vote for."""
        return vote(self.pictures, self.styles.grid, index, self.cell)

    def _own_classes(self, number: int) -> Tensor:
        """Return class channels (1, K, A, B) for a style without a map: all classes that may use it."""
        assert self.content_map is not None
        feature = self.styles.targets[number].feature
        classes = [float(self.styles.may_use(each, number)) for each in range(self.content_map.shape[1])]
        channels = self.content_map.new_tensor(classes)[None, :, None, None]
        return channels.expand(-1, -1, *picture_size(feature)).contiguous()

    def _expected_use(self, patches: int) -> list[Tensor]:
        """Return how often each style patch is used if ``patches`` use all that their class may use alike."""
        counted = [_counted(target) for target in self.styles.targets]
        classes = self._class_shares()
        if self.content_map is None or not classes:
            share = patches / sum(float(each.sum()) for each in counted)
            return [torch.full_like(each, share).clamp_(min=_LEAST_EXPECTED) for each in counted]
        wanted = patch_sums(self.content_map)[0].float().sum(dim=(1, 2)) / PATCH**2
        there = torch.stack(
            [(each * weight).sum(dim=(1, 2)) for each, weight in zip(classes, counted, strict=True)]
        )
        per_patch = wanted / there.sum(dim=0).clamp(min=1.0)
        return [(per_patch[:, None, None] * each).sum(dim=0).clamp_(min=_LEAST_EXPECTED) for each in classes]

    def _class_shares(self) -> list[Tensor]:
        """Return the share (K, A-2, B-2) that each class that may use a style has of its patches.

        There are none where maps do not steer, or a style without a map is painted from by all classes.
        """
        if self.content_map is None:
            return []
        shares = []
        for number, target in enumerate(self.styles.targets):
            if target.class_channels is None and not self.styles.bound:
                return []
            channels = self._own_classes(number) if target.class_channels is None else target.class_channels
            of_patches = patch_sums(channels)[0].float() / PATCH**2
            if self.styles.bound:
                for each in range(len(of_patches)):
                    of_patches[each] *= self.styles.may_use(each, number)
            shares.append(of_patches)
        return shares


def _counted(target: StyleTarget) -> Tensor:
    """Return 1 for each patch (A-2, B-2) of a style that is painted from, and 0 for the others."""
    if target.counted is not None:
        return target.counted.to(torch.float32)
    rows, columns = picture_size(target.feature)
    return target.feature.new_ones((rows - PATCH + 1, columns - PATCH + 1), dtype=torch.float32)
