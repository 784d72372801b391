"""Sphinx: how ``make docs`` turns the pages of this folder into HTML.

Tables of options and of schemes are generated from the program while a page is read, so they always agree
with it: a line ``<!-- name -->`` in a page is replaced by ``TABLES[name]()``.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from typer.main import get_command

import glstylenet
from glstylenet.cli import app as command_line
from glstylenet.pictures.formats import FORMATS
from glstylenet.pyramid import PAPER_SCHEMES
from glstylenet.settings import GROUPS, Settings, field_help, option_name

project = "glstylenet"
author = "The glstylenet team"
project_copyright = f"2026, {author}"
version = release = glstylenet.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["_build", "gallery/*.md"]
myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3
smartquotes = False  # "--size" must not become a dash

# Docstrings write names in single or double backticks.
default_role = "literal"
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_default_options = {"members": True, "show-inheritance": True}

html_theme = "furo"
html_title = f"glstylenet {release}"


def setup(sphinx: Any) -> None:
    sphinx.connect("source-read", _fill_in)
    sphinx.connect("autodoc-process-docstring", _as_restructured_text)
    sphinx.connect("autodoc-skip-member", _is_machinery)


def setting_tables() -> str:
    """Return every setting, in one table for each group of the command's help."""
    parts = []
    for group in GROUPS:
        fields = [field_help(name) for name in Settings.model_fields]
        rows = [
            (
                f"`{option_name(about.name)}`",
                about.symbol,
                _default(about.default),
                about.limits,
                about.description,
            )
            for about in fields
            if about.group == group
        ]
        parts += [
            f"## {group}",
            "",
            *_table(("option", "symbol", "default", "allowed", "what it does"), rows),
            "",
        ]
    return "\n".join(parts)


def command_tables() -> str:
    """Return every command with those of its options that are not settings."""
    parts = []
    for words, command in commands():
        rows = [
            (", ".join(f"`{name}`" for name in option.opts), option.help.replace("|", "\\|"))
            for option in command.params
            if option.param_type_name == "option" and option.name not in Settings.model_fields
        ]
        arguments = [option for option in command.params if option.param_type_name == "argument"]
        usage = " ".join(["glstylenet", *words, *(argument.metavar for argument in arguments)])
        settings = [option.name for option in command.params if option.name in Settings.model_fields]
        parts += [f"### {' '.join(words)}", "", command.help or "", "", f"`{usage}`", ""]
        parts += [*_table(("option", "what it does"), rows), ""] if rows else []
        if len(settings) == len(Settings.model_fields):
            parts += ["Besides, the settings above.", ""]
        elif settings:
            parts += [f"Besides, {', '.join(f'`{option_name(name)}`' for name in settings)}.", ""]
    return "\n".join(parts)


def scheme_table() -> str:
    """Return the eight schemes for pictures of 512 x 352 with five classes, as in Figure 11."""
    rows = []
    for name, scheme in PAPER_SCHEMES.items():
        layers = " and ".join("+".join(map(str, group)) for group in scheme.groups)
        layers += " apart" if len(scheme.groups) > 1 else ""
        shapes = scheme.shapes((512, 352), classes=5)
        sizes = " + ".join(" x ".join(map(str, shape)) for shape in shapes)
        pixels = sum(height * width * channels for height, width, channels in shapes)
        rows.append((name, layers, sizes, f"{pixels:,}"))
    return "\n".join(_table(("scheme", "layers", "height x width x channels", "numbers in all"), rows))


def format_table() -> str:
    """Every picture format; results are written in those with a longest side."""
    rows = []
    for form in FORMATS:
        limit = "no limit set" if form.longest_side is None else f"{form.longest_side:,}"
        written = (
            "kept" if form.keeps_alpha else "laid over white",
            "yes" if 16 in form.bits else "no",
            limit,
            form.recipe_place,
        )
        rows.append(
            (
                ", ".join(f"`{suffix}`" for suffix in form.suffixes),
                ", ".join(filter(None, (form.name, form.details))),
                *(("", "", "read only", "") if form.encode is None else written),
            )
        )
    head = (
        "suffix",
        "format",
        "transparency",
        "16 bits (`--bits 16`)",
        "longest side",
        "place of the recipe",
    )
    return "\n".join(_table(head, rows))


TABLES: Mapping[str, Callable[[], str]] = {
    "formats": format_table,
    "settings": setting_tables,
    "commands": command_tables,
    "schemes": scheme_table,
}


def commands() -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield each command of the command line, with the words that call it."""
    pending: list[tuple[tuple[str, ...], Any]] = [((), get_command(command_line))]
    while pending:
        words, command = pending.pop(0)
        inner = getattr(command, "commands", None)
        if inner is None:
            yield words, command
        else:
            pending = [((*words, name), each) for name, each in inner.items()] + pending


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    cells = tuple(head)
    lines = [cells, ("---",) * len(cells), *rows]
    return [f"| {' | '.join(line)} |" for line in lines]


def _default(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _fill_in(_sphinx: Any, _page: str, content: list[str]) -> None:
    """Replace each marker of a page with its table; a marker without a table is an error."""
    content[0] = re.sub(
        r"^<!-- (\w+) -->$", lambda marker: TABLES[marker[1]](), content[0], flags=re.MULTILINE
    )


def _as_restructured_text(
    _sphinx: Any, _what: str, _name: str, _thing: object, _options: object, lines: list[str]
) -> None:
    """Keep indented lines of docstrings as they are, and escape signs: docstrings are prose with formulas."""
    result: list[str] = []
    is_literal = False
    for line in lines:
        is_indented = line.startswith((" ", "\t"))
        after_blank = not result or not result[-1].strip()
        if line.strip() and not is_indented:
            is_literal = False
        elif is_indented and after_blank and not is_literal:
            before = next((earlier for earlier in reversed(result) if earlier.strip()), "")
            if not before.endswith("::"):
                result += ["::", ""]
            is_literal = True
        result.append(line if is_literal else _plain_signs(line))
    lines[:] = result


def _plain_signs(line: str) -> str:
    """Escape, outside of literals, bars (substitutions) and the asterisk of ``f(*x)`` (emphasis)."""
    pieces = re.split(r"(``.*?``)", line)
    return "".join(
        each if each.startswith("``") else re.sub(r"\||\*(?=\w+\))", r"\\\g<0>", each) for each in pieces
    )


def _is_machinery(
    _sphinx: Any, _what: str, name: str, _thing: object, skip: bool, _options: object
) -> bool | None:
    """Skip pydantic's own attributes of ``Settings``, which say nothing about this program."""
    return True if skip or name in {"model_config", "model_fields", "model_post_init"} else None
