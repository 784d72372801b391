"""Gallery: pictures in rows and columns, with facts about each."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Gallery", "GalleryItem"]


@dataclass(frozen=True)
class GalleryItem:
    """`GalleryItem` is one picture with its caption.

    ``file``: ``None`` if there is no picture; then ``note`` says why. ``facts``: names and values for the
    caption. ``command``: the command line that paints it; empty for an input.
    """

    title: str
    file: Path | None
    note: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    command: str = ""


@dataclass(frozen=True)
class Gallery:
    """`Gallery` holds ``rows`` of items, each as long as ``column_labels``; ``None`` is an empty place."""

    title: str
    row_labels: tuple[str, ...]
    column_labels: tuple[str, ...]
    rows: tuple[tuple[GalleryItem | None, ...], ...]
