"""Windowed grad: TODO-DOC."""

from dataclasses import dataclass

import torch
from torch import Tensor

from glstylenet.numerics import Rect

__all__ = ["WindowedGrad"]


@dataclass(frozen=True)
class WindowedGrad:
    """A part of the gradient with respect to F^layer, to be added where ``window`` lies in it.

    ``values`` (1, C, h, w) count for blocks of ``block`` x ``block`` positions each, times ``factor``: the
    gradient of a mean is the same for all that it was taken over, and need not be written out.
    """

    values: Tensor
    window: Rect
    block: int = 1
    factor: float = 1.0

    def add_to(self, gradient: Tensor, top: int = 0) -> None:
        """Add to ``gradient`` (1, C, h, W): rows ``top`` and after of the gradient with respect to the whole
        crop's feature. They begin and end where blocks do."""
        first = max(top, self.window.top)
        last = min(top + gradient.shape[-2], self.window.bottom)
        if first >= last:
            return
        region = gradient[..., first - top : last - top, self.window.left : self.window.right]
        skipped = (first - self.window.top) // self.block
        values = self.values[..., skipped : skipped + (last - first) // self.block, :]
        if self.block == 1:
            region.add_(values, alpha=self.factor)
            return
        height, width = values.shape[-2:]
        lines = region[0].permute(1, 2, 0)
        blocks = torch.unflatten(torch.unflatten(lines, 0, (height, self.block)), 2, (width, self.block))
        blocks.add_(values[0].permute(1, 2, 0)[:, None, :, None], alpha=self.factor)
