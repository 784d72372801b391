"""Synthetic pictures and maps for measurements, the same for the same seed.

They have shapes with edges over soft colours and a little noise: no two patches are equal, as in a
photograph, but neighbouring ones are similar, which they are not in pure noise.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw
from torch import Tensor

__all__ = ["CLASSES", "DrawnPictures", "drawn_classes", "drawn_picture", "picture_tensor"]

CLASSES = 5
"""Number of classes in the maps of Figure 11."""

_SHAPES = 24
_NOISE = 24  # in steps of 0..255
_BLOTCHES = 6  # along each side


@dataclass(frozen=True)
class DrawnPictures:
    """`DrawnPictures` holds ``content``, ``style`` and a generated picture ``pixels``, (1, 3, H, W) each.

    ``content_map`` and ``style_map`` (1, 5, H, W): one-hot class channels of both.
    """

    content: Tensor
    style: Tensor
    pixels: Tensor
    content_map: Tensor
    style_map: Tensor

    @classmethod
    def of(cls, size: tuple[int, int], device: torch.device) -> "DrawnPictures":
        """Draw all of them in ``size`` (height, width), on ``device``."""
        return cls(
            *(picture_tensor(drawn_picture(size, seed), device) for seed in range(3)),
            *(drawn_classes(size, CLASSES, seed).to(device) for seed in range(2)),
        )


def drawn_picture(size: tuple[int, int], seed: int) -> npt.NDArray[np.uint8]:
    """Draw an RGB picture of ``size`` (height, width): uint8 (H, W, 3).

    >>> drawn_picture((4, 6), seed=0).shape
    (4, 6, 3)
    """
    height, width = size
    generator = np.random.default_rng(seed)
    blotches = generator.integers(0, 256, (_BLOTCHES, _BLOTCHES, 3), dtype=np.uint8)
    image = Image.fromarray(blotches).resize((width, height), Image.Resampling.BICUBIC)
    pen = ImageDraw.Draw(image)
    for _ in range(_SHAPES):
        left, top = generator.uniform(-0.1, 0.9, 2)
        across, down = generator.uniform(0.05, 0.3, 2)
        box = (left * width, top * height, (left + across) * width, (top + down) * height)
        colour = tuple(int(value) for value in generator.integers(0, 256, 3))
        (pen.ellipse if generator.random() < 0.5 else pen.rectangle)(box, fill=colour)
    picture = np.asarray(image)
    # Added in 8 bits, where a sum above 255 would wrap. In floats a large picture would need four times the
    # memory, and some measurements are of memory.
    noise = generator.integers(0, _NOISE, picture.shape, dtype=np.uint8)
    noise += np.minimum(picture, np.uint8(255 - _NOISE))
    return noise


def picture_tensor(picture: npt.NDArray[np.uint8], device: torch.device) -> Tensor:
    """Convert uint8 (H, W, 3) to float32 (1, 3, H, W), 0..255."""
    return torch.from_numpy(picture).permute(2, 0, 1)[None].to(device, torch.float32)


def drawn_classes(size: tuple[int, int], classes: int, seed: int) -> Tensor:
    """Draw a map of ``classes`` regions with curved borders: one-hot class channels (1, classes, H, W).

    >>> drawn_classes((8, 8), classes=3, seed=0).sum(dim=1).unique()
    tensor([1.])
    """
    generator = torch.Generator().manual_seed(seed)
    fields = torch.rand((1, classes, 4, 4), generator=generator)
    labels = F.interpolate(fields, size=size, mode="bicubic", align_corners=False).argmax(dim=1)
    return F.one_hot(labels, classes).permute(0, 3, 1, 2).float()
