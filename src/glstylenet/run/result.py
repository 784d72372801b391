"""The result of a run: the picture, its losses, and what it took to compute them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from glstylenet.network import LoadedWeights
from glstylenet.objective import LossTerms
from glstylenet.run.inputs import Inputs
from glstylenet.settings import Settings

__all__ = ["Result", "Timings"]


@dataclass(frozen=True)
class Timings:
    """`Timings` holds the seconds of a run.

    ``total`` counts everything, ``optimisation`` leaves out reading, checking and the final measurement.
    ``parts`` divides the optimisation: "network" (with fusion and content), "matching", "local", "global",
    "smoothness", and "optimizer", which is the rest.
    """

    total: float
    optimisation: float
    parts: Mapping[str, float]


@dataclass(frozen=True)
class Result:
    """`Result` holds the picture that a run computed, with its losses and circumstances.

    - ``pixels``: (1, 3, H, W) float32 RGB, 0..255; ``alpha``: (1, 1, H, W), 0..1, or ``None``.
    - ``losses``: the weighted terms at ``pixels``, at full size, in float32, with fresh matches; those of the
      last evaluation, at its size, in the run's precision and without the finish, if ``interrupted``, and
      empty if none was done.
    - ``settings``: the settings that took effect. ``weights`` and ``inputs``: what was loaded.
    - ``timings``, ``evaluations``, ``device``, ``peak_memory_bytes``: what it took;
      ``full_size_evaluations``: the evaluations weighed by their pixels, one at half the size counts 0.25.
    - ``precision``: the one the run began with; a size may have been finished in float32.
    - ``interrupted``: the run was stopped before its evaluations were used up, or before the picture of the
      last one was measured.
    """

    pixels: Tensor
    alpha: Tensor | None
    losses: LossTerms
    settings: Settings
    timings: Timings
    evaluations: int
    full_size_evaluations: float
    device: str
    precision: str
    peak_memory_bytes: int
    weights: LoadedWeights
    inputs: Inputs
    interrupted: bool

    @property
    def size(self) -> tuple[int, int]:
        """The (height, width) of the picture."""
        return self.pixels.shape[-2], self.pixels.shape[-1]

    @property
    def image(self) -> Image.Image:
        """The result as an 8-bit Pillow picture, RGB or RGBA."""
        channels = self.pixels if self.alpha is None else torch.cat((self.pixels, 255 * self.alpha), dim=1)
        array = channels[0].permute(1, 2, 0).round().clamp(0, 255).to(torch.uint8).cpu().numpy()
        return Image.fromarray(np.ascontiguousarray(array))
