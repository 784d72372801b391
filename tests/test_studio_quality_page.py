"""The studio's page: the choice of a quality, and runs without evaluations."""

from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page

from glstylenet.settings.quality import QUALITIES
from tests.studio_server import Server
from tests.test_studio_page import (
    browser,
    choose_pictures,
    context,
    page,
    pictures,
    pytestmark,
    ready,
    set_value,
    state,
    until,
)

__all__ = ["browser", "context", "page", "pictures", "pytestmark"]  # fixtures


def chosen(page: Page) -> object:
    return page.evaluate("document.querySelector('#quality input:checked').value")


@pytest.mark.long
def test_a_quality_is_chosen_above_run(page: Page) -> None:
    words = page.locator("#quality label b").all_inner_texts()
    assert [word.lower() for word in words] == list(QUALITIES)
    hints = page.locator("#quality label small").all_inner_texts()
    assert hints == [quality.meaning for quality in QUALITIES.values()]
    assert chosen(page) == "standard"
    box, run = page.locator("#quality").bounding_box(), page.locator("#run").bounding_box()
    assert box is not None
    assert run is not None
    assert 0 < run["y"] - (box["y"] + box["height"]) < 60
    assert page.locator("#advanced [id=set-quality]").count() == 0
    page.locator("#quality label", has_text="Draft").click()
    assert chosen(page) == "draft"
    page.locator("#presets input[value=portrait]").check(force=True)
    assert chosen(page) == "draft", "another kind of pictures is no other amount of work"


@pytest.mark.long
def test_iterations_are_left_to_the_quality(page: Page) -> None:
    page.evaluate("document.getElementById('advanced').open = true")
    iterations, note = page.locator("#set-iterations"), page.locator("#quality-note")
    assert iterations.input_value() == ""
    assert iterations.get_attribute("placeholder") == "by quality"
    assert note.is_hidden()
    set_value(page, "iterations", "60")
    assert "60 and overrides" in note.inner_text()
    set_value(page, "iterations", "")
    assert note.is_hidden()


@pytest.mark.long
def test_a_draft_keeps_its_quality_and_no_defaults(context: BrowserContext, server: Server) -> None:
    page = context.new_page()
    ready(page, server.address)
    page.locator("#quality input[value=fine]").check()
    changes = """async () => {
      const {newest} = await import("/static/drafts.js");
      return (await newest())?.changes;
    }"""
    until(page, f"({changes})().then((found) => found?.quality === 'fine')")
    assert page.evaluate(changes) == {"quality": "fine"}
    ready(page, server.address)
    assert chosen(page) == "fine"


@pytest.mark.long
def test_a_preview_shows_its_copies_and_no_evaluations(page: Page, pictures: dict[str, Path]) -> None:
    choose_pictures(page, pictures)
    page.locator("#quality input[value=preview]").check()
    set_value(page, "scales", "2")
    page.evaluate(
        """() => {
          window.told = [];
          window.shown = [];
          const text = document.getElementById("progress-text"), after = document.getElementById("after");
          new MutationObserver(() => window.told.push(text.textContent, document.title))
            .observe(text, {childList: true});
          new MutationObserver(() => window.shown.push(after.src)).observe(after, {attributeFilter: ["src"]});
        }"""
    )
    page.locator("#run").click()
    state(page, "Finished")
    until(page, "window.shown.some((url) => url.endsWith('/result.png'))")
    told = page.evaluate("window.told")
    assert "Size 1 of 2, strokes copied" in told
    assert "Size 2 of 2, strokes copied" in told
    for words in told:
        for wrong in ("%", "NaN", "null", "undefined", "Infinity", "0/0", "left"):
            assert wrong not in words
    assert page.locator("#improve").is_hidden()
    assert "not optimised" in page.locator("#copied").inner_text()
    assert "preview quality" in page.locator("#job-title").inner_text()
    assert "quality preview" in page.locator("#history .changes").first.inner_text()
    page.locator("#history img").wait_for()
    assert page.locator("#history img").count() == 1
    assert "--quality preview" in (page.locator("#command").text_content() or "")
    page.reload()
    page.wait_for_selector("html[data-ready]", state="attached")
    state(page, "Finished")
    assert chosen(page) == "preview"
    assert page.locator("#improve").is_hidden()
