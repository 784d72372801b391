"""Stores of giant runs that are written by hand: what a run would leave of a picture that is known."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from glstylenet.giant import GiantOptions, Manifest, plan_giant
from glstylenet.giant.manifest import COARSE, write_manifest
from glstylenet.giant.size_context import SizeContext
from glstylenet.giant.steps import steps_of
from glstylenet.run.canvas import MARGIN
from glstylenet.settings import Settings

__all__ = ["SIZE", "HandmadeStore", "canvas_of", "waves"]

SIZE = (601, 1400)
"""Three columns of two tiles, and an odd number of rows."""

_OPTIONS = GiantOptions(area=256, sweeps=2, evaluations=2, coarse_pixels=250_000)


def waves(height: int, width: int, shift: float = 0.0) -> Tensor:
    """A smooth picture (1, 3, H, W) of fractions that need rounding."""
    down, across = torch.linspace(0, 255, height)[:, None], torch.linspace(0, 255, width)[None, :]
    both = 127 + 120 * torch.sin(across / 9 + down / 13 + shift)
    return torch.stack([across.expand(height, width), down.expand(height, width), both])[None]


def canvas_of(picture: Tensor) -> Tensor:
    """``picture`` with a margin, which nothing shows."""
    return torch.nn.functional.pad(picture, [MARGIN] * 4, value=99.0)


class HandmadeStore:
    """A run of two sizes in ``folder``, the second one of ``size``; nothing of it is painted yet."""

    def __init__(self, folder: Path, size: tuple[int, int] = SIZE) -> None:
        self.folder = folder
        folder.mkdir()
        noise = np.random.default_rng(1).integers(0, 256, (size[0] // 4, size[1] // 4, 3), dtype=np.uint8)
        settings = Settings(size=size[1], quality="draft", precision="float32", device="cpu")
        planned = plan_giant(noise, noise, settings=settings, options=_OPTIONS)
        self.manifest = replace(planned, sizes=[(size[0] // 2, size[1] // 2), size])
        self.save(self.manifest)

    def save(self, manifest: Manifest) -> None:
        self.manifest = manifest
        write_manifest(self.folder, manifest)

    def context(self, number: int) -> SizeContext:
        return SizeContext(self.folder, self.manifest, number)

    def do_steps(self, until: str) -> None:
        """Note that all steps before the one of that name are done; "" for all steps."""
        done = [COARSE]
        for step in steps_of(self.folder, self.manifest, 1):
            if step.name.split("/")[1] == until:
                break
            done.append(step.name)
        self.save(replace(self.manifest, done=tuple(done)))

    def write(
        self, number: int, generation: int, picture: Tensor, areas: Iterable[int] | None = None
    ) -> None:
        """Write what ``areas``, by default all, have of ``picture`` (1, 3, H, W) in a generation."""
        context, canvas = self.context(number), canvas_of(picture)
        for area in context.areas:
            if areas is None or area.number in areas:
                stored = area.painted if generation > context.start_generation else area.core
                context.store.write_pixels(
                    context.pixels_name(generation, area), canvas[..., *stored.slices].contiguous()
                )

    def note_painted(self, sweep: int, areas: Iterable[int]) -> None:
        """Write what an area's part of a sweep writes last."""
        context = self.context(1)
        for area in context.areas:
            if area.number in areas:
                name = context.name(f"painted-{4 * sweep + area.colour}-{area.number}")
                context.store.write_tensors(name, {"terms": torch.zeros(1)})
