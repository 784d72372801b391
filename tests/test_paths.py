"""Paths of the command line: whatever is wrong with a name, the message is ours and the code is 3 or 5."""

import inspect
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import typer
from PIL import Image

from glstylenet.cli import app, main, painting
from glstylenet.cli.jobs import BatchPlan
from glstylenet.cli.paths import input_path, output_path
from glstylenet.errors import BatchError, InputError, OutputError, UsageError
from glstylenet.files.file_set import FileSet
from glstylenet.files.status import status_of
from glstylenet.settings.model import Settings, field_help
from tests.long_cases import rest_is_long

BAD_NAMES = {
    "too long": "x" * 300 + ".png",
    "long folder": "x" * 300 + "/a.png",
    "circle of links": "circle.png",
    "folder that is a circle": "circle.png/a.png",
    "NUL": "nul\0.png",
    "half a surrogate": "half\ud800.png",
    "pipe": "pipe.png",
    "device": "/dev/zero",
    "locked folder": "locked/a.png",
}

CALLS: dict[str, Sequence[str]] = {
    "stylize": ["content.png", "style.png", "-o", "out.png"],
    "loss": ["content.png", "content.png", "style.png"],
    "evaluate": ["content.png", "content.png", "style.png"],
    "maps check": ["content.png", "style.png"],
    "maps propose": ["content.png", "style.png", "-o", "proposed"],
    "maps snap": ["content.png", "style.png", "-o", "out.png"],
    "demo": [],
    "weights info": [],
    "weights verify": [],
    "weights fetch": [],
    "bench": ["--content", "content.png", "--style", "style.png"],
    "sweep": ["content.png", "style.png", "-o", "swept", "--local-weight", "1,2"],
    "giant": ["content.png", "style.png", "-o", "giant.tif"],
    "tune": ["content.png", "style.png", "-o", "tuned"],
    "reproduce": ["fig8", "-o", "reproduced"],
    "studio": [],
    "doctor": [],
}
"""A call of every command that would be right."""

PLACES = {
    "stylize": 2,
    "giant": 2,
    "loss": 3,
    "evaluate": 3,
    "maps check": 2,
    "maps propose": 2,
    "maps snap": 2,
    "sweep": 2,
    "tune": 2,
}
"""The number of pictures at the beginning of a call."""


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("desk")
    for number, name in enumerate(("content.png", "style.png")):
        values = np.random.default_rng(number).integers(0, 256, (40, 36, 3), dtype=np.uint8)
        Image.fromarray(values).save(folder / name)
    (folder / "circle.png").symlink_to("circle.png")
    os.mkfifo(folder / "pipe.png")
    (folder / "locked").mkdir()
    (folder / "locked" / "a.png").write_bytes((folder / "content.png").read_bytes())
    return folder


@pytest.fixture
def locked(monkeypatch: pytest.MonkeyPatch, desk: Path) -> None:
    """The system refuses to search the folder ``locked``, even for root."""
    monkeypatch.chdir(desk)

    def guard(function: Any) -> Any:
        def guarded(path: Any, *arguments: Any, **options: Any) -> Any:
            if isinstance(path, str | os.PathLike) and str(path).startswith("locked" + os.sep):
                raise PermissionError(13, "Permission denied", str(path))
            return function(path, *arguments, **options)

        return guarded

    for name in ("stat", "lstat", "open", "mkdir"):
        monkeypatch.setattr(os, name, guard(getattr(os, name)))


@dataclass(frozen=True)
class Parameter:
    """An argument or option of a command: its type, and what typer is told about it."""

    name: str
    annotation: object
    info: Any

    @property
    def is_option(self) -> bool:
        return isinstance(self.info, typer.models.OptionInfo)

    @property
    def option(self) -> str:
        # In an annotation, typer takes the first name for the default, until it builds the command.
        names = [str(word) for word in (self.info.default, *self.info.param_decls)]
        return next(name for name in names if name.startswith("--"))

    @property
    def takes(self) -> set[object]:
        """The types of its value, without ``None`` and without ``list``."""
        kinds = {*get_args(self.annotation)} or {self.annotation}
        return {*chain.from_iterable(get_args(kind) or [kind] for kind in kinds)} - {type(None)}


def commands() -> Iterator[tuple[str, list[Parameter]]]:
    groups: list[tuple[str, Any]] = [("", app)]
    groups += [(f"{group.name} ", group.typer_instance) for group in app.registered_groups]
    for prefix, group in groups:
        for command in group.registered_commands:
            given = inspect.signature(command.callback).parameters.values()
            parts = [(each.name, get_args(each.annotation)) for each in given]
            yield f"{prefix}{command.name}", [Parameter(name, kind, info) for name, (kind, info) in parts]


def test_every_command_has_a_call_here() -> None:
    assert {name for name, _parameters in commands()} == set(CALLS)


def test_every_path_of_a_command_is_looked_at() -> None:
    unchecked = {
        f"{name} {parameter.name}"
        for name, parameters in commands()
        for parameter in parameters
        if parameter.info.parser is None and parameter.takes & {Path, str}
    }
    texts = {*Settings.model_fields, "preset", "quota", "token", "host", "figures", "scheduler"}
    texts |= {"style_weights", "region"}  # numbers and classes
    # A batch goes on past a bad content, "made/" is a folder by its last letter, and "none" is no map:
    # these stay text.
    assert {each for each in unchecked if each.split()[-1] not in texts} == {
        "stylize pictures",
        "stylize output",
        "stylize add_style_map",
        "giant add_style_map",
        "loss add_style_map",
        "evaluate add_style_map",
        "maps check add_style_map",
        "sweep add_style_map",
    }


@pytest.mark.parametrize(
    "kind", rest_is_long(["too long", "pipe"], short=1)
)  # all of them go through the same two functions
@pytest.mark.usefixtures("locked")
def test_a_bad_name_is_refused_with_3_or_5_wherever_a_path_is_taken(
    kind: str, capfd: pytest.CaptureFixture[str]
) -> None:
    bad = BAD_NAMES[kind]
    tried = 0
    for name, parameters in commands():
        for parameter in parameters:
            check = parameter.info.parser
            is_output = check is output_path or (name, parameter.name) == ("stylize", "output")
            if parameter.is_option and (check is not None or is_output):
                words = [*CALLS[name], parameter.option, bad]
                expect(name, words, 5 if is_output else 3, capfd)
                tried += 1
        count = PLACES.get(name, 0)
        for place in range(count):
            words = list(CALLS[name])
            words[place] = bad
            expect(name, words, 3, capfd)
            tried += 1
    assert tried > 30


@pytest.mark.usefixtures("locked")
@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("stylize locked style.png -o out/", 3),
        ("stylize locked content.png style.png -o out", 7),
        ("stylize content.png style.png -o locked", 5),
        ("stylize content.png style.png -o out.png --content-map locked --style-map style.png", 3),
        ("sweep content.png style.png -o locked --local-weight 1,2", 5),
        ("reproduce fig8 -o locked", 5),
        ("reproduce fig8 -o reproduced --inputs locked", 7),
    ],
)
def test_a_folder_that_may_be_listed_but_not_searched(
    words: str, code: int, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(painting, "check_outputs", refuse_to_paint)
    assert main(words.split()) == code, capfd.readouterr().err
    error = capfd.readouterr().err
    assert "internal error" not in error
    assert "computed" not in error


def refuse_to_paint(plan: BatchPlan, *_options: object) -> None:
    """Raise what a batch ends with, if a picture was refused before anything is computed."""
    raise BatchError(str(plan.refused[0].error)) if plan.refused else AssertionError("computed")


def expect(name: str, words: Sequence[str], code: int, capfd: pytest.CaptureFixture[str]) -> None:
    call = [*name.split(), *words]
    found = main(call)
    error = capfd.readouterr().err
    assert found == code, (call, error)
    assert error.startswith("glstylenet: ")
    assert "internal error" not in error


@pytest.mark.parametrize("kind", BAD_NAMES)
@pytest.mark.parametrize(
    "name", [name for name in Settings.model_fields if field_help(name).kind == "text" and name != "memory"]
)
@pytest.mark.usefixtures("locked")
def test_a_bad_name_in_a_setting_is_refused(name: str, kind: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["loss", *CALLS["loss"], f"--{name}", BAD_NAMES[kind]]) in (2, 3, 4)
    assert "internal error" not in capfd.readouterr().err


@pytest.mark.usefixtures("locked")
def test_every_bad_name_is_told() -> None:
    for check in (input_path, output_path):
        with pytest.raises(UsageError, match="name is empty"):
            check("")
    assert input_path("none.png") == output_path("none.png") == Path("none.png")
    assert input_path("content.png/inside.png") == Path("content.png/inside.png")
    for bad in BAD_NAMES.values():
        with pytest.raises(InputError):
            input_path(bad)
        with pytest.raises(OutputError):
            output_path(bad)


def test_the_status_is_that_behind_links_or_an_error_of_the_system(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "broken").symlink_to("nothing")
    (tmp_path / "circle").symlink_to("circle")
    status = status_of(tmp_path / "link")
    assert status is not None
    assert status.st_size == 5
    assert status_of(tmp_path / "broken") is None
    assert status_of(tmp_path / "file" / "inside") is None
    for bad in (tmp_path / "circle", tmp_path / ("x" * 300), "a\0b", "half\ud800"):
        with pytest.raises(OSError, match=r"\w"):
            status_of(bad)


def test_a_file_is_found_under_all_its_names(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    file = tmp_path / "folder" / "a.png"
    file.write_bytes(b"")
    (tmp_path / "b.png").write_bytes(b"")
    (tmp_path / "hard.png").hardlink_to(file)
    (tmp_path / "link.png").symlink_to(file)
    (tmp_path / "linked").symlink_to("folder")
    files = FileSet([file, tmp_path / "missing.png", Path("a\0b")])
    names = ["folder/a.png", "hard.png", "link.png", "linked/a.png", "folder/../folder/a.png"]
    assert [files.find(tmp_path / name) for name in names] == [file] * len(names)
    assert files.find(tmp_path / "folder" / ".." / "missing.png") == tmp_path / "missing.png"
    assert [files.find(Path(tmp_path, name)) for name in ("b.png", "none.png", "folder", "a\0b")] == [
        None
    ] * 4
    assert files.find_inside(tmp_path / "linked") == file
    assert files.find_inside(tmp_path) == file
    assert files.find_inside(tmp_path / "fold") is None
