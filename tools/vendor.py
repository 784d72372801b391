"""Fetch what others wrote and the pages or their tests ship: ``python tools/vendor.py``.

Each package comes from the npm registry at a fixed version, is compared with a fixed SHA-256, and leaves a
few files beside its licence. The icons become one file of symbols. Nothing here runs when glstylenet is
installed.
"""

import hashlib
import re
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "src" / "glstylenet" / "studio" / "static" / "vendor"
DEEP_ZOOM = ROOT / "src" / "glstylenet" / "deep_zoom" / "vendor"
TESTS = ROOT / "tests" / "vendor"

ICONS = [
    "brush",
    "eraser",
    "paint-bucket",
    "wand-sparkles",
    "slash",
    "hand",
    "undo-2",
    "redo-2",
    "zoom-in",
    "zoom-out",
    "maximize",
    "save",
    "folder-open",
    "trash-2",
    "play",
    "square",
    "fast-forward",
    "download",
    "copy",
    "history",
    "circle-help",
    "sun-moon",
    "upload",
    "images",
    "x",
    "eye",
    "plus",
    "triangle-alert",
    "check",
    "rotate-ccw",
    "link",
    "arrow-left-right",
    "panel-right-close",
    "panel-right-open",
    "expand",
    "shrink",
    "columns-2",
    "square-split-horizontal",
    "scan-search",
    "file-archive",
    "image-plus",
    "image-down",
    "pause",
    "pencil",
    "lasso",
]


@dataclass(frozen=True)
class Package:
    """One package of the registry and what is kept of it: path inside -> path here."""

    name: str
    version: str
    sha256: str
    files: dict[str, Path]


PACKAGES = (
    Package(
        "uplot",
        "1.6.32",
        "4b8a8191e425658e3ea8c8c1314b0fc679c861ee3a1af2b20c7b16ba50b5133d",
        {
            "dist/uPlot.esm.js": PAGE / "uplot.js",
            "dist/uPlot.min.css": PAGE / "uplot.css",
            "LICENSE": PAGE / "uplot.LICENSE.txt",
        },
    ),
    Package(
        "@preact/signals-core",
        "1.14.5",
        "94c421ac996214c94f532fb4c43d8ede048a16df0cd9538ffb965174dbe8daba",
        {"dist/signals-core.mjs": PAGE / "signals.js", "LICENSE": PAGE / "signals.LICENSE.txt"},
    ),
    Package(
        "idb",
        "8.0.4",
        "569a715333d656d77792476083647eaefeb27b23d18bff226ad42776efb8f08a",
        {"build/index.js": PAGE / "idb.js", "LICENSE": PAGE / "idb.LICENSE.txt"},
    ),
    Package(
        "openseadragon",
        "6.1.1",
        "b4ab2942f33b90e0448e4d20fc5ed14cee049f1f3ae49d70afd4b05e9a2f92d0",
        {
            "build/openseadragon/openseadragon.min.js": DEEP_ZOOM / "openseadragon.js",
            "LICENSE.txt": DEEP_ZOOM / "openseadragon.LICENSE.txt",
        },
    ),
    Package(
        "lucide-static",
        "1.62.0",
        "386f9080c440d6f5049cefe3456ae8357f7a0c7f76e59670cd1cb83bc7050a44",
        {"LICENSE": PAGE / "icons.LICENSE.txt"},
    ),
    Package(
        "axe-core",
        "4.14.1",
        "e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745",
        {
            "axe.min.js": TESTS / "axe.min.js",
            "LICENSE": TESTS / "axe.LICENSE.txt",
            "LICENSE-3RD-PARTY.txt": TESTS / "axe.LICENSE-3RD-PARTY.txt",
        },
    ),
)


def fetch(package: Package, folder: Path) -> tarfile.TarFile:
    """The package's archive, checked."""
    wanted = f"{package.name}@{package.version}"
    subprocess.run(["npm", "pack", "--silent", wanted], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    # npm names the archive of "@scope/name" scope-name.
    archive = folder / f"{package.name.removeprefix('@').replace('/', '-')}-{package.version}.tgz"
    found = hashlib.sha256(archive.read_bytes()).hexdigest()
    if found != package.sha256:
        sys.exit(f"{wanted} has SHA-256 {found}, expected {package.sha256}; nothing of it was kept")
    return tarfile.open(archive)


def member(archive: tarfile.TarFile, name: str) -> bytes:
    """One file of the archive."""
    file = archive.extractfile(f"package/{name}")
    if file is None:
        sys.exit(f"{name} is not a file of the package")
    return file.read()


def symbols(archive: tarfile.TarFile) -> str:
    """The icons as one SVG file, one ``<symbol>`` each."""
    parts = []
    for icon in ICONS:
        text = member(archive, f"icons/{icon}.svg").decode()
        inside = re.sub(r"\s+", " ", re.sub(r"(?s)^.*<svg[^>]*>|</svg>\s*$", "", text)).strip()
        parts.append(
            f'<symbol id="{icon}" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" '
            f'stroke-linecap="round" stroke-linejoin="round">{inside}</symbol>'
        )
    lines = "\n".join(parts)
    return f'<svg xmlns="http://www.w3.org/2000/svg">\n{lines}\n</svg>\n'


def main() -> None:
    """Fetch all packages."""
    with tempfile.TemporaryDirectory() as folder:
        for package in PACKAGES:
            with fetch(package, Path(folder)) as archive:
                for name, place in package.files.items():
                    place.parent.mkdir(parents=True, exist_ok=True)
                    place.write_bytes(member(archive, name))
                if package.name == "lucide-static":
                    (PAGE / "icons.svg").write_text(symbols(archive), encoding="utf-8")


if __name__ == "__main__":
    main()
