"""Page: reports as one HTML file that needs no network and no other file.

Pictures are embedded; a large one is embedded smaller, and linked at its full size. The template engine
escapes everything that comes from a user.
"""

import base64
import io
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup
from PIL import Image

__all__ = ["embedded", "render"]

_LONGEST = 1600
"""Longest side of an embedded picture, in pixels."""


def render(template: str, facts: Mapping[str, object]) -> str:
    """Fill the page ``template`` (a file in ``templates``) with ``facts`` and return its HTML.

    Templates can also use ``embedded(path)``, and the ``style`` and ``script`` that all pages share.
    """
    return _environment().get_template(template).render(facts)


def embedded(file: Path) -> str:
    """Return a picture as a ``data:`` address: a small file unchanged, a large picture shrunk."""
    with Image.open(file) as image:
        if (
            max(image.size) <= _LONGEST
            and image.format in ("PNG", "JPEG", "WEBP")
            and file.stat().st_size < 2**21
        ):
            kind = {"PNG": "png", "JPEG": "jpeg", "WEBP": "webp"}[image.format]
            return _address(kind, file.read_bytes())
        shown = image.convert("RGB")
    shown.thumbnail((_LONGEST, _LONGEST), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    shown.save(buffer, "JPEG", quality=92, subsampling=0)
    return _address("jpeg", buffer.getvalue())


def _address(kind: str, data: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("glstylenet.report"),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    folder = files("glstylenet.report") / "templates"
    # Our own files, and the only text that is not escaped.
    environment.globals["style"] = Markup((folder / "page.css").read_text(encoding="utf-8"))
    environment.globals["script"] = Markup((folder / "page.js").read_text(encoding="utf-8"))
    environment.globals["embedded"] = embedded
    return environment
