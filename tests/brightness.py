"""A loss term of the tests' own, registered by the fixture ``brightness_term``."""

import torch
from torch import Tensor

from glstylenet.objective.loss_term import Loss, LossTerm

__all__ = ["Brightness"]


class Brightness(LossTerm):
    """The squared distance of the mean from mid-grey, weighed as the smoothness is."""

    name, symbol, setting = "brightness", "delta", "smoothness"
    label, colour, dark_colour = "brightness", "#123456", "#fedcba"

    def of_pixels(self, pixels: Tensor, *, size: tuple[int, int] | None = None) -> Loss:
        del size
        distance = pixels.double().mean() - 127.5
        gradient = torch.full_like(pixels, float(2 * self.weight * distance / pixels.numel()))
        return Loss(self.weight * distance**2, gradient)
