"""The paper, line by line: the oracle of the tests and the baseline of the benchmark.

Full size only, float32, dense patch vectors, a match at every evaluation, SciPy's L-BFGS-B with m = 5.
Nothing here is clever, and nothing of the package's matching, losses or optimiser is used: only its
network and its fusion. Its cost is the point.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.optimize
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from glstylenet.fusion import Scheme, fuse, fused_size
from glstylenet.objective import LossWeights, map_at
from glstylenet.vgg import Network

__all__ = [
    "LiteralObjective",
    "literal_global",
    "literal_local",
    "literal_matches",
    "literal_smoothness",
    "minimise",
    "patch_vectors",
]


Vector = NDArray[np.float64]


def patch_vectors(feature: Tensor) -> Tensor:
    """Every 3x3 patch of (1, C, H, W) as one row: ((H-2)(W-2), 9 C), row by row."""
    return F.unfold(feature, kernel_size=3)[0].T


def literal_matches(
    query: Tensor, style: Tensor, query_map: Tensor | None, style_map: Tensor | None, semantic_weight: float
) -> tuple[Tensor, Tensor]:
    """Eq. 3 with patch vectors: number of the best style patch and its similarity, per query patch."""
    similarity = _cosines(patch_vectors(query), patch_vectors(style))
    if query_map is not None and style_map is not None:
        cosines = _cosines(patch_vectors(query_map), patch_vectors(style_map))
        similarity = similarity + 3.0 * semantic_weight / 100.0 * cosines
    best = similarity.max(dim=1)
    return best.indices, best.values


def _cosines(left: Tensor, right: Tensor) -> Tensor:
    left = left / (left.square().sum(dim=1, keepdim=True) + 1e-12).sqrt()
    right = right / (right.square().sum(dim=1, keepdim=True) + 1e-12).sqrt()
    return left @ right.T


def literal_local(feature: Tensor, style: Tensor, nearest: Tensor) -> Tensor:
    """Eq. 4: mean over patches and entries of the squared difference to the nearest style patch."""
    return (patch_vectors(feature) - patch_vectors(style)[nearest]).square().mean()


def literal_global(feature: Tensor, style: Tensor) -> Tensor:
    """Eqs. 5-6, each Gram matrix divided by its own number of positions."""
    matrix, target = feature[0].flatten(1), style[0].flatten(1)
    channels = matrix.shape[0]
    difference = matrix @ matrix.T / matrix.shape[1] - target @ target.T / target.shape[1]
    return difference.square().sum() / (4.0 * channels**2)


def literal_smoothness(pixels: Tensor) -> Tensor:
    """Eq. 7 with means."""
    down = pixels[:, :, 1:, :] - pixels[:, :, :-1, :]
    across = pixels[:, :, :, 1:] - pixels[:, :, :, :-1]
    return down.square().mean() + across.square().mean()


@dataclass
class LiteralObjective:
    """Eq. 8 at full size. Tensors as :class:`glstylenet.objective.Objective` takes them."""

    network: Network
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
        with torch.no_grad():
            content = self.network.features(self.content)
            style = self.network.features(self.style)
        weights = self.weights
        total = weights.content * (features[4] - content[4]).square().mean()
        total = total + weights.smoothness * literal_smoothness(pixels)
        for group in self.scheme.groups:
            fused, target = fuse(features, group), fuse(style, group)
            with torch.no_grad():
                nearest, _ = literal_matches(fused, target, *self._maps(group), weights.semantic)
            total = total + weights.local * literal_local(fused, target, nearest)
            total = total + weights.global_ * literal_global(fused, target)
        return total

    def _maps(self, group: tuple[int, ...]) -> tuple[Tensor | None, Tensor | None]:
        if self.content_map is None or self.style_map is None:
            return None, None
        maps = (self.content_map, self.style_map)
        content_map, style_map = (
            map_at(labels, fused_size((labels.shape[-2], labels.shape[-1]), group)) for labels in maps
        )
        return content_map, style_map


def minimise(
    objective: LiteralObjective,
    start: Tensor,
    evaluations: int,
    *,
    on_evaluation: Callable[[int, float], None] | None = None,
) -> tuple[Tensor, float]:
    """SciPy's L-BFGS-B (m = 5) on pixels in [0, 255]; returns the best pixels seen and their loss."""
    best, best_loss, count = start, float("inf"), 0

    def function(flat: Vector) -> tuple[float, Vector]:
        nonlocal best, best_loss, count
        pixels = torch.from_numpy(flat).float().view_as(start)
        loss, gradient = objective.evaluate(pixels)
        count += 1
        if loss < best_loss:
            best, best_loss = pixels, loss
        if on_evaluation is not None:
            on_evaluation(count, loss)
        return loss, np.asarray(gradient.double().flatten().numpy())

    scipy.optimize.minimize(
        function,
        start.double().flatten().numpy(),
        jac=True,
        method="L-BFGS-B",
        bounds=[(0.0, 255.0)] * start.numel(),
        options={"maxcor": 5, "maxfun": evaluations, "maxiter": evaluations, "ftol": 0.0, "gtol": 0.0},
    )
    return best, best_loss
