"""The studio's page under fingers; what it copies; a picture drawn on a bare sheet."""

from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.studio_server import Server
from tests.test_studio_page import (
    Watched,
    at,
    browser,
    choose_pictures,
    colours,
    context,
    page,
    paint_both,
    palette,
    pictures,
    pytestmark,
    ready,
    saved_map,
    set_value,
    start,
    state,
    tool,
)

__all__ = ["browser", "context", "page", "pictures", "pytestmark"]  # fixtures


class Fingers:
    """Touches of the page, by the browser's own driver."""

    def __init__(self, page: Page) -> None:
        self._driver = page.context.new_cdp_session(page)

    def touch(self, kind: str, *places: tuple[float, float]) -> None:
        """``kind``: Start, Move or End, with as many fingers on the glass as there are places."""
        points = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(places)]
        self._driver.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": points})


@pytest.mark.long
def test_one_finger_paints_and_two_zoom(
    browser: Browser, server: Server, pictures: dict[str, Path], tmp_path: Path
) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, has_touch=True)
    watched = Watched(context, server.address)
    page = watched.page
    ready(page, server.address)
    choose_pictures(page, pictures)
    canvas = page.locator("#canvas-content")
    tool(page, "brush")  # until then one finger scrolls
    palette(page, "skin")
    fingers = Fingers(page)
    place = canvas.bounding_box()
    fingers.touch("Start", at(canvas, 0.2, 0.5))
    for x in (0.3, 0.4, 0.5, 0.6, 0.7, 0.8):
        fingers.touch("Move", at(canvas, x, 0.5))
    fingers.touch("End")
    page.locator("#map-advice", has_text="now paint the style").wait_for()
    assert canvas.bounding_box() == place  # advice that comes does not move what is painted on
    painted = saved_map(page, "content", tmp_path)
    assert colours(painted[32:33, 16:64]) == {"#00ff00"}
    assert colours(painted[:8]) == {"#ff0000"}

    # Two fingers that move apart about a place keep it where it is, and enlarge. The first finger paints
    # until the second comes; that much is taken back.
    middle = at(canvas, 0.5, 0.5)
    for gap in (20, 40, 60, 80):
        places = [(middle[0] - gap, middle[1]), (middle[0] + gap, middle[1])]
        if gap == 20:
            fingers.touch("Start", places[0])
            fingers.touch("Start", *places)
        else:
            fingers.touch("Move", *places)
    fingers.touch("End")
    assert np.array_equal(saved_map(page, "content", tmp_path), painted)
    # Four times as large: what was 32 pixels right of the middle, under the finger, now is 8. A narrower
    # window keeps that.
    tool(page, "eraser")
    beside = at(canvas, 0.9, 0.5)[0] - middle[0]
    page.set_viewport_size({"width": 1180, "height": 800})
    page.wait_for_timeout(300)
    middle = at(canvas, 0.5, 0.5)
    fingers.touch("Start", (middle[0] + beside, middle[1]))
    fingers.touch("End")
    erased = np.argwhere((saved_map(page, "content", tmp_path) != painted).any(axis=-1))
    assert len(erased)
    assert abs(erased[:, 1].mean() - 48) < 2
    watched.check()
    context.close()


@pytest.mark.long
def test_what_is_copied(context: BrowserContext, server: Server, pictures: dict[str, Path]) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    watched = Watched(context, server.address)
    page = watched.page
    ready(page, server.address)
    choose_pictures(page, pictures)
    start(page, 4)
    state(page, "Finished")
    page.get_by_role("button", name="Copy the address").click()
    page.locator("#notices", has_text="copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == page.url
    page.locator("#command-box summary").click()
    page.locator("#copy-command").click()
    page.locator("#notices", has_text="Command copied").wait_for()
    command = page.evaluate("navigator.clipboard.readText()")
    assert command == page.locator("#command").inner_text()
    assert command.startswith("glstylenet stylize ")
    assert "--iterations 4" in command
    watched.check()


@pytest.mark.long
def test_a_doodle_becomes_a_picture(page: Page, pictures: dict[str, Path]) -> None:
    page.get_by_role("button", name="bare sheet").click()
    page.locator("#canvas-content").wait_for(state="visible")
    page.set_input_files("#file-style", pictures["style"])
    page.locator("#canvas-style").wait_for(state="visible")
    set_value(page, "size", "64")
    page.locator("#run").click()
    page.locator("#notices", has_text="bare sheet needs maps").wait_for()
    paint_both(page)
    start(page, 6)
    state(page, "Finished")
    size = page.evaluate(
        "[document.getElementById('after').naturalWidth, document.getElementById('after').naturalHeight]"
    )
    assert max(size) == 64  # as the setting says
