"""Opacity: which patches and positions of a style are painted from, where a part of it is transparent.

A patch counts if the part of the picture under it is there (nearly) as a whole: what a transparent part holds
is not the style. A position counts if a patch that counts covers it.
"""

import torch.nn.functional as F
from torch import Tensor

from glstylenet.errors import ImageError
from glstylenet.maps import map_at
from glstylenet.matching import PATCH, patch_sums
from glstylenet.pictures import present_pixels

__all__ = ["check_opacity", "counted_patches", "counted_positions"]

_NEARLY = 0.95
"""Share of a patch that must be there, relative to the fullest patch: less than an empty position is allowed,
1 of 9, and at coarse sizes, where no patch lies wholly inside a small shape, the best ones count."""

_LEAST = 0.5
"""The share that the fullest patch of a style must reach at its full size."""


def counted_patches(alpha: Tensor | None, size: tuple[int, int]) -> Tensor | None:
    """Return which patches of a feature of ``size`` (A, B) count: (A-2, B-2), boolean; ``None`` if all do.

    ``alpha`` (1, 1, H, W), 0..1, is the picture's; ``None`` where it is opaque. Raises
    :class:`~glstylenet.errors.ImageError` if it is transparent everywhere.
    """
    if alpha is None:
        return None
    shares = _patch_shares(alpha, size)
    counted = shares >= _NEARLY * shares.max()
    if not bool(shares.any()):
        raise ImageError("a picture is transparent everywhere: there is nothing to paint from or to compare")
    return None if bool(counted.all()) else counted


def counted_positions(patches: Tensor | None) -> Tensor | None:
    """Return which positions patches that count cover: (A, B), boolean; ``None`` if all do.

    >>> import torch
    >>> counted_positions(torch.tensor([[True, False]])).tolist()
    [[True, True, True, False], [True, True, True, False], [True, True, True, False]]
    """
    if patches is None:
        return None
    edge = PATCH - 1
    padded = F.pad(patches[None, None].float(), (edge, edge, edge, edge))
    return F.max_pool2d(padded, PATCH, stride=1)[0, 0] > 0


def check_opacity(alpha: Tensor | None, sizes: list[tuple[int, int]], *, name: str = "style") -> None:
    """Refuse a style that holds no part as large as a patch, for features of ``sizes``.

    ``name``: what the message calls it.

    Raises :class:`~glstylenet.errors.ImageError`.
    """
    if alpha is None:
        return
    least = min((float(_patch_shares(alpha, size).max()) for size in sizes), default=1.0)
    if least < _LEAST:
        raise ImageError(
            f"the {name} has no opaque part as large as a patch: the fullest patch is there by {least:.0%}, "
            f"and {_LEAST:.0%} are needed; use a style with a larger opaque part, or crop it to that part"
        )


def _patch_shares(alpha: Tensor, size: tuple[int, int]) -> Tensor:
    """Return the share of each patch of a feature of ``size`` (A, B) that is there: (A-2, B-2), 0..1."""
    return patch_sums(map_at(present_pixels(alpha), size))[0, 0] / PATCH**2
