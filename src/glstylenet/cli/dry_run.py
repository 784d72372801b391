"""Rehearsal: ``stylize --dry-run`` tells what a run would do and need, and computes none of it."""

from glstylenet.cli.console import print_json, print_result
from glstylenet.cli.jobs import BatchPlan
from glstylenet.cli.painting import Keeping, check_plan
from glstylenet.cli.progress import describe_plan, duration
from glstylenet.machine import choose_device
from glstylenet.network import load_weights
from glstylenet.run import Started, estimate_seconds, measure_speed, plan_run
from glstylenet.settings import Settings

__all__ = ["rehearse"]


def rehearse(plan: BatchPlan, settings: Settings, keeping: Keeping, *, as_json: bool) -> int:
    """Check all jobs of ``plan`` as a run would, and print for each its sizes, tiles, memory and time."""
    check_plan(plan, settings, keeping)
    place = choose_device(settings.device, settings.precision)
    speed = measure_speed(settings, place, load_weights(settings.weights))
    tables = []
    for job in plan.jobs:
        started = plan_run(
            job.content,
            job.style,
            content_map=job.map_of_content(),
            style_map=job.style_map,
            settings=settings,
        )
        seconds = estimate_seconds(started, settings, speed)
        tables.append(_table(str(job.output), started, seconds))
        if not as_json:
            lines = [f"{job.output}: about {duration(seconds)}", *describe_plan(started)]
            print_result("\n".join(lines))
    if as_json:
        print_json(tables[0] if not plan.is_batch else {"results": tables})
    return 0


def _table(output: str, started: Started, seconds: float) -> dict[str, object]:
    """One job as a JSON object; sizes are [width, height]."""
    return {
        "output": output,
        "seconds": round(seconds, 1),
        "memory_bytes": started.memory_bytes,
        "device": started.device,
        "precision": started.precision,
        "scales": [
            {
                "size": [scale.size[1], scale.size[0]],
                "evaluations": scale.evaluations,
                "tiles": stage.tiles,
                "memory_bytes": stage.needed_bytes,
            }
            for scale, stage in zip(started.scales, started.plans, strict=True)
        ],
    }
