"""The studio's page tells what happened, and moves nothing under the hand that paints."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.test_studio_page import (
    Server,
    Watched,
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
    ready,
    server,
    set_value,
    start,
    state,
    tool,
)

__all__ = ["browser", "context", "page", "pictures", "pytestmark", "server"]  # fixtures


def _fill(page: Page, role: str, name: str) -> None:
    tool(page, "fill")
    palette(page, name)
    page.mouse.click(*at(page.locator(f"#canvas-{role}"), 0.1, 0.1))


@pytest.mark.parametrize("width", [1000, 1280, 1600])
def test_no_tool_moves_the_pictures(
    browser: Browser, server: Server, pictures: dict[str, Path], width: int
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900})
    watched = Watched(context, server.address)
    page = watched.page
    ready(page, server.address)
    choose_pictures(page, pictures)
    place = page.locator("#canvas-content").bounding_box()
    for name in ("wand", "fill", "line", "eraser", "hand", "brush"):
        tool(page, name)
        assert page.locator("#canvas-content").bounding_box() == place, name
    tool(page, "wand")
    assert page.locator("#tolerance").is_visible()
    assert not page.locator("#brush-size").is_visible()
    context.close()


def test_advice_of_two_lines_leaves_the_pictures_in_place(page: Page, pictures: dict[str, Path]) -> None:
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
    advice.filter(has_text="Missing in the style").wait_for()
    assert "lacking" in str(advice.get_attribute("class"))
    assert advice.evaluate("box => box.scrollHeight > 2 * parseFloat(getComputedStyle(box).lineHeight)")
    assert page.locator("#canvas-content").bounding_box() == place


def test_a_fill_that_ran_out_is_told(page: Page, pictures: dict[str, Path]) -> None:
    choose_pictures(page, pictures)
    _fill(page, "content", "sky")  # the first colour of a bare map goes everywhere, as it should
    page.locator(".swatch", has_text="sky").filter(has_text="100 %").wait_for()
    assert page.locator("#notices").inner_text() == ""
    tool(page, "brush")
    palette(page, "skin")
    drag(page, page.locator("#canvas-content"), (0.4, 0.4), (0.6, 0.6))
    _fill(page, "content", "water")
    page.locator("#notices", has_text="ran out through a gap").wait_for()


def test_a_map_of_one_class_is_not_called_a_map(page: Page, pictures: dict[str, Path]) -> None:
    choose_pictures(page, pictures)
    hint = page.locator("#run-hint")
    hint.filter(has_text="without maps").wait_for()
    _fill(page, "content", "background")
    tool(page, "brush")
    palette(page, "skin")
    drag(page, page.locator("#canvas-style"), (0.4, 0.4), (0.6, 0.6))
    hint.filter(has_text="the map of the content has one class only").wait_for()
    drag(page, page.locator("#canvas-content"), (0.4, 0.4), (0.6, 0.6))
    hint.filter(has_text="Ready, with maps.").wait_for()


def test_a_run_that_goes_on_begins_at_nothing_from_the_picture_there_is(
    page: Page, pictures: dict[str, Path]
) -> None:
    choose_pictures(page, pictures)
    paint_both(page)
    set_value(page, "size", "64")
    start(page, 6)
    state(page, "Finished")
    first = page.url.split("#job=")[1]
    page.evaluate(
        """() => {
          window.told = [];
          const text = document.getElementById("progress-text");
          new MutationObserver(() => window.told.push(text.textContent)).observe(text, {childList: true});
        }"""
    )
    set_value(page, "content_weight", "333")
    page.locator("#continue").click()
    page.locator("#history small", has_text="content weight 333").wait_for()
    state(page, "Finished")
    told = page.evaluate("window.told")
    assert told[0] == "Starting", told
    shown = page.locator("#compare").evaluate("figure => figure.style.backgroundImage")
    assert f"/api/jobs/{first}/result.png" in shown


@pytest.mark.parametrize(("scheme", "other"), [("light", "dark"), ("dark", "light")])
def test_the_first_click_changes_the_theme(page: Page, scheme: str, other: str) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.locator("#theme").click()
    assert page.locator("html").get_attribute("data-theme") == other
    page.locator("#theme").click()
    assert page.locator("html").get_attribute("data-theme") == scheme
    page.locator("#theme").click()
    assert page.locator("html").get_attribute("data-theme") is None
