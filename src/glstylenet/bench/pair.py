"""Pair: a content and a style, as files."""

import contextlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from torch import Tensor

from glstylenet.run import Inputs, picture_losses, prepare_inputs, read_sources
from glstylenet.samples import sample_file
from glstylenet.settings import Settings

__all__ = ["Pair", "picture_array", "sample_pair"]


@dataclass(frozen=True)
class Pair:
    """`Pair` names the files of a content and a style, and of both maps or of neither."""

    content: Path
    style: Path
    content_map: Path | None = None
    style_map: Path | None = None

    def read(self, settings: Settings) -> Inputs:
        """Read the pictures and resize them for a run with ``settings``.

        Raises what :func:`glstylenet.stylize` raises for pictures and maps that cannot be used.
        """
        sources = read_sources(
            self.content,
            self.style,
            content_map=self.content_map,
            style_map=self.style_map,
            settings=settings,
        )
        return prepare_inputs(sources, settings)

    def objective_of(self, pixels: Tensor, settings: Settings) -> float:
        """Return the paper's objective of ``pixels`` (1, 3, H, W), 0..255, measured the same way for all.

        That is at full size, in float32, with new matches.
        """
        losses = picture_losses(
            picture_array(pixels),
            self.content,
            self.style,
            content_map=self.content_map,
            style_map=self.style_map,
            settings=settings,
        )
        return losses.total


def picture_array(pixels: Tensor) -> npt.NDArray[np.float32]:
    """Convert (1, 3, H, W), 0..255, to (H, W, 3), 0..1."""
    array: npt.NDArray[np.float32] = (pixels[0] / 255.0).clamp(0.0, 1.0).permute(1, 2, 0).cpu().numpy()
    return array


def sample_pair(files: contextlib.ExitStack) -> Pair:
    """Return the pair that ships with the package, with its maps; the files exist until ``files`` closes."""
    names = ("content.png", "style.png", "content_map.png", "style_map.png")
    return Pair(*(sample_file(name, files) for name in names))
