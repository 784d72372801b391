"""Folder: an explanation as files, all of them or none."""

import json
from collections.abc import Iterable
from pathlib import Path

from PIL import Image

from glstylenet.explain.charts import class_chart, curve_chart
from glstylenet.explain.explanation import Explanation
from glstylenet.explain.page import explanation_page
from glstylenet.explain.panels import correspondence_sheet
from glstylenet.files import check_whole_folder, claim_output, replacing_folder

__all__ = ["FILES", "check_folder", "explanation_folder", "write_explanation"]

FILES = ("correspondence.png", "classes.png", "curve.png", "explanation.json", "index.html")
"""The files of an explanation; the first is missing where nothing was matched."""


def explanation_folder(output: Path) -> Path:
    """Return the folder for the explanation of ``output``.

    >>> explanation_folder(Path("out/portrait.png")).as_posix()
    'out/portrait.explain'
    """
    return output.with_name(f"{output.stem}.explain")


def check_folder(folder: Path, *, overwrite: bool, inputs: Iterable[Path] = ()) -> None:
    """Raise :class:`~glstylenet.errors.OutputError` if an explanation cannot be written to ``folder``.

    With ``overwrite`` an earlier explanation may be replaced, but neither a folder with other files nor one
    with one of the ``inputs``. To be called before anything is computed.
    """
    check_whole_folder(
        folder, holds="explanation", is_own=FILES.__contains__, overwrite=overwrite, inputs=inputs
    )


def write_explanation(explanation: Explanation, folder: Path, *, overwrite: bool = False) -> None:
    """Write all files of ``explanation``; ``folder`` is created, or replaced, when they are complete.

    Raises :class:`~glstylenet.errors.OutputError` if that fails, or as :func:`check_folder` does. An earlier
    explanation is then unchanged.
    """
    with claim_output(folder):
        check_folder(folder, overwrite=overwrite)
        with replacing_folder(folder, overwrite=overwrite) as new:
            _write_files(explanation, new, title=folder.stem)


def _write_files(explanation: Explanation, folder: Path, *, title: str) -> None:
    found = explanation.correspondence
    if found is not None:
        _save(correspondence_sheet(explanation, found), folder / "correspondence.png")
    _save(class_chart(explanation.classes), folder / "classes.png")
    _save(curve_chart(explanation.curve), folder / "curve.png")
    text = json.dumps(explanation.as_dict(), separators=(",", ":"))
    (folder / "explanation.json").write_text(text + "\n", encoding="utf-8")
    page = explanation_page(explanation, title)
    (folder / "index.html").write_text(page, encoding="utf-8", errors="backslashreplace")


def _save(picture: Image.Image, path: Path) -> None:
    picture.save(path, "PNG", optimize=False)
