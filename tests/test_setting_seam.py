"""A new setting is one entry in one themed file: everything that shows, reads or records settings follows.

The test declares a toy setting in a copy of the package, as a developer would, edits nothing else, and starts
the program from there.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import glstylenet
from glstylenet.settings.model import GROUPS, Settings
from glstylenet.settings.smoothness import SmoothnessSettings

pytestmark = pytest.mark.long  # one program is started for all

ROOT = Path(__file__).parent.parent
ENTRY = """
    toy_grain: float = setting(
        0.25, "how much of the toy there is", symbol="tau", effect="more of the toy", ge=0, le=2
    )
"""
PROBE = """
import io, json, runpy, sys
from contextlib import redirect_stdout
from pathlib import Path

from PIL import Image

import glstylenet
from glstylenet.cli import main
from glstylenet.errors import GLStyleNetError
from glstylenet.pictures import read_recipe
from glstylenet.report import make_grid
from glstylenet.run import parse_recipe
from glstylenet.settings import Pictures, Settings, command_line, field_help, read_config
from glstylenet.studio.setting_schema import page_schema

found = {"fields": list(Settings.model_fields)}
help_text = io.StringIO()
with redirect_stdout(help_text):
    main(["stylize", "--help"])
found["help"] = " ".join(help_text.getvalue().split())
about = field_help("toy_grain")
found["field_help"] = [about.group, about.symbol, about.description, about.default, about.limits]
Path("config.toml").write_text("toy_grain = 1.5")
found["config"] = Settings(**read_config("config.toml")).toy_grain
try:
    Settings(toy_grain=3)
except GLStyleNetError as error:
    found["error"] = str(error)
tables = runpy.run_path(sys.argv[1])["TABLES"]
found["docs"] = [row for row in tables["settings"]().splitlines() if "--toy-grain" in row]
schema = page_schema(upload_bytes=1, max_pixels=1)["settings"]
found["studio"] = [each for each in schema if each["name"] == "toy_grain"]
pictures = Pictures(Path("a.png"), Path("b.png"))
found["command"] = command_line(pictures, Settings(toy_grain=0.5), "c.png")
found["sweep"] = [cell.settings.toy_grain for cell in make_grid({"toy_grain": "0,1,2"}, {}).cells]

for name, shade in (("a.png", 50), ("b.png", 200)):
    Image.new("RGB", (40, 36), (shade, 100, 50)).save(name)
words = "stylize a.png b.png -o c.png --iterations 1 --device cpu --quiet --toy-grain 0.75"
assert main(words.split()) == 0
recipe = read_recipe(Path("c.png"))
found["recipe"] = [json.loads(recipe)["settings"]["toy_grain"], parse_recipe(recipe).settings.toy_grain]

settings = Settings(iterations=4, device="cpu", precision="float32")
steps = []
glstylenet.stylize(
    "a.png", "b.png", settings=settings, checkpoint=Path("state"), on_event=steps.append,
    should_stop=lambda: any(type(event).__name__ == "Step" for event in steps),
)
try:
    glstylenet.stylize(
        "a.png", "b.png", settings=settings.replace(toy_grain=2), checkpoint=Path("state"), resume=True
    )
except GLStyleNetError as error:
    found["checkpoint"] = str(error)
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the program says and does once its smoothness theme has one more entry."""
    folder = tmp_path_factory.mktemp("seam")
    package = folder / "src" / "glstylenet"
    shutil.copytree(Path(glstylenet.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    with (package / "settings" / "smoothness.py").open("a", encoding="utf-8") as theme:
        theme.write(ENTRY)
    done = subprocess.run(
        [sys.executable, "-c", PROBE, str(ROOT / "docs" / "conf.py")],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder / "src"), "COLUMNS": "400", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def test_it_stands_beside_its_theme(found: dict[str, Any]) -> None:
    fields = list(Settings.model_fields)
    after = fields.index("smoothness") + 1
    assert found["fields"] == [*fields[:after], "toy_grain", *fields[after:]]
    assert SmoothnessSettings.group in GROUPS


def test_it_has_help_with_its_range(found: dict[str, Any]) -> None:
    assert found["field_help"] == [
        SmoothnessSettings.group,
        "tau",
        "how much of the toy there is",
        0.25,
        "at least 0, at most 2",
    ]
    assert (
        "--toy-grain NUMBER how much of the toy there is (tau; default 0.25; at least 0, at most 2)"
        in (found["help"])
    )


def test_its_values_are_checked_in_our_words(found: dict[str, Any]) -> None:
    assert found["error"].startswith("toy_grain is 3: ")
    assert found["error"].endswith("allowed: at least 0, at most 2")


def test_the_config_file_knows_it(found: dict[str, Any]) -> None:
    assert found["config"] == 1.5


def test_the_documentation_shows_it(found: dict[str, Any]) -> None:
    [row] = found["docs"]
    assert row == "| `--toy-grain` | tau | 0.25 | at least 0, at most 2 | how much of the toy there is |"


def test_the_studio_offers_it(found: dict[str, Any]) -> None:
    [entry] = found["studio"]
    assert entry == {
        "name": "toy_grain",
        "group": SmoothnessSettings.group,
        "symbol": "tau",
        "description": "how much of the toy there is",
        "default": 0.25,
        "minimum": 0,
        "excludes_minimum": False,
        "maximum": 2,
        "choices": None,
        "kind": "float",
        "effect": "more of the toy",
    }


def test_commands_and_sweeps_use_it(found: dict[str, Any]) -> None:
    assert found["command"] == "glstylenet stylize a.png b.png -o c.png --toy-grain 0.5"
    assert found["sweep"] == [0, 1, 2]


def test_a_run_records_it(found: dict[str, Any]) -> None:
    assert found["recipe"] == [0.75, 0.75]
    assert "toy_grain is 2.0, it was 0.25" in found["checkpoint"]
