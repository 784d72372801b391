"""Report: all measurements of one run of the benchmark, and their JSON."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from glstylenet.bench.busy_machine import BusyMachine, measure_busy_machine
from glstylenet.bench.environment import Environment, describe_environment
from glstylenet.bench.first_picture import measure_first_picture
from glstylenet.bench.literal_run import literal_run
from glstylenet.bench.overhead import Overhead, measure_overhead
from glstylenet.bench.pair import Pair
from glstylenet.bench.plan import BenchPlan
from glstylenet.bench.quality import TimeToQuality, measure_time_to_quality
from glstylenet.bench.recorded_run import recorded_run
from glstylenet.bench.scaling import Scaling, measure_scaling
from glstylenet.bench.schemes import PAPER_SECONDS, Schemes, measure_schemes
from glstylenet.bench.speedup import Speedup, measure_speedup
from glstylenet.bench.timing import RelativeTime
from glstylenet.bench.vote import measure_vote
from glstylenet.settings import Settings

__all__ = ["Report", "Subjects", "measure", "speedup_settings"]


@dataclass(frozen=True)
class Subjects:
    """`Subjects` holds the pictures: ``samples`` for overhead and first picture, ``pair`` for the others."""

    samples: Pair
    pair: Pair


@dataclass(frozen=True)
class Report:
    """`Report` holds what was measured in the mode ``mode``; ``None`` for what was not."""

    mode: str
    environment: Environment
    overhead: Overhead | None = None
    speedup: Speedup | None = None
    time_to_quality: TimeToQuality | None = None
    first_picture: RelativeTime | None = None
    vote: RelativeTime | None = None
    schemes: Schemes | None = None
    scaling: Scaling | None = None
    busy_machine: BusyMachine | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON object.

        ``overhead``, ``speedup``, ``time_to_quality`` and ``busy_machine`` are plain numbers; ``details`` has
        the measurements behind them.
        """
        overhead, speedup, schemes, scaling = self.overhead, self.speedup, self.schemes, self.scaling
        quality, first_picture, vote = self.time_to_quality, self.first_picture, self.vote
        busy = self.busy_machine
        return {
            "mode": self.mode,
            "environment": dataclasses.asdict(self.environment),
            "overhead": None if overhead is None else overhead.ratio,
            "speedup": None if speedup is None else speedup.ratio,
            "time_to_quality": None if quality is None else quality.ratio,
            "first_picture": None if first_picture is None else _relative_time(first_picture),
            "vote": None if vote is None else _relative_time(vote),
            "schemes": None if schemes is None else _schemes(schemes),
            "scaling": None if scaling is None else _scaling(scaling),
            "busy_machine": None if busy is None else busy.ratio,
            "parts": None if overhead is None else overhead.shares,
            "details": {
                "overhead": None if overhead is None else _overhead_details(overhead),
                "speedup": None if speedup is None else _speedup_details(speedup),
                "time_to_quality": None if quality is None else _quality_details(quality),
                "schemes": None if schemes is None else _scheme_details(schemes),
                "busy_machine": None if busy is None else dataclasses.asdict(busy),
            },
        }


def speedup_settings(plan: BenchPlan, settings: Settings) -> Settings:
    """Return the settings of the pair: the size of ``settings`` overrides the plan's."""
    return settings if settings.size is not None else settings.replace(size=plan.pair_size)


def measure(plan: BenchPlan, subjects: Subjects, settings: Settings, emit: Callable[[str], None]) -> Report:
    """Measure everything that ``plan`` names; ``emit`` is called with a sentence at every step.

    ``settings``: the machine (device, precision, the network's weights) for all figures; loss weights,
    classes and size for speedup and time to quality alone, because the other figures are those of the
    defaults.
    """
    machine = Settings(device=settings.device, precision=settings.precision, weights=settings.weights)
    environment = describe_environment(machine)  # first, because it fails without the device
    # Before the others, while this process is small: its subprocesses need the memory.
    scaling = measure_scaling(plan.points, machine, memory=plan.point_memory, emit=emit)
    overhead = measure_overhead(
        subjects.samples,
        machine.replace(size=plan.size, iterations=plan.iterations),
        repeats=plan.repeats,
        emit=emit,
    )
    schemes = measure_schemes(
        plan.scheme_size,
        machine,
        rounds=plan.rounds,
        seconds_limit=plan.seconds_limit,
        pairs=plan.scheme_pairs,
        emit=emit,
    )
    first_picture = measure_first_picture(
        subjects.samples,
        machine.replace(size=plan.preview_size),
        runs=plan.previews,
        repeats=plan.repeats,
        emit=emit,
    )
    vote = measure_vote(plan.scheme_size, machine, votes=plan.votes, repeats=plan.repeats, emit=emit)
    pair, chosen = subjects.pair, speedup_settings(plan, settings)
    literal, pixels = literal_run(pair, chosen, evaluations=plan.literal_evaluations, emit=emit)
    run = recorded_run(pair, chosen, emit=emit)
    speedup = measure_speedup(pair, chosen, literal=literal, run=run, emit=emit)
    quality = measure_time_to_quality(
        pair, chosen, literal=literal, literal_pixels=pixels, run=run, emit=emit
    )
    busy = measure_busy_machine(plan.busy_size, machine, pairs=plan.busy_pairs, emit=emit)
    return Report(
        mode=plan.name,
        environment=environment,
        overhead=overhead,
        speedup=speedup,
        time_to_quality=quality,
        first_picture=first_picture,
        vote=vote,
        schemes=schemes,
        scaling=scaling,
        busy_machine=busy,
    )


def _relative_time(measured: RelativeTime) -> dict[str, Any]:
    return {**dataclasses.asdict(measured), "evaluations": measured.evaluations}


def _schemes(schemes: Schemes) -> dict[str, Any]:
    return {
        name: {
            "size": [list(shape) for shape in cost.shapes],
            "pixels": cost.pixels,
            "seconds": cost.seconds,
            "vs_h": schemes.ratio(name, "h"),
            "paper_seconds": PAPER_SECONDS[name],
        }
        for name, cost in schemes.costs.items()
    }


def _scaling(scaling: Scaling) -> dict[str, Any]:
    return {
        "exponent": scaling.exponent,
        "points": [dataclasses.asdict(point) for point in scaling.points],
    }


def _overhead_details(overhead: Overhead) -> dict[str, Any]:
    return {
        "precision": overhead.precision,
        "seconds": overhead.seconds,
        "scales": [{**dataclasses.asdict(scale), "overhead": scale.ratio} for scale in overhead.scales],
        "warnings": list(overhead.warnings),
    }


def _speedup_details(speedup: Speedup) -> dict[str, Any]:
    return {
        "size": speedup.size,
        "literal": dataclasses.asdict(speedup.literal),
        "attempts": [dataclasses.asdict(attempt) for attempt in speedup.attempts],
        "note": speedup.note,
    }


def _quality_details(quality: TimeToQuality) -> dict[str, Any]:
    return {**dataclasses.asdict(quality), "note": quality.note}


def _scheme_details(schemes: Schemes) -> dict[str, Any]:
    return {
        "size": schemes.size,
        "precision": schemes.precision,
        "counts": {name: cost.count for name, cost in schemes.costs.items()},
        "g_vs_h": schemes.ratio("g", "h"),
        "g_vs_c": schemes.g_vs_c,
    }
