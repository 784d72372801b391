"""What may happen to a giant run: too little memory, other inputs, signals, a scheduler that dies."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import psutil
import pytest
import torch
from PIL import Image
from torch import Tensor

from glstylenet.cli import main
from glstylenet.errors import MemoryLimitError
from glstylenet.events import Warned
from glstylenet.giant import GiantOptions, GiantPicture, paint_giant, plan_giant
from glstylenet.giant import steps as giant_steps
from glstylenet.giant.size_context import SizeContext, size_context
from glstylenet.giant.steps import Part
from glstylenet.numerics import whole
from glstylenet.pictures import read_picture
from glstylenet.settings import Settings

SETTINGS = Settings(quality="preview", precision="float32", coarsest=64, device="cpu", voting="none")

AREAS = GiantOptions(area=256, sweeps=1, evaluations=1, coarse_pixels=6000)
"""Of 64 x 330 pixels: a coarse size of 32 x 165, and then two areas; or three of half the side."""

CONTENT, STYLE = (
    np.random.default_rng(seed).integers(0, 256, (64, width, 3), dtype=np.uint8)
    for seed, width in ((1, 330), (2, 72))
)


def _paint(store: Path, options: GiantOptions = AREAS, **arguments: Any) -> GiantPicture:
    picture = paint_giant(CONTENT, STYLE, store=store, settings=SETTINGS, options=options, **arguments)
    assert picture is not None
    return picture


def _pixels(picture: GiantPicture) -> Tensor:
    return picture.read(whole(picture.size))


# Maps


@pytest.mark.long
def test_the_search_of_an_area_stays_within_the_classes(tmp_path: Path) -> None:
    """With a large semantic weight every patch that lies in one class is matched with one of that class."""
    content_map, style_map = np.zeros_like(CONTENT), np.zeros((64, 96, 3), np.uint8)
    content_map[:, 165:], style_map[:, :48] = 255, 255
    style = np.random.default_rng(3).integers(0, 256, style_map.shape, dtype=np.uint8)
    store = tmp_path / "store"
    picture = paint_giant(
        CONTENT,
        style,
        content_map=content_map,
        style_map=style_map,
        store=store,
        settings=SETTINGS.replace(semantic_weight=1000),
        options=replace(AREAS, area=128, evaluations=0),
    )
    assert picture is not None
    context = size_context(store, picture.manifest.identity.digest, 1)
    [styles] = context.targets.targets.styles
    assert len(context.areas) == 3
    matched = {True: 0, False: 0}
    for area in context.areas:
        crop = area.tile.crop
        content = context.targets.content_features(context.read_content(crop), area.tile)
        survey = context.targets.survey(context.read_canvas(crop, 1), content, area.tile)
        window = area.tile.patches(styles.layer)
        found = survey.matches[0].index % (96 // 8 - 2)  # the column among the style's patches
        for column in range(window.left, window.right):
            # A patch covers three positions of 8 pixels; the canvas has a margin of 8.
            first, last = 8 * column - 8, 8 * (column + 3) - 8
            if first < 165 < last:
                continue
            is_right = first >= 165
            columns = found[:, column - window.left]
            # What is white in the style is its left half: patches 0 to 3; 4 and 5 have both classes.
            assert bool((columns <= 3).all() if is_right else (columns >= 6).all()), (area.number, column)
            matched[is_right] += len(columns)
    assert min(matched.values()) > 50


# Memory


@pytest.fixture
def short_memory(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], list[int]]:
    """Return what lets areas of more than so many pixels run out of memory; it tells how large they were."""

    def limit(pixels: int) -> list[int]:
        tried: list[int] = []
        paint = giant_steps._KINDS["paint"]

        def paint_or_fail(context: SizeContext, part: Part) -> None:
            height, width = context.areas[part.area].region.crop.size
            tried.append(height * width)
            if height * width > pixels:
                raise RuntimeError(
                    "DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"
                )
            paint(context, part)

        monkeypatch.setitem(cast(Any, giant_steps._KINDS), "paint", paint_or_fail)
        return tried

    return limit


@pytest.mark.long
def test_an_area_without_memory_is_tried_once_in_smaller_areas(
    short_memory: Callable[[int], list[int]], tmp_path: Path
) -> None:
    expected = _pixels(_paint(tmp_path / "small", replace(AREAS, area=128)))
    short_memory(80 * 280)
    events: list[object] = []
    store = tmp_path / "store"
    picture = _paint(store, on_event=events.append)
    words = "the machine ran out of memory in an area; size 2 begins anew in areas of 128 pixels"
    assert events.count(Warned(words)) == 1
    assert torch.equal(_pixels(picture), expected), "the coarse part is the same"
    assert sorted(path.name for path in store.glob("size-*")) == ["size-1-smaller"]
    # The store says so itself: a run that is resumed reads the smaller areas.
    assert torch.equal(_pixels(_paint(store, resume=True)), expected)


@pytest.mark.long
def test_a_run_that_is_resumed_after_its_areas_shrank_goes_on_with_them(
    short_memory: Callable[[int], list[int]], tmp_path: Path
) -> None:
    expected = _pixels(_paint(tmp_path / "small", replace(AREAS, area=128)))
    tried = short_memory(80 * 280)
    stop = False

    def listen(event: object) -> None:
        nonlocal stop
        stop = stop or isinstance(event, Warned)

    store = tmp_path / "store"
    arguments: dict[str, Any] = {"store": store, "settings": SETTINGS, "options": AREAS}
    assert paint_giant(CONTENT, STYLE, on_event=listen, should_stop=lambda: stop, **arguments) is None
    before = len(tried)
    assert torch.equal(_pixels(_paint(store, resume=True)), expected)
    assert max(tried[before:]) <= 80 * 280


@pytest.mark.long
@pytest.mark.parametrize(("area", "tries"), [(256, 2), (128, 1)])
def test_smaller_areas_are_tried_once(
    area: int, tries: int, short_memory: Callable[[int], list[int]], tmp_path: Path
) -> None:
    """An area of 128 pixels is the smallest there is."""
    tried = short_memory(1)
    with pytest.raises(MemoryLimitError, match="ran out of memory in an area; use smaller areas"):
        _paint(tmp_path / "store", replace(AREAS, area=area))
    assert len(tried) == tries


def test_a_late_worker_writes_nothing_into_the_smaller_areas() -> None:
    """It may still compute an area that was given up when the run goes on."""
    manifest = plan_giant(CONTENT, STYLE, settings=SETTINGS, options=AREAS)
    smaller = replace(manifest, smaller_from=1)
    assert (manifest.place(1), smaller.place(1), smaller.place(0)) == ("size-1", "size-1-smaller", "size-0")
    assert [smaller.area_of(number) for number in (0, 1, 2)] == [None, 128, 128]


# The command, in a process of its own


def _words(folder: Path, name: str, *more: str) -> list[str]:
    words = ["giant", "content.png", "style.png", "-o", f"{name}.tif", "--area", "128", "--sweeps", "1"]
    words += ["--coarse-pixels", "6000", "--quality", "draft", "--precision", "float32", "--device", "cpu"]
    for file, pixels in (("content", CONTENT), ("style", STYLE)):
        Image.fromarray(pixels).save(folder / f"{file}.png")
    return [*words, *more]


@pytest.mark.long
def test_a_content_that_changed_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    words = _words(tmp_path, "out", "--store", "kept", "--quiet")
    assert main(words) == 0
    changed = CONTENT.copy()
    changed[0, 0, 0] ^= 1
    Image.fromarray(changed).save("content.png")
    capsys.readouterr()
    assert main([*words, "--resume", "--overwrite"]) == 3
    [line] = capsys.readouterr().err.splitlines()
    assert "kept: the store is of another run: the content is SHA-256" in line
    Image.fromarray(CONTENT).save("content.png", compress_level=1)
    assert main([*words, "--resume", "--overwrite"]) == 3, "the bytes of the file count, and not its pixels"


def _start(folder: Path, words: Sequence[str]) -> "subprocess.Popen[str]":
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "glstylenet", *words]
    return subprocess.Popen(
        command, cwd=folder, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )


def _lines_until(child: "subprocess.Popen[str]", word: str) -> list[str]:
    """Read lines until one has ``word``."""
    assert child.stderr is not None
    lines = []
    for line in child.stderr:
        lines.append(line.rstrip("\n"))
        if word in line:
            return lines
    raise AssertionError(f"{word!r} is in none of {lines}")


def _rest(child: "subprocess.Popen[str]") -> list[str]:
    try:
        _, text = child.communicate(timeout=200)
    except subprocess.TimeoutExpired:
        child.kill()
        raise
    return [line for line in text.splitlines() if line]


def _gone(processes: Sequence[psutil.Process]) -> bool:
    _, alive = psutil.wait_procs(processes, timeout=60)
    return not [each for each in alive if each.status() != psutil.STATUS_ZOMBIE]


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory: pytest.TempPathFactory) -> Tensor:
    """The picture of a run that nothing happens to."""
    folder = tmp_path_factory.mktemp("whole")
    child = _start(folder, _words(folder, "out", "--quiet"))
    assert _rest(child) == []
    return read_picture(folder / "out.tif").pixels


def _resumed(folder: Path, words: Sequence[str]) -> Tensor:
    child = _start(folder, [*words, "--quiet", "--resume"])
    assert _rest(child) == []
    assert child.returncode == 0
    return read_picture(folder / "out.tif").pixels


@pytest.mark.long
def test_an_interrupt_stops_a_run_with_workers(whole_run: Tensor, tmp_path: Path) -> None:
    words = _words(tmp_path, "out")
    child = _start(tmp_path, [*words, "--workers", "2"])
    _lines_until(child, "size 2/2, enlarge")
    processes = psutil.Process(child.pid).children(recursive=True)
    assert len(processes) >= 2
    child.send_signal(signal.SIGINT)
    lines = _rest(child)
    assert child.returncode == 130
    assert [line for line in lines if "areas, " not in line] == [
        "glstylenet: stopping as soon as the picture is saved; press Ctrl-C again to leave at once",
        "glstylenet: stopped; what was painted is in out.tif.store; the same command with --resume goes on",
    ]
    assert _gone(processes)
    assert not (tmp_path / "out.tif").exists()
    assert torch.equal(_resumed(tmp_path, words), whole_run)


@pytest.mark.long
def test_a_signal_to_all_processes_stops_a_run_with_workers(tmp_path: Path) -> None:
    """A service is ended so: the workers must not go before the areas that the client waits for."""
    child = _start(tmp_path, [*_words(tmp_path, "out"), "--workers", "2"])
    _lines_until(child, "size 2/2, enlarge")
    processes = psutil.Process(child.pid).children(recursive=True)
    for process in (*processes, psutil.Process(child.pid)):
        process.send_signal(signal.SIGTERM)
    assert "glstylenet: stopped; what was painted" in "\n".join(_rest(child))
    assert child.returncode == 143
    assert _gone(processes)


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """A scheduler and a worker, each in a process of its own."""
    file = tmp_path / "scheduler.json"
    shared = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": tmp_path}
    dask = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0"]
    worker = [sys.executable, "-m", "distributed.cli.dask_worker", "--host", "127.0.0.1", "--no-dashboard"]
    worker += ["--nthreads", "1", "--nworkers", "1", "--memory-limit", "0"]
    started = [
        subprocess.Popen([*dask, "--no-dashboard", "--scheduler-file", str(file)], **cast(Any, shared)),
        subprocess.Popen([*worker, "--scheduler-file", str(file)], **cast(Any, shared)),
    ]
    try:
        deadline = time.monotonic() + 60
        while not file.exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        yield json.loads(file.read_text())["address"], started[0]
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait(timeout=30)


@pytest.mark.long
def test_a_scheduler_that_dies_ends_a_run_in_a_line(
    scheduler: tuple[str, "subprocess.Popen[bytes]"], whole_run: Tensor, tmp_path: Path
) -> None:
    address, process = scheduler
    words = _words(tmp_path, "out")
    child = _start(tmp_path, [*words, "--scheduler", address])
    _lines_until(child, "size 2/2, enlarge")
    process.kill()
    lines = _rest(child)
    assert child.returncode == 5, lines
    [line] = [line for line in lines if "areas, " not in line]
    assert "the scheduler was lost; what was painted is in the store" in line
    assert torch.equal(_resumed(tmp_path, words), whole_run)
