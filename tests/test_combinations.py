"""Every value of every enumerated setting passes through everything that takes settings.

The settings are found by their types, so that a new one, or a new value, is covered without an edit here. All
combinations would be thousands of runs: the short tests take every value once, the long ones every pair of
values of two settings.
"""

import itertools
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Union

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from glstylenet.cli import main
from glstylenet.errors import UsageError
from glstylenet.explain import LossCurve, explain, write_explanation
from glstylenet.metrics import evaluate_picture
from glstylenet.run import picture_losses, stylize
from glstylenet.settings import INIT_CHOICES, PRESETS, Settings, preset_settings
from glstylenet.settings.command_line import option_name
from glstylenet.studio.setting_schema import OFFERED
from tests.long_cases import rest_is_long
from tests.test_studio import Studio, samples, studio

__all__ = ["samples", "studio"]  # fixtures

Picture = NDArray[np.uint8]
Row = Mapping[str, object]

HEIGHT, WIDTH = 40, 48
MAPS = "maps"  # with or without: a factor beside the settings
FEW: dict[str, Any] = {"iterations": 2, "round_length": 1, "device": "cpu"}


def _values(annotation: object) -> tuple[object, ...]:
    """The values of an enumerated type; none for another one."""
    if annotation is bool:
        return (False, True)
    origin = typing.get_origin(annotation)
    if origin is Literal:
        return typing.get_args(annotation)
    if origin in (Union, types.UnionType):
        return tuple(itertools.chain.from_iterable(map(_values, typing.get_args(annotation))))
    return ()


CHOICES: dict[str, tuple[object, ...]] = {
    name: values for name, field in Settings.model_fields.items() if (values := _values(field.annotation))
}
CHOICES["init"] = INIT_CHOICES  # a text of which some values have a meaning
FACTORS: dict[str, tuple[object, ...]] = {**CHOICES, MAPS: (False, True)}


def _every_value() -> list[Row]:
    """Rows in which each value of each factor occurs."""
    count = max(map(len, FACTORS.values()))
    return [
        {name: values[(number + shift) % len(values)] for shift, (name, values) in enumerate(FACTORS.items())}
        for number in range(count)
    ]


def _every_pair() -> list[Row]:
    """Rows in which each pair of values of two factors occurs, by a greedy search."""
    names = list(FACTORS)
    missing = {
        frozenset({(one, a), (other, b)})
        for one, other in itertools.combinations(names, 2)
        for a in FACTORS[one]
        for b in FACTORS[other]
    }
    rows: list[Row] = []
    while missing:
        # A row begins with a pair that is missing, and each further value covers most of what is left.
        row = dict(min(missing, key=lambda pair: sorted(map(repr, pair))))
        for name in names:
            if name not in row:
                row[name] = max(
                    FACTORS[name],
                    key=lambda value: sum(
                        frozenset({(name, value), item}) in missing for item in row.items()
                    ),
                )
        missing -= {frozenset(pair) for pair in itertools.combinations(row.items(), 2)}
        rows.append({name: row[name] for name in names})
    return rows


def _name(row: Row) -> str:
    return "-".join(f"{value}" for value in row.values())


def _blotches(seed: int, height: int, width: int) -> Picture:
    values = np.random.default_rng(seed).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(values).resize((width, height), Image.Resampling.BICUBIC))


def _halves(height: int, width: int) -> Picture:
    return np.where(np.mgrid[0:height, 0:width][1][..., None] < width / 2, (255, 0, 0), (0, 0, 255)).astype(
        np.uint8
    )


CONTENT, STYLE = _blotches(1, HEIGHT, WIDTH), _blotches(2, 44, 36)


def _maps(wanted: object) -> dict[str, Any]:
    return {"content_map": _halves(HEIGHT, WIDTH), "style_map": _halves(44, 36)} if wanted else {}


def test_the_walk_knows_the_enumerated_settings() -> None:
    assert {"scheme", "finish", "optimizer", "precision", "strict", "init"} <= set(CHOICES)
    values = {(name, value) for row in _every_value() for name, value in row.items()}
    assert values == {(name, value) for name, all_values in FACTORS.items() for value in all_values}
    pairs = {frozenset(pair) for row in _every_pair() for pair in itertools.combinations(row.items(), 2)}
    assert len(pairs) == sum(
        len(one) * len(other) for one, other in itertools.combinations(FACTORS.values(), 2)
    )


def _walk(settings: Settings, maps: dict[str, Any], folder: Path) -> None:
    """Paint with an interruption, go on, explain and measure the result."""
    state = folder / "state"
    stylize(CONTENT, STYLE, **maps, settings=settings, checkpoint=state, should_stop=lambda: True)
    curve = LossCurve()
    result = stylize(CONTENT, STYLE, **maps, settings=settings, checkpoint=state, resume=True, on_event=curve)
    assert bool(torch.isfinite(result.pixels).all())
    write_explanation(explain(result, curve), folder / "explanation")
    losses = picture_losses(
        (result.pixels[0].permute(1, 2, 0) / 255).double().numpy(), CONTENT, STYLE, **maps, settings=settings
    )
    assert losses.total == pytest.approx(result.losses.total, rel=1e-3)


def _settings(row: Row) -> Settings:
    return Settings(**{**FEW, **{name: value for name, value in row.items() if name != MAPS}})


@pytest.mark.parametrize("row", rest_is_long(([row] for row in _every_value()), short=1), ids=_name)
def test_every_value_is_painted_resumed_explained_and_measured(row: Row, tmp_path: Path) -> None:
    _walk(_settings(row), _maps(row[MAPS]), tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("maps", [False, True], ids=["plain", "maps"])
@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_painted_and_explained(preset: str, maps: bool, tmp_path: Path) -> None:
    curve = LossCurve()
    settings = preset_settings(preset, iterations=1, device="cpu", precision="float32")
    result = stylize(CONTENT, STYLE, **_maps(maps), settings=settings, on_event=curve)
    write_explanation(explain(result, curve), tmp_path / "explanation")


@pytest.mark.long
@pytest.mark.parametrize("row", _every_pair(), ids=_name)
def test_every_pair_of_values(row: Row, tmp_path: Path) -> None:
    settings, maps = _settings(row), _maps(row[MAPS])
    _walk(settings, maps, tmp_path)
    evaluate_picture(CONTENT, CONTENT, STYLE, **maps, settings=settings)


@pytest.mark.long
@pytest.mark.parametrize("name", CHOICES)
def test_every_setting_is_swept(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One that a sweep refuses to vary is refused in words."""
    paths = {"content": CONTENT, "style": STYLE}
    for role, picture in paths.items():
        Image.fromarray(picture).save(tmp_path / f"{role}.png")
    words = [str(tmp_path / "content.png"), str(tmp_path / "style.png"), "-o", str(tmp_path / "sweep")]
    values = CHOICES[name]
    if set(values) == {False, True}:
        given = [option_name(name)]
    else:
        given = [option_name(name), ",".join(map(str, values))]
    code = main(["sweep", *words, "--iterations", "1", "--quiet", *given])
    said = capsys.readouterr().err
    assert code == 0 or (code == UsageError.exit_code and ("cannot vary" in said or "nothing varies" in said))


@pytest.mark.long
@pytest.mark.parametrize("row", _every_value(), ids=_name)
def test_every_value_is_painted_by_the_studio(row: Row, studio: Studio) -> None:
    chosen = {name: value for name, value in row.items() if name in OFFERED}
    response = studio.job(settings={"size": 48, "iterations": 2, **chosen})
    assert response.status_code < 300, response.text
    shown = studio.wait(response.json()["id"], "done", seconds=240)
    assert not shown["error"]
