"""Gallery: pictures in rows and columns, with what is known of each."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Gallery", "GalleryItem"]


@dataclass(frozen=True)
class GalleryItem:
    """One picture. ``file``: where it is, ``None`` if there is none, and ``note`` says why.

    ``facts``: what a caption tells, name by value. ``command``: the command line that paints it; empty for
    a picture that was given.
    """

    title: str
    file: Path | None
    note: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    command: str = ""


@dataclass(frozen=True)
class Gallery:
    """``rows`` of items, each as long as ``column_labels``; ``None`` leaves a place empty."""

    title: str
    row_labels: tuple[str, ...]
    column_labels: tuple[str, ...]
    rows: tuple[tuple[GalleryItem | None, ...], ...]
