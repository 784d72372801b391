"""Several styles on the studio's page, in a real browser: painted, bound to classes, taken away, and kept."""

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, Request, Route

from glstylenet.studio.setting_schema import MOST_STYLES
from tests.studio_server import Server
from tests.test_studio_page import (
    PHONE_WIDTH,
    Watched,
    at,
    browser,
    choose_pictures,
    context,
    drag,
    no_overflow,
    no_violations,
    page,
    paint_both,
    palette,
    pictures,
    pytestmark,
    ready,
    tool,
    until,
)
from tests.test_studio_state import RUN

__all__ = ["browser", "context", "page", "pictures", "pytestmark"]  # fixtures

BACKGROUND, SKIN, SKY, HAIR = "#ff0000", "#00ff00", "#00ffff", "#ffff00"
LEAST_SIDE = 200  # pixels of a style's picture area, in a window of 1280 x 800


def add_style(page: Page, number: int, file: Path) -> None:
    page.locator("#add-style").click()
    page.set_input_files(f"#file-style_{number}", file)
    page.locator(f"#canvas-style_{number}").wait_for(state="visible")


def painted(page: Page, role: str) -> list[str]:
    """The colours that are painted on a picture."""
    source = """async (role) => {
      const {painters} = await import("/static/pictures.js");
      const {classes, hex} = await import("/static/palette.js");
      const labels = new Set(painters[role].labels?.data ?? []);
      labels.delete(255);
      return [...labels].map((label) => hex(classes[label].colour)).sort();
    }"""
    return list(page.evaluate(source, role))


def stroke(page: Page, role: str, name: str) -> None:
    tool(page, "brush")
    palette(page, name)
    drag(page, page.locator(f"#canvas-{role}"), (0.3, 0.3), (0.6, 0.3))


def bind(page: Page, name: str, style: str) -> None:
    page.get_by_label(f"Style that {name} is painted from").select_option(style)


def shows(page: Page, number: int, words: str) -> None:
    page.locator(f"#pane-style_{number} .pane-head", has_text=words).wait_for()


@pytest.mark.long
def test_a_second_style_is_painted_bound_kept_sent_and_opened_again(
    page: Page, browser: Browser, server: Server, pictures: dict[str, Path]
) -> None:
    choose_pictures(page, pictures)
    assert page.locator(".from").first.is_hidden()
    paint_both(page)
    page.locator("#add-style").click()
    page.locator("#run-hint", has_text="Choose a picture for style 2, or take it away").wait_for()
    page.set_input_files("#file-style_2", pictures["content"])
    shows(page, 2, "80 × 64, content.png")
    stroke(page, "style_2", "sky")
    bind(page, "skin", "2")
    bind(page, "hair", "1")  # which is on no picture
    page.locator("#map-advice", has_text="Not on the content: hair; the style chosen").wait_for()
    page.locator("#map-advice", has_text="Not in the map of the style chosen for it: skin").wait_for()
    page.get_by_label("How much style 2 counts").fill("0")  # and yet one class is painted from it
    with page.expect_request("**/api/estimate") as estimate:
        page.get_by_label("How much style 2 counts").fill("40")
    asked_of_time = json.loads(estimate.value.post_data or "{}")
    assert asked_of_time["further_styles"] == [{"width": 80, "height": 64}]
    page.wait_for_timeout(700)  # written

    page.reload()
    page.wait_for_selector("html[data-ready]", state="attached")
    shows(page, 2, "80 × 64, content.png")
    assert painted(page, "style_2") == [SKY]
    assert page.get_by_label("Style that skin is painted from").input_value() == "2"
    assert page.get_by_label("How much style 2 counts").input_value() == "40"
    keeps_file = """async () => {
      const {state} = await import("/static/store.js");
      return (await (await import("/static/drafts.js")).fileOf(state.style_2.reference)) !== null;
    }"""
    assert page.evaluate(keeps_file), (
        "drafts that are tidied up at the beginning keep the files of all styles"
    )

    page.locator("#quality input[value=preview]").check()

    def is_run(request: Request) -> bool:
        return request.method == "POST" and request.url.endswith("/api/jobs")

    with page.expect_request(is_run) as asked:
        page.locator("#run").click()
    body = json.loads(asked.value.post_data or "{}")
    assert body["style_weights"] == [1, 0.4]
    assert body["regions"] == {SKIN: 2}
    assert [sorted(each) for each in body["further_styles"]] == [["style", "style_map"]]
    assert all(body["further_styles"][0].values())
    until(page, "location.hash.startsWith('#job=')")
    elsewhere = Watched(browser.new_context(viewport={"width": 1280, "height": 900}), server.address)
    other = elsewhere.page
    ready(other, page.url)
    other.locator("[data-goto=paint]").click()
    shows(other, 2, "80 × 64")
    until(other, "document.querySelectorAll('.swatch.used').length === 3")
    assert painted(other, "style_2") == sorted([BACKGROUND, SKY])
    assert other.get_by_label("Style that skin is painted from").input_value() == "2"
    assert other.get_by_label("How much style 2 counts").input_value() == "40"
    elsewhere.check()
    other.context.close()


@pytest.mark.long
def test_a_style_for_one_class_is_told_to_paint_the_others_too(page: Page, pictures: dict[str, Path]) -> None:
    """A landscape that is there for the background alone, with its weight left as it is."""
    choose_pictures(page, pictures)
    paint_both(page)
    add_style(page, 2, pictures["content"])
    bind(page, "background", "2")
    advice = page.locator("#map-advice", has_text="Style 2 has no map: the classes set to “all” are painted")
    advice.wait_for()
    page.get_by_label("How much style 2 counts").fill("0")
    advice.wait_for(state="hidden")
    page.get_by_label("How much style 2 counts").fill("50")
    advice.wait_for()
    bind(page, "skin", "1")  # nothing is left for both
    advice.wait_for(state="hidden")


@pytest.mark.long
def test_a_style_taken_away_moves_the_others_up_and_comes_back(page: Page, pictures: dict[str, Path]) -> None:
    choose_pictures(page, pictures)
    add_style(page, 2, pictures["content"])
    add_style(page, 3, pictures["style"])
    stroke(page, "style_2", "sky")
    stroke(page, "style_3", "skin")
    stroke(page, "style_3", "hair")
    bind(page, "skin", "2")
    bind(page, "hair", "3")
    page.get_by_label("How much style 3 counts").fill("25")
    page.wait_for_timeout(700)  # written

    page.get_by_role("button", name="Take style 2 away").click()
    shows(page, 2, "64 × 72, style.png")
    assert page.locator("#pane-style_3").is_hidden()
    assert painted(page, "style_2") == [HAIR]
    page.get_by_role("button", name="Undo on style 2").click()
    assert painted(page, "style_2") == [SKIN], "what was painted can still be taken back"
    assert page.get_by_label("Style that skin is painted from").input_value() == "0"
    assert page.get_by_label("Style that hair is painted from").input_value() == "2"
    assert page.get_by_label("How much style 2 counts").input_value() == "25"

    page.get_by_role("button", name="Bring it back").click()
    shows(page, 2, "80 × 64, content.png")
    shows(page, 3, "64 × 72, style.png")
    until(page, "document.querySelectorAll('.swatch.used').length > 2")
    assert painted(page, "style_2") == [SKY]
    assert painted(page, "style_3") == [HAIR]
    assert page.get_by_label("Style that skin is painted from").input_value() == "2"
    assert page.get_by_label("How much style 3 counts").input_value() == "25"


@pytest.mark.long
def test_a_map_whose_picture_is_gone_moves_up_too(page: Page, pictures: dict[str, Path]) -> None:
    choose_pictures(page, pictures)
    add_style(page, 2, pictures["content"])
    add_style(page, 3, pictures["style"])
    stroke(page, "style_3", "sky")
    page.wait_for_timeout(700)  # written
    forget_files = """async () => {
      const {openDB} = await import("/static/vendor/idb.js");
      await (await openDB("glstylenet", 1)).clear("files");
    }"""
    page.evaluate(forget_files)
    # An empty answer for a missing one: of "not found" the browser itself would complain.
    page.route("**/api/pictures/*", lambda route: route.fulfill(body=b"", content_type="image/png"))
    page.reload()
    page.wait_for_selector("html[data-ready]", state="attached")
    page.locator("#notices", has_text="The picture could not be shown").wait_for()
    kept = """async () => {
      const {styles, style_2, style_3, maps} = (await import("/static/navigation.js")).present();
      return [styles, style_2?.name, Boolean(maps.style_2), style_3?.name, Boolean(maps.style_3)];
    }"""
    assert page.evaluate(kept) == [3, "content.png", False, "style.png", True]
    page.get_by_role("button", name="Take style 2 away").click()
    assert page.evaluate(kept) == [2, "style.png", True, None, False]
    page.get_by_role("button", name="Bring it back").wait_for()


@pytest.mark.long
def test_maps_are_proposed_for_every_picture(page: Page, server: Server, pictures: dict[str, Path]) -> None:
    asked: list[dict[str, Any]] = []

    def answer(route: Route) -> None:
        asked.append(json.loads(route.request.post_data or "{}"))
        maps = [asked[0][role] for role in ("content", "style")] + asked[0]["further_styles"]
        classes = [{"name": None, "colour": colour} for colour in (SKIN, BACKGROUND)]
        found = dict(zip(("content_map", "style_map"), maps[:2], strict=True))
        route.fulfill(json={**found, "further_style_maps": maps[2:], "classes": classes, "notes": []})

    page.route("**/api/maps/propose", answer)
    # Pictures that are their own maps: of two flat colours.
    halves = {role: pictures["content"].parent / f"halves_{role}.png" for role in ("content", "style")}
    for file in halves.values():
        if not file.exists():
            _halves(file)
    choose_pictures(page, halves)
    add_style(page, 2, halves["content"])
    page.locator("#add-style").click()  # without a picture: nothing is proposed for it
    page.locator("#propose").click()
    page.locator("#notices", has_text="classes are proposed").wait_for()
    assert len(asked[0]["further_styles"]) == 1
    for role in ("content", "style", "style_2"):
        assert painted(page, role) == [SKIN, BACKGROUND]
    page.get_by_role("button", name="Undo on style 2").click()
    assert painted(page, "style_2") == []
    assert painted(page, "style") == [SKIN, BACKGROUND]

    page.unroute("**/api/maps/propose")
    classes = [{"name": "skin"}, {"name": "hair"}]
    faceless = {
        "content_map": asked[0]["content"],
        "style_map": asked[0]["style"],
        "further_style_maps": [None],
    }
    page.route("**/api/maps/propose", lambda route: route.fulfill(json={**faceless, "classes": classes}))
    page.locator("#propose").click()
    page.locator("#notices", has_text="Style 2 shows no face: its map is as it was").wait_for()
    assert painted(page, "style_2") == []


def _halves(file: Path) -> None:
    image = Image.new("RGB", (80, 64), (255, 0, 0))
    image.paste((0, 255, 0), (0, 0, 40, 64))
    image.save(file)


@pytest.mark.long
def test_there_is_room_for_every_style(page: Page, pictures: dict[str, Path]) -> None:
    page.set_viewport_size({"width": 1280, "height": 800})
    choose_pictures(page, pictures)
    for number in range(2, MOST_STYLES + 1):
        add_style(page, number, pictures["style"])
        roles = ["content", "style", *(f"style_{k}" for k in range(2, number + 1))]
        places = []
        for role in roles:
            box = page.locator(f"#pane-{role} .stage").bounding_box()
            assert box is not None
            assert min(box["width"], box["height"]) >= LEAST_SIDE
            assert box["y"] + box["height"] <= 800
            places.append((box["x"], box["y"]))
        assert len(set(places)) == len(roles)
    assert page.locator("#add-style").is_hidden()
    no_violations(page)
    page.get_by_role("button", name="Take style 4 away").click()
    for role in ("style_2", "content"):
        page.locator(f"#enlarge-{role}").click()
        box = page.locator(f"#pane-{role} .stage").bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) > 500
        assert page.locator(".pane:visible").count() == 1
        page.locator("[data-goto=result]").click()
        assert page.locator("#view-result").is_visible(), "what is enlarged hides no result"
        page.locator("[data-goto=paint]").click()
        page.locator(f"#enlarge-{role}").click()


@pytest.mark.long
def test_styles_on_a_phone(browser: Browser, server: Server, pictures: dict[str, Path]) -> None:
    context = browser.new_context(
        viewport={"width": PHONE_WIDTH, "height": 844}, has_touch=True, is_mobile=True, locale="de-DE"
    )
    watched = Watched(context, server.address)
    page = watched.page
    ready(page, server.address)
    choose_pictures(page, pictures)
    add_style(page, 2, pictures["style"])
    no_overflow(page, PHONE_WIDTH)
    no_violations(page)
    for role in ("style", "style_2"):
        page.locator(f"#weight-{role}").fill("0")
    page.locator("#run-hint", has_text="Jeder Stil hat das Gewicht 0").wait_for()
    tool(page, "brush")
    page.locator("#canvas-style_2").scroll_into_view_if_needed()
    page.mouse.click(*at(page.locator("#canvas-style_2"), 0.5, 0.5))
    assert painted(page, "style_2") == [SKIN]
    watched.check()
    context.close()


# --- names


@pytest.mark.long
def test_a_class_has_a_name_of_ones_own(page: Page, pictures: dict[str, Path]) -> None:
    choose_pictures(page, pictures)
    paint_both(page)
    stroke(page, "content", "sky")
    page.locator(".swatch", has_text="sky").dblclick()
    field = page.get_by_role("textbox", name="Give sky another name")
    assert field.input_value() == "sky"
    field.fill("  the far hills ")
    field.press("Enter")
    page.locator(".swatch", has_text="the far hills").wait_for()
    page.locator("#map-advice", has_text="Missing in the style: the far hills (").wait_for()
    page.locator(".swatch", has_text="skin").locator("input").focus()
    page.keyboard.press("F2")
    page.keyboard.type("b")  # a letter, and no tool
    page.keyboard.press("Escape")
    page.locator(".class", has_text="hair").hover()
    page.get_by_role("button", name="Give hair another name").click()
    page.keyboard.type("fur")
    page.locator("#canvas-content").focus()  # whoever goes elsewhere keeps it
    page.locator(".swatch", has_text="fur").wait_for()
    no_violations(page)
    page.wait_for_timeout(700)  # written
    page.reload()
    page.wait_for_selector("html[data-ready]", state="attached")
    names = page.locator(".swatch .name").all_inner_texts()
    assert names[:4] == ["background", "skin", "clothes", "fur"]
    assert names[7] == "the far hills"
    known = """async (text) => (await import("/static/palette.js")).withClassNames(text)"""
    assert page.evaluate(known, "lacks #00ffff and #123456") == "lacks the far hills and #123456"
    assert sent_with_a_run(page)["class_names"] == {SKY: "the far hills", HAIR: "fur"}
    page.get_by_role("button", name="Give fur another name").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Delete")
    page.keyboard.press("Enter")
    page.locator(".swatch", has_text="hair").wait_for()


def sent_with_a_run(page: Page) -> dict[str, Any]:
    """What Run asks of the server; nothing is painted."""
    asked: list[dict[str, Any]] = []

    def answer(route: Route) -> None:
        asked.append(json.loads(route.request.post_data or "{}"))
        route.fulfill(status=201, json={**RUN, **asked[0], "state": "done"})

    page.route("**/api/jobs", answer)
    page.route("**/api/jobs/*/curve", lambda route: route.fulfill(json={"points": []}))
    page.locator("#run").click()
    until(page, "location.hash.startsWith('#job=')")
    page.locator("[data-goto=paint]").click()
    return asked[0]


# --- statistics


@pytest.mark.long
def test_a_class_tells_its_shares_of_every_picture_and_where_it_lies(
    page: Page, pictures: dict[str, Path]
) -> None:
    """Half of the first style, nothing of the content, and no map of the second."""
    alpha = """async (role) => {
      const {painters} = await import("/static/pictures.js");
      const {overlay} = painters[role];
      const copy = new OffscreenCanvas(overlay.width, overlay.height);
      const pen = copy.getContext("2d", {willReadFrequently: true});
      pen.drawImage(overlay, 0, 0);
      const at = (x) => pen.getImageData(x, 5, 1, 1).data[3];
      return [at(5), at(overlay.width - 5)];
    }"""
    halves = pictures["content"].parent / "halves.png"
    _halves(halves)
    choose_pictures(page, {"content": pictures["content"], "style": halves})
    add_style(page, 2, pictures["style"])
    page.set_input_files("#map-style", halves)
    fill_all = page.locator("#canvas-content")
    tool(page, "fill")
    palette(page, "background")
    page.mouse.click(*at(fill_all, 0.5, 0.5))
    bind(page, "skin", "2")
    page.locator(".swatch.used", has_text="skin").wait_for()
    note = page.locator("#class-note")
    page.locator(".swatch", has_text="skin").hover()
    note.wait_for(state="visible")
    assert [line for line in note.inner_text().split("\n") if line] == [
        "skin #00ff00",
        "Content",
        "0 %",
        "Style 1",
        "50 %",
        "Style 2",
        "no map",
        "Painted from style 2 alone.",
    ]
    until(page, "document.querySelector('#class-note .of:nth-of-type(3) .bar span').style.width === '50%'")
    page.wait_for_timeout(200)  # drawn
    assert page.evaluate(alpha, "style") == [255, 40], "left of it is skin, right of it another class"
    no_violations(page)
    page.locator(".swatch", has_text="plants").hover()
    page.locator("#class-note", has_text="Painted on no picture").wait_for()
    page.mouse.move(640, 790)
    note.wait_for(state="hidden")
    page.wait_for_timeout(200)
    assert page.evaluate(alpha, "style") == [255, 255]

    page.locator("#opacity").focus()
    page.keyboard.press("Tab")
    page.locator(".swatch input:checked").focus()
    page.keyboard.press("ArrowUp")
    note.wait_for(state="visible")
    assert page.locator(".swatch input:checked").get_attribute("aria-describedby") == "class-note"
    page.keyboard.press("Escape")
    note.wait_for(state="hidden")
    sent = sent_with_a_run(page)
    assert [each["style_map"] for each in sent["further_styles"]] == [None], "where nothing is painted"
    assert sent["style_map"] is not None
    assert sent["regions"] == {}, "the content has no skin"
