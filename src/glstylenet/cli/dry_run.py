"""Dry run: what ``stylize --dry-run`` prints, which is what a run would do and need."""

from glstylenet.cli.console import print_json, print_result
from glstylenet.cli.jobs import BatchPlan
from glstylenet.cli.outputs import OutputOptions, check_outputs
from glstylenet.cli.progress import describe_plan, duration
from glstylenet.machine import choose_device
from glstylenet.network import load_weights
from glstylenet.run import Started, estimate_seconds, measure_speed, plan_run
from glstylenet.settings import Settings

__all__ = ["print_dry_run"]


def print_dry_run(plan: BatchPlan, settings: Settings, options: OutputOptions, *, as_json: bool) -> int:
    """Check all jobs of ``plan`` as a run would; print sizes, tiles, memory and time of each; return 0."""
    check_outputs(plan, settings, options)
    device = choose_device(settings.device, settings.precision)
    speed = measure_speed(settings, device, load_weights(settings.weights))
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
        tables.append(_as_dict(str(job.output), started, seconds))
        if not as_json:
            lines = [f"{job.output}: about {duration(seconds)}", *describe_plan(started)]
            print_result("\n".join(lines))
    if as_json:
        print_json(tables[0] if not plan.is_batch else {"results": tables})
    return 0


def _as_dict(output: str, started: Started, seconds: float) -> dict[str, object]:
    """Return one job as a JSON object; sizes are [width, height]."""
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
                "tiles": plan.tiles,
                "memory_bytes": plan.needed_bytes,
            }
            for scale, plan in zip(started.scales, started.plans, strict=True)
        ],
    }
