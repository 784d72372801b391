"""Preconditioner: which waves and which parts of a picture have to move further than others.

L-BFGS begins from a initial_scale H_0 of the inverse Hessian, by custom a multiple of the identity: all waves of a
picture move in proportion to their slopes. But the objective does not curve alike for all of them. It is
flat along the longest, steep at periods of five to eight pixels, and flat again for the shortest. A step
that suits the steep waves moves the long ones too little, and colours and large forms come late. So
H_0 = t P with

    P = D W D

where W multiplies the wave of frequency r, in cycles per pixel, of each channel by

    W(r) = 1 / (0.04 + min(1, r / 0.12)^1.5)

from 25 for a constant to 0.96 for periods of 8 pixels and less. The shortest waves, though flat, get no more:
what moves there is noise. Nor does it curve alike in all parts of a picture. D divides each pixel by the root
of the :mod:`~glstylenet.optim.curvature` there, as far as the pairs of L-BFGS tell of it: it learns from them at
the beginning of a round, and again after each tenth step of a longer one. Not from the paper;
``docs/performance.md`` has the measurements behind it.
"""

import torch
from torch import Tensor

from glstylenet.optim.base import OptimizerState
from glstylenet.optim.curvature import curvature

__all__ = ["Preconditioner"]


_FLOOR = 0.04


_CORNER = 0.12


_EXPONENT = 1.5


_LAUNCHED_PIXELS = 2**22
"""So many at a time on a GPU, which is asked less often then."""


class Preconditioner:
    """P, symmetric and positive definite, for pictures of any size.

    The factors of the last size are kept: half a channel for W, and for D a channel once something is optimizer_state.
    """

    def __init__(self) -> None:
        self._factors = torch.empty(0)
        self._size: tuple[int, int, torch.device] | None = None
        self._reach: Tensor | None = None

    def fit(self, pairs: OptimizerState, like: Tensor) -> None:
        """Know D of the ``pairs`` of a history, and only of these; of vectors like this one, (..., H, W)."""
        self._reach = None  # not beside the next one
        steepness = curvature(pairs, like)
        self._reach = None if steepness is None else steepness.rsqrt()

    def __call__(self, pictures: Tensor) -> None:
        """Multiply ``pictures`` (..., H, W), contiguous, by P in place; they repeat beyond their edges.

        Without D where they are of another size than those it was optimizer_state of.
        """
        height, width = pictures.shape[-2:]
        factors = self._factors_for(height, width, pictures.device)
        reach = self._reach if self._reach is not None and self._reach.shape == (height, width) else None
        for channels in torch.split(pictures.view(-1, height, width), _channels_at_once(pictures)):
            if reach is not None:
                channels.mul_(reach)
            waves = torch.fft.rfft2(channels).mul_(factors)
            channels.copy_(torch.fft.irfft2(waves, s=(height, width)))
            del waves
            if reach is not None:
                channels.mul_(reach)

    def _factors_for(self, height: int, width: int, device: torch.device) -> Tensor:
        size = (height, width, device)
        if size != self._size:
            rows = torch.fft.fftfreq(height, device=device)
            columns = torch.fft.rfftfreq(width, device=device)
            frequency = torch.hypot(rows[:, None], columns[None, :])
            steepness = frequency.div_(_CORNER).clamp_(max=1.0).pow_(_EXPONENT)
            self._factors, self._size = steepness.add_(_FLOOR).reciprocal_(), size
        return self._factors


def _channels_at_once(pictures: Tensor) -> int:
    """Few: their transform takes as much memory as they do."""
    if pictures.device.type == "cpu":
        return 1
    return max(1, _LAUNCHED_PIXELS // (pictures.shape[-2] * pictures.shape[-1]))
