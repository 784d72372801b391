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
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor
from torch.nn import functional as F

from glstylenet.errors import SemanticMapError, SettingsError

__all__ = ["MAX_CLASSES", "SemanticClass", "Semantics", "label_maps", "resize_labels"]

MAX_CLASSES = 64  # in both maps together: one bit of a 64-bit word each, see `_around`
_FLAT_RANGE = 24  # largest difference inside a flat 3x3 neighbourhood: above JPEG noise, below a soft border
_CLASS_RADIUS = 40.0  # a colour this near to a class colour is that class
_TIGHT_RADIUS = 12.0  # but flat pixels of a true class lie nearer still
_BLEND_DISTANCE = 32.0  # a colour this near to the line between two others may be their blend
_BLEND_SHARE = 0.002  # a group on such a line needs this share of all pixels to be a class
_LEAST_FLAT = 4  # flat pixels that make a class if its colour is no blend
_LEAST_LINE = (8, 0.0002)  # pixels, and share of all, that make a class of an exact colour that is never flat
_LEAST_SHARES = (0.25, 0.8)  # of pixels that are flat, and of those near a class; a picture has fewer
_SMALL_CLASS = 64  # pixels: an 8x8 block is one position of the deepest features
_CHUNK = 1 << 20  # pixels compared with all classes at a time
_UNCLEAR = 255  # label of a pixel whose class its colour alone does not tell

_Codes = NDArray[np.uint32]  # a colour as one number: red * 65536 + green * 256 + blue
_Counts = NDArray[np.int64]
_Labels = NDArray[np.uint8]
_Bits = NDArray[np.uint64]
_Colours = NDArray[np.float32]
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
    palette = _find_palette(pair, classes)
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


class _Map(NamedTuple):
    """Colour codes of a map, and which of its pixels are flat; both (height, width)."""

    codes: _Codes
    flat: NDArray[np.bool_]


class _Histogram(NamedTuple):
    """The U colours of all maps in the order of their codes, how often each occurs, and how often flat."""

    codes: _Codes
    colours: _Colours
    often: _Counts
    flat: _Counts


class _Palette(NamedTuple):
    """Class colours (K, 3), ``clean`` if every pixel is exactly one of them, and what was decided."""

    colours: _Colours
    clean: bool
    notes: tuple[str, ...] = ()


def _read(image: Tensor, name: str, size: tuple[int, int]) -> _Map:
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
        flat &= ndimage.morphological_gradient(plane, (3, 3), mode="nearest") <= _FLAT_RANGE
    return _Map(codes, flat)


def _histogram(maps: Sequence[_Map]) -> _Histogram:
    codes, count = np.unique(np.concatenate([each.codes.ravel() for each in maps]), return_counts=True)
    inside, often = np.unique(np.concatenate([each.codes[each.flat] for each in maps]), return_counts=True)
    flat = np.zeros(len(codes), np.int64)
    flat[np.searchsorted(codes, inside)] = often
    return _Histogram(codes, _colours_of(codes), count.astype(np.int64), flat)


def _colours_of(codes: _Codes) -> _Colours:
    return np.stack([codes >> 16, codes >> 8 & 255, codes & 255], axis=-1).astype(np.float32)


def _squared_distances(points: _Colours, centres: _Colours) -> _Colours:
    """(P, 3) and (K, 3) to (P, K), one centre at a time so that no (P, K, 3) array is made."""
    result = np.empty((len(points), len(centres)), np.float32)
    for column, centre in enumerate(centres):
        result[:, column] = ((points - centre) ** 2).sum(1)
    return result


def _find_palette(maps: Sequence[_Map], classes: int | None) -> _Palette:
    histogram = _histogram(maps)
    if classes is not None:
        return _force(histogram, classes)
    if len(histogram.codes) <= MAX_CLASSES and not _has_blends(maps, histogram):
        return _Palette(histogram.colours, clean=True)
    palette = _group(histogram)
    _refuse_pictures(histogram, palette.colours)
    return palette


def _has_blends(maps: Sequence[_Map], histogram: _Histogram) -> bool:
    """Whether a colour occurs (almost) only as a step between two others that touch it on either side."""
    steps = np.zeros(len(histogram.codes), np.int64)
    for each in maps:
        labels = np.searchsorted(histogram.codes, each.codes).astype(np.uint8)
        between = _between(labels, _around(_as_bits(labels), 1), histogram.colours)
        steps += np.bincount(labels[between], minlength=len(steps))
    return bool((steps >= 0.9 * histogram.often).any())


def _group(histogram: _Histogram) -> _Palette:
    """Classes of soft maps: groups of flat colours, then exact colours of thin lines."""
    total = int(histogram.often.sum())
    kept = np.zeros((0, 3), np.float32)
    blends: list[str] = []
    for colour, pixels in _flat_groups(histogram):
        blended = bool(_parents(colour, kept))
        if pixels >= max(_LEAST_FLAT, _BLEND_SHARE * total * blended):
            kept = np.vstack([kept, colour])
        elif blended and pixels >= _SMALL_CLASS:
            name = "#{:02x}{:02x}{:02x}".format(*colour.astype(int))
            blends.append(f"{name} ({pixels} flat pixels) was taken for a blend; if it is a class: --classes")
    repeated = histogram.often >= max(_LEAST_LINE[0], _LEAST_LINE[1] * total)
    for colour in histogram.colours[repeated][np.argsort(-histogram.often[repeated], kind="stable")]:
        near = _squared_distances(colour[None], kept).min(initial=np.inf) <= _CLASS_RADIUS**2
        if len(kept) <= MAX_CLASSES and not near and not _parents(colour, kept):
            kept = np.vstack([kept, colour])
    return _Palette(kept, False, tuple(f"{text} {k}" for k, text in enumerate(blends, start=len(kept) + 1)))


def _flat_groups(histogram: _Histogram) -> list[tuple[_Colours, int]]:
    """Colours of flat pixels gathered around the most frequent ones, with their pixels, largest first."""
    inside = histogram.flat > 0
    colours, count = histogram.colours[inside], histogram.flat[inside]
    groups: list[tuple[_Colours, int]] = []
    # A photograph has groups without end; far beyond the limit its refusal is certain.
    while len(count) and len(groups) <= 4 * MAX_CLASSES:
        member = _squared_distances(colours, colours[[count.argmax()]])[:, 0] <= _CLASS_RADIUS**2
        groups.append((_centre(colours[member], count[member]), int(count[member].sum())))
        colours, count = colours[~member], count[~member]
    return sorted(groups, key=lambda group: -group[1])


def _centre(colours: _Colours, count: NDArray[np.int64]) -> _Colours:
    """The colour that most pixels have, else the rounded mean: noise has no favourite."""
    top = count.argmax()
    mean = np.rint((colours * count[:, None]).sum(0) / count.sum())
    return np.asarray(colours[top] if 2 * count[top] > count.sum() else mean, np.float32)


def _refuse_pictures(histogram: _Histogram, palette: _Colours) -> None:
    flat = int(histogram.flat.sum())
    near = _squared_distances(histogram.colours, palette).min(1, initial=np.inf) <= _TIGHT_RADIUS**2
    shares = flat / int(histogram.often.sum()), int(histogram.flat[near].sum()) / max(flat, 1)
    least = _LEAST_SHARES
    if len(palette) > MAX_CLASSES or shares[0] < least[0] or shares[1] < least[1]:
        raise SemanticMapError(
            f"the maps look like photographs or gradients: {len(palette)} classes (at most {MAX_CLASSES}), "
            f"{shares[0]:.0%} of the pixels flat (at least {least[0]:.0%}), {shares[1]:.0%} of these in "
            f"a class colour (at least {least[1]:.0%}). Draw each kind of thing in one flat colour, the same "
            "in both maps, without shading; or name the number of classes: --classes N"
        )


def _force(histogram: _Histogram, classes: int) -> _Palette:
    """Exactly ``classes`` colours: k-means, started from colours that are far apart."""
    colours, weight = histogram.colours, histogram.often
    limit = min(MAX_CLASSES, held := len(colours))
    if not 1 <= classes <= limit:
        raise SettingsError(f"classes is {classes}; expected 1 to {limit}: the maps hold {held} colours")
    inside = histogram.flat > 0
    # Soft borders are left out where flat colours suffice; in a map of few colours every one may count.
    if len(colours) > MAX_CLASSES and np.count_nonzero(inside) >= classes:
        colours, weight = colours[inside], histogram.flat[inside]
    # Frequency counts by its logarithm only: a small class far from all others precedes a large one's noise.
    pull = np.log2(1.0 + weight)
    centres = colours[[weight.argmax()]]
    while len(centres) < classes:
        distance = _squared_distances(colours, centres).min(1)
        centres = np.vstack([centres, colours[(distance * pull).argmax()]])
    for _ in range(10):
        member = _squared_distances(colours, centres).argmin(1)[:, None] == np.arange(classes)
        pairs = zip(centres, member.T, strict=True)
        centres = np.stack([_centre(colours[m], weight[m]) if m.any() else old for old, m in pairs])
    return _Palette(centres, clean=len(histogram.codes) == classes)


def _label(pixels: _Map, palette: _Palette) -> _Labels:
    """The class of every pixel, (height, width)."""
    codes = np.unique(pixels.codes)
    squared = _squared_distances(_colours_of(codes), palette.colours)
    table = np.full(1 << 24, _UNCLEAR, np.uint8)
    table[codes] = np.where(squared.min(1) <= _CLASS_RADIUS**2, squared.argmin(1), _UNCLEAR)
    labels = np.asarray(table[pixels.codes])
    if not palette.clean:
        # A pixel may match a class only as the step between two others, with no inside of that class around.
        around = _around(np.where(pixels.flat, _as_bits(labels), np.uint64(0)), 2)
        absent = (around & _as_bits(labels)) == 0
        labels[absent & _between(labels, around, palette.colours)] = _UNCLEAR
        _settle(labels, pixels.codes, palette.colours)
    return labels


def _settle(labels: _Labels, codes: _Codes, colours: _Colours) -> None:
    """Give every unclear pixel, in place, the nearest class among those around it.

    The neighbourhood grows until it holds a class; a pixel far from any takes the nearest of all.
    """
    bits = _as_bits(labels)
    flat_labels, flat_codes = labels.ravel(), codes.ravel()
    numbers = np.arange(len(colours), dtype=np.uint64)
    waiting = np.flatnonzero(flat_labels == _UNCLEAR)
    for radius in (2, 6, None):
        present = np.full(labels.size, ~np.uint64(0)) if radius is None else _around(bits, radius).ravel()
        ready = waiting[present[waiting] != 0]
        for start in range(0, len(ready), _CHUNK):
            here = ready[start : start + _CHUNK]
            squared = _squared_distances(_colours_of(flat_codes[here]), colours)
            squared[present[here][:, None] >> numbers & np.uint64(1) == 0] = np.inf
            flat_labels[here] = squared.argmin(1)
        waiting = waiting[present[waiting] == 0]
        if not len(waiting):
            return


def _as_bits(labels: _Labels) -> _Bits:
    """Class k as the bit 2^k; no bit for unclear pixels."""
    return np.array([1 << k if k < MAX_CLASSES else 0 for k in range(256)], np.uint64)[labels]


def _around(bits: _Bits, radius: int) -> _Bits:
    """Which classes occur in the square around each pixel: the bits of its neighbours, joined by "or"."""
    for _ in range(radius):
        rows = bits.copy()
        rows[1:] |= bits[:-1]
        rows[:-1] |= bits[1:]
        bits = rows.copy()
        bits[:, 1:] |= rows[:, :-1]
        bits[:, :-1] |= rows[:, 1:]
    return bits


def _between(labels: _Labels, around: _Bits, colours: _Colours) -> NDArray[np.bool_]:
    """Pixels that have around them two classes between whose colours their own class lies."""
    result = np.zeros(labels.shape, np.bool_)
    for label, colour in enumerate(colours):
        pairs = [(1 << first) | (1 << second) for first, second in _parents(colour, colours)]
        if pairs:
            where = np.flatnonzero(labels == label)
            seen, index = np.unique(around.ravel()[where], return_inverse=True)
            # There are few different neighbourhoods: ask each of them once.
            answers = [any(bits & pair == pair for pair in pairs) for bits in seen.tolist()]
            result.ravel()[where] = np.array(answers, np.bool_)[index]
    return result


def _parents(colour: _Colours, others: _Colours) -> list[tuple[int, int]]:
    """Pairs of ``others`` between which ``colour`` lies, itself being neither."""
    first, second = np.triu_indices(len(others), 1)
    start, along = others[first], others[second] - others[first]
    position = ((colour - start) * along).sum(1) / np.maximum((along**2).sum(1), 1e-6)
    off_line = ((colour - start - position[:, None] * along) ** 2).sum(1)
    between = (position > 0.02) & (position < 0.98) & (off_line <= _BLEND_DISTANCE**2)
    return list(zip(first[between].tolist(), second[between].tolist(), strict=True))


def _advise(found: Sequence[SemanticClass], counts: _Counts, palette: _Palette, strict: bool) -> _Advice:
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
            if 0 < pixels < _SMALL_CLASS:
                few = f"{each.colour_name} is only {pixels} pixels of the {name}"
                tiny.append(f"{few}; coarse scales may lose it")
    return tuple(warnings), tuple(notes)
