"""Panels: the result and the style in one colour code, side by side.

Everything is drawn in bands of rows, so that it takes little memory beside the pictures.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from PIL import Image
from torch import Tensor

from glstylenet.explain.charts import drawn_text
from glstylenet.explain.colour_code import coded_colours
from glstylenet.explain.correspondence import Correspondence
from glstylenet.explain.explanation import Explanation

__all__ = ["correspondence_sheet", "describe_style_shares", "result_panel", "style_panel"]

_Raster = npt.NDArray[np.uint8]

_ROWS_AT_ONCE = 256
_NARROWEST_SHEET = 520
"""Pixels: below this width there is no room for the words."""
_TITLE = "Left: the result, coloured by the matched place in the style. Right: the style, as the key."
_LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32) / 255.0


def result_panel(explanation: Explanation, found: Correspondence) -> _Raster:
    """Return the result (H, W, 3), each position in the colour of its match in the style.

    Dark lines divide the classes; a position whose match lies in another class is hatched.
    """
    pixels = explanation.result.pixels
    height, width = explanation.result.size
    panel = np.empty((height, width, 3), np.uint8)
    rows, columns = found.style_places
    style_height, style_width = explanation.styles.size
    down = _share(rows, found.cell, style_height)
    across = _share(columns, found.cell, style_width)
    x = _nearest_patch(np.arange(width), found.cell, found.index.shape[1])
    for band in _bands(height):
        y = _nearest_patch(np.arange(band.start, band.stop), found.cell, found.index.shape[0])
        here = np.ix_(y, x)
        panel[band] = coded_colours(down[here], across[here], _light(pixels, band))
        _lay_over_white(panel[band], explanation.result.alpha, band)
        if found.crossing is not None:
            _hatch(panel[band], found.crossing[here], band.start, longest=max(height, width))
    _draw_borders(panel, explanation)
    return panel


def style_panel(explanation: Explanation) -> _Raster:
    """Return the style, or all styles side by side, (A, B, 3) in the colour code, a line at every quarter.

    What is transparent, here and in the result, is white: it is not painted from, and not seen.
    """
    styles = explanation.styles
    style = styles.picture
    height, width = style.shape[-2:]
    panel = np.empty((height, width, 3), np.uint8)
    across = _pixel_middles(slice(0, width), width)[None]
    for band in _bands(height):
        down, right = np.broadcast_arrays(_pixel_middles(band, height)[:, None], across)
        panel[band] = coded_colours(down, right, _light(style, band))
        _lay_over_white(panel[band], styles.alpha, band)
    for quarter in (1, 2, 3):
        for line in (panel[height * quarter // 4], panel[:, width * quarter // 4]):
            line[:] = 127 + line // 2
    return panel


def correspondence_sheet(explanation: Explanation, found: Correspondence) -> Image.Image:
    """Draw both panels side by side, the result at its own size, with a title above and a caption below."""
    result, style = result_panel(explanation, found), style_panel(explanation)
    height, width = result.shape[:2]
    scale = min(height / style.shape[0], 1.5 * width / style.shape[1])
    legend = Image.fromarray(style).resize(
        (max(1, round(style.shape[1] * scale)), max(1, round(style.shape[0] * scale)))
    )
    gap = max(12, width // 40)
    whole = max(_NARROWEST_SHEET, 3 * gap + width + legend.width)
    title = drawn_text(_TITLE, whole)
    caption = drawn_text(_caption(found), whole)
    sheet = Image.new("RGB", (whole, height + title.height + caption.height), "white")
    left = (whole - (3 * gap + width + legend.width)) // 2 + gap
    sheet.paste(title, (0, 0))
    sheet.paste(Image.fromarray(result), (left, title.height))
    sheet.paste(legend, (left + width + gap, title.height))
    sheet.paste(caption, (0, title.height + height))
    return sheet


def _caption(found: Correspondence) -> str:
    words = []
    if found.groups > 1:
        words.append(
            f"Matches of the deepest of the scheme's {found.groups} groups, layer {found.layers[-1]}."
        )
    if found.crossing_share is None:
        words.append("Without maps there are no classes whose borders a match could cross.")
    else:
        words.append(f"Hatched: the match lies in another class, {found.crossing_share:.1%} of all.")
    words += [describe_style_shares(found)] if found.style_shares else []
    return " ".join(words)


def describe_style_shares(found: Correspondence) -> str:
    """Return a sentence on which style painted how much, where there are several."""
    shares = ", ".join(
        f"style {number} {share:.1%}" for number, share in enumerate(found.style_shares, start=1)
    )
    return f"Painted from: {shares}."


def _share(patches: npt.NDArray[np.int64], cell: int, length: int) -> npt.NDArray[np.float32]:
    """Return where the middles of ``patches`` lie along ``length`` pixels, 0..1."""
    middles: npt.NDArray[np.float32] = patches.astype(np.float32) + 1.5  # positions from the patch's corner
    return middles * np.float32(cell / length)


def _pixel_middles(pixels: slice, length: int) -> npt.NDArray[np.float32]:
    """Return where the middles of ``pixels`` lie along ``length``, 0..1."""
    middles: npt.NDArray[np.float32] = np.arange(pixels.start, pixels.stop, dtype=np.float32) + np.float32(
        0.5
    )
    return middles / np.float32(length)


def _bands(height: int) -> Iterator[slice]:
    for top in range(0, height, _ROWS_AT_ONCE):
        yield slice(top, min(top + _ROWS_AT_ONCE, height))


def _nearest_patch(pixels: npt.NDArray[np.int64], cell: int, count: int) -> npt.NDArray[np.int64]:
    """Return the patch, of ``count``, in whose middle a pixel lies, or the nearest one."""
    nearest: npt.NDArray[np.int64] = (pixels // cell - 1).clip(0, count - 1)
    return nearest


def _light(picture: Tensor, band: slice) -> npt.NDArray[np.float32]:
    """Return the lightness 0..1 of the rows of ``band`` of (1, 3, H, W)."""
    rows = picture[0, :, band].permute(1, 2, 0).cpu().numpy()
    light: npt.NDArray[np.float32] = rows @ _LUMA
    return light


def _lay_over_white(panel: _Raster, alpha: Tensor | None, band: slice) -> None:
    """Lay the rows of ``band``, (h, W, 3), of a picture of ``alpha`` (1, 1, H, W) over white, in place."""
    if alpha is not None:
        share = alpha[0, 0, band].cpu().numpy()[..., None]
        panel[:] = np.rint(panel * share + 255 * (1 - share))


def _hatch(panel: _Raster, where: npt.NDArray[np.bool_], top: int, *, longest: int) -> None:
    """Draw slanted lines, black beside white, so that they are visible on every colour."""
    period = max(6, longest // 90)
    line = max(1, period // 6)
    height, width = where.shape
    phase = (np.arange(top, top + height)[:, None] + np.arange(width)) % period
    panel[where & (phase < line)] = 255
    panel[where & (phase >= line) & (phase < 2 * line)] = 0


def _draw_borders(panel: _Raster, explanation: Explanation) -> None:
    """Draw a dark line between the classes of the content's map."""
    semantics = explanation.result.inputs.semantics
    if semantics is None:
        return
    height, width = panel.shape[:2]
    thickness = max(1, max(height, width) // 500)
    for band in _bands(height):
        rows = slice(band.start, min(band.stop + thickness, height))
        labels = semantics.channels[0][0, :, rows].argmax(dim=0).cpu().numpy()
        own = labels[: band.stop - band.start]
        border = np.zeros(own.shape, np.bool_)
        border[:, :-thickness] |= own[:, thickness:] != own[:, :-thickness]
        below = labels[thickness : thickness + len(own)]
        border[: len(below)] |= below != own[: len(below)]
        panel[band][border] = 24
