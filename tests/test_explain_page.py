"""The page of an explanation, opened from disk in a browser."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest
from playwright.sync_api import Browser, Page, Request

from glstylenet.explain.explanation import Explanation
from glstylenet.explain.page import explanation_page
from glstylenet.run.inputs import Origin
from tests.browser import needs_chromium, running_browser
from tests.long_cases import rest_is_long
from tests.test_explain import explained

EVIL = "<img src=x onerror=\"document.title='taken'\"><script>.png"


@pytest.fixture(scope="module")
def explanation() -> Explanation:
    """Of pictures whose files have names that would break a careless page."""
    found = explained()
    origins = {role: Origin(Path(EVIL), "") for role in ("content", "style")}
    inputs = replace(found.result.inputs, origins=MappingProxyType(origins))
    return replace(found, result=replace(found.result, inputs=inputs))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_browser() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser, explanation: Explanation, tmp_path: Path) -> Iterator[Page]:
    """The page, opened; whatever it asks the network for and every complaint of the script fails the test."""
    file = tmp_path / "index.html"
    file.write_text(explanation_page(explanation, EVIL), encoding="utf-8")
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    requests: list[str] = []
    complaints: list[str] = []

    def note(request: Request) -> None:
        requests.append(request.url)

    page.on("request", note)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(file.as_uri())
    yield page
    assert [url for url in requests if not url.startswith(("file:", "data:"))] == []
    assert [url for url in requests if url.startswith("file:")] == [file.as_uri()]
    assert complaints == []
    page.close()


def shown_style(page: Page) -> str:
    return str(page.locator("#readout").get_attribute("data-style"))


def expected_style(explanation: Explanation, row: int, column: int) -> str:
    found = explanation.correspondence
    assert found is not None
    rows, columns = found.style_places
    return f"{columns[row, column]},{rows[row, column]}"


@pytest.mark.long
@needs_chromium
def test_arrow_keys_move_the_point(page: Page, explanation: Explanation) -> None:
    found = explanation.correspondence
    assert found is not None
    rows, columns = found.index.shape
    assert shown_style(page) == expected_style(explanation, rows // 2, columns // 2)
    page.focus("#result")
    seen = {shown_style(page)}
    for key, row, column in (
        ("ArrowUp", rows // 2 - 1, columns // 2),
        ("ArrowLeft", rows // 2 - 1, columns // 2 - 1),
        ("Shift+ArrowDown", rows - 1, columns // 2 - 1),
        ("Shift+ArrowRight", rows - 1, columns - 1),
        ("ArrowRight", rows - 1, columns - 1),
    ):
        page.keyboard.press(key)
        assert shown_style(page) == expected_style(explanation, row, column)
        seen.add(shown_style(page))
    assert len(seen) > 1
    assert "class" in page.locator("#readout").inner_text()


@pytest.mark.long
@needs_chromium
def test_the_pointer_moves_the_point_and_a_click_holds_it(page: Page, explanation: Explanation) -> None:
    box = page.locator("#result").bounding_box()
    assert box is not None

    def at(x: float, y: float) -> tuple[float, float]:
        return box["x"] + x / 64 * box["width"], box["y"] + y / 72 * box["height"]

    page.mouse.move(*at(44, 12))  # position 5 across, 1 down: the patch with its corner one before
    assert shown_style(page) == expected_style(explanation, 0, 4)
    page.mouse.click(*at(44, 12))
    page.mouse.move(*at(12, 60))
    assert shown_style(page) == expected_style(explanation, 0, 4)
    page.mouse.click(*at(44, 12))
    page.mouse.move(*at(12, 60))
    assert shown_style(page) == expected_style(explanation, 6, 0)


@pytest.mark.long
@needs_chromium
def test_the_frame_lies_on_the_matched_patch(page: Page, explanation: Explanation) -> None:
    found = explanation.correspondence
    assert found is not None
    rows, columns = found.style_places
    row, column = (size // 2 for size in found.index.shape)
    picture, frame = page.locator("#style").bounding_box(), page.locator("#style .patch").bounding_box()
    assert picture is not None
    assert frame is not None
    style_height, style_width = explanation.result.inputs.style_size
    left = picture["x"] + 8 * columns[row, column] / style_width * picture["width"]
    top = picture["y"] + 8 * rows[row, column] / style_height * picture["height"]
    assert frame["x"] == pytest.approx(left, abs=1.5)
    assert frame["y"] == pytest.approx(top, abs=1.5)
    assert frame["width"] == pytest.approx(24 / style_width * picture["width"], abs=1.5)


@pytest.mark.long
@needs_chromium
def test_the_next_crossing_is_found(page: Page, explanation: Explanation) -> None:
    found = explanation.correspondence
    assert found is not None
    assert found.crossing is not None
    assert found.crossing.any()
    page.click("#next")
    assert "leaves its class" in page.locator("#readout").inner_text()


@pytest.mark.long
@needs_chromium
def test_the_colour_code_can_be_shown(page: Page) -> None:
    code = page.locator("#result img.code")
    assert not code.is_visible()
    page.check("#code")
    assert code.is_visible()


@pytest.mark.long
@needs_chromium
def test_names_are_shown_as_they_are(page: Page) -> None:
    assert EVIL in page.locator("h1").inner_text()
    assert EVIL in page.locator("header p").inner_text()
    assert page.title() == f"{EVIL} explained"
    assert page.locator("header img").count() == 0


@pytest.mark.long
@needs_chromium
@pytest.mark.parametrize(("scheme", "darkest"), rest_is_long([("light", False), ("dark", True)], short=1))
def test_light_and_dark(page: Page, scheme: str, darkest: bool) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (max(int(part) for part in re.findall(r"\d+", colour)[:3]) < 60) is darkest


@pytest.mark.long
@needs_chromium
def test_nothing_runs_over_the_side_of_a_phone(page: Page) -> None:
    page.set_viewport_size({"width": 380, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 380


def test_the_page_names_no_address(explanation: Explanation) -> None:
    text = explanation_page(explanation, "out")
    assert re.findall(r"https?:|//[a-z]+\.", re.sub(r"base64,[^\"]*", "", text)) == []
    assert "<img src=x" not in text
