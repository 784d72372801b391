"""Taking back on the studio's maps, and fingers on a telephone."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.studio_server import Server
from tests.test_studio_hands import Fingers
from tests.test_studio_page import (
    Watched,
    at,
    browser,
    choose_pictures,
    colours,
    context,
    page,
    pictures,
    pytestmark,
    ready,
    saved_map,
    tool,
)

__all__ = ["browser", "context", "page", "pictures", "pytestmark"]  # fixtures

LABELS = """
const {Labels} = await import("/static/labels.js");
const bytes = (value) => {
  if (ArrayBuffer.isView(value)) return value.byteLength;
  if (!value || typeof value !== "object") return 0;
  return Object.values(value).reduce((sum, each) => sum + bytes(each), 0);
};
const step = (labels, work) => {
  labels.begin();
  work();
  labels.end();
};
"""


def run(page: Page, script: str) -> Any:
    return page.evaluate(f"async () => {{{LABELS}{script}}}")


@pytest.mark.long
def test_eighty_fills_of_a_large_map_are_small(page: Page) -> None:
    count, size, back, again = run(
        page,
        """
        const labels = new Labels(4000, 3000);
        for (let k = 0; k < 80; k++) step(labels, () => labels.fill(5, 5, k % 2 + 1));
        const found = [labels.done.length, bytes(labels.done)];
        while (labels.undo());
        found.push(labels.data.every((label) => label === 255));
        while (labels.redo());
        return [...found, labels.data.every((label) => label === 2)];
        """,
    )
    assert (count, back, again) == (80, True, True)
    assert size < 40 * 2**20


@pytest.mark.long
def test_noise_is_taken_back_as_far_as_there_is_room(page: Page) -> None:
    size, before, after = run(
        page,
        """
        const labels = new Labels(1600, 1200);
        const maps = [1, 2, 3, 4, 5].map((seed) => labels.data.map((_, k) => (k * k * seed >> 3) % 7));
        for (const map of maps) labels.replace(map, 1600, 1200);
        const size = bytes(labels.done);
        const before = labels.data.every((label, k) => label === maps[4][k]);
        labels.undo();
        return [size, before, labels.data.every((label, k) => label === maps[3][k])];
        """,
    )
    assert before
    assert after
    assert size < 40 * 2**20


@pytest.mark.long
def test_a_step_is_the_pixels_that_changed(page: Page) -> None:
    """A row of five: 1 1 . . . becomes 1 2 2 . . : one run of each kind, and back."""
    steps = run(
        page,
        """
        const labels = new Labels(5, 1);
        labels.replace(Uint8Array.from([1, 1, 255, 255, 255]), 5, 1);
        labels.replace(Uint8Array.from([1, 2, 2, 255, 255]), 5, 1);
        const {starts, lengths, labels: kinds} = labels.done[1];
        labels.undo();
        return [[...starts], [...lengths], [...kinds], [...labels.data]];
        """,
    )
    assert steps == [[1, 2], [1, 1], [1, 2, 255, 2], [1, 1, 255, 255, 255]]


@pytest.mark.long
@pytest.mark.parametrize(("gap", "leaks"), [(0, False), (4, True), (30, False)])
def test_a_small_gap_is_found_and_a_door_is_not(page: Page, gap: int, leaks: bool) -> None:
    """A wall across a map of 100 x 100; the fill begins to its left, where a third of the map is."""
    assert (
        run(
            page,
            f"""
            const labels = new Labels(100, 100);
            const isGap = (k) => Math.abs(Math.floor(k / 100) - 49.5) < {gap} / 2;
            const wall = labels.data.map((_, k) => k % 100 === 33 && !isGap(k) ? 3 : 255);
            labels.replace(wall, 100, 100);
            labels.begin();
            return labels.leaked(5, 50, labels.fill(5, 50, 1));
            """,
        )
        is leaks
    )


@pytest.mark.long
def test_a_swipe_scrolls_until_a_tool_is_chosen(
    browser: Browser, server: Server, pictures: dict[str, Path], tmp_path: Path
) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 780}, has_touch=True, is_mobile=True)
    watched = Watched(context, server.address)
    page = watched.page
    ready(page, server.address)
    choose_pictures(page, pictures)
    canvas = page.locator("#canvas-content")
    canvas.scroll_into_view_if_needed()
    before = page.evaluate("scrollY")
    fingers = Fingers(page)
    box = canvas.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def swipe(towards: int) -> None:
        fingers.touch("Start", (x, y))
        for k in range(1, 9):
            fingers.touch("Move", (x, y + towards * 15 * k))
            page.wait_for_timeout(20)
        fingers.touch("End")
        page.wait_for_timeout(300)

    swipe(-1)
    assert page.evaluate("scrollY") > before + 40
    page.get_by_role("button", name="Save the map of the content").click()
    page.locator("#notices", has_text="Nothing is painted on the content").wait_for()
    page.locator(".swatch", has_text="skin").click()  # who touches a class wants to paint
    assert page.evaluate("document.querySelector('#tools :checked').value") == "brush"
    canvas.scroll_into_view_if_needed()
    scrolled = page.evaluate("scrollY")
    x, y = at(canvas, 0.5, 0.5)
    swipe(1)
    assert page.evaluate("scrollY") == scrolled
    assert "#00ff00" in colours(saved_map(page, "content", tmp_path))
    tool(page, "hand")  # the notice does not lie on it
    page.locator("#run").click(trial=True)  # nor on Run
    watched.check()
    context.close()
