"""Useless settings: a chosen value that changes nothing is told, and only such a value.

Whether a value changes anything is found by painting with it and with the default.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from glstylenet.run.preparation import prepare
from glstylenet.run.styles import GivenStyle, Style
from glstylenet.run.stylize import stylize
from glstylenet.run.useless_settings import RULES
from glstylenet.settings.model import Settings
from glstylenet.settings.presets import PRESETS, preset_settings
from tests.long_cases import rest_is_long

Pixels = np.ndarray[Any, np.dtype[np.uint8]]
NO_EFFECT = " and has no effect: "


@dataclass(frozen=True)
class Case:
    """A setting, where it changes nothing (with what the reason says) and where it does."""

    setting: str
    value: object
    reason: str
    useless: Mapping[str, Any] = field(default_factory=dict)
    useful: Mapping[str, Any] | None = None
    is_check: bool = False
    """Whether the setting changes no picture in any case: it may refuse one."""


COARSE = {"kind": "large", "scales": 2, "init": "noise", "iterations": 4}

TWO_SIZES = {"kind": "large", "iterations": 16}

VOTED = {"kind": "large", "scales": 2, "iterations": 4}

CASES = [
    Case("seed", 3, "only a start from noise and proposed maps", {}, {"init": "noise"}),
    Case("init", "tinted", "a doodle has no content to start from", {"kind": "doodle"}, {"kind": "plain"}),
    Case("init", "voted", "no patches are copied", {"local_weight": 0.0}, {"kind": "plain"}),
    Case("voting", "whole", "no patches are copied", {"local_weight": 0.0}, VOTED),
    Case("voting", "none", "scales is 1, and only a finer size", {"scales": 1}, VOTED),
    Case("content_weight", 50.0, "a doodle has no content to keep", {"kind": "doodle"}, {"init": "noise"}),
    Case("colours", "match", "a doodle has no content", {"kind": "doodle"}, {"kind": "plain"}),
    Case("colours", "keep", "all pictures are grey", {"kind": "grey"}, {"kind": "plain"}),
    Case("finish", "photo", "a doodle has no photograph", {"kind": "doodle"}, {"kind": "plain"}),
    Case("semantic_weight", 0.01, "there are no maps", {}, {"kind": "maps"}),
    Case("semantic_weight", 40.0, "local_weight is 0", {"kind": "maps", "local_weight": 0.0}),
    Case("semantic_weight", 40.0, "no style has a map", {"kind": "bound"}),
    Case("statistics", "regions", "no style has a map", {"kind": "bound"}),
    Case("statistics", "regions", "there are no maps", {}, {"kind": "large maps"}),
    Case("statistics", "regions", "global_weight is 0", {"kind": "large maps", "global_weight": 0.0}),
    Case("maps", "auto", "no patches are matched", {"local_weight": 0.0}, {"kind": "plain"}),
    Case("classes", 2, "there are no maps", {}, {"kind": "maps"}, is_check=True),
    Case("soft_maps", True, "there are no maps", {}, {"kind": "soft maps"}),
    Case("soft_maps", True, "the maps have no soft borders", {"kind": "maps"}),
    Case("strict", True, "there are no maps", {}, {"kind": "maps"}, is_check=True),
    Case("scheme", "c", "no layers are fused", {"local_weight": 0.0, "global_weight": 0.0}, {}),
    Case("coarse_content", 4.0, "content_weight is 0", {"content_weight": 0.0}, COARSE),
    Case("coarse_content", 4.0, "a doodle has no content", {"kind": "doodle"}),
    Case("coarse_content", 4.0, "scales is 1", {"scales": 1}),
    Case("coarsest", 40, "scales sets the number of sizes", {"scales": 1}, TWO_SIZES),
    Case("style_scale", 1.001, "the style keeps its size", {}),
]


@cache
def picture(seed: int, height: int, width: int) -> Pixels:
    rough = np.random.default_rng(seed).integers(0, 256, (height // 4, width // 4, 3), dtype=np.uint8)
    return rough.repeat(4, 0).repeat(4, 1)


def halves(height: int, width: int) -> Pixels:
    values = np.zeros((height, width, 3), np.uint8)
    values[:, width // 2 :] = 255
    return values


def faded(height: int, width: int) -> Pixels:
    """Halves with a soft border of eight pixels."""
    values = halves(height, width)
    values[:, width // 2 - 4 : width // 2 + 4] = np.linspace(28, 227, 8).astype(np.uint8)[:, None]
    return values


def all_warnings(settings: Settings, kind: str) -> list[str]:
    """Return the warnings of a run, which are given before anything is computed."""
    content, style, maps = inputs(kind)
    return [*prepare(content, style, maps.get("content_map"), maps.get("style_map"), settings).warnings]


def useless(settings: Settings, kind: str) -> list[str]:
    return [warning for warning in all_warnings(settings, kind) if NO_EFFECT in warning]


def inputs(kind: str) -> tuple[Pixels | None, GivenStyle, dict[str, Pixels]]:
    if kind == "bound":
        styles = [Style(picture(1, 40, 40), regions=["black"]), Style(picture(2, 40, 40))]
        return picture(0, 40, 44), styles, {"content_map": halves(40, 44)}
    if kind == "grey":
        grey = picture(0, 40, 44)[..., :1].repeat(3, 2)
        return grey, grey[:, :40], {}
    if kind == "large":
        return picture(0, 72, 80), picture(1, 72, 72), {}
    if kind == "large maps":  # each half has positions enough for statistics of its own
        maps = {"content_map": halves(72, 80), "style_map": halves(72, 72)}
        return picture(0, 72, 80), picture(1, 72, 72), maps
    if kind == "soft maps":  # with patches enough for a border to change the nearest of one
        maps = {"content_map": faded(72, 80), "style_map": faded(72, 80)}
        return picture(0, 72, 80), picture(1, 72, 80), maps
    maps = {"content_map": halves(40, 44), "style_map": halves(40, 40)} if kind in ("maps", "doodle") else {}
    return None if kind == "doodle" else picture(0, 40, 44), picture(1, 40, 40), maps


def paint(settings: Settings, kind: str) -> Tensor:
    content, style, maps = inputs(kind)
    return stylize(
        content,
        style,
        content_map=maps.get("content_map"),
        style_map=maps.get("style_map"),
        settings=settings,
    ).pixels


@pytest.mark.parametrize("case", rest_is_long(CASES, short=7), ids=lambda case: case.setting)
def test_a_setting_without_effect_is_told_and_no_other(case: Case) -> None:
    for plain, changed, kind, is_useless in comparisons(case):
        before = useless(plain, kind)
        told = [warning for warning in useless(changed, kind) if warning not in before]
        assert len(told) == is_useless, (changed, told)
        if is_useless:
            assert told[0].startswith(f"{case.setting} is {case.value}{NO_EFFECT}")
            assert case.reason in told[0]


@pytest.mark.long
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.setting)
def test_what_is_told_changes_no_pixel_and_what_is_not_told_does(case: Case) -> None:
    for plain, changed, kind, is_useless in comparisons(case):
        if is_useless or not case.is_check:
            assert torch.equal(paint(plain, kind), paint(changed, kind)) == is_useless, changed


def comparisons(case: Case) -> Iterator[tuple[Settings, Settings, str, bool]]:
    """Yield settings without and with the case's value, the kind of inputs, and whether it is useless."""
    for changes, is_useless in ((case.useless, True), (case.useful, False)):
        if changes is not None:
            values = {"iterations": 2, "precision": "float32", **changes}
            kind = str(values.pop("kind", "plain"))
            yield Settings(**values), Settings(**{**values, case.setting: case.value}), kind, is_useless


def test_every_rule_has_a_case() -> None:
    for rule in RULES:
        assert any(case.setting == rule.setting and case.reason in rule.reason for case in CASES), rule


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_told_what_they_lack(name: str) -> None:
    """With maps no preset has a setting without effect but the one that ignores them; portraits need maps."""
    chosen = preset_settings(name)
    assert useless(chosen, "maps") == []
    lacking = [warning.split()[0] for warning in useless(chosen, "plain")]
    needs_maps = chosen.semantic_weight not in (0.0, Settings().semantic_weight)
    assert lacking == ["semantic_weight"] * needs_maps + ["statistics"] * (chosen.statistics == "regions")


@pytest.mark.parametrize(
    ("changes", "kind", "words"),
    [
        (
            dict.fromkeys(("content_weight", "local_weight", "global_weight", "smoothness"), 0.0),
            "plain",
            "all weights are 0",
        ),
        (dict.fromkeys(("local_weight", "global_weight", "smoothness"), 0.0), "doodle", "all weights are 0"),
        ({"semantic_weight": 0.0}, "maps", "the maps do not steer"),
    ],
)
def test_inputs_and_weights_without_effect_are_told(changes: dict[str, float], kind: str, words: str) -> None:
    assert any(words in warning for warning in all_warnings(Settings(**changes, iterations=1), kind))
    for name in changes:
        fewer = {each: value for each, value in changes.items() if each != name}
        assert not any(words in each for each in all_warnings(Settings(**fewer, iterations=1), kind))


@pytest.mark.parametrize(
    ("height", "width", "is_told"),
    [(80, 88, False), (160, 176, False), (40, 44, False), (41, 44, False), (88, 80, True), (80, 80, True)],
)
def test_a_start_of_another_shape_is_told(height: int, width: int, is_told: bool, tmp_path: Path) -> None:
    start = tmp_path / "start.png"
    Image.fromarray(np.zeros((height, width, 3), np.uint8)).save(start)
    warnings = all_warnings(Settings(init=str(start), iterations=1), "plain")
    assert any("stretched" in warning for warning in warnings) == is_told
