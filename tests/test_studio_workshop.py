"""The page's shape: room to paint, runs in sight, two pictures looked at closely, words of two languages."""

import io
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, FilePayload, Page, Route

from glstylenet.studio.setting_schema import page_schema
from tests.long_cases import rest_is_long
from tests.studio_server import Server
from tests.test_studio_page import (
    PATIENCE,
    PHONE_WIDTH,
    Watched,
    browser,
    choose_pictures,
    context,
    no_overflow,
    no_violations,
    page,
    paint_both,
    pictures,
    pytestmark,
    ready,
    saved_map,
    set_value,
    start,
    state,
    still_page,
    until,
)
from tests.test_studio_state import RUN, view

__all__ = ["browser", "context", "page", "pictures", "pytestmark", "still_page"]  # fixtures

LEAST_HEIGHT = 620  # pixels to paint on, in a window of 1280 x 800


def answer_with(page: Page, *jobs: dict[str, Any]) -> None:
    """Let the server tell of these runs, and of no others."""
    page.evaluate(
        "ids => localStorage.setItem('glstylenet.runs', JSON.stringify(ids))", [job["id"] for job in jobs]
    )
    page.route("**/api/jobs?ids=*", lambda route: route.fulfill(json={"jobs": list(jobs)}))


def refresh(page: Page) -> None:
    page.evaluate("async () => (await import('/static/history.js')).refresh()")


# --- room


@pytest.mark.long
def test_there_is_room_to_paint(page: Page, pictures: dict[str, Path]) -> None:
    page.set_viewport_size({"width": 1280, "height": 800})
    choose_pictures(page, pictures)
    for role in ("content", "style"):
        box = page.locator(f"#pane-{role} .stage").bounding_box()
        assert box is not None
        assert box["height"] >= LEAST_HEIGHT
        assert box["y"] + box["height"] <= 800
    narrow = page.locator("#pane-content .stage").bounding_box()
    page.locator("#fold").click()
    assert page.locator("#view-settings").is_hidden()
    assert page.locator("#run").is_visible()
    wider = page.locator("#pane-content .stage").bounding_box()
    page.locator("#enlarge-content").click()
    assert page.locator("#pane-style").is_hidden()
    widest = page.locator("#pane-content .stage").bounding_box()
    assert narrow is not None
    assert wider is not None
    assert widest is not None
    assert narrow["width"] + 50 < wider["width"] < widest["width"] / 1.7
    page.locator("#enlarge-content").click()
    assert page.locator("#pane-style").is_visible()
    page.locator("#fold").click()
    assert page.locator("#view-settings").is_visible()


@pytest.mark.long
@pytest.mark.parametrize("view", rest_is_long(["settings", "paint", "result"], short=1))
def test_nothing_is_hidden_under_run_on_a_phone(
    browser: Browser, server: Server, pictures: dict[str, Path], view: str
) -> None:
    context = browser.new_context(
        viewport={"width": PHONE_WIDTH, "height": 844}, has_touch=True, is_mobile=True
    )
    watched = Watched(context, server.address)
    page = watched.page
    ready(page, server.address)
    choose_pictures(page, pictures)
    page.evaluate("document.getElementById('advanced').open = true")
    page.locator(f"[data-goto={view}]").tap()
    no_overflow(page, PHONE_WIDTH)
    page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    last = {"paint": "#pane-style .stage", "settings": "#reset", "result": "#result-empty"}[view]
    box, bar = page.locator(last).bounding_box(), page.locator("#runbar").bounding_box()
    assert box is not None
    assert bar is not None
    assert box["y"] + box["height"] <= bar["y"] + 0.5
    assert bar["y"] + bar["height"] <= 844 + 0.5
    watched.check()
    context.close()


# --- runs


@pytest.mark.long
def test_runs_are_in_sight_with_what_goes_on(page: Page) -> None:
    going = {
        **RUN,
        "created": 1,
        "queue_position": None,
        "thumbnail": None,
        "progress": {
            "evaluation": 30,
            "evaluations": 120,
            "scale": 1,
            "scales": 2,
            "seconds_left": 240,
            "losses": {},
        },
    }
    waiting = {**going, "id": "B" * 22, "state": "queued", "queue_position": 1, "progress": None}
    answer_with(page, waiting, going)
    refresh(page)
    items = page.locator("#history li")
    assert items.nth(0).locator("small").first.inner_text() == "waiting, 1 before it"
    items.nth(0).locator("button").click()
    asked = page.locator("#confirm-title").inner_text()
    assert asked.startswith(f"Delete the run {items.nth(0).locator('b').inner_text()}, ")
    page.locator("#confirm-no").click()
    assert items.nth(1).locator("small").first.inner_text() == "about 4 min left"
    assert float(items.nth(1).locator("progress").evaluate("bar => bar.value")) == 0.25
    items.nth(1).locator("a").focus()
    answer_with(page, waiting, {**going, "state": "done", "progress": None})
    refresh(page)
    until(page, "document.querySelectorAll('#history li')[1].innerText.includes('finished')")
    assert items.nth(1).locator("progress").is_hidden()
    assert page.evaluate(
        "document.activeElement.closest('li') === document.querySelectorAll('#history li')[1]"
    )


@pytest.mark.long
def test_a_run_in_the_strip_is_told_without_a_cut(page: Page) -> None:
    """What tells two drafts of today apart was cut off: the hour, and what differs from the preset."""
    page.set_viewport_size({"width": 1280, "height": 800})
    now = page.evaluate("Date.now() / 1000")
    job = {
        **RUN,
        "settings": {"size": 128, "quality": "draft"},
        "state": "done",
        "queue_position": None,
        "thumbnail": None,
    }
    going = {**job, "state": "running"}
    answer_with(
        page, *({**each, "id": name * 22, "created": now} for each, name in ((job, "A"), (going, "B")))
    )
    refresh(page)
    page.locator("#history li").nth(1).wait_for()
    text = page.locator("#history li").first.inner_text().replace("\n", " ")
    hour = page.evaluate("new Date().toLocaleTimeString([], {timeStyle: 'short'})")
    assert text == f"artistic finished, {hour} longest side 128, quality draft"
    cut = (
        page.locator("#history li")
        .first.locator("small")
        .evaluate_all(
            """all => all.filter((each) => each.scrollWidth > each.clientWidth
              || each.scrollHeight > each.clientHeight + 1).map((each) => each.textContent)"""
        )
    )
    assert cut == []
    outside = page.locator("#history a").evaluate_all(
        "all => all.filter((each) => each.scrollHeight > each.clientHeight).length"
    )
    assert outside == 0


@pytest.mark.long
def test_run_queues_while_another_runs(page: Page, pictures: dict[str, Path]) -> None:
    choose_pictures(page, pictures)
    start(page, 20_000)
    first = page.url
    page.locator("#after").wait_for(state="visible", timeout=PATIENCE)
    set_value(page, "iterations", "3")
    page.locator("#run").click()
    page.locator("#notices", has_text="The run is queued").wait_for()
    assert page.url == first, "what grows stays in sight"
    page.locator("#history small", has_text="waiting, 1 before it").wait_for()
    page.locator("#stop").click()
    state(page, "Stopped")
    page.locator("#history li:first-child small", has_text="finished").wait_for(timeout=PATIENCE)
    assert page.locator("#fullness").inner_text().endswith("of 5.0 GB")
    page.locator("#delete-all").click()
    page.locator("#confirm-yes").click()
    until(page, "document.querySelectorAll('#history li').length === 0")
    assert page.locator("#result").is_hidden()


@pytest.mark.long
@pytest.mark.parametrize("last", [0, 1])
def test_a_run_queued_while_the_strip_asks_stays_in_it(page: Page, last: int) -> None:
    """The answer to a question of before the run was queued knows nothing of it."""
    first, second = (
        {**RUN, "id": name * 22, "created": 1, "queue_position": None, "thumbnail": None, "state": "done"}
        for name in "AB"
    )
    answer_with(page, first)
    refresh(page)
    questions: list[Route] = []
    page.unroute("**/api/jobs?ids=*")
    page.route("**/api/jobs?ids=*", lambda route: questions.append(route))  # noqa: PLW0108 - playwright marks it
    page.evaluate("async () => { (await import('/static/history.js')).refresh(); }")
    while not questions:
        page.wait_for_timeout(10)
    page.evaluate("async (id) => { (await import('/static/history.js')).keep(id); }", second["id"])
    while len(questions) < 2:
        page.wait_for_timeout(10)
    answers = [[first], [second, first]]
    for k in (1 - last, last):
        questions[k].fulfill(json={"jobs": answers[k]})
        page.wait_for_timeout(100)
    assert page.evaluate("JSON.parse(localStorage['glstylenet.runs'])") == [second["id"], first["id"]]
    links = page.locator("#history a").evaluate_all("all => all.map((each) => each.dataset.id)")
    assert links == [second["id"], first["id"]]


@pytest.mark.long
def test_a_long_run_that_ends_is_told(context: BrowserContext, server: Server) -> None:
    context.add_init_script(
        """window.told = [];
        window.Notification = class { static permission = "granted";
          constructor(title, options) { window.told.push([title, options.body, options.silent]); } };
        document.hasFocus = () => false;"""
    )
    page = context.new_page()
    ready(page, server.address)
    long, short = ({**RUN, "id": name * 22, "created": 1, "seconds": 900} for name in "AB")
    answer_with(page, long, short)
    refresh(page)
    done = {"state": "done", "thumbnail": None}
    answer_with(page, {**long, **done}, {**short, **done, "seconds": 5})
    refresh(page)
    until(page, "window.told.length > 0")
    assert page.evaluate("window.told") == [["Run finished", "artistic", True]]


# --- looking closely


@pytest.fixture(scope="module")
def painted(browser: Browser, server: Server, pictures: dict[str, Path]) -> str:
    """The id of a finished run."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    ready(page, server.address)
    choose_pictures(page, pictures)
    page.locator("#quality input[value=preview]").check()
    page.locator("#run").click()
    state(page, "Finished")
    name = page.url.split("#job=")[1]
    context.close()
    return name


def sight(page: Page) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """The pixels of the viewer, once they are drawn."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    width, height, values = page.evaluate(
        """() => {
          const sight = document.getElementById("sight");
          const {width, height} = sight;
          const copy = new OffscreenCanvas(width, height).getContext("2d", {willReadFrequently: true});
          copy.drawImage(sight, 0, 0);
          return [width, height, [...copy.getImageData(0, 0, width, height).data]];
        }"""
    )
    return np.asarray(values, np.uint8).reshape(height, width, 4)


def halves(page: Page) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    seen = sight(page)
    across = (seen.shape[1] - 4) // 2
    return seen[:, :across], seen[:, across + 4 : 2 * across + 4]


def alike(first: np.ndarray[Any, Any], second: np.ndarray[Any, Any]) -> bool:
    """Whether two parts of the viewer show the same, but for the rounding of enlarged pixels."""
    return bool(np.abs(first.astype(int) - second.astype(int)).max() <= 3)


def open_viewer(context: BrowserContext, server: Server, name: str) -> Watched:
    watched = Watched(context, server.address)
    watched.page.set_viewport_size({"width": 404, "height": 220})
    ready(watched.page, f"{server.address}static/viewer.html#job={name}")
    return watched


@pytest.mark.long
def test_two_pictures_move_in_step(context: BrowserContext, server: Server, painted: str) -> None:
    """Twice the same picture: whatever is done, both halves are the same, and other than before."""
    watched = open_viewer(context, server, painted)
    page = watched.page
    page.locator("#first").select_option(f"{painted}/result")
    page.locator("#first-name", has_text="result").wait_for()
    until(page, "document.getElementById('zoom').textContent !== ''")
    page.wait_for_timeout(200)
    before, other = halves(page)
    assert before.any()
    assert alike(before, other)
    box = page.locator("#sight").bounding_box()
    assert box is not None

    def wheel() -> None:
        page.mouse.move(box["x"] + 60, box["y"] + 50)
        page.mouse.wheel(0, -300)

    def drag() -> None:
        page.mouse.move(box["x"] + 300, box["y"] + 60)
        page.mouse.down()
        page.mouse.move(box["x"] + 330, box["y"] + 80)
        page.mouse.up()

    page.locator("#sight").focus()
    for act in (wheel, drag, lambda: page.keyboard.press("ArrowLeft"), lambda: page.keyboard.press("+")):
        act()
        page.wait_for_timeout(60)
        left, right = halves(page)
        assert alike(left, right)
        assert not alike(left, before)
        before = left
    page.keyboard.press("1")
    until(page, "document.getElementById('zoom').textContent === '100 %'")
    watched.check()


@pytest.mark.long
def test_slider_and_blink_show_one_in_the_place_of_the_other(
    context: BrowserContext, server: Server, painted: str
) -> None:
    watched = open_viewer(context, server, painted)
    page = watched.page
    page.emulate_media(reduced_motion="reduce")
    page.locator("[data-mode=one]").click()
    result = sight(page)
    page.locator("[data-mode=blink]").click()
    assert alike(sight(page), result)
    page.locator("#sight").focus()
    page.keyboard.press("Space")
    content = sight(page)
    assert not alike(content, result)
    page.keyboard.press("d")
    middle = result.shape[1] // 2
    slid = sight(page)
    assert alike(slid[:, : middle - 3], content[:, : middle - 3])
    assert alike(slid[:, middle + 3 :], result[:, middle + 3 :])
    assert page.locator("#divider").is_visible()
    no_violations(page)
    watched.check()


def middles(page: Page) -> tuple[list[int], list[int]]:
    """The colours in the middle of both pictures of the viewer."""
    left, right = halves(page)
    middle = left.shape[0] // 2, left.shape[1] // 2
    return left[middle][:3].tolist(), right[middle][:3].tolist()


@pytest.mark.long
def test_every_style_of_a_run_is_beside_its_result(
    context: BrowserContext, server: Server, pictures: dict[str, Path]
) -> None:
    """A white, a red and a green picture as styles: what is chosen is what is seen."""
    watched = Watched(context, server.address)
    page = watched.page
    ready(page, server.address)
    names = []
    for colour in ("white", "red", "lime"):
        buffer = io.BytesIO()
        Image.new("RGB", (60, 40), colour).save(buffer, "PNG")
        file: FilePayload = {"name": "a.png", "mimeType": "image/png", "buffer": buffer.getvalue()}
        answer = page.request.post(f"{server.address}api/pictures", multipart={"file": file})
        names.append(answer.json()["id"])
    shown = {"state": "done", "result": f"/api/pictures/{names[0]}", "content": None}
    further = [{"style": name, "style_map": None} for name in names[1:]]
    run = {**RUN, "created": 1, **shown, "style": names[0], "further_styles": further}
    answer_with(page, run)
    page.set_viewport_size({"width": 404, "height": 220})
    ready(page, f"{server.address}static/viewer.html#job={run['id']}")
    offered = page.locator("#first option").all_inner_texts()
    assert offered == ["result", "style 1", "style 2", "style 3"]
    for number, expected in ((1, [255, 255, 255]), (2, [255, 0, 0]), (3, [0, 255, 0])):
        page.locator("#first").select_option(f"style {number}")
        page.locator("#first-name", has_text=f"style {number}").wait_for()
        deadline = time.monotonic() + 60
        while (colours := middles(page)) != (
            expected,
            [255, 255, 255],
        ):  # the name is there before the picture
            assert time.monotonic() < deadline, colours
    watched.check()


@pytest.mark.long
def test_the_viewer_tells_variants_apart(context: BrowserContext, server: Server) -> None:
    """Runs of one preset, queued within a minute, by what they were given."""
    usual = {"quality": "draft", "local_weight": 500.0, "strict": False, "size": None}
    one = {
        **RUN,
        "settings": usual,
        "state": "done",
        "created": 1,
        "content": "sample:content",
        "style": "sample:style",
        "result": "/static/icon.svg",
    }
    changes: tuple[dict[str, object], ...] = (
        {"local_weight": 2000.0},
        {"quality": "preview", "strict": True, "size": 128},
        {},
    )
    others = [
        {**one, "id": name * 22, "settings": {**usual, **change}}
        for name, change in zip("BCD", changes, strict=True)
    ]
    page = context.new_page()
    page.route("**/api/jobs?ids=*", lambda route: route.fulfill(json={"jobs": [one, *others]}))
    ready(page, f"{server.address}static/viewer.html#job={one['id']}")
    names = page.locator("#first optgroup option").all_inner_texts()
    begun = page.evaluate("new Date(1000).toLocaleString([], {dateStyle: 'short', timeStyle: 'medium'})")
    assert names == [
        f"artistic, brush strokes of the style 2000, {begun}",
        f"artistic, quality preview, strict on, longest side 128, {begun}",
        f"artistic, {begun}",
    ]


# --- pictures


@pytest.mark.long
def test_a_picture_is_pasted_anywhere(page: Page, pictures: dict[str, Path]) -> None:
    for role in ("content", "style"):
        page.evaluate(
            """([name, bytes]) => {
              const clipboardData = new DataTransfer();
              clipboardData.items.add(new File([Uint8Array.from(bytes)], name, {type: "image/png"}));
              document.body.dispatchEvent(new ClipboardEvent("paste", {clipboardData, bubbles: true}));
            }""",
            [pictures[role].name, list(pictures[role].read_bytes())],
        )
        page.locator(f"#pane-{role} .pane-head", has_text=f"{role}.png").wait_for()


@pytest.mark.long
def test_a_result_becomes_the_content(
    context: BrowserContext, server: Server, painted: str, pictures: dict[str, Path]
) -> None:
    watched = Watched(context, server.address)
    page = watched.page
    ready(page, f"{server.address}#job={painted}")
    page.get_by_role("button", name="Take the result as content").click()
    page.locator("#pane-content .pane-head", has_text="artistic-").wait_for()
    assert page.locator("#canvas-content").is_visible()
    watched.check()


@pytest.mark.long
def test_content_and_style_change_places(page: Page, pictures: dict[str, Path], tmp_path: Path) -> None:
    choose_pictures(page, pictures)
    assert page.locator("#pane-content .pane-head .pale").inner_text() == "80 × 64, content.png"
    paint_both(page)
    content, style = (saved_map(page, role, tmp_path) for role in ("content", "style"))
    page.get_by_role("button", name="Swap content and style").click()
    page.locator("#pane-content .pane-head", has_text="64 × 72, style.png").wait_for()
    page.locator("#pane-style .pane-head", has_text="80 × 64, content.png").wait_for()
    page.locator("#say", has_text="changed places").wait_for(state="attached")
    assert np.array_equal(saved_map(page, "content", tmp_path), style)
    assert np.array_equal(saved_map(page, "style", tmp_path), content)


@pytest.mark.long
def test_a_swap_that_fails_brings_back_what_was_painted(
    context: BrowserContext, server: Server, pictures: dict[str, Path], tmp_path: Path
) -> None:
    page = context.new_page()
    ready(page, server.address)
    choose_pictures(page, pictures)
    paint_both(page)
    content = saved_map(page, "content", tmp_path)
    page.route("**/api/pictures/*", lambda route: route.fulfill(status=404))
    page.get_by_role("button", name="Swap content and style").click()
    page.locator("#notices", has_text="The picture could not be shown").wait_for()
    assert page.locator("#pane-content .pane-head .pale").inner_text() == "80 × 64, content.png"
    assert np.array_equal(saved_map(page, "content", tmp_path), content)


@pytest.mark.long
def test_drafts_are_kept_by_name(page: Page, pictures: dict[str, Path], tmp_path: Path) -> None:
    choose_pictures(page, pictures)
    paint_both(page)
    painted = saved_map(page, "content", tmp_path)
    page.locator("#open-drafts").click()
    page.locator("#draft-name").fill("Anna, first try")
    page.locator("#draft-name").press("Enter")
    page.locator("#draft-list li", has_text="Anna, first try").wait_for()
    no_violations(page)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Clear the map of the content").click()
    page.get_by_role("button", name="Clear the map of the style").click()
    page.locator(".swatch.used", has_text="skin").wait_for(state="detached")
    page.locator("#open-drafts").click()
    page.locator("#draft-list button", has_text="Anna, first try").click()
    page.locator("#drafts").wait_for(state="hidden")
    page.locator(".swatch.used", has_text="skin").wait_for()
    until(page, "document.querySelector('.swatch.used .shares')?.textContent.includes('%')")
    assert np.array_equal(saved_map(page, "content", tmp_path), painted)


# --- before Run


@pytest.mark.long
def test_size_and_minutes_stand_beside_run(page: Page, pictures: dict[str, Path]) -> None:
    def answer(route: Route) -> None:
        asked = json.loads(route.request.post_data or "{}")
        longest = asked["settings"].get("size") or 80
        seconds = {"preview": 4, "draft": 50, "standard": 600, "fine": 7200}
        route.fulfill(json={"width": longest, "height": 10, "seconds": seconds})

    page.route("**/api/estimate", answer)
    choose_pictures(page, pictures)
    until(page, "document.querySelector('#quality .time').textContent !== ''")
    times = page.locator("#quality .time").all_inner_texts()
    assert times == ["~ 4 s", "~ 50 s", "~ 10 min", "~ 2 h"]
    assert page.locator("#result-size").inner_text() == "80 × 10"
    set_value(page, "size", "400")
    until(page, "document.getElementById('result-size').textContent === '400 × 10'")


@pytest.mark.long
def test_presets_are_cards_and_weights_are_named_by_what_they_do(page: Page) -> None:
    assert page.locator("#presets input").count() == 7
    broken = "[...document.querySelectorAll('#presets img')].filter((image) => !image.naturalWidth).length"
    until(page, f"{broken} === 0")
    name = page.locator("#main-settings label").first
    assert name.inner_text() == "Shapes of the content"
    page.locator("#readers").check()
    assert name.inner_text().replace("\n", " ") == "Shapes of the content content weight α"


# --- words


def test_every_language_has_every_word(still_page: Page) -> None:
    english, german = (
        still_page.evaluate(f"async () => (await import('/static/words/{language}.js')).default")
        for language in ("en", "de")
    )
    assert set(english) <= set(german)
    for name, text in english.items():
        places = sorted(part.split("}")[0] for part in text.split("{")[1:])
        assert places == sorted(part.split("}")[0] for part in german[name].split("{")[1:]), name


def test_german_has_words_for_every_setting(still_page: Page) -> None:
    """The library's own words, which the page shows where it has none, are English."""
    german = still_page.evaluate("async () => (await import('/static/words/de.js')).default")
    schema: Any = page_schema(upload_bytes=1, max_pixels=1)
    wanted = [f"preset.{preset['name']}{end}" for preset in schema["presets"] for end in ("", ".meaning")]
    for setting in schema["settings"]:
        wanted += [f"group.{setting['group'].split()[0].lower()}"]
        wanted += [f"setting.{setting['name']}", f"effect.{setting['name']}"]
        letters = {"scheme": "abcdefgh", "optimizer": setting["choices"]}.get(setting["name"], "")
        wanted += [f"choice.{each}" for each in setting["choices"] or () if each not in letters]
    assert [name for name in wanted if name not in german] == []


@pytest.mark.long
def test_the_page_speaks_the_browsers_language(browser: Browser, server: Server) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 800}, locale="de-AT")
    watched = Watched(context, server.address)
    page = watched.page
    ready(page, server.address)
    assert page.locator("html").get_attribute("lang") == "de"
    assert page.locator("#run").inner_text() == "Start"
    assert view(page, state="queued", queue_position=0)["note"] == "Wartet, bis er an der Reihe ist."
    assert "Zuerst einen Inhalt und einen Stil wählen" in page.locator("#run-hint").inner_text()
    no_violations(page)
    page.locator("#language").select_option("en")
    page.wait_for_selector("html[lang=en][data-ready]", state="attached")
    assert page.locator("#run").inner_text() == "Run"
    watched.check()
    context.close()
