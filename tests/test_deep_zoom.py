"""Deep Zoom: tiles of all levels, and the page that shows them, opened from disk in a browser."""

import json
import math
import os
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from playwright.sync_api import Browser, Page

from glstylenet.cli import main
from glstylenet.cli.giant_outputs import GiantOutputs
from glstylenet.deep_zoom import check_deep_zoom, deep_zoom_bytes, level_sizes, write_deep_zoom
from glstylenet.deep_zoom.levels import OVERLAP, TILE
from glstylenet.deep_zoom.tiles import halved, write_tiles
from glstylenet.errors import OutputError
from glstylenet.giant import GiantOptions, plan_giant
from glstylenet.numerics import Rect
from glstylenet.settings import Pictures, Settings
from tests.browser import needs_chromium, opened, running_browser
from tests.long_cases import rest_is_long

AXE = Path(__file__).parent / "vendor" / "axe.min.js"
SIZE = (1101, 1650)
"""Three rows of four tiles; odd, so that a level ends in half a pixel."""

NAME = "scroll <b>&#é"

_Bytes = npt.NDArray[np.uint8]


def _ramps(height: int, width: int) -> torch.Tensor:
    """Red grows to the right, green downwards, blue in waves: (1, 3, H, W)."""
    down, across = torch.linspace(0, 255, height)[:, None], torch.linspace(0, 255, width)[None, :]
    waves = 127 + 120 * torch.sin(across / 9 + down / 13)
    return torch.stack([across.expand(height, width), down.expand(height, width), waves])[None]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    picture = _ramps(*SIZE)
    folder = tmp_path_factory.mktemp("deep zoom") / "out"
    write_deep_zoom(folder, NAME, SIZE, lambda window: picture[..., *window.slices])
    return folder


def _level(folder: Path, number: int, size: tuple[int, int]) -> _Bytes:
    """Return a level that is put together from its tiles; their overlaps are compared on the way."""
    level = np.full((*size, 3), -1, np.int16)
    for path in (folder / str(number)).iterdir():
        column, row = map(int, path.stem.split("_"))
        with Image.open(path) as image:
            pixels = np.asarray(image).astype(np.int16)
        top, left = max(0, row * TILE - OVERLAP), max(0, column * TILE - OVERLAP)
        bottom, right = min(size[0], (row + 1) * TILE + OVERLAP), min(size[1], (column + 1) * TILE + OVERLAP)
        assert pixels.shape[:2] == (bottom - top, right - left)
        there = level[top:bottom, left:right]
        assert np.abs(pixels - there)[there >= 0].max(initial=0) <= 20  # of two JPEG files
        level[top:bottom, left:right] = pixels
    assert level.min() >= 0, "a tile is missing"
    return level.astype(np.uint8)


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_every_level_is_half_of_the_next_rounded_up(height: int, width: int) -> None:
    levels = level_sizes((height, width))
    assert levels[0] == (1, 1)
    assert levels[-1] == (height, width)
    assert len(levels) == 1 + math.ceil(math.log2(max(height, width)))
    for number, level in enumerate(reversed(levels)):
        assert level == (math.ceil(height / 2**number), math.ceil(width / 2**number))


def test_tiles_put_together_are_the_picture_at_every_level(written: Path) -> None:
    """The levels are means over 2, 4, 8 ... pixels, which are computed here from the whole at once."""
    tiles = written / f"{NAME}_files"
    sizes = level_sizes(SIZE)
    assert sorted(int(path.name) for path in tiles.iterdir()) == list(range(len(sizes)))
    exact = _ramps(*SIZE)[0].permute(1, 2, 0).numpy()
    for number in reversed(range(len(sizes))):
        found = _level(tiles, number, sizes[number]).astype(float)
        if max(sizes[number]) > TILE:
            assert np.abs(found - exact).mean() < 1.5, number
            assert np.abs(found - exact).max() < 16, number
        else:  # a single tile: the same numbers go into the same JPEG file, but for rounding
            file = BytesIO()
            Image.fromarray(np.rint(exact).astype(np.uint8)).save(file, "JPEG", quality=90, subsampling=0)
            difference = found - np.asarray(Image.open(file))
            assert np.abs(difference).mean() < 4, number
            assert np.abs(difference.mean()) < 0.5 or number < 4, "the levels drift in brightness"
        odd = [(0, side % 2) for side in exact.shape[:2]]
        even = np.pad(exact, (*odd, (0, 0)), mode="edge")
        exact = even.reshape(even.shape[0] // 2, 2, even.shape[1] // 2, 2, 3).mean((1, 3))


def test_a_level_worked_by_hand(tmp_path: Path) -> None:
    """Three columns of 10, 30 and 100, grey: halved 20 and 100, halved again 60; JPEG keeps flat tiles."""
    picture = torch.tensor([10.0, 30.0, 100.0]).expand(1, 3, 8, 3)
    write_tiles(tmp_path, (8, 3), lambda window: picture[..., *window.slices])
    found = [np.asarray(Image.open(tmp_path / str(level) / "0_0.jpg"))[..., 0] for level in (3, 2, 1, 0)]
    assert [pixels.shape for pixels in found] == [(8, 3), (4, 2), (2, 1), (1, 1)]
    for pixels, expected in zip(found, ([10, 30, 100], [20, 100], [60], [60]), strict=True):
        assert np.abs(pixels[0].astype(int) - expected).max() <= 2


def test_a_half_is_the_mean_of_four_rounded_to_even() -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (64, 90, 3), dtype=np.uint8)
    pixels[:8, :8] = 255
    exact = pixels.reshape(32, 2, 45, 2, 3).astype(float).mean((1, 3))
    assert np.array_equal(halved(pixels), np.rint(exact))
    assert np.array_equal(
        halved(pixels[:63, :89]), halved(np.pad(pixels[:63, :89], ((0, 1), (0, 1), (0, 0)), "edge"))
    )


def test_no_more_than_a_tile_is_read_at_a_time(tmp_path: Path) -> None:
    windows: list[Rect] = []

    def read(window: Rect) -> torch.Tensor:
        windows.append(window)
        return torch.zeros(1, 3, *window.size)

    write_tiles(tmp_path, (700, 1600), read)
    assert max(max(window.size) for window in windows) == TILE + 2 * OVERLAP
    assert len(windows) == 8  # the picture is read once: its levels are computed from each other
    assert not list(tmp_path.glob("*.pixels"))


def test_the_forecast_is_more_than_noise_takes(tmp_path: Path) -> None:
    noise = torch.randint(0, 256, (1, 3, 530, 1100), generator=torch.Generator().manual_seed(1)).float()
    folder = tmp_path / "noise"
    write_deep_zoom(folder, "noise", (530, 1100), lambda window: noise[..., *window.slices])
    taken = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert taken < deep_zoom_bytes((530, 1100)) < 3 * taken


def test_the_descriptor_is_that_of_the_format(written: Path) -> None:
    root = ET.parse(written / f"{NAME}.dzi").getroot()
    space = "{http://schemas.microsoft.com/deepzoom/2008}"
    assert root.tag == f"{space}Image"
    assert root.attrib == {"Format": "jpg", "Overlap": "1", "TileSize": "510"}
    [size] = root
    assert (size.tag, size.attrib) == (f"{space}Size", {"Width": "1650", "Height": "1101"})


def test_places_that_cannot_be_written_are_refused(tmp_path: Path, written: Path) -> None:
    with pytest.raises(OutputError, match="the folder .*none does not exist"):
        check_deep_zoom(tmp_path / "none" / "out", overwrite=True)
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="file is a file, not a folder"):
        check_deep_zoom(tmp_path / "file" / "out", overwrite=True)
    with pytest.raises(OutputError, match="is no folder, and the deep zoom would go there"):
        check_deep_zoom(tmp_path / "file", overwrite=True)
    with pytest.raises(OutputError, match="exists already. Choose another output, or give --overwrite"):
        check_deep_zoom(written, overwrite=False)
    check_deep_zoom(written, overwrite=True)
    with pytest.raises(OutputError, match="holds file, which no deep zoom wrote"):
        check_deep_zoom(tmp_path, overwrite=True)
    inside = written / f"{NAME}_files" / "0" / "0_0.jpg"
    with pytest.raises(OutputError, match="holds the input"):
        check_deep_zoom(written, overwrite=True, inputs=[inside])


def test_a_folder_without_rights_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_options: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    with pytest.raises(OutputError, match="cannot be written to .*Permission denied"):
        check_deep_zoom(tmp_path / "out", overwrite=False)


def test_a_failed_write_leaves_the_earlier_folder(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    write_deep_zoom(folder, "a", (4, 4), lambda window: torch.zeros(1, 3, *window.size))

    def fail(_window: Rect) -> torch.Tensor:
        raise OSError(28, "No space left on device")

    with pytest.raises(OutputError, match="No space left on device"):
        write_deep_zoom(folder, "b", (4, 4), fail, overwrite=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]
    assert (folder / "a.dzi").exists()
    write_deep_zoom(folder, "b", (4, 4), lambda window: torch.zeros(1, 3, *window.size), overwrite=True)
    assert sorted(path.name for path in folder.iterdir()) == ["b.dzi", "b_files", "index.html"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_browser() as browser:
        yield browser


def _settled(page: Page) -> None:
    """Wait until the picture stands still and all its tiles are drawn."""
    loaded = "OpenSeadragon.getViewer('picture')?.world.getItemAt(0)?.getFullyLoaded()"
    for _ in range(2):  # the first move begins a moment after the key
        for _ in range(200):
            page.wait_for_timeout(50)
            if page.evaluate(loaded):
                break
    assert page.evaluate(loaded)


def _screen(page: Page) -> _Bytes:
    return np.asarray(Image.open(BytesIO(page.screenshot())).convert("RGB"))


def _bounds(page: Page) -> list[float]:
    """Return left, top, width and height of what is seen, in pixels of the picture."""
    found: list[float] = page.evaluate(
        "(() => { const {viewport} = OpenSeadragon.getViewer('picture');"
        "const seen = viewport.viewportToImageRectangle(viewport.getBounds());"
        "return [seen.x, seen.y, seen.width, seen.height]; })()"
    )
    return found


@needs_chromium
@pytest.mark.parametrize(("width", "height"), rest_is_long([(1280, 800), (390, 844)], short=1))
def test_the_page_shows_the_whole_picture_and_its_pixels(
    browser: Browser, written: Path, width: int, height: int
) -> None:
    with opened(browser, written / "index.html", width=width, height=height) as page:
        page.emulate_media(reduced_motion="reduce")
        page.reload()
        _settled(page)
        assert page.title() == NAME
        assert page.locator("h1").inner_text() == NAME
        left, top, seen_width, seen_height = _bounds(page)
        assert left <= 0.5
        assert top <= 0.5
        assert left + seen_width >= SIZE[1] - 0.5
        assert top + seen_height >= SIZE[0] - 0.5
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        # The middle of the screen is the middle of the picture: red and green at half.
        stage = page.locator("#picture").bounding_box()
        assert stage is not None
        middle = (round(stage["y"] + stage["height"] / 2), round(stage["x"] + stage["width"] / 2))
        assert np.abs(_screen(page)[middle][:2].astype(int) - 127).max() < 12
        page.keyboard.press("1")
        _settled(page)
        assert page.locator("output").inner_text() == "100 %"
        # A pixel of the screen is one of the picture: as the picture itself, but for JPEG.
        left, top, *_ = map(round, _bounds(page))
        x, y = round(stage["x"]) + 40, round(stage["y"]) + 40
        shown = _screen(page)[y : y + 60, x : x + 60].astype(float)
        exact = _ramps(*SIZE)[0, :, top + 40 : top + 100, left + 40 : left + 100].permute(1, 2, 0).numpy()
        assert exact.shape == shown.shape
        assert np.abs(shown - exact).mean() < 6


@pytest.mark.long
@needs_chromium
def test_keys_and_buttons_move_and_zoom(browser: Browser, written: Path) -> None:
    with opened(browser, written / "index.html") as page:
        page.emulate_media(reduced_motion="reduce")
        page.reload()
        _settled(page)
        whole = _bounds(page)
        page.keyboard.press("+")
        page.keyboard.press("+")
        near = _bounds(page)
        assert near[2] == pytest.approx(whole[2] / 2.25, rel=0.01)
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowDown")
        moved = _bounds(page)
        assert moved[0] > near[0] + 20
        assert moved[1] > near[1] + 20
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("ArrowUp")
        assert _bounds(page) == pytest.approx(near, abs=1)
        page.keyboard.press("-")
        assert _bounds(page)[2] == pytest.approx(whole[2] / 1.5, rel=0.01)
        page.keyboard.press("0")
        assert _bounds(page) == pytest.approx(whole, abs=1)
        page.get_by_role("button", name="Larger").click()
        page.keyboard.press("ArrowRight")  # keys work while a button has the focus
        assert _bounds(page)[0] > (whole[2] - whole[2] / 1.5) / 2
        page.get_by_role("button", name="Whole").click()
        assert _bounds(page) == pytest.approx(whole, abs=1)
        page.get_by_role("button", name="1:1").click()
        assert page.locator("output").inner_text() == "100 %"
        page.get_by_role("button", name="Smaller").click()
        assert page.locator("output").inner_text() == "77 %"  # the whole is no smaller in this window


@pytest.mark.long
@needs_chromium
def test_the_whole_stays_whole_in_a_window_of_another_size(browser: Browser, written: Path) -> None:
    small = "OpenSeadragon.getViewer('picture').navigator.element.style.visibility"
    with opened(browser, written / "index.html", width=1200, height=900) as page:
        page.emulate_media(reduced_motion="reduce")
        page.reload()
        _settled(page)
        assert page.evaluate(small) == "hidden"
        page.set_viewport_size({"width": 700, "height": 350})
        page.wait_for_timeout(500)
        left, top, width, height = _bounds(page)
        assert [top, height] == pytest.approx([0, SIZE[0]], abs=2)
        assert left < 0 < SIZE[1] < left + width
        page.keyboard.press("1")
        page.wait_for_timeout(300)
        assert page.evaluate(small) == "visible"
        page.set_viewport_size({"width": 1200, "height": 900})
        page.wait_for_timeout(500)
        assert _bounds(page)[3] < SIZE[0], "what was looked at closely is the whole now"


@pytest.mark.long
@needs_chromium
def test_two_fingers_zoom(browser: Browser, written: Path) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto((written / "index.html").as_uri())
    _settled(page)
    whole = _bounds(page)
    session = context.new_cdp_session(page)

    def touch(kind: str, *places: tuple[int, int]) -> None:
        points = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(places)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", (180, 450), (210, 450))
    for spread in range(10, 101, 10):
        touch("touchMove", (180 - spread, 450), (210 + spread, 450))
    touch("touchEnd")
    page.wait_for_timeout(900)
    assert _bounds(page)[2] < whole[2] / 3
    context.close()


@pytest.mark.long
@needs_chromium
def test_missing_tiles_are_told(browser: Browser, written: Path, tmp_path: Path) -> None:
    alone = tmp_path / "index.html"
    alone.write_bytes((written / "index.html").read_bytes())
    page = browser.new_page()
    page.goto(alone.as_uri())
    page.get_by_role("alert").wait_for()
    assert f"{NAME}_files belongs beside this page" in page.get_by_role("alert").inner_text()
    page.close()


@pytest.mark.long
@needs_chromium
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(browser: Browser, written: Path, scheme: str) -> None:
    with opened(browser, written / "index.html") as page:
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        _settled(page)
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert ground == {"light": "rgb(251, 250, 248)", "dark": "rgb(23, 22, 20)"}[scheme]
        page.evaluate(AXE.read_text(encoding="utf-8"))
        found = page.evaluate("async () => (await axe.run(document)).violations")
        assert [each["id"] for each in found if each["impact"] in {"serious", "critical"}] == []


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two pictures."""
    folder = tmp_path_factory.mktemp("desk")
    for number, (name, size) in enumerate((("content", (64, 330)), ("style", (64, 72)))):
        noise = np.random.default_rng(number).integers(0, 256, (*size, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / f"{name}.png")
    return folder


def _call(desk: Path, *words: str) -> list[str]:
    call = ["giant", "content.png", "style.png", "-o", "out.tif", "--area", "128", "--sweeps", "1"]
    call += ["--coarse-pixels", "6000", "--quality", "preview", "--quiet"]
    return [str(desk / word) if word.endswith((".png", ".tif")) else word for word in call] + list(words)


def _contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.long
def test_the_command_writes_tiles_and_after_a_death_the_same(
    desk: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    zoom, store = desk / "zoom", desk / "store"
    words = _call(desk, "--store", str(store), "--deepzoom", str(zoom), "--json")
    assert main(words) == 0, capsys.readouterr().err
    assert json.loads(capsys.readouterr().out)["deepzoom"] == str(zoom)
    with Image.open(zoom / "out_files" / "9" / "0_0.jpg") as tile, Image.open(desk / "out.tif") as tiff:
        assert tile.size == tiff.size == (330, 64)
        # Of noise: after JPEG, nearer to the picture by far than to another one.
        assert np.abs(np.asarray(tile).astype(int) - np.asarray(tiff)).mean() < 8
    before, file = _contents(zoom), (desk / "out.tif").read_bytes()
    # Killed after the file was written and before the tiles were: only the folder is missing.
    zoom.rename(desk / "first")
    assert main([*words, "--resume"]) == 0, capsys.readouterr().err
    assert _contents(zoom) == before
    assert (desk / "out.tif").read_bytes() == file
    # The folder is there: nothing is replaced unasked. A file of another run is not this one's to replace.
    assert main([*words, "--resume"]) == 5
    assert "zoom: exists already" in capsys.readouterr().err
    other = [word if word != "1" else "2" for word in words]
    assert main([*other, "--resume", "--deepzoom", str(desk / "second")]) == 5
    assert "out.tif: exists already" in capsys.readouterr().err
    assert main([*words, "--resume", "--overwrite"]) == 0
    assert _contents(zoom) == before


@pytest.mark.parametrize(
    ("zoom", "words", "message"),
    [
        ("there", [], "there: exists already"),
        ("there", ["--overwrite"], "there: holds note.txt, which no deep zoom wrote"),
        ("none/zoom", [], "the folder .*none does not exist"),
        ("content.png", ["--overwrite"], "content.png: is no folder"),
        ("store", ["--store", "store"], "cannot lie in each other"),
        ("store/zoom", ["--store", "store"], "cannot lie in each other"),
        ("zoom", ["--store", "zoom/store"], "cannot lie in each other"),
        ("out.tif", [], "cannot lie in each other"),
        ("pipe", [], "is a device, a pipe or a socket"),
    ],
)
def test_the_command_refuses_places_before_it_computes(
    zoom: str,
    words: list[str],
    message: str,
    tmp_path: Path,
    desk: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("content.png", "style.png"):
        (tmp_path / name).write_bytes((desk / name).read_bytes())
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "note.txt").write_text("")
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.chdir(tmp_path)
    call = [Path(word).name if word.endswith((".png", ".tif")) else word for word in _call(tmp_path)]
    assert main([*call, *words, "--deepzoom", zoom]) == 5
    assert re.search(message, capsys.readouterr().err)
    assert not (tmp_path / "out.tif.store").exists()


def test_room_for_all_outputs_is_counted(
    desk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    content, style = desk / "content.png", desk / "style.png"
    zoom = tmp_path / "zoom"
    outputs = GiantOutputs(tmp_path / "new.tif", tmp_path / "new.tif.store", zoom, Pictures(content, style))
    options = GiantOptions(area=128, sweeps=1, coarse_pixels=6000)
    manifest = plan_giant(content, style, settings=Settings(quality="preview"), options=options)
    needed = outputs.needed_bytes(manifest)
    assert list(needed) == ["store", "file", "deep zoom"]
    assert needed["deep zoom"] == deep_zoom_bytes((64, 330))
    # Enough for the store and the file, but not for the tiles too.
    free = sum(needed.values()) - 1
    monkeypatch.setattr("shutil.disk_usage", lambda _place: SimpleNamespace(free=free))
    words = _call(desk, "--deepzoom", str(zoom))
    words[words.index("-o") + 1] = str(tmp_path / "new.tif")
    assert main(words) == 5
    assert re.search(
        r"the disk has 4 MiB left, and the run will need 4 MiB on it \(.* for the deep zoom\)",
        capsys.readouterr().err,
    )
    assert list(tmp_path.iterdir()) == []
