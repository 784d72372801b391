"""The documents tell the truth: options, commands, modules and every command line they show."""

import re
import runpy
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import pytest
from typer.main import get_command

import glstylenet
import glstylenet.metrics
from glstylenet.bench import literal
from glstylenet.cli import app
from glstylenet.report.grid import make_grid
from glstylenet.settings import PRESETS, Settings, field_help, option_name
from glstylenet.studio.application import make_application
from glstylenet.studio.runner import Runner
from glstylenet.studio.storage import Storage
from tests.test_layering import ORDER

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = {path.name: path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs").glob("*.md"))}
CONF: Mapping[str, Any] = runpy.run_path(str(ROOT / "docs" / "conf.py"))
TABLES: Mapping[str, Callable[[], str]] = CONF["TABLES"]


def _command_lines(text: str) -> list[str]:
    """The lines of the ``sh`` blocks of ``text`` that call glstylenet, continued ones joined."""
    blocks = re.findall(r"^```sh\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [line for line in lines if line.startswith("glstylenet ")]


LINES = [line for text in (README, *PAGES.values()) for line in _command_lines(text)]


def test_there_are_command_lines() -> None:
    assert len(_command_lines(README)) >= 5


@pytest.mark.parametrize("line", LINES)
def test_a_command_line_is_understood(line: str) -> None:
    """Parsed as the program does, and not run."""
    group: Any = get_command(app)
    context = group.make_context("glstylenet", [])
    name, command, words = group.resolve_command(context, shlex.split(line, comments=True)[1:])
    given = command.make_context(name, words, parent=context).params
    settings = {field: given[field] for field in Settings.model_fields if given.get(field) is not None}
    if name == "sweep":
        weights = [tuple(map(float, each.split(","))) for each in given.get("style_weights") or ()]
        assert make_grid(settings, {}, preset=given.get("preset"), style_weights=weights).cells
        return
    Settings(**settings)
    assert given.get("preset") in {None, *PRESETS}


def test_readme_uses_every_preset() -> None:
    for name in PRESETS:
        assert f"--preset {name}" in README


def test_readme_names_every_command() -> None:
    for words, _command in CONF["commands"]():
        assert f"glstylenet {words[0]}" in README
        assert words[-1] in README


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_every_setting_is_in_the_table_of_options(name: str) -> None:
    [row] = [row for row in TABLES["settings"]().splitlines() if row.startswith(f"| `{option_name(name)}` |")]
    assert field_help(name).description in row


def test_every_table_is_used() -> None:
    used = re.findall(r"^<!-- (\w+) -->$", "\n".join(PAGES.values()), flags=re.MULTILINE)
    assert sorted(used) == sorted(TABLES)


def test_options_that_are_named_exist() -> None:
    known = {name for _, command in CONF["commands"]() for option in command.params for name in option.opts}
    known |= {"--help", "--version", "--install-completion"}
    of_others = {"--index-url", "--class-num"}
    of_others |= {"--protocol", "--port", "--nthreads", "--nworkers", "--memory-limit"}  # dask's
    for page, text in {"README.md": README, **PAGES}.items():
        named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*[a-z]", text))
        assert named <= known | of_others, f"{page}: {sorted(named - known - of_others)}"


def test_the_api_page_has_what_is_public_and_nothing_else() -> None:
    page = PAGES["api.md"]
    shown = set(re.findall(r"auto(?:class|function|data):: glstylenet\.(\w+)$", page, flags=re.MULTILINE))
    assert shown == set(glstylenet.__all__) - {"GLStyleNetError", "__version__"}  # the errors are a module
    modules = set(re.findall(r"automodule:: glstylenet\.([\w.]+)", page))
    assert modules == {"errors", "events"}
    metrics = set(re.findall(r"auto\w+:: glstylenet\.metrics\.(\w+)$", page, flags=re.MULTILINE))
    assert metrics == set(glstylenet.metrics.__all__) - {"require_scikit_image"}


def test_the_architecture_page_has_the_order_of_the_packages() -> None:
    listed = re.findall(r"^\d+\. `(\w+)`: [a-zA-Z`]", PAGES["architecture.md"], flags=re.MULTILINE)
    assert tuple(listed) == ORDER


def test_files_that_are_named_exist() -> None:
    roots = (ROOT, ROOT / "src" / "glstylenet")
    pages = {"README.md": README, **PAGES}
    named = {
        (page, name)
        for page, text in pages.items()
        for name in re.findall(r"(?<![\w/<>-])(?:[a-z_]+/)+[a-z_0-9]+\.(?:py|js|html)\b", text)
    }
    named |= {(page, name) for page, text in pages.items() for name in re.findall(r"`((?:[a-z_]+/)+)`", text)}
    written_by_runs = {"report/index.html", "photos/", "pictures/", "checkpoint/", "results/"}
    assert len(named) > 60
    missing = {
        (page, name)
        for page, name in named
        if name not in written_by_runs and not any((root / name).exists() for root in roots)
    }
    assert not missing


def test_functions_of_the_literal_method_that_are_named_exist() -> None:
    """The walk through ``bench/literal.py`` names its functions in a table of three columns."""
    rows = re.findall(r"^\| (?:Eq|mini).*", PAGES["architecture.md"], flags=re.MULTILINE)
    assert len(rows) == 8
    for row in rows:
        for name in re.findall(r"`(\w+(?:\.\w+)*)`", row.split("|")[2]):
            thing: Any = literal
            for part in name.split("."):
                thing = getattr(thing, part)


def test_notes_of_trials_are_in_the_notebook() -> None:
    """Comments point to measurements; those are in the notebook, not on the page for users."""
    sources = (ROOT / "src" / "glstylenet").rglob("*.py")
    assert [path.name for path in sources if "docs/performance.md" in path.read_text(encoding="utf-8")] == []


def test_every_dependency_has_its_reason() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    lists = re.findall(
        r"^(?:dependencies|report|maps|giant|studio|dev|docs) = \[(.*?)\]$",
        project,
        flags=re.MULTILINE | re.DOTALL,
    )
    names = re.findall(r'"([\w-]+)', "".join(lists))
    assert len(names) > 15
    cells = re.findall(r"^\| ([\w, -]+) \| ", PAGES["dependencies.md"], flags=re.MULTILINE)
    assert set(names) == {name for cell in cells for name in cell.split(", ")} - {"package"}


def test_changelog_knows_the_version() -> None:
    assert f"## {glstylenet.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_local_links_and_pictures_are_there() -> None:
    pages = {ROOT / "README.md": README, **{ROOT / "docs" / name: text for name, text in PAGES.items()}}
    found = [
        (page, target)
        for page, text in pages.items()
        for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", text)
    ]
    assert found
    assert [(page.name, target) for page, target in found if not (page.parent / target).exists()] == []


def test_every_route_of_the_studio_is_described() -> None:
    application = make_application(cast(Storage, None), cast(Runner, None), {})
    for path in application.openapi()["paths"]:
        assert re.search(rf"`(GET|POST|DELETE) {re.escape(path)}[`?]", PAGES["studio.md"]), path


@pytest.mark.parametrize("name", sorted(TABLES))
def test_every_table_of_the_documentation_can_be_made(name: str) -> None:
    assert TABLES[name]()
