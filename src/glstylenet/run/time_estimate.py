"""An estimate of how long a run will take on this machine, from one small evaluation."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from glstylenet.machine import Device, default_modes
from glstylenet.matching import EXACT_POSITIONS
from glstylenet.memory import PIXEL_BYTES, HeldPictures, plan_memory
from glstylenet.network import VGG19, LoadedWeights
from glstylenet.objective import SEARCHES_OF_VOTE, LossWeights, Objective, StyleGuide
from glstylenet.pyramid import SCHEMES, cut_into_tiles, fused_size
from glstylenet.run.canvas import canvas_size
from glstylenet.run.events import Started
from glstylenet.run.memory_budget import estimate_scales
from glstylenet.run.scales import plan_scales
from glstylenet.run.strokes import votes_before
from glstylenet.settings import QUALITIES, Settings

__all__ = ["Speed", "estimate_by_size", "estimate_seconds", "measure_speed"]


_SIDE = 256
"""Pixels a side of the picture that is evaluated to measure the speed."""


_FORWARD_SHARE = 0.4
"""Share of an evaluation that is its forward pass; a vote takes one of the picture, and between sizes one of
the soft styles."""


@dataclass(frozen=True)
class Speed:
    """`Speed` holds what a machine takes for the two costly parts of a run.

    ``evaluation``: seconds for each pixel of an evaluation with held matches; ``pair``: seconds for comparing
    one pair of patches.
    """

    evaluation: float
    pair: float


@default_modes()
def measure_speed(settings: Settings, device: Device, weights: LoadedWeights) -> Speed:
    """Time one evaluation and one search on noise of 256 x 256 pixels, which takes a second or two."""
    network = VGG19(weights.tensors, device=device.torch_device, dtype=device.dtype)
    generator = torch.Generator().manual_seed(0)
    noise = [
        255 * torch.rand((1, 3, _SIDE, _SIDE), generator=generator).to(device.torch_device) for _ in range(2)
    ]
    objective = Objective(
        network, SCHEMES[settings.scheme], LossWeights.of(settings), noise[0], [StyleGuide(noise[1])]
    )
    # The first pass prepares more than the others; on a GPU the second is recorded.
    for _ in range(2):
        objective.evaluate(noise[0])
    began = time.perf_counter()
    objective.evaluate(noise[0])
    evaluation = time.perf_counter() - began
    objective.stopwatch.seconds.clear()
    objective.match(noise[0])
    matching = objective.stopwatch.seconds["matching"]
    return Speed(evaluation / _SIDE**2, matching / _pairs((_SIDE, _SIDE), (_SIDE, _SIDE), settings))


def estimate_seconds(plan: Started, settings: Settings, speed: Speed) -> float:
    """Estimate the seconds of the optimisation of ``plan`` at ``speed``.

    Reading, writing and the final measurement are not counted, nor are the optimiser's own work and that of
    changing tiles: the estimate gives the order of magnitude.
    """
    seconds = 0.0
    for number, (scale, memory) in enumerate(zip(plan.scales, plan.plans, strict=True)):
        size = canvas_size(scale.size)
        crops = [tile.crop.size for tile in cut_into_tiles(size, memory.tile_side)]
        pixels = sum(height * width for height, width in crops)
        passes = 1.0 if settings.global_weight == 0 else memory.passes
        style_sizes = [
            (max(1, round(height * scale.factor)), max(1, round(width * scale.factor)))
            for height, width in (plan.style_size, *plan.further_style_sizes)
        ]
        rounds = -(-scale.evaluations // settings.round_length)
        votes = votes_before(settings, number, has_maps=bool(plan.classes))
        seconds += scale.evaluations * pixels * passes * speed.evaluation
        soft_styles = sum(map(math.prod, style_sizes)) if votes and number else 0
        seconds += (votes * pixels + soft_styles) * _FORWARD_SHARE * speed.evaluation
        searches = rounds + votes * SEARCHES_OF_VOTE
        seconds += searches * sum(_pairs(size, each, settings) for each in style_sizes) * speed.pair
    return seconds


def estimate_by_size(
    size: tuple[int, int],
    style_sizes: Sequence[tuple[int, int]],
    settings: Settings,
    speed: Speed,
    *,
    has_maps: bool,
    device: Device,
    allowed: int,
) -> float:
    """Estimate the seconds of a run at ``speed`` whose pictures nobody has read yet.

    ``size`` and ``style_sizes`` are the (height, width) in pixels that the content and each style will be
    brought to; ``allowed`` is how many bytes of ``device`` the run may use, which decides its tiles.
    It is :func:`estimate_seconds` without the finer first size that small classes of a map ask for.

    Raises :class:`~glstylenet.errors.MemoryLimitError` if the run does not fit.
    """
    scales = plan_scales(
        size,
        settings.iterations,
        quality=QUALITIES[settings.quality],
        coarsest=settings.coarsest,
        scales=settings.scales,
    )
    first, *further = style_sizes
    held = HeldPictures(0, PIXEL_BYTES).resized(size, *style_sizes)
    estimates = estimate_scales(scales, style_sizes, held, settings, device, has_maps=has_maps)
    plan = Started(
        device="",
        precision="",
        scales=tuple(scales),
        plans=tuple(plan_memory(estimate, allowed) for estimate in estimates),
        style_size=first,
        further_style_sizes=tuple(further),
        classes="maps" if has_maps else "",
        weights="",
        memory_bytes=0,
    )
    return estimate_seconds(plan, settings, speed)


def _pairs(size: tuple[int, int], style_size: tuple[int, int], settings: Settings) -> int:
    """Count the pairs of patches that one search compares; a large style is not searched whole."""
    if settings.local_weight == 0:
        return 1
    pairs = 0
    for group in SCHEMES[settings.scheme].groups:
        height, width = fused_size(size, group)
        style_height, style_width = fused_size(style_size, group)
        pairs += height * width * min(style_height * style_width, EXACT_POSITIONS)
    return max(1, pairs)
