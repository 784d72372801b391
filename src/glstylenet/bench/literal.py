"""The paper, equation by equation, in its order and with its symbols: read this file first.

    FF^l  = BR(FF^(l-1)) concatenated with F^l                      (Eq. 1)  literal_fusion
    L_C   = |F^4(x) - F^4(p)|^2                                     (Eq. 2)  literal_content
    NN(i) = argmax_j cos(Phi_i(x), Phi_j(a))                        (Eq. 3)  literal_similarity
    L_L   = sum_i |Phi_i(x) - Phi_NN(i)(a)|^2                       (Eq. 4)  literal_local
    G     = FF FF^T                                                 (Eq. 5)  literal_gram
    L_G   = sum (G_a - G_x)^2 / (4 N^2 M^2)                         (Eq. 6)  literal_global
    L_TV  = sum of squared differences of neighbouring pixels       (Eq. 7)  literal_smoothness
    L     = alpha L_C + beta L_L + gamma L_G + sigma L_TV           (Eq. 8)  LiteralObjective

x is the generated picture, p the content, a the style; F^l are the VGG-19 features of conv l_1. The total is
minimised by L-BFGS (:func:`minimise`): full size only, float32, new matches at every evaluation.

Where a function differs from the printed equation, its docstring says so. The reason is mostly the published
weights: they belong to the authors' code, which takes means where Eqs. 2, 4 and 7 print sums.

The rest of the package computes the same numbers faster. The tests compare each fast part with its function
here, and the benchmark compares a whole run with :func:`minimise`. So nothing here is clever, and only the
network is shared with the fast parts. Nor is anything slower than the paper needs it: what does not depend on
the pixels of x is computed once (:class:`LiteralTarget`).

Shape letters: C channels; H x W positions of a feature, A x B of the style's; K map classes; m = (H-2)(W-2)
patches of x and m_a = (A-2)(B-2) of a, each of 3 x 3 positions.
"""

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.optimize
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from glstylenet.network import VGG19
from glstylenet.pyramid import Scheme
from glstylenet.settings import Settings

__all__ = [
    "LiteralObjective",
    "LiteralTarget",
    "LiteralWeights",
    "literal_content",
    "literal_fusion",
    "literal_global",
    "literal_gram",
    "literal_local",
    "literal_map_similarity",
    "literal_similarity",
    "literal_smoothness",
    "minimise",
    "patch_vectors",
    "unit_vectors",
]


# Eq. 1: layer aggregation


def literal_fusion(features: Mapping[int, Tensor], layers: tuple[int, ...]) -> Tensor:
    """Fuse the features of ``layers``, shallow to deep, into one (Eq. 1).

    ``features``: F^l (1, C_l, H_l, W_l) by layer. Returns FF (1, sum of C_l, H, W) of the size of the deepest
    layer. The paper's network fuses layers 1 to 4; its Figure 10 compares other choices, called schemes.

    >>> features = {1: torch.ones(1, 64, 16, 12), 2: torch.zeros(1, 128, 8, 6)}
    >>> literal_fusion(features, (1, 2)).shape
    torch.Size([1, 192, 8, 6])
    """
    shallowest, *deeper = layers
    fused = features[shallowest]
    for layer in deeper:
        size = features[layer].shape[-2:]
        resized = F.interpolate(fused, size=size, mode="bilinear", align_corners=False)
        fused = torch.cat((resized, features[layer]), dim=1)
    return fused


# Eq. 2: content


def literal_content(feature: Tensor, content: Tensor) -> Tensor:
    """Compute L_C from F^4 of x and F^4 of p, (1, C, H, W) each: 0-dimensional (Eq. 2).

    Differs from the print: a mean over positions and channels instead of a sum.
    """
    return (feature - content).square().mean()


# Eqs. 3 and 4: the local style loss


def patch_vectors(feature: Tensor) -> Tensor:
    """Return every 3 x 3 patch Phi_i of a feature (1, C, H, W) as a column: (9 C, m), patches row by row.

    >>> patch_vectors(torch.zeros(1, 2, 5, 4)).shape
    torch.Size([18, 6])
    """
    return F.unfold(feature, kernel_size=3)[0]


def unit_vectors(patches: Tensor) -> Tensor:
    """Divide each column of ``patches`` (9 C, m) by its length; a column of zeros stays one."""
    return patches / (patches.square().sum(dim=0, keepdim=True) + 1e-12).sqrt()


def literal_similarity(
    patches: Tensor, style_patches: Tensor, map_similarity: Tensor | None = None
) -> Tensor:
    """Compute the fraction of Eq. 3 for every patch of x and every patch of a: (m, m_a).

    ``patches`` (9 C, m) and ``style_patches`` (9 C, m_a) are :func:`unit_vectors`, so the fraction is their
    product. NN(i) is the column of the largest number in row i.

    Differs from the print, where the maps are channels of the features, weighted by beta1, and there is one
    cosine. Beside features of magnitude 1000 they would have no effect. As in the authors' code, the features
    have one cosine and the maps another: :func:`literal_map_similarity` (m, m_a) is added.

    >>> patches = unit_vectors(torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
    >>> literal_similarity(patches, patches.flip(1)).argmax(dim=1)
    tensor([1, 0])
    """
    similarity = patches.T @ style_patches
    if map_similarity is not None:
        similarity += map_similarity
    return similarity


def literal_map_similarity(content_map: Tensor, style_map: Tensor, beta1: float) -> Tensor:
    """Compute the maps' part of Eq. 3, (3 beta1 / 100) cos of map patches: (m, m_a).

    ``content_map`` (1, K, H, W), ``style_map`` (1, K, A, B): the share of each class at every position of the
    fused feature. The factor is that of the authors' code. The paper appends a copy of the map to every layer
    before fusion; one copy is enough, because repeated numbers do not change a cosine.
    """
    cosines = unit_vectors(patch_vectors(content_map)).T @ unit_vectors(patch_vectors(style_map))
    return 3.0 * beta1 / 100.0 * cosines


def literal_local(patches: Tensor, style_patches: Tensor, nearest: Tensor) -> Tensor:
    """Compute L_L from the patches of FF_x (9 C, m) and of FF_a (9 C, m_a): 0-dimensional (Eq. 4).

    ``nearest`` int64 (m,): NN(i), a constant for the gradient.

    Differs from the print: a mean over patches and their entries instead of a sum, and without the maps'
    channels, which no gradient reaches.
    """
    return (patches - style_patches.index_select(1, nearest)).square().mean()


# Eqs. 5 and 6: the global style loss


def literal_gram(fused: Tensor) -> Tensor:
    """Compute the Gram matrix G / M of FF (1, N, H, W), M = H W: (N, N) (Eq. 5).

    Differs from the print: divided by M here instead of in Eq. 6, so that pictures of different sizes can be
    compared. For equal sizes both are the same.
    """
    matrix = fused[0].flatten(1)
    return matrix @ matrix.T / matrix.shape[1]


def literal_global(gram: Tensor, style_gram: Tensor) -> Tensor:
    """Compute L_G from two matrices of :func:`literal_gram`, (N, N) each: 0-dimensional (Eq. 6)."""
    channels = gram.shape[0]
    return (gram - style_gram).square().sum() / (4.0 * channels**2)


# Eq. 7: total variation


def literal_smoothness(pixels: Tensor) -> Tensor:
    """Compute L_TV of ``pixels`` (1, 3, H, W), 0..255, H and W at least 2: 0-dimensional (Eq. 7).

    Differs from the print: a mean of each direction's squared differences instead of a sum.
    """
    down = pixels[:, :, 1:, :] - pixels[:, :, :-1, :]
    across = pixels[:, :, :, 1:] - pixels[:, :, :, :-1]
    return down.square().mean() + across.square().mean()


# Eq. 8: the total


@dataclass(frozen=True)
class LiteralWeights:
    """`LiteralWeights` holds the weights of Eq. 8, and beta1, the weight of the maps in Eq. 3."""

    alpha: float
    beta: float
    beta1: float
    gamma: float
    sigma: float

    @classmethod
    def of(cls, settings: Settings) -> "LiteralWeights":
        """Return the weights that ``settings`` name in words.

        >>> LiteralWeights.of(Settings())
        LiteralWeights(alpha=10.0, beta=100.0, beta1=10.0, gamma=0.1, sigma=1.0)
        """
        return cls(
            alpha=settings.content_weight,
            beta=settings.local_weight,
            beta1=settings.semantic_weight,
            gamma=settings.global_weight,
            sigma=settings.smoothness,
        )


@dataclass(frozen=True)
class LiteralTarget:
    """A `LiteralTarget` holds what FF_x of one group of layers is compared with.

    ``patches`` (9 C, m_a) of FF_a; ``unit_patches``: the same, of length 1; ``gram`` (C, C) of FF_a;
    ``map_similarity`` (m, m_a), ``None`` without maps.
    """

    patches: Tensor
    unit_patches: Tensor
    gram: Tensor
    map_similarity: Tensor | None


@dataclass
class LiteralObjective:
    """A `LiteralObjective` computes the total loss L of a picture and its gradient (Eq. 8).

    ``scheme``: the groups of layers that are fused; each group has a local and a global loss of its own, as
    in the paper's Figure 10. ``content`` and ``style`` (1, 3, H, W) each: RGB, 0..255, of the network's type,
    on its device. ``content_map`` and ``style_map`` (1, K, H, W): one-hot class channels of both, or of
    neither.
    """

    network: VGG19
    scheme: Scheme
    weights: LiteralWeights
    content: Tensor
    style: Tensor
    content_map: Tensor | None = None
    style_map: Tensor | None = None

    def total(self, pixels: Tensor) -> Tensor:
        """Compute L of ``pixels`` (1, 3, H, W), 0..255: 0-dimensional, differentiable (Eq. 8)."""
        weights = self.weights
        features = self.network.features(pixels)
        total = weights.alpha * literal_content(features[4], self.content_feature)
        for layers, target in zip(self.scheme.groups, self.targets, strict=True):
            fused = literal_fusion(features, layers)
            patches = patch_vectors(fused)
            with torch.no_grad():
                similarity = literal_similarity(
                    unit_vectors(patches), target.unit_patches, target.map_similarity
                )
                nearest = similarity.argmax(dim=1)
            total = total + weights.beta * literal_local(patches, target.patches, nearest)
            total = total + weights.gamma * literal_global(literal_gram(fused), target.gram)
        return total + weights.sigma * literal_smoothness(pixels)

    def evaluate(self, pixels: Tensor) -> tuple[float, Tensor]:
        """Return L of ``pixels`` and its gradient (1, 3, H, W), matches found for these very pixels."""
        variable = pixels.detach().requires_grad_()
        total = self.total(variable)
        (gradient,) = torch.autograd.grad(total, variable)
        return float(total.detach()), gradient

    @cached_property
    def content_feature(self) -> Tensor:
        """F^4 of the content."""
        with torch.no_grad():
            return self.network.features(self.content)[4]

    @cached_property
    def targets(self) -> list[LiteralTarget]:
        """One target for each group of the scheme."""
        with torch.no_grad():
            features = self.network.features(self.style)
            return [self._target(features, layers) for layers in self.scheme.groups]

    def _target(self, style_features: Mapping[int, Tensor], layers: tuple[int, ...]) -> LiteralTarget:
        fused = literal_fusion(style_features, layers)
        patches = patch_vectors(fused)
        similarity: Tensor | None = None
        if self.content_map is not None and self.style_map is not None:
            scale = 2 ** (layers[-1] - 1)  # pixels of one position of the deepest layer, each way
            content_map, style_map = (
                F.adaptive_avg_pool2d(channels, (channels.shape[-2] // scale, channels.shape[-1] // scale))
                for channels in (self.content_map, self.style_map)
            )
            similarity = literal_map_similarity(content_map, style_map, self.weights.beta1)
        return LiteralTarget(patches, unit_vectors(patches), literal_gram(fused), similarity)


# The minimisation


class _EvaluationsSpent(Exception):  # noqa: N818 - it ends the minimisation and is no error
    """Raised out of SciPy when all evaluations are used up."""


def minimise(
    objective: LiteralObjective,
    start: Tensor,
    evaluations: int,
    *,
    on_evaluation: Callable[[int, float], None] | None = None,
) -> tuple[Tensor, float]:
    """Minimise L from ``start`` (1, 3, H, W) with SciPy's L-BFGS-B; return the best pixels and their L.

    Pixels stay in 0..255; the memory holds m = 5 pairs, as in the authors' code. ``objective`` is evaluated
    ``evaluations`` times, or fewer if SciPy stops before. ``on_evaluation`` is called with the number of each
    evaluation, from 1, and its L.
    """
    best, best_loss, count = start, float("inf"), 0

    def function(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        nonlocal best, best_loss, count
        # SciPy checks its own limit only at the end of a line search, and would exceed it.
        if count == evaluations:
            raise _EvaluationsSpent
        pixels = torch.tensor(flat, dtype=start.dtype, device=start.device).view_as(start)
        loss, gradient = objective.evaluate(pixels)
        count += 1
        if loss < best_loss:
            best, best_loss = pixels, loss
        if on_evaluation is not None:
            on_evaluation(count, loss)
        return loss, np.asarray(gradient.double().flatten().cpu().numpy())

    with contextlib.suppress(_EvaluationsSpent):
        scipy.optimize.minimize(
            function,
            start.double().flatten().cpu().numpy(),
            jac=True,
            method="L-BFGS-B",
            bounds=[(0.0, 255.0)] * start.numel(),
            options={"maxcor": 5, "maxfun": evaluations, "maxiter": evaluations, "ftol": 0.0, "gtol": 0.0},
        )
    return best, best_loss
