"""Inputs: the pairs of the experiments, from a folder or from the samples of the package."""

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from glstylenet.errors import InputError
from glstylenet.pictures import picture_suffixes
from glstylenet.samples import sample_file
from glstylenet.settings import Pictures

__all__ = ["LAYOUT", "PUBLISHED", "Cut", "Gathered", "find_pairs", "sample_pairs"]

LAYOUT: Mapping[str, tuple[str, str, str | None, str | None]] = MappingProxyType(
    {
        "portrait": ("portrait/Seth", "portrait/Gogh", "portrait/Seth_sem", "portrait/Gogh_sem"),
        "portrait-reversed": ("portrait/Gogh", "portrait/Seth", "portrait/Gogh_sem", "portrait/Seth_sem"),
        "artistic-1": ("artistic/c1", "artistic/s1", None, None),
        "artistic-2": ("artistic/c2", "artistic/s2", None, None),
        "photorealistic-2": (
            "photorealistic/c2",
            "photorealistic/s2",
            "photorealistic/c2_sem",
            "photorealistic/s2_sem",
        ),
        "photorealistic-3": (
            "photorealistic/c3",
            "photorealistic/s3",
            "photorealistic/c3_sem",
            "photorealistic/s3_sem",
        ),
        "chinese": ("chinese/content", "chinese/style", "chinese/content_sem", "chinese/style_sem"),
        "chinese-detail": (
            "chinese/c_detail",
            "chinese/s1_detail",
            "chinese/c_detail_sem",
            "chinese/s1_detail_sem",
        ),
    }
)
"""Content, style and maps of each pair in the folder of the paper's inputs, without suffixes."""


PUBLISHED: Mapping[str, tuple[str, tuple[int, int, int, int]]] = MappingProxyType(
    {
        "portrait": ("portraits.jpg", (622, 380, 878, 750)),
        "portrait-reversed": ("portraits.jpg", (602, 6, 898, 370)),
        "artistic-1": ("artistic.jpg", (178, 396, 450, 578)),
        "artistic-2": ("artistic.jpg", (474, 396, 654, 578)),
        "photorealistic-2": ("photorealistic.jpg", (478, 430, 784, 630)),
        "photorealistic-3": ("photorealistic.jpg", (814, 432, 1080, 630)),
        "chinese": ("chinese.jpg", (885, 4, 1317, 274)),
        "chinese-detail": ("chinese.jpg", (885, 571, 1317, 841)),
    }
)
"""The authors' own result of each pair: a sheet in the folder ``results``, and its box there (left, top,
right, bottom)."""


@dataclass(frozen=True)
class Cut:
    """`Cut` is a part of the picture ``file``: ``box`` is (left, top, right, bottom) in pixels."""

    file: Path
    box: tuple[int, int, int, int]


@dataclass(frozen=True)
class Gathered:
    """`Gathered` holds the complete ``pairs`` by name.

    ``missing``: for each other pair a sentence why. ``published``: the authors' own results, by pair.
    """

    pairs: Mapping[str, Pictures]
    missing: Mapping[str, str]
    published: Mapping[str, Cut] = field(default_factory=dict)


def find_pairs(folder: Path) -> Gathered:
    """Return the pairs in ``folder``; raise :class:`~glstylenet.errors.InputError` if it is no folder."""
    if not os.path.isdir(folder):
        raise InputError(
            f"{folder}: is no folder; expected one with the paper's inputs, such as portrait/Seth.jpg in it"
        )
    pairs, missing = {}, {}
    for name, stems in LAYOUT.items():
        files = [None if stem is None else _file(folder, stem) for stem in stems]
        lacking = [stem for stem, file in zip(stems, files, strict=True) if stem is not None and file is None]
        content, style, content_map, style_map = files
        if lacking or content is None or style is None:
            missing[name] = f"{folder} holds no picture {', '.join(map(str, lacking))}"
        else:
            pairs[name] = Pictures(content, style, content_map, style_map)
    published = {name: Cut(folder / "results" / sheet, box) for name, (sheet, box) in PUBLISHED.items()}
    there = {name: cut for name, cut in published.items() if os.path.isfile(cut.file)}
    return Gathered(pairs, missing, there)


def sample_pairs(files: contextlib.ExitStack) -> Gathered:
    """Return the shipped samples in place of every pair; the files exist until ``files`` closes."""
    content, style, content_map, style_map = (
        sample_file(name, files) for name in ("content.png", "style.png", "content_map.png", "style_map.png")
    )
    mapped = Pictures(content, style, content_map, style_map)
    plain = Pictures(content, style)
    reverse = Pictures(style, content, style_map, content_map)
    pairs = {name: mapped if stems[2] is not None else plain for name, stems in LAYOUT.items()}
    return Gathered({**pairs, "portrait-reversed": reverse}, {})


def _file(folder: Path, stem: str) -> Path | None:
    places = [folder / f"{stem}{suffix}" for suffix in picture_suffixes()]
    return next((place for place in places if os.path.isfile(place)), None)
