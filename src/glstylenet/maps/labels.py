"""Labels: the class of every pixel, and the shares of the classes at every feature position.

The palette (:mod:`glstylenet.maps.palette`) tells the class of most pixels by their colour. The middle of a
soft border between red and green, (128, 128, 0), is as near to yellow as to red; so a pixel without a clear
colour may only join a class that is present around it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor
from torch.nn import functional as F

from glstylenet.errors import SemanticMapError
from glstylenet.maps.blends import (
    Colours,
    Labels,
    class_bits,
    classes_around,
    lies_between,
    squared_distances,
)
from glstylenet.maps.palette import (
    CLASS_RADIUS,
    FLAT_RANGE,
    Codes,
    Palette,
    PixelCodes,
    colours_of,
    find_palette,
)
from glstylenet.maps.semantics import SemanticClass, Semantics, advise
from glstylenet.numerics import picture_size

__all__ = ["PictureMap", "label_maps", "map_at", "resize_labels"]


_CHUNK = 1 << 20  # pixels compared with all classes at a time


_UNCLEAR = 255  # label of a pixel whose class its colour alone does not tell


@dataclass(frozen=True)
class PictureMap:
    """A colour-coded map: ``pixels`` (1, 3, height, width), 0..255, uint8 or floating.

    ``role`` names its picture in messages, such as "content"; ``size`` is the picture's (height, width).
    """

    pixels: Tensor
    role: str
    size: tuple[int, int]


def label_maps(maps: Sequence[PictureMap], *, classes: int | None = None, strict: bool = False) -> Semantics:
    """Find the classes of all ``maps`` together and label each: first the content's, then the styles'.

    ``classes`` forces the number of classes, 1..`MAX_CLASSES`.

    Raises `SemanticMapError` if a map does not have its picture's aspect ratio, if no palette can be found,
    or if ``strict`` and a class of the content is in no other map; `SettingsError` if ``classes`` is
    impossible.

    >>> red, green = torch.tensor([255, 0, 0]), torch.tensor([0, 255, 0])
    >>> pixels = torch.stack([red, red, red, green], dim=1).view(1, 3, 1, 4)
    >>> semantics = label_maps([PictureMap(pixels, role, (1, 4)) for role in ("content", "style")])
    >>> [(each.colour_name, each.shares) for each in semantics.classes]
    [('#ff0000', (0.75, 0.75)), ('#00ff00', (0.25, 0.25))]
    >>> semantics.channels[0][0].tolist()
    [[[1.0, 1.0, 1.0, 0.0]], [[0.0, 0.0, 0.0, 1.0]]]
    """
    read = [_read(each) for each in maps]
    palette = find_palette(read, classes)
    whole = [torch.from_numpy(_label(each, palette))[None, None] for each in read]
    labels = [F.interpolate(a, each.size, mode="nearest-exact") for a, each in zip(whole, maps, strict=True)]
    counts = np.stack([np.bincount(a.numpy().ravel(), minlength=len(palette.colours)) for a in labels])
    shares = counts / np.array([[each.numel()] for each in labels])
    # Equal shares are ordered by colour, so that the order never depends on chance.
    order = np.lexsort((*palette.colours.T[::-1], -shares.sum(0)))
    pairs = zip(palette.colours[order].astype(int).tolist(), shares.T[order].tolist(), strict=True)
    found = tuple(SemanticClass(tuple(colour), tuple(share)) for colour, share in pairs)
    roles = tuple(each.role for each in maps)
    warnings, notes = advise(found, roles, counts[:, order], palette, strict=strict)
    channels = tuple(_one_hot(each, order.tolist()) for each in labels)
    return Semantics(found, channels, roles, warnings, notes)


def resize_labels(one_hot: Tensor, size: tuple[int, int]) -> Tensor:
    """Bring class channels (1, classes, height, width) to another (height, width) by averaging areas.

    A position then holds the share of each class in the area it covers; the shares still sum to 1.

    >>> resize_labels(torch.tensor([[[[1.0, 1.0, 1.0, 0.0]], [[0.0, 0.0, 0.0, 1.0]]]]), (1, 2)).tolist()
    [[[[1.0, 0.5]], [[0.0, 0.5]]]]
    """
    return F.interpolate(one_hot, size, mode="area")


def map_at(class_channels: Tensor, size: tuple[int, int]) -> Tensor:
    """Bring class channels (1, K, H, W) to feature ``size``: the share of each class under a position.

    The paper gives every layer a copy of the map, resampled to the layer, before fusion. These copies are
    the same map once fused, and a cosine does not change when its vectors are repeated: one copy serves.

    >>> map_at(torch.ones(1, 2, 32, 16), (4, 2)).shape
    torch.Size([1, 2, 4, 2])
    """
    height, width = picture_size(class_channels)
    if height % size[0] == 0 and width % size[1] == 0:
        return F.avg_pool2d(class_channels, (height // size[0], width // size[1]))
    return F.adaptive_avg_pool2d(class_channels, size)


def _read(picture_map: PictureMap) -> PixelCodes:
    """Return colour codes and flat pixels; raises SemanticMapError if the map does not fit its picture."""
    image, role = picture_map.pixels, picture_map.role
    shape = tuple(image.shape)
    if len(shape) != 4 or shape[:2] != (1, 3) or 0 in shape or not torch.isfinite(image).all():
        raise SemanticMapError(
            f"the {role} map has the shape {shape}; expected (1, 3, height, width) of finite values, 0 to 255"
        )
    (map_height, map_width), (height, width) = shape[2:], picture_map.size
    # Forgive one pixel of rounding in the smaller of the two, or 1 %.
    allowed = max(map_width, map_height, width, height, 0.01 * map_width * height)
    if abs(map_width * height - map_height * width) > allowed:
        raise SemanticMapError(
            f"the {role} map is {map_width}x{map_height} (width x height), its picture {width}x{height}: "
            "the aspect ratios differ. Crop or redraw the map to the same frame as the picture"
        )
    codes, flat = np.zeros(shape[2:], np.uint32), np.ones(shape[2:], np.bool_)
    for plane in image.detach().cpu()[0].round().clamp(0, 255).to(torch.uint8).numpy():
        codes = codes << np.uint32(8) | plane
        flat &= ndimage.morphological_gradient(plane, (3, 3), mode="nearest") <= FLAT_RANGE
    return PixelCodes(codes, flat)


def _one_hot(labels: Tensor, order: Sequence[int]) -> Tensor:
    """Return float32 channels (1, K, height, width) of ``labels`` (1, 1, height, width), in ``order``."""
    channels = torch.zeros((1, len(order), *labels.shape[2:]))
    for channel, label in enumerate(order):
        channels[:, channel] = labels[:, 0] == label
    return channels


def _label(pixels: PixelCodes, palette: Palette) -> Labels:
    """Return the class of every pixel, (height, width)."""
    codes = np.unique(pixels.codes)
    squared = squared_distances(colours_of(codes), palette.colours)
    table = np.full(1 << 24, _UNCLEAR, np.uint8)
    table[codes] = np.where(squared.min(1) <= CLASS_RADIUS**2, squared.argmin(1), _UNCLEAR)
    labels = np.asarray(table[pixels.codes])
    if not palette.clean:
        # A pixel may match a class only as the step between two others, with no inside of that class around.
        nearby = classes_around(np.where(pixels.flat, class_bits(labels), np.uint64(0)), 2)
        absent = (nearby & class_bits(labels)) == 0
        labels[absent & lies_between(labels, nearby, palette.colours)] = _UNCLEAR
        _settle(labels, pixels.codes, palette.colours)
    return labels


def _settle(labels: Labels, codes: Codes, colours: Colours) -> None:
    """Give every unclear pixel, in place, the nearest class among those around it.

    The neighbourhood grows until it holds a class; a pixel far from any takes the nearest of all.
    """
    bits = class_bits(labels)
    flat_labels, flat_codes = labels.ravel(), codes.ravel()
    numbers = np.arange(len(colours), dtype=np.uint64)
    waiting = np.flatnonzero(flat_labels == _UNCLEAR)
    for radius in (2, 6, None):
        present = (
            np.full(labels.size, ~np.uint64(0)) if radius is None else classes_around(bits, radius).ravel()
        )
        ready = waiting[present[waiting] != 0]
        for start in range(0, len(ready), _CHUNK):
            here = ready[start : start + _CHUNK]
            squared = squared_distances(colours_of(flat_codes[here]), colours)
            squared[present[here][:, None] >> numbers & np.uint64(1) == 0] = np.inf
            flat_labels[here] = squared.argmin(1)
        waiting = waiting[present[waiting] == 0]
        if not len(waiting):
            return
