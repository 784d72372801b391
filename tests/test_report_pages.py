"""The pages of sweeps and reproductions, opened from disk in a browser; and the reproduction itself."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser

from glstylenet.cli import main
from glstylenet.errors import UsageError
from glstylenet.metrics import METRICS
from glstylenet.report import reproduction
from glstylenet.report.experiment import Table, falls, lowest, pair_task, repetitions, rises, spread
from glstylenet.report.experiments import EXPERIMENTS
from glstylenet.report.gallery import Gallery, GalleryItem
from glstylenet.report.inputs import LAYOUT, PUBLISHED, Cut, Gathered, find_pairs
from glstylenet.report.page import embedded, render
from glstylenet.report.reproduction import Reproduction, chosen_experiments
from glstylenet.report.results_file import Record, ResultsFile
from glstylenet.settings.roles import Pictures
from tests.browser import needs_chromium, opened, running_browser

SHARED: Mapping[str, Any] = {"size": 64, "iterations": 1}
EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_browser() as browser:
        yield browser


def _solid(path: Path, colour: tuple[int, int, int], size: tuple[int, int] = (60, 40)) -> Path:
    Image.new("RGB", size, colour).save(path)
    return path


@pytest.fixture
def page_file(tmp_path: Path) -> Path:
    red, blue = _solid(tmp_path / "red.png", (200, 0, 0)), _solid(tmp_path / "blue.png", (0, 0, 200))
    items = (
        GalleryItem("red one", red, facts={"loss": "1.5"}, command="glstylenet stylize a b"),
        GalleryItem("blue one", blue),
        GalleryItem(EVIL, None, f"failed: {EVIL}"),
    )
    grid = Gallery("Grid", ("",), ("c1", "c2", EVIL), (items,))
    inputs = Gallery("In", ("",), ("content",), ((GalleryItem("content", red),),))
    page = render("sweep.html", {"title": f"Sweep {EVIL}", "summary": "s", "inputs": inputs, "grid": grid})
    file = tmp_path / "index.html"
    file.write_text(page, encoding="utf-8")
    return file


@pytest.mark.long
@needs_chromium
def test_the_viewer_zooms_and_compares(browser: Browser, page_file: Path) -> None:
    with opened(browser, page_file) as page:
        page.get_by_role("button", name="Enlarge red one").focus()
        page.keyboard.press("Enter")
        dialog = page.get_by_role("dialog")
        assert dialog.is_visible()
        front = page.locator(".stage img").nth(1)
        width = "e => e.getBoundingClientRect().width"
        before = front.evaluate(width)
        page.keyboard.press("+")
        assert front.evaluate("e => e.getBoundingClientRect().width") == pytest.approx(
            1.25 * before, rel=0.01
        )
        # The picture itself lies left of the divider, the other one right of it.
        dialog.get_by_label("Compare with").select_option(label="blue one")
        dialog.get_by_role("button", name="Fit").click()
        page.wait_for_timeout(100)
        stage = page.locator(".stage").bounding_box()
        assert stage is not None
        middle = round(stage["y"] + stage["height"] / 2)
        shot = Image.open(_screenshot(page, page_file.parent)).convert("RGB")
        centre = round(stage["x"] + stage["width"] / 2)
        left, right = centre - 40, centre + 40
        assert _is(shot.getpixel((left, middle)), (200, 0, 0))
        assert _is(shot.getpixel((right, middle)), (0, 0, 200))
        dialog.get_by_label("Divider").fill("90")
        shot = Image.open(_screenshot(page, page_file.parent)).convert("RGB")
        assert _is(shot.getpixel((right, middle)), (200, 0, 0))
        dialog.get_by_role("button", name="Blink").click()
        assert dialog.get_by_label("Divider").is_hidden()
        seen = set()
        for _ in range(8):
            shot = Image.open(_screenshot(page, page_file.parent)).convert("RGB")
            seen.add(_is(shot.getpixel((left, middle)), (200, 0, 0)))
            page.wait_for_timeout(250)
        assert seen == {True, False}
        page.keyboard.press("b")
        assert dialog.get_by_label("Divider").is_visible()
        page.keyboard.press("Escape")
        assert not dialog.is_visible()


def _screenshot(page: Any, folder: Path) -> Path:
    file = folder / "shot.png"
    page.screenshot(path=file)
    return file


def _is(pixel: Any, colour: tuple[int, int, int]) -> bool:
    return bool(np.abs(np.array(pixel) - np.array(colour)).max() < 12)


@needs_chromium
def test_nothing_of_a_user_becomes_markup(browser: Browser, page_file: Path) -> None:
    with opened(browser, page_file) as page:
        assert page.locator("img[src=x]").count() == 0
        assert EVIL in page.inner_text("h1")
        assert EVIL in page.inner_text(".missing")


@needs_chromium
def test_a_phone_scrolls_the_grid_and_not_the_page(browser: Browser, page_file: Path) -> None:
    with opened(browser, page_file, width=390, height=800) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_large_picture_is_embedded_smaller(tmp_path: Path) -> None:
    large = _solid(tmp_path / "large.png", (9, 9, 9), (2400, 1200))
    assert embedded(large).startswith("data:image/jpeg;base64,")
    assert embedded(_solid(tmp_path / "small.png", (9, 9, 9))).startswith("data:image/png;base64,")


# --- the experiments


def test_verdicts_follow_the_numbers() -> None:
    def fallen(*values: float | None, spread: float | None = None) -> str:
        return falls("c", [str(number) for number in range(len(values))], values, spread).verdict

    assert fallen(3.0, 2.0, 1.0) == "reproduced"
    assert fallen(3.0, 3.5, 1.0) == "reproduced in part"
    assert fallen(1.0, 2.0) == "not reproduced"
    assert fallen(1.0, None) == "not measured"
    assert fallen(1.2, 1.0, spread=0.3) == fallen(1.0, 1.2, spread=0.3) == "undecided"
    risen = rises("c", ["a", "b"], [1.0, 2.0])
    assert (risen.verdict, risen.numbers) == ("reproduced", "a: 1, b: 2")
    assert lowest("c", "x", {"x": 1.0, "y": 2.0}).verdict == "reproduced"
    assert lowest("c", "y", {"x": 1.0, "y": 2.0}).verdict == "not reproduced"
    assert lowest("c", "x", {"x": 1.0, "y": 2.0}, 1.5).verdict == "undecided"
    assert lowest("c", "z", {"x": 1.0, "y": 2.0}).verdict == "not measured"


def test_spread_is_the_range_of_tiny_changes() -> None:
    pictures = Pictures(Path("c.png"), Path("s.png"))
    tasks = repetitions("portrait", pictures, "portrait", SHARED)
    assert [task.settings.content_weight for task in tasks] == pytest.approx([10.0, 9.7, 10.3])
    assert tasks[0].name == pair_task("portrait", pictures, "portrait", SHARED).name
    records = {
        task.name: _record(task.name, leaks=value) for task, value in zip(tasks, (0.5, 0.2, 0.4), strict=True)
    }
    assert spread(records, "portrait", "portrait", "leaks") == pytest.approx(0.3)
    del records[tasks[1].name]
    assert spread(records, "portrait", "portrait", "leaks") is None


def _record(name: str, **metrics: float) -> Record:
    return Record(name, "", "x", "", (1, 1), 1.0, 1, {}, {}, "", metrics=metrics)


def test_figures_are_chosen_by_name() -> None:
    assert [each.name for each in chosen_experiments(["fig8", "fig6"])] == ["fig6", "fig8"]
    assert [each.name for each in chosen_experiments([])] == list(EXPERIMENTS)
    assert [each.name for each in chosen_experiments(["all"])] == list(EXPERIMENTS)
    with pytest.raises(UsageError, match="fig99"):
        chosen_experiments(["fig6", "fig99"])


@pytest.mark.parametrize("name", [name for name, each in EXPERIMENTS.items() if each.table is None])
def test_an_experiment_s_names_and_settings_are_sound(name: str) -> None:
    """Tasks of one name are one picture, and the judge finds its numbers under these names."""
    experiment = EXPERIMENTS[name]
    pairs = {pair: Pictures(Path("c.png"), Path("s.png")) for pair in LAYOUT}
    gathered = Gathered(pairs, {}, {pair: Cut(Path("sheet.jpg"), (0, 0, 9, 9)) for pair in LAYOUT})
    tasks = [task for panel in experiment.panels(gathered, SHARED) for task in panel.tasks]
    for pair, preset in experiment.pairs.items():
        tasks += repetitions(pair, pairs[pair], preset, SHARED)
    assert len({task.name for task in tasks}) == len({repr(task) for task in tasks})
    assert {task.settings.size for task in tasks} == {64}
    keys = [metric.name for metric in METRICS]
    records = {
        task.name: _record(task.name, **dict.fromkeys(keys, float(number)))
        for number, task in enumerate(tasks)
    }
    findings = experiment.judge(records)
    assert findings
    unmeasured = [finding for finding in findings if finding.verdict == "not measured"]
    assert all("no measure" in finding.numbers for finding in unmeasured), (
        "a number was sought in the wrong place"
    )
    assert all(finding.verdict == "not measured" for finding in experiment.judge({}))


def test_figures_share_the_pictures_that_are_the_same() -> None:
    pairs = {pair: Pictures(Path("c.png"), Path("s.png")) for pair in LAYOUT}
    tasks: dict[str, str] = {}
    for experiment in EXPERIMENTS.values():
        for panel in experiment.panels(Gathered(pairs, {}), SHARED):
            for task in panel.tasks:
                assert tasks.setdefault(task.name, repr(task)) == repr(task)


@pytest.mark.long
def test_the_printed_sizes_are_those_of_the_schemes() -> None:
    make = EXPERIMENTS["fig10"].table
    assert make is not None
    table = make({})
    assert [finding.verdict for finding in table.findings] == ["reproduced"]
    assert table.drawing.startswith("data:image/svg+xml;base64,")
    assert len(table.rows) == 8


def _paper_folder(folder: Path, *, without: str = "") -> Path:
    for stems in LAYOUT.values():
        for stem in stems:
            if stem is None or stem == without:
                continue
            place = folder / f"{stem}.png"
            place.parent.mkdir(parents=True, exist_ok=True)
            values = np.random.default_rng(len(stem)).integers(0, 256, (6, 6, 3), dtype=np.uint8)
            if stem.endswith("_sem"):
                values = np.zeros((64, 64, 3), np.uint8)
                values[:, 32:] = (255, 0, 0)
            picture = Image.fromarray(values)
            picture.resize((64, 64), Image.Resampling.NEAREST).save(place)
    return folder


def test_inputs_are_found_by_their_layout(tmp_path: Path) -> None:
    gathered = find_pairs(_paper_folder(tmp_path, without="chinese/style"))
    assert set(gathered.pairs) == set(LAYOUT) - {"chinese"}
    assert "chinese/style" in gathered.missing["chinese"]
    assert gathered.pairs["portrait"].content_map == tmp_path / "portrait" / "Seth_sem.png"


def _reproduce(folder: Path, *arguments: str) -> int:
    small = ("--size", "64", "--iterations", "1", "--quiet")
    return main(["reproduce", *arguments, "-o", str(folder), *small])


@pytest.mark.long
def test_a_reproduction_reports_resumes_and_names_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inputs = _paper_folder(tmp_path / "in", without="chinese/style")
    (inputs / "results").mkdir()
    sheet = Image.new("RGB", (904, 820), (250, 250, 250))
    sheet.paste((200, 30, 30), PUBLISHED["portrait"][1])
    sheet.save(inputs / "results" / "portraits.jpg", quality=95, subsampling=0)
    folder = tmp_path / "report"
    assert _reproduce(folder, "fig1", "fig2", "--inputs", str(inputs), "--json") == 7
    told = capsys.readouterr()
    assert "fig1 was not run" in told.err
    assert "chinese/style" in told.err
    figures = json.loads(told.out)["figures"]
    assert len(figures["fig2"]["findings"]) == 8
    assert figures["fig2"]["findings"][0]["verdict"] in ("reproduced", "not reproduced", "undecided")
    assert figures["fig1"]["not_run"]
    page = (folder / "index.html").read_text()
    assert "Not run" in page
    assert page.count('alt="portrait_') == 4
    assert "nan" not in re.findall(r"<dd[^>]*>([^<]*)</dd>", page)
    written = {file: file.stat().st_mtime_ns for file in (folder / "pictures").iterdir()}
    assert len(written) == 6  # two of them for the spread
    with Image.open(folder / "pictures" / "portrait_published.png") as cut:
        assert cut.size == (64, 64)
        assert np.abs(np.asarray(cut, int) - (200, 30, 30)).max() <= 4
    assert _reproduce(folder, "fig2", "--inputs", str(inputs)) == 0
    assert {file: file.stat().st_mtime_ns for file in (folder / "pictures").iterdir()} == written
    capsys.readouterr()
    assert _reproduce(folder, "table", "--inputs", str(inputs)) == 0
    table = capsys.readouterr().out.splitlines()
    assert table[0] == "| figure | claim | verdict | numbers | spread |"
    assert sum(line.startswith("| fig2 | ") for line in table) == 8
    assert _reproduce(tmp_path / "none", "table") == 2


@pytest.mark.long
def test_without_inputs_the_samples_stand_in(tmp_path: Path) -> None:
    assert _reproduce(tmp_path / "report", "fig13") == 0
    assert "shipped samples" in (tmp_path / "report" / "index.html").read_text()


def test_wrong_calls_run_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _reproduce(tmp_path / "report", "fig5") == 2
    assert _reproduce(tmp_path / "report", "fig6", "--inputs", str(tmp_path / "no")) == 3
    assert main(["reproduce", "fig6", "-o", str(tmp_path / "report"), "--iterations", "0"]) == 2
    assert not (tmp_path / "report").exists()


def test_a_table_is_measured_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second reproduction in the folder takes the table from the results file."""
    table = Table(("a", "b"), (("1", "2"),), (lowest("c", "x", {"x": 1.0, "y": 2.0}),), 3.0)
    calls: list[int] = []

    def measure(_shared: Mapping[str, Any]) -> Table:
        calls.append(1)
        return table

    changed = replace(EXPERIMENTS["fig11"], table=measure)
    monkeypatch.setattr(reproduction, "EXPERIMENTS", {"fig11": changed})
    for _ in range(2):
        assert _reproduce(tmp_path / "report", "fig11") == 0
    assert len(calls) == 1
    assert re.search(r"<td[^>]*>2</td>", (tmp_path / "report" / "index.html").read_text())


def test_a_picture_that_figures_share_is_one_task(tmp_path: Path) -> None:
    """Figures 7 and 8 show pictures of the same name: counted twice, the time left would be too long."""
    inputs = _paper_folder(tmp_path / "in")
    chosen = [EXPERIMENTS[name] for name in ("fig7", "fig8")]
    report = Reproduction(chosen, find_pairs(inputs), inputs, {"size": 64}, ResultsFile(tmp_path / "report"))
    names = [{task.name for task in chapter.tasks} for chapter in report.chapters]
    tasks = [task.name for task in report.tasks]
    assert sorted(tasks) == sorted(names[0] | names[1])
    assert len(tasks) < sum(map(len, names))


def test_a_chapter_is_complete_with_the_last_of_its_pictures(tmp_path: Path) -> None:
    inputs = _paper_folder(tmp_path / "in")
    chosen = [EXPERIMENTS[name] for name in ("fig7", "fig8")]
    report = Reproduction(chosen, find_pairs(inputs), inputs, {"size": 64}, ResultsFile(tmp_path / "report"))
    completing = []
    for task in report.tasks:
        report.results.records[task.name] = Record(
            task.name, "", None, None, None, 0.0, 0, None, {}, "", "failed"
        )
        if report.completes_chapter(task.name):
            completing.append(task.name)
    assert len(completing) == 2
    assert completing[-1] == report.tasks[-1].name
