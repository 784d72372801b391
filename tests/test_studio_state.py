"""The studio's page keeps what was painted, shows the run that there is, and lets the last choice win."""

import contextlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import BrowserContext, Error, Page, Route

from tests.studio_server import Server
from tests.test_studio_page import (
    at,
    browser,
    choose_pictures,
    colours,
    context,
    drag,
    page,
    paint_both,
    palette,
    pictures,
    pytestmark,
    ready,
    saved_map,
    start,
    state,
    still_page,
    tool,
    until,
)

__all__ = ["browser", "context", "page", "pictures", "pytestmark", "still_page"]  # fixtures

BACKGROUND, SKIN, SKY = "#ff0000", "#00ff00", "#00ffff"
RUN: dict[str, Any] = {
    "id": "A" * 22,
    "preset": "artistic",
    "settings": {"quality": "standard", "iterations": None},
    "state": "running",
    "content": "c",
    "style": "s",
    "progress": None,
    "preview": None,
    "result": None,
    "warnings": [],
    "seconds": 0,
    "command": "glstylenet stylize",
}


def view(page: Page, **changes: object) -> dict[str, object]:
    """What the page shows of a run."""
    source = "async (run) => (await import('/static/run_view.js')).runView(run)"
    return dict(page.evaluate(source, {**RUN, **changes}))


def open_tab(context: BrowserContext, address: str) -> Page:
    page = context.new_page()
    ready(page, address)
    return page


def fill(page: Page, role: str, name: str) -> None:
    tool(page, "fill")
    palette(page, name)
    page.mouse.click(*at(page.locator(f"#canvas-{role}"), 0.5, 0.2))


def kept(page: Page, wait: float = 700) -> None:
    """Wait until the work on the page is written: some ``wait`` ms after the last change."""
    page.wait_for_timeout(wait)


def drop(page: Page, role: str, file: Path) -> None:
    """Drop a file on a pane."""
    page.evaluate(
        """([role, name, bytes]) => {
          const transfer = new DataTransfer();
          transfer.items.add(new File([Uint8Array.from(bytes)], name, {type: "image/png"}));
          const event = new DragEvent("drop", {dataTransfer: transfer, bubbles: true, cancelable: true});
          document.getElementById(`pane-${role}`).dispatchEvent(event);
        }""",
        [role, file.name, list(file.read_bytes())],
    )


@pytest.fixture(scope="module")
def tall(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another picture, of a shape of its own."""
    file = tmp_path_factory.mktemp("tall") / "tall.png"
    values = np.random.default_rng(3).integers(0, 256, (9, 5, 3), dtype=np.uint8)
    Image.fromarray(values).resize((50, 90)).save(file)
    return file


# --- what is shown of a run


@pytest.mark.long
def test_no_run_is_a_page_that_can_run(still_page: Page) -> None:
    shown = still_page.evaluate("async () => (await import('/static/run_view.js')).runView(null)")
    assert shown["id"] is None
    assert shown["active"] is False
    assert shown["pageTitle"] == "glstylenet studio"
    assert set(shown) == set(view(still_page)), "each view says all of it, so nothing of another run is left"


def test_a_preview_has_no_curve_from_the_start(still_page: Page) -> None:
    """It had one, empty, until the first strokes were copied."""
    preview = {"quality": "preview", "iterations": None}
    assert view(still_page, settings=preview)["optimised"] is False
    assert view(still_page, settings={**preview, "iterations": 3})["optimised"] is True
    assert view(still_page)["optimised"] is True


@pytest.mark.parametrize(
    ("state", "has_picture", "says"),
    [
        ("stopped", False, "there was no picture yet"),
        ("stopped", True, "the picture so far is kept"),
        ("queued", False, "Waiting: 4 before it."),
    ],
)
def test_the_words_fit_the_picture(still_page: Page, state: str, has_picture: bool, says: str) -> None:
    picture = "/api/jobs/x/preview.jpg?n=1" if has_picture else None
    shown = view(still_page, state=state, preview=picture, queue_position=4)
    assert says in str(shown["sentence"])
    assert ("left no picture" in str(shown["note"])) == (state == "stopped" and not has_picture)


@pytest.mark.long
def test_a_page_in_front_of_a_deleted_run_can_run_again(
    context: BrowserContext, server: Server, pictures: dict[str, Path]
) -> None:
    first = open_tab(context, server.address)
    choose_pictures(first, pictures)
    start(first, 20_000)
    state(first, "Running")
    second = open_tab(context, first.url)
    state(second, "Running")
    second.get_by_role("button", name="Delete the run").first.click()
    second.locator("#confirm-yes").click()
    for tab in (second, first):
        tab.locator("#run").wait_for(state="visible", timeout=30_000)
        assert tab.locator("#stop").is_hidden()
        assert tab.locator("#result").is_hidden()
        assert tab.title() == "glstylenet studio"
        assert "#job" not in tab.url
    first.bring_to_front()
    start(first, 4)
    state(first, "Finished")


@pytest.mark.long
def test_a_finished_run_opened_again_replays_nothing(
    context: BrowserContext, server: Server, pictures: dict[str, Path]
) -> None:
    page = open_tab(context, server.address)
    choose_pictures(page, pictures)
    start(page, 30)
    state(page, "Finished")
    address = page.url
    page.close()
    again = context.new_page()
    again.add_init_script(
        """window.titles = [];
        new MutationObserver(() => window.titles.push(document.title))
          .observe(document, {subtree: true, childList: true, characterData: true});"""
    )
    requests: list[str] = []
    again.on("request", lambda request: requests.append(request.url))
    ready(again, address)
    state(again, "Finished")
    again.locator("#after").wait_for(state="visible")
    until(again, "document.querySelector('#terms td')?.textContent !== '–'")
    again.wait_for_timeout(300)
    assert [url for url in requests if "preview.jpg" in url] == []
    assert [title for title in again.evaluate("window.titles") if "%" in title] == []
    assert again.title() == "✓ glstylenet studio"


@pytest.mark.long
def test_a_place_in_the_queue_counts_down(context: BrowserContext, server: Server) -> None:
    def queue(iterations: int) -> str:
        settings = {"size": 64, "iterations": iterations}
        request = {"content": "sample:demo", "style": "sample:demo", "settings": settings}
        return str(context.request.post(f"{server.address}api/jobs", data=request).json()["id"])

    running, next_one, last = queue(20_000), queue(4), queue(4)
    page = open_tab(context, f"{server.address}#job={last}")
    state(page, "Waiting: 2 before it.")
    context.request.delete(f"{server.address}api/jobs/{next_one}")
    state(page, "Waiting: 1 before it.")
    context.request.delete(f"{server.address}api/jobs/{running}")
    state(page, "Finished")


@pytest.mark.long
def test_the_content_is_not_drawn_distorted(
    context: BrowserContext, server: Server, pictures: dict[str, Path], tall: Path
) -> None:
    """Before the run has told its size, the place of the result has the shape of the content."""
    page = open_tab(context, server.address)
    page.set_input_files("#file-content", tall)
    page.locator("#canvas-content").wait_for(state="visible")
    page.set_input_files("#file-style", pictures["style"])
    page.locator("#canvas-style").wait_for(state="visible")

    def answer(route: Route) -> None:
        body = json.loads(route.request.post_data or "{}")
        route.fulfill(status=201, json={**RUN, "state": "queued", "content": body["content"]})

    page.route("**/api/jobs", answer)
    page.route("**/api/jobs/**", lambda route: route.abort())
    page.locator("#run").click()
    page.locator("#result").wait_for(state="visible")
    page.wait_for_timeout(300)
    box = page.locator("#compare").bounding_box()
    assert box is not None
    assert box["width"] / box["height"] == pytest.approx(50 / 90, rel=0.02)


# --- what was painted


@pytest.mark.long
def test_a_picture_dropped_on_a_painted_one_can_be_taken_back(
    page: Page, pictures: dict[str, Path], tall: Path, tmp_path: Path
) -> None:
    choose_pictures(page, pictures)
    fill(page, "content", "sky")
    kept(page)
    drop(page, "content", tall)
    page.locator("#notices", has_text="is kept with what you painted").wait_for()
    page.locator("#pane-content .pane-head", has_text="50 × 90").wait_for()
    page.get_by_role("button", name="Bring it back").click()
    page.locator("#pane-content .pane-head", has_text="80 × 64").wait_for()
    page.locator(".swatch.used", has_text="sky").wait_for()
    assert colours(saved_map(page, "content", tmp_path)) == {SKY}
    page.go_back()  # to the other picture, which is kept as well
    page.locator("#pane-content .pane-head", has_text="50 × 90").wait_for()


@pytest.mark.long
def test_back_and_reload_bring_what_an_earlier_run_replaced(
    page: Page, pictures: dict[str, Path], tmp_path: Path
) -> None:
    choose_pictures(page, pictures)
    start(page, 4)
    state(page, "Finished")
    page.locator("[data-goto=paint]").click()
    paint_both(page)  # after the run, and not run yet
    first = page.url
    page.evaluate("location.hash = ''")
    fill(page, "content", "sky")
    page.evaluate(f"location.hash = new URL({first!r}).hash")
    state(page, "Finished")
    page.locator("[data-goto=paint]").click()
    page.get_by_role("button", name="Save the map of the content").click()
    page.locator("#notices", has_text="Nothing is painted on the content").wait_for()  # as it was run
    page.go_back()
    page.locator(".swatch.used", has_text="sky").wait_for()
    assert colours(saved_map(page, "content", tmp_path)) >= {SKY}
    page.reload()
    page.wait_for_selector("html[data-ready]", state="attached")
    assert colours(saved_map(page, "content", tmp_path)) >= {SKY}
    page.go_back()  # to the run, with what was painted after it
    state(page, "Finished")
    page.locator("[data-goto=paint]").click()
    page.locator(".swatch.used", has_text="skin").wait_for()
    assert colours(saved_map(page, "content", tmp_path)) == {BACKGROUND, SKIN}


@pytest.mark.long
def test_two_tabs_have_drafts_of_their_own(
    context: BrowserContext, server: Server, pictures: dict[str, Path], tmp_path: Path
) -> None:
    first = open_tab(context, server.address)
    choose_pictures(first, pictures)
    fill(first, "content", "sky")
    kept(first)
    second = open_tab(context, server.address)
    second.locator("#canvas-content").wait_for(state="visible")  # a copy of what was worked on last
    fill(second, "content", "skin")
    kept(second, 1500)
    for tab, colour in ((first, SKY), (second, SKIN)):
        tab.bring_to_front()
        tab.reload()
        tab.wait_for_selector("html[data-ready]", state="attached")
        assert colours(saved_map(tab, "content", tmp_path)) == {colour}


@pytest.mark.long
def test_a_reload_right_after_a_stroke_keeps_it_and_what_is_bare(
    page: Page, pictures: dict[str, Path], tmp_path: Path
) -> None:
    choose_pictures(page, pictures)
    kept(page)
    palette(page, "skin")
    drag(page, page.locator("#canvas-content"), (0.3, 0.5), (0.6, 0.5))
    page.reload()
    page.wait_for_selector("html[data-ready]", state="attached")
    page.locator(".swatch.used", has_text="skin").wait_for()
    bare = """async () => {
      const {painters} = await import("/static/pictures.js");
      return painters.content.labels.data.includes(255);
    }"""
    assert page.evaluate(bare)


@pytest.mark.long
def test_a_draft_outlives_the_studio_that_had_its_picture(
    page: Page, pictures: dict[str, Path], server: Server, tmp_path: Path
) -> None:
    choose_pictures(page, pictures)
    fill(page, "content", "sky")
    kept(page)
    for file in (server.data / "pictures").iterdir():
        file.unlink()
    # An empty answer for the missing one: of "not found" the browser itself would complain.
    page.route("**/api/pictures/*", lambda route: route.fulfill(body=b"", content_type="image/png"), times=2)
    page.reload()
    page.wait_for_selector("html[data-ready]", state="attached")
    page.locator("#canvas-content").wait_for(state="visible")
    assert colours(saved_map(page, "content", tmp_path)) == {SKY}
    assert len(list((server.data / "pictures").iterdir())) == 2


# --- the last choice


class Gate:
    """Holds requests back until it is opened."""

    def __init__(self) -> None:
        self.held: list[Route] = []

    def hold(self, route: Route) -> None:
        self.held.append(route)

    def open(self) -> None:
        for route in self.held:
            with contextlib.suppress(Error):  # the page has given the request up
                route.continue_()


@pytest.mark.long
def test_a_large_picture_chosen_first_does_not_overtake(
    page: Page, pictures: dict[str, Path], tall: Path, tmp_path: Path
) -> None:
    gate = Gate()
    page.route("**/api/pictures", gate.hold, times=1)
    page.set_input_files("#file-content", tall)
    page.locator("#pane-content .busy", has_text="tall.png").wait_for()
    drop(page, "content", pictures["content"])
    page.locator("#pane-content .pane-head", has_text="80 × 64").wait_for()
    fill(page, "content", "sky")
    gate.open()
    page.wait_for_timeout(500)
    assert page.locator("#pane-content .pane-head", has_text="80 × 64").is_visible()
    assert colours(saved_map(page, "content", tmp_path)) == {SKY}
    assert page.locator("#notices").inner_text() == ""


@pytest.mark.long
def test_an_upload_tells_how_far_it_is_and_can_be_cancelled(page: Page, tall: Path) -> None:
    gate = Gate()
    page.route("**/api/pictures", gate.hold, times=1)
    page.set_input_files("#file-content", tall)
    busy = page.locator("#pane-content .busy")
    busy.filter(has_text="tall.png").wait_for()
    assert busy.locator("progress").is_visible()
    page.locator("#run-hint", has_text="tall.png is still being sent").wait_for()
    page.get_by_role("button", name="Do not send the content").click()
    busy.wait_for(state="hidden")
    assert page.locator("#canvas-content").is_hidden()
    assert page.locator("#notices").inner_text() == ""
    page.set_input_files("#file-content", tall)
    page.locator("#canvas-content").wait_for(state="visible")
    assert busy.is_hidden()


@pytest.mark.long
def test_of_two_runs_opened_quickly_the_last_is_shown(
    page: Page, pictures: dict[str, Path], tall: Path
) -> None:
    addresses = []
    for file in (pictures["content"], tall):
        page.evaluate("location.hash = ''")
        page.set_input_files("#file-content", file)
        page.set_input_files("#file-style", pictures["style"])
        page.locator("#canvas-style").wait_for(state="visible")
        start(page, 4)
        state(page, "Finished")
        addresses.append(page.url)
        page.locator("[data-goto=paint]").click()
        page.get_by_role("button", name="Take another picture as content").click()
    slow, last = (address.split("#job=")[1] for address in addresses)
    page.evaluate("location.hash = ''")
    gate = Gate()
    page.route(f"**/api/jobs/{slow}", gate.hold, times=1)
    page.evaluate(f"location.hash = '#job={slow}'")
    page.wait_for_timeout(100)
    page.evaluate(f"location.hash = '#job={last}'")
    page.locator("#pane-content .pane-head", has_text="50 × 90").wait_for(state="attached")
    gate.open()
    page.wait_for_timeout(500)
    assert page.url.endswith(last)
    assert "50 × 90" in (page.locator("#pane-content .pane-head").text_content() or "")
    assert last in (page.locator("#after").get_attribute("src") or "")
