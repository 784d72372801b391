"""Coarse: the part of a giant run that is painted whole, as any run: its settings, styles and maps."""

import math
from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch

from glstylenet.giant.manifest import Manifest, StoredStyle
from glstylenet.machine import default_modes
from glstylenet.pictures import PictureSource, fitted_size, open_strips
from glstylenet.run import GivenStyle, Started, Style, given_styles, plan_run
from glstylenet.settings import Settings

__all__ = [
    "coarse_map",
    "coarse_settings",
    "coarse_style_size",
    "coarse_styles",
    "plan_coarse",
]

_MAP_PIXELS = 16
"""Pixels of a map for each of the coarse part's picture from which on it is sampled and not read whole."""


@default_modes()
def plan_coarse(
    manifest: Manifest,
    style: GivenStyle,
    *,
    content_map: PictureSource | None = None,
    style_map: PictureSource | None = None,
) -> Started:
    """Return what the coarse part of a run will do, without computing it or reading its pictures but maps."""
    settings = coarse_settings(manifest)
    styles, _ = given_styles(style, style_map)

    def blank(size: tuple[int, int]) -> npt.NDArray[np.generic]:
        return np.full((*size, 3), 0.1, np.float32)

    return plan_run(
        blank(manifest.sizes[0]),
        coarse_styles(manifest, styles.values(), lambda stored: blank(coarse_style_size(manifest, stored))),
        content_map=coarse_map(content_map, manifest.sizes[0], settings),
        settings=settings,
    )


def coarse_settings(manifest: Manifest) -> Settings:
    """Return the settings of the coarse part, whose pictures have the sizes that they are painted at."""
    longest = max(manifest.sizes[0])
    longest_of_style = max(max(coarse_style_size(manifest, style)) for style in manifest.styles)
    style_scale = longest_of_style / min(longest_of_style, longest)
    return Settings(**manifest.settings).replace(size=longest, style_scale=style_scale)


def coarse_style_size(manifest: Manifest, style: StoredStyle) -> tuple[int, int]:
    """Return the size at which ``style`` is as large beside the coarse part as at full size."""
    longest = max(style.size) * manifest.factor(0)
    return fitted_size(style.own_size, max(1, round(longest)))


def coarse_styles(
    manifest: Manifest,
    styles: Iterable[Style],
    picture_of: Callable[[StoredStyle], npt.NDArray[np.generic]],
) -> list[Style]:
    """Return the styles as the coarse part takes them: their pictures and maps at its sizes."""
    settings = Settings(**manifest.settings)
    return [
        replace(
            style,
            picture=picture_of(stored),
            map=coarse_map(style.map, coarse_style_size(manifest, stored), settings),
        )
        for style, stored in zip(styles, manifest.styles, strict=True)
    ]


def coarse_map(
    source: PictureSource | None, size: tuple[int, int], settings: Settings
) -> PictureSource | None:
    """Return a map for the coarse part, whose picture has ``size``: nothing finer is made of a map.

    One that is much larger is read some rows at a time, and its nearest pixels are taken, twice as many along
    each side as the picture has.
    """
    if source is None:
        return None
    with open_strips(source, max_pixels=settings.max_pixels) as picture:
        if math.prod(picture.size) <= _MAP_PIXELS * math.prod(size):
            return source
        nearest = picture.sampled(fitted_size(picture.size, 2 * max(size)))
    return nearest[0].permute(1, 2, 0).round().to(torch.uint8).numpy()
