"""Giant pictures that are watched: what is read of a store that changes, and what the studio gives of it."""

import io
import itertools
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import numpy.typing as npt
import pytest
import tifffile
import torch
from PIL import Image

from glstylenet.cli import main
from glstylenet.deep_zoom import level_sizes, tiles, write_deep_zoom
from glstylenet.errors import ImageError, InputError
from glstylenet.giant import (
    GiantOptions,
    PaintedLevels,
    PaintedSoFar,
    StoreState,
    StoreWatcher,
    paint_giant,
    run_here,
    watching,
)
from glstylenet.giant.store import Store
from glstylenet.numerics import Rect, whole
from glstylenet.pictures import open_tiled_tiff, write_tiled_tiff
from glstylenet.settings import Settings
from glstylenet.studio import GiantPictures, Storage, giant_pictures
from glstylenet.studio.application import UPLOAD_BYTES, make_application
from glstylenet.studio.runner import Runner
from glstylenet.studio.security import SecurityMiddleware
from tests.giant_stores import SIZE, HandmadeStore, waves
from tests.long_cases import rest_is_long
from tests.test_studio import Studio

WAVES = waves(*SIZE)
TOP = len(level_sizes(SIZE)) - 1


def _bytes(picture: torch.Tensor) -> npt.NDArray[np.uint8]:
    return (picture[0].permute(1, 2, 0).numpy() + 0.5).astype(np.uint8)


def _looked(watcher: StoreWatcher) -> StoreState:
    state = watcher.look()
    assert state is not None
    return state


def _painted(watcher: StoreWatcher) -> PaintedSoFar:
    painted = _looked(watcher).painted
    assert painted is not None
    return painted


def _store_in(folder: Path) -> HandmadeStore:
    """Make a store whose second size is there, before its first sweep."""
    store = HandmadeStore(folder / "scroll.tif.store")
    store.write(0, 0, waves(300, 700))
    store.write(1, 1, WAVES)
    store.do_steps("paint-0")
    return store


@pytest.fixture
def store(tmp_path: Path) -> HandmadeStore:
    return _store_in(tmp_path)


class Viewer(Studio):
    """A studio in this process that shows giant pictures."""

    def __init__(self, folder: Path, *paths: Path, token: str | None = None) -> None:
        storage = Storage(folder, max_pixels=1_000_000)
        application = make_application(storage, Runner(storage, [{}]), {}, {}, GiantPictures(paths))
        self.protected = SecurityMiddleware(
            application, hosts=["127.0.0.1"], token=token, upload_bytes=UPLOAD_BYTES
        )

    def state(self, number: int = 1) -> dict[str, Any]:
        answer = self.ask("GET", f"/api/giant/{number}")
        assert answer.status_code == 200
        shown: dict[str, Any] = answer.json()
        return shown

    def tile(self, picture: str, level: int, column: int = 0, row: int = 0) -> httpx.Response:
        return self.ask("GET", f"/api/giant/1/{picture}/{level}/{column}_{row}.jpg")


@pytest.fixture
def viewer(tmp_path: Path, store: HandmadeStore) -> Viewer:
    return Viewer(tmp_path / "data", store.folder)


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Viewer:
    """A viewer for tests that change nothing in its store."""
    folder = tmp_path_factory.mktemp("giant")
    return Viewer(folder / "data", _store_in(folder).folder)


def _decoded(tile: bytes) -> npt.NDArray[np.uint8]:
    with Image.open(io.BytesIO(tile)) as image:
        return np.asarray(image)


def _same_tiles(viewer: Viewer, folder: Path) -> None:
    """Compare all tiles of the picture that is shown with the files of a Deep Zoom folder."""
    picture = viewer.state()["picture"]
    assert picture["max_level"] == TOP
    assert (
        max(level_sizes(SIZE)[picture["min_level"]]) <= 510 < max(level_sizes(SIZE)[picture["min_level"] + 1])
    )
    compared = 0
    for level in range(picture["min_level"], TOP + 1):
        for file in (folder / "deep_files" / str(level)).iterdir():
            column, row = map(int, file.stem.split("_"))
            answer = viewer.tile(picture["name"], level, column, row)
            assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
            assert answer.content == file.read_bytes(), file
            compared += 1
    assert compared == 6 + 2 + 1


def test_every_tile_is_that_of_a_deep_zoom_to_the_byte(
    viewer: Viewer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_deep_zoom(tmp_path / "deep", "deep", SIZE, lambda window: WAVES[..., *window.slices])
    _same_tiles(viewer, tmp_path / "deep")
    # Levels that are not held in memory, too, and however few pixels are read at a time.
    monkeypatch.setattr(watching, "_HELD_SIDE", 100)
    monkeypatch.setattr(tiles, "_PIXELS_AT_ONCE", 20_000)
    _same_tiles(Viewer(tmp_path / "data", tmp_path / "scroll.tif.store"), tmp_path / "deep")


def test_what_is_read_at_a_time_does_not_grow_with_the_picture(
    store: HandmadeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "_HELD_SIDE", 100)
    monkeypatch.setattr(tiles, "_PIXELS_AT_ONCE", 5_000)
    painted = _painted(StoreWatcher(store.folder))
    read: list[int] = []
    real = Store.read_pixels

    def noted(self: Store, name: str, window: Rect | None = None) -> torch.Tensor:
        assert window is not None
        read.append(window.size[0] * window.size[1])
        return real(self, name, window)

    monkeypatch.setattr(Store, "read_pixels", noted)
    levels = PaintedLevels(painted)
    size = level_sizes(SIZE)[TOP - 2]
    levels.read(painted, TOP - 2, whole(size))  # 350 columns of four pixels: four rows at a time
    assert sum(read) == SIZE[0] * SIZE[1]
    assert max(read) <= 5_600


def test_areas_that_arrived_lie_over_the_others(store: HandmadeStore) -> None:
    """Worked by hand: all areas are 10, and the second of the upper row has become 200, with its border."""
    grey = torch.full((1, 3, *SIZE), 10.0)
    store.write(1, 1, grey)
    watcher = StoreWatcher(store.folder)
    before = _painted(watcher)
    store.write(1, 2, grey + 190, areas=[1])
    after = _painted(watcher)
    assert np.all(before.read(whole(SIZE)) == 10)
    area = after.areas[1]
    expected = np.full((*SIZE, 3), 10, np.uint8)
    expected[area.slices] = 200
    assert np.array_equal(after.read(whole(SIZE)), expected)
    part = Rect(area.top, area.left - 3, area.top + 2, area.left + 3)
    assert after.read(part)[..., 0].tolist() == [[10, 10, 10, 200, 200, 200]] * 2
    assert after.generations[1] == 2
    assert after.name == before.name


def test_levels_brought_up_to_date_are_those_computed_anew(store: HandmadeStore) -> None:
    """Areas arrive in groups, as they do, and some windows are looked at in between."""
    rng = np.random.default_rng(5)
    watcher = StoreWatcher(store.folder)
    levels: PaintedLevels | None = None
    by_colour = sorted(store.context(1).areas, key=lambda area: (area.colour, rng.random()))
    for group in (by_colour[:4], by_colour[4:9], by_colour[9:17], by_colour[17:]):
        store.write(1, 2, 255 - WAVES, areas=[area.number for area in group])
        painted = _painted(watcher)
        levels = levels or PaintedLevels(painted)
        for level in range(TOP - 2, TOP + 1):
            height, width = level_sizes(SIZE)[level]
            top, left = int(rng.integers(height - 20)), int(rng.integers(width - 20))
            levels.read(painted, level, Rect(top, left, top + 20, left + 20))
    assert levels is not None
    fresh = PaintedLevels(painted)
    for level in range(TOP - 3, TOP + 1):
        window = whole(level_sizes(SIZE)[level])
        shown = levels.read(painted, level, window)
        assert np.array_equal(shown, fresh.read(painted, level, window)), level
    assert np.array_equal(shown, _bytes(255 - WAVES))


def test_a_size_is_shown_when_all_its_areas_are_there(tmp_path: Path) -> None:
    store = HandmadeStore(tmp_path / "store")
    watcher = StoreWatcher(store.folder)
    state = _looked(watcher)
    assert (state.painted, state.step, state.is_complete) == (None, None, False)
    small = waves(300, 700)
    store.write(0, 0, small)
    store.do_steps("enlarge-0")
    store.write(1, 0, WAVES, areas=range(17))
    first = _painted(watcher)
    assert first.size == (300, 700)
    assert np.array_equal(first.read(whole((300, 700))), _bytes(small))
    store.write(1, 0, WAVES)
    second = _painted(watcher)
    assert second.size == SIZE
    assert second.name != first.name
    assert np.array_equal(second.read(whole(SIZE)), _bytes(WAVES))
    # Memory was too short: the size begins anew elsewhere, in smaller areas.
    store.save(replace(store.manifest, smaller_from=1))
    assert _painted(watcher).size == (300, 700)


def test_steps_and_time_left_worked_by_hand(store: HandmadeStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Equal parts of 10 s: 18 areas in each of two sweeps, a survey of 18 between and one after them."""
    monkeypatch.setattr("glstylenet.giant.progress.Work.of", lambda _work, _part: 1.0)
    colours = [area.colour for area in store.context(1).areas]
    assert [colours.count(colour) for colour in range(4)] == [6, 6, 3, 3]
    watcher = StoreWatcher(store.folder)

    def told(seconds: int) -> tuple[object, ...]:
        for path in (store.folder / "size-1", store.folder / "manifest.json"):
            os.utime(path, (1000 + seconds, 1000 + seconds))
        state = _looked(watcher)
        assert state.step is not None
        assert state.changed == 1000 + seconds
        return (state.step.kind, state.step.turn, state.step.done, state.step.areas, state.seconds_left)

    assert told(0) == ("paint", 0, 0, 18, None)
    store.note_painted(0, [0, 2])
    assert told(20) == ("paint", 0, 2, 18, pytest.approx(10 * 70))
    assert told(25)[4] == pytest.approx(10 * 70), "nothing was done since, and nothing is known anew"
    store.do_steps("paint-1")
    assert told(60) == ("paint", 0, 6, 18, pytest.approx(10 * 66))
    store.note_painted(0, [1])
    assert told(70) == ("paint", 0, 7, 18, pytest.approx(10 * 65))
    store.do_steps("survey-1")
    assert told(180) == ("survey", 1, 0, 18, pytest.approx(10 * 54))
    store.do_steps("paint-4")
    assert told(360) == ("paint", 1, 0, 18, pytest.approx(10 * 36))
    store.do_steps("")
    state = _looked(watcher)
    assert (state.step, state.is_complete, state.seconds_left) == (None, True, None)


def test_a_scroll_of_one_row_has_no_areas_of_two_colours(tmp_path: Path) -> None:
    store = HandmadeStore(tmp_path / "store", (200, 1400))
    store.write(0, 0, waves(100, 700))
    store.write(1, 1, waves(200, 1400))
    watcher = StoreWatcher(store.folder)
    for name, done in (("paint-1", 3), ("paint-2", 6), ("paint-3", 6)):
        store.do_steps(name)
        step = _looked(watcher).step
        assert step is not None
        assert (step.kind, step.turn, step.done, step.areas) == ("paint", 0, done, 6)


def test_a_run_that_begins_anew_has_another_speed(store: HandmadeStore) -> None:
    watcher = StoreWatcher(store.folder)
    assert _looked(watcher).seconds_left is None
    store.do_steps("paint-2")
    assert _looked(watcher).seconds_left is not None
    store.do_steps("paint-0")
    assert _looked(watcher).seconds_left is None


def test_the_page_is_told_what_it_shows(viewer: Viewer, store: HandmadeStore) -> None:
    store.write(1, 2, WAVES, areas=[3])
    store.note_painted(0, [0])
    assert viewer.ask("GET", "/api/giant").json() == {"pictures": [{"number": 1, "name": "scroll.tif"}]}
    state = viewer.state()
    picture = state.pop("picture")
    assert state.pop("seconds_since_change") < 60
    assert state.pop("seconds_left") > 0, "of one area that came since the server began"
    assert state == {
        "name": "scroll.tif",
        "state": "painting",
        "width": 1400,
        "height": 601,
        "size": 2,
        "sizes": [[700, 300], [1400, 601]],
        "sweeps": 2,
        "step": {"kind": "paint", "turn": 1, "done": 1, "areas": 18},
    }
    assert picture["generations"] == [1, 1, 1, 2] + 14 * [1]
    # Areas are numbered row by row: their rectangles are those of the rows and columns.
    areas = [
        Rect(top, left, bottom, right)
        for top, bottom in picture["rows"]
        for left, right in picture["columns"]
    ]
    assert areas == _painted(StoreWatcher(store.folder)).areas


@pytest.mark.parametrize(
    "path",
    [
        "/api/giant/0",
        "/api/giant/2",
        "/api/giant/x",
        "/api/giant/-1",
        "/api/giant/%C2%B2",
        f"/api/giant/{'9' * 5000}",
        "/api/giant/..%2f..%2fetc%2fpasswd",
        "/giant/2",
        "/giant/x",
        "/giant/",
        "/static/deep_zoom/page.html",
        "/static/deep_zoom/..%2fpage.py",
        "/api/giant/1/NAME/11/3_0.jpg",
        "/api/giant/1/NAME/11/0_2.jpg",
        "/api/giant/1/NAME/12/0_0.jpg",
        "/api/giant/1/NAME/3/0_0.jpg",
        "/api/giant/1/NAME/-1/0_0.jpg",
        "/api/giant/1/NAME/x/0_0.jpg",
        "/api/giant/1/NAME/11/0_x.jpg",
        "/api/giant/1/NAME/11/0.jpg",
        "/api/giant/1/NAME/11/0_0.png",
        f"/api/giant/1/NAME/{'1' * 400}/0_0.jpg",
        "/api/giant/1/other/11/0_0.jpg",
        "/api/giant/1/..%2f/11/0_0.jpg",
        "/api/giant/2/NAME/11/0_0.jpg",
    ],
)
def test_wrong_addresses_are_not_found(untouched: Viewer, path: str) -> None:
    name = untouched.state()["picture"]["name"]
    assert untouched.tile(name, TOP).status_code == 200
    answer = untouched.ask("GET", path.replace("NAME", name))
    assert answer.status_code == 404
    assert answer.json()["error"]


def test_tiles_are_kept_where_their_address_tells_what_they_show(viewer: Viewer) -> None:
    path = f"/api/giant/1/{viewer.state()['picture']['name']}/{TOP}/0_0.jpg"
    assert viewer.ask("GET", path).headers["cache-control"] == "no-store"
    assert "immutable" in viewer.ask("GET", f"{path}?v=7").headers["cache-control"]
    assert viewer.ask("GET", "/api/giant/1").headers["cache-control"] == "no-store"


def test_a_tile_that_was_replaced_meanwhile_is_read_again(
    viewer: Viewer, store: HandmadeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The state is a moment old; the run has painted the sweep, and removed what was there before."""
    monkeypatch.setattr(giant_pictures, "_FRESH_SECONDS", 3600.0)
    name = viewer.state()["picture"]["name"]
    store.write(1, 2, torch.full((1, 3, *SIZE), 77.0))
    for file in (store.folder / "size-1").glob("pixels-1-*"):
        file.unlink()
    answer = viewer.tile(name, TOP)
    assert answer.status_code == 200
    assert np.abs(_decoded(answer.content).astype(int) - 77).max() <= 1


def test_a_size_that_doubles_is_another_picture(tmp_path: Path) -> None:
    store = HandmadeStore(tmp_path / "store")
    store.write(0, 0, waves(300, 700))
    store.do_steps("enlarge-0")
    viewer = Viewer(tmp_path / "data", store.folder)
    small = viewer.state()["picture"]
    assert viewer.tile(small["name"], 10).status_code == 200
    store.write(1, 0, WAVES)
    assert viewer.state()["picture"]["name"] != small["name"]
    assert viewer.tile(small["name"], 10).status_code == 404


def _states(viewer: Viewer) -> str:
    return str(viewer.state()["state"])


def test_the_states_of_a_run_from_its_beginning_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, file = HandmadeStore(tmp_path / "scroll.tif.store"), tmp_path / "scroll.tif"
    viewer = Viewer(tmp_path / "data", store.folder)
    assert _states(viewer) == "coarse"
    assert viewer.state()["picture"] is None
    store.write(0, 0, waves(300, 700))
    store.write(1, 1, WAVES)
    store.do_steps("search-0")
    assert _states(viewer) == "painting"
    store.do_steps("")
    assert _states(viewer) == "painted"
    # The file of an earlier run, which this one is to replace, is not its picture.
    write_tiled_tiff(file, (300, 700), lambda window: waves(300, 700)[..., *window.slices])
    os.utime(file, (1000, 1000))
    assert _states(viewer) == "painted"
    write_tiled_tiff(file, SIZE, lambda window: WAVES[..., *window.slices], overwrite=True)
    assert _states(viewer) == "finished"
    picture = viewer.state()["picture"]
    with tifffile.TiffFile(file) as tiff:
        for reduction, level in ((0, TOP), (1, TOP - 1), (2, TOP - 2)):
            exact = tiff.series[0].levels[reduction].asarray()
            for column, row in itertools.product(range(2 if reduction == 1 else 1), range(1)):
                buffer = io.BytesIO()
                tiles.encode_tile(
                    buffer, np.ascontiguousarray(exact[:511, max(0, 510 * column - 1) : 510 * column + 511])
                )
                assert viewer.tile(picture["name"], level, column, row).content == buffer.getvalue()
    shutil.rmtree(store.folder)
    assert _states(viewer) == "finished"
    assert viewer.tile(picture["name"], TOP, 2, 1).status_code == 200
    # Replaced by another file: a browser that keeps tiles asks for others.
    write_tiled_tiff(file, SIZE, lambda window: torch.zeros(1, 3, *window.size), overwrite=True)
    assert viewer.state()["picture"]["name"] != picture["name"]
    file.unlink()
    assert _states(viewer) == "gone"


_DAMAGE: Mapping[str, object] = {
    "format": 1,
    "sizes": [],
    "sizes ": [[0, 0], [0, 0]],
    "sizes  ": [[-3, 4], [5, 5]],
    "options": {"area": 0, "sweeps": 1, "evaluations": None, "coarse_pixels": 9},
    "settings": {"size": -1},
    "settings ": {"unheard": "of"},
    "done": [7],
}


@pytest.mark.parametrize("damage", rest_is_long(["no JSON", "folder", *_DAMAGE, "{}", "pipe"], short=4))
def test_a_damaged_manifest_is_told(
    viewer: Viewer, store: HandmadeStore, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = store.folder / "manifest.json"
    name = viewer.state()["picture"]["name"]
    written = json.loads(file.read_text())
    file.unlink()
    if damage == "folder":
        file.mkdir()
    elif damage == "pipe":
        os.mkfifo(file)
    elif damage in _DAMAGE:
        file.write_text(json.dumps({**written, damage.strip(): _DAMAGE[damage]}))
    else:
        file.write_text(damage)
    state = viewer.state()
    assert (state["state"], state["picture"]) == ("damaged", None)
    assert viewer.tile(name, TOP).status_code == 404
    assert viewer.ask("GET", "/giant/1").status_code == 200
    assert main(["studio", "--giant", str(store.folder)]) == 3
    assert "internal error" not in capsys.readouterr().err


@pytest.mark.parametrize("damage", ["short", "empty", "other size", "numbers of another kind"])
def test_a_damaged_area_is_no_tile(viewer: Viewer, store: HandmadeStore, damage: str) -> None:
    file = store.folder / "size-1" / "pixels-1-0.npy"
    whole_file = file.read_bytes()
    if damage == "short":
        file.write_bytes(whole_file[: len(whole_file) // 2])
    elif damage == "empty":
        file.write_bytes(b"")
    elif damage == "other size":
        np.save(file, np.zeros((3, 4, 5), np.float32))
    else:
        np.save(file, np.full((3, 264, 264), "x"))
    state = viewer.state()
    assert viewer.tile(state["picture"]["name"], TOP, 0, 0).status_code == 404
    assert viewer.tile(state["picture"]["name"], TOP, 2, 1).status_code == 200


def test_areas_that_are_missing_are_told(viewer: Viewer, store: HandmadeStore) -> None:
    shutil.rmtree(store.folder / "size-0")
    for file in (store.folder / "size-1").iterdir():
        file.unlink()
    assert _states(viewer) == "damaged"


def test_a_damaged_file_is_no_tile(tmp_path: Path) -> None:
    file = tmp_path / "scroll.tif"
    write_tiled_tiff(file, SIZE, lambda window: WAVES[..., *window.slices])
    viewer = Viewer(tmp_path / "data", file)
    with tifffile.TiffFile(file) as tiff:
        place = tiff.pages.first.dataoffsets[0]
    with file.open("r+b") as damaged:
        damaged.seek(place)
        damaged.write(b"nonsense" * 16)
    picture = viewer.state()["picture"]
    assert viewer.tile(picture["name"], TOP, 0, 0).status_code == 404
    assert viewer.tile(picture["name"], TOP, 2, 0).status_code == 200
    with open_tiled_tiff(file) as tiff_again, pytest.raises(ImageError, match=r"scroll.tif: is damaged"):
        tiff_again.read(0, Rect(0, 0, 1, 1))
    file.write_bytes(file.read_bytes()[:1000])
    assert _states(viewer) == "damaged"


def test_a_token_is_asked_for_and_leaves_the_address(tmp_path: Path, store: HandmadeStore) -> None:
    viewer = Viewer(tmp_path / "data", store.folder, token="correct-horse")
    for path in ("/giant/1", "/api/giant", "/api/giant/1", "/static/deep_zoom/zoom.js"):
        assert viewer.ask("GET", path).status_code == 401
        assert viewer.ask("GET", path, headers={"Authorization": "Bearer correct-horse"}).status_code == 200
    opened = viewer.ask("GET", "/giant/1?token=correct-horse")
    assert (opened.status_code, opened.headers["location"]) == (303, "/giant/1")
    assert "HttpOnly" in opened.headers["set-cookie"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nothing", "nothing: does not exist; expected the store of a giant run, or its file"),
        ("nothing.store", "nothing.store: does not exist"),
        ("empty", "empty: holds no giant run; expected a folder with its manifest.json"),
        ("damaged", "manifest.json: is not the manifest of a giant run"),
        ("plain.tif", "plain.tif: is not a picture that a giant run wrote; expected a tiled BigTIFF"),
        ("picture.png", "picture.png: is not a picture that a giant run wrote"),
    ],
)
def test_the_command_refuses_what_it_cannot_show(
    name: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "manifest.json").write_text("{}")
    Image.new("RGB", (600, 40)).save(tmp_path / "plain.tif")
    Image.new("RGB", (6, 4)).save(tmp_path / "picture.png")
    data = tmp_path / "data"
    assert main(["studio", "--data", str(data), "--port", "0", "--giant", str(tmp_path / name)]) == 3
    assert message in capsys.readouterr().err
    assert not data.exists()


def test_a_store_that_was_removed_is_shown_by_its_file(tmp_path: Path) -> None:
    write_tiled_tiff(tmp_path / "a.tif", (40, 60), lambda window: torch.zeros(1, 3, *window.size))
    giants = GiantPictures([tmp_path / "a.tif.store", tmp_path / "a.tif"])
    assert [each["name"] for each in giants.names()] == ["a.tif", "a.tif"]
    for number in ("1", "2"):
        state = giants.state(number)
        assert state is not None
        assert (state["state"], state["width"], state["height"]) == ("finished", 60, 40)
    with pytest.raises(InputError, match="does not exist"):
        GiantPictures([tmp_path / "b.tif.store"])


@pytest.mark.long
def test_a_run_is_watched_to_its_end(tmp_path: Path) -> None:
    """A real run: at every part something is shown, it only goes on, and ends with the picture of the run."""
    rng = np.random.default_rng(1)
    content, style = (rng.integers(0, 256, size, dtype=np.uint8) for size in ((64, 330, 3), (64, 72, 3)))
    store = tmp_path / "store"
    watcher = StoreWatcher(store)
    assert watcher.look() is None
    seen: list[tuple[int, int]] = []
    told: list[Mapping[str, object]] = []

    def watched(parts: Sequence[Any]) -> Any:
        for part in run_here(parts):
            state, painted = _looked(watcher), _painted(watcher)
            assert painted.read(whole(painted.size)).shape == (*painted.size, 3)
            seen.append((painted.context.number, sum(painted.generations)))
            if state.step is not None:
                told.append(vars(state.step))
            yield part

    picture = paint_giant(
        content,
        style,
        store=store,
        settings=Settings(quality="draft", precision="float32", coarsest=64, device="cpu"),
        options=GiantOptions(area=128, sweeps=1, evaluations=2, coarse_pixels=6000),
        run_parts=watched,
    )
    assert picture is not None
    assert seen == sorted(seen)
    assert len(set(seen)) > 6
    assert {each["kind"] for each in told} == {"style", "enlarge", "search", "vote", "survey", "paint"}
    assert _looked(watcher).is_complete
    shown = _painted(watcher).read(whole(picture.size))
    assert np.array_equal(shown, _bytes(picture.read(whole(picture.size))))
