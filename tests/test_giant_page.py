"""The page of a giant picture in a real browser: watched while areas arrive, and looked at closely."""

import io
import re
import shutil
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image
from playwright.sync_api import Browser, Page, Request

from glstylenet.pictures import write_tiled_tiff
from tests.giant_stores import SIZE, HandmadeStore
from tests.studio_server import Server, started
from tests.test_studio_page import (
    PHONE_WIDTH,
    Watched,
    browser,
    no_overflow,
    no_violations,
    pytestmark,
    ready,
    until,
)

__all__ = ["browser", "pytestmark"]  # fixtures


@dataclass
class Stage:
    """A studio, and the store of its only giant picture."""

    server: Server
    store: HandmadeStore

    @property
    def address(self) -> str:
        return f"{self.server.address}giant/1"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("giant")
    store = HandmadeStore(folder / "scroll.tif.store")
    server = started(folder, "--giant", str(store.folder))
    yield Stage(server, store)
    server.end()


@pytest.fixture
def blank(stage: Stage) -> HandmadeStore:
    """The stage's store as it is when the run has just begun."""
    for place in stage.store.folder.glob("size-*"):
        shutil.rmtree(place)
    stage.store.folder.mkdir(exist_ok=True)
    stage.store.folder.with_suffix("").unlink(missing_ok=True)
    stage.store.save(replace(stage.store.manifest, done=()))
    urllib.request.urlopen(f"{stage.server.address}api/giant/1", timeout=30).close()  # it is noticed
    return stage.store


def flat(value: float, size: tuple[int, int] = SIZE) -> torch.Tensor:
    return torch.full((1, 3, *size), value)


def begin_sweep(store: HandmadeStore, value: float) -> None:
    """Write the second size in one grey, before its first sweep."""
    store.write(0, 0, flat(value, (300, 700)))
    store.write(1, 1, flat(value))
    store.do_steps("paint-0")


def screen(page: Page) -> npt.NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(page.locator("#picture").screenshot())).convert("L"))


def until_middle(page: Page, value: int) -> None:
    """Wait until the middle of the picture has this grey."""
    for _ in range(600):
        seen = screen(page)
        if abs(int(seen[seen.shape[0] // 2, seen.shape[1] // 2]) - value) <= 2:
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"{seen[seen.shape[0] // 2, seen.shape[1] // 2]} instead of {value}")


def doing(page: Page, words: str) -> None:
    page.locator("#doing", has_text=re.compile(words)).wait_for()


def opened(browser: Browser, stage: Stage, *, width: int = 1280, locale: str = "en-GB") -> Watched:
    context = browser.new_context(
        viewport={"width": width, "height": 800}, locale=locale, reduced_motion="reduce"
    )
    watched = Watched(context, stage.server.address)
    ready(watched.page, stage.address)
    return watched


@pytest.mark.long
def test_a_run_is_watched_from_its_first_size_to_its_file(
    browser: Browser, stage: Stage, blank: HandmadeStore
) -> None:
    store = blank
    watched = opened(browser, stage)
    page = watched.page
    tiles: list[str] = []

    def note(request: Request) -> None:
        if request.url.endswith(".jpg") or ".jpg?" in request.url:
            tiles.append(request.url)

    page.on("request", note)
    doing(page, "The smallest size is painted as a whole")
    assert "appears when its smallest size is painted" in page.locator("#empty").inner_text()
    assert page.title() == "scroll.tif – glstylenet studio"
    no_violations(page)
    store.write(0, 0, flat(40, (300, 700)))
    store.do_steps("enlarge-0")
    doing(page, r"Size 2 of 2, 1400 × 601 · enlarging: 0 of 18 areas")
    until_middle(page, 40)
    assert page.locator("#empty").is_hidden()
    # The size doubles: what is seen stays where it is, and its pixels are others.
    zoom = page.locator("#zoom").inner_text()
    begin_sweep(store, 80)
    doing(page, r"sweep 1 of 2: 0 of 18 areas painted")
    until_middle(page, 80)
    until(page, f"document.getElementById('zoom').value !== '{zoom}'")
    assert int(page.locator("#zoom").inner_text()[:-2]) == pytest.approx(int(zoom[:-2]) / 2, abs=2)
    # An area arrives in the first column: only tiles that it reaches into are fetched.
    page.keyboard.press("1")
    page.wait_for_timeout(1500)
    before = set(tiles)
    store.write(1, 2, flat(160), areas=[0])
    store.note_painted(0, [0])
    doing(page, r"sweep 1 of 2: 1 of 18 areas painted")
    page.wait_for_timeout(1500)
    # What was asked for before is in the browser's cache.
    names = {url.partition("?")[0][-10:] for url in set(tiles) - before if "/11/" in url}
    assert names == {"11/0_0.jpg"}, "other tiles than those that changed were fetched"
    page.keyboard.press("0")
    page.wait_for_timeout(500)
    seen = screen(page)
    left = round(seen.shape[0] / 2 - seen.shape[1] * SIZE[0] / SIZE[1] / 2)
    assert abs(int(seen[left + 20, 20]) - 160) <= 3
    until_middle(page, 80)
    # The run ends, writes its file, and removes its store.
    store.do_steps("")
    doing(page, "All areas are painted")
    write_tiled_tiff(
        store.folder.with_suffix(""), SIZE, lambda window: torch.full((1, 3, *window.size), 200.0)
    )
    shutil.rmtree(store.folder)
    page.locator(".notice.done", has_text="The picture is finished").wait_for(timeout=60_000)
    assert page.locator("#progress").is_hidden()
    until_middle(page, 200)
    no_violations(page)
    watched.check()
    page.context.close()


@pytest.mark.long
@pytest.mark.parametrize("width", [1280, PHONE_WIDTH])
def test_it_is_looked_at_at_any_zoom(
    browser: Browser, stage: Stage, blank: HandmadeStore, width: int
) -> None:
    begin_sweep(blank, 80)
    blank.write(1, 2, flat(160), areas=[7])
    watched = opened(browser, stage, width=width, locale="de-DE")
    page = watched.page
    doing(page, "Durchgang 1 von 2")
    until_middle(page, 80)
    no_overflow(page, width)
    no_violations(page)
    area = "OpenSeadragon.getViewer('picture').viewport"
    whole = page.evaluate(f"{area}.getBounds().width")
    page.keyboard.press("1")
    until(page, "document.getElementById('zoom').value === '100 %'")
    page.keyboard.press("+")
    until(page, "document.getElementById('zoom').value === '150 %'")
    page.keyboard.press("ArrowLeft")
    page.get_by_role("button", name="Vergrößern (+)").click()
    page.wait_for_timeout(500)
    assert page.evaluate(f"{area}.getBounds().width") < whole
    page.locator("#whole").click()
    until(page, f"Math.abs({area}.getBounds().width - {whole}) < 1e-6")
    watched.check()
    page.context.close()


@pytest.mark.long
def test_what_cannot_be_read_is_told(browser: Browser, stage: Stage, blank: HandmadeStore) -> None:
    begin_sweep(blank, 80)
    (blank.folder / "size-1" / "pixels-1-17.npy").write_bytes(b"")
    watched = opened(browser, stage)
    page = watched.page
    page.locator(".notice", has_text="Parts of the picture cannot be read").wait_for()
    (blank.folder / "manifest.json").write_text("no")
    doing(page, "What is on the disk cannot be read")
    assert page.locator("#bar").is_hidden()
    page.context.close()


@pytest.mark.long
def test_the_first_page_has_a_link(browser: Browser, stage: Stage, blank: HandmadeStore) -> None:
    begin_sweep(blank, 80)
    watched = Watched(browser.new_context(viewport={"width": 1280, "height": 800}), stage.server.address)
    page = watched.page
    ready(page, stage.server.address)
    no_violations(page)
    page.get_by_role("link", name="scroll.tif").click()
    page.wait_for_url(stage.address)
    until_middle(page, 80)
    watched.check()
    page.context.close()
