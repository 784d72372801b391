"""From two colour-coded maps to labelled classes and one-hot channels.

A semantic map is a picture in which every colour stands for a kind of thing: red for background, green for
skin.  Painting programs soften its borders, JPEG adds noise, resizing blends neighbours; so the palette has
to be found, in both maps together:

1. *Clean maps* hold few colours and no blends: every colour is a class, however small.
2. *Soft maps*: a class has an inside, "flat" pixels whose 3x3 neighbourhood is nearly one colour.  Their
   colours are grouped, most frequent first; a very small group on the line between two larger ones is a
   blend.  Thin lines never lie flat: their colours are repeated exactly, and no blend.
3. A picture whose flat pixels do not gather around few colours is no map, and is refused.

Then every pixel gets its class.  The middle of a soft border between red and green, (128, 128, 0), is as near
to yellow as to red; so a pixel without a clear colour may only join a class that is present around it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor
from torch.nn import functional as F

from glstylenet.errors import SemanticMapError
from glstylenet.maps.palette import (
    CLASS_RADIUS,
    FLAT_RANGE,
    SMALL_CLASS,
    Codes,
    Colours,
    Counts,
    Labels,
    Palette,
    PixelCodes,
    class_bits,
    classes_around,
    colours_of,
    find_palette,
    lies_between,
    squared_distances,
)
from glstylenet.numerics import picture_size

__all__ = ["SemanticClass", "Semantics", "label_maps", "map_at", "resize_labels"]


_CHUNK = 1 << 20  # pixels compared with all classes at a time


_UNCLEAR = 255  # label of a pixel whose class its colour alone does not tell


_Advice = tuple[tuple[str, ...], tuple[str, ...]]


@dataclass(frozen=True)
class SemanticClass:
    """One kind of thing: its colour in the maps and its share of each picture's positions, 0..1."""

    colour: tuple[int, int, int]
    content_share: float
    style_share: float

    @property
    def colour_name(self) -> str:
        """The colour as web pages write it, such as ``#ff0000``."""
        return "#{:02x}{:02x}{:02x}".format(*self.colour)


@dataclass(frozen=True)
class Semantics:
    """The classes of both maps and where they are.

    ``content`` and ``style`` are one-hot float32, (1, classes, height, width) at the sizes of the pictures;
    channel k belongs to ``classes[k]``, and the largest class comes first. ``warnings`` name what may spoil
    the result, ``notes`` what was decided on the way.
    """

    classes: tuple[SemanticClass, ...]
    content: Tensor
    style: Tensor
    warnings: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def smallest_share(self) -> float:
        """Share of the smallest class that the content has: how far a coarse scale may go."""
        return min(each.content_share for each in self.classes if each.content_share > 0)

    def describe(self) -> str:
        """A plain-text table, one line per class, and the notes."""
        rows = [
            f"{number:>5}  {each.colour_name}  {each.content_share:>8.2%}  {each.style_share:>8.2%}"
            for number, each in enumerate(self.classes, start=1)
        ]
        return "\n".join(("class  colour    content     style", *rows, *self.notes))


def label_maps(
    content_map: Tensor,
    style_map: Tensor,
    *,
    content_size: tuple[int, int],
    style_size: tuple[int, int],
    classes: int | None = None,
    strict: bool = False,
) -> Semantics:
    """Find the classes of two maps and label both.

    The maps are (1, 3, height, width), 0..255, uint8 or floating; the sizes are (height, width) of the
    pictures they belong to.  ``classes`` forces the number of classes, 1..`MAX_CLASSES`.

    Raises `SemanticMapError` if a map does not have its picture's aspect ratio, if no palette can be found,
    or if ``strict`` and the style lacks a class of the content; `SettingsError` if ``classes`` is impossible.
    """
    sizes = (content_size, style_size)
    pair = (_read(content_map, "content", content_size), _read(style_map, "style", style_size))
    palette = find_palette(pair, classes)
    whole = [torch.from_numpy(_label(each, palette))[None, None] for each in pair]
    labels = [F.interpolate(a, size, mode="nearest-exact") for a, size in zip(whole, sizes, strict=True)]
    counts = np.stack([np.bincount(a.numpy().ravel(), minlength=len(palette.colours)) for a in labels])
    shares = counts / np.array([[each.numel()] for each in labels])
    # Equal shares are ordered by colour, so that the order never depends on chance.
    order = np.lexsort((*palette.colours.T[::-1], -shares.sum(0)))
    pairs = zip(palette.colours[order].astype(int).tolist(), shares.T[order].tolist(), strict=True)
    found = tuple(SemanticClass(tuple(colour), *share) for colour, share in pairs)
    advice = _advise(found, counts[:, order], palette, strict)
    content, style = (torch.zeros((1, len(order), *size)) for size in sizes)
    for channels, each in zip((content, style), labels, strict=True):
        for channel, label in enumerate(order.tolist()):
            channels[:, channel] = each[:, 0] == label
    return Semantics(found, content, style, *advice)


def resize_labels(one_hot: Tensor, size: tuple[int, int]) -> Tensor:
    """Bring label channels (1, classes, height, width) to another (height, width) by averaging areas.

    A position then holds the share of each class in the area it covers; the shares still sum to 1.
    """
    return F.interpolate(one_hot, size, mode="area")


def _read(image: Tensor, name: str, size: tuple[int, int]) -> PixelCodes:
    shape = tuple(image.shape)
    if len(shape) != 4 or shape[:2] != (1, 3) or 0 in shape or not torch.isfinite(image).all():
        raise SemanticMapError(
            f"the {name} map has the shape {shape}; expected (1, 3, height, width) of finite values, 0 to 255"
        )
    (map_height, map_width), (height, width) = shape[2:], size
    # Forgive one pixel of rounding in the smaller of the two, or 1 %.
    allowed = max(map_width, map_height, width, height, 0.01 * map_width * height)
    if abs(map_width * height - map_height * width) > allowed:
        raise SemanticMapError(
            f"the {name} map is {map_width}x{map_height} (width x height), its picture {width}x{height}: "
            "the aspect ratios differ. Crop or redraw the map to the same frame as the picture"
        )
    codes, flat = np.zeros(shape[2:], np.uint32), np.ones(shape[2:], np.bool_)
    for plane in image.detach().cpu()[0].round().clamp(0, 255).to(torch.uint8).numpy():
        codes = codes << np.uint32(8) | plane
        flat &= ndimage.morphological_gradient(plane, (3, 3), mode="nearest") <= FLAT_RANGE
    return PixelCodes(codes, flat)


def _label(pixels: PixelCodes, palette: Palette) -> Labels:
    """The class of every pixel, (height, width)."""
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


def _advise(found: Sequence[SemanticClass], counts: Counts, palette: Palette, strict: bool) -> _Advice:
    """Warnings and notes of `Semantics`; ``counts`` are the pixels of each class, (2, K)."""
    warnings, notes = [], list(palette.notes)
    missing = [each for each in found if each.content_share > 0 and each.style_share == 0]
    if missing:
        names = ", ".join(f"{each.colour_name} ({each.content_share:.2%} of the content)" for each in missing)
        lacks = f"the style map lacks {names}"
        if strict:
            raise SemanticMapError(f"{lacks}. Paint these colours into it, or leave out --strict")
        warnings.append(f"{lacks}; these regions are matched by features alone, as without maps")
    if len(found) == 1:
        warnings.append(f"both maps hold only one class, {found[0].colour_name}: they steer nothing")
    tiny = warnings if palette.clean else notes  # in a soft map, small classes are nothing unusual
    for name, row in zip(("content", "style"), counts.tolist(), strict=True):
        for each, pixels in zip(found, row, strict=True):
            if 0 < pixels < SMALL_CLASS:
                few = f"{each.colour_name} is only {pixels} pixels of the {name}"
                tiny.append(f"{few}; coarse scales may lose it")
    return tuple(warnings), tuple(notes)


def map_at(class_channels: Tensor, size: tuple[int, int]) -> Tensor:
    """Class channels (1, K, H, W) at feature ``size``: the share of each class under a position.

    The paper gives every layer a copy of the map, resampled to the layer, before fusion. These copies are
    the same map once fused, and a cosine does not change when its vectors are repeated: one copy serves.
    """
    height, width = picture_size(class_channels)
    if height % size[0] == 0 and width % size[1] == 0:
        return F.avg_pool2d(class_channels, (height // size[0], width // size[1]))
    return F.adaptive_avg_pool2d(class_channels, size)
