"""The studio's page in a real browser, with a real server behind it."""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Request

from glstylenet.pictures.write import read_recipe
from tests.browser import needs_chromium, running_browser
from tests.studio_server import Server

AXE = Path(__file__).parent / "vendor" / "axe.min.js"
PHONE_WIDTH = 390
SIZES = {"canvas-content": (80, 64), "canvas-style": (64, 72)}
PATIENCE = 120_000  # ms, for a run on a busy machine

pytestmark = [
    needs_chromium,
    pytest.mark.timeout(600),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_browser() as browser:
        yield browser


class Watched:
    """A page whose foreign requests and complaints are noted."""

    def __init__(self, context: BrowserContext, address: str) -> None:
        self.page = context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", self._note)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.address = address

    def _note(self, request: Request) -> None:
        self.requests.append(request.url)

    def check(self) -> None:
        allowed = (self.address, "blob:", "data:")
        assert [url for url in self.requests if not url.startswith(allowed)] == []
        assert self.complaints == []


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True)
    context.set_default_timeout(PATIENCE)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext, server: Server) -> Iterator[Page]:
    watched = Watched(context, server.address)
    ready(watched.page, server.address)
    yield watched.page
    watched.check()


@pytest.fixture(scope="module")
def still_page(browser: Browser, server: Server) -> Iterator[Page]:
    """A page for questions that change nothing on it: a file's tests share it."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(PATIENCE)
    watched = Watched(context, server.address)
    ready(watched.page, server.address)
    yield watched.page
    watched.check()
    context.close()


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(7)
    files = {}
    for role in ("content", "style"):
        coarse = rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)
        image = Image.fromarray(coarse).resize(SIZES[f"canvas-{role}"], Image.Resampling.BICUBIC)
        files[role] = folder / f"{role}.png"
        image.save(files[role])
    return files


def ready(page: Page, address: str) -> None:
    page.goto(address)
    page.wait_for_selector("html[data-ready]", state="attached")


def until(page: Page, condition: str, timeout: float = PATIENCE) -> None:
    """Wait for a condition; Playwright's own way is forbidden by the page's policy."""
    deadline = time.monotonic() + timeout / 1000
    while not page.evaluate(condition):
        assert time.monotonic() < deadline, condition
        time.sleep(0.05)


def choose_pictures(page: Page, pictures: dict[str, Path]) -> None:
    for role, file in pictures.items():
        page.set_input_files(f"#file-{role}", file)
        page.locator(f"#canvas-{role}").wait_for(state="visible")


def tool(page: Page, name: str) -> None:
    page.locator(f"#tools input[value={name}]").check(force=True)


def palette(page: Page, name: str) -> None:
    page.locator(".swatch", has_text=name).locator("input").check(force=True)


def at(canvas: Locator, x: float, y: float) -> tuple[float, float]:
    """A place of the canvas' picture, fitted into it, or of another element, in shares of its size."""
    box = canvas.bounding_box()
    assert box is not None
    width, height = SIZES.get(str(canvas.get_attribute("id")), (box["width"], box["height"]))
    zoom = min(box["width"] / width, box["height"] / height)
    left, top = (box["width"] - zoom * width) / 2, (box["height"] - zoom * height) / 2
    return box["x"] + left + x * zoom * width, box["y"] + top + y * zoom * height


def drag(page: Page, canvas: Locator, *places: tuple[float, float]) -> None:
    first, *others = places
    page.mouse.move(*at(canvas, *first))
    page.mouse.down()
    for place in others:
        page.mouse.move(*at(canvas, *place), steps=6)
    page.mouse.up()


def saved_map(page: Page, role: str, folder: Path) -> np.ndarray[Any, np.dtype[np.uint8]]:
    with page.expect_download() as download:
        page.get_by_role("button", name=f"Save the map of the {role} as PNG").click()
    file = folder / f"{role}_{time.monotonic_ns()}.png"
    download.value.save_as(file)
    with Image.open(file) as image:
        return np.asarray(image.convert("RGB"))


def colours(image: np.ndarray[Any, np.dtype[np.uint8]]) -> set[str]:
    return {f"#{r:02x}{g:02x}{b:02x}" for r, g, b in np.unique(image.reshape(-1, 3), axis=0).tolist()}


def set_value(page: Page, setting: str, value: str) -> None:
    page.evaluate("document.getElementById('advanced').open = true")
    page.locator(f"#set-{setting}").fill(value)
    page.locator(f"#set-{setting}").press("Tab")


def start(page: Page, iterations: int) -> None:
    set_value(page, "iterations", str(iterations))
    page.locator("#run").click()
    page.locator("#result").wait_for(state="visible")


def state(page: Page, words: str) -> None:
    page.locator("#job-state", has_text=words).wait_for(timeout=PATIENCE)


def paint_both(page: Page) -> None:
    """Everything background, and a stroke of skin on each picture."""
    for role in ("content", "style"):
        canvas = page.locator(f"#canvas-{role}")
        tool(page, "fill")
        palette(page, "background")
        page.mouse.click(*at(canvas, 0.5, 0.2))
        tool(page, "brush")
        palette(page, "skin")
        drag(page, canvas, (0.4, 0.5), (0.6, 0.6))


def no_violations(page: Page) -> None:
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("async () => (await axe.run(document)).violations")
    grave = [each for each in found if each["impact"] in {"serious", "critical"}]
    assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in grave] == []


def no_overflow(page: Page, width: int) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_maps_are_painted_by_mouse_in_exact_colours(
    page: Page, pictures: dict[str, Path], tmp_path: Path
) -> None:
    choose_pictures(page, pictures)
    content = page.locator("#canvas-content")
    palette(page, "skin")
    drag(page, content, (0.3, 0.5), (0.6, 0.55), (0.7, 0.45))
    brushed = saved_map(page, "content", tmp_path)
    assert brushed.shape == (64, 80, 3)
    assert colours(brushed) == {"#ff0000", "#00ff00"}

    tool(page, "line")
    palette(page, "hair")
    drag(page, content, (0.3, 0.35), (0.7, 0.65))
    lined = saved_map(page, "content", tmp_path)
    assert colours(lined) == {"#ff0000", "#00ff00", "#ffff00"}

    tool(page, "fill")
    palette(page, "sky")
    page.mouse.click(*at(content, 0.5, 0.15))
    filled = saved_map(page, "content", tmp_path)
    assert "#00ffff" in colours(filled)
    assert colours(filled) <= {"#ff0000", "#00ff00", "#ffff00", "#00ffff"}

    page.keyboard.press("Control+z")
    assert np.array_equal(saved_map(page, "content", tmp_path), lined)
    page.keyboard.press("Control+z")
    assert np.array_equal(saved_map(page, "content", tmp_path), brushed)
    page.keyboard.press("Control+Shift+z")
    page.get_by_role("button", name="Redo on the content").click()
    assert np.array_equal(saved_map(page, "content", tmp_path), filled)

    assert page.locator("#map-advice").text_content() != ""
    palette(page, "skin")
    tool(page, "brush")
    drag(page, page.locator("#canvas-style"), (0.4, 0.4), (0.6, 0.6))
    page.locator("#map-advice", has_text=re.compile("Missing in the style: sky .*, hair")).wait_for()
    assert page.locator(".swatch.missing").count() == 2
    assert re.search(r"\d+ % · \d+ %", page.locator(".swatch", has_text="skin").inner_text())

    tool(page, "eraser")
    drag(page, content, (0.3, 0.5), (0.6, 0.55))
    assert not np.array_equal(saved_map(page, "content", tmp_path), filled)


@pytest.mark.long
def test_wheel_changes_the_brush_and_zooms(page: Page, pictures: dict[str, Path]) -> None:
    choose_pictures(page, pictures)
    size = page.locator("#brush-size-out")
    before = size.inner_text()
    page.mouse.move(*at(page.locator("#canvas-content"), 0.5, 0.5))
    page.mouse.wheel(0, -100)
    until(page, f"document.querySelector('#brush-size-out').value !== '{before}'")
    picture = page.locator("#canvas-content")
    fitted = picture.screenshot()
    page.keyboard.down("Control")
    page.mouse.wheel(0, -200)
    page.keyboard.up("Control")
    page.wait_for_timeout(100)
    assert picture.screenshot() != fitted


@pytest.mark.long
def test_loaded_map_has_palette_colours(page: Page, pictures: dict[str, Path], tmp_path: Path) -> None:
    choose_pictures(page, pictures)
    drawn = np.zeros((64, 80, 3), np.uint8)
    drawn[:, :40] = 255, 0, 0
    drawn[:, 40:] = 123, 45, 67
    Image.fromarray(drawn).save(tmp_path / "map.png")
    page.set_input_files("#map-content", tmp_path / "map.png")
    page.locator(".swatch", has_text="#7b2d43").wait_for()
    assert np.array_equal(saved_map(page, "content", tmp_path), drawn)
    Image.fromarray(drawn[:, :50]).save(tmp_path / "narrow.png")
    page.set_input_files("#map-content", tmp_path / "narrow.png")
    page.locator(".notice", has_text="their shapes differ").wait_for()


@pytest.mark.long
def test_run_previews_slider_download_history(
    page: Page, pictures: dict[str, Path], tmp_path: Path, server: Server
) -> None:
    choose_pictures(page, pictures)
    paint_both(page)
    page.evaluate(
        """() => {
          window.previews = new Set();
          new MutationObserver(() => window.previews.add(document.getElementById("after").src))
            .observe(document.getElementById("after"), {attributeFilter: ["src"]});
        }"""
    )
    start(page, 60)
    state(page, "Finished")
    assert len([url for url in page.evaluate("[...window.previews]") if "preview" in url]) >= 2
    assert page.locator("#curve canvas").count() == 1
    assert page.locator("#terms td").nth(1).inner_text() not in {"", "–"}
    keys = page.locator("#terms .key")
    assert keys.count() == 4
    # At once: the last news of the curve may replace the rows.
    key_colours = page.evaluate(
        "[...document.querySelectorAll('#terms .key')].map((key) => getComputedStyle(key).color)"
    )
    assert len(set(key_colours)) == 4

    divider = page.locator("#divider")
    before = page.locator("#before")
    clip = before.evaluate("image => image.style.clipPath")
    drag(page, divider, (0.02, 0.5), (0.5, 0.5))
    assert before.evaluate("image => image.style.clipPath") != clip
    assert 400 < int(divider.input_value()) < 600
    divider.press("ArrowRight")
    assert divider.get_attribute("aria-valuetext") is not None

    with page.expect_download() as download:
        page.locator("#get-png").click()
    assert re.fullmatch(r"artistic-[A-Za-z0-9]{6}\.png", download.value.suggested_filename)
    download.value.save_as(tmp_path / "result.png")
    recipe = read_recipe(tmp_path / "result.png")
    assert recipe is not None
    assert "iterations" in recipe
    with page.expect_download() as download:
        page.locator("#get-tiff").click()
    deep = tifffile.imread(download.value.path())
    assert deep.dtype == np.dtype(np.uint16)
    assert deep.shape[2] == 3
    with Image.open(tmp_path / "result.png") as shallow:
        assert deep.shape[:2] == (shallow.height, shallow.width)
    with page.expect_download() as download:
        page.locator("#get-zip").click()
    assert re.fullmatch(r"artistic-[A-Za-z0-9]{6}\.zip", download.value.suggested_filename)
    page.locator("#command-box summary").click()
    assert page.locator("#command").inner_text().startswith("glstylenet stylize")
    assert "All to repeat it" in page.locator("#command-files").inner_text()

    set_value(page, "content_weight", "333")
    page.locator("#continue").click()
    page.locator("#history li").nth(1).wait_for()
    state(page, "Finished")
    assert page.locator("#history li").count() == 2

    page.locator("#history a").nth(1).click()
    page.locator("#history li:nth-child(2) a[aria-current]").wait_for()
    assert page.locator("#set-content_weight").input_value() != "333"
    state(page, "Finished")
    page.locator("[data-goto=paint]").click()
    assert colours(saved_map(page, "content", tmp_path)) == {"#ff0000", "#00ff00"}
    page.locator("[data-goto=result]").click()
    page.get_by_role("button", name="Delete the run").nth(0).click()
    page.locator("#confirm-yes").click()
    until(page, "document.querySelectorAll('#history li').length === 1")


@pytest.mark.long
def test_run_survives_its_tab_and_stops(
    context: BrowserContext, server: Server, pictures: dict[str, Path]
) -> None:
    first = Watched(context, server.address)
    ready(first.page, server.address)
    choose_pictures(first.page, pictures)
    start(first.page, 20_000)
    first.page.locator("#after").wait_for(state="visible", timeout=PATIENCE)
    address = first.page.url
    assert "#job=" in address
    first.page.close()
    second = Watched(context, server.address)
    ready(second.page, address)
    second.page.locator("#after").wait_for(state="visible", timeout=PATIENCE)
    assert second.page.locator("#set-iterations").input_value() == "20000"
    second.page.locator("#stop").click()
    state(second.page, "Stopped")
    second.page.locator("#downloads").wait_for(state="visible")
    assert second.page.locator("#continue").is_visible()
    start(second.page, 5)
    state(second.page, "Finished")
    first.check()
    second.check()


@pytest.mark.long
def test_run_survives_the_server(page: Page, server: Server, pictures: dict[str, Path]) -> None:
    choose_pictures(page, pictures)
    start(page, 20_000)
    page.locator("#after").wait_for(state="visible", timeout=PATIENCE)
    until(page, "document.getElementById('progress-bar').value > 0.001")
    address = page.url
    page.goto("about:blank")
    server.end()
    server.start()
    ready(page, address)
    page.locator("#job-state", has_text=re.compile("Running|go on from where it was")).wait_for()
    if page.locator("#resume").is_visible():
        page.locator("#resume").click()
    state(page, "Running")
    page.locator("#stop").click()
    state(page, "Stopped")


@pytest.mark.long
def test_keyboard_alone_paints_and_runs(page: Page, tmp_path: Path) -> None:
    def tab_to(name: str) -> None:
        for _ in range(80):
            page.keyboard.press("Tab")
            if page.evaluate("n => document.activeElement.matches(n)", name):
                return
        raise AssertionError(f"Tab never reaches {name}")

    tab_to(".samples")
    page.keyboard.press("Enter")
    page.locator("#canvas-style").wait_for(state="visible")
    until(page, "document.querySelector('#presets :checked').value === 'portrait'")
    page.keyboard.press("7")
    tab_to("#canvas-content")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    page.locator("#say", has_text="Painted").wait_for()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.locator(".swatch", has_text="mouth").wait_for()
    tab_to("#advanced summary")
    page.keyboard.press("Enter")
    tab_to("#set-iterations")
    page.keyboard.press("Control+a")
    page.keyboard.type("20")
    tab_to("#set-size")
    page.keyboard.type("64")
    tab_to("#run")
    page.keyboard.press("Enter")
    state(page, "Finished")
    page.keyboard.press("?")
    page.locator("#help").wait_for(state="visible")
    page.keyboard.press("Escape")
    page.locator("#help").wait_for(state="hidden")


@pytest.mark.long
def test_phone_sized_window(browser: Browser, server: Server, pictures: dict[str, Path]) -> None:
    context = browser.new_context(
        viewport={"width": PHONE_WIDTH, "height": 844},
        screen={"width": PHONE_WIDTH, "height": 844},
        has_touch=True,
        is_mobile=True,
    )
    watched = Watched(context, server.address)
    page = watched.page
    ready(page, server.address)
    no_overflow(page, PHONE_WIDTH)
    choose_pictures(page, pictures)
    tool(page, "brush")  # until then one finger scrolls
    page.locator("#canvas-content").tap()
    page.locator("#map-advice", has_text="now paint the style").wait_for()
    for view in ("settings", "result", "paint"):
        page.locator(f"[data-goto={view}]").tap()
        no_overflow(page, PHONE_WIDTH)
    no_violations(page)
    watched.check()
    context.close()


@pytest.mark.long
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(page: Page, scheme: Any) -> None:
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    no_violations(page)
    page.locator(".samples").first.click()
    page.locator("#canvas-style").wait_for(state="visible")
    no_violations(page)
    set_value(page, "size", "64")
    start(page, 10)
    state(page, "Finished")
    no_violations(page)
    page.locator("#open-help").click()
    no_violations(page)


@pytest.mark.long
def test_plain_words_for_what_is_missing(context: BrowserContext, server: Server) -> None:
    page = context.new_page()
    ready(page, server.address)
    assert "PNG, JPEG, WebP, TIFF, GIF, or BMP, up to" in page.locator("#pane-content .drop").inner_text()
    assert page.locator("#file-content").get_attribute("accept") == (
        "image/*,.png,.jpg,.jpeg,.webp,.tif,.tiff,.gif,.bmp"
    )
    page.locator("#run").click()
    page.locator(".notice", has_text="Choose a content picture and a style picture first").wait_for()
    page.set_input_files("#file-content", {"name": "no.png", "mimeType": "image/png", "buffer": b"text"})
    page.locator(".notice.error").wait_for()
    assert page.locator("#canvas-content").is_hidden()
    page.goto(f"{server.address}#job={'0' * 32}")
    page.reload()
    page.locator(".notice", has_text="no longer there").wait_for()
