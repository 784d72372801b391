"""Paint the README's gallery: kinds of pictures, most at three qualities, with the seconds they take.

`make gallery` runs it. Every picture is painted by the command that a user would type, in a process of its
own; the seconds are those of the whole command. The sheets are JPEG files in ``docs/pictures``.
"""

import itertools
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from glstylenet.report import Gallery, GalleryItem, draw_sheet

ROOT = Path(__file__).resolve().parents[1]
PICTURES = ROOT / "docs" / "pictures"
SAMPLES = ROOT / "src" / "glstylenet" / "samples"
INPUTS = ROOT / "docs" / "gallery"
QUALITIES = ("preview", "standard", "fine")
MOST_BYTES = 1_000_000
"""What all sheets together may have."""


@dataclass(frozen=True)
class Subject:
    """`Subject` is a picture of the gallery: ``maps`` are of the content and of the style.

    A doodle has no ``content``, only maps. ``further`` are the styles after the first. ``variants`` are
    further options, each of them painted at every quality.
    """

    name: str
    content: Path | None
    style: Path
    options: tuple[str, ...]
    maps: tuple[Path, Path] | None = None
    further: tuple[Path, ...] = ()
    qualities: tuple[str, ...] = QUALITIES
    variants: tuple[tuple[str, ...], ...] = ((),)


SUBJECTS = (
    Subject(
        "portrait",
        SAMPLES / "content.png",
        SAMPLES / "style.png",
        ("--preset", "portrait"),
        (SAMPLES / "content_map.png", SAMPLES / "style_map.png"),
    ),
    Subject(
        "doodle",
        None,
        INPUTS / "landscape-style.jpg",
        (),
        (INPUTS / "doodle.png", INPUTS / "landscape-style-map.png"),
    ),
    Subject("landscape", INPUTS / "landscape.jpg", INPUTS / "landscape-style.jpg", ("--preset", "artistic")),
    Subject(
        "photograph",
        INPUTS / "photograph.jpg",
        INPUTS / "photograph-style.jpg",
        ("--preset", "photorealistic"),
        (INPUTS / "photograph-map.png", INPUTS / "photograph-style-map.png"),
    ),
    Subject(
        "styles",
        SAMPLES / "content.png",
        SAMPLES / "style.png",
        ("--preset", "portrait", "--region", "red=2", "--style-weights", "1,0"),
        (SAMPLES / "content_map.png", SAMPLES / "style_map.png"),
        (INPUTS / "landscape-style.jpg",),
        ("standard",),
    ),
    Subject(
        "colours",
        INPUTS / "landscape.jpg",
        INPUTS / "landscape-style.jpg",
        ("--preset", "artistic"),
        qualities=("draft",),
        variants=tuple(("--colours", colours) for colours in ("style", "keep", "match")),
    ),
)


def main() -> None:
    """Paint all subjects, or those named on the command line, and write a sheet of each."""
    wanted = sys.argv[1:] or [subject.name for subject in SUBJECTS]
    with tempfile.TemporaryDirectory() as folder:
        for subject in SUBJECTS:
            if subject.name in wanted:
                _write_sheet(subject, _row(subject, Path(folder)))
    total = sum(_sheet(subject.name).stat().st_size for subject in SUBJECTS if _sheet(subject.name).exists())
    print(f"{total} bytes in all")
    if total > MOST_BYTES:
        raise SystemExit(f"the sheets have {total} bytes, expected at most {MOST_BYTES}; lower their quality")


def _row(subject: Subject, folder: Path) -> tuple[GalleryItem, ...]:
    """Paint a subject at each quality; return its inputs and its results."""
    pictures = [subject.style] if subject.content is None else [subject.content, subject.style]
    maps = subject.maps or ()
    options = [*subject.options]
    for option, path in zip(("--content-map", "--style-map"), maps, strict=False):
        options += [option, str(path)]
    for path in subject.further:
        options += ["--add-style", str(path)]
    items = [GalleryItem("content", pictures[0])] if subject.content else [GalleryItem("map", *maps[:1])]
    items.append(GalleryItem("style", subject.style))
    items += [GalleryItem(f"style {number}", path) for number, path in enumerate(subject.further, start=2)]
    for more, quality in itertools.product(subject.variants, subject.qualities):
        title = " ".join(more) or quality
        result = folder / f"{subject.name}-{title.replace(' ', '-')}.png"
        command = ["stylize", *map(str, pictures), *options, *more, "--quality", quality]
        began = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "glstylenet", *command, "--output", str(result), "--quiet"], check=True
        )
        seconds = time.perf_counter() - began
        print(f"{subject.name}, {title}: {seconds:.0f} s", flush=True)
        items.append(GalleryItem(title, result, facts={} if more else {title: f"{seconds:.0f} s"}))
    return tuple(items)


def _write_sheet(subject: Subject, row: tuple[GalleryItem, ...]) -> None:
    gallery = Gallery("", ("",), tuple(item.title for item in row), (row,))
    pixels = draw_sheet(gallery)[0].permute(1, 2, 0).round().byte().numpy()
    Image.fromarray(pixels).save(_sheet(subject.name), quality=85, optimize=True)


def _sheet(name: str) -> Path:
    return PICTURES / f"gallery-{name}.jpg"


if __name__ == "__main__":
    main()
