"""Sheet: draws a gallery as one picture, with labelled rows and columns."""

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from glstylenet.report.gallery import Gallery, GalleryItem

__all__ = ["draw_sheet"]

_CELL = 420
"""Longest side of a picture on the sheet; less if the sheet would be too large."""
_WIDEST = 6000
_GAP = 12
_INK, _PALE, _PAPER, _EMPTY = "#1c1c1c", "#6a6a6a", "#ffffff", "#ececec"


def draw_sheet(gallery: Gallery) -> Tensor:
    """Draw the sheet as (1, 3, H, W), 0..255. Pictures are shrunk to fit and never enlarged."""
    columns = max(1, len(gallery.column_labels))
    cell = max(96, min(_CELL, (_WIDEST - _GAP) // columns - _GAP))
    pictures = [[_picture(item, cell) for item in row] for row in gallery.rows]
    shown = [picture for row in pictures for picture in row if picture is not None]
    width = max((picture.width for picture in shown), default=cell)
    heights = [max((p.height for p in row if p is not None), default=cell // 3) for row in pictures]
    font, heading = ImageFont.load_default(size=15), ImageFont.load_default(size=22)
    width = max(width, 200)
    label_lines = [_wrapped(label, font, width) for label in gallery.column_labels]
    title = 36 if gallery.title else 0
    top = _GAP + title + 6 + 20 * max((len(lines) for lines in label_lines), default=0)
    row_label = 24 if any(gallery.row_labels) else 0
    total = top + sum(heights) + len(heights) * (row_label + _GAP + 22) + _GAP
    sheet = Image.new("RGB", (columns * (width + _GAP) + _GAP, total), _PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((_GAP, _GAP), gallery.title, fill=_INK, font=heading)
    for column, lines in enumerate(label_lines):
        for number, line in enumerate(lines):
            at = (_GAP + column * (width + _GAP), _GAP + title + 20 * number)
            draw.text(at, line, fill=_INK, font=font)
    y = top
    for label, row, items, height in zip(gallery.row_labels, pictures, gallery.rows, heights, strict=True):
        if row_label:
            draw.text((_GAP, y), label, fill=_INK, font=font)
            y += row_label
        for column, (picture, item) in enumerate(zip(row, items, strict=True)):
            x = _GAP + column * (width + _GAP)
            if picture is not None:
                sheet.paste(picture, (x, y))
            if item is not None:
                _describe(draw, item, (x, y), (width, height), font)
        y += height + _GAP + 22
    return torch.from_numpy(np.array(sheet)).permute(2, 0, 1)[None].float()


def _describe(
    draw: ImageDraw.ImageDraw,
    item: GalleryItem,
    at: tuple[int, int],
    room: tuple[int, int],
    font: ImageFont.ImageFont | ImageFont.FreeTypeFont,
) -> None:
    """Write two facts below a picture, or the reason in place of a missing one."""
    (x, y), (width, height) = at, room
    if item.file is None:
        draw.rectangle((x, y, x + width - 1, y + height - 1), fill=_EMPTY)
        lines = _wrapped(item.note or "no picture", font, width - 16)
        for number, line in enumerate(lines[: height // 20]):
            draw.text((x + 8, y + 8 + 20 * number), line, fill=_PALE, font=font)
    caption = "  ".join(f"{name} {value}" for name, value in list(item.facts.items())[:2])
    draw.text((x, y + height + 3), _wrapped(caption, font, width)[0], fill=_PALE, font=font)


def _picture(item: GalleryItem | None, cell: int) -> Image.Image | None:
    if item is None or item.file is None:
        return None
    with Image.open(item.file) as image:
        shown = _on_white(image)
    shown.thumbnail((cell, cell), Image.Resampling.LANCZOS)
    return shown


def _on_white(image: Image.Image) -> Image.Image:
    if "A" not in image.getbands():
        return image.convert("RGB")
    paper = Image.new("RGBA", image.size, _PAPER)
    return Image.alpha_composite(paper, image.convert("RGBA")).convert("RGB")


def _wrapped(text: str, font: ImageFont.ImageFont | ImageFont.FreeTypeFont, width: int) -> list[str]:
    """Break ``text`` between words into lines of at most ``width`` pixels."""
    lines: list[str] = []
    line = ""
    for word in text.split():
        longer = f"{line} {word}".strip()
        if line and font.getlength(longer) > width:
            lines.append(line)
            line = word
        else:
            line = longer
    return [*lines, line] if line else lines or [""]
