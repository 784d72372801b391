"""The studio's page tells what happened, and moves nothing under the hand that paints."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.test_studio_page import (
    at,
    browser,
    choose_pictures,
    context,
    drag,
    page,
    paint_both,
    palette,
    pictures,
    pytestmark,
    set_value,
    start,
    state,
    tool,
    until,
)

__all__ = ["browser", "context", "page", "pictures", "pytestmark"]  # fixtures


@pytest.mark.long
@pytest.mark.parametrize("width", [390, 1000, 1280, 1600])
def test_no_tool_moves_the_pictures(page: Page, pictures: dict[str, Path], width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    choose_pictures(page, pictures)
    place = page.locator("#canvas-content").bounding_box()
    for name in ("wand", "fill", "line", "eraser", "hand", "brush"):
        tool(page, name)
        assert page.locator("#canvas-content").bounding_box() == place, name
    tool(page, "wand")
    assert page.locator("#tolerance").is_visible()
    assert not page.locator("#brush-size").is_visible()


@pytest.mark.long
@pytest.mark.parametrize("width", [1000, 1280])
def test_long_advice_leaves_the_pictures_in_place(page: Page, pictures: dict[str, Path], width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    choose_pictures(page, pictures)
    place = page.locator("#canvas-content").bounding_box()
    drag(page, page.locator("#canvas-content"), (0.1, 0.1), (0.2, 0.1))
    advice = page.locator("#map-advice")
    advice.filter(has_text="now paint the style").wait_for()
    assert "lacking" not in str(advice.get_attribute("class"))  # that is how it goes, and nothing is wrong
    for k, name in enumerate(("hair", "eyes", "mouth", "sky", "water", "clothes", "building")):
        palette(page, name)
        drag(page, page.locator("#canvas-content"), (0.1, 0.2 + k / 10), (0.5, 0.2 + k / 10))
    palette(page, "skin")
    drag(page, page.locator("#canvas-style"), (0.1, 0.1), (0.2, 0.1))
    advice.filter(has_text="and 4 more").wait_for()
    assert "lacking" in str(advice.get_attribute("class"))
    assert page.locator("#canvas-content").bounding_box() == place


@pytest.mark.long
def test_a_fill_through_a_gap_is_told_until_it_is_taken_back(page: Page, pictures: dict[str, Path]) -> None:
    choose_pictures(page, pictures)
    content, notices = page.locator("#canvas-content"), page.locator("#notices")
    page.locator("#brush-size").fill("10")  # 3 pixels
    palette(page, "skin")
    # A box around the middle, with a gap of about four pixels of 80 in its upper side.
    drag(page, content, (0.52, 0.25), (0.8, 0.25), (0.8, 0.8), (0.2, 0.8), (0.2, 0.25), (0.43, 0.25))
    tool(page, "fill")
    palette(page, "water")
    page.mouse.click(*at(content, 0.5, 0.5))
    notices.filter(has_text="ran out through a small gap").wait_for()
    page.keyboard.press("Control+z")
    notices.filter(has_text="ran out").wait_for(state="detached")
    tool(page, "line")
    palette(page, "skin")
    drag(page, content, (0.42, 0.25), (0.54, 0.25))
    tool(page, "fill")
    palette(page, "water")
    page.mouse.click(*at(content, 0.5, 0.5))  # inside only
    palette(page, "sky")
    page.mouse.click(*at(content, 0.05, 0.05))  # all around it, with no gap
    page.locator(".swatch.used", has_text="sky").wait_for()
    assert notices.inner_text() == ""


@pytest.mark.long
def test_maps_of_one_class_are_not_called_maps(page: Page, pictures: dict[str, Path]) -> None:
    choose_pictures(page, pictures)
    hint = page.locator("#run-hint")
    hint.filter(has_text="without maps").wait_for()
    for role in ("content", "style"):
        tool(page, "fill")
        palette(page, "background")
        page.mouse.click(*at(page.locator(f"#canvas-{role}"), 0.1, 0.1))
    hint.filter(has_text="both maps are of one class").wait_for()
    tool(page, "brush")
    palette(page, "skin")
    drag(page, page.locator("#canvas-style"), (0.4, 0.4), (0.6, 0.6))
    hint.filter(has_text="Ready, with maps.").wait_for()


@pytest.mark.long
def test_a_run_that_goes_on_begins_at_nothing_from_the_picture_there_is(
    page: Page, pictures: dict[str, Path]
) -> None:
    choose_pictures(page, pictures)
    paint_both(page)
    set_value(page, "size", "64")
    start(page, 6)
    page.locator("#history a[aria-current] small", has_text="finished").wait_for()
    first = page.url.split("#job=")[1]
    page.evaluate(
        """() => {
          window.told = [];
          window.shown = [];
          const text = document.getElementById("progress-text"), figure = document.getElementById("compare");
          new MutationObserver(() => window.told.push(text.textContent)).observe(text, {childList: true});
          new MutationObserver(() => window.shown.push([figure.style.backgroundImage, figure.className]))
            .observe(figure, {attributeFilter: ["style", "class"]});
        }"""
    )
    set_value(page, "content_weight", "333")
    page.locator("#continue").click()
    page.locator("#history .changes", has_text="shapes of the content 333").wait_for()
    state(page, "Finished")
    assert page.evaluate("window.told")[0] in {"Starting", "Waiting for its turn"}
    shown = page.evaluate("window.shown")
    pictures_shown, classes = shown[0]
    assert f"/api/jobs/{first}/result.png" in pictures_shown
    assert "bare" in classes  # not called a result yet
    until(page, "!document.getElementById('after').hidden")
    assert page.locator("#compare").evaluate("figure => figure.style.backgroundImage") == ""


@pytest.mark.long
@pytest.mark.parametrize(("scheme", "other"), [("light", "dark"), ("dark", "light")])
def test_the_first_click_changes_the_theme(page: Page, scheme: Any, other: str) -> None:
    page.emulate_media(color_scheme=scheme)
    page.locator("#theme").click()
    assert page.locator("html").get_attribute("data-theme") == other
    page.locator("#theme").click()
    assert page.locator("html").get_attribute("data-theme") == scheme
    page.locator("#theme").click()
    assert page.locator("html").get_attribute("data-theme") is None
