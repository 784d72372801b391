"""Sheet: maps over their pictures, side by side, as the program understood them.

A picture is shown in grey, half covered by the colours of its classes, so that all colours on the sheet are
classes; one without a map is grey alone. Classes that are matched with nothing are hatched. Below is a line
for each class.
"""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from glstylenet.maps.labels import resize_labels
from glstylenet.maps.semantics import Semantics
from glstylenet.numerics import picture_size
from glstylenet.pictures import fitted_size, resize

__all__ = ["draw_sheet"]


_PANEL_SIDE = 560
"""Longest side of a panel in pixels."""


_GAP, _LINE, _TEXT_SIZE = 12, 24, 15


_COLUMNS = (24, 88, 176)
"""Where the number, the colour and the first share of a class are written; what follows is `_SHARE` apart."""


_SHARE = 88


_INK, _PAPER = "#1c1c1c", "#ffffff"


_LUMINANCE = (0.299, 0.587, 0.114)


_HATCH_PERIOD = 12
"""Pixels along a row from one line of the hatching to the next; a quarter of them is covered."""


def draw_sheet(
    semantics: Semantics,
    pictures: Mapping[str, Tensor | None],
    *,
    bound: Mapping[str, frozenset[int]] = MappingProxyType({}),
) -> Tensor:
    """Draw all maps of ``semantics`` as one picture (1, 3, H, W), uint8, with panels of 560 pixels.

    ``pictures`` (1, 3, h, w), RGB 0..255, lie beneath the maps of the same role; None leaves the map alone.
    One whose role has no map is drawn, too. ``bound`` are by role the numbers, from 0, of the classes that
    are painted from this style alone.

    >>> from glstylenet.maps import PictureMap, label_maps
    >>> square = torch.zeros(1, 3, 2, 2)
    >>> maps = [PictureMap(square, role, (2, 2)) for role in ("content", "style")]
    >>> draw_sheet(label_maps(maps), {"content": None, "style": square}).shape
    torch.Size([1, 3, 668, 1156])
    """
    panels = {role: Image.fromarray(_panel(semantics, role, each, bound)) for role, each in pictures.items()}
    lines = _lines(semantics, list(panels), bound)
    columns = [*_COLUMNS, *(_COLUMNS[-1] + _SHARE * m for m in range(1, len(lines[0]) - 2))]
    width = max(sum(each.width + _GAP for each in panels.values()) + _GAP, columns[-1] + _SHARE)
    below = max(each.height for each in panels.values()) + _LINE + 2 * _GAP
    sheet = Image.new("RGB", (width, below + _LINE * len(lines) + _GAP), _PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=_TEXT_SIZE)
    left = _GAP
    for role, panel in panels.items():
        sheet.paste(panel, (left, _GAP))
        draw.text((left, _GAP + panel.height + 4), role, fill=_INK, font=font)
        left += panel.width + _GAP
    for number, each in enumerate(semantics.classes, start=1):
        top = below + number * _LINE
        draw.rectangle((_COLUMNS[0] + 24, top, _COLUMNS[1] - 8, top + 16), fill=each.colour, outline=_INK)
    for number, words in enumerate(lines):
        for column, word in zip(columns, words, strict=True):
            draw.text((column, below + number * _LINE), word, fill=_INK, font=font)
    return torch.from_numpy(np.array(sheet)).permute(2, 0, 1)[None]


def _lines(
    semantics: Semantics, roles: list[str], bound: Mapping[str, frozenset[int]]
) -> list[tuple[str, ...]]:
    """Return the table below the panels: its head, then a line for each class."""
    owners = {number: role for role, numbers in bound.items() for number in numbers}
    lines = [("class", "colour", *roles)]
    for number, each in enumerate(semantics.classes):
        shares = {role: f"{share:.2%}" for role, share in zip(semantics.roles, each.shares, strict=True)}
        lines.append((str(number + 1), each.colour_name, *(shares.get(role, "no map") for role in roles)))
    if owners:
        heads = ("painted from", *(owners.get(number, "") for number in range(len(semantics.classes))))
        lines = [(*line, word) for line, word in zip(lines, heads, strict=True)]
    return lines


def _panel(
    semantics: Semantics, role: str, picture: Tensor | None, bound: Mapping[str, frozenset[int]]
) -> NDArray[np.uint8]:
    """Return the map of ``role`` over its picture, (h, w, 3); the picture alone if there is no map."""
    channels = semantics.channels_of(role)
    shown = picture if channels is None else channels
    if shown is None:
        raise ValueError(f"the {role} has neither a map nor a picture")
    size = fitted_size(picture_size(shown), _PANEL_SIDE)
    panel = torch.zeros(*size, 3)
    if picture is not None:
        luminance = resize(picture.float(), size)[0].permute(1, 2, 0) @ torch.tensor(_LUMINANCE)
        panel += luminance[..., None]
    if channels is not None:
        shares = resize_labels(channels, size)[0]
        colours = torch.tensor([each.colour for each in semantics.classes], dtype=torch.float32)
        painted = torch.einsum("khw,kc->hwc", shares, colours)
        panel = painted if picture is None else 0.5 * (panel + painted)
        rows, columns = (torch.arange(length) for length in size)
        is_line = (rows[:, None] + columns) % _HATCH_PERIOD < _HATCH_PERIOD // 4
        is_hatched = is_line & _unmatched(semantics, role, bound)[shares.argmax(0)]
        panel[is_hatched] = 255.0 - panel[is_hatched].mean(1, keepdim=True).round().clamp(0.0, 255.0)
    return panel.round().clamp(0.0, 255.0).byte().numpy()


def _unmatched(semantics: Semantics, role: str, bound: Mapping[str, frozenset[int]]) -> Tensor:
    """Return of every class whether nothing of another picture is matched with it in the map of ``role``.

    In the content these are the classes that no style has, neither in its map nor for itself; in a style
    those that the content lacks or that are painted from another style alone. A style whose map lacks a class
    that is painted from it is used as a whole.
    """
    place = semantics.roles.index(role)
    is_content = place == 0
    owners = {number: owner for owner, numbers in bound.items() for number in numbers}
    own = [semantics.classes[number].shares for number in bound.get(role, ())]
    if any(shares[0] > 0 and shares[place] == 0 for shares in own):
        return torch.zeros(len(semantics.classes), dtype=torch.bool)
    unmatched = []
    for number, each in enumerate(semantics.classes):
        owner = owners.get(number)
        if is_content:
            unmatched.append(owner is None and len(semantics.roles) > 1 and not any(each.shares[1:]))
        else:
            unmatched.append(each.shares[0] == 0 or owner not in (None, role))
    return torch.tensor(unmatched)
