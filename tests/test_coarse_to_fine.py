"""The loop over the scales: what happens where memory or a precision fails, and how plans follow memory."""

import importlib
import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from glstylenet.errors import MemoryLimitError, OptimizationError
from glstylenet.machine.device import Device
from glstylenet.machine.malloc import MemoryPool
from glstylenet.memory.estimate import HeldPictures, MemoryEstimate
from glstylenet.memory.plan import DEFAULT_SHARE, HISTORY, MemoryPlan, format_bytes, plan_memory
from glstylenet.network.vgg import VGG19
from glstylenet.network.weights import load_weights
from glstylenet.objective.objective import Objective
from glstylenet.objective.terms import Evaluation
from glstylenet.optim.lbfgs import Lbfgs
from glstylenet.optim.preconditioner import Preconditioner
from glstylenet.pictures import read
from glstylenet.pyramid.schemes import PAPER_SCHEMES
from glstylenet.pyramid.tiles import cut_into_tiles
from glstylenet.run.canvas import canvas_size
from glstylenet.run.events import Event, Finished, ScaleStarted, Started, Step
from glstylenet.run.final_losses import picture_losses
from glstylenet.run.inputs import Sources, SourceStyle, prepare_inputs, read_sources
from glstylenet.run.memory_budget import estimate_memory, plan_scale_memory
from glstylenet.run.rounds import Evaluated, optimise_in_rounds
from glstylenet.run.scales import Scale
from glstylenet.run.stylize import plan_run, stylize
from glstylenet.settings.model import Settings
from tests.long_cases import rest_is_long
from tests.told import warnings_of

# The modules themselves, to put scripted parts into.
assembly: Any = importlib.import_module("glstylenet.run.assembly")
coarse_to_fine: Any = importlib.import_module("glstylenet.run.coarse_to_fine")
memory_budget: Any = importlib.import_module("glstylenet.run.memory_budget")

Picture = NDArray[np.uint8]
MIB = 2**20
PLENTY = 2**49
CPU = Device(torch.device("cpu"), "float32")

# Long enough for two of the smallest tiles that a run out of memory falls back on.
HEIGHT, WIDTH = 304, 40


@pytest.fixture(scope="module")
def content() -> Picture:
    """A bright wedge before a gradient."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    picture = np.stack((rows / 2, 60 + 3 * columns, 200 - rows / 3), axis=2)
    picture[rows % 90 < 2 * columns] = (220, 190, 90)
    return picture.clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def style() -> Picture:
    """Slanted strokes of two colours."""
    rows, columns = np.mgrid[0:64, 0:72]
    return np.where(
        (np.sin((rows + 2 * columns) / 2.5) > 0)[..., None], (200, 120, 30), (40, 60, 150)
    ).astype(np.uint8)


def _settings(**changes: object) -> Settings:
    return Settings(
        **{"iterations": 6, "scales": 1, "precision": "float32", "device": "cpu", "init": "noise", **changes}
    )


class Machine:
    """A machine that runs out of memory at chosen evaluations, counted over all objectives of a run."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, *full_at: int, error: Exception | None = None
    ) -> None:
        self.calls = itertools.count(1)
        self.tile_sides: list[int | None] = []
        self.asked_at: list[Tensor] = []
        self.error = error or RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to ...")
        real = Objective.evaluate

        def evaluate(objective: Objective, pixels: Tensor, *, rematch: bool = False) -> Evaluation:
            number = next(self.calls)
            self.tile_sides.append(objective._tile_side)
            self.asked_at.append(pixels.clone())
            if number in full_at:
                raise self.error
            return real(objective, pixels, rematch=rematch)

        monkeypatch.setattr(Objective, "evaluate", evaluate)


@pytest.mark.long
def test_out_of_memory_in_the_middle_means_smaller_tiles(
    monkeypatch: pytest.MonkeyPatch, content: Picture, style: Picture
) -> None:
    machine = Machine(monkeypatch, 4)
    events: list[Event] = []
    result = stylize(content, style, settings=_settings(), on_event=events.append)
    # The fourth evaluation failed and was made up for, in two tiles.
    assert machine.tile_sides == [None] * 4 + [256] * 3
    assert len(cut_into_tiles(canvas_size((HEIGHT, WIDTH)), 256)) == 2
    assert result.evaluations == 6
    assert not result.interrupted
    assert isinstance(events[-1], Finished)
    warnings = warnings_of(events)
    assert warnings == ["the machine ran out of memory; this size goes on in tiles of 256 pixels (2 of them)"]
    # It went on from the best so far, and nothing was told twice.
    steps = [event for event in events if isinstance(event, Step)]
    assert [step.evaluation for step in steps] == [1, 2, 3, 4, 5, 6]
    before, after = steps[2], steps[3]
    assert after.terms.total == pytest.approx(min(step.terms.total for step in steps[:3]), rel=0.02)
    assert torch.equal(before.pixels, after.pixels)
    assert steps[-1].terms.total < before.terms.total


@pytest.mark.long
def test_what_goes_on_starts_at_the_best_pixels(
    monkeypatch: pytest.MonkeyPatch, content: Picture, style: Picture
) -> None:
    machine = Machine(monkeypatch, 4, error=torch.OutOfMemoryError("CUDA out of memory."))
    found: list[Tensor] = []

    def watched(*arguments: Any, **options: Any) -> Iterator[object]:
        for step in optimise_in_rounds(*arguments, **options):
            if isinstance(step, Evaluated):
                found.append(step.pixels)
            yield step

    monkeypatch.setattr(coarse_to_fine, "optimise_in_rounds", watched)
    stylize(content, style, settings=_settings())
    assert torch.equal(machine.asked_at[4], found[2])


@pytest.mark.long
@pytest.mark.parametrize(
    "error",
    rest_is_long(
        [
            torch.OutOfMemoryError("CUDA out of memory."),
            MemoryError(),
            RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
        ],
        short=1,
    ),
    ids=lambda error: type(error).__name__,
)
def test_the_second_time_ends_the_run(
    monkeypatch: pytest.MonkeyPatch, content: Picture, style: Picture, error: Exception
) -> None:
    machine = Machine(monkeypatch, 3, 5, error=error)
    events: list[Event] = []
    with pytest.raises(MemoryLimitError, match="--memory") as caught:
        stylize(content, style, settings=_settings(), on_event=events.append)
    assert caught.value.exit_code == 6
    assert caught.value.__cause__ is error
    assert machine.tile_sides == [None, None, None, 256, 256]
    assert len(warnings_of(events)) == 1


@pytest.mark.long
def test_every_size_has_its_own_second_chance(
    monkeypatch: pytest.MonkeyPatch, content: Picture, style: Picture
) -> None:
    """4 evaluations at half the size, where even the smallest tile is the whole, and 2 at full size."""
    machine = Machine(monkeypatch, 2, 7)
    tall = np.concatenate((content, content), axis=1)
    events: list[Event] = []
    result = stylize(tall, style, settings=_settings(scales=2), on_event=events.append)
    assert machine.tile_sides == [None, None, 256, 256, 256, None, None, 256]
    assert result.evaluations == 6
    started = [event.scale.size for event in events if isinstance(event, ScaleStarted)]
    assert started == [(152, 40), (304, 80)]


@pytest.mark.long
def test_any_other_error_is_nobody_s_memory(
    monkeypatch: pytest.MonkeyPatch, content: Picture, style: Picture
) -> None:
    Machine(monkeypatch, 2, error=RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        stylize(content, style, settings=_settings())


@pytest.mark.long
def test_a_run_in_tiles_is_the_run_in_one_piece(
    monkeypatch: pytest.MonkeyPatch, content: Picture, style: Picture
) -> None:
    """Two sizes, four evaluations each; rounding is all that sets them apart, and L-BFGS amplifies it."""
    tall = np.concatenate((content, content[:, ::-1]), axis=1)[:208]
    settings = _settings(iterations=8, scales=2, init="content")
    whole = stylize(tall, style, settings=settings)
    in_tiles: list[int] = []

    def planned(estimate: MemoryEstimate, allowed: int) -> MemoryPlan:
        plan = replace(plan_memory(estimate, allowed), tile_side=64)
        in_tiles.append(len(cut_into_tiles(estimate.size, 64)))
        return plan

    monkeypatch.setattr(memory_budget, "plan_memory", planned)
    tiled = stylize(tall, style, settings=settings)
    assert min(in_tiles) >= 2
    assert tiled.losses.as_dict() == pytest.approx(whole.losses.as_dict(), rel=1e-3)
    # A mean of a fiftieth of a level of 255, where the run itself moved them by twenty and more.
    assert float((tiled.pixels - whole.pixels).abs().mean()) < 0.02
    assert float((whole.pixels - torch.from_numpy(tall).permute(2, 0, 1)).abs().mean()) > 20


class Precisions:
    """The type of the network's numbers in each descent, some of which go wrong."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, broken: Any) -> None:
        self.used: list[torch.dtype] = []

        def rounds(objective: Objective, *rest: Any, **options: Any) -> Iterator[object]:
            dtype = objective._network.dtype
            self.used.append(dtype)
            steps = optimise_in_rounds(objective, *rest, **options)
            return broken(steps) if dtype == torch.bfloat16 else steps

        monkeypatch.setattr(coarse_to_fine, "optimise_in_rounds", rounds)


def _stuck(steps: Iterator[object]) -> Iterator[object]:
    """A round's matches and its first evaluation, then no way down."""
    return itertools.islice(steps, 2)


def _not_finite(steps: Iterator[object]) -> Iterator[object]:
    raise OptimizationError("the loss is nan")
    yield from steps


@pytest.mark.long
def test_a_stuck_bfloat16_run_goes_on_in_float32(
    monkeypatch: pytest.MonkeyPatch, content: Picture, style: Picture
) -> None:
    precisions = Precisions(monkeypatch, _stuck)
    events: list[Event] = []
    result = stylize(content, style, settings=_settings(precision="bfloat16"), on_event=events.append)
    assert precisions.used == [torch.bfloat16, torch.float32]
    assert result.evaluations == 6
    assert result.precision == "bfloat16"  # what the run began with, and a recipe must repeat
    [warning] = warnings_of(events)
    assert "float32" in warning


@pytest.mark.long
def test_memory_is_watched_between_tiles_only(
    monkeypatch: pytest.MonkeyPatch, content: Picture, style: Picture
) -> None:
    """A whole picture's blocks are needed again at once; tiles keep to their plan."""
    settings = _settings()
    inputs = prepare_inputs(
        read_sources(content, style, content_map=None, style_map=None, settings=settings), settings
    )
    network = VGG19(load_weights("embedded").tensors)
    scaled = inputs.scaled(inputs.size, 1.0, network.device)
    tiled = MemoryPlan(256, 2, 3, True, 5000, tile_bytes=1000)
    limits: list[tuple[int, int]] = []
    returned: list[int] = []
    pool = MemoryPool(lambda: 0, lambda: returned.append(1), growth=0.25)
    monkeypatch.setattr(assembly, "memory_pool", lambda _device: pool)
    monkeypatch.setattr(
        assembly, "trim_freed_memory", lambda _pool, allowed, needed: limits.append((allowed, needed))
    )
    watched = assembly.make_objective(network, settings, scaled, plan=tiled)
    assert len(returned) == 1  # before the first tile
    assert set(limits) == {(5000, 250)}  # before each tile of the content and the style
    limits.clear()
    watched.evaluate(scaled.content)
    assert set(limits) == {(5000, 250)}
    assert len(returned) == 2  # after the last tile of an evaluation
    limits.clear()
    assembly.make_objective(network, settings, scaled, plan=tiled, allowed=7000)
    assert set(limits) == {(7000, 250)}
    limits.clear()
    returned.clear()
    whole = assembly.make_objective(network, settings, scaled, plan=replace(tiled, tile_side=None))
    whole.evaluate(scaled.content)
    assert (limits, returned) == ([], [])


@pytest.mark.long
def test_what_goes_on_in_float32_is_planned_anew(
    monkeypatch: pytest.MonkeyPatch, content: Picture, style: Picture
) -> None:
    """Its features are twice as large, and its tiles must be smaller where that does not fit."""
    Precisions(monkeypatch, _stuck)
    asked: list[str] = []

    def plan(estimate: MemoryEstimate, allowed: int) -> MemoryPlan:
        asked.append(estimate.precision)
        if estimate.precision == "float32":
            raise MemoryLimitError("too much")
        return plan_memory(estimate, allowed)

    monkeypatch.setattr(memory_budget, "plan_memory", plan)
    monkeypatch.setattr(coarse_to_fine, "plan_memory", plan)
    sides: list[int | None] = []
    make = assembly.make_objective

    def noted(*arguments: Any, plan: MemoryPlan, **options: Any) -> Objective:
        sides.append(plan.tile_side)
        made: Objective = make(*arguments, plan=plan, **options)
        return made

    monkeypatch.setattr(coarse_to_fine, "make_objective", noted)
    stylize(content, style, settings=_settings(precision="bfloat16"))
    assert set(asked[:-1]) == {"bfloat16"}
    assert asked[-1] == "float32"
    assert sides == [None, 256]


@pytest.mark.long
def test_a_bfloat16_loss_that_is_not_finite_goes_on_in_float32(
    monkeypatch: pytest.MonkeyPatch, content: Picture, style: Picture
) -> None:
    precisions = Precisions(monkeypatch, _not_finite)
    settings = _settings(precision="bfloat16", init="content")
    before = picture_losses(content, content, style, settings=settings)
    result = stylize(content, style, settings=settings)
    assert precisions.used == [torch.bfloat16, torch.float32]
    assert result.evaluations == 6
    assert result.losses.total < before.total


@pytest.mark.long
def test_the_next_size_tries_bfloat16_again(
    monkeypatch: pytest.MonkeyPatch, content: Picture, style: Picture
) -> None:
    precisions = Precisions(monkeypatch, _stuck)
    tall = np.concatenate((content, content), axis=1)
    result = stylize(tall, style, settings=_settings(precision="bfloat16", scales=2))
    assert precisions.used == [torch.bfloat16, torch.float32] * 2
    assert result.evaluations == 6


def test_a_stuck_float32_run_ends_its_size(
    monkeypatch: pytest.MonkeyPatch, content: Picture, style: Picture
) -> None:
    def stuck(*arguments: Any, **options: Any) -> Iterator[object]:
        return _stuck(optimise_in_rounds(*arguments, **options))

    monkeypatch.setattr(coarse_to_fine, "optimise_in_rounds", stuck)
    events: list[Event] = []
    result = stylize(content, style, settings=_settings(), on_event=events.append)
    assert result.evaluations == 1
    assert warnings_of(events) == []


def test_a_start_that_is_not_finite_in_float32_is_an_error(
    monkeypatch: pytest.MonkeyPatch, content: Picture, style: Picture
) -> None:
    def not_finite(*arguments: Any, **options: Any) -> Iterator[object]:
        return _not_finite(optimise_in_rounds(*arguments, **options))

    monkeypatch.setattr(coarse_to_fine, "optimise_in_rounds", not_finite)
    with pytest.raises(OptimizationError, match="nan"):
        stylize(content, style, settings=_settings())


@pytest.fixture
def much_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Free on any machine, so that a setting is what limits a plan."""
    monkeypatch.setattr(memory_budget, "available_memory", lambda _device: PLENTY)


def _planned(shape: tuple[int, int], **changes: object) -> Started:
    """The plan for pictures of ``shape``; nothing is computed."""
    picture = np.zeros((*shape, 3), np.uint8)
    picture[: shape[0] // 2] = 255
    return plan_run(picture, picture[:200, :300], settings=_settings(**changes))


@pytest.mark.usefixtures("much_memory")
def test_plans_follow_the_memory_that_is_allowed() -> None:
    shape = (1024, 1536)
    plenty = _planned(shape)
    assert plenty.plans == (MemoryPlan(None, 1, HISTORY, False, plenty.memory_bytes),)
    little = _planned(shape, memory=plenty.memory_bytes // 2)
    assert little.memory_bytes <= plenty.memory_bytes // 2
    [plan] = little.plans
    assert plan.tile_side is not None
    assert plan.tiles == len(cut_into_tiles(canvas_size(shape), plan.tile_side)) > 1
    assert plan.half_history
    with pytest.raises(MemoryLimitError, match=r"1536 x 1024 .* 700 MiB; use --size \d"):
        _planned(shape, memory=700 * MIB)


def test_plans_follow_the_memory_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fair share of what is free, and never more than is free, whatever was asked for."""
    shape = (1024, 1536)
    monkeypatch.setattr(memory_budget, "available_memory", lambda _device: PLENTY)
    needed = _planned(shape).memory_bytes
    monkeypatch.setattr(memory_budget, "available_memory", lambda _device: int(needed / DEFAULT_SHARE) + 2)
    assert _planned(shape).plans[0].tiles == 1
    monkeypatch.setattr(memory_budget, "available_memory", lambda _device: needed)
    assert _planned(shape).plans[0].needed_bytes <= DEFAULT_SHARE * needed
    assert _planned(shape, memory=PLENTY).plans[0].tiles == 1
    monkeypatch.setattr(memory_budget, "available_memory", lambda _device: needed // 2)
    assert _planned(shape, memory=PLENTY).plans[0].needed_bytes <= needed // 2


@pytest.mark.usefixtures("much_memory")
def test_every_size_has_its_own_plan() -> None:
    """Half the size fits in one piece where the whole does not."""
    started = _planned((1024, 1536), memory=2000 * MIB, scales=2, iterations=20)
    assert [scale.size for scale in started.scales] == [(512, 768), (1024, 1536)]
    coarse, fine = started.plans
    assert coarse.tile_side is None
    assert fine.tile_side is not None
    assert started.memory_bytes == max(coarse.needed_bytes, fine.needed_bytes) <= 2000 * MIB


@pytest.mark.long
def test_the_plan_s_history_is_the_optimiser_s(
    monkeypatch: pytest.MonkeyPatch, content: Picture, style: Picture
) -> None:
    made: list[dict[str, object]] = []

    def lbfgs(**options: Any) -> Lbfgs:
        made.append(options)
        return Lbfgs(**options)

    def planned(estimate: MemoryEstimate, allowed: int) -> MemoryPlan:
        return replace(plan_memory(estimate, allowed), history=3, half_history=True)

    monkeypatch.setattr(assembly, "Lbfgs", lbfgs)
    monkeypatch.setattr(memory_budget, "plan_memory", planned)
    stylize(content, style, settings=_settings(iterations=2))
    (options,) = made
    form = options.pop("precondition")
    assert isinstance(form, Preconditioner)
    assert options.pop("update_preconditioner") == form.fit
    assert options == {"history": 3, "half_history": True, "initial_scale": assembly.INITIAL_SCALE}


def test_the_memory_of_a_scale_by_hand() -> None:
    """Half of 1000 x 800 with a style of 601 x 400: painted with a margin."""
    held_pictures = HeldPictures(123, pixel_bytes=12)
    estimate = estimate_memory(
        _settings(scheme="h"),
        CPU,
        size=(500, 400),
        factor=0.5,
        full_size=(1000, 800),
        full_style_sizes=[(601, 400)],
        classes=4,
        held_pictures=held_pictures,
    )
    assert estimate == MemoryEstimate(
        size=(516, 416),
        style_size=(300, 200),
        full_size=(1000, 800),
        full_style_size=(601, 400),
        precision="float32",
        scheme=PAPER_SCHEMES["h"],
        classes=4,
        held_pictures=held_pictures,
        copies_strokes=True,
    )
    assert canvas_size((500, 400)) == estimate.size


def _least(estimate: MemoryEstimate) -> int:
    """The bytes of the smallest plan there is, found by asking for ever less."""
    allowed = PLENTY
    while True:
        try:
            allowed = plan_memory(estimate, allowed).needed_bytes - 1
        except MemoryLimitError:
            return allowed + 1


@pytest.mark.long
def test_the_refusal_speaks_of_the_result_not_of_a_coarse_size() -> None:
    """Where no size fits, the coarse ones are refused as well, and nobody asked for those."""
    scales = [Scale(0.5, (2000, 3000), 10), Scale(1.0, (4000, 6000), 10)]
    pixels = torch.zeros(1, 1, 1, 1)
    pictures = {
        role: read.Picture(pixels.expand(1, 3, *size), None, role, None, "")
        for role, size in (("content", (4000, 6000)), ("style", (500, 500)))
    }
    sources = Sources(pictures, (4000, 6000), (SourceStyle("style", "style_map", (500, 500)),))
    with pytest.raises(MemoryLimitError) as caught:
        plan_scale_memory(scales, sources, _settings(), CPU, 900 * MIB)
    assert "a result of 6000 x 4000 pixels" in str(caught.value)
    [planned] = plan_scale_memory(scales[1:], sources, _settings(), CPU, PLENTY)
    least = _least(planned.estimate)
    assert f"needs at least {format_bytes(least)}" in str(caught.value)
