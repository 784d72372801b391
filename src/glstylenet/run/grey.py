"""Grey: a run on grey pictures alone paints a grey picture.

The network knows grey as three equal channels, and nothing in the losses keeps them equal: a result would
get a tint. So the pixels start grey, and of every gradient only the part along grey is followed, which is the
mean of its channels. The minimum that is found is that of Eq. 8 among the grey pictures.
"""

from collections.abc import Iterable

import torch
from torch import Tensor

__all__ = ["all_grey", "make_grey"]


_LARGEST_DIFFERENCE = 1.0
"""Levels by which the channels of a grey pixel may differ: the rounding of a conversion."""


_ROWS_AT_ONCE = 256
"""Rows that are compared at a time, so that a large picture needs no large temporary."""


def all_grey(pictures: Iterable[Tensor]) -> bool:
    """Return whether all ``pictures`` (1, 3, H, W), 0..255, are grey, each pixel within a level.

    >>> ramp = torch.arange(0.0, 255.0).view(1, 1, 1, 255).expand(1, 3, 3, 255)
    >>> all_grey([ramp]), all_grey([ramp, ramp + torch.tensor([0.0, 0.0, 2.0]).view(1, 3, 1, 1)])
    (True, False)
    """
    return all(
        float((strip.amax(1).float() - strip.amin(1).float()).max()) <= _LARGEST_DIFFERENCE
        for picture in pictures
        for strip in torch.split(picture, _ROWS_AT_ONCE, dim=2)
    )


def make_grey(pixels: Tensor) -> Tensor:
    """Set the channels of ``pixels`` (1, 3, H, W) to their mean, in place, and return them.

    >>> make_grey(torch.tensor([1.0, 2.0, 6.0]).view(1, 3, 1, 1)).flatten().tolist()
    [3.0, 3.0, 3.0]
    """
    return pixels.copy_(pixels.mean(1, keepdim=True).expand_as(pixels))
