"""Sheet: maps over their pictures, side by side, as the program understood them.

A picture is shown in grey, half covered by the colours of its classes, so that all colours on the sheet are
classes. Classes that no other map has are hatched. Below is a line for each class.
"""

from collections.abc import Sequence

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
"""Where the number, the colour and the first share of a class are written; the others follow at `_SHARE`."""


_SHARE = 88


_INK, _PAPER = "#1c1c1c", "#ffffff"


_LUMINANCE = (0.299, 0.587, 0.114)


_HATCH_PERIOD = 12
"""Pixels along a row from one line of the hatching to the next; a quarter of them is covered."""


def draw_sheet(semantics: Semantics, pictures: Sequence[Tensor | None]) -> Tensor:
    """Draw all maps of ``semantics`` as one picture (1, 3, H, W), uint8, with panels of 560 pixels.

    ``pictures`` (1, 3, h, w), RGB 0..255, one for each map, lie beneath; None leaves the map alone.

    >>> from glstylenet.maps import PictureMap, label_maps
    >>> square = torch.zeros(1, 3, 2, 2)
    >>> maps = [PictureMap(square, role, (2, 2)) for role in ("content", "style")]
    >>> draw_sheet(label_maps(maps), [None, square]).shape
    torch.Size([1, 3, 644, 1156])
    """
    panels = [Image.fromarray(_panel(semantics, m, picture)) for m, picture in enumerate(pictures)]
    columns = [*_COLUMNS, *(_COLUMNS[-1] + _SHARE * m for m in range(1, len(panels)))]
    width = max(sum(each.width + _GAP for each in panels) + _GAP, columns[-1] + _SHARE)
    below = max(each.height for each in panels) + 2 * _GAP
    sheet = Image.new("RGB", (width, below + _LINE * (1 + len(semantics.classes)) + _GAP), _PAPER)
    left = _GAP
    for panel in panels:
        sheet.paste(panel, (left, _GAP))
        left += panel.width + _GAP
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=_TEXT_SIZE)
    lines = [("class", "colour", *semantics.roles)]
    for number, each in enumerate(semantics.classes, start=1):
        lines.append((str(number), each.colour_name, *(f"{share:.2%}" for share in each.shares)))
        top = below + number * _LINE
        draw.rectangle((_COLUMNS[0] + 16, top, _COLUMNS[1] - 8, top + 16), fill=each.colour, outline=_INK)
    for number, words in enumerate(lines):
        for column, word in zip(columns, words, strict=True):
            draw.text((column, below + number * _LINE), word, fill=_INK, font=font)
    return torch.from_numpy(np.array(sheet)).permute(2, 0, 1)[None]


def _panel(semantics: Semantics, number: int, picture: Tensor | None) -> NDArray[np.uint8]:
    """Return the map ``number`` over its picture, (h, w, 3)."""
    channels = semantics.channels[number]
    size = fitted_size(picture_size(channels), _PANEL_SIDE)
    shares = resize_labels(channels, size)[0]
    colours = torch.tensor([each.colour for each in semantics.classes], dtype=torch.float32)
    panel = torch.einsum("khw,kc->hwc", shares, colours)
    if picture is not None:
        luminance = resize(picture.float(), size)[0].permute(1, 2, 0) @ torch.tensor(_LUMINANCE)
        panel = 0.5 * (panel + luminance[..., None])
    is_lone = torch.tensor([sum(share > 0 for share in each.shares) == 1 for each in semantics.classes])
    rows, columns = (torch.arange(length) for length in size)
    is_line = (rows[:, None] + columns) % _HATCH_PERIOD < _HATCH_PERIOD // 4
    is_hatched = is_line & is_lone[shares.argmax(0)] & (len(semantics.roles) > 1)
    panel[is_hatched] = 255.0 - panel[is_hatched].mean(1, keepdim=True).round().clamp(0.0, 255.0)
    return panel.round().clamp(0.0, 255.0).byte().numpy()
