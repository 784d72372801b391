"""Page: an explanation as one HTML file that works from disk and asks no server for anything.

Words and numbers are put into ``page.html``; whatever a user could have named is escaped. Scripts get their
data as JSON in which no tag can begin.
"""

import base64
import html
import importlib.resources
import io
import json
import re
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PIL import Image
from torch import Tensor

from glstylenet.explain.charts import class_chart, curve_chart
from glstylenet.explain.class_losses import ClassLosses
from glstylenet.explain.correspondence import Correspondence, receptive_pixels
from glstylenet.explain.explanation import Explanation
from glstylenet.explain.panels import result_panel, style_panel

__all__ = ["explanation_page"]

_LONGEST_SIDE = 1200
"""Pixels of a picture in the page."""
_LARGEST_PNG = 250_000
"""Pixels above which a picture in the page is a JPEG."""
_HOLE = re.compile(r"\{\{(\w+)\}\}")


def explanation_page(explanation: Explanation, title: str) -> str:
    """The page of ``explanation``, named ``title``."""
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
    return _HOLE.sub(lambda hole: parts[hole[1]], resource.read_text(encoding="utf-8"))


def _subtitle(explanation: Explanation) -> str:
    content, style = explanation.name("content"), explanation.name("style")
    names = [f"content <b>{html.escape(content)}</b>"] if content else []
    names += [f"style <b>{html.escape(style)}</b>"] if style else []
    height, width = explanation.result.size
    names += [f"{width} × {height} pixels", f"{explanation.result.evaluations} evaluations"]
    return " · ".join(names)


def _figures(explanation: Explanation, found: Correspondence | None) -> str:
    inputs = explanation.result.inputs
    result_code = None if found is None else Image.fromarray(result_panel(explanation, found))
    style_code = None if found is None else Image.fromarray(style_panel(explanation))
    figures = [
        _figure("result", "Result", _picture(explanation.result.pixels), result_code),
        _figure("style", "Style", _picture(inputs.style), style_code),
    ]
    content = inputs.content
    if content is not None:
        figures.append(_figure("content", "Content", _picture(content), None))
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
        return (
            "<p>The local weight is 0: nothing was matched, so no place of the style painted any other.</p>"
        )
    sentences = []
    if found.groups > 1:
        sentences.append(
            f"This scheme keeps {found.groups} groups of layers apart. Shown are the matches of the deepest, "
            f"layer {found.layers[-1]}; the losses below are those of all groups."
        )
    if found.crossing_share is None:
        sentences.append("The run had no maps, so there are no classes that a match could leave.")
    else:
        sentences.append(
            f"<b>{found.crossing_share:.1%}</b> of the matches lie in another class than the position they "
            f"paint; they are hatched in the colour code."
        )
    return f"<p>{' '.join(sentences)}</p>"


def _table(explanation: Explanation) -> str:
    losses, classes = explanation.losses, explanation.classes
    rows = "".join(_row(each, losses["local"], losses["content"]) for each in classes)
    total = "" if explanation.result.inputs.semantics is None else _total(explanation)
    return (
        "<table><thead><tr><th scope='col'>Class</th><th scope='col'>of the picture</th>"
        "<th scope='col'>local</th><th scope='col'>× average</th><th scope='col'>content</th>"
        "<th scope='col'>× average</th><th scope='col'>matches leaving</th></tr></thead>"
        f"<tbody>{rows}{total}</tbody></table>"
        f"<p>Global term {losses['global']:.4g}, smoothness {losses['smoothness']:.4g}, total "
        f"{losses.total:.4g}. The global term is told for the whole picture only: it compares Gram matrices, "
        f"sums over all positions, whose difference is squared only afterwards; no class has a part in that "
        f"which is its own.</p>"
    )


def _row(each: ClassLosses, local: float, content: float) -> str:
    name = "Whole picture" if each.colour is None else _class_name(each.number, each.colour)
    return (
        f"<tr><th scope='row'>{name}</th><td>{each.share:.1%}</td>"
        f"<td>{each.local:.4g}</td><td>{_ratio(each.local_mean, local)}</td>"
        f"<td>{each.content:.4g}</td><td>{_ratio(each.content_mean, content)}</td>"
        f"<td>{_share(each.leaving)}</td></tr>"
    )


def _total(explanation: Explanation) -> str:
    losses = explanation.losses
    return (
        f"<tr class='total'><th scope='row'>Whole picture</th><td></td><td>{losses['local']:.4g}</td><td></td>"
        f"<td>{losses['content']:.4g}</td><td></td><td>{_share(_crossing(explanation))}</td></tr>"
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
    """What the script needs; grids as base64 of little-endian numbers, row by row."""
    step = explanation.step
    height, width = explanation.result.size
    style_height, style_width = explanation.result.inputs.style_size
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
        "sees": receptive_pixels(found.layers[-1]),
        "classes": classes,
        "index": _packed(index.astype("<u4")),
        "contentClass": None if content_class is None else _packed(content_class[::step, ::step]),
        "matchedClass": None if matched_class is None else _packed(matched_class[::step, ::step]),
    }
    return json.dumps(table).replace("<", "\\u003c")


def _packed(grid: npt.NDArray[np.generic]) -> str:
    return base64.b64encode(np.ascontiguousarray(grid).tobytes()).decode("ascii")


def _picture(pixels: Tensor) -> Image.Image:
    """(1, 3, H, W), 0..255, as a picture of at most the page's size."""
    stride = max(1, max(pixels.shape[-2:]) // (2 * _LONGEST_SIDE))  # roughly first, to keep memory small
    near = pixels[0, :, ::stride, ::stride].permute(1, 2, 0).round().clamp(0, 255)
    return Image.fromarray(near.byte().cpu().numpy())


def _uri(picture: Image.Image, kind: str | None = None) -> str:
    """``picture`` as a data URI, at most of the page's size."""
    if kind is None:
        picture.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE))
        kind = "PNG" if picture.width * picture.height <= _LARGEST_PNG else "JPEG"
    file = io.BytesIO()
    picture.save(file, kind, quality=92)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(file.getvalue()).decode('ascii')}"
