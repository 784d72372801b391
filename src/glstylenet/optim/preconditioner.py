"""Preconditioner: a better initial inverse Hessian for pictures than a multiple of the identity.

With H_0 = t I, the custom of L-BFGS, all waves of a picture move in proportion to their slopes. But the
curvature of the objective differs: it is flat along the longest waves, steep at periods of five to eight
pixels, and flat again for the shortest. A step that suits the steep waves moves the long ones too little, and
colours and large forms come late. So H_0 = t P with

    P = D W D

**W, by frequency**, multiplies the wave of frequency r, in cycles per pixel, of each channel by

    W(r) = 1 / (0.04 + min(1, r / 0.12)^1.5)

from 25 for a constant to 0.96 for periods of 8 pixels and less. The shortest waves, though flat, get no more:
what moves there is noise.

**D, by place.** One part of a picture may also curve several times as much as another. D divides each pixel
by the square root of its curvature, estimated from the secant pairs of L-BFGS. Every pair, a step s and the
change y of the gradient along it, contains an estimate for all parts at once. In a cell of the picture the
curvature is c, with

    c^2 = sum_i (|y_i| in the cell / |s_i|)^2 / sum_i (|s_i| in the cell / |s_i|)^2

where |s_i| alone is the length of the whole step, so that late and short steps count as much as early ones.
Of y_i only the entries count that moved, however little. Where nothing moved, the mean of the whole picture
is used.

Not from the paper; the notebook (``docs/notebook.md``) has the measurements behind both.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from glstylenet.numerics import chunk_length
from glstylenet.optim.lbfgs_memory import StoredPairs

__all__ = ["CELL_SIDE", "Preconditioner", "relative_curvature"]


# W(r) = 1 / (_FLOOR + min(1, r / _CORNER)^_EXPONENT).
_FLOOR = 0.04
_CORNER = 0.12
_EXPONENT = 1.5


_PIXELS_PER_LAUNCH = 2**22
"""Pixels transformed at a time on a GPU, where few large kernels are faster than many small ones."""


CELL_SIDE = 4
"""Height and width of a cell, in pixels."""


_FEWEST_PAIRS = 3
"""With fewer pairs, the estimate would describe those steps rather than the objective."""


_LARGEST_FACTOR = 8.0
"""The relative curvature is limited to 1 / 8 ... 8."""


_LEAST_ENERGY = 1e-3
"""Added to each cell's energy, relative to the mean. Where nothing moved, the mean then counts."""


class Preconditioner:
    """`Preconditioner` multiplies pictures of any size by P, which is symmetric and positive definite.

    It keeps the factors for the size it was last used with: half a channel for W, and one channel for D once
    it has been fitted.

    >>> picture = torch.ones(1, 3, 8, 8)
    >>> Preconditioner()(picture)
    >>> picture.mean()
    tensor(25.)
    """

    def __init__(self) -> None:
        self._wave_factors = torch.empty(0)
        self._size: tuple[int, int, torch.device] | None = None
        self._pixel_factors: Tensor | None = None

    def fit(self, pairs: StoredPairs, like: Tensor) -> None:
        """Compute D from ``pairs`` of vectors in the shape of ``like`` (..., H, W), and from nothing else.

        With fewer than three pairs, D is the identity.
        """
        self._pixel_factors = None  # freed before the next one is allocated
        curvature = relative_curvature(pairs, like)
        self._pixel_factors = None if curvature is None else curvature.rsqrt()

    def __call__(self, pictures: Tensor) -> None:
        """Multiply ``pictures`` (..., H, W), contiguous, by P in place, as if they repeated periodically.

        D is left out for pictures of another size than it was fitted to.
        """
        height, width = pictures.shape[-2:]
        wave_factors = self._wave_factors_for(height, width, pictures.device)
        pixel_factors = self._pixel_factors
        if pixel_factors is not None and pixel_factors.shape != (height, width):
            pixel_factors = None
        for channels in torch.split(pictures.view(-1, height, width), _channels_at_once(pictures)):
            if pixel_factors is not None:
                channels.mul_(pixel_factors)
            waves = torch.fft.rfft2(channels).mul_(wave_factors)
            channels.copy_(torch.fft.irfft2(waves, s=(height, width)))
            del waves
            if pixel_factors is not None:
                channels.mul_(pixel_factors)

    def _wave_factors_for(self, height: int, width: int, device: torch.device) -> Tensor:
        """Return W(r) for the waves of a real (height, width) picture: (height, width // 2 + 1)."""
        size = (height, width, device)
        if size != self._size:
            rows = torch.fft.fftfreq(height, device=device)
            columns = torch.fft.rfftfreq(width, device=device)
            frequency = torch.hypot(rows[:, None], columns[None, :])
            steepness = frequency.div_(_CORNER).clamp_(max=1.0).pow_(_EXPONENT)
            self._wave_factors, self._size = steepness.add_(_FLOOR).reciprocal_(), size
        return self._wave_factors


def _channels_at_once(pictures: Tensor) -> int:
    """Return how many channels to transform at a time; their transform takes as much memory as they do."""
    if pictures.device.type == "cpu":
        return 1
    return max(1, _PIXELS_PER_LAUNCH // (pictures.shape[-2] * pictures.shape[-1]))


def relative_curvature(pairs: StoredPairs, like: Tensor) -> Tensor | None:
    """Estimate the curvature at each pixel (H, W), channels together, relative to the whole picture's.

    ``pairs`` are of vectors in the shape of ``like`` (..., H, W). Returns ``None`` for fewer than three of
    them. Between the centres of cells it is interpolated bilinearly.
    """
    if len(pairs) < _FEWEST_PAIRS:
        return None
    height, width = like.shape[-2:]
    rows = pairs.rows
    pictures = rows.view(len(rows), -1, height, width)
    factors = pairs.scales / np.repeat(pairs.lengths, 2)
    # Converted to float32 on the host; a conversion on the device would wait for it.
    weights = torch.as_tensor(factors, dtype=torch.float32).to(rows.device, non_blocking=True)
    bands = [_cell_energies(band, weights) for band in _bands(pictures)]
    moved, answered = torch.cat(bands, dim=1)
    relative = (_above_zero(answered) / _above_zero(moved)).sqrt_()
    relative.clamp_(1 / _LARGEST_FACTOR, _LARGEST_FACTOR)
    whole = F.interpolate(relative[None, None], scale_factor=CELL_SIDE, mode="bilinear", align_corners=False)
    return whole[0, 0, :height, :width]


def _bands(pictures: Tensor) -> tuple[Tensor, ...]:
    """Split ``pictures`` into bands of whole cells, on a CPU few enough lines for the processor's cache."""
    rows, channels, _, width = pictures.shape
    lines = chunk_length(pictures.device, 2 * rows) // (channels * width)  # twice: also converted to float32
    return torch.split(pictures, max(1, lines // CELL_SIDE) * CELL_SIDE, dim=2)


def _cell_energies(band: Tensor, weights: Tensor) -> Tensor:
    """Return the sums of squares of all s and of all y of (2 pairs, C, h, W), averaged over each cell.

    The shape is (2, cells down, cells across).
    """
    energies = (band * weights[:, None, None, None]).square_()
    moved, answered = energies[0::2], energies[1::2]
    # A pixel that rests at 0 or 255 did not move; its gradient changed because its neighbours did.
    answered *= band[0::2] != 0
    sums = torch.stack((moved.sum((0, 1)), answered.sum((0, 1))))
    # The mean of a cell that the picture's edge cuts is that of the pixels it has.
    return F.avg_pool2d(sums, CELL_SIDE, ceil_mode=True)


def _above_zero(energies: Tensor) -> Tensor:
    """Return ``energies`` relative to their mean, raised so that none is 0."""
    return energies / energies.mean() + _LEAST_ENERGY
