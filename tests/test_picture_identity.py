"""The identity of a picture in memory: what is hashed is what is painted.

Pairs of images with the same stored samples that are different pictures must have different hashes.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from glstylenet.pictures import read_picture

SAMPLES = np.arange(48, dtype=np.uint8).reshape(6, 8)


def _palette(*, reverse: bool) -> Image.Image:
    image = Image.fromarray(SAMPLES, "L").convert("P")
    colours = [value for index in range(256) for value in (index, 255 - index, index // 2)]
    image.putdata(SAMPLES.ravel().tolist())
    image.putpalette(colours[::-1] if reverse else colours)
    return image


def _turned(orientation: int) -> Image.Image:
    image = Image.fromarray(SAMPLES)
    image.getexif()[0x0112] = orientation
    return image


def _profiled(tint: bytes | None) -> Image.Image:
    image = Image.fromarray(np.dstack([SAMPLES, SAMPLES[::-1], SAMPLES * 5]))
    if tint is not None:
        image.info["icc_profile"] = tint
    return image


def _other_rgb() -> bytes:
    """A profile whose red, green and blue are those of sRGB in another order."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, blue = profile.index(b"rXYZ"), profile.index(b"bXYZ")
    profile[red : red + 4], profile[blue : blue + 4] = b"bXYZ", b"rXYZ"
    return bytes(profile)


def _transparent(index: int | None) -> Image.Image:
    image = _palette(reverse=False)
    if index is not None:
        image.info["transparency"] = index
    return image


def _with_alpha(alpha: int) -> Image.Image:
    image = Image.fromarray(np.dstack([SAMPLES] * 3))
    image.putalpha(alpha)
    return image


PAIRS: dict[str, Callable[[], tuple[Any, Any]]] = {
    "palette": lambda: (_palette(reverse=False), _palette(reverse=True)),
    "profile": lambda: (_profiled(None), _profiled(_other_rgb())),
    "turn": lambda: (_turned(1), _turned(3)),
    "turn by a quarter": lambda: (_turned(1), _turned(6)),
    "transparent colour": lambda: (_transparent(None), _transparent(7)),
    "which colour is transparent": lambda: (_transparent(3), _transparent(7)),
    "transparency": lambda: (_with_alpha(255), _with_alpha(100)),
    "shape": lambda: (np.zeros((4, 12), np.uint8), np.zeros((12, 4), np.uint8)),
    "one value": lambda: (SAMPLES, np.where(SAMPLES == 47, 46, SAMPLES).astype(np.uint8)),
    "grey or indexed": lambda: (Image.fromarray(SAMPLES), _palette(reverse=False)),
}


@pytest.mark.parametrize("kind", PAIRS)
def test_two_pictures_have_two_hashes(kind: str) -> None:
    one, other = (read_picture(source) for source in PAIRS[kind]())
    assert one.sha256 != other.sha256


@pytest.mark.parametrize("kind", PAIRS)
def test_one_picture_has_one_hash(kind: str) -> None:
    for first, second in zip(PAIRS[kind](), PAIRS[kind](), strict=True):
        assert read_picture(first).sha256 == read_picture(second).sha256


def test_an_image_and_its_array_are_one_picture() -> None:
    colours = np.dstack([SAMPLES, SAMPLES[::-1], SAMPLES])
    assert read_picture(colours).sha256 == read_picture(Image.fromarray(colours)).sha256
