"""WindowedGrad: a part of the gradient with respect to a feature."""

from dataclasses import dataclass

import torch
from torch import Tensor

from glstylenet.numerics import Rect

__all__ = ["WindowedGrad"]


@dataclass(frozen=True)
class WindowedGrad:
    """A part of the gradient with respect to a feature, to be added where ``window`` lies in the feature.

    ``values`` (1, C, h, w) are for blocks of ``block`` x ``block`` positions each, and are multiplied by
    ``factor``: the gradient of a mean is the same for all positions it was taken over, so it need not be
    written out.

    >>> feature_gradient = torch.zeros(1, 1, 2, 4)
    >>> values = torch.tensor([[[[4.0, 8.0]]]])
    >>> WindowedGrad(values, Rect(0, 0, 2, 4), block=2, factor=0.25).add_to(feature_gradient)
    >>> feature_gradient[0, 0].tolist()
    [[1.0, 1.0, 2.0, 2.0], [1.0, 1.0, 2.0, 2.0]]
    """

    values: Tensor
    window: Rect
    block: int = 1
    factor: float = 1.0

    def add_to(self, gradient: Tensor, top: int = 0) -> None:
        """Add the part to ``gradient`` (1, C, h, W): rows ``top`` and after of the whole gradient.

        Raises ``ValueError`` if a block lies only partly in these rows.
        """
        first = max(top, self.window.top)
        last = min(top + gradient.shape[-2], self.window.bottom)
        if first >= last:
            return
        if (first - self.window.top) % self.block or (last - self.window.top) % self.block:
            raise ValueError(
                f"rows {first} to {last} cut blocks of {self.block} rows from {self.window.top} on"
            )
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
