"""Labels: the class of every pixel, and the shares of the classes at every feature position.

The palette (:mod:`glstylenet.maps.palette`) tells the class of most pixels by their colour. The middle of a
soft border between red and green, (128, 128, 0), is as near to yellow as to red; so a pixel without a clear
colour may only join a class that is present around it. On request it keeps its shares of both classes
(:mod:`.shares`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from glstylenet.errors import SemanticMapError
from glstylenet.maps.blends import (
    CLASS_RADIUS,
    Bits,
    Colours,
    Labels,
    blend_parents,
    class_bits,
    classes_around,
    nearest_parent,
    squared_distances,
)
from glstylenet.maps.map_colours import MapColours
from glstylenet.maps.palette import Palette, find_palette
from glstylenet.maps.semantics import SemanticClass, Semantics, advise, find_class
from glstylenet.maps.shares import BorderShares, border_shares
from glstylenet.numerics import picture_size

__all__ = ["PictureMap", "check_map_size", "label_maps", "map_at", "resize_labels"]


_UNCLEAR = 255  # label of a pixel whose class its colour alone does not tell


_INSIDE_RADIUS = (
    16.0  # more than a plateau's own colours: beside other classes a JPEG moves some of its pixels
)


_PATIENCE = 3  # squares, each twice as large, that are searched from the first that holds a class


_Value = TypeVar("_Value", np.uint8, np.float32)


_Positions = NDArray[np.int64]
"""Places in a flattened map, (P)."""


@dataclass(frozen=True)
class PictureMap:
    """A colour-coded map: ``pixels`` (1, 3, height, width), 0..255, uint8 or floating.

    ``role`` names its picture in messages, such as "content"; ``size`` is the picture's (height, width).
    """

    pixels: Tensor
    role: str
    size: tuple[int, int]


def label_maps(
    maps: Sequence[PictureMap],
    *,
    classes: int | None = None,
    strict: bool = False,
    soft: bool = False,
    bound: Sequence[str | int] = (),
) -> Semantics:
    """Find the classes of all ``maps`` together and label each: first the content's, then the styles'.

    ``classes`` forces the number of classes, 1..`MAX_CLASSES`. ``soft``: a pixel on a soft border has shares
    of both classes, instead of the class that has more of it. ``bound`` names classes that are painted from
    one style alone (:func:`~glstylenet.maps.semantics.find_class`), whatever the other styles have of them.

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
    mixed = [_label(each, palette, m, soft=soft) for m, each in enumerate(read)]
    labels = [_at_size(each.labels, a.size) for each, a in zip(mixed, maps, strict=True)]
    colours = palette.classes.colours
    counts = np.stack([np.bincount(a.numpy().ravel(), minlength=len(colours)) for a in labels])
    shares = counts / np.array([[each.numel()] for each in labels])
    # Equal shares are ordered by colour, so that the order never depends on chance.
    order = np.lexsort((*colours.T[::-1], -shares.sum(0)))
    pairs = zip(colours[order].astype(int).tolist(), shares.T[order].tolist(), strict=True)
    found = tuple(SemanticClass(tuple(colour), tuple(share)) for colour, share in pairs)
    roles = tuple(each.role for each in maps)
    numbers = {find_class(found, word) for word in bound}
    warnings, notes = advise(found, roles, counts[:, order], palette, strict=strict, bound=numbers)
    channels = [_one_hot(each, order.tolist()) for each in labels]
    for number, each in enumerate(mixed):
        if each.shares is not None:
            channels[number] = _shared(each.shares, maps[number].size, order.tolist())
    has_shades = any(each.shares is not None for each in mixed)
    return Semantics(found, tuple(channels), roles, warnings, notes, has_shades)


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


def _read(picture_map: PictureMap) -> MapColours:
    """Return the map's colours; raises SemanticMapError if the map does not fit its picture."""
    image, role = picture_map.pixels, picture_map.role
    shape = tuple(image.shape)
    if len(shape) != 4 or shape[:2] != (1, 3) or 0 in shape or not torch.isfinite(image).all():
        raise SemanticMapError(
            f"the {role} map has the shape {shape}; expected (1, 3, height, width) of finite values, 0 to 255"
        )
    check_map_size((shape[2], shape[3]), picture_map.size, role)
    return MapColours(image.detach().cpu()[0].round().clamp(0, 255).to(torch.uint8).numpy(), role)


def check_map_size(map_size: tuple[int, int], size: tuple[int, int], role: str) -> None:
    """Raise SemanticMapError unless a map of ``map_size`` (height, width) has the shape of its picture.

    ``size`` is the picture's, ``role`` names it in the message.
    """
    (map_height, map_width), (height, width) = map_size, size
    # Forgive one pixel of rounding in the smaller of the two, or 1 %.
    allowed = max(map_width, map_height, width, height, 0.01 * map_width * height)
    if abs(map_width * height - map_height * width) > allowed:
        raise SemanticMapError(
            f"the {role} map is {map_width}x{map_height} (width x height), its picture {width}x{height}: "
            "the aspect ratios differ. Crop or redraw the map to the same frame as the picture"
        )


def _one_hot(labels: Tensor, order: Sequence[int]) -> Tensor:
    """Return float32 channels (1, K, height, width) of ``labels`` (1, 1, height, width), in ``order``."""
    channels = torch.zeros((1, len(order), *labels.shape[2:]))
    for channel, label in enumerate(order):
        channels[:, channel] = labels[:, 0] == label
    return channels


@dataclass(frozen=True)
class _Labelled:
    """The class of every pixel of a map, and what border pixels are mixed of; ``None`` without such."""

    labels: Labels
    shares: BorderShares | None


def _label(pixels: MapColours, palette: Palette, number: int, *, soft: bool) -> _Labelled:
    """Return the class of every pixel, (height, width), of the map ``number``; if ``soft``, also shares."""
    classes, colours = palette.classes.by_map[number]
    squared = squared_distances(pixels.colours, colours)
    near = np.where(squared.min(1) <= CLASS_RADIUS**2, squared.argmin(1), _UNCLEAR).astype(np.uint8)
    labels = near[pixels.index]
    shares: BorderShares | None = None
    names = classes.astype(np.uint8)
    if not palette.clean[number]:
        inside = _insides(pixels, near, colours, forced=palette.forced)
        _settle(labels, inside, pixels, colours)
        if soft:
            local = border_shares(pixels, labels, inside, colours)
            if local.share.any():
                shares = BorderShares(names[local.first], names[local.second], local.share)
    return _Labelled(names[labels], shares)


def _at_size(values: NDArray[_Value], size: tuple[int, int]) -> Tensor:
    """Return ``values`` (height, width) of a map at its picture's ``size``: (1, 1, height, width)."""
    return F.interpolate(torch.from_numpy(values)[None, None], size, mode="nearest-exact")


def _shared(shares: BorderShares, size: tuple[int, int], order: Sequence[int]) -> Tensor:
    """Return float32 channels (1, K, height, width) with the ``shares`` of every pixel at ``size``."""
    first, second = (_one_hot(_at_size(each, size), order) for each in (shares.first, shares.second))
    return torch.lerp(first, second, _at_size(shares.share, size))


def _insides(pixels: MapColours, near: Labels, colours: Colours, *, forced: bool) -> Labels:
    """Return the class of every pixel that is certain of it, (height, width), else _UNCLEAR.

    ``near`` are the classes of the map's colours. A pixel is certain if its colour is near that of a class
    and no blend of two others; or if it is flat and on a plateau of that class. If the number of classes is
    ``forced``, a ramp has classes too, and flat pixels are enough.
    """
    labels = near[pixels.index]
    for label, colour in enumerate(colours):
        if blend_parents(colour, colours, of_light=True):
            member = near == label
            tight = squared_distances(pixels.colours, colour[None])[:, 0] <= _INSIDE_RADIUS**2
            inside = pixels.flat if forced else pixels.plateau(tight & member, member)
            labels[(labels == label) & ~inside] = _UNCLEAR
    return labels


def _settle(labels: Labels, inside: Labels, pixels: MapColours, colours: Colours) -> None:
    """Give every pixel that is not ``inside`` a class, in place, by those around it.

    Squares grow around the pixel until the classes in them explain its colour. A blend has both of its
    parents about as far away as its colour is from theirs; where none are found so, the pixel keeps the class
    of its colour, or takes the nearest of the first classes that were around it.
    """
    bits = class_bits(inside)
    numbers = np.arange(len(colours), dtype=np.uint64)
    own, index = labels.ravel(), pixels.index.ravel()
    waiting = np.flatnonzero(inside == _UNCLEAR)
    first = np.zeros(len(waiting), np.uint64)
    patience = np.full(len(waiting), _PATIENCE)
    radius = 2
    while len(waiting) and radius < 2 * max(labels.shape):
        around = classes_around(bits, radius).ravel()[waiting]
        first = np.where(first == 0, around, first)
        patience -= first != 0
        done = np.zeros(len(waiting), np.bool_)
        for present in np.unique(around[around != 0]):
            here = np.flatnonzero(around == present)
            among = np.flatnonzero(present >> numbers & np.uint64(1))
            found, place = np.unique(index[waiting[here]], return_inverse=True)
            classes, explained = nearest_parent(pixels.colours[found], colours[among])
            done[here] = explained[place]
            settled = here[done[here]]
            own[waiting[settled]] = among[classes][place][done[here]]
        given_up = ~done & (patience <= 0)
        _take_nearest(own, waiting[given_up], first[given_up], pixels, colours)
        go_on = ~done & ~given_up
        waiting, first, patience = waiting[go_on], first[go_on], patience[go_on]
        radius *= 2
    _take_nearest(own, waiting, first, pixels, colours)


def _take_nearest(own: Labels, where: _Positions, around: Bits, pixels: MapColours, colours: Colours) -> None:
    """Give the pixels ``where`` that have no class the nearest of those ``around``, else of all."""
    without = own[where] == _UNCLEAR
    where, around = where[without], around[without]
    numbers = np.arange(len(colours), dtype=np.uint64)
    for present in np.unique(around):
        here = where[around == present]
        among = np.flatnonzero(present >> numbers & np.uint64(1)) if present else np.arange(len(colours))
        found, place = np.unique(pixels.index.ravel()[here], return_inverse=True)
        nearest = squared_distances(pixels.colours[found], colours[among]).argmin(1)
        own[here] = among[nearest][place]
