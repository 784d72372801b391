"""Page: an explanation as one HTML file that works from disk, without a server.

Words and numbers are put into ``page.html``. Names that come from a user are escaped. The script gets its
data as JSON without the character "<", so that no tag can begin in it.
"""

import base64
import html
import importlib.resources
import io
import json
import re
from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
from PIL import Image
from torch import Tensor

from glstylenet.explain.charts import class_chart, curve_chart
from glstylenet.explain.class_losses import ClassLosses
from glstylenet.explain.correspondence import Correspondence, receptive_pixels
from glstylenet.explain.explanation import Explanation
from glstylenet.explain.panels import describe_style_shares, result_panel, style_panel
from glstylenet.objective import TERMS
from glstylenet.pictures import over_white
from glstylenet.settings import style_role

__all__ = ["explanation_page"]

_LONGEST_SIDE = 1200
"""Pixels of a picture in the page."""
_LARGEST_PNG = 250_000
"""Pixels above which a picture in the page is a JPEG."""
_PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}")
_DIVIDED = ("local", "content")
"""The terms that are divided among the classes (:class:`ClassLosses`)."""


def explanation_page(explanation: Explanation, title: str) -> str:
    """Return the HTML of the page of ``explanation``, with ``title`` as its name."""
    resource = importlib.resources.files("glstylenet").joinpath("explain", "page.html")
    found = explanation.correspondence
    parts = {
        "title": html.escape(title),
        "subtitle": _subtitle(explanation),
        "figures": _figures(explanation, found),
        "reading": _reading(found),
        "table": _table(explanation),
        "classes_chart": _chart(lambda dark: class_chart(explanation.classes, dark=dark), "Loss by class"),
        "curve_chart": _chart(lambda dark: curve_chart(explanation.curve, dark=dark), "Loss curve"),
        "data": "null" if found is None else _data(explanation, found),
    }
    return _PLACEHOLDER.sub(lambda found: parts[found[1]], resource.read_text(encoding="utf-8"))


def _subtitle(explanation: Explanation) -> str:
    content, style = explanation.name("content"), explanation.name("style")
    names = [f"content <b>{html.escape(content)}</b>"] if content else []
    names += [f"style <b>{html.escape(style)}</b>"] if style else []
    for number in range(2, len(explanation.result.inputs.styles) + 1):
        further = explanation.name(style_role(number))
        names += [f"style {number} <b>{html.escape(further)}</b>"] if further else []
    height, width = explanation.result.size
    evaluations = explanation.result.evaluations
    work = f"{evaluations} evaluations" if evaluations else "strokes copied"
    names += [f"{width} × {height} pixels", work]
    return " · ".join(names)


def _figures(explanation: Explanation, found: Correspondence | None) -> str:
    inputs, styles = explanation.result.inputs, explanation.styles
    caption = "Style" if len(inputs.styles) == 1 else "Styles, the first on the left"
    result_code = None if found is None else Image.fromarray(result_panel(explanation, found))
    style_code = None if found is None else Image.fromarray(style_panel(explanation))
    figures = [
        _figure("result", "Result", _picture(explanation.result.pixels, inputs.alpha), result_code),
        _figure("style", caption, _picture(styles.picture, styles.alpha), style_code),
    ]
    content = inputs.content
    if content is not None:
        figures.append(_figure("content", "Content", _picture(content, inputs.alpha), None))
    return "\n".join(figures)


def _figure(name: str, caption: str, picture: Image.Image, code: Image.Image | None) -> str:
    layers = f'<img alt="{caption}" src="{_uri(picture)}">'
    if code is not None:
        layers += f'<img class="code" alt="" src="{_uri(code)}">'
    attributes = ""
    if name == "result" and code is not None:
        attributes = (
            ' tabindex="0" role="application" aria-describedby="keys" aria-label="Result: a point that '
            'arrow keys move"'
        )
    return (
        f'<figure><div class="picture" id="{name}"{attributes}>{layers}<i class="field"></i>'
        f'<i class="patch"></i></div><figcaption>{caption}</figcaption></figure>'
    )


def _reading(found: Correspondence | None) -> str:
    if found is None:
        return "<p>The local weight is 0, so no patch was matched with the style.</p>"
    sentences = []
    if found.groups > 1:
        sentences.append(
            f"This scheme has {found.groups} groups of layers. Shown are the matches of the deepest, layer "
            f"{found.layers[-1]}; the losses below are those of all groups."
        )
    if found.crossing_share is None:
        sentences.append("The run had no maps, so there are no classes that a match could leave.")
    else:
        sentences.append(
            f"<b>{found.crossing_share:.1%}</b> of the matches lie in another class than their patch; they "
            f"are hatched in the colour code."
        )
    sentences += [describe_style_shares(found)] if found.style_shares else []
    return f"<p>{' '.join(sentences)}</p>"


def _table(explanation: Explanation) -> str:
    losses = explanation.losses.as_dict()
    divided = (*_DIVIDED, "global") if _is_global_divided(explanation) else _DIVIDED
    rows = "".join(_row(each, losses) for each in explanation.classes)
    others = [f"{term.label} {losses[term.name]:.4g}" for term in TERMS if term.name not in divided]
    total = "" if explanation.result.inputs.semantics is None else _total(explanation)
    global_head = "<th scope='col'>global</th>" if "global" in divided else ""
    undivided = (
        ""
        if "global" in divided
        else "The global term cannot be divided among classes: it compares Gram matrices, which are sums "
        "over all positions, and squares their difference."
    )
    return (
        "<table><thead><tr><th scope='col'>Class</th><th scope='col'>of the picture</th>"
        "<th scope='col'>local</th><th scope='col'>× average</th><th scope='col'>content</th>"
        f"<th scope='col'>× average</th>{global_head}<th scope='col'>matches leaving</th></tr></thead>"
        f"<tbody>{rows}{total}</tbody></table>"
        f"<p>The other terms of the whole picture: {', '.join(others)}; the total is {losses['total']:.4g}. "
        f"{undivided}</p>"
    )


def _is_global_divided(explanation: Explanation) -> bool:
    return any(each.global_part is not None for each in explanation.classes)


def _row(each: ClassLosses, losses: Mapping[str, float]) -> str:
    name = "Whole picture" if each.colour is None else _class_name(each.number, each.colour)
    global_part = "" if each.global_part is None else f"<td>{each.global_part:.4g}</td>"
    return (
        f"<tr><th scope='row'>{name}</th><td>{each.share:.1%}</td>"
        f"<td>{each.local:.4g}</td><td>{_ratio(each.local_mean, losses['local'])}</td>"
        f"<td>{each.content:.4g}</td><td>{_ratio(each.content_mean, losses['content'])}</td>"
        f"{global_part}<td>{_share(each.leaving)}</td></tr>"
    )


def _total(explanation: Explanation) -> str:
    losses = explanation.losses.as_dict()
    global_total = f"<td>{losses['global']:.4g}</td>" if _is_global_divided(explanation) else ""
    return (
        f"<tr class='total'><th scope='row'>Whole picture</th><td></td>"
        f"<td>{losses['local']:.4g}</td><td></td><td>{losses['content']:.4g}</td><td></td>"
        f"{global_total}<td>{_share(_crossing(explanation))}</td></tr>"
    )


def _class_name(number: int, colour: str) -> str:
    return f"<i class='swatch' style='background:{colour}'></i>{number} <code>{colour}</code>"


def _ratio(value: float | None, whole: float) -> str:
    return "–" if value is None or not whole else f"{value / whole:.2f}"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"


def _crossing(explanation: Explanation) -> float | None:
    return None if explanation.correspondence is None else explanation.correspondence.crossing_share


def _chart(draw: Callable[[bool], Image.Image], words: str) -> str:
    return (
        f'<picture><source media="(prefers-color-scheme: dark)" srcset="{_uri(draw(True), "PNG")}">'
        f'<img alt="{words}" src="{_uri(draw(False), "PNG")}"></picture>'
    )


def _data(explanation: Explanation, found: Correspondence) -> str:
    """Return the data of the script; grids as base64 of little-endian numbers, row by row."""
    step = explanation.step
    height, width = explanation.result.size
    style_height, style_width = explanation.styles.size
    semantics = explanation.result.inputs.semantics
    classes = [] if semantics is None else [each.colour_name for each in semantics.classes]
    index = found.index[::step, ::step]
    content_class, matched_class = found.content_class, found.matched_class
    table = {
        "size": [width, height],
        "styleSize": [style_width, style_height],
        "grid": [index.shape[1], index.shape[0]],
        "styleColumns": found.style_shape[1],
        "cell": found.cell,
        "step": step,
        "receptive": receptive_pixels(found.layers[-1]),
        "classes": classes,
        "index": _packed(index.astype("<u4")),
        "contentClass": None if content_class is None else _packed(content_class[::step, ::step]),
        "matchedClass": None if matched_class is None else _packed(matched_class[::step, ::step]),
    }
    return json.dumps(table).replace("<", "\\u003c")


def _packed(grid: npt.NDArray[np.generic]) -> str:
    return base64.b64encode(np.ascontiguousarray(grid).tobytes()).decode("ascii")


def _picture(pixels: Tensor, alpha: Tensor | None) -> Image.Image:
    """Convert (1, 3, H, W), 0..255, over white, to a picture of at most the page's size."""
    stride = max(1, max(pixels.shape[-2:]) // (2 * _LONGEST_SIDE))  # roughly first, to keep memory small
    near = pixels[..., ::stride, ::stride].cpu()
    shown = over_white(near, None if alpha is None else alpha[..., ::stride, ::stride])
    return Image.fromarray(shown[0].permute(1, 2, 0).round().clamp(0, 255).byte().numpy())


def _uri(picture: Image.Image, kind: str | None = None) -> str:
    """Return ``picture`` as a data URI, shrunk to the page's size unless its format ``kind`` is given."""
    if kind is None:
        picture.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE))
        kind = "PNG" if picture.width * picture.height <= _LARGEST_PNG else "JPEG"
    file = io.BytesIO()
    picture.save(file, kind, quality=92)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(file.getvalue()).decode('ascii')}"
