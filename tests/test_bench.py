"""The benchmark: its arithmetic by hand, its report with the measurements stubbed, and one tiny real run."""

import contextlib
import dataclasses
import json
import math
import os
import re
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import psutil
import pytest
import torch
from PIL import Image

from benchmarks import literal as literal_program
from glstylenet import bench
from glstylenet.bench import (
    busy_machine,
    first_picture,
    plot,
    quality,
    recorded_run,
    report,
    scaling,
    schemes,
    subprocess_run,
    vote,
)
from glstylenet.bench.busy_machine import BusyMachine, busy_program, measure_busy_machine
from glstylenet.bench.environment import _processor, describe_environment
from glstylenet.bench.first_picture import VoteRecorder, measure_first_picture
from glstylenet.bench.literal import (
    LiteralObjective,
    LiteralWeights,
    literal_content,
    literal_fusion,
    literal_global,
    literal_gram,
    literal_local,
    literal_smoothness,
    minimise,
)
from glstylenet.bench.literal_run import LiteralRun
from glstylenet.bench.overhead import Overhead, RunRecorder, ScaleCost, assemble
from glstylenet.bench.pair import Pair, sample_pair
from glstylenet.bench.plain_vgg import PlainVGG19
from glstylenet.bench.plan import PLANS, BenchPlan, PointSize
from glstylenet.bench.quality import (
    TimeToQuality,
    compared_distances,
    first_as_good,
    measure_time_to_quality,
    time_to_quality,
)
from glstylenet.bench.recorded_run import RecordedRun, Snapshot, SnapshotRecorder
from glstylenet.bench.report import Report
from glstylenet.bench.scaling import Scaling, fitted_exponent, measure_scaling, point_of
from glstylenet.bench.schemes import PAPER_SECONDS, SchemeCost, Schemes
from glstylenet.bench.speedup import Attempt, Speedup, attempt, first_reaching, reach
from glstylenet.bench.subprocess_run import Point, PointRequest, StepTimer, measure_point, picture_size
from glstylenet.bench.synthetic_pictures import drawn_classes, drawn_picture, picture_tensor
from glstylenet.bench.timing import RelativeTime, ratio_of_neighbours, timed_in_turns
from glstylenet.bench.vote import measure_vote
from glstylenet.cli import main
from glstylenet.cli.bench_tables import format_report
from glstylenet.errors import GLStyleNetError, MemoryLimitError
from glstylenet.machine import using_threads
from glstylenet.metrics import Metrics
from glstylenet.network import LAYER_CHANNELS, layer_size
from glstylenet.network.weights import load_weights
from glstylenet.pyramid import fuse
from glstylenet.pyramid.schemes import PAPER_SCHEMES, SCHEMES
from glstylenet.run.events import Matched, ScaleStarted, Started, Step, Voted, Warned
from glstylenet.run.result import Timings
from glstylenet.run.scales import Scale
from glstylenet.settings.model import Settings
from tests.long_cases import rest_is_long
from tests.losses import loss_terms

FIGURE_11: Mapping[str, tuple[list[list[int]], int, float]] = {
    "a": ([[256, 176, 202]], 9101312, 1.404),
    "b": ([[128, 88, 261]], 2939904, 0.298),
    "c": ([[64, 44, 517]], 1455872, 0.220),
    "d": ([[64, 44, 778]], 2190848, 0.233),
    "e": ([[128, 88, 463]], 5215232, 0.391),
    "f": ([[64, 44, 719]], 2024704, 0.230),
    "g": ([[64, 44, 980]], 2759680, 0.243),
    "h": ([[128, 88, 261], [64, 44, 517]], 4395776, 0.327),
}
PARTS = ("network", "matching", "content", "local", "global", "smoothness", "optimizer")
TERMS = loss_terms(1.0, 2.0, 3.0, 4.0)
BUSY = BusyMachine((256, 256), 2, 0.9, 1.0, ratio=0.875, count=21)
REQUEST = PointRequest(0.004, 3, 6 * 2**30, "cpu", "float32", "embedded")


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def a_step(*, evaluation: int = 1, evaluations: int = 10, scale: int = 1, value: float = 0.0) -> Step:
    return Step(evaluation, evaluations, scale, 1, TERMS, torch.full((1, 3, 4, 4), value), 0.0)


def a_start(*scales: Scale) -> Started:
    return Started(
        device="cpu",
        precision="float32",
        scales=scales,
        plans=(),
        style_size=(32, 32),
        classes="",
        weights="embedded",
        memory_bytes=1,
    )


def silence(_sentence: str) -> None:
    return None


# Overhead and parts


def test_overhead_by_hand() -> None:
    """Two scales: 4 s for 40 evaluations of a network of 0.08 s, 6 s for 20 of 0.2 s."""
    clock = Clock()
    watch = RunRecorder(clock)
    coarse, fine = Scale(0.5, (32, 40), 40), Scale(1.0, (64, 80), 20)
    watch(a_start(coarse, fine))
    clock.now = 100.0
    watch(ScaleStarted(1, 2, coarse))
    for _ in range(40):
        watch(a_step(scale=1))
    clock.now = 104.0
    watch(ScaleStarted(2, 2, fine))
    watch(Warned("something"))
    for _ in range(20):
        watch(a_step(scale=2))
    clock.now = 130.0  # the final measurement does not count
    parts = dict(zip(PARTS, (5.0, 2.0, 0.5, 0.5, 1.0, 0.5, 0.5), strict=True))
    found = assemble(watch, Timings(31.0, 10.0, parts), [[0.07, 0.08], [0.1]], [[0.09], [0.2, 0.3]])
    assert [scale.evaluations for scale in found.scales] == [40, 20]
    assert [scale.seconds for scale in found.scales] == [4.0, 6.0]
    assert [scale.bare_seconds for scale in found.scales] == [0.08, 0.2]
    assert [scale.bare_before for scale in found.scales] == [pytest.approx(0.075), 0.1]
    assert [scale.bare_after for scale in found.scales] == [0.09, pytest.approx(0.25)]
    assert [scale.ratio for scale in found.scales] == pytest.approx([1.25, 1.5])
    assert found.ratio == pytest.approx(10.0 / (40 * 0.08 + 20 * 0.2))
    assert found.shares == pytest.approx(
        dict(zip(PARTS, (0.5, 0.2, 0.05, 0.05, 0.1, 0.05, 0.05), strict=True))
    )
    assert found.warnings == ("something",)


def test_every_part_that_was_timed_is_shown() -> None:
    """Also that of a loss term which the benchmark does not know."""
    overhead = dataclasses.replace(an_overhead(), parts={"network": 6.0, "edges": 2.0})
    assert overhead.shares == {"network": 0.75, "edges": 0.25}
    text = format_report(Report("quick", describe_environment(Settings()), overhead=overhead))
    assert re.search(r"edges +25\.0 % +2\.00", text)


def test_a_run_that_never_began_has_no_overhead() -> None:
    with pytest.raises(ValueError, match="never began"):
        assemble(RunRecorder(), Timings(1.0, 1.0, {}), [], [])


# Speedup


@pytest.mark.parametrize(
    ("objectives", "goal", "expected"),
    [
        ([10.0, 8.0, 6.0, 4.0], 6.0, 2),
        ([10.0, 8.0, 6.0, 4.0], 5.9, 3),
        ([10.0, 8.0, 6.0, 4.0], 20.0, 0),
        ([10.0, 8.0, 6.0, 4.0], 3.9, None),
        ([7.0], 7.0, 0),
        ([], 7.0, None),
        ([9.0, 9.0, 5.0, 5.0, 5.0, 1.0], 5.0, 2),
    ],
)
def test_the_first_snapshot_that_is_as_far(
    objectives: list[float], goal: float, expected: int | None
) -> None:
    assert first_reaching(objectives.__getitem__, len(objectives), goal) == expected


def test_few_snapshots_are_measured() -> None:
    asked: list[int] = []

    def objective_of(number: int) -> float:
        asked.append(number)
        return 1000.0 - number

    assert first_reaching(objective_of, 1000, 123.0) == 877
    assert len(asked) <= 11


def test_none_is_found_too_early_where_objectives_rise_again() -> None:
    trace = [9.0, 4.0, 7.0, 6.0, 5.0, 3.0]
    found = first_reaching(trace.__getitem__, len(trace), 4.5)
    assert found is not None
    assert trace[found] <= 4.5 < trace[found - 1]


@pytest.mark.parametrize(
    ("needed", "tried", "reached"),
    [(240, [240], True), (900, [240, 480, 960], True), (10**6, [240, 480, 960], False)],
)
def test_a_run_that_falls_short_is_repeated_with_more(needed: int, tried: list[int], reached: bool) -> None:
    def run(iterations: int) -> Attempt:
        is_enough = iterations >= needed
        return Attempt(
            iterations, 4.0 if is_enough else 6.0, 2.0 if is_enough else None, 7 if is_enough else None
        )

    attempts = reach(run(240), run)
    assert [attempt.iterations for attempt in attempts] == tried
    found = Speedup((64, 64), LiteralRun(30.0, 500, 500, 5.0), attempts)
    assert found.ratio == (15.0 if reached else None)
    if tried == [240]:
        assert found.note == ""
    elif reached:
        assert "the default's 240 evaluations did not reach" in found.note
        assert "a run of 960 did" in found.note
    else:
        assert (
            "did not reach the literal method's objective of 5; with 960 evaluations it came to 6"
            in found.note
        )


def test_a_literal_run_that_scipy_stopped_is_told() -> None:
    found = Speedup((64, 64), LiteralRun(30.0, 66, 500, 5.0), (Attempt(240, 4.0, 2.0, 7),))
    assert found.note == "SciPy stopped the literal method after 66 of 500 evaluations"


def test_the_time_of_keeping_pictures_does_not_count() -> None:
    class Listening(Clock):
        """Every look at the clock takes a second."""

        def __call__(self) -> float:
            self.now += 1.0
            return self.now

    clock = Listening()
    watch = SnapshotRecorder(clock)  # began at 1
    watch(a_start(Scale(0.5, (2, 2), 10), Scale(1.0, (4, 4), 80)))  # entered at 2, left at 3
    clock.now += 10.0
    watch(a_step(evaluation=10, evaluations=90, scale=1))  # a coarse scale is not kept
    watch(Voted(1, torch.zeros(1, 3, 2, 2)))  # nor are its strokes
    clock.now += 20.0
    watch(a_step(evaluation=12, evaluations=90, scale=2, value=1.0))  # one of two is kept
    [first] = watch.snapshots
    # From 1 to the entry at 38, less one second each for three events before.
    assert first.seconds == pytest.approx(38.0 - 1.0 - 3.0)
    watch(a_step(evaluation=13, evaluations=90, scale=2, value=2.0))
    watch(a_step(evaluation=14, evaluations=90, scale=2, value=3.0))
    watch(a_step(evaluation=15, evaluations=90, scale=2, value=4.0))  # the last, though no multiple
    assert [snapshot.evaluations for snapshot in watch.snapshots] == [12, 14, 15]
    assert [snapshot.pixels.mean().item() for snapshot in watch.snapshots] == [1.0, 3.0, 4.0]


def test_copied_strokes_of_full_size_are_the_first_snapshot() -> None:
    """After the 10 evaluations of the coarse size, and before those of full size."""
    clock = Clock()
    watch = SnapshotRecorder(clock)
    watch(a_start(Scale(0.5, (2, 2), 10), Scale(1.0, (4, 4), 24)))
    clock.now = 7.0
    watch(Voted(2, torch.full((1, 3, 4, 4), 5.0)))
    clock.now = 9.0
    watch(a_step(evaluation=11, evaluations=34, scale=2, value=6.0))
    assert [(each.seconds, each.evaluations) for each in watch.snapshots] == [(7.0, 10), (9.0, 11)]
    assert [each.pixels.mean().item() for each in watch.snapshots] == [5.0, 6.0]


def a_run(*values: float) -> RecordedRun:
    """A run whose pictures are grey of these values, one a second from the tenth second and evaluation."""
    return RecordedRun(
        34, tuple(Snapshot(n, int(n), torch.full((1, 3, 4, 4), v)) for n, v in enumerate(values, start=10))
    )


def grey(pixels: torch.Tensor) -> float:
    return float(pixels.mean())


def test_an_attempt_by_hand() -> None:
    """The picture's value is its objective; it first is 6 or less in the third picture."""
    assert attempt(a_run(9.0, 8.0, 6.0, 4.0, 3.0), grey, 6.0) == Attempt(34, 3.0, 12, 12)
    assert attempt(a_run(9.0, 8.0, 6.0), grey, 5.0) == Attempt(34, 6.0, None, None)


# Time to quality


@pytest.mark.parametrize(
    ("good", "expected"),
    [
        ("0011", 2),
        ("1111", 0),
        ("1", 0),
        ("0", None),
        ("", None),
        ("1110", None),  # as good, and lost again
        ("00000000000000000000000000000000000000001", 40),
        ("00000000000000000000000000000000000011111", 36),
        ("00000111111111111111111111111111111111111", 5),
        ("00000100000000000000001111111111111111111", 22),  # good for a moment that no step meets
    ],
)
def test_the_first_picture_that_is_as_good(good: str, expected: int | None) -> None:
    asked: list[int] = []

    def is_good(number: int) -> bool:
        asked.append(number)
        return good[number] == "1"

    assert first_as_good(is_good, len(good)) == expected
    assert len(set(asked)) <= 13


def test_time_to_quality_by_hand() -> None:
    """Texture is as good from the second picture on, colour from the fourth: 13 s against 130."""

    def distances(pixels: torch.Tensor) -> dict[str, float]:
        return {"texture_distance": grey(pixels), "colour_distance": grey(pixels) + 2.0}

    goal = {"texture_distance": 8.0, "colour_distance": 8.0}
    found = time_to_quality(130.0, goal, a_run(9.0, 8.0, 7.0, 6.0, 5.0), distances)
    assert (found.seconds, found.evaluations, found.ratio) == (13, 13, 10.0)
    assert found.reached == {"texture_distance": 6.0, "colour_distance": 8.0}
    assert found.last == {"texture_distance": 5.0, "colour_distance": 7.0}
    assert found.note == ""
    missed = time_to_quality(130.0, goal, a_run(9.0, 8.0, 7.0), distances)
    assert (missed.seconds, missed.evaluations, missed.reached, missed.ratio) == (None,) * 4
    assert (
        missed.note
        == "the default run's picture is not as good in colour_distance: 9 where the literal method has 8"
    )


def some_metrics(*, by_class: float | None) -> Metrics:
    return Metrics(
        ssim=0.5,
        self_similarity_distance=None,
        texture_distance=1.0,
        texture_distance_by_class=by_class,
        plausibility_distance=2.0,
        coverage_distance=3.0,
        coherence=None,
        colour_distance=4.0,
        colour_distance_by_class=by_class,
        colourfulness=None,
        leaks=None,
        sharpness=None,
        glitches=1.0,
        line_deviation=None,
        symmetry=None,
    )


def test_distances_are_by_class_where_there_are_maps() -> None:
    shared = {"plausibility_distance": 2.0, "coverage_distance": 3.0}
    assert compared_distances(some_metrics(by_class=0.7)) == shared | {
        "texture_distance_by_class": 0.7,
        "colour_distance_by_class": 0.7,
    }
    assert compared_distances(some_metrics(by_class=None)) == shared | {
        "texture_distance": 1.0,
        "colour_distance": 4.0,
    }


def measured_quality(*files: str) -> TimeToQuality:
    return measure_time_to_quality(
        Pair(*map(Path, files)),
        Settings(size=40),
        literal=LiteralRun(130.0, 500, 500, 5.0),
        literal_pixels=torch.full((1, 3, 4, 4), 255.0),
        run=a_run(255.0, 255.0),
        emit=silence,
    )


def test_pictures_are_measured_as_evaluate_measures_them(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Any, ...]] = []

    def evaluated(picture: Any, *pictures: Path, settings: Settings, **maps: Path | None) -> Metrics:
        assert picture.shape == (4, 4, 3)
        assert picture.max() == 1.0
        asked.append((*pictures, *maps.values(), settings))
        return some_metrics(by_class=None)

    monkeypatch.setattr(quality, "evaluate_picture", evaluated)
    assert measured_quality(*"abcd").ratio == 13.0
    assert asked == [(*map(Path, "abcd"), Settings(size=40))] * 3  # literal, last and first


def test_without_scikit_image_there_is_no_quality(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "skimage", None)
    found = measured_quality("a.png", "b.png")
    assert found.ratio is None
    assert found.note.startswith("not measured: metrics need scikit-image")
    assert "pip install 'glstylenet[report]'" in found.note


# First picture and vote


def test_the_first_picture_is_there_with_the_last_strokes() -> None:
    clock = Clock()
    clock.now = 100.0
    watch = VoteRecorder(clock)
    for now, event in (
        (101.0, Voted(1, torch.zeros(1, 3, 32, 24))),
        (104.0, Voted(2, torch.zeros(1, 3, 64, 48))),
        (109.0, Warned("something")),
    ):
        clock.now = now
        watch(event)
    assert (watch.seconds, watch.size) == (4.0, (64, 48))


def stub_bare_network(module: object, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The bare network takes 0.5 s when first timed, and 1.5 s when timed again."""
    asked: list[Any] = []

    def bare(_settings: Settings, _device: object, sizes: list[Any], repeats: int) -> list[list[float]]:
        asked.append((sizes, repeats))
        return [[0.5 if len(asked) == 1 else 1.5] * repeats]

    monkeypatch.setattr(module, "bare_seconds", bare)
    return asked


def test_the_first_picture_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Previews of 3, 9 and 5 s, beside a network of 1 s."""
    asked = stub_bare_network(first_picture, monkeypatch)
    durations = iter((3.0, 9.0, 5.0))
    clock = Clock()
    qualities: list[str] = []

    def stylize(*_pictures: Path, settings: Settings, on_event: Any, **_maps: Path) -> None:
        qualities.append(settings.quality)
        clock.now += next(durations)
        on_event(Voted(1, torch.zeros(1, 3, 64, 51)))

    monkeypatch.setattr(first_picture, "stylize", stylize)
    monkeypatch.setattr(first_picture, "VoteRecorder", lambda: VoteRecorder(clock))
    with contextlib.ExitStack() as files:
        pair = sample_pair(files)
        found = measure_first_picture(pair, Settings(size=64), runs=3, repeats=2, emit=silence)
        assert found == RelativeTime((64, 51), 5.0, 1.0)
        assert found.evaluations == 5.0
        assert asked == [([(64, 51)], 2)] * 2
        assert qualities == ["preview"] * 3
        durations = iter((3.0,))
        with pytest.raises(RuntimeError, match=r"\(64, 51\), expected \(80, 64\)"):
            measure_first_picture(pair, Settings(size=80), runs=1, repeats=1, emit=silence)


def test_a_vote_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Votes of 3, 9 and 5 s, after one to warm up, beside a network of 1 s."""
    asked = stub_bare_network(vote, monkeypatch)
    durations = iter((3.0, 9.0, 5.0))
    copied: list[torch.Tensor] = []

    def seconds_of(action: Any, _device: object) -> float:
        copied.append(action())
        return next(durations)

    monkeypatch.setattr(vote, "seconds_of", seconds_of)
    found = measure_vote((48, 40), Settings(precision="float32"), votes=3, repeats=2, emit=silence)
    assert found == RelativeTime((48, 40), 5.0, 1.0)
    assert asked == [([(48, 40)], 2)] * 2
    assert [picture.shape for picture in copied] == [(1, 3, 48, 40)] * 3


# The literal method


@pytest.fixture(scope="module")
def network() -> PlainVGG19:
    return PlainVGG19(load_weights("embedded").tensors)


def a_literal(network: PlainVGG19) -> LiteralObjective:
    content, style = (picture_tensor(drawn_picture((40, 32), seed), network.device) for seed in range(2))
    maps = (drawn_classes((40, 32), 3, seed) for seed in range(2))
    return LiteralObjective(network, PAPER_SCHEMES["h"], LiteralWeights.of(Settings()), content, style, *maps)


@pytest.mark.parametrize("scheme", rest_is_long(["g", "a", *sorted(set(SCHEMES) - {"g", "a"})], short=2))
def test_the_literal_fusion_is_that_of_the_pyramid(scheme: str) -> None:
    """Odd sizes too: then every layer is a little smaller than half of the one before."""
    generator = torch.Generator().manual_seed(0)
    features = {
        layer: torch.rand(
            (1, channels, *layer_size((45, 58), layer)), generator=generator, dtype=torch.float64
        )
        for layer, channels in LAYER_CHANNELS.items()
    }
    for layers in SCHEMES[scheme].groups:
        torch.testing.assert_close(literal_fusion(features, layers), fuse(features, layers))


def test_the_literal_losses_by_hand() -> None:
    feature = torch.tensor([[[[1.0, 2.0]], [[3.0, 4.0]]]])  # 2 channels, 1 x 2 positions
    assert literal_content(feature, torch.zeros_like(feature)) == (1 + 4 + 9 + 16) / 4
    assert literal_gram(feature).tolist() == [[2.5, 5.5], [5.5, 12.5]]
    # Each column is a patch; the second one's nearest is the first of the style.
    patches, style_patches = torch.tensor([[1.0, 5.0], [2.0, 6.0]]), torch.tensor([[4.0, 1.0], [6.0, 2.0]])
    nearest = torch.tensor([1, 0])
    assert literal_local(patches, style_patches, nearest) == (0 + 0 + 1 + 0) / 4
    assert literal_global(torch.eye(2), torch.zeros(2, 2)) == 2 / (4 * 2**2)
    pixels = torch.tensor([[[[0.0, 1.0], [2.0, 5.0]]]])
    assert literal_smoothness(pixels) == (4 + 16) / 2 + (1 + 9) / 2


def test_the_literal_method_computes_its_targets_once(
    network: PlainVGG19, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[torch.Tensor] = []
    real = PlainVGG19.features

    def listening(self: PlainVGG19, pixels: torch.Tensor, *layers: Any) -> dict[int, torch.Tensor]:
        seen.append(pixels)
        return real(self, pixels, *layers)

    monkeypatch.setattr(PlainVGG19, "features", listening)
    objective = a_literal(network)
    for _ in range(3):
        objective.evaluate(objective.content + 1.0)
    assert len(seen) == 3 + 2
    assert sum(pixels is objective.style for pixels in seen) == 1
    assert sum(pixels is objective.content for pixels in seen) == 1


def test_the_literal_method_spends_what_it_is_granted(network: PlainVGG19) -> None:
    objective = a_literal(network)
    losses: list[float] = []
    best, loss = minimise(
        objective, objective.content, 7, on_evaluation=lambda _number, loss: losses.append(loss)
    )
    assert len(losses) == 7
    assert loss == min(losses) < losses[0]
    assert best.min() >= 0
    assert best.max() <= 255
    assert objective.evaluate(best)[0] == pytest.approx(loss, rel=1e-5)


def test_the_literal_method_as_a_program(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for seed, name in enumerate(("content", "style")):
        Image.fromarray(drawn_picture((40, 36), seed)).save(tmp_path / f"{name}.png")
    words = [str(tmp_path / "content.png"), str(tmp_path / "style.png"), "--evaluations", "2"]
    literal_program.main([*words, "--output", str(tmp_path / "out.png")])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("evaluation 1: loss ")
    assert lines[1].startswith("evaluation 2: loss ")
    assert lines[2].startswith("best loss ")
    with Image.open(tmp_path / "out.png") as picture:
        assert picture.size == (36, 40)


# Schemes


def some_schemes() -> Schemes:
    return Schemes(
        size=(512, 352),
        costs={
            name: SchemeCost(
                name, tuple(scheme.shapes((512, 352), classes=5)), 2.0 * PAPER_SECONDS[name], count=3
            )
            for name, scheme in PAPER_SCHEMES.items()
        },
        precision="float32",
        g_vs_c=1.0957,
    )


def test_the_schemes_are_those_of_figure_11() -> None:
    found = some_schemes()
    assert list(found.costs) == list(FIGURE_11)
    for name, (shapes, pixels, seconds) in FIGURE_11.items():
        assert [list(shape) for shape in found.costs[name].shapes] == shapes
        assert found.costs[name].pixels == pixels
        assert PAPER_SECONDS[name] == seconds
    assert found.ratio("g", "h") == pytest.approx(0.243 / 0.327)


def test_the_ratio_of_neighbours_by_hand() -> None:
    """The machine is half as fast in two rounds, which matters not; the largest and smallest do not count."""
    assert ratio_of_neighbours([1.1, 1.08, 2.2, 2.16, 9.0], [1.0, 1.0, 2.0, 2.0, 1.0]) == pytest.approx(
        (1.1 + 1.1 + 1.08) / 3
    )
    assert ratio_of_neighbours([3.0, 4.0], [1.0, 1.0]) == 3.5


def test_g_and_c_take_turns_by_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[list[str], int, float]] = []

    def timed(
        names: Sequence[str], _time: object, *, rounds: int, seconds_limit: float, **_words: object
    ) -> Any:
        asked.append((list(names), rounds, seconds_limit))
        return {name: [PAPER_SECONDS[name]] * rounds for name in names}

    monkeypatch.setattr(schemes, "timed_in_turns", timed)
    found = schemes.measure_schemes(
        (48, 32), Settings(precision="float32"), rounds=2, seconds_limit=5.0, pairs=4, emit=silence
    )
    assert asked == [(list("abdefh"), 2, 5.0), (["g", "c"], 4, math.inf)]
    assert found.g_vs_c == pytest.approx(0.243 / 0.220)
    assert {name: cost.count for name, cost in found.costs.items()} == dict(
        zip("abcdefgh", (2, 2, 4, 2, 2, 2, 4, 2), strict=True)
    )


def test_schemes_take_turns_and_the_slow_ones_fewer() -> None:
    cost = {"quick": 1.0, "slow": 20.0, "middling": 4.0}
    order: list[str] = []

    def time(name: str) -> float:
        order.append(name)
        return cost[name] + 0.001 * len(order)

    found = timed_in_turns(list(cost), time, rounds=3, seconds_limit=6.0, emit=silence, title="")
    assert order == [
        *("quick", "slow", "middling"),  # to warm up
        *("middling", "quick"),
        *("quick",),
        *("quick",),
    ]
    assert found["quick"] == pytest.approx([1.005, 1.006, 1.007])  # the first does not count
    assert found["slow"] == pytest.approx([20.002])  # unless it is the only one
    assert found["middling"] == pytest.approx([4.004])


# Busy machine


def test_threads_beside_a_busy_program_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """With two threads an evaluation takes 3, 2, 2 and 2 s, with one 1, 2, 4 and 8 s, after the warm-up."""
    steps = {2: iter([9.0, 3.0, 2.0, 2.0, 2.0]), 1: iter([9.0, 1.0, 2.0, 4.0, 8.0])}
    used: list[int] = []
    programs: list[str] = []

    @contextlib.contextmanager
    def program() -> Iterator[None]:
        programs.append("started")
        yield
        programs.append("ended")

    @contextlib.contextmanager
    def using_threads(count: int) -> Iterator[None]:
        used.append(count)
        yield

    def seconds_of(action: Callable[[], object], _device: object) -> float:
        assert programs == ["started"]
        if len(used) == 1:
            assert action() is not None
        return next(steps[used[-1]])

    monkeypatch.setattr(busy_machine, "busy_program", program)
    monkeypatch.setattr(busy_machine, "using_threads", using_threads)
    monkeypatch.setattr(busy_machine, "seconds_of", seconds_of)
    monkeypatch.setattr("torch.get_num_threads", lambda: 2)
    told: list[str] = []
    settings = Settings(device="cpu", precision="float32")
    found = measure_busy_machine((32, 32), settings, pairs=4, emit=told.append)
    assert used == [2, 1, 1, 2, 2, 1, 1, 2, 2, 1]
    # Of the ratios 3, 1, 1/2 and 1/4 the largest and the smallest do not count.
    assert found == BusyMachine((32, 32), 2, seconds=2.0, single_seconds=3.0, ratio=0.75, count=4)
    assert programs == ["started", "ended"]
    assert told[-1] == "busy machine, 2 threads 1 thread: round 4/4"


def test_the_number_of_threads_is_restored() -> None:
    before = torch.get_num_threads()
    other = before + 1

    def failing() -> None:
        with using_threads(other):
            assert torch.get_num_threads() == other
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        failing()
    assert torch.get_num_threads() == before
    with using_threads(None):
        assert torch.get_num_threads() == before


@pytest.mark.parametrize(("threads", "pairs"), [(1, 4), (2, 0)])
def test_a_busy_machine_is_not_measured(threads: int, pairs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.get_num_threads", lambda: threads)
    monkeypatch.setattr(busy_machine, "busy_program", pytest.fail)
    assert measure_busy_machine((32, 32), Settings(device="cpu"), pairs=pairs, emit=silence) is None


def test_the_busy_program_ends_with_its_block(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []
    real = subprocess.Popen

    def observed(*arguments: Any, **options: Any) -> subprocess.Popen[bytes]:
        started.append(real(*arguments, **options))
        return started[-1]

    monkeypatch.setattr("subprocess.Popen", observed)

    def interrupted() -> None:
        with busy_program():
            assert [program.poll() for program in started] == [None]
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    [program] = started
    assert program.returncode is not None


def test_the_busy_program_ends_with_a_bench_that_was_killed() -> None:
    command = [sys.executable, "-P", "-c", busy_machine._PROGRAM]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        assert program.stdout.readline().strip() == b"busy"
        assert program.poll() is None
        program.stdin.close()  # as the system does for a process that is killed
        try:
            assert program.wait(timeout=30) == 0
        finally:
            program.kill()


def test_drawn_maps_have_all_their_classes() -> None:
    for seed in range(2):
        channels = drawn_classes((512, 352), 5, seed)
        assert channels.shape == (1, 5, 512, 352)
        assert torch.equal(channels.sum(dim=1), torch.ones(1, 512, 352))
        assert channels.mean(dim=(0, 2, 3)).min() > 0.02


def test_drawn_pictures_follow_their_seed() -> None:
    picture = drawn_picture((48, 64), 3)
    assert picture.shape == (48, 64, 3)
    assert picture.dtype == np.uint8
    assert np.array_equal(picture, drawn_picture((48, 64), 3))
    assert not np.array_equal(picture, drawn_picture((48, 64), 4))
    assert picture.std() > 20
    tensor = picture_tensor(picture, torch.device("cpu"))
    assert tensor.shape == (1, 3, 48, 64)
    assert tensor[0, :, 5, 7].tolist() == picture[5, 7].tolist()


# Scaling


@pytest.mark.parametrize("exponent", [1.0, 1.05, 2.0])
def test_the_exponent_of_a_power_law(exponent: float) -> None:
    pixels = [1e5, 4e5, 1.5e6, 2.4e7]
    assert fitted_exponent(pixels, [3e-6 * each**exponent for each in pixels]) == pytest.approx(exponent)


def test_the_exponent_by_hand() -> None:
    """Least squares through log points (0, 0), (1, 1), (2, 3): slope 3/2."""
    assert fitted_exponent([1.0, 10.0, 100.0], [1.0, 10.0, 1000.0]) == pytest.approx(1.5)


@pytest.mark.parametrize(
    ("megapixels", "size"), [(24, (4000, 6000)), (6, (2000, 3000)), (1.5, (1000, 1500)), (0.1, (258, 388))]
)
def test_picture_sizes(megapixels: float, size: tuple[int, int]) -> None:
    assert picture_size(megapixels) == size
    assert math.prod(size) / 1e6 == pytest.approx(megapixels, rel=0.005)


def test_seconds_of_a_point_by_hand() -> None:
    """Set up for 7 s; steps of 2, 2 and 5 s, the last with a match of 3 s; two matches in all took 4 s."""
    clock = Clock()
    watch = StepTimer(clock)
    watch(ScaleStarted(1, 1, Scale(1.0, (4, 4), 4)))
    for now, event in (
        (6.0, Matched(1, 1.0)),
        (7.0, a_step()),
        (9.0, a_step()),
        (11.0, a_step()),
        (14.0, Matched(2, 3.0)),
        (16.0, a_step()),
    ):
        clock.now = now
        watch(event)
    assert watch.setup_seconds == 7.0
    assert watch.matching_seconds(4.0) == 2.0
    assert watch.seconds(4.0, round_length=20) == pytest.approx(2.0 + 2.0 / 20)


def test_the_largest_point_is_measured_first(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[PointRequest] = []

    def fake(request: PointRequest) -> Point:
        asked.append(request)
        return a_point(request.megapixels)

    monkeypatch.setattr(scaling, "point_of", fake)
    sizes = [PointSize(0.1, 21), PointSize(0.4, 7)]
    found = measure_scaling(sizes, Settings(precision="float32"), memory=123, emit=silence)
    assert [request.megapixels for request in asked] == [0.4, 0.1]
    assert [request.evaluations for request in asked] == [7, 21]
    assert {(request.memory, request.precision) for request in asked} == {(123, "float32")}
    assert [each.megapixels for each in found.points] == [0.1, 0.4]


@pytest.mark.long
def test_a_point_in_a_process_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONWARNINGS", "error::RuntimeWarning")  # such as of a module imported twice
    found = point_of(REQUEST)
    assert found.size == (52, 77)
    assert found.evaluations == 3
    assert found.seconds > 0
    assert found.setup_seconds > 0
    # The parent's memory is not the child's: both have PyTorch loaded, the child nothing else.
    assert 50 * 2**20 < found.peak_memory_bytes < 1500 * 2**20


def test_what_is_wrong_with_a_point_is_handed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = tmp_path / "result.json"
    request = dataclasses.replace(REQUEST, memory=64 * 2**20)
    subprocess_run.main(json.dumps(dataclasses.asdict(request)), str(result))
    monkeypatch.setattr(sys, "executable", a_program(tmp_path, f'cp {result} "$5"'))
    with pytest.raises(MemoryLimitError, match=r"of 0\.004 megapixels failed: .* needs .* MiB") as caught:
        point_of(request)
    assert caught.value.exit_code == 6


@pytest.mark.parametrize(
    ("script", "kind", "message"),
    [
        ("echo one >&2; echo boom >&2; exit 3", GLStyleNetError, "0.004 megapixels ended with code 3: boom"),
        ("exit 0", GLStyleNetError, "ended with code 0: without a message"),
        ("kill -9 $$", MemoryLimitError, "was killed, probably for lack of memory"),
    ],
)
def test_a_point_whose_process_fails(
    script: str, kind: type[GLStyleNetError], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", a_program(tmp_path, script))
    with pytest.raises(kind, match=message):
        point_of(REQUEST)


def test_an_interruption_ends_the_point_s_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    note = tmp_path / "pid"
    monkeypatch.setattr(
        sys, "executable", a_program(tmp_path, f"echo $$ > {note}.part; mv {note}.part {note}; exec sleep 60")
    )

    def interrupt() -> None:
        while not note.exists():
            threading.Event().wait(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    # A shell's background jobs are started with interruptions ignored; this one must hear its own.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        threading.Thread(target=interrupt).start()
        with pytest.raises(KeyboardInterrupt):
            point_of(REQUEST)
    finally:
        signal.signal(signal.SIGINT, before)
    process = psutil.Process(int(note.read_text())) if psutil.pid_exists(int(note.read_text())) else None
    if process is not None:  # killed, but Python may not have waited for it
        with contextlib.suppress(psutil.NoSuchProcess):
            assert process.status() == psutil.STATUS_ZOMBIE or not psutil.wait_procs([process], timeout=10)[1]


def a_program(folder: Path, script: str) -> str:
    path = folder / "program"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def a_point(megapixels: float, *, precision: Literal["float32", "bfloat16"] = "float32") -> Point:
    return Point(megapixels, picture_size(megapixels), 3.0 * megapixels, 2**30, 3, 0.1, 1.0, precision)


# Report


def an_overhead() -> Overhead:
    parts = dict(zip(PARTS, (5.0, 2.0, 0.5, 0.5, 1.0, 0.5, 0.5), strict=True))
    return Overhead(10.0, parts, (ScaleCost((64, 80), 40, 10.0, 0.2, 0.19, 0.21),), "float32", ("mind this",))


def a_speedup() -> Speedup:
    return Speedup((160, 128), LiteralRun(40.0, 500, 500, 3e6), (Attempt(240, 2.9e6, 2.0, 90),))


def a_quality() -> TimeToQuality:
    goal = {"texture_distance_by_class": 0.5, "coverage_distance": 0.25}
    reached = {"texture_distance_by_class": 0.375, "coverage_distance": 0.25}
    return TimeToQuality(90.0, goal, dict.fromkeys(goal, 0.125), reached, 2.0, 44)


@pytest.fixture
def stubs(monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, Any]]:
    """Every measurement answers at once; what each was asked is noted."""
    asked: dict[str, dict[str, Any]] = {}

    def stub(function: str, answer: object) -> None:
        name = function.removeprefix("measure_")

        def fake(subject: object, settings: Settings, **options: Any) -> object:
            asked[name] = {"subject": subject, "settings": settings, **options}
            options["emit"](f"{name}: being measured")
            return answer

        monkeypatch.setattr(report, function, fake)

    stub("measure_overhead", an_overhead())
    stub("literal_run", (a_speedup().literal, torch.zeros(1, 3, 4, 4)))
    stub("recorded_run", a_run(1.0))
    stub("measure_speedup", a_speedup())
    stub("measure_time_to_quality", a_quality())
    stub("measure_first_picture", RelativeTime((512, 409), 3.0, 0.75))
    stub("measure_vote", RelativeTime((512, 352), 1.0, 0.625))
    stub("measure_schemes", some_schemes())
    stub("measure_scaling", Scaling((a_point(0.1), a_point(0.4), a_point(1.5))))
    stub("measure_busy_machine", BUSY)
    return asked


@pytest.mark.parametrize("mode", ["quick", "default", "full"])
def test_json_of_each_mode(
    mode: str, stubs: dict[str, dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    words = [] if mode == "default" else [f"--{mode}"]
    assert main(["bench", "--json", "--precision", "float32", *words]) == 0
    streams = capsys.readouterr()
    found = json.loads(streams.out)
    check_shape(found)
    assert found["mode"] == mode
    assert found["overhead"] == pytest.approx(1.25)
    assert found["speedup"] == pytest.approx(20.0)
    assert found["time_to_quality"] == 45.0
    assert found["first_picture"] == {
        "size": [512, 409],
        "seconds": 3.0,
        "bare_seconds": 0.75,
        "evaluations": 4.0,
    }
    assert found["vote"] == {"size": [512, 352], "seconds": 1.0, "bare_seconds": 0.625, "evaluations": 1.6}
    assert found["details"]["time_to_quality"]["reached"]["coverage_distance"] == 0.25
    assert found["scaling"]["exponent"] == pytest.approx(1.0, abs=0.01)
    assert found["details"]["schemes"]["g_vs_c"] == 1.0957
    assert found["busy_machine"] == 0.875
    assert found["details"]["busy_machine"]["single_seconds"] == 1.0
    for name, (shapes, pixels, seconds) in FIGURE_11.items():
        row = found["schemes"][name]
        assert (row["size"], row["pixels"], row["paper_seconds"]) == (shapes, pixels, seconds)
        assert row["seconds"] == pytest.approx(2.0 * seconds)
        assert row["vs_h"] == pytest.approx(seconds / 0.327)
    assert "scaling: being measured" in streams.err
    plan = PLANS[mode]
    assert stubs["scaling"]["subject"] == plan.points
    assert stubs["scaling"]["memory"] == 6 * 2**30
    assert stubs["schemes"]["subject"] == (512, 352)
    assert stubs["literal_run"]["evaluations"] == plan.literal_evaluations
    assert (stubs["vote"]["subject"], stubs["vote"]["votes"]) == ((512, 352), plan.votes)
    assert stubs["first_picture"]["runs"] == plan.previews
    assert stubs["first_picture"]["settings"] == Settings(size=plan.preview_size, precision="float32")
    # Both figures are of the same two runs.
    for figure in ("speedup", "time_to_quality"):
        assert stubs[figure]["literal"] == a_speedup().literal
        assert stubs[figure]["run"].snapshots[0].pixels.mean() == 1.0
    assert (stubs["busy_machine"]["pairs"] > 0) == (mode == "full")
    assert stubs["overhead"]["settings"] == Settings(
        init="content", size=plan.size, iterations=plan.iterations, precision="float32"
    )


def check_shape(found: dict[str, Any]) -> None:
    """The keys of DESIGN, all of them filled."""
    assert set(found) == {
        *("mode", "environment", "overhead", "speedup", "time_to_quality", "first_picture", "vote"),
        *("schemes", "scaling", "busy_machine", "parts", "details"),
    }
    assert {"processor", "cores", "threads", "device", "precision", "versions"} <= set(found["environment"])
    assert {"glstylenet", "python", "torch", "numpy"} <= set(found["environment"]["versions"])
    assert found["overhead"] > 0
    assert found["speedup"] > 0
    assert found["first_picture"]["evaluations"] > 0
    assert found["vote"]["evaluations"] > 0
    assert set(found["schemes"]) == set("abcdefgh")
    for row in found["schemes"].values():
        assert {"size", "pixels", "seconds", "vs_h"} <= set(row)
        assert row["seconds"] > 0
    assert found["schemes"]["h"]["vs_h"] == 1.0
    assert isinstance(found["scaling"]["exponent"], float)
    for each in found["scaling"]["points"]:
        assert {"megapixels", "seconds", "peak_memory_bytes"} <= set(each)
        assert each["seconds"] > 0
        assert each["peak_memory_bytes"] > 2**20
    assert set(found["parts"]) == set(PARTS)
    assert sum(found["parts"].values()) == pytest.approx(1.0)
    assert all(share >= 0 for share in found["parts"].values())


def test_what_was_not_measured_is_null() -> None:
    found = Report("quick", describe_environment(Settings())).as_dict()
    assert [name for name in found if found[name] is None] == [
        *("overhead", "speedup", "time_to_quality", "first_picture", "vote"),
        *("schemes", "scaling", "busy_machine", "parts"),
    ]
    json.dumps(found)


def test_a_speedup_that_is_not_reached_is_null(
    stubs: dict[str, dict[str, Any]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    missed = dataclasses.replace(a_speedup(), attempts=(Attempt(960, 4e6, None, None),))
    monkeypatch.setattr(report, "measure_speedup", lambda *_subject, **_options: missed)
    assert main(["bench", "--json", "--quiet"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["speedup"] is None
    assert "did not reach" in found["details"]["speedup"]["note"]
    assert main(["bench", "--quiet"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "not reached" in text
    assert "did not reach the literal method's objective of 3e+06" in text


def test_the_table(stubs: dict[str, dict[str, Any]], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--quick"]) == 0
    streams = capsys.readouterr()
    rows = [line.split() for line in streams.out.splitlines()]
    for name, (shapes, pixels, seconds) in FIGURE_11.items():
        [row] = [row for row in rows if row and row[0] == f"({name})"]
        assert " + ".join("x".join(map(str, shape)) for shape in shapes) in " ".join(row)
        assert str(pixels) in row
        assert f"{seconds:.3f}" in row
        assert f"{seconds / 0.327:.3f}" in row
    text = " ".join(streams.out.split())
    for told in (
        "overhead over the bare network 1.25 at most 1.25",
        "speedup over the literal method 20 at least 15",
        "speedup until the same quality 45 at least 40",
        "texture distance by class 0.5 0.375 0.125",
        "evaluations 44",
        "time 1 min 30 s 2.0 s",
        "first picture, in evaluations 4 at most 6",
        "first picture 512 x 409 3 0.75 4.000",
        "vote, in evaluations 1.6 at most 2",
        "vote 512 x 352 1 0.625 1.600",
        "scheme (g) / (h) 0.7431 at most 0.75",
        "scheme (g) / (c) 1.096 at most 1.10",
        "exponent of time over pixels 1 at most 1.05",
        "threads / one, beside a program 0.875 at most 1.10",
        "2 threads 0.9 21",
        "mind this",
        "network 50.0 %",
        "1.5 1000 x 1500 4.5 3 1.0 GiB",
        f"torch {torch.__version__}",
        f"threads {torch.get_num_threads()}, precision",
    ):
        assert told in text
    assert "\x1b" not in streams.out


def test_a_speedup_over_fewer_evaluations_has_its_target_elsewhere() -> None:
    environment, whole = describe_environment(Settings()), a_speedup()
    fewer = dataclasses.replace(whole, literal=dataclasses.replace(whole.literal, granted=40))
    tables = [format_report(Report("default", environment, speedup=found)) for found in (fewer, whole)]
    told = ["at least 15, after 500 evaluations" in table for table in tables]
    assert told == [True, False]


def test_a_smaller_first_picture_has_its_target_elsewhere() -> None:
    environment = describe_environment(Settings())
    tables = [
        format_report(Report("quick", environment, first_picture=RelativeTime(size, 3.0, 0.75)))
        for size in ((256, 205), (512, 409))
    ]
    assert ["at most 6, at 512 pixels" in table for table in tables] == [True, False]


def test_a_quality_that_is_not_reached_is_told() -> None:
    environment = describe_environment(Settings())
    missed = TimeToQuality(90.0, {"colour_distance": 5.0}, {"colour_distance": 6.0})
    found = Report("default", environment, time_to_quality=missed)
    assert found.as_dict()["time_to_quality"] is None
    text = " ".join(format_report(found).split())
    assert "colour distance 5 - 6" in text
    assert "not as good in colour_distance: 6 where the literal method has 5" in text
    unknown = TimeToQuality(90.0, {}, {}, failure="not measured: no time")
    assert "not measured: no time" in format_report(Report("default", environment, time_to_quality=unknown))


def test_quiet_tells_no_progress(
    stubs: dict[str, dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "--quiet"]) == 0
    assert capsys.readouterr().err == ""


def test_the_pair_and_its_settings_are_the_speedup_s(
    stubs: dict[str, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "glstylenet").mkdir()
    (tmp_path / "glstylenet" / "config.toml").write_text("iterations = 3\nlocal_weight = 7\n")
    monkeypatch.setenv("GLSTYLENET_DEVICE", "cpu")
    pictures = [tmp_path / f"{name}.png" for name in ("content", "style")]
    for seed, path in enumerate(pictures):
        Image.fromarray(drawn_picture((48, 40), seed)).save(path)
    words = [
        "--content",
        str(pictures[0]),
        "--style",
        str(pictures[1]),
        "--size",
        "44",
        "--global-weight",
        "2",
    ]
    assert main(["bench", "--quick", "--quiet", *words]) == 0
    given, samples = stubs["literal_run"], stubs["overhead"]
    assert given["subject"] == stubs["recorded_run"]["subject"]
    assert given["settings"] == stubs["recorded_run"]["settings"]
    for figure in ("speedup", "time_to_quality"):
        assert stubs[figure]["subject"] == given["subject"]
        assert stubs[figure]["settings"] == given["settings"]
    assert (given["subject"].content, given["subject"].style) == tuple(pictures)
    assert given["subject"].content_map is None
    # The user's config file has no part in it.
    assert given["settings"] == Settings(size=44, global_weight=2.0, device="cpu")
    assert samples["subject"].content.name == "content.png"
    assert samples["subject"].content != pictures[0]
    assert samples["settings"].global_weight == Settings().global_weight
    assert main(["bench", "--quick", "--quiet"]) == 0
    assert stubs["first_picture"]["subject"] == stubs["overhead"]["subject"]
    assert stubs["speedup"]["subject"] == stubs["overhead"]["subject"]
    assert stubs["speedup"]["settings"].size == PLANS["quick"].pair_size


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--quick", "--full"], 2, "--quick and --full"),
        (["--content", "a.png"], 2, "add --style"),
        (["--style", "a.png"], 2, "add --content"),
        (["--content-map", "a.png", "--style-map", "b.png"], 2, "maps without their pictures"),
        (["--content", "{sample}", "--style", "{sample}", "--style-map", "{sample}"], 2, "no content map"),
        (["--size", "many"], 2, "size is 'many'"),
        (["--device", "cuda:77"], 2, "--device cuda:77"),
        (["--iterations", "3"], 2, "no such option"),
        (["--plot", "plot.xyz"], 2, "xyz"),
        (["--plot", "taken.png"], 5, "taken.png: exists already"),
        (["--plot", "nowhere/plot.png"], 5, "nowhere does not exist"),
        (["--content", "a.png", "--style", "a.png"], 3, "a.png"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_measured(
    words: list[str],
    code: int,
    message: str,
    stubs: dict[str, dict[str, Any]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken.png").write_text("the user's own")
    with contextlib.ExitStack() as files:
        sample = str(sample_pair(files).content)
        assert main(["bench", *(word.format(sample=sample) for word in words)]) == code
    streams = capsys.readouterr()
    assert message in streams.err.replace("No such", "no such")
    assert streams.out == ""
    assert stubs == {}


def test_ctrl_c_leaves_at_once(
    stubs: dict[str, dict[str, Any]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_subject: object, **_options: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        threading.Event().wait(5)

    monkeypatch.setattr(report, "measure_schemes", interrupted)
    assert main(["bench"]) == 130
    assert capsys.readouterr().out == ""
    assert "speedup" not in stubs


# Plot


@pytest.mark.long
def test_a_plot_is_drawn(stubs: dict[str, dict[str, Any]], tmp_path: Path) -> None:
    place = tmp_path / "plot.png"
    assert main(["bench", "--quiet", "--json", "--plot", str(place)]) == 0
    with Image.open(place) as picture:
        assert picture.size == (plot.PLOT_SIZE[1], plot.PLOT_SIZE[0])
        colours = np.asarray(picture.convert("RGB"))
    assert (colours == 255).all(axis=2).mean() > 0.5  # paper
    third = colours.shape[1] // 3
    for left in range(0, 3 * third, third):  # each of the three plots shows something in our colour
        part = colours[:, left : left + third]
        assert (part == (0x20, 0x63, 0x9B)).all(axis=2).sum() > 50
    assert main(["bench", "--quiet", "--json", "--plot", str(place)]) == 5
    assert main(["bench", "--quiet", "--json", "--plot", str(place), "--overwrite"]) == 0


def test_without_matplotlib_a_plot_is_refused_before_anything_is_measured(
    stubs: dict[str, dict[str, Any]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert main(["bench", "--plot", str(tmp_path / "plot.png")]) == 2
    assert "pip install 'glstylenet[report]'" in capsys.readouterr().err
    assert stubs == {}
    assert main(["bench", "--quiet"]) == 0  # all else works without it


# Environment, and everything together


def test_the_processor_is_named(tmp_path: Path) -> None:
    listing = tmp_path / "cpuinfo"
    listing.write_text("processor\t: 0\nmodel name\t: Some Processor 3000\nflags\t\t: fast\n")
    assert _processor(listing) == "Some Processor 3000"
    assert _processor(tmp_path / "nowhere") != ""


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> BenchPlan:
    """A plan of a few seconds, and points measured in this process."""
    small = BenchPlan(
        name="quick",
        size=64,
        iterations=4,
        repeats=1,
        rounds=1,
        seconds_limit=10.0,
        scheme_pairs=2,
        previews=1,
        votes=1,
        preview_size=64,
        pair_size=None,
        literal_evaluations=2,
        points=(PointSize(0.002, 3), PointSize(0.006, 3)),
        scheme_size=(64, 48),
    )
    monkeypatch.setattr(bench, "PLANS", {"quick": small})
    monkeypatch.setattr(scaling, "point_of", measure_point)
    monkeypatch.setattr(recorded_run, "_SNAPSHOTS", 4)
    for module in (bench, report):
        monkeypatch.setattr(
            module, "speedup_settings", lambda _plan, settings: settings.replace(size=64, iterations=6)
        )
    return small


@pytest.mark.long
def test_a_tiny_run_fills_every_key(
    tiny: BenchPlan, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "plot.png"
    assert main(["bench", "--quick", "--json", "--precision", "float32", "--plot", str(place)]) == 0
    streams = capsys.readouterr()
    found = json.loads(streams.out)
    check_shape(found)
    assert [each["megapixels"] for each in found["scaling"]["points"]] == [0.002, 0.006]
    assert found["schemes"]["g"]["size"] == [[8, 6, 980]]
    assert found["details"]["schemes"]["counts"]["c"] == 2
    assert "schemes g c: round 2/2" in streams.err
    assert found["details"]["speedup"]["size"] == [64, 51]
    assert found["details"]["speedup"]["literal"]["evaluations"] == 2
    assert set(found["details"]["time_to_quality"]["goal"]) == {
        *("texture_distance_by_class", "plausibility_distance", "coverage_distance"),
        "colour_distance_by_class",
    }
    assert found["first_picture"]["size"] == [64, 51]
    assert found["vote"]["size"] == [64, 48]
    assert sum(each["evaluations"] for each in found["details"]["overhead"]["scales"]) == 4
    assert place.is_file()
    for told in (
        "scaling: 0.006 megapixels",
        "overhead: a whole run",
        "schemes a b d e f h: round 1/1",
        "speedup: ",
        "time to quality: ",
        "first picture: preview 1/1",
        "vote: ",
    ):
        assert told in streams.err
