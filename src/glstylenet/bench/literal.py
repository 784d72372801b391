"""The paper, line by line: the oracle of the tests and the baseline of the benchmark.

Full size only, float32, dense patch vectors, a match at every evaluation, SciPy's L-BFGS-B with m = 5.
Nothing here is clever, and nothing of the package's fast network, matching, losses or optimiser is used:
only its fusion, and :mod:`~glstylenet.bench.plain_vgg`. Nor is anything slower than the paper needs it: what
the pixels do not change (features and patches of content and style, cosines of the maps) is computed once.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.optimize
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from glstylenet.bench.plain_vgg import PlainVGG19
from glstylenet.maps import map_at
from glstylenet.network import CONTENT_LAYER
from glstylenet.objective import LossWeights
from glstylenet.pyramid import Scheme, fuse, fused_size

__all__ = [
    "LiteralObjective",
    "literal_global",
    "literal_local",
    "literal_matches",
    "literal_smoothness",
    "minimise",
    "patch_vectors",
]


_Vector = NDArray[np.float64]


def patch_vectors(feature: Tensor) -> Tensor:
    """Every 3x3 patch of (1, C, H, W) as one row: ((H-2)(W-2), 9 C), row by row."""
    return F.unfold(feature, kernel_size=3)[0].T


def literal_matches(
    query: Tensor, style: Tensor, query_map: Tensor | None, style_map: Tensor | None, semantic_weight: float
) -> tuple[Tensor, Tensor]:
    """Eq. 3 with patch vectors: number of the best style patch and its similarity, per query patch."""
    similarity = _unit(patch_vectors(query)) @ _unit(patch_vectors(style)).T
    if query_map is not None and style_map is not None:
        similarity = similarity + _map_similarity(query_map, style_map, semantic_weight)
    best = similarity.max(dim=1)
    return best.indices, best.values


def literal_local(feature: Tensor, style: Tensor, nearest: Tensor) -> Tensor:
    """Eq. 4: mean over patches and entries of the squared difference to the nearest style patch."""
    return _patch_difference(patch_vectors(feature), patch_vectors(style), nearest)


def literal_global(feature: Tensor, style: Tensor) -> Tensor:
    """Eqs. 5-6, each Gram matrix divided by its own number of positions."""
    return _gram_difference(_gram(feature), _gram(style))


def literal_smoothness(pixels: Tensor) -> Tensor:
    """Eq. 7 with means."""
    down = pixels[:, :, 1:, :] - pixels[:, :, :-1, :]
    across = pixels[:, :, :, 1:] - pixels[:, :, :, :-1]
    return down.square().mean() + across.square().mean()


def _unit(vectors: Tensor) -> Tensor:
    """Each row divided by its length."""
    return vectors / (vectors.square().sum(dim=1, keepdim=True) + 1e-12).sqrt()


def _map_similarity(query_map: Tensor, style_map: Tensor, semantic_weight: float) -> Tensor:
    """The map term of Eq. 3, for every query patch and every style patch."""
    cosines = _unit(patch_vectors(query_map)) @ _unit(patch_vectors(style_map)).T
    return 3.0 * semantic_weight / 100.0 * cosines


def _patch_difference(patches: Tensor, style_patches: Tensor, nearest: Tensor) -> Tensor:
    # As columns, the way unfold lays patches out in memory: rows would take twice the time.
    return (patches.T - style_patches.T.index_select(1, nearest)).square().mean()


def _gram(feature: Tensor) -> Tensor:
    matrix = feature[0].flatten(1)
    return matrix @ matrix.T / matrix.shape[1]


def _gram_difference(gram: Tensor, target: Tensor) -> Tensor:
    return (gram - target).square().sum() / (4.0 * gram.shape[0] ** 2)


@dataclass(frozen=True)
class _StyleTarget:
    """What one fused feature is compared with: the style's patches as they are and of length 1, its Gram
    matrix, and the map term of Eq. 3 for every pair of patches (None without maps)."""

    patches: Tensor
    unit_patches: Tensor
    gram: Tensor
    map_similarity: Tensor | None


@dataclass
class LiteralObjective:
    """Eq. 8 at full size. Tensors as :class:`glstylenet.objective.objective.Objective` takes them."""

    network: PlainVGG19
    scheme: Scheme
    weights: LossWeights
    content: Tensor
    style: Tensor
    content_map: Tensor | None = None
    style_map: Tensor | None = None

    def evaluate(self, pixels: Tensor) -> tuple[float, Tensor]:
        """Total loss and gradient, nearest neighbours found for these very pixels."""
        variable = pixels.detach().requires_grad_()
        total = self.total(variable)
        (gradient,) = torch.autograd.grad(total, variable)
        return float(total.detach()), gradient

    def total(self, pixels: Tensor) -> Tensor:
        """Eq. 8."""
        features = self.network.features(pixels)
        weights = self.weights
        total = weights["content"] * (features[CONTENT_LAYER] - self._content_target).square().mean()
        total = total + weights["smoothness"] * literal_smoothness(pixels)
        for group, target in zip(self.scheme.groups, self._style_targets, strict=True):
            fused = fuse(features, group)
            patches = patch_vectors(fused)
            with torch.no_grad():
                similarity = _unit(patches) @ target.unit_patches.T
                if target.map_similarity is not None:
                    similarity += target.map_similarity
                nearest = similarity.argmax(dim=1)
            total = total + weights["local"] * _patch_difference(patches, target.patches, nearest)
            total = total + weights["global"] * _gram_difference(_gram(fused), target.gram)
        return total

    @cached_property
    def _content_target(self) -> Tensor:
        with torch.no_grad():
            return self.network.features(self.content)[CONTENT_LAYER]

    @cached_property
    def _style_targets(self) -> list[_StyleTarget]:
        """One for each group of the scheme."""
        with torch.no_grad():
            features = self.network.features(self.style)
            return [self._style_target(fuse(features, group), group) for group in self.scheme.groups]

    def _style_target(self, style: Tensor, group: tuple[int, ...]) -> _StyleTarget:
        patches = patch_vectors(style)
        similarity: Tensor | None = None
        if self.content_map is not None and self.style_map is not None:
            content_map, style_map = (
                map_at(labels, fused_size((labels.shape[-2], labels.shape[-1]), group))
                for labels in (self.content_map, self.style_map)
            )
            similarity = _map_similarity(content_map, style_map, self.weights.semantic)
        return _StyleTarget(patches, _unit(patches), _gram(style), similarity)


class _Spent(Exception):  # noqa: N818 - it ends the run and is no error
    """The evaluations are used up."""


def minimise(
    objective: LiteralObjective,
    start: Tensor,
    evaluations: int,
    *,
    on_evaluation: Callable[[int, float], None] | None = None,
) -> tuple[Tensor, float]:
    """SciPy's L-BFGS-B (m = 5) on pixels in [0, 255]; returns the best pixels seen and their loss.

    ``objective`` is asked ``evaluations`` times, or less often if SciPy stops before; ``on_evaluation``
    hears the number of each evaluation, from 1, and its loss.
    """
    best, best_loss, count = start, float("inf"), 0

    def function(flat: _Vector) -> tuple[float, _Vector]:
        nonlocal best, best_loss, count
        # SciPy itself counts evaluations at the end of a line search only, and would spend some more.
        if count == evaluations:
            raise _Spent
        pixels = torch.tensor(flat, dtype=start.dtype, device=start.device).view_as(start)
        loss, gradient = objective.evaluate(pixels)
        count += 1
        if loss < best_loss:
            best, best_loss = pixels, loss
        if on_evaluation is not None:
            on_evaluation(count, loss)
        return loss, np.asarray(gradient.double().flatten().cpu().numpy())

    with contextlib.suppress(_Spent):
        scipy.optimize.minimize(
            function,
            start.double().flatten().cpu().numpy(),
            jac=True,
            method="L-BFGS-B",
            bounds=[(0.0, 255.0)] * start.numel(),
            options={"maxcor": 5, "maxfun": evaluations, "maxiter": evaluations, "ftol": 0.0, "gtol": 0.0},
        )
    return best, best_loss
