"""Weights tried from the studio: recipes of the server, and their cards in a real browser."""

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route

from glstylenet.numerics import Interrupted
from glstylenet.report import Runner, Tuning
from glstylenet.settings import PRESETS
from glstylenet.studio import weight_trials
from glstylenet.studio.requests import Requests, TrialsRequest
from tests.test_studio import Studio, idle, samples
from tests.test_studio_page import (
    browser,
    choose_pictures,
    context,
    no_overflow,
    no_violations,
    page,
    paint_both,
    pictures,
    pytestmark,
    until,
)

__all__ = ["browser", "context", "idle", "page", "pictures", "pytestmark", "samples"]  # fixtures

ADDRESS = "**/api/trials"

REQUEST: dict[str, Any] = {"content": "sample:demo", "style": "sample:demo", "preset": "artistic"}


@pytest.fixture
def three_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three pictures are tried whatever the time is, without an optimisation."""
    run = Tuning.run

    def counted(self: Tuning, runner: Runner, *, seconds: float) -> bool:
        assert seconds == weight_trials.SECONDS
        return run(self, runner, seconds=4, clock=itertools.count().__next__)

    monkeypatch.setattr(Tuning, "run", counted)
    monkeypatch.setattr(weight_trials, "_SIDE", 48)
    monkeypatch.setattr(weight_trials, "_QUALITY", "preview")


@pytest.mark.long
@pytest.mark.usefixtures("three_pictures")
def test_recipes_have_weights_and_a_picture(idle: Studio) -> None:
    answer = idle.ask("POST", "/api/trials", json=REQUEST)
    assert answer.status_code == 200
    told = answer.json()
    assert told["pictures"] == 3
    assert [recipe["name"] for recipe in told["recipes"]] == ["content", "balanced", "style"]
    preset: Mapping[str, Any] = PRESETS["artistic"].values
    for recipe in told["recipes"]:
        assert recipe["structure"] > 0
        assert recipe["style"] > 0
        for name, value in recipe["weights"].items():
            assert 0.1 <= value / preset[name] <= 10, "within the ranges that are tried"
        assert idle.ask("GET", f"/api/pictures/{recipe['picture']}").status_code == 200


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"content": "nothing"}, 422, "there is no picture 'nothing' for the content"),
        ({"content_map": "sample:demo"}, 400, "got a map of one picture"),
        ({"settings": {"device": "cuda"}}, 400, "'device' cannot be chosen here"),
        ({"preset": "none such"}, 400, "none such"),
        ({"minutes": 5}, 400, "minutes"),
    ],
)
def test_what_cannot_be_tried_is_refused(
    idle: Studio, change: dict[str, Any], status: int, words: str
) -> None:
    answer = idle.ask("POST", "/api/trials", json={**REQUEST, **change})
    assert answer.status_code == status
    assert words in answer.json()["error"]


@pytest.mark.usefixtures("three_pictures")
def test_too_few_pictures_are_said(idle: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Tuning, "run", lambda *_given, **_seconds: False)
    answer = idle.ask("POST", "/api/trials", json=REQUEST)
    assert answer.status_code == 400
    assert "only 0 pictures could be compared in 180 seconds" in answer.json()["error"]


@pytest.mark.usefixtures("three_pictures")
def test_trials_end_when_nobody_waits(idle: Studio, samples: dict[str, Path]) -> None:
    requests = Requests(idle.storage, samples, {})
    trials = weight_trials.WeightTrials(idle.storage, requests, {})
    with pytest.raises(Interrupted):
        trials.of(TrialsRequest(**REQUEST), lambda: True)
    asked = itertools.count()
    with pytest.raises(Interrupted):  # after the first moments, in the midst of a picture
        trials.of(TrialsRequest(**REQUEST), lambda: next(asked) > 3)


def _answer(page: Page, asked: list[Any]) -> None:
    def answer(route: Route) -> None:
        asked.append(route.request.post_data_json)
        numbers = {"content": (40.0, 0.8, 1.1), "balanced": (12.3456, 0.95, 1.0), "style": (4.0, 1.2, 0.9)}
        recipes = [
            {
                "name": name,
                "weights": {"content_weight": weight},
                "structure": structure,
                "style": style,
                "picture": asked[-1]["content"],
            }
            for name, (weight, structure, style) in numbers.items()
        ]
        route.fulfill(json={"pictures": 17, "recipes": recipes})

    page.route(ADDRESS, answer)


@pytest.mark.long
def test_a_recipe_is_chosen_by_its_card(page: Page, pictures: dict[str, Path]) -> None:
    asked: list[Any] = []
    _answer(page, asked)
    button = page.get_by_role("button", name="Try weights for these pictures")
    button.click()
    page.locator("#notices", has_text="Choose a content picture and a style picture first").wait_for()
    choose_pictures(page, pictures)
    paint_both(page)
    button.click()
    page.locator("#notices", has_text="17 pictures were painted").wait_for()
    assert asked[0]["preset"] == "artistic"
    assert asked[0]["content_map"]
    assert asked[0]["style_map"]
    cards = page.locator("#recipes button")
    assert [text.split("\n") for text in cards.all_inner_texts()] == [
        ["Closer to the content", "content 20 % nearer, style 10 % farther"],
        ["Balanced", "content 5 % nearer, style as near"],
        ["Closer to the style", "content 20 % farther, style 10 % nearer"],
    ]
    until(page, "[...document.querySelectorAll('#recipes img')].every((image) => image.naturalWidth > 0)")
    cards.nth(1).click()
    assert page.locator("#set-content_weight").input_value() == "12.3"
    assert cards.nth(1).get_attribute("aria-pressed") == "true"
    no_violations(page)
    no_overflow(page, 1280)
    page.locator("#add-style").click()
    button.click()
    page.locator("#notices", has_text="The first style alone was tried").wait_for()
    page.locator("#presets input[value=photorealistic]").evaluate("(radio) => radio.click()")
    assert cards.count() == 0, "what was found around another preset is gone"


@pytest.mark.long
def test_trials_are_given_up(page: Page, pictures: dict[str, Path]) -> None:
    page.route(ADDRESS, lambda _route: None)  # never answered
    choose_pictures(page, pictures)
    page.get_by_role("button", name="Try weights for these pictures").click()
    page.locator("#trying", has_text="for about 3 min").wait_for()
    with page.expect_event("requestfailed", lambda request: request.url.endswith("/api/trials")):
        page.locator("#try-weights", has_text="Cancel").click()
    page.locator("#try-weights", has_text="Try weights").wait_for()
    assert page.locator("#trying").is_hidden()
    assert page.locator("#recipes button").count() == 0
