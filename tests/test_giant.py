"""Giant pictures: painted area by area, from a store, to the same bytes whatever happens on the way."""

import itertools
import json
import re
import signal
import subprocess
import sys
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
import torch
from PIL import Image
from torch import Tensor

from glstylenet.cli import main
from glstylenet.errors import InputError, OutputError, UsageError
from glstylenet.giant import (
    GiantOptions,
    GiantPicture,
    PartsDone,
    paint_giant,
    plan_giant,
    small_style_warnings,
)
from glstylenet.giant.areas import cut_into_areas
from glstylenet.giant.paint import run_here
from glstylenet.giant.size_context import size_context
from glstylenet.giant.steps import Part, run_part, steps_of
from glstylenet.giant.store import Store
from glstylenet.memory import MemoryPlan
from glstylenet.network.vgg import VGG19
from glstylenet.numerics import Rect, whole
from glstylenet.objective.objective import Objective
from glstylenet.objective.styles import StyleGuide
from glstylenet.objective.terms import LossWeights
from glstylenet.pictures import read_picture, read_recipe, resize, write_picture, write_tiled_tiff
from glstylenet.pyramid import SCHEMES
from glstylenet.run import Style, Warned
from glstylenet.run.assembly import make_optimizer
from glstylenet.run.canvas import MARGIN
from glstylenet.run.rounds import Evaluated, optimise_in_rounds
from glstylenet.run.time_estimate import Speed
from glstylenet.settings import Settings

SETTINGS = Settings(quality="draft", precision="float32", coarsest=64, device="cpu")

AREAS = GiantOptions(area=128, sweeps=1, evaluations=3, coarse_pixels=6000)
"""Of 64 x 330 pixels: a coarse size of 32 x 165, and then three areas."""


def _picture(height: int, width: int, seed: int) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


CONTENT, STYLE = _picture(64, 330, 1), _picture(64, 72, 2)


def _paint(
    store: Path,
    *,
    content: npt.NDArray[np.uint8] = CONTENT,
    options: GiantOptions = AREAS,
    resume: bool = False,
) -> GiantPicture:
    picture = paint_giant(content, STYLE, store=store, settings=SETTINGS, options=options, resume=resume)
    assert picture is not None
    return picture


def _pixels(picture: GiantPicture) -> Tensor:
    return picture.read(whole(picture.size))


@pytest.fixture(scope="module")
def painted(tmp_path_factory: pytest.TempPathFactory) -> GiantPicture:
    return _paint(tmp_path_factory.mktemp("giant") / "store")


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store of a run that was stopped as soon as it could be."""
    store = tmp_path_factory.mktemp("giant") / "store"
    stopped = paint_giant(
        CONTENT, STYLE, store=store, settings=SETTINGS, options=AREAS, should_stop=lambda: True
    )
    assert stopped is None
    return store


@pytest.mark.long
def test_every_sweep_lowers_the_objective(painted: GiantPicture) -> None:
    before, after = painted.sweep_losses
    assert after < before
    assert painted.losses.total == after
    assert painted.size == (64, 330)


@pytest.mark.long
def test_nothing_is_computed_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The network sees the content once at each size, and an area as often as it is evaluated or surveyed."""
    calls = {"forward": 0}
    forward = VGG19.forward

    def counted(*arguments: Any, **options: Any) -> Any:
        calls["forward"] += 1
        return forward(*arguments, **options)

    monkeypatch.setattr(VGG19, "forward", counted)
    passes: set[tuple[str, int, int]] = set()
    differences: list[float] = []

    def watched(parts: Sequence[Part]) -> Iterator[Part]:
        for part in parts:
            before = calls["forward"]
            run_part(part)
            if part.kind in ("survey", "paint") and part.area >= 0:
                turn = part.turn if part.kind == "survey" else 0
                passes.add((part.kind, turn, calls["forward"] - before))
            if part.kind == "paint":
                context = size_context(part.folder, part.run, part.number)
                region = context.areas[part.area].region
                stored = context.read_content_features(region)
                expected = context.targets.content_features(context.read_content(region.crop), region)
                differences.append(float((stored - expected).abs().max() / expected.abs().max()))
            yield part

    picture = paint_giant(
        CONTENT[:, :230],
        STYLE,
        store=tmp_path / "store",
        settings=SETTINGS.replace(quality="preview", voting="none"),
        options=replace(AREAS, evaluations=2),
        run_parts=watched,
    )
    assert picture is not None
    assert passes == {("survey", 0, 2), ("survey", 1, 1), ("paint", 0, 2)}
    assert len(differences) == 2
    assert max(differences) < 1e-5
    assert not list(tmp_path.glob("store/size-*/content-*"))


@pytest.mark.long
def test_areas_end_without_an_edge(tmp_path: Path) -> None:
    """On a flat picture that changes much, a step from one area to the next is one like those around it."""
    flat = np.full_like(CONTENT, 128)
    style = _picture(16, 18, 2).repeat(4, 0).repeat(4, 1)
    settings = SETTINGS.replace(voting="none")
    options = GiantOptions(area=128, sweeps=1, evaluations=6, coarse_pixels=6000)
    picture = paint_giant(flat, style, store=tmp_path / "store", settings=settings, options=options)
    assert picture is not None
    pixels = _pixels(picture)[0]
    steps = (pixels[:, :, 1:] - pixels[:, :, :-1]).abs().mean((0, 1))
    height, width = CONTENT.shape[:2]
    areas = cut_into_areas((height + 2 * MARGIN, width + 2 * MARGIN), options.area)
    for edge in (area.core.left - MARGIN for area in areas[1:]):
        around = torch.cat((steps[edge - 9 : edge - 2], steps[edge + 1 : edge + 8]))
        assert float(steps[edge - 1]) < 2.5 * float(around.mean())


@pytest.mark.long
def test_one_area_is_a_plain_run(tmp_path: Path) -> None:
    """To the last digit: from the same pixels, with the same number of evaluations."""
    options = GiantOptions(area=512, sweeps=1, evaluations=4, coarse_pixels=6000)
    store = tmp_path / "store"
    manifest = plan_giant(CONTENT, STYLE, settings=SETTINGS, options=options)
    start: list[Tensor] = []

    def run(parts: Sequence[Part]) -> Iterator[Part]:
        for part in parts:
            if part.kind == "paint":
                context = size_context(store, part.run, 1)
                start.append(context.read_canvas(whole(context.canvas_size), 2))
            run_part(part)
            yield part

    picture = paint_giant(CONTENT, STYLE, store=store, settings=SETTINGS, options=options, run_parts=run)
    assert picture is not None
    context = size_context(store, manifest.identity.digest, 1)
    canvas = whole(context.canvas_size)
    shared = context.targets
    style = Store(store).read_pixels("style")
    objective = Objective(
        shared.network,
        SCHEMES[SETTINGS.scheme],
        LossWeights.of(SETTINGS),
        context.read_content(canvas),
        [StyleGuide(style)],
    )
    optimizer = make_optimizer(SETTINGS, MemoryPlan(None, 1, 10, half_history=False, needed_bytes=0))
    steps = optimise_in_rounds(objective, optimizer, start[0], evaluations=4, round_length=4)
    *_, last = (step for step in steps if isinstance(step, Evaluated))
    assert torch.equal(context.read_canvas(canvas, 3), last.pixels)
    assert not torch.equal(last.pixels, start[0])


@pytest.mark.long
def test_strokes_are_copied_as_in_the_whole_picture(tmp_path: Path) -> None:
    """Votes of three areas against those of one: the same pixels, but for patches that are equally near."""
    whole_and_areas = [
        _pixels(_paint(tmp_path / str(area), options=GiantOptions(area, 1, 0, 6000))) for area in (512, 128)
    ]
    difference = (whole_and_areas[0] - whole_and_areas[1]).abs().amax(dim=1)
    assert (difference < 0.01).float().mean() > 0.99


class _DeathError(Exception):
    """What ends a run in the middle of a step."""


@pytest.mark.long
def test_a_run_that_dies_anywhere_ends_with_the_same_picture(painted: GiantPicture, tmp_path: Path) -> None:
    store = tmp_path / "store"
    kinds: list[str] = []

    def one_then_death(parts: Sequence[Part]) -> Iterator[Part]:
        """Compute the first part of each kind that is not there, and die before the second."""
        for part in parts:
            run_part(part)
            if part.kind not in kinds:
                kinds.append(part.kind)
                raise _DeathError
            yield part

    for attempt in itertools.count():
        try:
            picture = paint_giant(
                CONTENT,
                STYLE,
                store=store,
                settings=SETTINGS,
                options=AREAS,
                resume=attempt > 0,
                run_parts=one_then_death,
            )
        except _DeathError:
            continue
        break
    assert picture is not None
    assert kinds == [
        "style",
        "join-style",
        "enlarge",
        "search",
        "join-search",
        "vote",
        "survey",
        "join-survey",
        "paint",
        "join-paint",
    ]
    assert torch.equal(_pixels(picture), _pixels(painted))


@pytest.mark.long
def test_a_stopped_run_is_resumed(painted: GiantPicture, tmp_path: Path) -> None:
    store = tmp_path / "store"
    seen: list[PartsDone] = []

    def listen(event: object) -> None:
        if isinstance(event, PartsDone):
            seen.append(event)

    stopped = paint_giant(
        CONTENT,
        STYLE,
        store=store,
        settings=SETTINGS,
        options=AREAS,
        on_event=listen,
        should_stop=lambda: bool(seen),
    )
    assert stopped is None
    assert seen == [PartsDone(2, 2, "style-0", 1, 2)]
    assert torch.equal(_pixels(_paint(store, resume=True)), _pixels(painted))


@pytest.mark.long
def test_a_killed_process_leaves_a_store_to_go_on_from(painted: GiantPicture, tmp_path: Path) -> None:
    """Killed with SIGKILL while it computes, at several moments."""
    pictures = {"content": CONTENT, "style": STYLE}
    for name, pixels in pictures.items():
        np.save(tmp_path / f"{name}.npy", pixels)
    program = (
        "import sys, numpy as np; from pathlib import Path; from tests.test_giant import AREAS, SETTINGS\n"
        "from glstylenet.giant import paint_giant\n"
        "content, style = (np.load(f'{sys.argv[1]}/{name}.npy') for name in ('content', 'style'))\n"
        "paint_giant(content, style, store=Path(sys.argv[1], 'store'), settings=SETTINGS, options=AREAS,\n"
        "    resume=True, on_event=lambda event: print(type(event).__name__, flush=True))\n"
    )
    for lines in (2, 9, 5, 4):
        child = subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        for _ in range(lines):
            child.stdout.readline()
        child.send_signal(signal.SIGKILL)
        child.communicate()
    assert torch.equal(_pixels(_paint(tmp_path / "store", resume=True)), _pixels(painted))


def test_a_store_of_another_run_is_refused(begun: Path) -> None:
    changed = CONTENT.copy()
    changed[0, 0] ^= 1
    with pytest.raises(InputError, match=r"store is of another run: the content is SHA-256 .*, it was SHA"):
        _paint(begun, content=changed, resume=True)
    with pytest.raises(InputError, match="another run: sweeps is 2, it was 1"):
        _paint(begun, options=GiantOptions(128, 2, 3, 6000), resume=True)
    with pytest.raises(OutputError, match="holds a giant run already; resume it"):
        _paint(begun)


def test_a_store_of_other_numerics_is_refused(begun: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("glstylenet.giant.plan.ALGORITHM_VERSION", 10_000)
    with pytest.raises(InputError, match="another run: algorithm_version is 10000, it was"):
        _paint(begun, resume=True)


def test_a_damaged_manifest_is_refused(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text('{"sizes": 3}')
    with pytest.raises(InputError, match="is not the manifest of a giant run"):
        _paint(tmp_path, resume=True)


def test_a_store_of_another_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text('{"sizes": [[3, 4]], "format": 2, "style_size": [3, 3]}')
    with pytest.raises(InputError, match=r"another version .* \(its format is 2, not 4\)"):
        _paint(tmp_path, resume=True)


def test_a_full_disk_is_told_before_anything_is_computed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _place: SimpleNamespace(free=10))
    with pytest.raises(OutputError, match="the store will need 3 MiB, and the disk has 0 MiB left"):
        _paint(tmp_path / "store")
    assert not list((tmp_path / "store").iterdir())


@pytest.mark.parametrize("change", [{"colours": "keep"}, {"finish": "photo"}, {"iterations": 9}])
def test_what_needs_the_whole_picture_is_refused(change: dict[str, object], tmp_path: Path) -> None:
    settings = Settings(**{**SETTINGS.model_dump(), **change})
    with pytest.raises(UsageError, match=next(iter(change))):
        paint_giant(CONTENT, STYLE, store=tmp_path / "store", settings=settings, options=AREAS)


def test_small_areas_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="area is 100 pixels a side, expected at least 128"):
        _paint(tmp_path / "store", options=GiantOptions(area=100))


@pytest.mark.long
def test_past_states_are_removed(painted: GiantPicture) -> None:
    """What is left is the last state of the picture, the sums, the inputs and the manifest."""
    store = painted._context.store.folder
    assert not list(store.glob("size-0"))
    left = {path.name.split("-")[0] for path in (store / "size-1").iterdir()}
    assert left == {"pixels", "surveyed", "total", "matches"}
    assert {path.name for path in (store / "size-1").glob("pixels-*")} == {
        f"pixels-2-{n}.npy" for n in range(3)
    }


@pytest.mark.long
def test_steps_come_in_order(painted: GiantPicture) -> None:
    names = [step.name for step in steps_of(Path("store"), painted.manifest, 1)]
    assert names == [
        "size-1/style-0",
        "size-1/enlarge-0",
        *(f"size-1/search-{turn}" for turn in range(3)),
        "size-1/vote-0",
        "size-1/survey-0",
        *(f"size-1/paint-{turn}" for turn in range(4)),
        "size-1/survey-1",
    ]


def test_parts_run_here_one_after_another() -> None:
    assert list(run_here([])) == []


def test_a_tiled_tiff_is_the_picture_and_its_reductions(tmp_path: Path) -> None:
    ramp = torch.arange(600.0).div(600 / 255).expand(1, 3, 300, 600)
    path, windows = tmp_path / "ramp.tif", []

    def read(window: Rect) -> Tensor:
        windows.append(window)
        return ramp[..., *window.slices]

    write_tiled_tiff(path, (300, 600), read, recipe=json.dumps({"a": 1}))
    with tifffile.TiffFile(path) as file:
        assert file.is_bigtiff
        assert file.pages.first.is_tiled
        half = file.series[0].levels[1].asarray()
    assert half.shape == (150, 300, 3)
    assert np.abs(half[70, :, 0] - ramp[0, 0, 0].view(300, 2).mean(1).numpy()).max() <= 1
    assert torch.equal(read_picture(path).pixels, ramp.add(0.5).floor())
    assert read_recipe(path) == '{"a": 1}'
    with pytest.raises(OutputError, match="exists already"):
        write_tiled_tiff(path, (300, 600), read)


def test_a_wide_tiff_is_written_from_few_pixels_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its smallest reduction is of all of it, and equals what is resized from the whole."""
    monkeypatch.setattr("glstylenet.pictures.tiled_tiff._SOURCE_SIDE", 256)
    picture = (torch.linspace(0, 155, 2000) + torch.linspace(0, 100, 300)[:, None]).expand(1, 3, 300, 2000)
    windows: list[Rect] = []

    def read(window: Rect) -> Tensor:
        windows.append(window)
        return picture[..., *window.slices]

    write_tiled_tiff(tmp_path / "wide.tif", (300, 2000), read)
    assert max(max(window.size) for window in windows) < 300  # and what a kernel reaches beyond
    with tifffile.TiffFile(tmp_path / "wide.tif") as file:
        levels = [torch.from_numpy(level.asarray()) for level in file.series[0].levels]
    assert levels[-1].shape == (38, 250, 3)
    for level in levels:
        expected = resize(picture, (level.shape[0], level.shape[1]))[0].permute(1, 2, 0)
        assert (level - expected).abs().max() <= 0.51


def test_large_maps_are_sampled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A map of eight times the size, read some rows at a time, gives the same classes in the same places."""
    content_map, style_map = np.zeros_like(CONTENT), np.zeros_like(STYLE)
    content_map[10:, 165:], style_map[:, :48] = 255, 255
    seen: list[list[Any]] = []

    def stop_at_once(_content: object, styles: list[Style], *, content_map: object, **_: object) -> object:
        seen.append([content_map, styles[0].map])
        return SimpleNamespace(interrupted=True)

    monkeypatch.setattr("glstylenet.giant.paint.stylize", stop_at_once)
    for factor in (1, 8):
        paths = {}
        for name, small in (("content", content_map), ("style", style_map)):
            paths[name] = tmp_path / f"{name}-{factor}.png"
            Image.fromarray(small.repeat(factor, 0).repeat(factor, 1)).save(paths[name])
        painted = paint_giant(
            CONTENT,
            STYLE,
            store=tmp_path / f"store-{factor}",
            content_map=paths["content"],
            style_map=paths["style"],
            settings=SETTINGS,
            options=AREAS,
        )
        assert painted is None
    whole_maps, sampled = seen
    assert whole_maps == [tmp_path / "content-1.png", tmp_path / "style-1.png"]
    assert np.array_equal(sampled[0], content_map)
    assert np.array_equal(sampled[1], style_map)


@pytest.mark.long
def test_maps_hold_in_every_area(tmp_path: Path) -> None:
    """The style is red on its left and blue on its right; the maps ask for blue left and red right.

    Without maps all of it becomes red. That the areas keep what the coarse part has is tested; that their own
    search uses the maps is not, as the coarse colours alone would keep it.
    """
    rng = np.random.default_rng(0)
    content = rng.integers(90, 166, (64, 330, 3), dtype=np.uint8)
    style = rng.integers(0, 80, (96, 96, 3), dtype=np.uint8)
    style[:, :48, 0] += 150
    style[:, 48:, 2] += 150
    content_map, style_map = np.zeros_like(content), np.zeros_like(style)
    content_map[:, 165:], style_map[:, :48] = 255, 255
    picture = paint_giant(
        content,
        style,
        content_map=content_map,
        style_map=style_map,
        store=tmp_path / "store",
        settings=SETTINGS.replace(semantic_weight=20, init="tinted"),
        options=GiantOptions(128, 1, 6, 6000),
    )
    assert picture is not None
    red, _, blue = _pixels(picture)[0]
    redder = (red - blue).mean(0)
    # Windows of the outer areas, and of the one between them, on both sides of the middle.
    assert max(redder[columns].mean() for columns in (slice(0, 110), slice(120, 150))) < -100
    assert min(redder[columns].mean() for columns in (slice(180, 210), slice(220, 330))) > 100


def _write_pictures(folder: Path) -> list[str]:
    for name, pixels in (("content", CONTENT), ("style", STYLE)):
        write_picture(folder / f"{name}.png", torch.from_numpy(pixels).permute(2, 0, 1)[None])
    return [str(folder / name) for name in ("content.png", "style.png")]


def test_a_dry_run_tells_what_a_run_takes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("glstylenet.run.measure_speed", lambda *_arguments: Speed(1e-6, 1e-12))
    names = _write_pictures(tmp_path)
    words = ["giant", *names, "-o", str(tmp_path / "out.tif"), "--area", "128", "--coarse-pixels", "6000"]
    words += ["--dry-run", "--quality", "draft"]
    assert main([*words, "--json", "--workers", "2"]) == 0
    table = json.loads(capsys.readouterr().out)
    assert table["size"] == [330, 64]
    assert table["coarse"]["size"] == [165, 32]
    [size] = table["sizes"]
    # Three areas side by side, of which the first and the last have one colour; 6 evaluations in two sweeps.
    assert (size["areas"], size["at_once"], size["evaluations"]) == (3, 2, 6)
    assert table["workers"] == 2
    assert table["memory_bytes"] >= 2 * size["memory_bytes"]
    assert table["disk_bytes"] > 2 * 12 * 330 * 64
    assert main(words) == 0
    first, second, last = capsys.readouterr().out.splitlines()
    assert first.startswith("size 1, 165 x 32: painted whole, about ")
    assert second.startswith("size 2, 330 x 64: 3 areas, 6 evaluations each, about ")
    assert re.fullmatch(
        r"in all about .*, [\d.]+ \w+ of memory, 4 MiB of disk \(3 MiB for the store, 1 MiB for the file\)",
        last,
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["content.png", "style.png"]


@pytest.mark.long
def test_the_command_paints_a_tiff(tmp_path: Path) -> None:
    names = _write_pictures(tmp_path)
    output = tmp_path / "out.tif"
    words = ["giant", *names, "-o", str(output), "--area", "128", "--sweeps", "1", "--coarse-pixels", "6000"]
    words += ["--quality", "preview", "--json", "--quiet"]
    done = subprocess.run(
        [sys.executable, "-m", "glstylenet", *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    table = json.loads(done.stdout)
    assert table["size"] == [330, 64]
    assert table["sizes"] == [[165, 32], [330, 64]]
    assert read_picture(output).size == (64, 330)
    assert json.loads(read_recipe(output) or "")["giant"]["area"] == 128
    assert sorted(path.name for path in tmp_path.iterdir()) == ["content.png", "out.tif", "style.png"]


@pytest.mark.parametrize("begins_whole", [True, False])
def test_a_store_holds_bytes_as_long_as_they_lose_nothing(
    begins_whole: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("glstylenet.giant.store._AT_ONCE", 4)
    store = Store(tmp_path)
    picture = torch.arange(3 * 7 * 5).reshape(1, 3, 7, 5).float()
    parts = [Rect(0, 0, 3, 5), Rect(3, 2, 7, 5), Rect(3, 0, 7, 2)]
    store.write_picture("bytes", (7, 5), ((each, picture[..., *each.slices]) for each in parts))
    assert np.load(tmp_path / "bytes.npy").dtype == np.uint8
    assert torch.equal(store.read_pixels("bytes"), picture)
    fraction = picture.clone()
    fraction[0, 1, 6 if begins_whole else 0, 0] += 0.25
    store.write_picture("floats", (7, 5), ((each, fraction[..., *each.slices]) for each in parts))
    assert np.load(tmp_path / "floats.npy").dtype == np.float32
    assert torch.equal(store.read_pixels("floats"), fraction)


def test_a_picture_of_the_store_is_resized_in_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("glstylenet.giant.store._BLOCK", 8)
    store = Store(tmp_path)
    picture = torch.rand(1, 3, 40, 60, generator=torch.Generator().manual_seed(0)) * 255
    store.write_pixels("a", picture)
    for size in ((40, 60), (13, 21)):
        assert (store.read_resized("a", size) - resize(picture, size)).abs().max() < 1e-3


def test_a_larger_content_is_stored_as_its_reduction(tmp_path: Path) -> None:
    """As tiled TIFF files, which are read in strips, it is what it is as an array, which is resized here."""
    content, style = _picture(96, 495, 1), _picture(96, 108, 2)
    for name, pixels in (("content", content), ("style", style)):
        tifffile.imwrite(tmp_path / f"{name}.tif", pixels, tile=(16, 16), photometric="rgb")
    stopped = paint_giant(
        tmp_path / "content.tif",
        tmp_path / "style.tif",
        store=tmp_path / "store",
        settings=SETTINGS.replace(size=330),
        options=AREAS,
        should_stop=lambda: True,
    )
    assert stopped is None
    store = Store(tmp_path / "store")
    for name, pixels, size in (("content", content, (64, 330)), ("style", style, (96, 108))):
        expected = resize(read_picture(pixels).pixels, size)
        assert (store.read_pixels(name) - expected).abs().max() < 1e-3


def test_a_transparent_content_is_warned_of(tmp_path: Path) -> None:
    content = np.concatenate([CONTENT, np.full((64, 330, 1), 200, np.uint8)], axis=2)
    events: list[object] = []
    paint_giant(
        content,
        STYLE,
        store=tmp_path / "store",
        settings=SETTINGS,
        options=AREAS,
        on_event=events.append,
        should_stop=lambda: True,
    )
    words = "the content is transparent in parts; it is painted as it looks on white"
    assert Warned(words) in events


@pytest.mark.parametrize(
    ("size", "style", "scale", "remedy"),
    [
        (22_000, (500, 800), 1.0, "--style-scale 4,"),  # 11 times as long as a style of its shape
        (22_000, (500, 800), 2.0, "--style-scale 4,"),
        (22_000, (50, 80), 1.0, "--style-scale 8,"),
        (22_000, (50, 80), 8.0, None),
    ],
)
def test_a_style_much_smaller_than_the_picture_is_warned_of(
    size: int, style: tuple[int, int], scale: float, remedy: str | None
) -> None:
    manifest = plan_giant(
        np.zeros((40, 400, 3), np.uint8),
        np.zeros((*style, 3), np.uint8),
        settings=SETTINGS.replace(size=size, style_scale=scale),
    )
    [warning] = small_style_warnings(manifest)
    for part in (
        f"{round(style[1] * scale)} x {round(style[0] * scale)} pixels",
        "22000 x 2200",
        "larger picture",
    ):
        assert part in warning
    assert (remedy in warning) if remedy else ("--style-scale" not in warning)


def test_the_run_itself_warns_of_a_small_style(tmp_path: Path) -> None:
    events: list[object] = []
    paint_giant(
        CONTENT,
        STYLE,
        store=tmp_path / "store",
        settings=SETTINGS.replace(size=660),
        options=replace(AREAS, coarse_pixels=30_000),
        on_event=events.append,
        should_stop=lambda: True,
    )
    assert any(isinstance(each, Warned) and "72 x 64 pixels" in each.message for each in events)


def test_a_style_of_a_quarter_of_the_length_is_not_warned_of() -> None:
    content, style = np.zeros((40, 400, 3), np.uint8), np.zeros((550, 5500, 3), np.uint8)
    assert small_style_warnings(plan_giant(content, style, settings=SETTINGS.replace(size=22_000))) == []


MEMORY = """
import resource, sys
from pathlib import Path
from glstylenet.giant.store import Store
from glstylenet.pictures import open_strips
store = Store(Path(sys.argv[2]))
with open_strips(sys.argv[1], max_pixels=10**10) as picture:
    size = (300, 300)
    store.write_picture("content", size, picture.resized(size))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def _write_large_tiff(path: Path, side: int) -> None:
    """Write a deflated picture of tiles that are all the same."""
    tile = np.zeros((512, 512, 3), np.uint8)
    tile[..., 0] = np.arange(512) // 2
    data = zlib.compress(tile.tobytes())
    count = (side // 512) ** 2
    tifffile.imwrite(
        path,
        (data for _ in range(count)),
        shape=(side, side, 3),
        dtype=np.uint8,
        tile=(512, 512),
        photometric="rgb",
        compression="zlib",
        bigtiff=True,
    )


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="other systems count in other units")
def test_memory_does_not_grow_with_the_content(tmp_path: Path) -> None:
    """Of 0.26 and of 26 megapixels, which are 300 MiB and more if read whole; as the system counts it."""
    peaks = []
    for side in (512, 5120):
        path = tmp_path / f"{side}.tif"
        _write_large_tiff(path, side)
        done = subprocess.run(
            [sys.executable, "-c", MEMORY, str(path), str(tmp_path)],
            capture_output=True,
            text=True,
            check=True,
        )
        peaks.append(int(done.stdout) * 1024)
    assert peaks[1] - peaks[0] < 100 * 2**20
